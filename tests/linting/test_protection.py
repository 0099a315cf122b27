"""Rules about DMA masters, what forces them, and leftovers of the host's IOMMU."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from xenassign.devicetree.tree import Tree
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.verdict import domcfg

from .trees import FORCE, about, clock, context, device, everything, passthrough

Board = Callable[[str], Tree]

#: Of what is not asked here: memory is not known, and pages of the others.
BESIDE = {"XA201"}
MASTER = ("XA403", "warning")
LATER = ("XA428", "warning")  # when the guest is gone


def asked(board: Board, host: str, text: str) -> list[tuple[str, str]]:
    """(code, severity), without what stands beside."""
    found = about(text, context(board(host)))
    return [(f.code, f.severity) for f in found if f.code not in BESIDE]


# --- not forced, on both routes ------------------------------------------------------------------

HARM = "would corrupt memory of Xen or of other domains"
MASTERS = "do not assign it, or use a board whose IOMMU covers it; only a direct-map domain"
NOT_NAMED = "prints a template of the overlay; else only a direct-map domain can use it"


@pytest.mark.parametrize(
    ("host", "path", "base", "on_xl", "on_dom0less"),
    [
        ("ti", "/bus@f0000/mmc@fa00000", 0xFA00000, MASTERS, MASTERS),
        ("zynqmp", "/axi/gpu@fd4b0000", 0xFD4B0000, NOT_NAMED, NOT_NAMED),
        ("tricky", "/dev@740b0000", 0x740B0000, HARM, HARM),
        (
            "qemu",
            "/pl031@9010000",
            0x9010000,
            "remove it from dtdev, so that irqs and iomem assign it without protection: it does no",
            "add xen,force-assign-without-iommu: it does no DMA",
        ),
    ],
)
def test_the_ways_depend_on_what_the_device_does(
    board: Board, host: str, path: str, base: int, on_xl: str, on_dom0less: str
) -> None:
    tree = board(host)
    text = passthrough(device(path, base, force=""))
    (of_tree,) = (f for f in everything(text, context(tree)) if f.code == "XA413")
    config = parse(f"device_tree = 'p.dtb'\ndtdev = ['{path}']\n", "dom.cfg")
    (of_config,) = (f for f in domcfg.check(config, context(tree)) if f.code == "XA417")
    assert on_dom0less in of_tree.fix
    assert on_xl in of_config.fix
    for finding in (of_tree, of_config):
        assert "it is not behind an IOMMU" in finding.message
        assert "reaches all of the host's memory" in finding.fix or on_xl is not MASTERS


def test_a_forced_master_of_a_direct_map_domain_reaches_everything(board: Board) -> None:
    gpu = device("/axi/gpu@fd4b0000", 0xFD4B0000, 0x10000, irq="0 132 4", force="")
    direct = context(board("zynqmp"))._replace(direct_map=True)
    (finding,) = (f for f in everything(passthrough(gpu), direct) if f.code == "XA413")
    assert "only if you accept that its DMA then reaches all of the host's memory" in finding.fix


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("/amba/gpu@fd4b0000", "did you mean /axi/gpu@fd4b0000?"),
        ("/nowhere", "write the full path of"),
    ],
)
def test_a_path_that_the_host_lacks(board: Board, path: str, fix: str) -> None:
    tree = board("zynqmp")
    text = passthrough(device(path, 0xFD4B0000, force=""))
    (of_tree,) = (f for f in everything(text, context(tree)) if f.code == "XA412")
    config = parse(f"device_tree = 'p.dtb'\ndtdev = ['{path}']\n", "dom.cfg")
    (of_config,) = (f for f in domcfg.check(config, context(tree)) if f.code == "XA417")
    assert of_tree.fix.startswith(fix)
    assert of_config.fix.startswith(fix)


# --- forced --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path", "base", "size", "irq", "expected"),
    [
        ("qemu", "/pl031@9010000", 0x9010000, 0x1000, "0 2 4", []),  # known to do no DMA
        ("zynqmp", "/axi/gpu@fd4b0000", 0xFD4B0000, 0x10000, "0 132 4", [MASTER, LATER]),
        ("tricky", "/dev@740b0000", 0x740B0000, 0x1000, "0 80 4", [("XA402", "warning"), LATER]),
        ("zynqmp", "/axi/mmc@ff170000", 0xFF170000, 0x1000, "0 49 4", [("XA419", "note")]),
        ("tricky", "/vpu@78060000", 0x78060000, 0x1000, "0 116 4", []),  # XA404 rejects it
    ],
)
def test_a_forced_device(
    board: Board,
    host: str,
    path: str,
    base: int,
    size: int,
    irq: str,
    expected: list[tuple[str, str]],
) -> None:
    assert asked(board, host, passthrough(device(path, base, size, irq=irq))) == expected


def test_force_on_a_dma_master_names_the_evidence(board: Board) -> None:
    gpu = device("/axi/gpu@fd4b0000", 0xFD4B0000, 0x10000, irq="0 132 4")
    found = [f for f in about(passthrough(gpu), context(board("zynqmp"))) if f.code == "XA403"]
    (one,) = found
    assert (one.node, one.prop) == (
        "/passthrough/gpu@fd4b0000",
        "xen,force-assign-without-iommu",
    )
    assert "/axi/gpu@fd4b0000" in one.message
    assert one.routes == ("dom0less",)


def test_what_is_not_forced_is_not_warned_of(board: Board) -> None:
    gpu = device("/axi/gpu@fd4b0000", 0xFD4B0000, 0x10000, irq="0 132 4", force="")
    found = everything(passthrough(gpu), context(board("zynqmp")))
    assert {f.code for f in found} - BESIDE == {"XA413"}


def test_a_protected_device_without_force_is_right(board: Board) -> None:
    mmc = device("/axi/mmc@ff170000", 0xFF170000, irq="0 49 4", force="")
    assert asked(board, "zynqmp", passthrough(mmc)) == []


@pytest.mark.parametrize(
    ("nodes", "count"),
    [
        (f"dev {{ {FORCE} }};", 1),
        (f"bus {{ {FORCE} child {{ }}; }};", 1),
        (f"pages {{ xen,reg = <0 0x9020000 0 0x1000 0 0x9020000>; {FORCE} }};", 0),
    ],
)
def test_a_force_where_nothing_is_assigned(nodes: str, count: int) -> None:
    found = about(passthrough(clock(), nodes), context(None))
    assert [(f.code, f.severity) for f in found] == [("XA420", "note")] * count


def test_the_force_of_passthrough_does_not_cover_what_is_below(board: Board) -> None:
    text = passthrough(f"{FORCE} {clock(force='')}")
    found = everything(text, context(board("qemu")))
    assert {f.code for f in found} == {"XA420", "XA413"}


# --- streams and drivers -------------------------------------------------------------------------

ONE = ("/soc@0/bus@30800000/mmc@30b50000", 0x30B50000, "0 23 4")
TWO = ("/soc@0/bus@30800000/mmc@30b60000", 0x30B60000, "0 24 4")


def mmc(path: str, base: int, irq: str) -> str:
    return device(path, base, 0x10000, irq=irq, force="")


def test_a_stream_shared_with_a_device_of_the_host(board: Board) -> None:
    told = about(passthrough(mmc(*ONE)), context(board("imx8")))
    (found,) = [finding for finding in told if finding.code not in BESIDE]
    assert (found.code, found.severity, found.node) == (
        *("XA407", "error"),
        "/passthrough/mmc@30b50000",
    )
    assert TWO[0] in found.message


def test_a_stream_shared_by_two_that_are_assigned_together(board: Board) -> None:
    assert asked(board, "imx8", passthrough(mmc(*ONE), mmc(*TWO))) == []


def test_a_driver_that_no_default_build_has(board: Board) -> None:
    sd = device("/soc/mmc@ee140000", 0xEE140000, 0x2000, irq="0 440 4", force="")
    found = asked(board, "rcar", passthrough(sd))
    assert ("XA405", "note") in found


# --- XA421: leftovers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("iommus = <0x55 1>;", [("XA421", "warning")]),
        ("iommus = <&smmu 1>;", [("XA421", "error")]),
        ("iommu-map = <0 0x55 0 0x100>;", [("XA421", "warning")]),
        ("mmu-masters = <0x55 1>;", [("XA421", "warning")]),
        ("xen,smmu-stream-ids = <1>;", [("XA421", "note")]),
        ("iommus = <&grants 1>;", []),
        ("iommus = <&own>;", []),
    ],
)
def test_the_hosts_iommu_left_in(more: str, expected: list[tuple[str, str]]) -> None:
    below = (
        "smmu: smmu { #iommu-cells = <1>; };"
        ' grants: xen_iommu { compatible = "xen,grant-dma"; #iommu-cells = <1>; };'
        ' own: iommu@ff660480 { compatible = "rockchip,iommu"; #iommu-cells = <0>;'
        " xen,reg = <0x0 0xff660000 0x0 0x1000 0x0 0xff660000>; };"
    )
    found = about(passthrough(below, clock(more)), context(None))
    assert [(f.code, f.severity) for f in found] == expected


def test_an_iommu_outside_of_passthrough_is_the_same_mistake() -> None:
    text = passthrough(clock("iommus = <&smmu 1>;"), before="smmu: smmu { #iommu-cells = <1>; };")
    assert codes(about(text, context(None))) == ["XA421"]
