"""What becomes of memory-region: mapped, dropped as asked, or refused (XA503, XA531 to XA534)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import at, guest, of
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors
from xenassign.planning.plan import DomainPlan, Mapping
from xenassign.request.request import MemoryOption, parse_memory_region

Plan = Callable[..., DomainPlan]
Generate = Callable[..., tuple[DomainPlan, dict[str, bytes], list[Finding]]]
Variant = Callable[[str, str], Tree]

DEVICE = "/dev@7e000000"
OTHER = "/dev@7e001000"
DMA = {"policy": "trust", "routes": ("dom0less",)}

#: Each kind of region, and what Linux' boards have of it: firmware of a remote processor, a pool
#: for one, CMA, buffers without a fixed place (qcom,msm8916), a region switched off by a board.
REGIONS = """
/ { reserved-memory {
	carve: carve@92000000 { reg = <0 0x92000000 0 0x200000>; no-map; };
	vring: vring@93000000 { compatible = "shared-dma-pool"; reg = <0 0x93000000 0 0x8000>;
		no-map; };
	wifi: wifi@94000000 { compatible = "restricted-dma-pool"; reg = <0 0x94000000 0 0x400000>; };
	cma: cma@95000000 { compatible = "shared-dma-pool"; reg = <0 0x95000000 0 0x400000>;
		reusable; };
	plain: plain@96000000 { reg = <0 0x96000000 0 0x1000>; };
	sized: sized { size = <0 0x500000>; alignment = <0 0x100000>; no-map; };
	off: off@97000000 { reg = <0 0x97000000 0 0x1000>; no-map; status = "disabled"; };
	small: small@98000000 { reg = <0 0x98000000 0 0x100>; no-map; };
	next: next@98000800 { reg = <0 0x98000800 0 0x100>; no-map; };
}; };
"""


@pytest.fixture
def host(variant: Variant) -> Callable[..., Tree]:
    """A board with a device that names regions, and another one."""

    def make(names: str, other: str = "", more: str = "") -> Tree:
        regions = "".join(f" <&{name}>," for name in names.split()).strip(" ,")
        second = f"memory-region = <&{other}>;" if other else ""
        return variant(
            "tricky",
            REGIONS
            + '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
            f" memory-region = {regions}; {more} }};"
            ' other: dev@7e001000 { compatible = "xenassign,x"; reg = <0 0x7e001000 0 0x1000>;'
            f" {second} }}; }};",
        )

    return make


def test_a_carve_out_is_mapped_for_dom0less(
    plan: Plan, host: Callable[..., Tree], wording: Wording
) -> None:
    made = plan(host("carve"), DEVICE, **DMA)
    assert not errors(made.findings)
    (region,) = made.regions
    assert (region.path, region.users) == ("/reserved-memory/carve@92000000", (DEVICE,))
    assert region.mappings == (Mapping(0x92000000, 0x92000000, 0x200000),)
    (finding,) = of(made, "XA531")
    assert finding.severity == "warning"
    wording(finding)
    assert not of(made, "XA503")


def test_the_guests_device_names_the_region_that_is_mapped(
    plan: Plan, host: Callable[..., Tree]
) -> None:
    tree = guest(plan(host("carve"), DEVICE, **DMA))
    region = at(tree, "/passthrough/carve@92000000")
    assert at(tree, "/passthrough/dev@7e000000").cells("memory-region") == (region.phandle,)
    assert region.has("no-map")
    assert region.has("xen,force-assign-without-iommu")
    assert not region.has("xen,path")
    assert region.cells("xen,reg") == (0, 0x92000000, 0, 0x200000, 0, 0x92000000)
    assert region.cells("reg") == (0, 0x92000000, 0, 0x200000)


def test_the_host_keeps_the_region_as_it_is(plan: Plan, host: Callable[..., Tree]) -> None:
    """With a mark dom0 would see it disabled, take it for RAM, and not have it."""
    assert [mark.path for mark in plan(host("carve"), DEVICE, **DMA).marks] == [DEVICE]


def test_what_is_generated_passes_its_own_check(
    generate: Generate, host: Callable[..., Tree]
) -> None:
    """The region is host RAM by the memory node, and reserved by the other (XA217)."""
    made, files, refusals = generate(host("carve"), DEVICE, **DMA)
    assert refusals == []
    assert made.regions
    assert b"pages of /reserved-memory/carve@92000000" in files["domu1.dts"]


def test_what_a_region_loses_is_told_in_the_source(
    generate: Generate, host: Callable[..., Tree], variant: Variant
) -> None:
    """``iommu-addresses`` names the device, which is the guest's, and its IOMMU, which is not."""
    tree = variant(
        "tricky",
        REGIONS + '/ { dev: dev@7e000000 { compatible = "xenassign,x"; memory-region = <&carve>;'
        " reg = <0 0x7e000000 0 0x1000>; }; };"
        " &carve { iommu-addresses = <&dev 0 0x92000000 0 0x200000>; };",
    )
    made, files, _ = generate(tree, DEVICE, **DMA)
    told = b"/* iommu-addresses dropped: the guest has no IOMMU; Xen reads the stream"
    assert files["domu1.dts"].count(told) == 1
    assert not at(guest(made), "/passthrough/carve@92000000").has("iommu-addresses")
    _, files, _ = generate(host("carve"), DEVICE, **DMA)
    assert b"dropped" not in files["domu1.dts"]


