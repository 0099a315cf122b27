"""Phandle references: which property of a node names which other node, with which arguments.

A blob does not mark phandles; they are numbers like any other. Whether a property has references
follows from its name (:mod:`xenassign.devicetree.phandle_properties`). Each is a phandle and as
many cells as the ``#…-cells`` of the named node. ``interrupts-extended``, ``interrupt-map`` and
``interrupt-parent`` belong to the interrupt tree (:mod:`xenassign.devicetree.interrupts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xenassign.devicetree.cells import cell_count
from xenassign.devicetree.phandle_properties import REMAINDER, PhandleProperty, lookup
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree

#: Properties with phandles that belong to the interrupt tree, and do not name a supplier.
INTERRUPT_TREE = frozenset({"interrupt-parent", "interrupts-extended"})
#: 0xffffffff is not a phandle.
_PHANDLE_END = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of a phandle-bearing property.

    ``index`` counts the entries. ``cell`` is the index of the entry's first cell in the property
    and ``width`` the number of its cells; the phandle comes after the lead cells of ``rule``.
    ``provider``: None if the phandle names no node. ``name`` comes from the names list, if there is
    one. ``trail`` are the cells after the arguments (the length of a range of a map).
    """

    rule: PhandleProperty
    prop: str
    index: int
    cell: int
    width: int
    phandle: int
    provider: Node | None
    args: tuple[int, ...]
    name: str | None
    trail: tuple[int, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the entry is empty on purpose (phandle 0); it keeps its index."""
        return self.phandle == 0


class References(NamedTuple):
    """The references of one property; ``problem`` says why the rest of it can't be read."""

    rule: PhandleProperty
    prop: str
    entries: tuple[Reference, ...]
    problem: str | None = None


def property_references(tree: Tree, node: Node, prop: Property) -> References | None:
    """The references of one property, or None when its name has none. Never raises."""
    rule = lookup(prop.name)
    if rule is None or not prop.value or (rule.unless and node.has(rule.unless)):
        return None
    names = node.strings(rule.names) if rule.names else ()
    entries: list[Reference] = []
    problem = None
    try:
        values = prop.cells()
        if rule.shape == "map" and _with_one_argument(tree, rule, values):
            rule = rule._replace(cells=1)
        at = 0
        while at < len(values):
            position = len(entries) // rule.entries_per_name
            name = names[position] if position < len(names) else None
            entry = _entry(tree, rule, prop.name, values, at, len(entries), name)
            entries.append(entry)
            at += entry.width
    except PropertyError as error:
        problem = str(error)
    return References(rule, prop.name, tuple(entries), problem)


def _with_one_argument(tree: Tree, rule: PhandleProperty, values: tuple[int, ...]) -> bool:
    """Whether each entry of a map has one argument, whatever the cells property of the node says.

    Linux read all maps so before 7.1 (of_map_id), so boards have them for IOMMUs with
    #iommu-cells = 2: all entries are of four cells then, and the second is an IOMMU's phandle.
    """
    providers = [tree.phandles.get(phandle) for phandle in values[1::4]]
    if len(values) % 4 or not providers:
        return False
    return providers[0] is None or all(node and node.has(str(rule.cells)) for node in providers)


def _entry(
    tree: Tree,
    rule: PhandleProperty,
    prop: str,
    values: tuple[int, ...],
    start: int,
    index: int,
    name: str | None,
) -> Reference:
    """The entry that begins at a cell. Raises PropertyError when it can't be read."""
    lead = rule.lead or (1 if rule.shape == "map" else 0)
    trail = rule.trail or (1 if rule.shape == "map" else 0)
    at = start + lead
    if at >= len(values):
        raise PropertyError(f"{prop} ends inside of entry {index}")
    phandle = values[at]
    provider = tree.phandles.get(phandle)
    if phandle == 0 and not lead:  # an empty entry has one cell
        return Reference(rule, prop, index, start, 1, 0, None, (), name)
    if rule.cells == REMAINDER:
        count = len(values) - at - 1
    else:
        count = _argument_count(rule, provider, phandle)
    width = lead + 1 + count + trail
    if start + width > len(values):
        raise PropertyError(f"{prop} ends inside of entry {index}")
    args = values[at + 1 : at + 1 + count]
    after = values[at + 1 + count : start + width]
    return Reference(rule, prop, index, start, width, phandle, provider, args, name, after)


def _argument_count(rule: PhandleProperty, provider: Node | None, phandle: int) -> int:
    if isinstance(rule.cells, int):
        return rule.cells
    if provider is None:
        raise PropertyError(f"phandle {phandle:#x} names no node")
    return cell_count(provider, rule.cells, rule.default_cells)


def references(tree: Tree, node: Node) -> tuple[References, ...]:
    """The references of all properties of a node, in their order."""
    return tree.once(_references, node)


def _references(tree: Tree, node: Node) -> tuple[References, ...]:
    of_properties = (property_references(tree, node, prop) for prop in node.properties.values())
    return tuple(entry for entry in of_properties if entry is not None)


def unused_phandles(tree: Tree) -> Iterator[int]:
    """Phandles that no node of a tree has: those above the highest, then those below."""
    taken = {node.phandle for node in tree.nodes()}
    highest = max((phandle for phandle in taken if phandle is not None), default=0)
    yield from range(highest + 1, _PHANDLE_END)
    yield from (phandle for phandle in range(1, highest) if phandle not in taken)
