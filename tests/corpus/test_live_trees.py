"""Real boards as live trees, and as the trees that Xen would make of them for dom0."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.live import read_live
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.findings import Finding, errors
from xenassign.host.device import is_device, read_device
from xenassign.host.platform import Platform, read_platform
from xenassign.host.running import dom0_tree, guest_of
from xenassign.planning.decide import judge_request
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import read_board
from xenassign.xen.iommu import Shield, protection
from xenassign.xen.releases import DEFAULT, release

from ..devicetree.directories import content, write
from .conftest import Figures

pytestmark = pytest.mark.corpus

EVERY = 25


def test_boards_as_directories(
    board_files: list[Path], tmp_path: Path, dtc: str, figures: Figures
) -> None:
    """What is read of a directory is the tree of its blob, and what dtc reads of it."""
    sample = board_files[::EVERY]
    for number, path in enumerate(sample):
        blob = read_blob(path.read_bytes(), path.name)
        folder = write(blob, tmp_path / str(number))
        tree = read_live(str(folder))
        assert content(tree.root) == content(blob.root), path.name
        command = [dtc, "-q", "-f", "-I", "fs", "-O", "dtb", str(folder)]
        done = subprocess.run(command, capture_output=True, check=True)
        theirs = read_blob(done.stdout)
        assert content(theirs.root, names=False) == content(tree.root, names=False), path.name
    assert len(sample) > 30
    figures(Counter({"boards as directories": len(sample)}))


def test_no_board_is_taken_for_a_tree_of_xens(board_files: list[Path]) -> None:
    for path in board_files:
        tree = read_blob(path.read_bytes(), path.name)
        assert (dom0_tree(tree), guest_of(tree)) == (None, None), path.name


def test_what_does_no_dma_has_no_iommus(board_files: list[Path], figures: Figures) -> None:
    """So a device that dom0's tree shows to do no DMA is none that lost its ``iommus`` there."""
    found = 0
    for path in board_files:
        platform = read_platform(read_blob(path.read_bytes(), path.name))
        for node in platform.tree.nodes():
            if is_device(node) and (node.has("iommus") or node.has("iommu-map")):
                for name in ("iommus", "iommu-map"):
                    node.properties.pop(name, None)
                device = read_device(platform, node)
                assert device.dma.answer != "no", (path.name, device.path)
                found += 1
    assert found > 1000
    figures(Counter({"devices behind an IOMMU, without their iommus": found}))


def as_for_dom0(tree: Tree) -> None:
    """Makes of a board's tree what Xen makes of it for dom0, as far as devices are concerned."""
    platform = read_platform(tree)
    driven = [
        i.node for i in platform.iommus if release(DEFAULT).iommu_driver_for(i.node.compatible)
    ]
    behind = [node for node in tree.nodes() if any(_first(tree, node) is one for one in driven)]
    for node in behind:
        for name in ("iommus", "iommu-map", "iommu-map-mask"):
            node.properties.pop(name, None)
    gone = [*driven, platform.console, tree.root.children.get("cpus")]
    for one in gone:
        if one is not None and one.parent is not None:
            one.parent.children.pop(one.name, None)
    hypervisor = Node("hypervisor", tree.root)
    text = f"xen,xen-{DEFAULT}\0xen,xen\0".encode()
    hypervisor.properties["compatible"] = Property("compatible", text)
    tree.root.children["hypervisor"] = hypervisor
    for name in ("phandles", "_by_lower_path", "aliases", "labels", "labels_of"):
        tree.__dict__.pop(name, None)  # what was read before
    tree._facts.clear()


def _first(tree: Tree, node: Node) -> Node | None:
    """The IOMMU of the first entry of ``iommus``, or of ``iommu-map``."""
    for name, index in (("iommus", 0), ("iommu-map", 1)):
        prop = node.get(name)
        if prop is not None and len(prop.value) >= 4 * (index + 1):
            return tree.phandles.get(prop.cells()[index])
    return None


def judged(platform: Platform) -> Iterator[tuple[str, Shield, tuple[Finding, ...]]]:
    """(path, shield, findings) of each device, alone, by xl."""
    board = read_board(platform, release(DEFAULT))
    for node in platform.tree.nodes():
        if is_device(node):
            request = Request(devices=(node.path,), release=release(DEFAULT), routes=("xl",))
            found = judge_request(board, Resolved(request, {node: node.path}))
            shield = protection(platform, board.iommus, read_device(platform, node)).shield
            yield node.path, shield, found.findings


def test_nothing_is_granted_by_dom0s_tree_alone(board_files: list[Path], figures: Figures) -> None:
    """What may be assigned by dom0's tree may be by the board's."""
    counts: Counter[str] = Counter()
    for path in board_files[::EVERY]:
        blob = path.read_bytes()
        before = {name: (shield, found) for name, shield, found in judged(_platform(blob))}
        tree = read_blob(blob, path.name)
        as_for_dom0(tree)
        for name, shield, findings in judged(read_platform(tree)):
            if name == "/hypervisor":
                continue
            assert shield is not Shield.PROTECTED
            assert shield is Shield.UNKNOWN or before[name][0] is not Shield.PROTECTED
            if errors(findings):
                continue
            missed = [
                one.code
                for one in errors(before[name][1])
                if one.code != "XA102" or one.node == name  # a bus comes without Xen's UART on it
                # Xen makes /cpus anew for dom0, without what supplies the CPUs.
                if one.code != "XA107" or "/cpus/" not in one.message
            ]
            assert missed == [], (path.name, name)
            counts["granted by dom0's tree"] += 1
    assert counts["granted by dom0's tree"] > 500
    figures(counts)


def _platform(blob: bytes) -> Platform:
    return read_platform(read_blob(blob))
