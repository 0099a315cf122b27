"""Whole pages: rounding, and what else lies in them (XA201, XA202, XA208)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.checks import shared_pages
from xenassign.checks.machine_control import Control, control
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Accepted
from xenassign.xen.board import Board

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

GPIO, PINS = "/soc/gpio@e6050180", "/soc/pinctrl@e6050000"


@pytest.mark.parametrize(
    ("address", "size", "expected"),
    [
        (0x1000, 0x1000, (0x1000, 0x1000)),
        (0x1000, 1, (0x1000, 0x1000)),
        (0x1FFF, 1, (0x1000, 0x1000)),
        (0x1FFF, 2, (0x1000, 0x2000)),
        (0x1F00, 0x200, (0x1000, 0x2000)),
        (0x1000, 0x1001, (0x1000, 0x2000)),
        ((1 << 48) - 1, 1, ((1 << 48) - 0x1000, 0x1000)),
    ],
)
def test_blocks_are_rounded_out(address: int, size: int, expected: tuple[int, int]) -> None:
    assert Block(address, size, 0).pages == Span.sized(*expected)


def test_a_small_block_is_mapped_as_a_page_and_keeps_its_offset(plan: Plan) -> None:
    made = plan("tricky", "/timer@70000f00", policy="trust")
    (placed,) = made.devices[0].placed
    assert (placed.mapping.host, placed.mapping.size) == (0x70000000, 0x2000)
    assert placed.guest == 0x70000F00
    assert placed.rounded


def test_a_shared_page_names_every_neighbour(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("rcar", GPIO), "XA201")
    wording(finding)
    assert finding.severity == "error"
    assert finding.node == GPIO


MSI = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    gic: gic@8000000 { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>; };
    msi@20000000 { compatible = "acme,mip"; MARK
        reg = <0 0x20000000 0 0xc0>, <0xff 0xfffff000 0 0x1000>; };
    msi@20001000 { compatible = "acme,mip"; MARK
        reg = <0 0x20001000 0 0xc0>, <0xff 0xfffff000 0 0x1000>; };
};
"""


@pytest.mark.parametrize(("mark", "count"), [("msi-controller;", 0), ("", 1)])
def test_the_address_of_messages_is_that_of_every_msi_controller(
    plan: Plan, compiled: Callable[[str], Tree], mark: str, count: int
) -> None:
    tree = compiled(MSI.replace("MARK", mark))
    made = plan(tree, "/msi@20000000", policy="trust")
    assert len(of(made, "XA201")) == count


def test_thousands_of_nodes_in_one_page_take_linear_time(
    variant: Variant, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Node] = []

    def counted(board: Board, scope: Scope, node: Node) -> Control:
        asked.append(node)
        return control(board, scope, node)

    monkeypatch.setattr("xenassign.planning.placement.control", counted)
    for count, message in (
        (
            shared_pages.MOST,
            f"/d@{0x9090000 + shared_pages.MOST:x} (page 0x9090000), which are",
        ),
        (1000, f"more than {shared_pages.MOST} nodes, for example /d@9090001, which are"),
    ):
        nodes = "".join(
            f'd@{0x9090000 + at:x} {{ compatible = "a,b"; reg = <0 {0x9090000 + at:#x} 0 1>; }};'
            for at in range(count + 1)
        )
        tree = variant("qemu", f"/ {{ {nodes} }};")
        (finding,) = of(plan(tree, "/d@9090000", policy="trust"), "XA201")
        assert message in finding.message
    assert finding.fix == "leave it to the host"
    assert len(asked) <= shared_pages.MOST + 1


def test_the_fix_names_both_ways_out(plan: Plan) -> None:
    (finding,) = of(plan("rcar", GPIO), "XA201")
    assert f"--allow-shared-page {GPIO} and --allow-machine-control {GPIO}" in finding.fix
    (finding,) = of(plan("rcar", GPIO, shared=(PINS,), controls=(GPIO,)), "XA201")
    assert "-d /soc/gpio@e6050980" in finding.fix
    assert "--allow-shared-page /soc/gpio@e6050980" in finding.fix


def test_a_block_that_reaches_into_the_next_page_meets_those_there(
    plan: Plan, wording: Wording
) -> None:
    wording(*of(plan("tricky", "/timer@70000f00"), "XA201"))


def test_a_disabled_neighbour_counts_and_is_called_disabled(plan: Plan, wording: Wording) -> None:
    wording(*of(plan("tricky", "/pwm@70000000"), "XA201"))


def test_assigning_the_neighbours_too_settles_it(plan: Plan) -> None:
    four = ("/pwm@70000000", "/pwm@70000010", "/timer@70000f00", "/watchdog@70001800")
    assert not of(plan("tricky", *four), "XA201")


def test_allowing_the_device_allows_all_neighbours_with_a_warning(plan: Plan) -> None:
    made = plan("rcar", GPIO, shared=(GPIO,), controls=(GPIO,))
    assert not of(made, "XA201")
    (finding,) = of(made, "XA202")
    assert PINS in finding.message
    assert "/soc/gpio@e6050980" in finding.message
    assert finding.severity == "warning"


