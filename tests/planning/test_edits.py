"""Properties that the user sets or drops on a device's node in the guest."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.draft import DraftNode, DraftProperty, encode
from xenassign.devicetree.phandle_properties import phandle_properties
from xenassign.devicetree.source.writer import to_dts
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.outputs.report.plan_json import plan as plan_json
from xenassign.planning.plan import DomainPlan
from xenassign.request.keys.domain_devices import PROPERTY_VALUE
from xenassign.request.property_edits import PropertyEdit, pieces, refusal

Plan = Callable[..., DomainPlan]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

GEM = "/axi/ethernet@ff0e0000"


def put(name: str, value: Any, device: str = GEM) -> PropertyEdit:
    return PropertyEdit(device, name, pieces(name, value))


def drop(name: str, device: str = GEM) -> PropertyEdit:
    return PropertyEdit(device, name, None)


def guest_node(files: dict[str, bytes]) -> Node:
    node = read_blob(files["domu1.dtb"]).find("/passthrough/ethernet@ff0e0000")
    assert node is not None
    return node


CASES: list[tuple[Any, bytes]] = [
    (True, b""),
    ("rgmii-id", b"rgmii-id\0"),
    ("", b"\0"),
    ('ü "quoted" \\ ', 'ü "quoted" \\ \0'.encode()),
    (["a", "bc"], b"a\0bc\0"),
    (0, struct.pack(">I", 0)),
    (1000, struct.pack(">I", 1000)),
    (0xFFFF_FFFF, struct.pack(">I", 0xFFFF_FFFF)),
    (0x1_0000_0000, struct.pack(">Q", 1 << 32)),
    ((1 << 64) - 1, b"\xff" * 8),
    ([1, 0x1000], struct.pack(">2I", 1, 0x1000)),
    ({"bytes": "00 0a35 00\t00 FF"}, b"\x00\x0a\x35\x00\x00\xff"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
@pytest.mark.parametrize("name", ["phy-mode", "max-speed", "x,new#1"])
def test_values(generate: Generate, name: str, value: Any, expected: bytes) -> None:
    """A property of the host's node is replaced, another one added; nothing else changes."""
    plain = guest_node(generate("zynqmp", GEM)[1])
    plan, files, refused = generate("zynqmp", GEM, edits=(put(name, value),))
    assert not refused
    made = guest_node(files)
    assert made.properties[name].value == expected
    same = {key: prop.value for key, prop in plain.properties.items() if key != name}
    assert {key: p.value for key, p in made.properties.items() if key != name} == same
    source = files["domu1.dts"].decode()
    assert re.search(rf"/\* set, as requested \*/\n\s*{re.escape(name)}( = |;)", source)
    (device,) = plan_json(plan)["devices"]
    assert device["edits"] == [{"property": name, "action": "set"}]


VALUES = st.one_of(
    st.just(True),
    st.integers(0, (1 << 64) - 1),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=4),
    st.lists(st.text('ab/*\n"\\', max_size=4), min_size=1, max_size=3),
    st.binary(min_size=1, max_size=6).map(lambda data: {"bytes": data.hex(" ")}),
)


@settings(max_examples=40, deadline=None)
@given(value=VALUES)
def test_dtc_makes_the_same_bytes_of_the_source(value: Any) -> None:
    assert PROPERTY_VALUE.wrong(value) is None
    prop = DraftProperty("x,y", pieces("x,y", value), "set, as requested")
    source = "/dts-v1/;\n" + to_dts(DraftNode("", (prop,)))
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert read_blob(done.stdout).root.properties["x,y"].value == encode(prop, {})


def test_a_property_is_dropped(generate: Generate) -> None:
    plan, files, refused = generate("zynqmp", GEM, edits=(drop("phy-mode"),))
    assert not refused
    assert not guest_node(files).has("phy-mode")
    assert "/* phy-mode dropped: as requested */" in files["domu1.dts"].decode()
    (device,) = plan_json(plan)["devices"]
    assert device["edits"] == [{"property": "phy-mode", "action": "dropped"}]


