"""Rules about xen,reg: what it maps of the host's registers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding

from .trees import FORCE, about, blob, clock, context, device, everything, numbers, passthrough
from .trees import xen_reg as mapping

Board = Callable[[str], Tree]
Triple = tuple[int, int, int]

OWN = (0x9010000, 0x1000, 0x9010000)
GPIO = (0x9030000, 0x1000, 0x9030000)


def with_reg(*entries: Triple, more: str = "") -> str:
    """QEMU's clock with another xen,reg; ``more`` cells behind it."""
    return passthrough(clock(reg=f"{mapping(*entries)[:-2]} {more}>;"))


def node(found: list[Finding], code: str) -> Finding:
    (one,) = [finding for finding in found if finding.code == code]
    return one


# --- XA222: bytes left over ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "more", "severity", "cell"),
    [
        ((OWN,), "", None, None),
        ((OWN,), "0", "warning", 6),
        ((OWN,), "0 0x9011000 0 0x1000 0", "warning", 6),
        ((OWN, OWN), "0", "warning", 12),
        ((), "0 0x9010000 0 0x1000", "error", 0),
    ],
)
@pytest.mark.parametrize("host", ["qemu", None])
def test_xen_reg_that_ends_inside_of_an_entry(
    board: Board,
    entries: tuple[Triple, ...],
    more: str,
    severity: str | None,
    cell: int | None,
    host: str | None,
) -> None:
    asked = context(board(host) if host else None)
    found = about(with_reg(*entries, more=more), asked)
    assert [(f.code, f.severity, f.cell) for f in found] == (
        [("XA222", severity, cell)] if severity else []
    )


def test_numbers_for_other_cells_leave_a_rest(board: Board, wording: Wording) -> None:
    """xen,reg written for 1/1 cells below a 2/2 bus: three cells of the six."""
    text = passthrough(clock(reg="xen,reg = <0x9010000 0x1000 0x9010000>;"))
    (found,) = about(text, context(board("qemu")))
    assert (found.code, found.severity) == ("XA222", "error")
    wording(found)


def test_cells_that_xen_refuses_are_no_remainder(board: Board) -> None:
    text = passthrough(clock()).replace("#address-cells = <2>; #size-cells = <2>; ranges", "ranges")
    text = text.replace("ranges; int", "#address-cells = <3>; #size-cells = <2>; ranges; int")
    assert "XA222" not in codes(about(text, context(board("qemu"))))


# --- XA223: nothing mapped -----------------------------------------------------------------------


def test_an_empty_xen_reg_of_a_device_with_registers(board: Board) -> None:
    found = about(passthrough(clock(reg="xen,reg;")), context(board("qemu")))
    assert [(f.code, f.severity, f.effect) for f in found] == [("XA223", "error", "broken")]


def test_without_a_host_the_guests_reg_tells() -> None:
    assert codes(about(passthrough(clock(reg="xen,reg;")), context(None))) == ["XA223"]
    bare = f'dev {{ compatible = "x,y"; xen,path = "/x"; xen,reg; {FORCE} }};'
    assert codes(about(passthrough(bare), context(None))) == []


def test_an_empty_xen_reg_beside_registers_of_the_host_alone(board: Board) -> None:
    bare = f'dev {{ compatible = "x"; xen,path = "/pl061@9030000"; xen,reg; {FORCE} }};'
    found = about(passthrough(bare), context(board("qemu")))
    assert {f.code for f in found} == {"XA223", "XA323"}


def test_empty_xen_reg_on_a_child_is_rejected_and_told_once(board: Board) -> None:
    """As in public trees: a child with xen,reg and nothing else."""
    text = passthrough(clock("child { xen,reg; };"))
    assert [f.code for f in everything(text, context(board("qemu")))] == ["XA411"]


def test_missing_xen_reg_on_a_child_with_registers_of_its_own(board: Board) -> None:
    child = 'child@9030000 { compatible = "x,y"; reg = <0 0x9030000 0 0x1000>; };'
    bus = "#address-cells = <2>; #size-cells = <2>;"
    asked = context(board("qemu"))
    assert codes(about(passthrough(clock(f"{bus} ranges; {child}")), asked)) == ["XA215"]
    assert codes(about(passthrough(clock(f"{bus} {child}")), asked)) == []  # on a bus of its own