def test_allowing_a_neighbour_allows_that_one_only(plan: Plan) -> None:
    made = plan("rcar", GPIO, shared=(PINS,), controls=(GPIO,))
    assert [PINS in f.message for f in of(made, "XA202")] == [True]
    assert len(of(made, "XA201")) == 1
    assert PINS not in of(made, "XA201")[0].message


@pytest.mark.parametrize("shared", [GPIO, PINS])
def test_the_page_of_a_pin_controller_needs_more_than_that(
    plan: Plan, wording: Wording, shared: str
) -> None:
    (finding,) = of(plan("rcar", GPIO, shared=(shared,)), "XA201")
    assert PINS in finding.message
    wording(finding)


def test_a_disabled_description_of_the_same_registers_is_no_neighbour(plan: Plan) -> None:
    assert not of(plan("tricky", "/alt@71000000/spi@0"), "XA201")


def test_an_enabled_description_of_the_same_registers_is_one(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("tricky", "/alt@71000000/i2c@0"), "XA201")
    wording(finding)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("imx8", "/soc@0/bus@30800000/ethernet@30be0000"),
        ("imx8", "/soc@0/bus@30800000/spba-bus@30800000/serial@30860000"),
        ("ti", "/bus@f0000/bus@fc00000/spi@fc40000"),
    ],
)
def test_the_window_of_a_bus_is_no_neighbour(plan: Plan, host: str, path: str) -> None:
    assert not of(plan(host, path), "XA201")


def test_a_device_is_no_neighbour_of_its_own_child(plan: Plan) -> None:
    assert not [f for f in of(plan("zynqmp", "/axi/ams@ffa50000"), "XA201") if "ams-p" in f.message]


def test_a_child_alone_shares_with_its_parent(plan: Plan, wording: Wording) -> None:
    wording(*of(plan("zynqmp", "/axi/ams@ffa50000/ams-ps@0"), "XA201"))


def test_whole_pages_of_their_own_share_nothing(plan: Plan) -> None:
    made = plan("qemu", "/pl031@9010000")
    assert not of(made, "XA201")
    assert not of(made, "XA202")


def test_a_block_without_size_is_noted_and_not_mapped(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,z";'
        " reg = <0 0x7e000000 0 0x0>, <0 0x7e001000 0 0x1000>; }; };",
    )
    made = plan(tree, "/dev@7e000000", policy="trust")
    assert len(of(made, "XA208")) == 1
    assert [m.host for m in made.devices[0].mappings] == [0x7E001000]
    assert not of(plan("tricky", "/dev@740f0000", policy="trust"), "XA208")


def test_the_reasons_are_told(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]], wording: Wording
) -> None:
    others = "/soc/gpio@e6050980"
    for shared in (
        (Accepted(GPIO, "all ours"),),
        (Accepted(PINS, "one"), Accepted(others, "two")),
        (GPIO,),
    ):
        made, files, _ = generate("rcar", GPIO, shared=shared, controls=(GPIO,), policy="trust")
        (finding,) = of(made, "XA202")
        wording(finding)
        if files:
            source = files["domu1.dts"].decode()
            assert f"allow XA201: --allow-shared-page: {finding.message} */" in source


# --- disabled devices of the request --------------------------------------------------------------

#: A bus on which a disabled block shares a page with another, and a subsystem of the same kind
#: that has registers of its own. ``{}``: the compatible of the disabled block.
SUBSYSTEM = """/ {{ group {{
    {own} #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xb000000 0x10000>;
    mii@2000 {{ compatible = "x,mii"; reg = <0x2000 0x400>; }};
    mdio@2400 {{ compatible = "{off}"; reg = <0x2400 0x100>; status = "disabled";
        #address-cells = <1>; #size-cells = <1>; ranges = <0 0x2400 0x100>;
        part@80 {{ compatible = "x,part"; reg = <0x80 0x10>; }}; }};
}}; }};"""
BUS = 'compatible = "simple-bus";'
ITSELF = 'compatible = "x,subsystem"; reg = <0 0xb000000 0 0x2000>;'


@pytest.mark.parametrize("own", [BUS, ITSELF])
def test_a_disabled_device_of_the_request_is_no_neighbour(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]],
    variant: Variant,
    own: str,
) -> None:
    tree = variant("qemu", SUBSYSTEM.format(own=own, off="x,mdio"))
    made, files, refusals = generate(tree, "/group", policy="trust")
    assert [f.node for f in of(made, "XA105")] == ["/group/mdio@2400"]
    assert not of(made, "XA201")
    assert files
    assert not refusals  # the lint of the files agrees


def test_it_is_one_if_only_the_device_beside_it_is_requested(plan: Plan, variant: Variant) -> None:
    tree = variant("qemu", SUBSYSTEM.format(own=BUS, off="x,mdio"))
    (finding,) = of(plan(tree, "/group/mii@2000", policy="trust"), "XA201")
    assert "/group/mdio@2400 (page 0xb002000, disabled)" in finding.message


def test_it_is_one_if_it_rules_over_the_machine(plan: Plan, variant: Variant) -> None:
    tree = variant("qemu", SUBSYSTEM.format(own=BUS, off="snps,ddrc-3.80a"))
    (finding,) = of(plan(tree, "/group", policy="trust"), "XA201")
    assert "--allow-machine-control" in finding.fix
