"""Whom the table of DMA mastering calls a master, against real boards.

Its wildcards name families of a vendor's strings, and a string may name what only serves the block:
``qcom,sm8550-qmp-gen3x2-pcie-phy`` is no PCI host. On a board such a node shows itself by its name,
or by what others get from it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node
from xenassign.host.dma_knowledge import dma_knowledge, dma_table

from ..dma_evidence import contradicts, master_facts

pytestmark = pytest.mark.corpus

#: Generic names (Devicetree Specification 2.2.2) of what masters nothing.
NAMES = ("clock-controller", "gpio", "i2c", "interconnect", "mdio", "phy", "pinctrl", "syscon")
CELLS = ("#clock-cells", "#interconnect-cells", "#phy-cells", "#power-domain-cells", "#reset-cells")

#: Masters that others get a clock or a reset from, or whose registers another master's lie among.
BOTH = {
    "mediatek,*-audiosys",
    "mediatek,*-audsys",
    "mediatek,mt6779-audio",
    "*-sdhci-*",
    "xlnx,zynqmp-8.9a",
    "*-ufshc",
    "qcom,ci-hdrc",
    "renesas,rcar_sound-*",
    "samsung,exynos*-i2s",
}
#: I2C controllers with a DMA engine inside.
I2C = {"mediatek,*-i2c", "qcom,geni-i2c", "qcom,geni-i2c-master-hub"}


@pytest.fixture(scope="module")
def nodes(board_files: list[Path]) -> list[Node]:
    """The first node of each list of ``compatible`` and of master facts on the boards."""
    first: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Node] = {}
    for path in board_files:
        for node in _described(path):
            first.setdefault((node.base_name, node.compatible, tuple(master_facts(node))), node)
    return list(first.values())


def _described(path: Path) -> Iterator[Node]:
    return (n for n in read_blob(path.read_bytes(), path.name).nodes() if n.has("compatible"))


def _serves(node: Node) -> bool:
    return node.base_name in NAMES or any(node.has(name) for name in CELLS)


def test_what_serves_other_blocks_is_no_master(nodes: list[Node]) -> None:
    answers = [dma_knowledge(node.compatible) for node in nodes if _serves(node)]
    assert {fact.compatible for fact in answers if fact is not None and fact.master} == BOTH | I2C


def test_what_a_board_shows_as_a_master_is_not_called_no_dma(nodes: list[Node]) -> None:
    """iommus and its kin, on any board, against every string of the node: tests/dma_evidence.py."""
    facts = [(node, fact) for node in nodes for fact in master_facts(node)]
    assert len(facts) > 1000
    wrong = {
        (string, fact)
        for node, fact in facts
        for string in node.compatible
        if (entry := dma_knowledge([string])) and not entry.master and contradicts(fact, entry)
    }
    assert wrong == set()


def test_no_master_is_hidden_by_a_string_before_it(nodes: list[Node]) -> None:
    """The first string of a node with a statement decides."""
    hidden = [
        node.compatible
        for node in nodes
        if (entry := dma_knowledge(node.compatible)) and not entry.master
        for string in node.compatible
        if (later := dma_knowledge([string])) and later.master
    ]
    assert hidden == []


def test_a_pci_host_is_a_master(nodes: list[Node]) -> None:
    """The wildcards were narrowed to the hosts; none may be lost by that."""
    hosts = [node for node in nodes if node.text("device_type") == "pci" and node.has("bus-range")]
    named = [node for node in hosts if not node.compatible[0].startswith("pci")]  # no bridges
    assert {node.compatible for node in named if not _master(node)} == set()
    assert len(named) > 50


def _master(node: Node) -> bool:
    fact = dma_knowledge(node.compatible)
    return fact is not None and fact.master


def test_a_wildcard_means_what_the_shells_does(nodes: list[Node]) -> None:
    """fnmatch judges: the exact string, else the first wildcard that fits."""
    wild = [(re.compile(fnmatch.translate(e.compatible)), e) for e in dma_table().all()]
    exactly = {entry.compatible: entry for entry in dma_table().all()}
    for string in sorted({string for node in nodes for string in node.compatible})[::4]:
        exact = exactly.get(string)
        first = next((entry for pattern, entry in wild if pattern.match(string)), None)
        assert dma_knowledge([string]) == (exact or first), string
