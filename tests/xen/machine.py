"""What a boot of the real hypervisor needs, made of Debian's arm64 packages, and QEMU's board.

    python -m tests.xen.machine

prepares Xen 4.17 (Debian bookworm) and 4.20 (trixie) and prints what is ready. The packages come
through this system's own apt, nothing is installed (tests/debian.py); what is made of them is kept
below ``$XENASSIGN_CACHE/xen``.

A hypervisor built by hand is one more release, on the route dom0less only: its path stands in the
environment as ``XENASSIGN_XEN_4_22``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from xenassign.xen.releases import KCONFIG

from ..debian import KERNEL, Facts, FetchError, cache_directory, contents, download, facts, kept
from . import initramfs

COMMAND = "python -m tests.xen.machine"
QEMU = "qemu-system-aarch64"

#: Xen's release in each suite of Debian.
RELEASES = {"bookworm": "4.17", "trixie": "4.20"}

#: The Kconfig option of ``Release.dt_overlay``, off by default. xen/arch/arm/Kconfig.
DT_OVERLAY_OPTION = "OVERLAY_DTB"
#: That of the driver ``smmu-v3``, off by default. xen/drivers/passthrough/Kconfig.
SMMU_V3_OPTION = "ARM_SMMU_V3"

_GZIP = b"\x1f\x8b\x08"  # RFC 1952: ID1, ID2, CM

#: A release of Xen that was built by hand: the name of a variable in the environment.
_OWN = re.compile(r"XENASSIGN_XEN_(\d+)_(\d+)")

#: The Xen of a vendor that was built by hand: the word of --xen-flavour, and the release.
_OF_VENDOR = re.compile(r"XENASSIGN_XEN_([A-Z]+)_(\d+)_(\d+)")

#: QEMU's board; who boots says how many processors and how much memory it has. A network card
#: would want a ROM from a package of its own.
BOARD = ("-machine", "virt,gic-version=3,virtualization=on", "-cpu", "cortex-a57", "-nic", "none")

_PACKAGES = (
    "xen-hypervisor-{0}-arm64 xen-utils-{0} libxenmisc{0} libxencall1 libxendevicemodel1"
    " libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1"
    " libxentoollog1 libyajl2 libfdt1 libuuid1 zlib1g libgcc-s1 libc6 busybox-static"
)
_TOOLS = ("xl", "xenstored", "xenconsoled", "xen-init-dom0")
_DOM0_MODULES = ("xenfs", "xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc")
_GUEST_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "virtio-rng", "qemu_fw_cfg")

#: Made anew when this changes: raise it when what is made of the packages changes.
_MADE = 1


class UnavailableError(Exception):
    """Xen can't be booted here. One line that says why, and the command that mends it."""


@dataclass(frozen=True)
class Machine:
    """One release of Xen with all that its boots need; the files are read, never written."""

    suite: str
    release: str  #: Xen's, as ``xenassign --xen`` takes it
    directory: Path
    built: Path | None = None  #: the hypervisor, if it is not Debian's; then there is no xl

    @property
    def xen(self) -> Path:
        """The hypervisor."""
        return self.built or self.directory / "xen"

    @property
    def options(self) -> frozenset[str]:
        """What the hypervisor was built with, of the options that matter; Debian's has none."""
        return kconfig(self.built) if self.built else frozenset()

    @property
    def linux(self) -> Path:
        """Linux for dom0 and for guests: a raw arm64 Image."""
        return self.directory / "Image"

    @property
    def guest(self) -> Path:
        """A guest's initramfs but for /init: busybox, and modules for ``modprobe``."""
        return self.directory / "guest.cpio"

    @property
    def dom0(self) -> Path:
        """dom0's initramfs but for /init: busybox, Xen's tools, /modules in the order to load."""
        return self.directory / "dom0.cpio"


def built() -> dict[str, Path]:
    """The hypervisors that were built by hand, by release."""
    found = ((_OWN.fullmatch(name), path) for name, path in sorted(os.environ.items()))
    return {f"{name[1]}.{name[2]}": Path(path) for name, path in found if name and path}