@pytest.mark.parametrize("path", ["/irq-only", "/iommu-only"])
def test_a_device_without_registers_has_an_empty_xen_reg(board: Board, path: str) -> None:
    irq = "interrupts = <0 132 4>;" if path == "/irq-only" else ""
    dev = f'dev {{ compatible = "x"; xen,path = "{path}"; xen,reg; {irq} }};'
    assert codes(about(passthrough(dev), context(board("tricky")))) == []


def test_registers_that_another_node_maps_are_mapped(board: Board) -> None:
    bare = f"pages {{ {mapping(OWN)} {FORCE} }};"
    assert codes(about(passthrough(bare, clock(reg="xen,reg;")), context(board("qemu")))) == []


# --- XA227: size 0 -------------------------------------------------------------------------------


def test_an_entry_without_size_maps_nothing(board: Board) -> None:
    (found,) = about(with_reg((0x9010000, 0, 0x9010000)), context(board("qemu")))
    assert (found.code, found.cell) == ("XA227", 3)


# --- XA215 and XA224: blocks ---------------------------------------------------------------------

SPI = "/axi/spi@ff0f0000"  # registers, and 128 MiB of flash
BOTH = ((0xFF0F0000, 0x1000, 0x4000000), (0xC0000000, 0x8000000, 0x8000000))


def spi(entries: tuple[Triple, ...], reg: tuple[int, ...]) -> str:
    return passthrough(
        f'spi {{ compatible = "x"; reg = <{numbers(*reg)}>; interrupts = <0 15 4>;'
        f' xen,path = "{SPI}"; {mapping(*entries)} }};'
    )


def test_all_blocks_mapped(board: Board) -> None:
    text = spi(BOTH, (0x4000000, 0x1000, 0x8000000, 0x8000000))
    assert codes(about(text, context(board("zynqmp")))) == []


@pytest.mark.parametrize("kept", [0, 1])
def test_a_block_that_is_not_mapped(board: Board, kept: int, wording: Wording) -> None:
    _, size, guest = BOTH[kept]
    (found,) = about(spi((BOTH[kept],), (guest, size)), context(board("zynqmp")))
    assert (found.code, found.severity) == ("XA224", "warning")
    wording(found)


def test_a_block_that_is_mapped_in_part(board: Board, wording: Wording) -> None:
    half = (0xC0000000, 0x4000000, 0x8000000)
    text = spi((BOTH[0], half), (0x4000000, 0x1000, 0x8000000, 0x4000000))
    (found,) = about(text, context(board("zynqmp")))
    assert found.code == "XA224"
    assert "lacks 0xc4000000-0xc8000000" in found.message
    wording(found)


def test_an_unmapped_block_that_the_guest_looks_for_is_told_once(board: Board) -> None:
    text = spi(BOTH[:1], (0x4000000, 0x1000, 0x8000000, 0x8000000))
    (found,) = about(text, context(board("zynqmp")))
    assert (found.code, found.cell) == ("XA215", 5)


def test_a_block_mapped_by_two_entries_is_mapped(board: Board) -> None:
    halves = ((0xC0000000, 0x4000000, 0x8000000), (0xC4000000, 0x4000000, 0xC000000))
    text = spi((BOTH[0], *halves), (0x4000000, 0x1000, 0x8000000, 0x8000000))
    assert codes(about(text, context(board("zynqmp")))) == []


def test_the_cell_of_a_reg_with_other_cells(board: Board) -> None:
    bus = 'compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;'
    dev = (
        f'bus {{ {bus} dev {{ compatible = "x"; reg = <0x9010000 0x1000>, <0x9020000 0x1000>;'
        f' interrupts = <0 2 4>; xen,path = "/pl031@9010000"; {FORCE}'
        " xen,reg = <0x9010000 0x1000 0x9010000>; }; };"
    )
    (found,) = about(passthrough(dev), context(board("qemu")))
    assert (found.code, found.cell) == ("XA215", 2)


# --- XA216, XA225: whose pages -------------------------------------------------------------------


def test_pages_of_a_device_that_is_not_assigned(board: Board) -> None:
    text = with_reg(OWN, GPIO)
    (found,) = about(text, context(board("qemu")))
    assert (found.code, found.cell) == ("XA216", 7)


