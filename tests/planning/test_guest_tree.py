"""The partial device tree: addresses, interrupts, children, aliases, phandles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import at, guest
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import GUEST_PHANDLE_GIC

Plan = Callable[..., DomainPlan]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Variant = Callable[[str, str], Tree]


USB = "/axi/usb@ff9d0000"
CORE = f"{USB}/usb@fe200000"

CASES: list[tuple[str, tuple[str, ...], dict[str, object]]] = [
    ("qemu", ("/pl031@9010000", "/pl061@9030000"), {}),
    ("qemu", ("/pl031@9010000",), {"maps": ["/pl031@9010000=0x8000000"]}),
    ("zynqmp", ("ethernet0", USB), {}),
    ("zynqmp", (USB,), {"maps": [f"{USB}=0x4020000", f"{CORE}=0x8000000"]}),
    ("zynqmp", (USB,), {"maps": ["auto"]}),
    ("zynqmp", ("/axi/ams@ffa50000",), {"maps": ["auto"], "shared": ("/axi/ams@ffa50000",)}),
    ("zynqmp", ("/axi/pcie@fd0e0000",), {}),
    ("rcar", ("/soc/ethernet@e6880000",), {}),
    ("rk3588", ("/ethernet@fe1c0000",), {}),
    ("imx8", ("/soc@0/bus@30800000/ethernet@30be0000",), {}),
    ("juno", ("/hdlcd@7ff60000",), {}),
    ("ti", ("/bus@f0000/ethernet@8000000",), {}),
    ("tricky", ("/wrapper@7a000000",), {"maps": ["auto"]}),
    ("tricky", ("/bus@800000000",), {}),
    ("tricky", ("/dev@79030000", "/dev@79040000"), {}),
    ("tricky", ("/dev@740f0000",), {"maps": ["/dev@740f0000#1=0x8000000"]}),
]
each_case = pytest.mark.parametrize(
    ("host", "devices", "options"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)


# --- rules that hold for every tree --------------------------------------------------------------


@each_case
def test_the_guest_finds_each_block_where_xen_maps_it(
    plan: Plan, host: str, devices: tuple[str, ...], options: dict[str, object]
) -> None:
    made = plan(host, *devices, policy="trust", **options)
    tree = guest(made)
    for device in made.devices:
        if not device.host.blocks:
            continue
        found = [(b.address, b.size) for b in registers(at(tree, device.guest_path)).blocks]
        assert found == [(p.guest, p.block.size) for p in device.placed if not p.window]


@each_case
def test_no_phandle_dangles_and_all_are_small(
    plan: Plan, host: str, devices: tuple[str, ...], options: dict[str, object]
) -> None:
    tree = guest(plan(host, *devices, policy="trust", **options))
    phandles = [n.phandle for n in tree.nodes() if n.phandle is not None]
    assert sorted(phandles) == list(range(1, len(phandles) + 1))
    for each in tree.nodes():
        for group in references(tree, each):
            for reference in group.entries:
                known = reference.provider is not None or reference.empty
                assert known or reference.phandle == GUEST_PHANDLE_GIC, (each.path, group.prop)


@each_case
def test_no_host_matter_is_copied(
    plan: Plan, host: str, devices: tuple[str, ...], options: dict[str, object]
) -> None:
    tree = guest(plan(host, *devices, policy="trust", **options))
    for each in tree.nodes():
        for name in ("iommus", "xen,passthrough", "dma-ranges", "linux,phandle"):
            assert not each.has(name)
        if each.path != "/passthrough":
            assert not each.has("interrupt-parent")
    assert {child.name for child in tree.root.children.values()} <= {"passthrough", "aliases"}


@each_case
def test_each_device_has_a_path_and_whole_pages(
    plan: Plan, host: str, devices: tuple[str, ...], options: dict[str, object]
) -> None:
    made = plan(host, *devices, policy="trust", **options)
    said = [n for n in guest(made).nodes() if n.has("xen,path")]
    assert sorted(n.text("xen,path") or "" for n in said) == sorted(d.path for d in made.devices)
    assert all(n.has("xen,reg") for n in said)
    for each in said:
        cells = each.cells("xen,reg")
        assert len(cells) % 6 == 0
        assert all(cells[at] % 0x1000 == 0 for at in range(1, len(cells), 2))


# --- the shape -----------------------------------------------------------------------------------


def test_passthrough_states_the_guests_gic_and_two_cells(plan: Plan) -> None:
    top = at(guest(plan("qemu", "/pl031@9010000")), "/passthrough")
    assert top.cells("interrupt-parent") == (GUEST_PHANDLE_GIC,)
    assert (top.cells("#address-cells"), top.cells("#size-cells")) == ((2,), (2,))
    assert top.properties["ranges"].value == b""


def test_the_unit_address_is_the_guests(plan: Plan) -> None:
    made = plan("qemu", "/pl031@9010000", maps=["/pl031@9010000=0x8000000"])
    assert made.devices[0].guest_path == "/passthrough/pl031@8000000"


def test_devices_of_one_guest_address_get_different_names(plan: Plan) -> None:
    both = ("/bus@7b000000/ethernet@1000", "/bus@7c000000/ethernet@1000")
    maps = [f"{path}=0x8000000" for path in both]
    paths = [d.guest_path for d in plan("tricky", *both, maps=maps).devices]
    assert len(set(paths)) == 2


def test_non_identity_ranges_of_the_host_are_gone(plan: Plan) -> None:
    leaf = "/bus@800000000/fabric@100000/leaf@100001000/uart@9000"
    made = plan("tricky", leaf, policy="trust")
    assert made.devices[0].guest_path == "/passthrough/uart@50001000"


def test_reg_names_stay_aligned_when_a_block_is_left_out(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '&level1 { dev@300000 { compatible = "xenassign,x"; reg-names = "none", "one";'
        " reg = <0x20000000 0x1000>, <0x300000 0x1000>; }; };",
    )
    made = plan(tree, "/bus@800000000/dev@300000", policy="trust")
    copy = at(guest(made), made.devices[0].guest_path)
    assert copy.strings("reg-names") == ("one",)


def test_pci_windows_are_mapped_and_written_anew(plan: Plan) -> None:
    host = "/pcie@75000000"
    made = plan("tricky", host, policy="trust", maps=["auto"])
    (window,) = [p for p in made.devices[0].placed if p.window]
    cells = at(guest(made), made.devices[0].guest_path).cells("ranges")
    assert cells[:3] == (0x02000000, 0, 0x76000000)
    assert cells[3] << 32 | cells[4] == window.guest
    assert cells[5] << 32 | cells[6] == 0x1000000


# --- nested devices ------------------------------------------------------------------------------


def test_a_nested_device_has_its_own_path_and_registers(plan: Plan) -> None:
    maps = [f"{USB}=0x4020000", f"{CORE}=0x8000000"]
    made = plan("zynqmp", USB, maps=maps)
    assert [d.guest_path for d in made.devices] == [
        "/passthrough/usb@4020000",
        "/passthrough/usb@4020000/usb@8000000",
    ]
    core = at(guest(made), made.devices[1].guest_path)
    assert core.text("xen,path") == CORE
    assert core.cells("xen,reg") == (0, 0xFE200000, 0, 0x40000, 0, 0x8000000)
    assert registers(core).blocks[0].address == 0x8000000


def test_a_disabled_nested_child_is_left_out_unless_named(plan: Plan, variant: Variant) -> None:
    tree = variant("zynqmp", '&dwc3_0 { status = "disabled"; };')
    assert [d.path for d in plan(tree, USB).devices] == [USB]
    named = plan(tree, USB, CORE)
    assert [d.path for d in named.devices] == [USB, CORE]
    assert not at(guest(named), named.devices[1].guest_path).has("status")


# --- children ------------------------------------------------------------------------------------


def test_mdio_children_are_copied_with_their_cells(plan: Plan) -> None:
    tree = guest(plan("zynqmp", "ethernet0"))
    bus = at(tree, "/passthrough/ethernet@ff0e0000/mdio")
    assert (bus.cells("#address-cells"), bus.cells("#size-cells")) == ((1,), (0,))
    phy = bus.children["ethernet-phy@c"]
    assert phy.cells("reg") == (0xC,)
    (group,) = [g for g in references(tree, bus.parent or bus) if g.prop == "phy-handle"]
    assert group.entries[0].provider is phy


def test_a_port_tree_is_copied(plan: Plan) -> None:
    path = "/bus@f0000/ethernet@8000000"
    made = plan("ti", path, policy="trust")
    host = next(d.host.node for d in made.devices if d.path == path)
    copy = at(guest(made), made.devices[0].guest_path)
    wanted = [c.name for c in host.children.values() if c.available or not c.has("reg")]
    assert {name.partition("@")[0] for name in copy.children} >= {
        name.partition("@")[0] for name in wanted
    }


# --- aliases -------------------------------------------------------------------------------------


def test_aliases_follow_their_devices(plan: Plan) -> None:
    tree = guest(plan("zynqmp", "ethernet0", maps=["/axi/ethernet@ff0e0000=0x8000000"]))
    assert tree.aliases["ethernet0"] == "/passthrough/ethernet@8000000"
    assert all(tree.find(path) is not None for path in tree.aliases.values())


def test_aliases_of_others_are_not_copied(plan: Plan) -> None:
    assert set(guest(plan("zynqmp", "ethernet0")).aliases) == {"ethernet0"}
    assert guest(plan("tricky", "/dev@740f0000", policy="trust")).aliases == {}


def test_an_alias_keeps_its_number(plan: Plan) -> None:
    tree = guest(plan("tricky", "/bus@7c000000/ethernet@1000"))
    assert tree.aliases == {"ethernet1": "/passthrough/ethernet@7c001000"}


# --- interrupts ----------------------------------------------------------------------------------


def test_interrupts_that_end_elsewhere_are_dropped_with_their_names(plan: Plan) -> None:
    made = plan("tricky", "/dev@74020000", policy="trust")
    copy = at(guest(made), made.devices[0].guest_path)
    assert copy.cells("interrupts") == (0, 60, 4, 0, 61, 1)
    assert copy.strings("interrupt-names") == ("main", "err")
    assert not copy.has("interrupts-extended")


def test_an_assigned_controller_keeps_its_interrupts_as_extended_ones(plan: Plan) -> None:
    made = plan("tricky", "/dev@74020000", "/gpio@74000000", policy="trust")
    tree = guest(made)
    copy = at(tree, "/passthrough/dev@74020000")
    gpio = at(tree, "/passthrough/gpio@74000000")
    gic = GUEST_PHANDLE_GIC
    assert copy.cells("interrupts-extended") == (
        *(gic, 0, 60, 4),
        *(gpio.phandle, 7, 8),
        *(gic, 0, 61, 1),
    )
    assert copy.strings("interrupt-names") == ("main", "wake", "err")
    assert not copy.has("interrupts")


@pytest.mark.parametrize("controller", ["/gpio@74000000", "/interrupt-controller@f2000000"])
def test_a_device_can_be_generated_with_its_interrupt_controller(
    generate: Generate, controller: str
) -> None:
    assert generate("tricky", "/dev@74020000", controller, policy="trust")[2] == []


def test_a_device_of_one_assigned_controller_only(generate: Generate) -> None:
    _, files, refusals = generate("tricky", "/touch@74010000", "/gpio@74000000", policy="trust")
    assert not refusals
    tree = read_blob(files["domu1.dtb"])
    gpio = at(tree, "/passthrough/gpio@74000000")
    touch = at(tree, "/passthrough/touch@74010000")
    assert touch.cells("interrupts-extended") == (gpio.phandle, 5, 8)
    assert gpio.has("interrupt-controller")


def test_interrupts_extended_of_the_host_win(plan: Plan) -> None:
    made = plan("tricky", "/dev@74030000", policy="trust")
    assert at(guest(made), made.devices[0].guest_path).cells("interrupts") == (0, 71, 4)


def test_an_interrupt_map_is_resolved(plan: Plan) -> None:
    made = plan("tricky", "/bus@72000000/dev@1000", policy="trust")
    assert at(guest(made), made.devices[0].guest_path).cells("interrupts") == (
        *(0, 50, 4),
        *(0, 51, 1),
    )


def test_a_bus_that_loses_its_map_is_no_interrupt_parent(plan: Plan) -> None:
    """With #interrupt-cells it would take the interrupts of its children, and have no way on."""
    made = plan("tricky", "/bus@72000000", policy="trust")
    child = at(guest(made), made.devices[0].guest_path)
    assert child.has("interrupts")
    assert child.parent is not None
    assert not child.parent.has("#interrupt-cells")


