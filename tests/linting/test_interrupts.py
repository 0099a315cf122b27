"""Rules about the interrupts that a guest's node states."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.wording import Wording
from xenassign.devicetree.tree import Tree

from .trees import BUS, FORCE, about, clock, context, device, passthrough

Board = Callable[[str], Tree]
Found = tuple[str, str | None, int | None]


def told(text: str, tree: Tree | None) -> list[Found]:
    """(code, property, cell) of the findings."""
    return [(f.code, f.prop, f.cell) for f in about(text, context(tree))]


# --- one interrupt -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("irq", "expected"),
    [
        ("0 2 4", []),
        ("0 34 4", [("XA320", "interrupts", 1)]),  # the INTID
        ("0 3 4", [("XA312", "interrupts", 1)]),
        ("0 2 4>, <0 3 4", [("XA312", "interrupts", 4)]),
        ("0 2 4>, <0 34 4", [("XA320", "interrupts", 4)]),
        ("1 2 4", [("XA312", "interrupts", 1)]),
        ("0 2 1", [("XA321", "interrupts", 2)]),
        ("0 2 0xf04", []),  # the GIC's masks of processors are no trigger
        ("0 2", [("XA324", "interrupts", 0)]),
        ("0 2 4 0", [("XA324", "interrupts", 3)]),
    ],
)
def test_an_interrupt_of_the_clock(board: Board, irq: str, expected: list[Found]) -> None:
    assert told(passthrough(clock(irq=irq)), board("qemu")) == expected


def test_an_spi_number_where_the_board_has_it_as_intid(board: Board) -> None:
    """INTID 39 is SPI 7; someone subtracted 32 from a number that was none."""
    gpio = device("/axi/serial@ff010000", 0xFF010000, irq="0 22 4")
    assert codes(about(passthrough(gpio), context(board("zynqmp")))) == []
    wrong = gpio.replace("<0 22 4>", "<0 54 4>")
    (found,) = [f for f in about(passthrough(wrong), context(board("zynqmp"))) if f.cell == 1]
    assert (found.code, found.fix) == ("XA320", "write <0 22 4>")
    two = device("/axi/pcie@fd0e0000", 0xFD0E0000, irq="0 86 4")  # 118 - 32
    found = next(f for f in about(passthrough(two), context(board("zynqmp"))) if f.cell == 1)
    assert (found.code, found.fix) == ("XA320", "write <0 118 4>")


def test_the_rule_of_32_is_about_the_nodes_own_device(board: Board) -> None:
    """SPI 39 is INTID 71; 39 is the INTID of another device that is assigned."""
    gpio = device("/pl061@9030000", 0x9030000, irq="0 7 4")
    text = passthrough(gpio, clock(irq="0 39 4"))
    assert told(text, board("qemu")) == [("XA312", "interrupts", 1)]


def test_interrupts_extended(board: Board) -> None:
    node = clock("interrupts-extended = <0xfde8 0 34 4>;", irq="")
    assert told(passthrough(node), board("qemu")) == [("XA320", "interrupts-extended", 2)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("<0 0 0 1 0xfde8 0 2 4>", []),
        # each SPI once, and the number's cell; another trigger
        ("<0 0 0 1 0xfde8 0 3 4>, <0 0 0 2 0xfde8 0 3 4>", [("XA327", "interrupt-map", 6)]),
        ("<0 0 0 1 0xfde8 0 2 4>, <0 0 0 2 0xfde8 0 3 4>", [("XA327", "interrupt-map", 14)]),
        ("<0 0 0 1 0xfde8 0 2 1>", [("XA321", "interrupt-map", 7)]),
    ],
)
def test_interrupt_map(board: Board, entries: str, expected: list[Found], wording: Wording) -> None:
    """The host's node, here of the clock, has to state where it leads."""
    nexus = "#address-cells = <3>; #interrupt-cells = <1>; interrupt-map-mask = <0 0 0 7>;"
    text = passthrough(clock(f"{nexus} interrupt-map = {entries};", irq=""))
    lost = [f for f in about(text, context(board("qemu"))) if f.code != "XA323"]
    assert [(f.code, f.prop, f.cell) for f in lost] == expected
    wording(*lost)


def test_without_a_host_nothing_is_compared() -> None:
    assert told(passthrough(clock(irq="0 99 4")), None) == []


@pytest.mark.parametrize(
    ("flags", "wrong"), [("1 1", True), ("4 1", False), ("4 4", True), ("8 1", True)]
)
def test_every_trigger_is_compared(board: Board, flags: str, wrong: bool) -> None:
    """dev@740f0000 has two lines by level and one by edge."""
    level, edge = flags.split()
    irq = f"0 95 {level}>, <0 96 4>, <0 97 {edge}"
    node = (
        f'dev {{ compatible = "x"; interrupts = <{irq}>; xen,path = "/dev@740f0000"; {FORCE}'
        " xen,reg = <0 0x740f0000 0 0x1000 0 0x740f0000 0 0x740f8000 0 0x2000 0 0x740f8000>; };"
    )
    found = codes(about(passthrough(node), context(board("tricky"))))
    assert ("XA321" in found) == wrong