def test_xen_reg_of_several_devices_covering_each_others_pages(board: Board) -> None:
    """As in public trees: one range over all of the devices, in each of them."""
    wide = (0x9010000, 0x21000, 0x9010000)
    gpio = device("/pl061@9030000", 0x9030000, irq="0 7 4")
    text = passthrough(clock(reg=mapping(OWN, GPIO)), gpio)
    (found,) = about(text, context(board("qemu")))
    assert (found.code, found.severity, found.cell) == ("XA225", "warning", 7)
    assert "/passthrough/pl061@9030000" in found.message
    text = passthrough(clock(reg=mapping(wide)), gpio)
    assert codes(about(text, context(board("qemu")))) == ["XA216"]  # the page between is nobody's


def test_covering_without_a_host() -> None:
    wide = mapping((0x9010000, 0x22000, 0x9010000))
    gpio = device("/pl061@9030000", 0x9030000, 0x2000)
    assert codes(about(passthrough(clock(reg=wide), gpio), context(None))) == ["XA225"]
    small = device("/pl061@9030000", 0x9030000, 0x1000)
    assert codes(about(passthrough(clock(reg=wide), small), context(None))) == []  # rounding could
    part = device("/pl031@9010000/part", 0x9030000, 0x2000)
    assert codes(about(passthrough(clock(reg=wide), part), context(None))) == []


def test_neighbours_in_one_page_that_are_assigned_together_are_fine(board: Board) -> None:
    page = mapping((0xA000000, 0x1000, 0xA000000))
    nodes = [
        f'v{n} {{ compatible = "x"; reg = <{numbers(base, 0x200)}>; interrupts = <0 {irq} 1>;'
        f' xen,path = "/virtio_mmio@{base:x}"; {page} {FORCE} }};'
        for n, (base, irq) in enumerate([(0xA000000, 16), (0xA000200, 17)])
    ]
    found = about(passthrough(*nodes), context(board("qemu")))
    assert {f.code for f in found} == {"XA201", "XA403", "XA428"}  # the other six stay
    assert not [f for f in found if f.code == "XA201" and "/virtio_mmio@a000200 " in f.message]


SMALL_HOST = """
/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    gic: interrupt-controller@f9010000 {
        compatible = "arm,gic-400"; #interrupt-cells = <3>; interrupt-controller;
        reg = <0 0xf9010000 0 0x10000 0 0xf9020000 0 0x20000>;
    };
    serial: serial@ff010000 {
        compatible = "arm,pl011"; reg = <0 0xff010000 0 0x1000>; interrupts = <0 22 4>;
    };
    timer: timer@ff110000 {
        compatible = "cdns,ttc"; reg = <0 0xff110000 0 0x1000>; interrupts = <0 36 4>;
    };
};
"""


@pytest.mark.parametrize(
    ("change", "dom0", "registers", "severity"),
    [
        ("", False, 0xFF010000, "note"),
        ("", True, 0xFF010000, "error"),  # dom0 has the timer too
        ("&timer { xen,passthrough; };", True, 0xFF010000, "note"),
        ('&timer { status = "disabled"; };', True, 0xFF010000, "note"),
        ("", False, 0xFF110000, "error"),  # the driver of the UART would write to the timer
        ("&timer { reg = <0 0xff112000 0 0x1000>; };", False, 0xFF010000, "error"),  # nobody's
        ("/ { chosen { stdout-path = &timer; }; };", False, 0xFF010000, "error"),  # Xen's
    ],
)
def test_pages_of_a_second_device_in_the_xen_reg_of_the_first(
    change: str, dom0: bool, registers: int, severity: str
) -> None:
    """As trees for Xilinx' firmware have: the pages of timers in the node of a UART."""
    host = read_blob(blob(SMALL_HOST + change), "host.dtb")
    entries = mapping(*((base, 0x1000, base) for base in (0xFF010000, 0xFF110000)))
    uart = (
        f'serial {{ compatible = "arm,pl011"; reg = <{numbers(registers, 0x1000)}>;'
        f' interrupts = <0 22 4>; xen,path = "/serial@ff010000"; {entries} {FORCE} }};'
    )
    asked = context(host)._replace(beside_dom0=dom0)
    (found,) = (f for f in everything(passthrough(uart), asked) if f.code == "XA216")
    assert (found.severity, found.cell) == (severity, 7)
    assert ("/timer@ff110000" in found.message) == ("ff112000" not in change)


