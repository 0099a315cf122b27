"""Whether Xen protects a device: every case of the fixture boards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rows import Rows
from xenassign.devicetree.tree import Tree
from xenassign.host.device import read_device
from xenassign.host.platform import read_platform
from xenassign.xen.iommu import Protection, Shield, iommus, protection
from xenassign.xen.releases import release

Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]


def judged(tree: Tree, path: str, drivers: set[str] | None = None, xen: str = "4.20") -> Protection:
    platform = read_platform(tree)
    node = tree.find(path)
    assert node is not None
    known = iommus(platform, release(xen), frozenset(drivers) if drivers else None)
    return protection(platform, known, read_device(platform, node))


THE_SHIELD_AND_THE_REASON: tuple[tuple[str, str, set[str] | None, str, str], ...] = (
    ("tricky", "/dma@78000000", None, "PROTECTED", "/iommu@f3100000"),
    ("tricky", "/dma@78010000", None, "PROTECTED", "/iommu@f3100000"),
    ("tricky", "/dma@78020000", None, "PROTECTED", "/iommu@f3200000"),
    ("tricky", "/dma@78030000", None, "REFUSED", "names two IOMMUs"),
    ("tricky", "/dma@78040000", None, "UNPROTECTED", "/iommu@f3000000 is disabled"),
    ("tricky", "/dma@78050000", None, "UNPROTECTED", "/iommu@f3000000 is disabled"),
    ("tricky", "/vpu@78060000", None, "REFUSED", "active driver (smmu)"),
    ("tricky", "/dma@78070000", None, "REFUSED", "active driver (smmu)"),
    ("tricky", "/dma@78070000", {"smmu-v3"}, "PROTECTED", "/iommu@f3400000"),
    ("tricky", "/dma@78000000", {"smmu-v3"}, "REFUSED", "active driver (smmu-v3)"),
    ("tricky", "/dma@78000000", {"ipmmu"}, "UNPROTECTED", "no smmu driver"),
    ("tricky", "/dma@78080000", None, "REFUSED", "/iommu@f3500000"),
    ("tricky", "/dma@78080000", {"ipmmu"}, "UNPROTECTED", "no #global-interrupts"),
    ("tricky", "/iommu-only", None, "PROTECTED", "/iommu@f3100000"),
    ("tricky", "/dev@740f0000", None, "UNPROTECTED", "it is not behind an IOMMU"),
    ("tricky", "/pcie@75000000", None, "UNPROTECTED", "Xen does not read iommu-map of a PCI host"),
    ("zynqmp", "/axi/ethernet@ff0e0000", None, "PROTECTED", "/axi/iommu@fd800000"),
    ("zynqmp", "/axi/mmc@ff170000", None, "PROTECTED", "/axi/iommu@fd800000"),
    ("zynqmp", "/axi/gpu@fd4b0000", None, "UNPROTECTED", "it is not behind an IOMMU"),
    ("juno", "/hdlcd@7ff60000", None, "PROTECTED", "(mmu-masters)"),
    ("juno", "/gpu@2d000000", None, "UNPROTECTED", "is disabled"),
    ("juno", "/usb@7ffb0000", None, "PROTECTED", ""),
    ("rcar", "/soc/mmc@ee140000", None, "PROTECTED", "/soc/iommu@"),
    ("rcar", "/soc/mmc@ee140000", {"ipmmu"}, "PROTECTED", "/soc/iommu@"),
    ("rcar", "/soc/mmc@ee140000", {"smmu"}, "UNPROTECTED", "no ipmmu driver"),
    ("rk3588", "/video-codec@fdb50000", None, "UNPROTECTED", "Xen has no driver for"),
)


def test_the_shield_and_the_reason(board: Board, rows: Rows) -> None:
    for host, path, drivers, shield, why in THE_SHIELD_AND_THE_REASON:
        with rows(host, path, drivers, shield, why):
            found = judged(board(host), path, drivers)
            assert found.shield is Shield[shield]
            assert why in found.why


@pytest.mark.parametrize("xen", ["4.17", "4.22"])
def test_a_partly_unavailable_device_counts_as_unprotected_in_every_release(
    board: Board, xen: str
) -> None:
    found = judged(board("tricky"), "/dma@78050000", xen=xen)
    assert not found.protected
    assert found.entries == (True, False)


def test_every_stream_of_a_protected_device_is(board: Board) -> None:
    found = judged(board("tricky"), "/dma@78010000")
    assert found.entries == (True, True)


def test_an_empty_or_malformed_iommus_protects_nothing(variant: Variant) -> None:
    tree = variant(
        "tricky",
        '/ { a@7e000000 { compatible = "x"; reg = <0 0x7e000000 0 0x1000>; iommus; };'
        ' b@7e001000 { compatible = "x"; reg = <0 0x7e001000 0 0x1000>; iommus = <0x7777 1>; };'
        ' c@7e002000 { compatible = "x"; reg = <0 0x7e002000 0 0x1000>; iommus = <&smmu0>; };'
        ' d@7e003000 { compatible = "x"; reg = <0 0x7e003000 0 0x1000>;'
        " iommus = <&smmu0 1>, <0x7777 1>; }; };",
    )
    for path in ("/a@7e000000", "/b@7e001000", "/c@7e002000", "/d@7e003000"):
        assert judged(tree, path).shield is Shield.UNPROTECTED, path


def test_the_first_usable_iommu_makes_its_driver_the_active_one(board: Board) -> None:
    platform = read_platform(board("tricky"))
    known = iommus(platform, release("4.20"))
    assert known.active is not None
    assert known.active.name == "smmu"
    used = {i.node.path for i in platform.iommus if i.node in known.nodes}
    assert used == {"/iommu@f3100000", "/iommu@f3200000"}


def test_a_board_without_iommu_has_no_active_driver(board: Board) -> None:
    assert iommus(read_platform(board("ti")), release("4.20")).active is None