def test_a_host_that_states_no_trigger_is_no_difference(board: Board) -> None:
    irq = "0 90 1>, <0 91 2>, <0 92 4>, <0 93 8>, <0 94 4"
    node = device("/dev@740e0000", 0x740E0000, irq=irq)
    assert codes(about(passthrough(node), context(board("tricky")))) == ["XA402", "XA428"]


# --- XA323: fewer than the host's ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("irq", "told"),
    [
        ("0 118 4>, <0 119 4>, <0 120 4>, <0 121 4", False),
        ("0 119 4>, <0 118 4", True),
        ("", True),
    ],
)
def test_fewer_interrupts_than_the_hosts(
    board: Board, irq: str, told: bool, wording: Wording
) -> None:
    path = "/soc@0/bus@30800000/ethernet@30be0000"
    text = passthrough(device(path, 0x30BE0000, 0x10000, irq=irq, force=""))
    found = [f for f in about(text, context(board("imx8"))) if f.code.startswith("XA3")]
    assert [f.code for f in found] == ["XA323"] * told
    wording(*found)


def test_one_line_stated_once_for_two_of_the_host(board: Board) -> None:
    """The ZCU102's Ethernet controllers list their SPI twice."""
    gem = device("/axi/ethernet@ff0e0000", 0xFF0E0000, irq="0 63 4", force="")
    assert codes(about(passthrough(gem), context(board("zynqmp")))) == []


def test_a_node_for_xen_alone_needs_no_interrupts(board: Board) -> None:
    node = f'xen-clock {{ xen,path = "/pl031@9010000"; xen,reg; {FORCE} }};'
    bare = 'clock { compatible = "x"; interrupts = <0 2 4>; };'
    assert "XA323" not in codes(about(passthrough(node, bare), context(board("qemu"))))


# --- XA307: another controller -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path", "base", "size", "irq"),
    [
        ("imx8", "/soc@0/bus@30400000/pwm@30660000", 0x30660000, 0x10000, "0 81 4"),
        ("imx8", "/soc@0/bus@32c00000/i2c@32fd0000", 0x32FD0000, 0x1000, "10"),
        ("tricky", "/touch@74010000", 0x74010000, 0x1000, "5 8"),
        ("tricky", "/touch@74010000", 0x74010000, 0x1000, "5 8>, <6 8>, <7 8"),
    ],
)
def test_an_interrupt_of_a_secondary_controller_copied(
    board: Board, host: str, path: str, base: int, size: int, irq: str, wording: Wording
) -> None:
    text = passthrough(device(path, base, size, irq=irq))
    found = [f for f in about(text, context(board(host))) if f.prop == "interrupts"]
    assert [f.code for f in found] == ["XA307"]
    wording(*found)


# --- XA322: the interrupt parent -----------------------------------------------------------------


def parented(parent: str, gic: str = "", below: str = "", own: str = "") -> str:
    """The clock below a /passthrough with that interrupt-parent property."""
    top = f"passthrough {{ {BUS} {parent} {below} {clock(own)} }};"
    return f"/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; {gic} {top} }};"


PIC = "pic: pic { interrupt-controller; #interrupt-cells = <1>; };"
BAD_PARENT = ("XA322", "interrupt-parent", 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (parented("interrupt-parent = <0xfde8>;"), []),
        (parented("", own="interrupt-parent = <0xfde8>;"), []),
        (parented(""), [("XA322", "interrupts", None)]),
        (parented("interrupt-parent = <5>;"), [BAD_PARENT]),
        (parented("interrupt-parent = <0xfde8>;", own="interrupt-parent = <1>;"), [BAD_PARENT]),
        (parented("interrupt-parent = <&pic>;", gic=PIC), [BAD_PARENT]),
        (parented("interrupt-parent = <&pic>;", below="pic: pic { };"), [BAD_PARENT]),
        (parented("interrupt-parent = <0xfde8>;", gic="gic { phandle = <0xfde8>; };"), []),
    ],
)
def test_the_interrupt_parent(text: str, expected: list[Found]) -> None:
    found = told(text, None)
    assert found == expected


def test_a_missing_interrupt_parent_matters_with_dom0less_alone() -> None:
    (found,) = about(parented(""), context(None))
    assert found.routes == ("dom0less",)


def test_a_controller_below_passthrough_is_fine() -> None:
    pic = "pic: pic { interrupt-controller; #interrupt-cells = <1>; };"
    text = parented("interrupt-parent = <&pic>;", below=pic).replace("<0 2 4>", "<7>")
    assert told(text, None) == []


def test_a_bad_parent_of_many_is_told_once(board: Board) -> None:
    gpio = device("/pl061@9030000", 0x9030000, irq="0 7 4")
    text = passthrough(clock(), gpio, parent="0x8001")
    assert told(text, board("qemu")) == [BAD_PARENT]


def test_an_interrupt_parent_that_nobody_uses_is_no_mistake() -> None:
    assert told(passthrough(clock(irq=""), parent="1"), None) == []


def test_an_interrupt_parent_in_a_circle() -> None:
    pics = "a: a { interrupt-parent = <&b>; }; b: b { interrupt-parent = <&a>; };"
    assert told(parented("interrupt-parent = <&a>;", below=pics), None) == [BAD_PARENT]
