"""MSIs that are lost, and MSI frames that no guest gets (XA328 to XA330, XA505)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.host.msi import frames
from xenassign.host.platform import read_platform
from xenassign.planning.plan import DomainPlan

Plan = Callable[..., DomainPlan]
Variant = Callable[[str, str], Tree]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]

MSI = ("XA328", "XA505")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/dev@77800000", "XA328"),
        ("/dev@77900000", "XA505"),
    ],
)
def test_what_xen_cannot_give_is_said(plan: Plan, path: str, code: str, wording: Wording) -> None:
    (finding,) = of(plan("tricky", path, policy="trust"), *MSI)
    assert (finding.code, finding.severity) == (code, "warning")
    wording(finding)


def test_interrupts_of_a_pci_host_are_not_those_of_the_devices_behind_it(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    own = "&pcie { interrupts = <0 103 4>; /delete-property/ interrupt-map; };"
    tree = variant("tricky", own)
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
        "&pcie { /delete-property/ msi-map; /delete-property/ interrupt-map; };"
        " / { msi-map = <0x0 &its 0x1000 0x1000>; };",
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


# --- XA541: SPIs that stand outside of interrupts -------------------------------------------------

#: A controller as the BCM2712 has it, with SPIs 64 to 67, and a PCI host that uses it.
MIP = """/ {
    mip: msi@b010000 { compatible = "brcm,bcm2712-mip"; reg = <0 0xb010000 0 0x1000>;
        msi-controller; %s };
    pcie@b000000 { compatible = "brcm,bcm2712-pcie"; device_type = "pci";
        #address-cells = <3>; #size-cells = <2>; reg = <0 0xb000000 0 0xa000>;
        interrupts = <0 70 4>; msi-parent = <&mip>;
        ranges = <0x2000000 0 0 0 0x20000000 0 0x400000>;
        dma-ranges = <0x43000000 0x10 0 0 0x40000000 0 0x80000000>;
        pci@0,0 { reg = <0 0 0 0 0>; device_type = "pci"; ranges;
            #address-cells = <3>; #size-cells = <2>;
            dma-ranges = <0x43000000 0x10 0 0x43000000 0x10 0 0x10 0>;
            bus { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>;
                ranges = <0 0 0x2000000 0 0 0 0x400000>;
                dma-ranges = <0x10 0 0x43000000 0x10 0 0x10 0>; }; }; }; };"""
RANGES = "msi-ranges = <&{/intc@8000000} 0 64 1 4>;"
MIP_PATH, HOST_BRIDGE = "/msi@b010000", "/pcie@b000000"


@pytest.mark.parametrize(
    ("spis", "interrupts", "in_guest"),
    [
        (RANGES, "0 64 1 0 65 1 0 66 1 0 67 1", "msi-ranges = <0xfde8 0x0 0x40 0x1 0x4>;"),
        (
            f"{RANGES} interrupts = <0 80 4>;",
            "0 80 4 0 64 1 0 65 1 0 66 1 0 67 1",
            "msi-ranges = <0xfde8 0x0 0x40 0x1 0x4>;",
        ),
        (
            "arm,msi-base-spi = <96>; arm,msi-num-spis = <2>;",
            "0 64 1 0 65 1",
            "arm,msi-num-spis = <2>;",
        ),
    ],
)
def test_spis_outside_of_interrupts_are_part_of_the_device(
    generate: Generate, variant: Variant, spis: str, interrupts: str, in_guest: str
) -> None:
    tree = variant("qemu", MIP % spis)
    _, _, alone = generate(tree, MIP_PATH, policy="trust")
    assert [finding.code for finding in alone] == ["XA107"]  # the PCI host stays
    made, files, refusals = generate(tree, MIP_PATH, HOST_BRIDGE, policy="trust")
    (finding,) = of(made, "XA541")
    assert (finding.severity, finding.node) == ("note", MIP_PATH)
    assert not refusals
    assert f"interrupts = <{interrupts}>;" in files["domu1.host.dtso"].decode()
    numbers = interrupts.split()[1::3]
    assert made.devices[0].irqs == tuple(int(number) + 32 for number in numbers)
    assert in_guest in files["domu1.dts"].decode()


def test_spis_that_another_device_has_are_a_conflict(plan: Plan, variant: Variant) -> None:
    tree = variant("qemu", MIP % RANGES.replace("0 64 1 4", "0 2 1 2"))
    made = plan(tree, MIP_PATH, policy="trust")
    assert "INTID 34 of /msi@b010000 is also that of /pl031@9010000" in of(made, "XA305")[0].message


@pytest.mark.parametrize(
    "spis",
    [
        RANGES + " interrupts-extended = <&{/intc@8000000} 0 80 4>;",
        RANGES + " interrupts = <1>; interrupt-parent = <&{/pl061@9030000}>;",
    ],
)
def test_spis_that_the_marks_cannot_state_are_a_warning(
    plan: Plan, variant: Variant, spis: str
) -> None:
    tree = variant("qemu", MIP % spis)
    made = plan(tree, MIP_PATH, policy="trust")
    assert [f.severity for f in of(made, "XA541")] == ["warning"]
    assert [mark.interrupts for mark in made.marks] == [None]


@pytest.mark.parametrize("direct_map", [True, False])
def test_a_direct_map_domain_keeps_the_dma_ranges_of_a_pci_host(
    generate: Generate, variant: Variant, direct_map: bool
) -> None:
    tree = variant("qemu", MIP % RANGES)
    options: dict[str, object] = {"policy": "trust"}
    if direct_map:
        banks = ((0x60000000, 256 << 20),)
        options |= {"direct_map": True, "static_memory": banks, "routes": ("dom0less",)}
    made, files, refusals = generate(tree, HOST_BRIDGE, MIP_PATH, **options)
    assert [finding.text() for finding in (*errors(made.findings), *refusals)] == []
    text = files["domu1.dts"].decode()
    own = "dma-ranges = <0x43000000 0x10 0x0 0x0 0x40000000 0x0 0x80000000>;"
    below = "dma-ranges = <0x10 0x0 0x43000000 0x10 0x0 0x10 0x0>;"
    bridge = "dma-ranges = <0x43000000 0x10 0x0 0x43000000 0x10 0x0 0x10 0x0>;"
    assert [line in text for line in (own, bridge, below)] == [direct_map] * 3
    assert bool(of(made, "XA504")) != direct_map
    assert "msi-parent = <&mip>;" in text