def of_vendors() -> dict[str, tuple[str, str, Path]]:
    """The hypervisors of vendors that were built by hand: flavour, release and file, by name.

    A name is release and flavour (4.17-amd). They are none of :func:`built`: the suites foretell
    what upstream Xen says.
    """
    found = ((_OF_VENDOR.fullmatch(name), path) for name, path in sorted(os.environ.items()))
    return {
        f"{name[2]}.{name[3]}-{name[1].lower()}": (
            name[1].lower(),
            f"{name[2]}.{name[3]}",
            Path(path),
        )
        for name, path in found
        if name and path
    }


@cache
def configuration(xen: Path) -> tuple[str, ...]:
    """The lines of the Kconfig file that a hypervisor was built with; none if it is not in it.

    It is there compressed (xen/common/config_data.S).
    """
    data = xen.read_bytes()
    at = data.find(_GZIP)
    while at >= 0:
        try:
            text = zlib.decompressobj(wbits=31).decompress(data[at:])
        except zlib.error:
            text = b""
        if b"CONFIG_ARM=y" in text:
            return tuple(text.decode().splitlines())
        at = data.find(_GZIP, at + 1)
    return ()


def kconfig(xen: Path) -> frozenset[str]:
    """The options of ``xenassign lint --kconfig``, overlays and SMMUv3, that a hypervisor has."""
    known = (*KCONFIG, DT_OVERLAY_OPTION, SMMU_V3_OPTION)
    return frozenset(o for o in known if f"CONFIG_{o}=y" in configuration(xen))


def point_release(xen: Path) -> str:
    """The release of a hypervisor, as its configuration says: 4.20.4. Raises UnavailableError."""
    found = re.search(r"^# Xen/arm (\S+) Configuration$", "\n".join(configuration(xen)), re.M)
    if found is None:
        raise UnavailableError(f"{xen} is not a Xen for Arm with its configuration in it")
    return found[1]


def machine(suite: str) -> Machine:
    """The machine of a suite, prepared when it is not yet. Raises UnavailableError.

    For the release of :func:`built` it is that hypervisor with the kernel of the newest suite.
    """
    if suite in of_vendors():
        _, release, path = of_vendors()[suite]
        if not path.is_file():
            raise UnavailableError(f"no Xen {suite}: {path} is no file")
        return replace(machine(list(RELEASES)[-1]), release=release, built=path)
    if suite in built():
        path = built()[suite]
        if not path.is_file():
            raise UnavailableError(f"no Xen {suite}: {path} is no file")
        if not point_release(path).startswith(f"{suite}."):
            raise UnavailableError(f"{path} is Xen {point_release(path)}, not {suite}")
        return replace(machine(list(RELEASES)[-1]), release=suite, built=path)
    needed("dtc", "device-tree-compiler")
    needed(QEMU, "qemu-system-arm")
    directory = cache_directory() / "xen" / suite
    release = RELEASES[suite]
    try:
        kept(directory, lambda fresh, work: _fill(suite, fresh, work), _is_whole)
    except FetchError as error:
        raise UnavailableError(f"no Xen {release}: {error}. Prepare it with: {COMMAND}") from None
    return Machine(suite, release, directory)


@cache
def board() -> bytes:
    """The device tree of QEMU's board, with two processors, as QEMU itself makes it.

    Its /memory is nothing to go by: QEMU writes it anew in every tree that it boots with.
    """
    needed(QEMU, "qemu-system-arm")
    with tempfile.TemporaryDirectory(prefix="xenassign-") as work:
        blob = Path(work) / "board.dtb"
        arguments = list(BOARD)
        arguments[1] += f",dumpdtb={str(blob).replace(',', ',,')}"
        subprocess.run([QEMU, *arguments, "-smp", "2"], check=True, capture_output=True)
        return blob.read_bytes()


def uboot(suite: str) -> Path:
    """Debian's U-Boot for QEMU's board. Raises UnavailableError."""
    return _firmware(suite, "u-boot", "u-boot-qemu", "usr/lib/u-boot/qemu_arm64/u-boot.bin")


def edk2(suite: str) -> Path:
    """Debian's EDK2, a firmware with UEFI, for QEMU's board. Raises UnavailableError."""
    file = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
    return _firmware(suite, "edk2", "qemu-efi-aarch64", file)


