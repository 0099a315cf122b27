"""Rules about the form of a partial device tree."""

from __future__ import annotations

import re

import pytest

from tests.answers import codes
from xenassign.findings import Finding

from .trees import BUS, FORCE, about, clock, context, everything, passthrough


def found(text: str) -> list[Finding]:
    return about(text, context(None))


def told(text: str) -> list[tuple[str, str | None, str | None]]:
    """(code, node, property)."""
    return [(f.code, f.node, f.prop) for f in found(text)]


DEVICE = "/passthrough/pl031@9010000"


def test_a_good_tree() -> None:
    assert told(passthrough(clock())) == []


# --- XA805: status -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "wrong"),
    [("okay", False), ("ok", False), ("disabled", True), ("reserved", True), ("fail", True)],
)
def test_a_device_that_the_guest_is_told_to_leave_alone(status: str, wrong: bool) -> None:
    text = passthrough(clock(f'status = "{status}";'))
    assert told(text) == ([("XA805", DEVICE, "status")] if wrong else [])


def test_a_disabled_bus_above_devices_is_told_once() -> None:
    bus = f'bus {{ {BUS} status = "disabled"; {clock()} }};'
    assert told(passthrough(bus)) == [("XA805", "/passthrough/bus", "status")]


def test_a_disabled_node_that_is_no_device_for_xen_is_no_mistake() -> None:
    assert told(passthrough(clock(), 'led { status = "disabled"; };')) == []


# --- XA806, XA807, XA812: the bus ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("compatible", "wrong"),
    [
        ('compatible = "simple-bus";', False),
        ('compatible = "xlnx,bus", "simple-bus";', False),
        ('compatible = "simple-mfd";', False),
        ('compatible = "simple-pm-bus";', False),
        ('compatible = "xen,passthrough";', True),
        ("", True),
    ],
)
def test_passthrough_is_a_bus(compatible: str, wrong: bool) -> None:
    text = passthrough(clock()).replace('compatible = "simple-bus";', compatible)
    expected = [("XA806", "/passthrough", "compatible")] if wrong else []
    assert told(text) == expected


def test_a_passthrough_of_mappings_alone_needs_no_compatible() -> None:
    pages = f"pages {{ xen,reg = <0 0x9020000 0 0x1000 0 0x9020000>; {FORCE} }};"
    text = passthrough(pages).replace('compatible = "simple-bus";', "")
    assert told(text) == []


def test_a_passthrough_that_is_the_device_is_no_bus() -> None:
    device = 'compatible = "x,y"; xen,path = "/x"; xen,reg;'
    assert "XA806" not in codes(
        about(f"/dts-v1/; / {{ passthrough {{ {device} }}; }};", context(None))
    )


@pytest.mark.parametrize("buses", [0, 1, 2])
def test_a_bus_without_ranges(buses: int) -> None:
    """Each bus on the way to the device, once for all devices below it."""
    below = clock()
    for number in range(buses):
        below = f"bus{number} {{ {BUS} {below} }};"
    text = passthrough(below).replace("ranges;", "")
    assert {code for code, _, _ in told(text)} == {"XA807"}
    assert len(told(text)) == buses + 1


def test_a_bus_of_which_nothing_is_mapped_needs_no_ranges() -> None:
    mdio = "mdio { #address-cells = <1>; #size-cells = <0>; phy@1 { reg = <1>; }; };"
    assert told(passthrough(clock(mdio))) == []


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        ("#address-cells = <2>; #size-cells = <1>;", False),
        ("#address-cells = <2>;", True),
        ("#size-cells = <1>;", True),
        ("", True),
    ],
)
def test_a_bus_without_cells(cells: str, wrong: bool) -> None:
    """All are 2 and 1: stated, or taken by Xen."""
    text = passthrough(clock()).replace("#address-cells = <2>; #size-cells = <2>; ranges", "ranges")
    text = text.replace("ranges;", f"ranges; {cells}").replace("0x0 0x1000", "0x1000")
    assert told(text) == ([("XA812", "/passthrough", None)] if wrong else [])


# --- XA808: aliases ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (DEVICE, False),
        ("/passthrough", False),
        (f"{DEVICE}:115200n8", False),
        ("/pl031@9010000", True),
        ("/gone", True),
        ("/outside", True),
    ],
)
def test_aliases_name_nodes_of_the_guest(path: str, wrong: bool) -> None:
    before = f'aliases {{ rtc0 = "{path}"; }}; outside {{ }};'
    expected = [("XA808", "/aliases", "rtc0")] if wrong else []
    assert told(passthrough(clock(), before=before)) == expected


