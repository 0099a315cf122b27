"""Whether the real Xen takes a partial device tree without a dom0, and what its guest then says.

:func:`boot_dom0less` boots once, :func:`verdicts` many times, two side by side. For a verdict alone
the guest has a stand-in for a kernel and the boot ends as soon as Xen has built the domain, a
fraction of a second after the start. With a script the guest is Linux.

Xen's answer is never guessed: without a clear one there is a :class:`BootError`.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from . import initramfs
from .hosttree import with_chosen
from .machine import Machine, board
from .messages import ABOUT_GUEST, LOADED, LOADING, PANIC, REFUSED, ROUTINE, RUNNING, VERSION
from .qemu import PLAIN, BootError, Console, Load, Setup, running
from .telling import TELL, told

__all__ = [
    "BootError",
    "Domain",
    "Load",
    "Outcome",
    "Setup",
    "System",
    "boot_dom0less",
    "boot_system",
    "system",
    "verdicts",
]

#: Where modules begin: QEMU puts Xen and the host's device tree (of 2 MiB at most) below.
MODULES_AT = 0x49000000
_ALIGNMENT = 0x200000

#: Words of the boot arguments that all boots have. Scrubbing free memory takes time.
XEN_ARGUMENTS = "console=dtuart bootscrub=0 noreboot loglvl=all guest_loglvl=all"

#: Words of Linux' boot arguments that all boots have. Protection against attacks takes time.
LINUX_ARGUMENTS = "rdinit=/init panic=1 nokaslr kpti=off mitigations=off rodata=off init_on_alloc=0"

#: A guest with more vCPUs, which has to share, is for its verdict only.
_PROCESSORS = 4

#: Stands for Xen's answer where it runs and has built no domain, without a word about it.
NONE_BUILT = "(no domain is built)"

#: The guest's init prints these before and after the script.
UP, DONE = "GUEST-UP", "GUEST-DONE"
CRASHED = "Kernel panic - not syncing"
_INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /out
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox --install -s /bin
export PATH=/bin
{TELL}
echo {UP}
sh /script 2>&1
cd /
[ -z "$(ls /out)" ] || tell
echo {DONE}
poweroff -f
"""


@dataclass(frozen=True)
class Domain:
    """The guest of a dom0less boot."""

    memory: int = 256  #: MiB
    vcpus: int = 1
    vpl011: bool = True  #: without it the guest has no console
    uart: int = 0x22000000  #: where the vPL011 is
    nr_spis: int | None = None
    more: str = ""  #: source text for its node in /chosen
    edits: tuple[tuple[str, str], ...] = ()  #: (old, new) text of its node in /chosen
    linux: bool = False  #: Linux instead of the stand-in even when there is no script
    beside_dom0: bool = False  #: with a dom0, whose kernel is the stand-in


@dataclass(frozen=True)
class Outcome:
    """What came of one boot, or of one ``xl create``."""

    verdict: Literal["accepted", "rejected"]
    message: str  #: the first line that says why, without Xen's prefix; empty when accepted
    xen: str  #: the running hypervisor's version
    log: list[str] = field(repr=False)  #: all lines of the console
    guest: list[str]  #: what the guest's script printed; Xen's own lines may be among them
    files: dict[str, bytes] = field(repr=False)  #: what the guest's script left in /out, by name
    seconds: float  #: from the start to the end

    @property
    def accepted(self) -> bool:
        """Whether Xen built the domain."""
        return self.verdict == "accepted"


Case = tuple[bytes, bytes | None, Domain]


def verdicts(machine: Machine, cases: Iterable[Case], setup: Setup = PLAIN) -> list[Outcome]:
    """The outcomes of (partial, host, domain), in their order."""

    def boot(case: Case) -> Outcome:
        partial, host, domain = case
        return boot_dom0less(machine, partial, host, domain, setup=setup)

    with side_by_side() as pool:
        return list(pool.map(boot, cases))


def side_by_side() -> ThreadPoolExecutor:
    """For as many boots at once as this process has processors, if pytest-xdist shares them out."""
    sharing = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // sharing))


