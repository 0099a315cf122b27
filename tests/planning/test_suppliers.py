"""What becomes of each reference: copied, stubbed, kept or dropped (XA502, XA503)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import guest, guest_device, of
from tests.wording import Wording
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

ALL = "/dev@79040000"


def actions(plan: DomainPlan, path: str = ALL) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for planned in plan.devices:
        if planned.path == path:
            for supplier in planned.suppliers:
                found.setdefault(supplier.property, set()).add(supplier.action)
    return found


DROPPED = [
    "resets",
    "power-domains",
    "vqmmc-supply",
    "pinctrl-0",
    "pinctrl-1",
    "dmas",
    "reset-gpios",
    "phys",
    "nvmem-cells",
    "interconnects",
    "memory-region",
    "mboxes",
    "hwlocks",
    "io-channels",
    "msi-parent",
]


def test_each_supplier_of_the_host_has_its_action(plan: Plan) -> None:
    assert actions(plan("tricky", ALL, policy="trust")) == {
        "clocks": {"stubbed"},
        "vcc-supply": {"copied"},
        "vmmc-supply": {"stubbed"},
        **{name: {"dropped"} for name in DROPPED},
    }


def test_what_is_dropped_is_gone_with_its_names(plan: Plan) -> None:
    node = guest_device(plan("tricky", ALL, policy="trust"), ALL)
    gone = ("reset-names", "dma-names", "phy-names", "nvmem-cell-names", "interconnect-names")
    for name in (*DROPPED, *gone, "pinctrl-names"):
        assert not node.has(name), name


def test_every_action_has_a_reason_and_a_provider(plan: Plan) -> None:
    for planned in plan("tricky", ALL, policy="trust").devices:
        assert planned.suppliers
        for supplier in planned.suppliers:
            assert supplier.why
            assert supplier.provider is not None
            assert supplier.provider.startswith("/")


def test_the_source_says_why_each_was_dropped(
    generate: Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]],
) -> None:
    _, files, refusals = generate("tricky", ALL, policy="trust", regions=("drop",))
    assert not refusals
    text = files["domu1.dts"].decode()
    for name in DROPPED:
        assert f"/* {name} dropped: " in text


def test_suppliers_that_are_assigned_too_stay(plan: Plan) -> None:
    providers = ("/provider@79000000", "/efuse@79010000", "/pinctrl@79020000")
    found = actions(plan("tricky", ALL, *providers, policy="trust"))
    for name in ("phys", "nvmem-cells", "interconnects", "mboxes", "hwlocks", "io-channels"):
        assert found[name] == {"copied"}, name
    assert found["pinctrl-0"] == found["pinctrl-1"] == {"copied"}


def test_references_to_assigned_devices_point_at_their_copies(plan: Plan) -> None:
    made = plan("tricky", ALL, "/provider@79000000", policy="trust")
    tree = guest(made)
    node = tree.find("/passthrough/dev@79040000")
    assert node is not None
    groups = {group.prop: group for group in references(tree, node)}
    assert [r.args for r in groups["phys"].entries] == [(0,), (1,)]
    for name in ("phys", "interconnects", "mboxes", "hwlocks"):
        for reference in groups[name].entries:
            assert reference.provider is not None
            assert reference.provider.path == "/passthrough/provider@79000000"


@pytest.mark.parametrize(
    ("assigned", "names"),
    [
        ((), None),
        (("/dma@78000000", "/dma@78010000"), ["tx"]),
        (("/bus@61000000/dma@0",), ["rx"]),
        (("/bus@61000000/dma@0", "/dma@78000000", "/dma@78010000"), ["tx", "rx"]),
    ],
)
def test_a_list_of_names_stays_aligned(
    plan: Plan, assigned: tuple[str, ...], names: list[str] | None
) -> None:
    tree = guest(plan("tricky", ALL, *assigned, policy="trust"))
    node = tree.find("/passthrough/dev@79040000")
    assert node is not None
    (group,) = [g for g in references(tree, node) if g.prop == "dmas"] if names else [None]
    assert list(node.strings("dma-names")) == (names or [])
    if group is not None:
        wanted = {"tx": ("dma@78000000", (3,)), "rx": ("dma@61000000", (4,))}
        assert [(r.provider.name if r.provider else None, r.args) for r in group.entries] == [
            wanted[name] for name in names or ()
        ]


def test_an_unnamed_list_keeps_its_places_with_empty_entries(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " reset-gpios = <&gpio0 1 0>, <&other 2 0>, <&gpio0 3 0>; };"
        ' other: dev@7e001000 { compatible = "xenassign,x"; reg = <0 0x7e001000 0 0x1000>;'
        " gpio-controller; #gpio-cells = <2>; }; };",
    )
    made = plan(tree, "/dev@7e000000", "/dev@7e001000", policy="trust")
    cells = guest_device(made, "/dev@7e000000").cells("reset-gpios")
    assert cells[0] == 0
    assert cells[1] != 0
    assert cells[2:] == (2, 0)


def test_a_chain_of_fixed_regulators_is_copied(plan: Plan) -> None:
    made = plan("tricky", ALL, policy="trust")
    tree = guest(made)
    assert tree.find("/passthrough/regulator-vcc") is not None
    switched = tree.find("/passthrough/regulator-vcc-gpio")
    assert switched is not None
    assert switched.has("regulator-always-on")
    assert not switched.has("gpio")
    assert not switched.has("enable-active-high")
    (group,) = [g for g in references(tree, switched) if g.prop == "vin-supply"]
    assert group.entries[0].provider is tree.find("/passthrough/regulator-vcc")


def test_a_switched_regulator_keeps_its_gpio_when_the_controller_is_assigned(plan: Plan) -> None:
    made = plan("tricky", ALL, "/gpio@74000000", policy="trust")
    assert actions(made)["vmmc-supply"] == {"copied"}


def test_a_dangling_phandle_of_the_host_is_dropped_and_said(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " resets = <0x7777 1>; phy-handle = <0x7776>; }; };",
    )
    made = plan(tree, "/dev@7e000000", policy="trust")
    assert all("dropped" in found for found in actions(made, "/dev@7e000000").values())
    node = guest_device(made, "/dev@7e000000")
    assert not node.has("resets")
    assert not node.has("phy-handle")


def test_a_phy_of_another_host_device_is_dropped(plan: Plan) -> None:
    path = "/soc@0/bus@30800000/ethernet@30bf0000"
    alone = plan("imx8", path, policy="trust", shared=(path,))
    assert actions(alone, path)["phy-handle"] == {"dropped"}
    other = "/soc@0/bus@30800000/ethernet@30be0000"
    both = plan("imx8", path, other, policy="trust")
    assert actions(both, path)["phy-handle"] == {"copied"}


def test_iommus_never_reach_the_guest(plan: Plan) -> None:
    made = plan("zynqmp", "ethernet0")
    assert not guest_device(made, "/axi/ethernet@ff0e0000").has("iommus")
    assert actions(made, "/axi/ethernet@ff0e0000")["iommus"] == {"dropped"}


def test_dropped_suppliers_are_one_note_for_a_device(plan: Plan) -> None:
    found = of(plan("tricky", ALL, policy="trust"), "XA502")
    assert len(found) == 1
    assert found[0].severity == "note"
    for name in ("resets", "power-domains", "phys", "dmas"):
        assert name in found[0].message
    assert not of(plan("qemu", "/pl031@9010000"), "XA502")


def test_each_memory_region_that_is_dropped_is_a_warning(plan: Plan) -> None:
    found = of(plan("tricky", ALL, policy="trust", regions=("drop",)), "XA503")
    assert ["firmware@90000000" in f.message for f in found] == [True, False]
    assert "pool@91000000" in found[1].message
    assert not of(plan("tricky", "/dev@79030000", policy="trust"), "XA503")


def test_what_goes_with_another_list_is_told_too(plan: Plan, variant: Variant) -> None:
    """Parallel lists (here the parents of assigned-clocks) have entries of their own."""
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " assigned-clocks = <&parent>; assigned-clock-parents = <&parent>; };"
        ' parent: clock-x@7e001000 { compatible = "xenassign,x"; reg = <0 0x7e001000 0 0x1000>;'
        " #clock-cells = <0>; }; };",
    )
    found = actions(plan(tree, "/dev@7e000000", policy="trust"), "/dev@7e000000")
    assert found == {"assigned-clocks": {"dropped"}, "assigned-clock-parents": {"dropped"}}


@pytest.mark.parametrize(
    ("path", "prop"),
    [(ALL, "msi-parent"), ("/dev@77800000", "msi-parent"), ("/pcie@75000000", "msi-map")],
)
def test_msis_are_warned_about_and_dropped(
    plan: Plan, path: str, prop: str, wording: Wording
) -> None:
    made = plan("tricky", path, policy="trust")
    (finding,) = [f for f in made.findings if f.code in ("XA328", "XA505")]
    wording(finding)
    assert not guest_device(made, path).has(prop)


def test_scmi_suppliers_have_an_action_and_ids(plan: Plan) -> None:
    made = plan("rk3588", "/mmc@fe2c0000", policy="trust")
    (planned,) = made.devices
    assert ("clock", "power-domain", "reset")[0] in {s.protocol for s in planned.host.scmi}
    assert {s.action for s in planned.suppliers} <= {"copied", "stubbed", "kept", "dropped"}


def test_the_cpus_of_interrupt_affinity_do_not_dangle(plan: Plan) -> None:
    """The PMU of the ZynqMP names its CPUs, which are no part of the guest's tree."""
    made = plan("zynqmp", "/pmu", policy="trust")
    assert not guest_device(made, "/pmu").has("interrupt-affinity")
    assert actions(made, "/pmu")["interrupt-affinity"] == {"dropped"}


def test_the_cpus_of_a_domain_are_no_suppliers(plan: Plan, variant: Variant) -> None:
    """A mask of a system device tree, and a number of Xen, whatever phandles the tree has."""
    domains = (
        'domains { d { compatible = "openamp,domain-v1"; cpus = <&gic 0x77 0x80000077>; }; };'
        ' x { compatible = "xen,domain"; cpus = <0x77>; };'
    )
    tree = variant("tricky", f"/ {{ {domains} }}; &dma_dev {{ phandle = <0x77>; }};")
    made = plan(tree, "/bus@61000000/dma@0", policy="trust")
    messages = [finding.message for finding in made.findings if finding.code in ("XA107", "XA124")]
    assert not [message for message in messages if "/domains" in message or "/x" in message]