def _firmware(suite: str, name: str, package: str, file: str) -> Path:
    wanted = PurePosixPath(file)

    def fill(fresh: Path, work: Path) -> Facts:
        (deb,) = download(suite, [package], work)
        content = next(content for path, content in contents(deb) if path == wanted)
        (fresh / wanted.name).write_bytes(_bytes(content))
        return {"package": deb.name}

    try:
        return kept(cache_directory() / name / suite, fill) / wanted.name
    except FetchError as error:
        raise UnavailableError(f"no {name}: {error}. Prepare it with: {COMMAND}") from None


def needed(program: str, package: str) -> None:
    """Raises UnavailableError when a program is not here."""
    if shutil.which(program) is None:
        raise UnavailableError(f"{program} is missing: apt-get install {package}")


def _is_whole(directory: Path, noted: Facts) -> bool:
    return noted.get("made") == _MADE


# ---------------------------------------------------------------------------- out of the packages


def _fill(suite: str, fresh: Path, work: Path) -> Facts:
    release = RELEASES[suite]
    debs = download(suite, [*_PACKAGES.format(release).split(), KERNEL], work)
    files = {str(path): content for deb in debs for path, content in contents(deb)}
    (kernel,) = (n for n in files if n.startswith("boot/vmlinuz-"))
    (fresh / "Image").write_bytes(arm64_image(files[kernel]))
    (fresh / "xen").write_bytes(_bytes(files[f"boot/xen-{release}-arm64"]))
    version = kernel.partition("-")[2]
    found = {
        PurePosixPath(name).name: content
        for name, content in files.items()
        if f"lib/modules/{version}/kernel/" in name and isinstance(content, bytes)
    }
    busybox = {"bin/busybox": next(c for n, c in files.items() if n.endswith("bin/busybox"))}
    guest = initramfs.archive({**busybox, **_guest_modules(version, found)})
    (fresh / "guest.cpio").write_bytes(guest)
    dom0 = initramfs.archive({**busybox, **_dom0_modules(found), **_tools(release, files)})
    (fresh / "dom0.cpio").write_bytes(dom0)
    packages = [deb.name.removesuffix("_arm64.deb").replace("%3a", ":") for deb in debs]
    return {"made": _MADE, "packages": packages}


def arm64_image(content: bytes | str) -> bytes:
    content = _bytes(content)
    if content[56:60] != b"ARM\x64":  # Linux, Documentation/arch/arm64/booting.rst
        raise FetchError("the kernel is not an arm64 Image")
    return content


def _bytes(content: bytes | str) -> bytes:
    assert isinstance(content, bytes)
    return content


def _guest_modules(version: str, found: dict[str, bytes]) -> dict[str, bytes]:
    """The modules where busybox's modprobe looks for them."""
    files, needs = initramfs.modules(found, _GUEST_MODULES)
    lines = [f"{name}: {' '.join(above)}\n" for name, above in needs.items()]
    place = f"lib/modules/{version}"
    placed = {f"{place}/{name}": content for name, content in files.items()}
    return {**placed, f"{place}/modules.dep": "".join(lines).encode()}


def _dom0_modules(found: dict[str, bytes]) -> dict[str, bytes]:
    """The modules as /modules/NN-NAME.ko, in the order to load."""
    files, _ = initramfs.modules(found, _DOM0_MODULES)
    return {f"modules/{i:02}-{name}": c for i, (name, c) in enumerate(files.items())}


def _tools(release: str, files: initramfs.Files) -> dict[str, bytes | str]:
    """xl and what else dom0 runs, with the libraries of all packages."""
    place = f"usr/lib/xen-{release}/bin"
    tools = {f"{place}/{name}": files[f"{place}/{name}"] for name in _TOOLS}
    libraries = "lib/aarch64-linux-gnu"
    for name, content in files.items():
        path = PurePosixPath(name)
        if str(path.parent) in (libraries, f"usr/{libraries}") and ".so" in path.name:
            tools[f"{libraries}/{path.name}"] = content
    tools["lib/ld-linux-aarch64.so.1"] = "aarch64-linux-gnu/ld-linux-aarch64.so.1"
    return tools


def main() -> int:
    """The command."""
    try:
        for suite in RELEASES:
            found = machine(suite)
            packages = (facts(found.directory) or {}).get("packages")
            print(f"{found.directory}: Xen {found.release}", flush=True)
            print("  " + " ".join(packages if isinstance(packages, list) else []))
            print(uboot(suite), edk2(suite), sep="\n")
        print(f"QEMU's board: {len(board())} bytes")
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
