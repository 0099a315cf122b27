"""What is decided by dom0's tree, and by any whose order is not known (XA111 to XA118)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.advice.assess import assess
from xenassign.devicetree.tree import Property, Tree
from xenassign.errors import UsageError
from xenassign.host.platform import read_platform
from xenassign.planning.plan import DomainPlan
from xenassign.request.resolve import select
from xenassign.request.select import find
from xenassign.xen.iommu import Shield
from xenassign.xen.releases import release

Plan = Callable[..., DomainPlan]
Compiled = Callable[[str], Tree]

#: A tree as Xen 4.20 makes it for dom0: what was marked is disabled, what is behind Xen's IOMMU
#: has no iommus, the console is gone.
DOM0 = """/dts-v1/;
/ {
    compatible = "test,board"; #address-cells = <1>; #size-cells = <1>;
    interrupt-parent = <&gic>;
    aliases { serial0 = "/soc/serial@1800"; mmu = "/iommu@8000"; rtc0 = &rtc; uart2 = &serial; };
    hypervisor { compatible = "xen,xen-4.20", "xen,xen"; reg = <0xb0000000 0x20000>; };
    gic: interrupt-controller {
        compatible = "arm,gic-v3"; reg = <0x1000000 0x10000>, <0x1100000 0x100000>;
        interrupt-controller; #interrupt-cells = <3>;
    };
    foreign: iommu@9000000 {
        compatible = "example,mmu"; reg = <0x9000000 0x1000>; #iommu-cells = <0>;
    };
    unbuilt: iommu@9010000 {
        compatible = "arm,smmu-v3"; reg = <0x9010000 0x20000>; #iommu-cells = <1>;
    };
    soc {
        compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
        ranges = <0x0 0x2000000 0x1000000>;
        adc@1000 { compatible = "arm,pl061"; reg = <0x1000 0x100>; status = "disabled"; };
        rtc: rtc@10000 {
            compatible = "arm,pl031"; reg = <0x10000 0x1000>; interrupts = <0 10 4>;
            status = "disabled";
        };
        ethernet@20000 {
            compatible = "cdns,gem"; reg = <0x20000 0x1000>; status = "disabled";
        };
        thing@30000 {
            compatible = "test,thing"; reg = <0x30000 0x1000>; status = "disabled";
        };
        serial: serial@40000 {
            compatible = "arm,pl011"; reg = <0x40000 0x1000>; interrupts = <0 11 4>;
        };
        foreign@50000 {
            compatible = "test,master"; reg = <0x50000 0x1000>; iommus = <&foreign>;
            status = "disabled";
        };
        unbuilt@60000 {
            compatible = "test,master"; reg = <0x60000 0x1000>; iommus = <&unbuilt 1>;
            status = "disabled";
        };
        lost@70000 {
            compatible = "test,master"; reg = <0x70000 0x1000>; iommus = <0xabc 1>;
            status = "disabled";
        };
        wrapper@80000 {
            compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
            ranges = <0x0 0x80000 0x10000>; status = "disabled";
            gpio@0 { compatible = "arm,pl061"; reg = <0x0 0x1000>; status = "disabled"; };
            gpio@1000 { compatible = "arm,pl061"; reg = <0x1000 0x1000>; };
        };
        i2c@90000 { compatible = "arm,pl061"; reg = <0x90000 0x1000>; status = "disabled"; };
        spi@90000 { compatible = "arm,pl061"; reg = <0x90000 0x1000>; status = "disabled"; };
    };
};
"""


def refusals(plan: DomainPlan) -> set[str]:
    return {finding.code for finding in plan.findings if finding.severity == "error"}


@pytest.fixture
def dom0(compiled: Compiled) -> Tree:
    return compiled(DOM0)


@pytest.fixture
def by_xl(plan: Plan, dom0: Tree) -> Plan:
    """by_xl(device…, option=…): the plan for xl."""
    return lambda *devices, **options: plan(dom0, *devices, **{"routes": ("xl",), **options})


def test_a_device_without_dma_is_given(by_xl: Plan, wording: Wording) -> None:
    made = by_xl("/soc/rtc@10000")
    assert refusals(made) == set()
    (told,) = of(made, "XA111")
    wording(told)
    (told,) = of(made, "XA113")
    assert told.severity == "note"
    assert not of(made, "XA103")
    assert not of(made, "XA114")
    device = made.devices[0]
    assert device.protection.shield is Shield.UNKNOWN
    assert device.forced


@pytest.mark.parametrize(
    ("name", "policy"), list(product(("ethernet@20000", "thing@30000"), ("auto", "strict")))
)
def test_no_protection_is_claimed_or_denied(
    by_xl: Plan, name: str, policy: str, wording: Wording
) -> None:
    made = by_xl(name, policy=policy)
    assert refusals(made) == {"XA112"}
    assert len(of(made, "XA112")) == 1
    wording(*made.findings)


def test_strict_refuses_what_does_no_dma_too(by_xl: Plan) -> None:
    assert refusals(by_xl("rtc@10000", policy="strict")) == {"XA112"}


def test_what_the_user_takes_upon_himself(by_xl: Plan, wording: Wording) -> None:
    made = by_xl("ethernet@20000", forced=("ethernet@20000",))
    assert refusals(made) == set()
    (told,) = of(made, "XA403")
    wording(told)
    assert refusals(by_xl("thing@30000", policy="trust")) == set()


def test_iommus_that_are_left_are_those_of_no_driver(by_xl: Plan) -> None:
    """handle_node takes away every IOMMU that this build of Xen has a driver for."""
    made = by_xl("foreign@50000")
    assert refusals(made) == {"XA401"}
    made = by_xl("unbuilt@60000")
    assert refusals(made) == {"XA401"}
    assert "this build of Xen has no smmu-v3 driver for /iommu@9010000" in str(made.findings)
    made = by_xl("lost@70000")
    assert refusals(made) == {"XA112"}


def test_what_dom0_has(by_xl: Plan) -> None:
    made = by_xl("serial@40000")
    (told,) = of(made, "XA114")
    assert told.node == "/soc/serial@40000"
    assert told.severity == "warning"
    assert not of(made, "XA113")


def test_what_is_disabled_below_a_device(by_xl: Plan, wording: Wording) -> None:
    made = by_xl("wrapper@80000")
    (left,) = (one for one in of(made, "XA113") if one.severity == "warning")
    assert left.node == "/soc/wrapper@80000/gpio@0"
    wording(left)
    assert not of(made, "XA105")
    (had,) = of(made, "XA114")
    assert had.node == "/soc/wrapper@80000/gpio@1000"


def test_a_disabled_one_with_the_same_registers(by_xl: Plan, wording: Wording) -> None:
    made = by_xl("i2c@90000")
    (told,) = (one for one in of(made, "XA113") if one.severity == "warning")
    wording(told)
    assert refusals(made) == set()


def test_a_page_with_what_xen_keeps(by_xl: Plan, wording: Wording) -> None:
    made = by_xl("adc@1000")
    assert refusals(made) == {"XA118"}
    (told,) = of(made, "XA118")
    wording(told)


def test_dom0less(plan: Plan, dom0: Tree) -> None:
    made = plan(dom0, "rtc@10000")
    assert refusals(made) == {"XA116"}
    assert made.request.routes == ("dom0less", "xl")


def test_the_release(by_xl: Plan, wording: Wording) -> None:
    assert not of(by_xl("rtc@10000"), "XA115")
    assert not of(by_xl("rtc@10000", xen="4.20.3"), "XA115")
    (told,) = of(by_xl("rtc@10000", xen="4.17"), "XA115")
    wording(told)


def test_a_name_of_what_xen_keeps(dom0: Tree, wording: Wording) -> None:
    node = find(dom0, "rtc0")
    assert node is not None
    assert node.path == "/soc/rtc@10000"
    for name in ("serial0", "/soc/serial@1800", "mmu"):
        with wording.raises(UsageError):
            select(dom0, [name])
    with wording.raises(UsageError):
        select(dom0, ["serial7"])


def test_every_device_is_judged_for_xl(dom0: Tree) -> None:
    found = assess(read_platform(dom0), release("4.20"))
    granted = {one.device.path for one in found.devices if one.assignable}
    assert granted == {
        "/soc/rtc@10000",
        "/soc/serial@40000",
        "/soc/wrapper@80000/gpio@0",
        "/soc/wrapper@80000/gpio@1000",
        "/soc/i2c@90000",
        "/soc/spi@90000",
    }


def test_a_board_has_none_of_these(plan: Plan) -> None:
    made = plan("zynqmp", "ethernet0")
    assert not {f"XA{number}" for number in range(111, 119)} & {f.code for f in made.findings}


# ---------------------------------------------------------------------------- the order

TWO_KINDS = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: interrupt-controller@1000000 {
        compatible = "arm,gic-v3"; reg = <0x1000000 0x10000>, <0x1100000 0x100000>;
        interrupt-controller; #interrupt-cells = <3>;
    };
    new: iommu@2000000 {
        compatible = "arm,smmu-v3"; reg = <0x2000000 0x20000>; #iommu-cells = <1>;
    };
    old: iommu@3000000 {
        compatible = "arm,mmu-500"; reg = <0x3000000 0x10000>; #iommu-cells = <1>;
        #global-interrupts = <1>;
    };
    master@8000000 { compatible = "cdns,gem"; reg = <0x8000000 0x1000>; iommus = <&new 1>; };
    rtc@9000000 { compatible = "arm,pl031"; reg = <0x9000000 0x1000>; };
};
"""


