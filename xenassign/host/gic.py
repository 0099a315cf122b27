"""The GIC, and the meaning of its interrupt specifiers.

Bindings: interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml. A specifier is <type number flags>
with an optional fourth cell (the PPI partition of GICv3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xenassign.devicetree.tree import Node, Tree

#: The GICs that Xen drives (DT_MATCH_GIC_V2 and DT_MATCH_GIC_V3 in asm/gic.h), by version.
COMPATIBLE = {
    "arm,cortex-a15-gic": 2,
    "arm,cortex-a7-gic": 2,
    "arm,gic-400": 2,
    "arm,gic-v3": 3,
}

#: First INTID by type of the first cell.
_BASES = {0: ("spi", 32), 1: ("ppi", 16), 2: ("espi", 4096), 3: ("eppi", 1056)}

_TRIGGERS = {1: "edge-rising", 2: "edge-falling", 4: "level-high", 8: "level-low"}


class Gic(NamedTuple):
    """The primary interrupt controller. ``version`` is 2 or 3."""

    node: Node
    version: int


@dataclass(frozen=True, slots=True)
class GicInterrupt:
    """An interrupt that reaches the primary GIC.

    ``index`` counts the entries of the device's interrupts; ``intid`` is the INTID (not the SPI
    number); ``cells`` are type, number and flags of the specifier.
    """

    index: int
    intid: int
    kind: str
    trigger: str
    cells: tuple[int, int, int]


def primary_gic(tree: Tree) -> Gic | None:
    """The GIC that Xen uses: the first node with ``interrupt-controller`` that it can drive.

    Source: intc_dt_preinit (gic_dt_preinit before 4.19), which visits every node, not only the
    root's children, and stops at the first that a driver accepts.
    """
    node = next(usable_gics(tree), None)
    if node is None:
        return None
    return Gic(node, next(COMPATIBLE[each] for each in node.compatible if each in COMPATIBLE))


def usable_gics(tree: Tree) -> Iterator[Node]:
    """The nodes that Xen could use as GIC, in the tree's order; it uses the first."""
    for node in tree.nodes():
        usable = node.available and not node.has("xen,passthrough")  # device_init of Xen
        named = usable and not COMPATIBLE.keys().isdisjoint(node.compatible)
        if named and node.has("interrupt-controller") and node.parent is not None:
            yield node


def decode(index: int, specifier: tuple[int, ...]) -> GicInterrupt | None:
    """The interrupt of a GIC specifier, or None for an invalid one."""
    if len(specifier) < 3 or specifier[0] not in _BASES:
        return None
    kind, base = _BASES[specifier[0]]
    trigger = _TRIGGERS.get(specifier[2] & 0xF, "none")
    first = (specifier[0], specifier[1], specifier[2])
    return GicInterrupt(index, base + specifier[1], kind, trigger, first)
