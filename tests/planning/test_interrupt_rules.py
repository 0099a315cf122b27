"""Interrupts that a guest can and cannot have (XA301 to XA310), and the marks on the host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes, of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]


@pytest.mark.parametrize("path", ["/dev@74040000", "/dev@74050000"])
def test_a_ppi_is_refused_with_its_intid(plan: Plan, path: str, wording: Wording) -> None:
    (finding,) = of(plan("tricky", path, policy="trust"), "XA301")
    assert finding.severity == "error"
    wording(finding)


@pytest.mark.parametrize("path", ["/dev@74060000", "/dev@74070000"])
def test_an_extended_interrupt_is_refused(plan: Plan, path: str, wording: Wording) -> None:
    made = plan("tricky", path, policy="trust")
    (finding,) = of(made, "XA302")
    wording(finding)
    assert not of(made, "XA301")


def test_plain_spis_are_fine_and_become_intids(plan: Plan) -> None:
    made = plan("tricky", "/dev@740f0000", policy="trust")
    assert not {c for c in codes(made) if c.startswith("XA3")}
    assert made.devices[0].irqs == (127, 128, 129)


def test_a_device_below_a_node_with_a_ppi_cannot_be_passed_by_xl(plan: Plan) -> None:
    below = "/dev@74040000/dev@74041000"
    made = plan("tricky", below, policy="trust", routes=("xl",))
    assert [f for f in made.findings if f.severity == "error"]


def test_a_device_below_a_node_with_a_ppi_is_fine_for_dom0less(plan: Plan) -> None:
    made = plan("tricky", "/dev@74040000/dev@74041000", policy="trust", routes=("dom0less",))
    assert not [f for f in made.findings if f.severity == "error"]


@pytest.mark.parametrize(("spi", "refused"), [(959, False), (960, True), (987, True)])
def test_intids_above_991_are_refused(
    plan: Plan, variant: Variant, spi: int, refused: bool
) -> None:
    tree = variant(
        "tricky",
        f'/ {{ dev@7e000000 {{ compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        f" interrupts = <0 {spi} 4>; }}; }};",
    )
    assert bool(of(plan(tree, "/dev@7e000000", policy="trust"), "XA303")) == refused


@pytest.mark.parametrize(("spi", "used"), [(32, True), (301, True), (303, False), (44, False)])
def test_a_line_that_xen_uses_is_refused(
    plan: Plan, variant: Variant, spi: int, used: bool
) -> None:
    """32: the console's, 301: an SMMU's; 303: that of an IOMMU Xen doesn't drive."""
    tree = variant(
        "tricky",
        f'/ {{ dev@7e000000 {{ compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        f" interrupts = <0 {spi} 4>; }}; }};",
    )
    made = plan(tree, "/dev@7e000000", policy="trust")
    assert bool(of(made, "XA304")) == used
    assert bool(of(made, "XA305")) == (not used)


def test_another_console_frees_the_line(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " interrupts = <0 32 4>; }; };",
    )
    made = plan(tree, "/dev@7e000000", policy="trust", xen_console="none")
    assert not of(made, "XA304")
    assert of(made, "XA305")


def test_a_line_shared_with_a_host_device_names_it(plan: Plan, wording: Wording) -> None:
    (finding,) = of(plan("tricky", "/dev@740a0000", policy="trust"), "XA305")
    wording(finding)


def test_both_devices_of_a_line_may_go_together(plan: Plan) -> None:
    made = plan("tricky", "/dev@740a0000", "/dev@740b0000", policy="trust")
    assert not of(made, "XA305")
    assert [device.irqs for device in made.devices] == [(112,), (112,)]


def test_one_line_twice_in_a_device_is_one_intid(plan: Plan) -> None:
    made = plan("zynqmp", "ethernet0")
    assert made.devices[0].irqs == (95,)
    assert not of(made, "XA309")


def test_intid_32_needs_a_domain_without_vpl011(plan: Plan) -> None:
    assert of(plan("tricky", "/dev@74080000", policy="trust"), "XA306")
    assert not of(plan("tricky", "/dev@74080000", policy="trust", vpl011=False), "XA306")


def test_an_interrupt_that_ends_elsewhere_is_told(plan: Plan) -> None:
    found = of(plan("tricky", "/dev@74020000", policy="trust"), "XA307")
    assert [f.message.rpartition(" ")[2] for f in found] == [
        "/gpio@74000000",
        "/interrupt-controller@f2000000",
    ]


