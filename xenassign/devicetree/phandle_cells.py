"""Which cells of a property hold phandles, for every kind of reference.

Used where nodes get other phandles. :mod:`xenassign.devicetree.references` reads suppliers;
``interrupt-map`` (Devicetree Specification 2.4.3) is added here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.cells import ADDRESS_CELLS, cell_count
from xenassign.devicetree.interrupts import map_entries
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree


class PhandleCell(NamedTuple):
    """The ``at``-th cell of a property, a phandle. ``provider``: None if it names no node."""

    prop: str
    at: int
    phandle: int
    provider: Node | None


def phandle_cells(tree: Tree, node: Node, prop: Property) -> Iterator[PhandleCell]:
    """The phandle cells of a property, up to the first malformed entry. Never raises."""
    if prop.name == "interrupt-map":
        yield from _of_map(tree, node)
        return
    references = property_references(tree, node, prop)
    for entry in references.entries if references is not None else ():
        lead = entry.rule.lead or (1 if entry.rule.shape == "map" else 0)
        if not entry.empty:
            yield PhandleCell(prop.name, entry.cell + lead, entry.phandle, entry.provider)


def _of_map(tree: Tree, nexus: Node) -> Iterator[PhandleCell]:
    try:
        width = cell_count(nexus, "#interrupt-cells", 0) + cell_count(nexus, ADDRESS_CELLS, 0)
        for entry in map_entries(tree, nexus, width):
            yield PhandleCell("interrupt-map", entry.cell, entry.phandle, entry.controller)
    except PropertyError:
        return
