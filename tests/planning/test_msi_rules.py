"""MSIs that are lost, and MSI frames that no guest gets (XA328 to XA330, XA505)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.host.msi import frames
from xenassign.host.platform import read_platform
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]

MSI = ("XA328", "XA505")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/dev@77800000", "XA328"),
        ("/dev@77900000", "XA505"),
        ("/pcie@75000000", "XA328"),
    ],
)
def test_what_xen_cannot_give_is_said(plan: Plan, path: str, code: str, wording: Wording) -> None:
    (finding,) = of(plan("tricky", path, policy="trust"), *MSI)
    assert (finding.code, finding.severity) == (code, "warning")
    wording(finding)


def test_interrupts_of_a_pci_host_are_not_those_of_the_devices_behind_it(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    tree = variant("tricky", "&pcie { interrupts = <0 103 4>; };")
    (finding,) = of(plan(tree, "/pcie@75000000", policy="trust"), *MSI)
    assert (finding.code, finding.severity) == ("XA505", "warning")
    wording(finding)


@pytest.mark.parametrize("name", ["msi", "msi0"])
@pytest.mark.parametrize(
    ("above", "severity"),
    [("", "warning"), ("/delete-property/ msi-map; }; / { msi-parent = <&its 0>;", "note")],
)
def test_a_pci_host_with_a_receiver_of_its_own(
    plan: Plan, variant: Variant, name: str, above: str, severity: str, wording: Wording
) -> None:
    """Whether it is used depends on the driver if the node itself names another."""
    receiver = f'interrupts = <0 103 4>; interrupt-names = "{name}";'
    tree = variant("tricky", f"&pcie {{ {receiver} {above} }};")
    (finding,) = of(plan(tree, "/pcie@75000000", policy="trust"), *MSI)
    assert (finding.code, finding.severity) == ("XA505", severity)
    wording(finding)


def test_an_msi_map_above_a_pci_host_counts(plan: Plan, variant: Variant, wording: Wording) -> None:
    tree = variant(
        "tricky",
        "&pcie { /delete-property/ msi-map; }; / { msi-map = <0x0 &its 0x1000 0x1000>; };",
    )
    (finding,) = of(plan(tree, "/pcie@75000000", policy="trust"), *MSI)
    wording(finding)
    none = variant("tricky", "&pcie { /delete-property/ msi-map; };")
    assert not of(plan(none, "/pcie@75000000", policy="trust"), *MSI)


def test_a_controller_that_is_assigned_too_is_no_loss(plan: Plan, variant: Variant) -> None:
    """As on ZynqMP, whose PCI host is the controller of its own MSIs."""
    more = "&pcie { msi-controller; msi-parent = <&pcie>; /delete-property/ msi-map; };"
    made = plan(variant("tricky", more), "/pcie@75000000", policy="trust")
    assert not of(made, *MSI)


def test_message_based_spis_of_the_gic_are_named_so(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    tree = variant("tricky", "&msi_v2m { msi-parent = <&gic>; };")
    (finding,) = of(plan(tree, "/dev@77900000", policy="trust"), *MSI)
    wording(finding)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("address", "hit"), [(0xF1020000, True), (0xF103F800, True), (0xF1060000, False)]
)
def test_a_device_in_a_page_of_the_its(
    plan: Plan, variant: Variant, address: int, hit: bool, shared: bool
) -> None:
    """--allow-shared-page does not silence it."""
    node = f"dev@{address:x}"
    text = f'/ {{ {node} {{ compatible = "x"; reg = <0 {address:#x} 0 0x100>; }}; }};'
    made = plan(
        variant("tricky", text), f"/{node}", policy="trust", shared=(f"/{node}",) if shared else ()
    )
    found = of(made, "XA329")
    assert [f.severity for f in found] == (["error"] if hit else [])


@pytest.mark.parametrize(
    "compatible",
    [
        "arm,gic-v3-its",
        "arm,gic-v2m-frame",
        "marvell,ap806-gicp",
        "marvell,odmi-controller",
        "al,alpine-msix",
    ],
)
def test_every_kind_of_frame_has_a_name(
    plan: Plan, variant: Variant, compatible: str, wording: Wording
) -> None:
    """Those of Marvell and Alpine too, which are no part of the GIC."""
    text = (
        f'/ {{ msi@7e000000 {{ compatible = "{compatible}"; reg = <0 0x7e000000 0 0x100>; }};'
        ' dev@7e000800 { compatible = "x"; reg = <0 0x7e000800 0 0x100>; }; };'
    )
    (finding,) = of(plan(variant("tricky", text), "/dev@7e000800", policy="trust"), "XA329")
    wording(finding)


def test_a_pre_its_window_is_a_frame(plan: Plan, variant: Variant) -> None:
    """TI's K3 has them: the address in the window is the DeviceID."""
    text = (
        "&its { socionext,synquacer-pre-its = <0x1000000 0x400000>; };"
        ' / { dev@13ff000 { compatible = "x"; reg = <0 0x13ff000 0 0x100>; };'
        ' dev@1400000 { compatible = "x"; reg = <0 0x1400000 0 0x100>; }; };'
    )
    tree = variant("tricky", text)
    kinds = {(f.kind, *f.span) for f in frames(read_platform(tree).msi)}
    assert ("pre-its", 0x1000000, 0x1400000) in kinds
    assert of(plan(tree, "/dev@13ff000", policy="trust"), "XA329")
    assert not of(plan(tree, "/dev@1400000", policy="trust"), "XA329")


HIP07 = """\
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	interrupt-parent = <&gic>;
	gic: gic@4d000000 {
		compatible = "arm,gic-v3";
		reg = <0x0 0x4d000000 0x0 0x10000>, <0x0 0x4d100000 0x0 0x300000>;
		interrupt-controller;
		#interrupt-cells = <3>;
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		its@4c000000 {
			compatible = "arm,gic-v3-its";
			reg = <0x0 0x4c000000 0x0 0x40000>;
		};
	};
	smmu: smmu@d0040000 {
		compatible = "arm,smmu-v3";
		reg = <0x0 0xd0040000 0x0 0x20000>;
		#iommu-cells = <1>;
		hisilicon,broken-prefetch-cmd;
	};
	sec@d2000000 {
		compatible = "hisilicon,hip07-sec";
		reg = <0x0 0xd2000000 0x0 0x10000>;
		iommus = <&smmu 0x600>;
	};
};
"""


@pytest.mark.parametrize(("memory", "hit"), [(None, False), (192, False), (193, True), (512, True)])
def test_ram_over_a_doorbell_that_the_smmu_lets_pass(
    plan: Plan, compiled: Callable[[str], Tree], memory: int | None, hit: bool, wording: Wording
) -> None:
    """The space of the ITS from 0x4c010000 on; bank 0 starts at 0x40000000."""
    found = of(plan(compiled(HIP07), "/sec@d2000000", memory=memory), "XA330")
    assert [f.severity for f in found] == (["error"] if hit else [])
    wording(*found)


def test_other_smmus_translate_doorbells(plan: Plan, compiled: Callable[[str], Tree]) -> None:
    tree = compiled(HIP07.replace("\t\thisilicon,broken-prefetch-cmd;\n", ""))
    assert not of(plan(tree, "/sec@d2000000", memory=512), "XA330")
