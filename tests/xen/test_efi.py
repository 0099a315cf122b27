"""Real UEFI firmware starts Xen's EFI image with the files that ``generate --efi`` writes.

Debian's EDK2 of both suites reads them from a FAT drive: 4.17 by the shell's startup.nsh as
xen.efi, 4.20 as EFI/BOOT/BOOTAA64.EFI, for which Xen reads BOOTAA64.cfg. QEMU's own tree reaches
Xen through the firmware and lacks everything that xen.dtb has. dom0 sees the PL031 disabled, and
the guest reads its time.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli

from ..missing import skip_or_fail
from . import initramfs
from .boot import LINUX_ARGUMENTS, XEN_ARGUMENTS, Domain, bootargs, guest_files
from .machine import Machine, UnavailableError, board, edk2
from .mutants.blob import Blob
from .qemu import Setup, booting

#: One domain's console may cut a line of the other's: an answer is a whole one, and comes again.
GUEST = """
while true; do
    echo "<time $(cat /sys/class/rtc/rtc0/since_epoch)>"
    echo "<line $(grep -o "last=.*" /proc/cmdline)>"
    sleep 3
done
"""
DOM0 = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys
mount -t proc none /proc
mount -t sysfs none /sys
while true; do
    echo "<status $(cat /proc/device-tree/pl031@9010000/status)>"
    echo "<dom0-line $(grep -o "last=.*" /proc/cmdline)>"
    sleep 3
done
"""
ANSWER = re.compile(r"<(time|line|status|dom0-line) ([^<>(]*)>")
#: In the tree a # and quotes are data, in xen.cfg they would not be.
LAST = "last='a #b; c'"
#: With ACPI EDK2 hides QEMU's own tree, and QEMU leaves out the PL061 that the tree has.
NO_ACPI = Setup(arguments=("-machine", "acpi=off"))


@pytest.fixture(name="firmware")
def _firmware(machine: Machine) -> Path:
    """EDK2 of the machine's suite."""
    try:
        return edk2(machine.suite)
    except UnavailableError as error:
        skip_or_fail(str(error))


def test_dom0_and_a_guest(machine: Machine, firmware: Path, tmp_path: Path) -> None:
    """One boot, in which a kernel is loaded once for both, and a ramdisk from a folder."""
    out, disk = tmp_path / "out", tmp_path / "disk"
    generate(tmp_path / "board.dtb", out)
    beside = disk if machine.release == "4.17" else disk / "EFI" / "BOOT"
    name = "xen" if beside == disk else "BOOTAA64"
    (beside / "guest files").mkdir(parents=True)
    init = initramfs.archive({"init": DOM0.encode()})
    (beside / "dom0.img").write_bytes(machine.guest.read_bytes() + init)
    (beside / "guest files" / "initrd").write_bytes(machine.guest.read_bytes() + guest_files(GUEST))
    for file in (out / "xen.dtb", out / "domu1.dtb", machine.linux):
        shutil.copy(file, beside / file.name)
    shutil.copy(machine.xen, beside / f"{name}.efi")
    shutil.copy(out / "xen.cfg", beside / f"{name}.cfg")
    (disk / "startup.nsh").write_text("xen.efi\r\n")
    answers: dict[str, str] = {}
    with booting(firmware, disk, [], 1, NO_ACPI, 300) as console:
        for line in console:
            answers.update(ANSWER.findall(line))
            if len(answers) == 4:
                break
    assert abs(int(answers.pop("time")) - time.time()) < 600
    assert answers == {"status": "disabled", "line": LAST, "dom0-line": LAST}


def generate(board_file: Path, out: Path) -> None:
    """Runs the command for dom0 and a guest with the PL031."""
    board_file.write_bytes(Blob.read(board()).write())
    lines = {
        "--extra": f"{bootargs(Domain())} {LAST}",
        "--xen-bootargs": f"{XEN_ARGUMENTS} dom0_mem=192M",
        "--dom0-bootargs": f"console=hvc0 loglevel=4 {LINUX_ARGUMENTS} {LAST}",
    }
    arguments = ["generate", str(board_file), "--efi", "-o", str(out), "-d", "/pl031@9010000"]
    arguments += ["--memory", "192", "--vcpus", "1", *(w for pair in lines.items() for w in pair)]
    for load in ("dom0-kernel=Image", "kernel=0x0:Image", "dom0-ramdisk=dom0.img"):
        arguments += ["--load", load]
    arguments += ["--load", "ramdisk=guest files/initrd"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