def test_a_fourth_cell_is_left_out(plan: Plan) -> None:
    made = plan("rk3588", "/ethernet@fe1c0000", policy="trust")
    copy = at(guest(made), made.devices[0].guest_path)
    assert copy.cells("interrupts") == (0, 234, 4, 0, 233, 4)


def test_an_interrupt_below_mdio_gets_a_companion_for_xen(
    generate: Generate, variant: Variant
) -> None:
    tree = variant("zynqmp", "&phy0 { interrupt-parent = <&gic>; interrupts = <0 99 4>; };")
    made, files, refusals = generate(tree, "ethernet0")
    assert not refusals
    blob = read_blob(files["domu1.dtb"])
    phy = at(blob, "/passthrough/ethernet@ff0e0000/mdio/ethernet-phy@c")
    assert phy.cells("interrupts") == (0, 99, 4)
    assert not phy.has("xen,path")
    (companion,) = [
        n for n in at(blob, "/passthrough").children.values() if n.name.startswith("xen-")
    ]
    assert companion.text("xen,path") == "/axi/ethernet@ff0e0000/mdio/ethernet-phy@c"
    assert companion.properties["xen,reg"].value == b""
    assert companion.has("xen,force-assign-without-iommu")
    assert b"131" in files["domu1.cfg"]
    assert [d.irqs for d in made.devices] == [(95,), (131,)]