PCI_HOST = """
    pcie@1000000000 {
        compatible = "pci-host-ecam-generic"; device_type = "pci"; reg = <0x10 0 0 0x100000>;
        #address-cells = <3>; #size-cells = <2>;
        ranges = <0x2000000 0 0 0x11 0 0 0x10000000 0x43000000 4 0 0x14 0 0 0x40000000>;
"""


@pytest.mark.parametrize(
    ("mapped", "severities", "prefetchable"),
    [
        (((0x1100000000, 0x10000000), (0x1400000000, 0x40000000)), [], True),
        (((0x1100000000, 0x600000), (0x1400000000, 0x40000000)), ["note"], True),
        (((0x1100000000, 0x600000),), ["note", "warning"], False),
        ((), ["warning", "warning"], False),
    ],
)
def test_windows_of_a_pci_host_that_no_xen_reg_maps(
    mapped: tuple[tuple[int, int], ...], severities: list[str], prefetchable: bool
) -> None:
    """Linux assigns BARs in the windows of the guest's ranges, mapped or not."""
    host = read_blob(blob(SMALL_HOST + f"/ {{ {PCI_HOST} }}; }};"), "host.dtb")
    entries = mapping(*((base, size, base) for base, size in ((0x1000000000, 0x100000), *mapped)))
    bridge = f'{PCI_HOST} xen,path = "/pcie@1000000000"; {entries} {FORCE} }};'
    found = everything(passthrough(bridge), context(host))
    assert [f.severity for f in found if f.code == "XA224"] == severities
    assert ("XA234" in codes(found)) == prefetchable


def test_a_pci_host_with_ranges_that_end_within_an_entry() -> None:
    host = read_blob(blob(SMALL_HOST + f"/ {{ {PCI_HOST} }}; }};"), "host.dtb")
    cut = PCI_HOST.replace(" 0 0x40000000>", ">")
    entries = mapping((0x1000000000, 0x100000, 0x1000000000))
    bridge = f'{cut} xen,path = "/pcie@1000000000"; {entries} {FORCE} }};'
    assert cut != PCI_HOST
    assert "XA224" not in codes(everything(passthrough(bridge), context(host)))


# --- XA201: pages shared with the host -----------------------------------------------------------


def test_a_page_shared_with_the_host_is_found(board: Board) -> None:
    dev = (
        f'pwm {{ compatible = "x"; reg = <{numbers(0x70000010, 0x10)}>; interrupts = <0 211 4>;'
        f' xen,path = "/pwm@70000010"; {mapping((0x70000000, 0x1000, 0x70000000))} {FORCE} }};'
    )
    found = node(about(passthrough(dev), context(board("tricky"))), "XA201")
    assert (found.severity, found.effect, found.routes) == ("error", "unsafe", ("dom0less", "xl"))
    for name in ("/pwm@70000000", "/timer@70000f00"):
        assert name in found.message
    assert "/watchdog@70001800" not in found.message  # in the next page
    assert "--allow" not in found.fix
    assert found.node == "/passthrough/pwm"


def test_children_and_bus_windows_are_no_neighbours(board: Board) -> None:
    """The system monitor with its two parts in one page; a bus states the window of its devices."""
    ams = device("/axi/ams@ffa50000", 0xFFA50000, irq="0 56 4")
    assert "XA201" not in codes(about(passthrough(ams), context(board("zynqmp"))))
    path = "/soc@0/bus@30800000/i2c@30a20000"
    i2c = device(path, 0x30A20000, 0x10000, irq="0 35 4")
    assert "XA201" not in codes(about(passthrough(i2c), context(board("imx8"))))


def test_a_page_that_is_not_mapped_is_not_shared(board: Board) -> None:
    timer = device("/timer@70000f00", 0x70001000, irq="0 212 4")
    found = node(about(passthrough(timer), context(board("tricky"))), "XA201")
    assert "/watchdog@70001800" in found.message
    assert "/pwm@70000000" not in found.message


