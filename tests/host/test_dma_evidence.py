"""What knowledge/dma.txt calls "no DMA", against the facts of tests/dma_evidence.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.dma_evidence import JUDGED, contradicts, read
from xenassign.host.dma_knowledge import DmaKnowledge, dma_knowledge, dma_table

FACTS = read()
NO_DMA = [entry for entry in dma_table().all() if not entry.master]

_SOC = re.compile(r"^(mt|tegra)(\d+|\*)-")


def _entry(string: str) -> DmaKnowledge | None:
    entry = dma_knowledge([string])
    return None if entry is None or entry.master else entry


def _claims(kinds: tuple[str, ...]) -> Iterator[tuple[str, str, DmaKnowledge]]:
    """The facts of these kinds about strings that are called "no DMA", each with its entry."""
    for fact, strings in FACTS.items():
        if fact.startswith(kinds):
            for string in strings:
                if (entry := _entry(string)) is not None:
                    yield fact, string, entry


def test_no_fact_of_a_master_is_about_them() -> None:
    claims = _claims(("board ", "dma "))
    assert [(string, fact) for fact, string, entry in claims if contradicts(fact, entry)] == []


def test_each_has_evidence() -> None:
    """A driver without DMA, its own or that of the string after it, or a binding without any."""
    shown = {entry.compatible for _, _, entry in _claims(("driver ", "beside ", "binding "))}
    assert [e.compatible for e in NO_DMA if e.compatible not in shown | JUDGED.keys()] == []
    assert [string for _, string, _ in _claims(("nothing",))] == []


def test_the_judged_facts_are_still_there() -> None:
    """An exception without its fact would let another fact pass some day."""
    claims = {
        entry.compatible
        for fact, _, entry in _claims(("board ", "dma "))
        if fact.startswith(JUDGED.get(entry.compatible, ("none",))[0])
    }
    assert claims == JUDGED.keys()


def test_none_has_a_port_to_the_memory_controller() -> None:
    names = [entry.compatible for entry in NO_DMA]
    names += [string for _, string, _ in _claims(("driver ", "beside ", "binding "))]
    assert [name for name in names if _port(name)] == []


@pytest.mark.parametrize(
    ("compatible", "port"),
    [
        ("mediatek,*-disp-postmask", "DISP_POSTMASK"),
        ("mediatek,mt8195-disp-rdma", "DISP_RDMA"),
        ("mediatek,*-mdp3-fg", "MDP_FG"),
        ("nvidia,tegra*-csi", "CSI"),
        ("nvidia,tegra210-csi", None),
        ("nvidia,tegra234-qspi", "QSPI"),
        ("nvidia,tegra194-hda", "HDA"),
        ("mediatek,mt8195-disp-color", None),
    ],
)
def test_a_port_is_known_by_its_name(compatible: str, port: str | None) -> None:
    assert _port(compatible) == port


def _port(compatible: str) -> str | None:
    """The port of a block, by its name without the SoC; of any SoC where that is a wildcard."""
    vendor, _, block = compatible.partition(",")
    soc = _SOC.match(block) if vendor in ("mediatek", "nvidia") else None
    if soc is None and block.startswith("*-") and vendor == "mediatek":
        soc = re.match(r"(\*)()-", block)
    if soc is None:
        return None
    kind = f"ports {soc[1]}{soc[2]}".replace("*", "")
    ports = {name for fact in FACTS if fact.startswith(kind) for name in FACTS[fact]}
    name = block[soc.end() :].replace("mdp3", "mdp").replace("-", "_").upper()
    names = [name, f"{name}R", f"{name}W"] if vendor == "nvidia" else [name]
    return next((name for name in names if name in ports), None)
