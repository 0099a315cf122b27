"""Static memory and direct-map domains, by hand: on releases of Xen that were built with them.

    XENASSIGN_XEN_4_22=…/xen/xen python -m pytest tests/xen/test_direct_map.py

It is built with CONFIG_UNSUPPORTED and CONFIG_STATIC_MEMORY, which Debian's is not; without such a
release there is no test here, nor a skip. No IOMMU stands before QEMU's virtio-mmio, and a disk in
one of its slots does DMA: in the guest that xenassign makes with ``--direct-map`` it is read and
written, in any other it is not.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from xenassign.devicetree.addresses import registers
from xenassign.host.platform import read_platform
from xenassign.linting.verdict.predict import rejecting
from xenassign.xen.board import read_board
from xenassign.xen.direct_map import Vuart, vpl011_intid, vuart, windows
from xenassign.xen.layout import MIB
from xenassign.xen.releases import RELEASES as KNOWN
from xenassign.xen.releases import SPI_FIRST_INTID

from .agreement import context, foretold
from .boot import DONE, BootError, Domain, Outcome, boot_dom0less, boot_system, system
from .conftest import by_hand
from .guest import ALARM, REPORT, GuestReport
from .guestview import differences
from .hosttree import compiled
from .machine import Machine, board, built, kconfig
from .qemu import Setup, running
from .test_positive import CLOCK, Case, Generate, Made, board_of, domain_of, make

OPTION = "STATIC_MEMORY"
RELEASES = [v for v, path in built().items() if path.is_file() and OPTION in kconfig(path)]
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(RELEASES)

#: A slot of virtio-mmio, and the bus of it in QEMU's words.
DISK, BUS = "/virtio_mmio@a000600", "virtio-mmio-bus.3"
SECTOR = 512  # bytes
READ, WRITTEN = b"read by DMA", b"written by DMA"
BANKS = ((0x80000000, 128 * MIB), (0xA0000000, 128 * MIB))
HOST = 3072  # MiB
SECONDS = 8  # after which Xen counts as silent

#: Reads and writes the disk, which hangs for ever where its DMA goes astray.
SCRIPT = f"""
modprobe virtio_mmio
modprobe virtio_blk &
for tenth in $(seq 30); do [ ! -b /dev/vda ] || break; sleep 0.1; done
head -c {len(READ)} /dev/vda >/out/read &
for tenth in $(seq 30); do [ ! -s /out/read ] || break; sleep 0.1; done
if [ -s /out/read ]; then
    printf '{WRITTEN.decode()}' | dd of=/dev/vda bs={SECTOR} seek=1 conv=sync,fsync 2>/dev/null
fi
if cd /sys/class/rtc/rtc0; then
    {ALARM}
fi 2>/dev/null
{REPORT}"""


@pytest.fixture(scope="module", params=RELEASES)
def ready(request: pytest.FixtureRequest) -> Machine:
    """Each release that was built with static memory."""
    return by_hand(request.param)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of two sectors."""
    path = tmp_path / "disk"
    path.write_bytes(READ.ljust(2 * SECTOR, b"\0"))
    return path


def setup(disk: Path) -> Setup:
    """QEMU with memory enough, and the disk."""
    drive = f"file={disk},format=raw,if=none,id=disk"
    device = f"virtio-blk-device,bus={BUS},drive=disk"
    return Setup(memory=HOST, arguments=("-drive", drive, "-device", device))


def case(**options: object) -> Case:
    """The clock, which does no DMA, and the disk."""
    forced = {"policy": "auto", "forced": (DISK,), "shared": (DISK,), "routes": ("dom0less",)}
    return Case("direct-map", "virt", (CLOCK, DISK), {**forced, **options})


def direct(generate: Generate, ready: Machine) -> tuple[Made, Domain]:
    """What is made for a direct-map domain, and its node."""
    options = {"memory": None, "direct_map": True, "static_memory": BANKS}
    made = make(generate, ready, case(**options))
    uart = vuart(read_platform(board_of("virt")))
    assert isinstance(uart, Vuart)
    return made, replace(domain_of(made.files), uart=uart.base)


def ram(seen: GuestReport) -> list[tuple[int, int]]:
    """(base, size) of what Linux takes for its memory."""
    return [(m.start, m.end + 1 - m.start) for m in seen.iomem if m.name == "System RAM"]


def alarm(outcome: Outcome) -> int:
    """How often the clock's interrupt arrived."""
    line = GuestReport.of(outcome.files).interrupt(34)
    return line.arrived if line else 0


def test_the_disk_does_dma(ready: Machine, generate: Generate, disk: Path) -> None:
    made, domain = direct(generate, ready)
    assert "XA403" in {finding.code for finding in made.plan.findings}
    outcome = boot_dom0less(ready, made.files["dtb"], None, domain, SCRIPT, setup=setup(disk))
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert outcome.files["read"] == READ
    assert disk.read_bytes()[SECTOR:] == WRITTEN.ljust(SECTOR, b"\0")
    assert alarm(outcome)
    assert list(differences(made.plan, GuestReport.of(outcome.files), "dom0less")) == []