# --- coherency -----------------------------------------------------------------------------------


def test_coherency_of_a_bus_above_is_stated_on_the_device(plan: Plan, variant: Variant) -> None:
    tree = variant("tricky", "/ { bus@7b000000 { dma-coherent; }; };")
    made = plan(tree, "/bus@7b000000/ethernet@1000")
    assert at(guest(made), made.devices[0].guest_path).has("dma-coherent")
    plain = plan("tricky", "/bus@7b000000/ethernet@1000")
    assert not at(guest(plain), plain.devices[0].guest_path).has("dma-coherent")


def own(plan: DomainPlan) -> Node:
    """The guest's node of the first device."""
    return at(guest(plan), plan.devices[0].guest_path)


def test_a_pci_host_keeps_inbound_windows_that_move_nothing(plan: Plan, variant: Variant) -> None:
    """Its driver opens them from dma-ranges; those of another place are of the host's memory."""
    made = plan("juno", "/pcie@40000000", policy="trust")
    host = own(made)
    assert host.cells("dma-ranges") == (
        *(0x02000000, 0, 0x80000000, 0, 0x80000000, 0, 0x80000000),
        *(0x43000000, 8, 0, 8, 0, 2, 0),
    )
    assert not [f for f in made.findings if f.code == "XA504"]
    moving = "&pcie_ctlr { dma-ranges = <0x02000000 0 0 0 0x80000000 0 0x80000000>; };"
    made = plan(variant("juno", moving), "/pcie@40000000", policy="trust")
    assert not own(made).has("dma-ranges")
    assert [f.node for f in made.findings if f.code == "XA504"] == ["/pcie@40000000"]