def test_xl_has_no_right_to_a_region(generate: Generate, host: Callable[..., Tree]) -> None:
    _, _, (finding,) = generate(host("carve"), DEVICE, policy="trust")
    assert finding.code == "XA532"
    refusal = finding.text()
    assert "xl" in refusal
    assert "--route dom0less maps it" in refusal
    assert "--memory-region /reserved-memory/carve@92000000=drop leaves it out" in refusal


def test_xl_passes_what_dom0_has_through_another_node(plan: Plan, variant: Variant) -> None:
    """dom0's right goes by pages: here a device states them as its registers."""
    tree = variant(
        "tricky",
        REGIONS + '/ { dev@7e000000 { compatible = "xenassign,x"; memory-region = <&carve>;'
        " reg = <0 0x7e000000 0 0x1000>, <0 0x92000000 0 0x200000>; }; };",
    )
    made = plan(tree, DEVICE, policy="trust")
    assert not errors(made.findings)
    assert len(made.regions) == 1


def test_a_region_that_names_nothing_is_told(
    plan: Plan, variant: Variant, wording: Wording
) -> None:
    tree = variant(
        "tricky",
        '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " memory-region = <0x7777>; }; };",
    )
    made = plan(tree, DEVICE, policy="trust")
    assert not errors(made.findings)
    wording(of(made, "XA502")[0])


@pytest.mark.parametrize(
    "name",
    [
        "wifi",
        "cma",
        "plain",
        "sized",
    ],
)
@pytest.mark.parametrize("regions", [(), ("map",)])
def test_memory_of_the_host_is_never_mapped(
    plan: Plan, host: Callable[..., Tree], name: str, regions: tuple[str, ...], wording: Wording
) -> None:
    made = plan(host(name), DEVICE, regions=regions, **DMA)
    (finding,) = errors(made.findings)
    assert finding.code == "XA532"
    wording(finding)
    assert "=map" not in finding.fix
    assert "=drop" in finding.fix
    assert made.regions == ()


def test_a_pool_is_mapped_only_when_asked(
    plan: Plan, host: Callable[..., Tree], wording: Wording
) -> None:
    refused = plan(host("vring"), DEVICE, **DMA)
    (finding,) = errors(refused.findings)
    assert finding.code == "XA532"
    wording(finding)
    assert "=map" in finding.fix
    assert "--route" not in finding.fix
    both = plan(host("vring"), DEVICE, policy="trust")
    assert "--route dom0less with --memory-region" in errors(both.findings)[0].fix
    assert refused.regions == ()
    made = plan(host("vring"), DEVICE, regions=("map",), **DMA)
    assert not errors(made.findings)
    assert len(made.regions) == 1
    wording(of(made, "XA531")[0])


