"""The legacy interrupts of the devices on a PCI host: XA327, XA331, and what the guest gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import at, codes, guest, guest_device, of
from tests.wording import Wording
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.xen.releases import GUEST_PHANDLE_GIC

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

PCIE = "/pcie@75000000"  # of tricky: SPI 100 and 101
MAPS = ("interrupt-map", "interrupt-map-mask", "#interrupt-cells")


def kept(node: Node) -> bool:
    """Whether the guest's node is a nexus; all of its properties are there, or none."""
    (answer,) = {node.has(name) for name in MAPS}
    return answer


def test_the_map_leads_to_the_gic_of_the_guest(plan: Plan, wording: Wording) -> None:
    """Whose entries have no unit address; the host's GIC has two cells of it."""
    made = plan("tricky", PCIE, policy="trust")
    node = guest_device(made)
    assert node.cells("interrupt-map") == (
        *(0, 0, 0, 1, GUEST_PHANDLE_GIC, 0, 100, 4),
        *(0x800, 0, 0, 1, GUEST_PHANDLE_GIC, 0, 101, 4),
    )
    assert node.cells("interrupt-map-mask") == (0xF800, 0, 0, 7)
    assert not node.has("interrupts")
    (finding,) = of(made, "XA327", "XA331")
    assert (finding.code, finding.severity) == ("XA331", "note")
    wording(finding)
    (mark,) = made.marks
    assert mark.interrupts == ((0, 100, 4), (0, 101, 4))
    assert made.devices[0].irqs == (132, 133)


def test_the_files_have_the_interrupts(generate: Generate) -> None:
    _, files, refused = generate(
        "juno", "/pcie@40000000", policy="trust", memory=256, vcpus=1, maps=("auto",)
    )
    assert not refused
    assert "168, 169, 170, 171," in files["domu1.cfg"].decode()
    overlay = read_blob(files["domu1.host.dtbo"])
    stated = [node.cells("interrupts") for node in overlay.nodes() if node.has("interrupts")]
    assert stated == [(0, 136, 4, 0, 137, 4, 0, 138, 4, 0, 139, 4)]


def test_interrupts_that_the_host_states_are_not_added(plan: Plan, variant: Variant) -> None:
    tree = variant("tricky", "&pcie { interrupts = <0 100 4>, <0 101 4>; };")
    made = plan(tree, PCIE, policy="trust")
    assert not of(made, "XA327", "XA331")
    assert made.marks[0].interrupts is None
    assert kept(guest_device(made))


@pytest.mark.parametrize(
    "more",
    [
        # at a controller that stays with the host, a PPI, an interrupt that the GIC does not have
        "&pcie { interrupt-map = <0 0 0 1 &gpio0 3 4>; };",
        "&pcie { interrupt-map = <0 0 0 1 &gic 0 0 1 9 4>; };",
        "&pcie { interrupt-map = <0 0 0 1 &gic 0 0 7 9 4>; };",
        # cut off, and without the cells of its entries
        "&pcie { interrupt-map = <0 0 0 1 &gic 0 0>; };",
        "&pcie { /delete-property/ #interrupt-cells; };",
        # that of a device and of another PCI host which stay with the host; in two ways
        '/ { dev@1 { compatible = "x"; interrupts = <0 100 4>; }; };',
        '/ { pci2 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>; compatible = "x";'
        " #interrupt-cells = <1>; interrupt-map = <0 0 0 1 &gic 0 0 0 101 4>; }; };",
        "&pcie { interrupt-map = <0 0 0 1 &gic 0 0 0 100 4>, <0 0 0 2 &gic 0 0 0 100 1>; };",
        # interrupts cannot state them
        "&pcie { interrupts-extended = <&gic 0 103 4>; };",
    ],
    ids=["other", "ppi", "type", "cut", "cells", "device", "pci", "trigger", "extended"],
)
def test_a_map_that_leads_elsewhere_is_dropped(
    plan: Plan, variant: Variant, more: str, wording: Wording
) -> None:
    made = plan(variant("tricky", more), PCIE, policy="trust")
    (finding,) = of(made, "XA327", "XA331")
    assert (finding.code, finding.severity, finding.prop) == ("XA327", "warning", "interrupt-map")
    wording(finding)
    assert not kept(guest_device(made))
    assert made.devices[0].irqs == ((135,) if "extended" in more else ())
    assert of(made, "XA328" if "extended" not in more else "XA505")


INNER = """&pcie { interrupts = <0 103 4>;
    interrupt-map = <0 0 0 1 &legacy 0>, <0 0 0 2 &legacy 1>;
    legacy: legacy { interrupt-controller; #address-cells = <0>; #interrupt-cells = <1>; };
};"""


def test_a_controller_below_the_pci_host_comes_with_it(plan: Plan, variant: Variant) -> None:
    """As on most boards with DesignWare's PCI host, which demultiplexes them itself."""
    made = plan(variant("tricky", INNER), PCIE, policy="trust")
    assert not of(made, "XA327", "XA331")
    node = guest_device(made)
    (inner,) = node.children.values()
    assert node.cells("interrupt-map") == (
        *(0, 0, 0, 1, inner.phandle, 0),
        *(0, 0, 0, 2, inner.phandle, 1),
    )
    assert made.marks[0].interrupts is None


@pytest.mark.parametrize(
    ("controller", "there"), [("&gic 0 0 0 104 4", False), ("&legacy 1", True)]
)
def test_a_bridge_has_no_interrupts_of_its_own(
    plan: Plan, variant: Variant, controller: str, there: bool
) -> None:
    """Xen routes those of nodes with xen,path only, and a bridge has no registers."""
    port = f"""&pcie {{ port@0 {{ device_type = "pci"; reg = <0 0 0 0 0>; #address-cells = <3>;
        #size-cells = <2>; ranges; #interrupt-cells = <1>; interrupt-map-mask = <0 0 0 7>;
        interrupt-map = <0 0 0 1 {controller}>; }}; }};"""
    made = plan(variant("tricky", INNER + port), PCIE, policy="trust")
    bridge = at(guest(made), f"{made.devices[0].guest_path}/port@0")
    assert kept(bridge) == there
    assert 136 not in made.devices[0].irqs


def test_msis_have_a_replacement(plan: Plan, wording: Wording) -> None:
    made = plan("tricky", PCIE, policy="trust")
    (finding,) = of(made, "XA328", "XA505")
    assert (finding.code, finding.severity) == ("XA505", "note")
    wording(finding)


def test_two_pci_hosts_of_a_domain_share_an_interrupt(plan: Plan, variant: Variant) -> None:
    second = """/ { second: pcie@77000000 { compatible = "pci-host-ecam-generic";
        device_type = "pci"; reg = <0 0x77000000 0 0x100000>; #address-cells = <3>;
        #size-cells = <2>; ranges = <0x02000000 0 0x77100000 0 0x77100000 0 0x100000>;
        #interrupt-cells = <1>; interrupt-map-mask = <0 0 0 7>;
        interrupt-map = <0 0 0 1 &gic 0 0 0 101 4>; }; };"""
    made = plan(variant("tricky", second), PCIE, "/pcie@77000000", policy="trust")
    assert codes(of(made, "XA327", "XA331")) == ["XA331", "XA331"]