class System(NamedTuple):
    """What Xen boots with: the host's tree with the domain in it, and what lies in memory."""

    tree: bytes
    loads: list[Load]
    processors: int

    def content(self, address: int | None, size: int | None) -> bytes:
        """What is in memory at an address: of a load, and zeros behind it, up to 4 MiB."""
        length = min(size or 0, 4 << 20)
        for load in self.loads:
            at = (address or 0) - load.address
            if isinstance(load.content, bytes) and 0 <= at < len(load.content):
                return load.content[at : at + length].ljust(length, b"\0")
        return bytes(length)


def boot_dom0less(
    machine: Machine,
    partial: bytes,
    host: bytes | None = None,
    domain: Domain = Domain(),
    script: str | None = None,
    seconds: float = 60,
    setup: Setup = PLAIN,
) -> Outcome:
    """Boots Xen and one guest, domU1, with a partial device tree. Raises BootError.

    ``partial`` reaches Xen as it is, whatever it is. ``host`` is the board's blob, QEMU's own when
    None; its /chosen is replaced. ``script`` is for the guest's busybox sh, run as root with /proc,
    /sys and /dev; a rejected domain does not run it. What it prints and what it leaves in /out is
    in the outcome.
    """
    if script is not None and not domain.vpl011:
        raise ValueError("a guest without vpl011 has no console to print to")
    made = system(machine, partial, host, domain, script, setup)
    return boot_system(machine, made, script is not None, seconds, setup)


def system(
    machine: Machine,
    partial: bytes,
    host: bytes | None = None,
    domain: Domain = Domain(),
    script: str | None = None,
    setup: Setup = PLAIN,
) -> System:
    """What :func:`boot_dom0less` boots."""
    real = domain.linux or script is not None
    kernel: list[bytes | Path] = [machine.linux if real else STAND_IN]
    ramdisk: list[bytes | Path] = (
        [machine.guest, guest_files(script)] if real else [bytes(STAND_IN_RAMDISK)]
    )
    loads, (first, second, third, last) = placed(kernel, ramdisk, [partial], [STAND_IN])
    processors = domain.vcpus if domain.vcpus <= _PROCESSORS else 1
    spis = "" if domain.nr_spis is None else f"nr_spis = <{domain.nr_spis}>;"
    node = f"""domU1 {{
        compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>;
        cpus = <{domain.vcpus}>; memory = <0 {domain.memory * 1024}>;
        {"vpl011;" if domain.vpl011 else ""} {spis} {domain.more}
        {module("kernel", first, f'bootargs = "{bootargs(domain)}";')}
        {module("ramdisk", second)}
        {module("device-tree", third)}
    }};"""
    for old, new in domain.edits:
        if old not in node:
            raise ValueError(f"the domain's node has no {old}")
        node = node.replace(old, new)
    chosen = f"""
    xen,xen-bootargs = "{XEN_ARGUMENTS} maxcpus={processors} dom0_mem=64M {setup.bootargs}";
    {module("kernel", last) if domain.beside_dom0 else ""}
    {node}"""
    return System(with_chosen(board() if host is None else host, chosen), loads, processors)


def boot_system(
    machine: Machine,
    made: System,
    guest_speaks: bool = False,
    seconds: float = 60,
    setup: Setup = PLAIN,
) -> Outcome:
    """Boots it, and reads what the guest says if it says something. Raises BootError."""
    with running(machine.xen, made.tree, made.loads, made.processors, setup, seconds) as console:
        return outcome(console, guest_speaks, setup)


def outcome(console: Console, guest_speaks: bool, setup: Setup = PLAIN) -> Outcome:
    """What a console with Xen and one guest tells. Raises BootError."""
    lines = iter(console)
    xen, refusal = built(lines, console, setup.routine)
    said = _guest(lines, console) if guest_speaks and not refusal else []
    guest, files = spoken(said)
    verdict: Literal["accepted", "rejected"] = "rejected" if refusal else "accepted"
    return Outcome(verdict, refusal, xen, console.log, guest, files, console.seconds)


def bootargs(domain: Domain) -> str:
    """Linux's, with an early console so that no crash is silent."""
    early = f"earlycon=pl011,{domain.uart:#x}" if domain.vpl011 else ""
    return f"{early} console=ttyAMA0 loglevel=4 {LINUX_ARGUMENTS}"


# ---------------------------------------------------------------------------- the console's lines


def own(line: str) -> str | None:
    """A line of Xen's without its prefix; None for a line of someone else's."""
    return line.removeprefix("(XEN) ").strip() if line.startswith("(XEN)") else None