def test_a_region_of_the_hosts_too_is_refused(plan: Plan, host: Callable[..., Tree]) -> None:
    tree = host("carve", other="carve")
    (finding,) = errors(plan(tree, DEVICE, **DMA).findings)
    assert finding.code == "XA532"
    assert OTHER in finding.message
    accepted = plan(tree, DEVICE, regions=("carve@92000000=map",), **DMA)
    assert not errors(accepted.findings)
    assert OTHER in of(accepted, "XA533")[0].message


def test_a_disabled_device_of_the_hosts_uses_nothing(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        REGIONS + '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        ' memory-region = <&carve>; }; dev@7e001000 { compatible = "xenassign,x";'
        ' reg = <0 0x7e001000 0 0x1000>; memory-region = <&carve>; status = "disabled"; }; };',
    )
    assert not errors(plan(tree, DEVICE, **DMA).findings)


def test_a_region_of_two_assigned_devices_is_mapped_once(
    plan: Plan, host: Callable[..., Tree]
) -> None:
    made = plan(host("carve", other="carve"), DEVICE, OTHER, **DMA)
    assert not errors(made.findings)
    assert [region.users for region in made.regions] == [(DEVICE, OTHER)]


def test_a_user_without_compatible_counts(plan: Plan, variant: Variant) -> None:
    """The modem's subnodes of Qualcomm's boards (mba, mpss) have memory-region alone."""
    tree = variant(
        "tricky",
        REGIONS + '/ { dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " memory-region = <&carve>; }; holder { mba { memory-region = <&carve>; }; }; };",
    )
    (finding,) = errors(plan(tree, DEVICE, **DMA).findings)
    assert "/holder/mba" in finding.message


def test_pages_with_another_region_are_refused(plan: Plan, host: Callable[..., Tree]) -> None:
    (finding,) = errors(plan(host("small"), DEVICE, **DMA).findings)
    assert finding.code == "XA532"
    assert "/reserved-memory/next@98000800" in finding.message
    both = plan(host("small next"), DEVICE, **DMA)
    assert not errors(both.findings)
    assert {m for r in both.regions for m in r.mappings} == {Mapping(0x98000000, 0x98000000, 4096)}


def test_a_disabled_region_is_none(plan: Plan, host: Callable[..., Tree], wording: Wording) -> None:
    made = plan(host("off"), DEVICE, policy="trust")
    assert not errors(made.findings)
    assert made.regions == ()
    wording(of(made, "XA503")[0])