@pytest.mark.parametrize("static", [False, True])
def test_in_another_domain_it_does_not(
    ready: Machine, generate: Generate, disk: Path, static: bool
) -> None:
    """Static memory alone, at the usual guest addresses, is of no help."""
    options = {"memory": None, "static_memory": BANKS} if static else {}
    made = make(generate, ready, case(**options))
    domain = domain_of(made.files)
    outcome = boot_dom0less(ready, made.files["dtb"], None, domain, SCRIPT, setup=setup(disk))
    assert (outcome.verdict, outcome.message) == ("accepted", "")
    assert outcome.files.get("read", b"") == b""
    assert disk.read_bytes()[SECTOR:] == bytes(SECTOR)
    assert ram(GuestReport.of(outcome.files)) == [(0x40000000, 256 * MIB)]
    assert alarm(outcome)


def test_the_address_space_is_the_foretold(ready: Machine, generate: Generate, disk: Path) -> None:
    made, domain = direct(generate, ready)
    outcome = boot_dom0less(ready, made.files["dtb"], None, domain, SCRIPT, setup=setup(disk))
    seen = GuestReport.of(outcome.files)
    platform = read_platform(board_of("virt"))
    places = {
        window.name: (window.base, window.size)
        for window in windows(platform, BANKS, domain.vcpus, vpl011=True)
    }
    assert ram(seen) == list(BANKS) == [places["RAM bank 0"], places["RAM bank 1"]]
    nodes = {node.name.partition("@")[0]: node for node in seen.tree.root.children.values()}
    gic = [(b.address, b.size) for b in registers(nodes["interrupt-controller"]).blocks]
    assert gic == [places["GICv3 distributor"], places["GICv3 redistributors"]]
    (uart,) = registers(nodes["sbsa-uart"]).blocks
    assert (uart.address, uart.size) == places["vPL011"]
    (_, number, _) = nodes["sbsa-uart"].cells("interrupts")
    assert vpl011_intid(platform, direct_map=True) == number + SPI_FIRST_INTID


UART = "/pl011@9000000"


@pytest.mark.parametrize("stated", [True, False])
def test_nr_spis_where_xen_has_no_console(ready: Machine, generate: Generate, stated: bool) -> None:
    """QEMU's UART is the guest's: it speaks, or Xen stops without a word."""
    options = {"memory": None, "direct_map": True, "static_memory": BANKS, "routes": ("dom0less",)}
    console = {"vpl011": False, "xen_console": "none"}
    made = make(generate, ready, Case("console", "virt", (UART, CLOCK), {**options, **console}))
    domain = domain_of(made.files)
    assert domain.nr_spis == 32
    domain = domain if stated else replace(domain, nr_spis=None)
    machine = Setup(memory=HOST, bootargs="console=none")
    host = board()
    booted = system(ready, made.files["dtb"], host, replace(domain, linux=True), setup=machine)
    about = context(ready, domain, host)
    assert about.platform is not None
    assert about.iommus is not None
    built = about.iommus.built
    silent = about.platform._replace(console=None)
    about = about._replace(board=read_board(silent, about.release, built))
    found = foretold(booted, about, machine) or ()
    codes = {finding.code for finding in rejecting(found, "dom0less")}
    assert codes == (set() if stated else {"XA738"})
    with running(ready.xen, booted.tree, booted.loads, 1, machine, 2 * SECONDS) as lines:
        if stated:
            assert DONE in lines
        else:
            with pytest.raises(BootError, match="QEMU ended early"):
                list(lines)
        assert not any(line.startswith("(XEN)") for line in lines.log)


# ---------------------------------------------------------------------------- what Xen refuses


class Refused(NamedTuple):
    """A domain with these banks, the codes that foretell Xen's answer, and how that begins.

    With codes and without words Xen stops before it has a console, or 4.18 goes on with less.
    """

    what: str
    banks: tuple[tuple[int, int], ...]
    codes: frozenset[str] = frozenset()
    words: str = ""
    direct: bool = True
    more: str = ""
    host: str = ""  #: source text behind the board's
    memory: int = 256  #: MiB
    since: str = "4.17"  #: older releases accept it
    vcpus: int = 1
    bootargs: str = ""  #: Xen's


def _one(base: int, size: int = 256 * MIB) -> tuple[tuple[int, int], ...]:
    return ((base, size),)


_GOOD = _one(0x80000000)
_SUM = 'Size of "memory" property doesn\'t match up with the sum-up of "xen,static-mem".'
_RESERVED = """/ {{ reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges;
    r@88000000 {{ reg = <0 0x88000000 0 0x100000>; no-map; {} }}; }}; }};"""
