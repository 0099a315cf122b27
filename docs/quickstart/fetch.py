"""Fetches what the quick start boots: Xen and Linux of Debian 13, and a guest's ramdisk.

The packages come through this system's own apt into a scratch directory; nothing is installed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.debian import CLOUD_KERNEL, FetchError, contents, download
from tests.xen import initramfs

SUITE = "trixie"
PACKAGES = ("xen-hypervisor-4.20-arm64", CLOUD_KERNEL, "busybox-static")
#: What is wanted of them.
XEN, LINUX, BUSYBOX = r"boot/xen-[\d.]+-arm64", r"boot/vmlinuz-.*", r"(usr/)?bin/busybox"

#: What the guest does: it says the time of its clock, and ends.
INIT = b"""#!/bin/busybox sh
/bin/busybox mkdir -p /sys
/bin/busybox mount -t sysfs none /sys
cd /sys/class/rtc/rtc0 || echo "The guest has no clock."
[ ! -e name ] || echo "The guest's clock ($(/bin/busybox cat name)):" \\
    "$(/bin/busybox cat date) $(/bin/busybox cat time)"
/bin/busybox poweroff -f
"""


def fetch(out: Path) -> None:
    """Makes xen, Image and initrd in a directory."""
    with tempfile.TemporaryDirectory(prefix="xenassign-") as name:
        files = [one for deb in download(SUITE, PACKAGES, Path(name)) for one in contents(deb)]
    xen, linux, busybox = (
        next(c for path, c in files if isinstance(c, bytes) and re.fullmatch(wanted, str(path)))
        for wanted in (XEN, LINUX, BUSYBOX)
    )
    ramdisk = initramfs.archive({"bin/busybox": busybox, "init": INIT})
    out.mkdir(parents=True, exist_ok=True)
    for file, content in (("xen", xen), ("Image", linux), ("initrd", ramdisk)):
        (out / file).write_bytes(content)
        print(f"{out / file}: {len(content)} bytes")


if __name__ == "__main__":
    try:
        fetch(Path(sys.argv[1]))
    except FetchError as error:
        sys.exit(f"error: {error}")