# --- XA226: Xen's own ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "address", "kept"),
    [
        ("qemu", 0x8000000, True),
        ("qemu", 0x8080000, False),  # an MSI frame: XA329
        ("qemu", 0x9000000, True),
        ("qemu", 0x9010000, False),
        ("tricky", 0xF3100000, True),
        ("tricky", 0xF3300000, False),  # one that Xen does not drive: XA107
        ("zynqmp", 0xFD800000, True),
    ],
)
def test_a_bare_mapping_of_what_xen_keeps(
    board: Board, host: str, address: int, kept: bool, wording: Wording
) -> None:
    text = passthrough(f"pages {{ {mapping((address, 0x1000, 0x8000000))} {FORCE} }};")
    found = about(text, context(board(host)))
    found = [f for f in found if f.code not in ("XA107", "XA329")]
    assert [f.code for f in found] == ["XA226"] * kept
    assert all(f.cell == 1 for f in found)
    wording(*found)


# --- XA329: MSI frames ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "address", "frame"),
    [
        ("qemu", 0x8080000, True),
        ("qemu", 0x8090000, True),  # its translater
        ("qemu", 0x80A0000, False),
        ("tricky", 0xF1200000, True),
        ("tricky", 0xF1201000, False),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_mapping_of_an_msi_frame(
    board: Board, host: str, address: int, frame: bool, named: bool, wording: Wording
) -> None:
    """Beside a xen,path too, of whatever device."""
    path = 'xen,path = "/";' if named else ""
    text = passthrough(f"pages {{ {path} {mapping((address, 0x1000, 0x8000000))} {FORCE} }};")
    found = [f for f in about(text, context(board(host))) if f.code == "XA329"]
    assert [f.severity for f in found] == ["error"] * frame
    assert all(f.cell == 1 for f in found)
    wording(*found)


# --- XA203: what fits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "large"),
    [(3056, False), (3057, True), (4096, True)],
)
def test_memory_too_large_for_a_1_to_1_address(
    board: Board, memory: int, large: bool, wording: Wording
) -> None:
    gem = device("/axi/ethernet@ff0e0000", 0xFF0E0000, irq="0 63 4", force="")
    asked = context(board("zynqmp"))._replace(memory=memory << 10)
    found = [f for f in about(passthrough(gem), asked) if f.code == "XA203"]
    assert [(f.node, f.cell) for f in found] == (
        [("/passthrough/ethernet@ff0e0000", 5)] if large else []
    )
    wording(*found)


def test_where_no_memory_fits_only_another_place_helps(board: Board) -> None:
    text = with_reg((0x9010000, 0x1000, 0x40000000))
    asked = context(board("qemu"))._replace(memory=1 << 10)
    found = node(about(text, asked), "XA203")
    assert "MiB" not in found.fix


# --- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "code", "cell"),
    [
        ((OWN, (0x9030800, 0x1000, 0x9030000)), "XA213", 7),
        ((OWN, (0x9030000, 0x800, 0x9030000)), "XA213", 9),
        ((OWN, (0x9030000, 0x1000, 0x9030800)), "XA213", 11),
        (((0x9010000, 0x1000, 0x3001000),), "XA203", 5),
        ((OWN, (0x9010000, 0x1000, 0x60000000)), "XA204", 11),
        ((OWN, (0x9030000, 0x1000, 0x9010000)), "XA206", 11),
        ((OWN, GPIO), "XA216", 7),
        ((OWN, (0x40000000, 0x1000, 0x9030000)), "XA217", 7),
        (((0x9010000, 0x1000, 1 << 48),), "XA205", 5),
    ],
)
def test_findings_name_the_cell(
    board: Board, entries: tuple[Triple, ...], code: str, cell: int
) -> None:
    """The last cell of the number that is wrong, where people will change it."""
    asked = context(board("qemu"))._replace(enhanced=True)
    assert node(everything(with_reg(*entries), asked), code).cell == cell


def test_registers_below_page_size_that_are_not_rounded(board: Board) -> None:
    rtc = device("/axi/rtc@ffa60000", 0xFFA60000, 0x100, irq="0 26 4>, <0 27 4")
    found = node(everything(passthrough(rtc), context(board("zynqmp"))), "XA213")
    assert found.cell == 3
