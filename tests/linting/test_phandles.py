"""Rules about phandles: each names a node that the guest has, and that supplies such a thing."""

from __future__ import annotations

import pytest

from tests.answers import codes
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import NO_PHANDLE
from xenassign.findings import Finding
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.supplier_kinds import SUPPLIER_KINDS, Leftover
from xenassign.linting.guest.phandles import gic_phandle
from xenassign.linting.guest.view import View

from .trees import about, blob, clock, context, everything, passthrough

FIXED = "fix: fixed { #clock-cells = <0>; #reset-cells = <1>; };"
PLAIN = "plain: plain { };"
GIC = "gic: gic { phandle = <0x77>; #interrupt-cells = <3>; interrupt-controller; };"


def found(more: str, *nodes: str, before: str = "", xen: str = "4.20") -> list[Finding]:
    """The findings about a clock with more properties, and nodes beside it or before it all."""
    return about(passthrough(*nodes, clock(more), before=before), context(None, xen))


def told(more: str, *nodes: str, before: str = "") -> list[tuple[str, str | None, int | None]]:
    return [(f.code, f.prop, f.cell) for f in found(more, *nodes, before=before)]


# --- XA511, XA514: nothing there -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("clocks = <&fix>;", []),
        ("clocks = <0>, <&fix>;", []),
        ("clocks = <0x55>;", [("XA511", "clocks", 0)]),
        ("clocks = <&fix>, <&fix>, <0x55>;", [("XA511", "clocks", 2)]),
        ("clocks = <&fix>, <0>, <0x55 1>, <0x56>;", [("XA511", "clocks", 2)]),
        ("resets = <&fix 1>, <0x55 2>;", [("XA514", "resets", 2)]),
        ("phy-handle = <0x55>;", [("XA511", "phy-handle", 0)]),
        ("memory-region = <0x55>, <0x56>;", [("XA511", "memory-region", 0)]),
        ("rockchip,pins = <1 2 3 0x55>;", [("XA514", "rockchip,pins", 3)]),
        ("msi-map = <0 0x55 0 0x100>;", [("XA514", "msi-map", 1)]),
        ("clocks = [00 00 00];", [("XA511", "clocks", 0)]),
        ("resets = <&fix>;", [("XA511", "resets", 0)]),  # its argument is missing
        ("power-domains = <0xfde8>;", [("XA517", "power-domains", 0)]),
        ("interrupt-affinity = <0xfde8>;", []),
    ],
)
def test_phandles_of_a_device(
    more: str, expected: list[tuple[str, str | None, int | None]]
) -> None:
    assert told(more, FIXED) == expected


@pytest.mark.parametrize(
    ("prop", "severity"),
    [
        ("power-domains = <0x55 5>", "warning"),
        ("pinctrl-0 = <0x55>, <0x56>", "error"),
        ("resets = <0x55 1>", "error"),
        ("dmas = <0x55 1>", "warning"),
        ("msi-parent = <0x55>", "warning"),
        ("operating-points-v2 = <0x55>", "warning"),
        ("interconnects = <0x55 1>, <0x56 2>", "error"),
        ("nvmem-cells = <0x55>", "warning"),
        ("vmmc-supply = <0x55>", "warning"),
        ("access-controllers = <0x55>", "warning"),
        ("cooling-device = <0x55 0 0>", "warning"),
        ("performance-domains = <0x55>", "warning"),
    ],
)
def test_what_is_left_of_the_host_by_its_kind(prop: str, severity: str, wording: Wording) -> None:
    (one,) = found(f"{prop};")
    assert (one.code, one.severity, one.cell) == ("XA514", severity, 0)
    wording(one)


def test_every_kind_of_leftover_is_in_the_test_above() -> None:
    kinds = [kind for kind in SUPPLIER_KINDS.values() if kind.leftover is not Leftover.DANGLING]
    assert len(kinds) == 12


def test_two_entries_of_one_property_are_one_finding() -> None:
    (one,) = found("pinctrl-0 = <0x55>, <0x56>;")
    assert "0x55" in one.message
    assert "0x56" in one.message


@pytest.mark.parametrize("number", NO_PHANDLE)
def test_what_is_no_phandle_names_nothing_on_purpose(number: int) -> None:
    assert told(f"pinctrl-0 = <{number:#x}>;") == []


def test_nodes_that_are_not_copied_are_not_looked_at() -> None:
    """A /gic as the host has it, symbols whose names are those of properties."""
    before = (
        'gic { phandle = <0xfde8>; clocks = <0x55>; }; __symbols__ { clocks = "/passthrough"; };'
    )
    assert told("", before=before) == []


# --- XA513: not copied ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "prop", "cell"),
    [
        ("clocks = <&fix>;", "clocks", 0),
        ("resets = <&fix 1>;", "resets", 0),
        ("phy-handle = <&plain>;", "phy-handle", 0),
        ("clocks = <&plain>;", "clocks", 0),
        ("interrupts-extended = <0xfde8 0 2 4>, <&plain 1>;", "interrupts-extended", 4),
    ],
)
def test_a_supplier_outside_of_passthrough(more: str, prop: str, cell: int) -> None:
    assert told(more, before=FIXED + PLAIN) == [("XA513", prop, cell)]


def test_the_gic_node_is_the_guests() -> None:
    assert told("msi-parent = <&gic>;", before=GIC.replace("0x77", "0xfde8")) == []