def test_a_dropped_list_of_phandles_goes_with_its_names_and_stubs(generate: Generate) -> None:
    plan, files, refused = generate("zynqmp", GEM, edits=(drop("clocks"),))
    assert not refused
    node = guest_node(files)
    assert not node.has("clocks")
    assert not node.has("clock-names")
    source = files["domu1.dts"].decode()
    assert "/* clocks dropped: as requested */" in source
    assert "fixed-clock" not in source
    told = [s for s in plan.devices[0].suppliers if s.property == "clocks"]
    assert {(s.action, s.why) for s in told} == {("dropped", "as requested")}
    assert any(s.required for s in told)
    codes = {finding.code for finding in plan.findings}
    assert "XA501" not in codes  # no rate is asked for
    assert "XA506" in codes  # but the driver cannot do without


def test_what_the_guest_has_not_anyway_may_be_dropped(generate: Generate) -> None:
    files = generate("zynqmp", GEM, edits=(drop("iommus"),))[1]
    assert files["domu1.dts"].decode().count("iommus dropped: as requested") == 1


def test_a_pattern_edits_all_that_it_names(generate: Generate) -> None:
    pattern = "/axi/timer@*"
    edits = (put("status", "okay", pattern), put("x,y", 1, pattern), drop("timer-width", pattern))
    files = generate("zynqmp", pattern, edits=edits)[1]
    nodes = [n for n in read_blob(files["domu1.dtb"]).nodes() if n.name.startswith("timer@")]
    assert len(nodes) > 1
    assert all(node.properties["x,y"].u32() == 1 for node in nodes)
    assert not any(node.has("timer-width") for node in nodes)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ((drop("nix"),), f"drop {GEM}: {GEM} has no nix; take it out of drop"),
        ((put("a", 1, "rtc0"),), "set rtc0: it is not assigned; name it as a device too"),
        ((put("a", 1), drop("a")), f"set {GEM}: a is edited twice; set it or drop it"),
        (
            (put("phy-mode", "a"), drop("phy-mode", "ethernet0")),
            f"drop ethernet0: phy-mode of {GEM} is edited twice; set it or drop it",
        ),
        (
            (put("reg", 1),),
            f"set {GEM}: reg cannot be edited: it follows from the mapping of the registers",
        ),
        ((drop("reg"),), f"drop {GEM}: reg cannot be edited: it follows"),
    ],
)
def test_edits_that_cannot_be_meant(
    plan: Plan, edits: tuple[PropertyEdit, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        plan("zynqmp", GEM, edits=edits)
    assert str(caught.value).startswith(message)


NAMES_THAT_ARE_REFUSED: tuple[str, ...] = (
    *("reg", "ranges", "dma-ranges", "phandle", "linux,phandle", "xen,reg", "xen,path", "name"),
    *("xen,force-assign-without-iommu", "interrupts", "interrupts-extended"),
    *("interrupt-parent", "interrupt-map", "interrupt-map-mask", "interrupt-controller"),
    *("#address-cells", "#size-cells", "#clock-cells", "#interrupt-cells"),
    *("", "a b", "a/b", "a{", "ä"),
)


def test_names_that_are_refused(rows: Rows) -> None:
    for sets in [True, False]:
        for name in NAMES_THAT_ARE_REFUSED:
            with rows(sets, name):
                assert refusal(name, sets)


def test_what_holds_phandles_can_be_dropped_but_not_set(rows: Rows) -> None:
    for name in sorted(rule.pattern.replace("*", "0") for rule in phandle_properties().all()):
        with rows(name):
            if name.startswith("interrupt"):
                assert "interrupts" in (refusal(name, sets=False) or "")
                continue
            assert "phandles" in (refusal(name, sets=True) or "")
            assert refusal(name, sets=False) is None


@pytest.mark.parametrize("name", ["compatible", "status", "interrupt-names", "clock-names", "a,b"])
def test_other_names_are_free(name: str) -> None:
    assert refusal(name, sets=True) is None
    assert refusal(name, sets=False) is None
