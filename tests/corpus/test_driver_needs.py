"""What the table of drivers' needs calls required, against real boards.

A board that works has what its drivers can't do without. So nearly every enabled node of a kind
that the table knows has each property and each name that the table calls required; where that is
not so, the table is wrong, or the board's node is one that Linux does not bring up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Node
from xenassign.host.device import is_device
from xenassign.host.driver_needs import Need, needs

Figures = Callable[[Counter[str]], None]
Claim = tuple[str, Need]

pytestmark = pytest.mark.corpus

#: The least share of the enabled nodes that have what is required of them. Short of 1 are, on
#: Debian's 1023 boards: the XOR engines of armada-8080-db without clocks (97 %), the SD slots of
#: mt6795-sony-xperia-m5 without pin control (98 %), a UART of mt6755-evb with an unnamed clock.
#: Linux' drivers refuse the first two.
BOUND = 0.97

#: What makes a supplier's property interesting.
SUPPLIERS = ("clocks", "resets", "phys", "power-domains", "interconnects", "dmas")


def _works(node: Node) -> bool:
    return all(above.available for above in node.lineage())


def _names(node: Node, prop: str) -> tuple[str, ...]:
    return node.strings(f"{prop.removesuffix('s')}-names")


def _meets(node: Node, claim: Need) -> bool:
    """Whether a node has what a need calls required, or one of what does as well."""
    if any(node.has(other) or other in node.children for other in claim.instead):
        return True
    if not node.has(claim.property):
        return False
    named = len(set(claim.names).intersection(_names(node, claim.property)))
    return not claim.names or named >= claim.count


def _claims(node: Node) -> Iterator[Claim]:
    known = needs(node.compatible)
    if known is not None:
        yield from ((known.driver, entry) for entry in known.needs if entry.required)


def test_boards_have_what_is_required(board_files: list[Path], figures: Figures) -> None:
    """All boards in one test: shares are over all of them, and each is read once."""
    counts: Counter[str] = Counter()
    asked: Counter[Claim] = Counter()
    unmet: dict[Claim, Counter[str]] = {}
    for path in board_files:
        for node in read_blob(path.read_bytes(), path.name).nodes():
            if not node.has("compatible"):
                continue
            _count(node, counts)
            if not _works(node):
                continue
            for claim in _claims(node):
                asked[claim] += 1
                if not _meets(node, claim[1]):
                    unmet.setdefault(claim, Counter())[f"{path.name} {node.path}"] += 1
    counts["needs, required and judged"] = asked.total()
    counts["needs, required and met"] = asked.total() - sum(c.total() for c in unmet.values())
    figures(counts)
    failures = [
        f"{driver}: {entry.property} {' '.join(entry.names)}: only {share:.1%} of {total} have it"
        f" ({', '.join(list(unmet[driver, entry])[:4])})"
        for (driver, entry), total in asked.items()
        if (share := 1 - unmet.get((driver, entry), Counter()).total() / total) < BOUND
    ]
    assert not failures, "\n".join(failures)
    # The boards judge: were nothing asked of them, the test would say nothing.
    assert asked.total() > 15_000
    assert len(asked) > 200


def _count(node: Node, counts: Counter[str]) -> None:
    if is_device(node):
        known = "known" if needs(node.compatible) is not None else "unknown"
        counts[f"needs, devices {known}"] += 1
        if any(node.has(prop) for prop in SUPPLIERS):
            counts[f"needs, devices with suppliers {known}"] += 1
