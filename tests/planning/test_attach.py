"""--attach-overlay: what is refused, what goes along, what stays, and what numbers become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.answers import codes, of
from tests.conftest import BOARDS
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.draft import Cells, DraftNode, Ref
from xenassign.devicetree.phandle_cells import phandle_cells
from xenassign.devicetree.tree import Tree
from xenassign.outputs.attach.decide import AttachPlan, decide, decide_attach
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import decide_system
from xenassign.xen.releases import RELEASES, release

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

CLOCK = "/pl031@9010000"


def made(plan: Plan, host: str | Tree, *devices: str, **options: Any) -> AttachPlan:
    tree = read_blob(BOARDS[host].read_bytes(), host) if isinstance(host, str) else host
    options = {"policy": "trust", "attach_overlay": True, **options}
    return decide_attach(tree, plan(tree, *devices, **options))


def overlay_codes(found: AttachPlan) -> set[str]:
    return set(codes(found))


def nodes(found: AttachPlan) -> dict[str, DraftNode]:
    """The outermost nodes of the overlay by their paths."""
    return {
        f"{fragment.target.rstrip('/')}/{node.name}": node
        for fragment in found.fragments
        for node in fragment.nodes
    }


@pytest.mark.parametrize("xen", RELEASES)
def test_what_each_release_says(plan: Plan, xen: str) -> None:
    """Of a device at the root, of one below a bus, and of one with a device below it."""
    found = [
        overlay_codes(made(plan, host, device, xen=xen))
        for host, device in (("qemu", CLOCK), ("zynqmp", "ethernet0"), ("zynqmp", "usb@ff9d0000"))
    ]
    old, note = {"XA011"}, {"XA012"}
    assert found == {
        "4.17": [old, old, old],
        "4.18": [old, old, old],
        "4.19": [{"XA012", "XA015"}, note, {"XA012", "XA013"}],
        "4.20": [note, note, {"XA012", "XA013"}],
        "4.21": [note, note, {"XA012", "XA013"}],
        "4.22": [note, note, note],
    }.get(xen, [note, note, note])


def test_nothing_is_said_unasked(board: Callable[[str], Tree]) -> None:
    request = Request((CLOCK,), release=release("4.18"))
    for asked in (False, True):
        requested = SystemRequest((replace(request, attach_overlay=asked),))
        assert (decide(decide_system(board("qemu"), requested)) is not None) is asked


def test_a_node_goes_with_its_subtree_and_its_numbers(plan: Plan) -> None:
    found = made(plan, "zynqmp", "ethernet0")
    (path, node), *more = nodes(found).items()
    assert (path, more) == ("/axi/ethernet@ff0e0000", [])
    assert [n.name for n in node.walk()] == ["ethernet@ff0e0000", "mdio", "ethernet-phy@c"]
    phy = node.get("phy-handle")
    power = node.get("power-domains")
    assert phy is not None and phy.pieces == (Cells((Ref("node0"),)),)  # noqa: PT018
    assert power is not None and power.pieces == (Cells((0xE, 0x20)),)  # noqa: PT018
    assert power.comment == "0xe is /firmware/zynqmp-firmware"
    assert [n.label for n in node.walk()] == [None, None, "node0"]
    assert node.get("phandle") is None


def test_only_devices_are_marked_and_not_for_a_direct_map_domain(plan: Plan) -> None:
    options: dict[str, Any] = {"routes": ("dom0less",), "direct_map": True}
    options["static_memory"] = ((0x80000000, 256 << 20),)
    for more, marked in (({}, True), (options, False)):
        found = made(plan, "qemu", CLOCK, **more)
        assert found.marked is marked
        assert (nodes(found)[CLOCK].get("xen,passthrough") is not None) is marked
    (node,) = nodes(made(plan, "zynqmp", "ethernet0")).values()
    marks = [n.name for n in node.walk() if n.get("xen,passthrough")]
    assert marks == ["ethernet@ff0e0000"]


def test_a_mark_that_is_there_is_not_written_twice(plan: Plan, variant: Variant) -> None:
    tree = variant("qemu", f"&{{{CLOCK}}} {{ xen,passthrough; }};")
    node = nodes(made(plan, tree, CLOCK))[CLOCK]
    assert [prop.name for prop in node.properties].count("xen,passthrough") == 1


def test_nodes_of_one_parent_share_a_fragment(plan: Plan) -> None:
    found = made(plan, "qemu", "/pl061@9030000", CLOCK)
    (fragment,) = found.fragments
    assert fragment.target == "/"
    assert set(nodes(found)) == {CLOCK, "/pl061@9030000"}
    assert set(found.removed) == {CLOCK, "/pl061@9030000"}


def test_a_disabled_device_below_that_nobody_named_stays_out(plan: Plan, variant: Variant) -> None:
    """Else the domain that is attached to would get it, or dom0."""
    more = """/ { bus@a100000 { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>;
        ranges; reg = <0 0xa100000 0 0x10000>;
        on@a101000 { compatible = "x,on"; reg = <0 0xa101000 0 0x1000>; };
        off@a102000 { compatible = "x,off"; reg = <0 0xa102000 0 0x1000>; status = "disabled"; };
    }; };"""
    found = made(plan, variant("qemu", more), "/bus@a100000", xen="4.22")
    (node,) = nodes(found).values()
    assert [n.name for n in node.walk()] == ["bus@a100000", "on@a101000"]


def test_a_supplier_that_is_left_out_is_missed(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    more = """/ { bus@a100000 { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>;
        ranges; reg = <0 0xa100000 0 0x10000>;
        on@a101000 { compatible = "x,on"; reg = <0 0xa101000 0 0x1000>; clocks = <&off>; };
        off: off@a102000 { compatible = "x,off"; reg = <0 0xa102000 0 0x1000>;
            status = "disabled"; #clock-cells = <0>; };
    }; };"""
    (finding,) = of(made(plan, variant("qemu", more), "/bus@a100000", xen="4.22"), "XA014")
    wording(finding)


def test_a_disabled_neighbour_with_the_interrupt_is_told(plan: Plan, variant: Variant) -> None:
    more = """/ { old@a100000 { compatible = "x,old"; reg = <0 0xa100000 0 0x1000>;
        interrupts = <0 2 4>; status = "disabled"; }; };"""
    found = made(plan, variant("qemu", more), CLOCK)
    (finding,) = of(found, "XA017")
    assert finding.severity == "warning"
    assert finding.node == "/old@a100000"
    assert found.added == (CLOCK,)
    assert found.removed == (CLOCK, "/old@a100000")


def test_registers_within_those_of_the_outer_node_are_given_with_it(
    plan: Plan, variant: Variant
) -> None:
    """What the inner one has beside them is not."""
    more = """/ {{ outer@a100000 {{ compatible = "x,outer"; reg = <0 0xa100000 0 0x2000>;
        #address-cells = <2>; #size-cells = <2>; ranges;
        inner@a101000 {{ compatible = "x,inner"; reg = <0 0xa101000 0 0x1000>; {} }};
    }}; }};"""
    for extra, wanted in (("", []), ("interrupts = <0 50 4>;", ["XA013"])):
        found = made(plan, variant("qemu", more.format(extra)), "/outer@a100000", xen="4.20")
        assert [finding.code for finding in of(found, "XA013")] == wanted


def test_a_dom0less_domain_has_to_be_direct_map(plan: Plan) -> None:
    assert overlay_codes(made(plan, "qemu", CLOCK, routes=("dom0less",))) == {"XA012", "XA016"}
    assert overlay_codes(made(plan, "qemu", CLOCK, routes=("xl",))) == {"XA012"}
    assert overlay_codes(made(plan, "qemu", CLOCK, routes=("dom0less", "xl"))) == {"XA012"}


def test_the_masters_of_a_legacy_smmu_stay(plan: Plan, wording: Wording) -> None:
    (finding,) = of(made(plan, "juno", "/hdlcd@7ff60000"), "XA018")
    assert finding.severity == "error"
    wording(finding)


def test_phandles_of_an_interrupt_map(compiled: Callable[[str], Tree]) -> None:
    tree = compiled("""/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;
        one: one { #interrupt-cells = <1>; interrupt-controller; #address-cells = <0>; };
        two: two { #interrupt-cells = <2>; interrupt-controller; #address-cells = <1>; };
        nexus { #interrupt-cells = <1>; #address-cells = <2>;
            interrupt-map = <0 0 1 &one 7>, <0 0 2 &two 0 8 9>, <0 0 3 &one 5>; };
        bare { #interrupt-cells = <1>; interrupt-map = <1 &one 7>, <2 0x77 7>; };
    };""")
    found = {}
    for path in ("/nexus", "/bare"):
        node = tree.find(path)
        assert node is not None
        cells = phandle_cells(tree, node, node.properties["interrupt-map"])
        found[path] = [(c.at, c.provider.path if c.provider else None) for c in cells]
    assert found == {"/nexus": [(3, "/one"), (8, "/two"), (15, "/one")], "/bare": [(1, "/one")]}