def test_memory_elsewhere_is_no_region(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { sram: sram@7e002000 { compatible = "mmio-sram"; reg = <0 0x7e002000 0 0x1000>; };'
        ' dev@7e000000 { compatible = "xenassign,x"; reg = <0 0x7e000000 0 0x1000>;'
        " memory-region = <&sram>; }; };",
    )
    made = plan(tree, DEVICE, policy="trust")
    assert not errors(made.findings)
    assert "/sram@7e002000" in of(made, "XA503")[0].message
    both = plan(tree, DEVICE, "/sram@7e002000", policy="trust")
    assert not of(both, "XA503")


def test_what_is_dropped_takes_its_name_with_it(plan: Plan, host: Callable[..., Tree]) -> None:
    tree = host("cma carve", more='memory-region-names = "pool", "firmware";')
    made = plan(tree, DEVICE, regions=("cma@95000000=drop",), **DMA)
    assert not errors(made.findings)
    node = at(guest(made), "/passthrough/dev@7e000000")
    region = at(guest(made), "/passthrough/carve@92000000")
    assert list(node.strings("memory-region-names")) == ["firmware"]
    assert node.cells("memory-region") == (region.phandle,)
    assert "/reserved-memory/cma@95000000" in of(made, "XA503")[0].message
    told = {s.provider: s.action for s in made.devices[0].suppliers}
    assert told == {
        "/reserved-memory/cma@95000000": "dropped",
        "/reserved-memory/carve@92000000": "copied",
    }


def test_an_unnamed_list_keeps_the_places(plan: Plan, host: Callable[..., Tree]) -> None:
    """Drivers take regions by their index."""
    made = plan(host("cma carve"), DEVICE, regions=("cma@95000000=drop",), **DMA)
    cells = at(guest(made), "/passthrough/dev@7e000000").cells("memory-region")
    assert cells[0] == 0
    assert cells[1] != 0


def test_regions_of_children_count(plan: Plan, host: Callable[..., Tree]) -> None:
    tree = host("carve", more="core { memory-region = <&vring>; };")
    (finding,) = errors(plan(tree, DEVICE, **DMA).findings)
    assert "vring@93000000" in finding.message
    made = plan(tree, DEVICE, regions=("vring@93000000=map",), **DMA)
    assert [region.users for region in made.regions] == [(DEVICE,), (DEVICE,)]


@pytest.mark.parametrize(
    ("options", "dropped"),
    [
        (("drop",), {"carve", "cma"}),
        ((f"{DEVICE}=drop",), {"carve", "cma"}),
        (("drop", "carve@92000000=map"), {"cma"}),
        ((f"{DEVICE}=drop", "carve@92000000=map"), {"cma"}),
        (("carve@92000000=map", "drop"), {"cma"}),
    ],
)
def test_the_option_that_says_most_counts(
    plan: Plan, host: Callable[..., Tree], options: tuple[str, ...], dropped: set[str]
) -> None:
    made = plan(host("cma carve"), DEVICE, regions=options, **DMA)
    assert not errors(made.findings)
    names = {f.message.partition("/reserved-memory/")[2].split("@")[0] for f in of(made, "XA503")}
    assert names == dropped
    assert len(made.regions) == 2 - len(dropped)


def test_an_option_that_fits_nothing_is_an_error(
    plan: Plan, host: Callable[..., Tree], wording: Wording
) -> None:
    with wording.raises(UsageError):
        plan(host("carve"), DEVICE, regions=("cma@95000000=drop",), **DMA)
    with wording.raises(UsageError):
        plan(host("carve"), OTHER, regions=(f"{OTHER}=drop",), **DMA)
    assert not errors(plan(host("carve"), OTHER, regions=("drop",), **DMA).findings)


def test_the_option_is_parsed() -> None:
    assert parse_memory_region("drop") == MemoryOption(None, "drop")
    assert parse_memory_region("/a@1=map") == MemoryOption("/a@1", "map")
    for text in ("/a@1", "/a@1=keep", "=map", "/a@1="):
        with pytest.raises(UsageError):
            parse_memory_region(text)


def test_a_region_moves_like_registers(plan: Plan, host: Callable[..., Tree]) -> None:
    """0x92000000 lies in the RAM of this guest."""
    tree = host("carve")
    device = f"{DEVICE}=0x9000000"
    (clash,) = errors(plan(tree, DEVICE, memory=2048, maps=(device,), **DMA).findings)
    assert clash.code == "XA203"
    assert "carve@92000000" in clash.message
    made = plan(tree, DEVICE, memory=2048, maps=(device, "carve@92000000=0x8000000"), **DMA)
    assert not errors(made.findings)
    assert made.regions[0].mappings == (Mapping(0x92000000, 0x8000000, 0x200000),)
    assert at(guest(made), "/passthrough/carve@8000000").cells("reg")[1] == 0x8000000
    assert DEVICE in of(made, "XA534")[0].message


def test_what_does_no_dma_finds_a_region_that_moved(plan: Plan, variant: Variant) -> None:
    tree = variant(
        "tricky",
        REGIONS + '/ { dev@7e000000 { compatible = "arm,pl031"; reg = <0 0x7e000000 0 0x1000>;'
        " memory-region = <&carve>; }; };",
    )
    made = plan(tree, DEVICE, maps=("carve@92000000=0x8000000",), routes=("dom0less",))
    assert made.regions[0].mappings[0].guest == 0x8000000
    assert not of(made, "XA534")


def test_an_iommu_translates(plan: Plan, variant: Variant) -> None:
    """What Xen protects finds the region where the guest does."""
    tree = variant(
        "zynqmp",
        "/ { reserved-memory { carve: carve@60000000 { reg = <0 0x60000000 0 0x100000>; no-map; };"
        " }; }; &gem3 { memory-region = <&carve>; };",
    )
    options = {"routes": ("dom0less",), "maps": ("carve@60000000=0x8000000",)}
    made = plan(tree, "ethernet0", **options)
    assert not errors(made.findings)
    assert made.devices[0].protection.protected
    assert made.regions[0].mappings[0].guest == 0x8000000
    assert not of(made, "XA534")