_FOUR = "&{/intc@8000000} { reg = <0 0x8000000 0 0x10000 0 0x80a0000 0 0x80000>; };"
_SMALL = "&{/pl011@9000000} { reg = <0 0x9000000 0 0x800>; };"

CASES = (
    Refused("one bank", _GOOD),
    Refused("two banks", BANKS),
    Refused("not direct", _GOOD, direct=False),
    Refused("no multiple of 2 MiB", _one(0x80001000)),
    Refused("a size that is no page", ((0x80000000, 256 * MIB - 0x800), (0xA0000000, 0x800))),
    Refused("within a reservation", _GOOD, host="/memreserve/ 0x80000000 0x10000000;"),
    Refused("a disabled reserved region", _GOOD, host=_RESERVED.format('status = "disabled";')),
    Refused("sizes that miss memory", _one(0x80000000, 128 * MIB), frozenset({"XA714"}), _SUM),
    Refused(
        "the same, not direct",
        _one(0x80000000, 128 * MIB),
        frozenset({"XA714"}),
        _SUM,
        direct=False,
    ),
    Refused(
        "an address that is no page",
        _one(0x80000800),
        frozenset({"XA714"}),
        "pg[0] Static MFN 80000 ",
    ),
    Refused(
        "a first bank without room for the kernel",
        ((0x80000000, 0x1000), (0x90000000, 256 * MIB - 0x1000)),
        frozenset({"XA712"}),
        "Not enough memory in the first bank for the kernel+dtb+initrd",
    ),
    Refused("above the RAM", _one(0x200000000), frozenset({"XA731"})),
    Refused("below the RAM", _one(0x10000000), frozenset({"XA731"})),
    Refused("over the RAM's end", _one(0xF8000000), frozenset({"XA731"})),
    Refused(
        "banks that overlap",
        ((0x80000000, 128 * MIB), (0x84000000, 128 * MIB)),
        frozenset({"XA733"}),
    ),
    Refused(
        "a reserved region", _GOOD, frozenset({"XA732"}), host=_RESERVED.format(""), since="4.19"
    ),
    Refused(
        "a part of a reservation",
        _GOOD,
        frozenset({"XA732"}),
        host="/memreserve/ 0x88000000 0x100000;",
        since="4.19",
    ),
    Refused(
        "a console of half a page",
        _GOOD,
        frozenset({"XA734"}),
        "vpl011: Can't re-use the Xen UART MMIO region as it is too small.",
        host=_SMALL,
    ),
    Refused(
        "more vCPUs than redistributors",
        _GOOD,
        frozenset({"XA741"}),
        "Failed to allocate d1v4",
        vcpus=5,
        host=_FOUR,
        since="4.20",
    ),
    Refused(
        "cache coloring",
        _GOOD,
        frozenset({"XA737"}),
        "LLC coloring and static memory are incompatible",
        more='llc-colors = "0-3";',
        since="4.20",
        bootargs="llc-coloring=on llc-size=1M llc-nr-ways=16",
    ),
    Refused(
        "no line for the vPL011",
        _GOOD,
        frozenset({"XA313"}),
        "Could not set up domain domU1 (rc = -22)",
        more="nr_spis = <0>;",
    ),
)


def host_with(text: str) -> bytes:
    """QEMU's tree with source text behind it, or with a memory reservation before it."""
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-"]
    made = subprocess.run(command, input=board(), capture_output=True, check=True).stdout.decode()
    if text.startswith("/memreserve/"):
        return compiled(made.replace("/dts-v1/;", f"/dts-v1/;\n{text}", 1))
    return compiled(f"{made}\n{text}")


def newer(one: str, other: str) -> bool:
    """Whether a release is newer than another."""
    versions = list(KNOWN)
    return versions.index(one) > versions.index(other)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.what)
def test_what_xen_says(ready: Machine, one: Refused) -> None:
    spans = [f"{n >> 32:#x} {n & 0xFFFFFFFF:#x}" for bank in one.banks for n in bank]
    words = ["direct-map;"] if one.direct else []
    more = " ".join([*words, f"xen,static-mem = <{' '.join(spans)}>;", one.more])
    domain = Domain(memory=one.memory, vcpus=one.vcpus, more=more)
    host = host_with(one.host)
    machine = Setup(memory=HOST, bootargs=one.bootargs)
    booted = system(ready, NOTHING, host, domain, setup=machine)
    found = foretold(booted, context(ready, domain, host), machine) or ()
    codes = one.codes if not newer(one.since, ready.release) else frozenset()
    assert {finding.code for finding in rejecting(found, "dom0less")} == codes
    outcome: Outcome | None = None
    with suppress(BootError):  # Xen stops without a word
        outcome = boot_system(ready, booted, seconds=SECONDS, setup=machine)
    said = outcome.message if outcome is not None else None
    assert (said != "") == bool(codes)
    assert (said or "").startswith(one.words if codes else "")


#: A partial device tree without devices.
NOTHING = compiled("/dts-v1/; / { passthrough { }; };") if RELEASES else b""
