"""Which cells of a property hold phandles, whatever kind of reference it is.

For whoever gives nodes other phandles: :mod:`xenassign.devicetree.references` reads suppliers, and
``interrupt-map`` is read beside them (Devicetree Specification 2.4.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.interrupts import map_entries
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree


class PhandleCell(NamedTuple):
    """The ``at``-th cell of a property, a phandle. ``provider``: None where it names no node."""

    prop: str
    at: int
    phandle: int
    provider: Node | None


def phandle_cells(tree: Tree, node: Node, prop: Property) -> Iterator[PhandleCell]:
    """The cells of a property with phandles, up to where it can't be read. Never raises."""
    if prop.name == "interrupt-map":
        yield from _of_map(tree, node)
        return
    found = property_references(tree, node, prop)
    for entry in found.entries if found is not None else ():
        lead = entry.rule.lead or (1 if entry.rule.shape == "map" else 0)
        if not entry.empty:
            yield PhandleCell(prop.name, entry.cell + lead, entry.phandle, entry.provider)


def _of_map(tree: Tree, nexus: Node) -> Iterator[PhandleCell]:
    interrupt, address = nexus.get("#interrupt-cells"), nexus.get("#address-cells")
    try:
        width = (interrupt.u32() if interrupt else 0) + (address.u32() if address else 0)
        at = 0
        for here, parent, unit, specifier in map_entries(tree, nexus, width):
            at += len(here)
            yield PhandleCell("interrupt-map", at, parent.phandle or 0, parent)
            at += 1 + len(unit) + len(specifier)
    except PropertyError:
        return