# --- XA809: properties for Xen -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("xen,regs", "drop it"),
        ("xen-reg", "drop it"),
        ("xen,passthrough", "host's tree"),
        ("xen,enhanced", "drop it"),
        ("xen,id", None),
        ("xen,offset", None),
        ("xenia,reg", None),
        ("reg-names", None),
    ],
)
def test_properties_that_look_as_if_they_were_for_xen(name: str, fix: str | None) -> None:
    (*rest,) = found(passthrough(clock(f"{name};")))
    assert [f.code for f in rest] == (["XA809"] if fix else [])
    assert all(fix and fix in f.fix and f.prop == name for f in rest)


@pytest.mark.parametrize(
    ("line", "instead_of", "replacement"),
    [
        ("xen,regs = <0 0x9010000 0 0x1000 0 0x9010000>;", "xen,reg", "xen,reg"),
        ("xen,Reg = <0 0x9010000 0 0x1000 0 0x9010000>;", "xen,reg", "xen,reg"),
        ("xen-reg = <0 0x9010000 0 0x1000 0 0x9010000>;", "xen,reg", "xen,reg"),
        ('xen,paht = "/pl031@9010000";', "xen,path", "xen,path"),
        ("xen,force-assign-without-iomm;", "xen,force", "xen,force-assign-without-iommu"),
        ("xen,force;", "xen,force", None),  # more than a typing error
        ("xen,regs = <0 0x9010000 0 0x1000>;", "xen,reg", None),  # not that many cells
        ("xen,paht = <1>;", "xen,path", None),
        ('xen,paht = "/pl031@9010000";', "nothing", None),  # it has xen,path
        ('xen,paht = "/a"; xen,pat = "/b";', "xen,path", None),
    ],
)
def test_a_property_is_corrected_only_if_it_is_certain(
    line: str, instead_of: str, replacement: str | None
) -> None:
    node = re.sub(f"{instead_of}[^;]*;", "", clock()).replace("};", f"{line} }};")
    findings = [f for f in found(passthrough(node)) if f.code == "XA809"]
    assert {finding.replacement for finding in findings} == {replacement}


def test_passthrough_itself_is_looked_at_too() -> None:
    assert told(passthrough("xen,passthrough;", clock())) == [
        ("XA809", "/passthrough", "xen,passthrough")
    ]


# --- XA810, XA811: compatible --------------------------------------------------------------------


def test_a_device_without_compatible() -> None:
    text = passthrough(clock().replace('compatible = "x,y";', ""))
    assert told(text) == [("XA810", DEVICE, None)]


@pytest.mark.parametrize(
    "node",
    [
        f"pages {{ xen,reg = <0 0x9020000 0 0x1000 0 0x9020000>; {FORCE} }};",
        f'irqs {{ xen,path = "/x"; xen,reg; {FORCE} }};',
    ],
)
def test_a_node_for_xen_alone_needs_no_compatible(node: str) -> None:
    assert told(passthrough(clock(), node)) == []


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ('"acme,gem", "x"', False),
        ('"acme,gem\\0x"', False),  # dtc makes the same of it
        ('"acme,gem\\\\0x"', True),
        ('"acme,gem\\01x"', True),
        ('"two words"', True),
        ('""', True),
        ("[63]", True),
        ("<1>", True),
    ],
)
def test_a_compatible_written_as_one_string_with_an_escaped_nul(value: str, wrong: bool) -> None:
    text = passthrough(clock().replace('"x,y"', value))
    assert told(text) == ([("XA811", DEVICE, "compatible")] if wrong else [])


# --- XA813: more paths ---------------------------------------------------------------------------


def test_xen_path_with_two_paths() -> None:
    text = passthrough(clock().replace('"/pl031@9010000"', '"/pl031@9010000", "/pl061@9030000"'))
    assert told(text) == [("XA813", DEVICE, "xen,path")]


# --- together ------------------------------------------------------------------------------------


def test_a_misspelt_property_is_rejected_and_named() -> None:
    text = passthrough(clock().replace("xen,reg", "xen,regs"))
    assert {f.code for f in everything(text, context(None))} == {"XA411", "XA809", "XA215"}