def test_not_so_when_the_controller_is_assigned_too(plan: Plan) -> None:
    made = plan("tricky", "/dev@74020000", "/gpio@74000000", policy="trust")
    assert [f.message.rpartition(" ")[2] for f in of(made, "XA307")] == [
        "/interrupt-controller@f2000000"
    ]


def test_virtio_mmio_intids_are_noted_for_xl_only(plan: Plan) -> None:
    path = "/dev@74090000"
    found = of(plan("tricky", path, policy="trust"), "XA308")
    assert len(found) == 3
    assert all(f.severity == "note" and f.routes == ("xl",) for f in found)
    assert not of(plan("tricky", path, policy="trust", routes=("dom0less",)), "XA308")


def test_two_triggers_of_one_line_are_refused(plan: Plan) -> None:
    both = ("/dev@740c0000", "/dev@740d0000")
    found = of(plan("tricky", *both, policy="trust"), "XA309")
    assert found
    assert all(f.severity == "error" for f in found)
    assert not of(plan("tricky", "/dev@740a0000", "/dev@740b0000", policy="trust"), "XA309")


def test_one_device_with_two_triggers_of_a_line_is_refused(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " interrupts = <0 400 4>, <0 400 1>; }; };",
    )
    assert of(plan(tree, "/dev@7e000000", policy="trust"), "XA309")


def test_a_board_without_gic_is_refused(plan: Plan, compiled: Callable[[str], Tree]) -> None:
    tree = compiled(
        "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;"
        ' dev@1000 { compatible = "arm,pl031"; reg = <0x9000000 0x1000>; }; };'
    )
    assert of(plan(tree, "/dev@1000"), "XA310")
    assert not of(plan("tricky", "/dev@740f0000"), "XA310")


# --- marks on the host ---------------------------------------------------------------------------


def marked(plan: DomainPlan) -> list[str]:
    return [mark.path for mark in plan.marks]


def test_every_assigned_device_is_marked_nested_ones_too(plan: Plan) -> None:
    made = plan("tricky", "/wrapper@7a000000", policy="trust")
    assert marked(made) == [device.path for device in made.devices]


def test_disabled_alternatives_that_hold_a_line_are_marked_with_the_reason(plan: Plan) -> None:
    made = plan("tricky", "/alt@71000000/spi@0", policy="trust")
    assert marked(made) == [
        "/alt@71000000/spi@0",
        "/alt@71000000/i2c@0",
        "/alt@71000000/serial@0",
    ]
    assert all("INTID 72" in mark.why for mark in made.marks[1:])


def test_nothing_else_is_marked(plan: Plan) -> None:
    assert marked(plan("qemu", "/pl031@9010000")) == ["/pl031@9010000"]
    assert marked(plan("tricky", "/bus@7b000000")) == ["/bus@7b000000/ethernet@1000"]


def test_no_node_is_marked_twice(plan: Plan) -> None:
    made = plan("tricky", "/alt@71000000/spi@0", "/alt@71000000/i2c@0", policy="trust")
    assert sorted(marked(made)) == sorted(set(marked(made)))


@pytest.mark.parametrize(("xen", "code"), [("4.20", "XA303"), ("4.21", "XA748"), ("4.22", "XA748")])
def test_an_extended_spi_of_type_0_needs_a_build(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]],
    variant: Variant,
    xen: str,
    code: str,
) -> None:
    tree = variant(
        "qemu",
        '&{/} { dev@70000000 { compatible = "xenassign,x"; reg = <0 0x70000000 0 0x1000>;'
        " interrupts = <0 4129 4>; }; };",
    )
    made, files, refused = generate(tree, "/dev@70000000", policy="trust", xen=xen)
    assert [f.code for f in made.findings if f.code in ("XA302", "XA303", "XA748")] == [code]
    assert bool(refused) == (code == "XA303")
    if not refused:
        assert b"4161" in files["domu1.cfg"]


def test_an_extended_spi_of_type_2_names_the_form_that_works(plan: Plan) -> None:
    for xen, known in (("4.20", False), ("4.22", True)):
        (finding,) = of(plan("tricky", "/dev@74060000", policy="trust", xen=xen), "XA302")
        assert ("GICV3_ESPI" in finding.fix) == known