# --- XA517: no provider --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("clocks = <&plain>;", [("XA517", "clocks", 0)]),
        ("clocks = <&fix>, <&plain>;", [("XA517", "clocks", 1)]),
        ("power-domains = <&fix>;", [("XA517", "power-domains", 0)]),
        ("interrupts-extended = <&plain 1>;", [("XA517", "interrupts-extended", 0)]),
        ("nvmem-cells = <&plain>;", []),
        ("gpio-ranges = <&plain 0>;", [("XA511", "gpio-ranges", 0)]),  # it ends too soon
    ],
)
def test_a_node_that_supplies_no_such_thing(
    more: str, expected: list[tuple[str, str | None, int | None]]
) -> None:
    assert told(more, FIXED, PLAIN) == expected


# --- interrupts-extended -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<0xfde8 0 2 4>", []),
        ("<0x55 1>", [("XA511", 0)]),
        ("<0xfde8 0 2 4>, <0x55 1>", [("XA511", 4)]),
        ("<0xfde8 0 2>", [("XA511", 0)]),
        ("<0xfde8 0 2 4>, <0xfde8 0>", [("XA511", 4)]),
        ("<&pic 1>, <0xfde8 0 2 4>", []),
        ("[00 00]", [("XA511", 0)]),
    ],
)
def test_interrupts_extended(value: str, expected: list[tuple[str, int]]) -> None:
    pic = "pic: pic { interrupt-controller; #interrupt-cells = <1>; };"
    extended = f"interrupts-extended = {value};"
    assert [(f.code, f.cell) for f in found(extended, pic)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<0 1 0xfde8 0 2 4>", []),
        ("<0 1 &pic 0 7>, <0 2 0xfde8 0 2 4>", []),
        ("<0 1 0x55 1>", [("XA511", 2)]),  # the host's phandle
        ("<0 1 0xfde8 0 0 0 2 4>", [("XA511", 8)]),  # the unit address of the host's GIC
        ("<0 1 0xfde8 0 2>", [("XA511", 2)]),
        ("<0 1 0xfde8 0 2 4>, <0>", [("XA511", 8)]),
        ("<0 1 &outside 3>", [("XA513", 2)]),
        ("[00 00]", [("XA511", None)]),
    ],
)
def test_interrupt_map(value: str, expected: list[tuple[str, int]]) -> None:
    pic = "pic: pic { interrupt-controller; #address-cells = <1>; #interrupt-cells = <1>; };"
    outside = "outside: outside { interrupt-controller; #interrupt-cells = <1>; };"
    nexus = f"#address-cells = <1>; #interrupt-cells = <1>; interrupt-map = {value};"
    assert [(f.code, f.cell) for f in found(nexus, pic, before=outside)] == expected


# --- XA515: /gic ---------------------------------------------------------------------------------


@pytest.mark.parametrize("xen", ["4.17", "4.18", "4.19", "4.20", "4.22"])
def test_a_gic_node_without_phandle(xen: str) -> None:
    """Up to 4.19 the guest's GIC then has phandle 0."""
    told = [(f.code, f.severity, f.routes) for f in found("", before="gic { };", xen=xen)]
    old = xen in ("4.17", "4.18", "4.19")
    assert told == ([("XA515", "error", ("dom0less",))] if old else [])


def test_a_gic_node_with_the_phandle_of_both_routes() -> None:
    assert told("", before="gic { phandle = <0xfde8>; };") == []


def test_a_gic_node_with_a_phandle_of_its_own_is_for_dom0less_alone() -> None:
    text = passthrough(clock(), before=GIC, parent="&gic")
    (one,) = about(text, context(None))
    assert (one.code, one.severity, one.routes, one.prop) == (
        *("XA515", "note", ("xl",)),
        "interrupt-parent",
    )


def test_a_tree_with_gic_for_a_guest_of_xl_is_broken() -> None:
    tree = read_blob(blob(passthrough(clock(), before=GIC, parent="&gic")), "p.dtb")
    view = View(tree, context(None), parse("device_tree = 'p.dtb'\n", "dom.cfg"))
    assert [(f.severity, f.routes) for f in gic_phandle(view)] == [("error", ("xl",))]


def test_naming_0xfde8_beside_a_gic_node_of_another_phandle() -> None:
    (one,) = about(passthrough(clock(), before=GIC), context(None))
    assert (one.code, one.severity, one.routes) == ("XA515", "error", ("dom0less",))
    assert "0x77" in one.message


def test_the_phandle_0xfde8_of_gic_is_refused_by_4_22_and_told_once() -> None:
    text = passthrough(clock(), before="gic { phandle = <0xfde8>; };")
    found = [f.code for f in everything(text, context(None, "4.22")) if f.code != "XA413"]
    assert found == ["XA512"]


# --- XA516: twice --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "before", "expected"),
    [
        ("a { phandle = <1>; }; b { phandle = <2>; };", "", []),
        ("a { phandle = <1>; }; b { phandle = <1>; };", "", ["XA516"]),
        ("a { phandle = <0xfde8>; };", "", ["XA516"]),
        ("a { phandle = <0xfde8>; };", "gic { phandle = <0xfde8>; };", ["XA516"]),
        ("a { phandle = <0x77>; };", GIC, ["XA515", "XA516"]),
        ("a { phandle = <1>; };", "b { phandle = <1>; };", []),  # which is not copied
    ],
)
def test_a_phandle_is_one_nodes(nodes: str, before: str, expected: list[str]) -> None:
    assert codes(about(passthrough(nodes, clock(), before=before), context(None))) == expected