def built(lines: Iterator[str], console: Console, routine: str) -> tuple[str, str]:
    """Reads until Xen has built the domains or given up; its version, and why it refused or ''."""
    xen = refusal = ""
    loading: bool | None = None  # None: not yet
    panic = begun = False
    for line in lines:
        text = own(line)
        if text is None:
            continue
        if panic:
            return xen, refusal or text
        if found := VERSION.match(text):
            xen = found[1]
        elif PANIC.match(text):
            panic = True
        elif RUNNING.match(text) and loading is not None:
            return xen, refusal if begun else NONE_BUILT
        elif LOADING.match(text) or LOADED.match(text):
            loading = not LOADED.match(text)
            begun |= loading
        elif loading and not refusal:
            if REFUSED.match(text):
                refusal = text
            elif not ROUTINE.match(text) and not (routine and re.match(routine, text)):
                raise BootError(f"tests/xen/messages.py does not know: {text}", console.log)
    raise AssertionError("a console ends with an error")


def _guest(lines: Iterator[str], console: Console) -> list[str]:
    """What the guest prints until its script is done.

    Xen puts a prefix before its lines: 4.17 with the domain's name, 4.20 also in the middle of a
    line that another processor goes on with.
    """
    said = []
    for line in lines:
        if CRASHED in line:
            raise BootError("the guest crashed", console.log)
        if not ABOUT_GUEST.match(line):
            said.append(line.replace("(XEN) ", "").removeprefix("DOM1: "))
            if said[-1] == DONE:
                return said
    raise AssertionError("a console ends with an error")


def spoken(said: Sequence[str]) -> tuple[list[str], dict[str, bytes]]:
    """What a guest's script printed and what it left in /out, out of its console's lines."""
    start = said.index(UP) + 1 if UP in said else 0
    end = said.index(DONE) if DONE in said else len(said)
    files: dict[str, bytes] = {}
    for block in told(said[start:end]):
        files, end = block.files, start + block.first
    return list(said[start:end]), files


# ---------------------------------------------------------------------------- what is loaded


def placed(*modules: Sequence[bytes | Path]) -> tuple[list[Load], list[tuple[int, int]]]:
    """Puts modules one behind the other into memory, each made of parts that follow one another.

    Returns what to load, and (address, size) of the modules, in bytes.
    """
    at, loads, spans = MODULES_AT, [], []
    for parts in modules:
        start = at
        for part in parts:
            loads.append(Load(part, at))
            at += len(part) if isinstance(part, bytes) else part.stat().st_size
        spans.append((start, at - start))
        at += _ALIGNMENT - at % _ALIGNMENT
    return loads, spans


def module(kind: str, span: tuple[int, int], more: str = "") -> str:
    """Source text of a boot module's node."""
    address, size = span
    return (
        f'module@{address:x} {{ compatible = "multiboot,{kind}", "multiboot,module";'
        f" reg = <0 {address:#x} 0 {size:#x}>; {more} }};"
    )


def guest_files(script: str | None) -> bytes:
    """What a guest's initramfs needs behind the machine's ``guest``."""
    return initramfs.archive({"init": _INIT.encode(), "script": (script or "").encode()})


def _image(code: bytes) -> bytes:
    """An Image of 4 KiB with code at its start, which Xen and QEMU take for Linux.

    The header is that of Linux' Documentation/arch/arm64/booting.rst: two words of code, the
    offset of the text, the size of the image and flags (little-endian, 4 KiB pages), then the magic
    at byte 56, and 4 bytes that are not used. The rest of longer code follows it.
    """
    branch = struct.pack("<II", 0xD503201F, 0x14000000 | (64 - 4) // 4)  # nop; b past the header
    header = struct.pack("<8s3Q24x4s4x", branch, 0, 0x1000, 0b1010, b"ARM\x64")
    return (header + code).ljust(0x1000, b"\0")


def branch_to(address: int) -> bytes:
    """An Image that goes on at an address, with all registers but x16 as they are."""
    load, branch = 0x58000050, 0xD61F0200  # ldr x16, the word two instructions on; br x16
    return _image(struct.pack("<IIQ", load, branch, address))


#: A kernel that only waits: ``wfi``, and a branch back to it.
STAND_IN = _image(struct.pack("<II", 0xD503207F, 0x17FFFFFF))
STAND_IN_RAMDISK = 16  # bytes