def test_the_first_iommu_of_two_kinds(plan: Plan, compiled: Compiled, wording: Wording) -> None:
    tree = compiled(TWO_KINDS)
    assert refusals(plan(tree, "master@8000000")) == set()
    live = replace(tree, ordered=False)
    made = plan(live, "master@8000000")
    assert refusals(made) == {"XA117"}
    (told,) = of(made, "XA117")
    wording(told)
    assert refusals(plan(live, "rtc@9000000")) == set()
    # A build that has only one of the drivers leaves no choice.
    assert refusals(plan(live, "master@8000000", drivers=frozenset({"smmu-v3"}))) == set()


def test_one_of_two_gics(plan: Plan, compiled: Compiled, wording: Wording) -> None:
    second = """/ { interrupt-controller@6000000 {
        compatible = "arm,gic-v3"; reg = <0x6000000 0x10000>, <0x6100000 0x100000>;
        interrupt-controller; #interrupt-cells = <3>;
    }; };"""
    tree = compiled(TWO_KINDS + second)
    assert refusals(plan(tree, "rtc@9000000")) == set()
    (told,) = of(plan(replace(tree, ordered=False), "rtc@9000000"), "XA117")
    wording(told)


def test_one_of_two_with_a_phandle(plan: Plan, compiled: Compiled, wording: Wording) -> None:
    tree = compiled(f"{TWO_KINDS}/* of its own: it is changed */")
    for name in ("rtc@9000000", "master@8000000"):
        node = tree.root.children[name]
        node.properties["phandle"] = Property("phandle", (0x77).to_bytes(4, "big"))
    assert not of(plan(tree, "rtc@9000000"), "XA117")
    (told,) = of(plan(replace(tree, ordered=False), "rtc@9000000"), "XA117")
    wording(told)
