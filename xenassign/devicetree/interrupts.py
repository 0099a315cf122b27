"""The interrupt tree: from a node's ``interrupts`` to the controllers that they end at.

Section 2.4 of the Devicetree Specification, walked as Linux (drivers/of/irq.c) and Xen
(xen/common/device-tree: dt_irq_map_raw) walk it: the interrupt parent is inherited from the
tree parent, ``interrupts-extended`` wins over ``interrupts``, and an interrupt nexus maps unit
address and specifier through ``interrupt-map`` under ``interrupt-map-mask``. The meaning of a
specifier is defined by the controller's binding, and not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from xenassign.devicetree.cells import ADDRESS_CELLS, cell_count
from xenassign.devicetree.tree import Node, PropertyError, Tree


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One interrupt of a node, followed to its controller.

    ``index`` counts the node's entries. ``specifier`` is that at ``controller``, after every nexus;
    ``first`` is the controller or nexus that the node itself names.
    """

    index: int
    controller: Node
    specifier: tuple[int, ...]
    first: Node


class Interrupts(NamedTuple):
    """All interrupts of a node; ``problems`` says which of its entries could not be followed."""

    entries: tuple[Interrupt, ...] = ()
    problems: tuple[str, ...] = ()


def interrupt_parent(tree: Tree, node: Node) -> Node | None:
    """The node that ``interrupts`` of a node are addressed to, or None.

    From each node the search goes to its ``interrupt-parent``, else to its tree parent, until it
    meets one with #interrupt-cells (of_irq_find_parent, dt_irq_find_parent).
    """
    seen: set[Node] = set()
    current: Node | None = node
    while current is not None and current not in seen:
        seen.add(current)
        prop = current.get("interrupt-parent")
        current = current.parent if prop is None else tree.phandles.get(prop.u32())
        if current is not None and current.has("#interrupt-cells"):
            return current
    return None


def _interrupt_cells(controller: Node) -> int:
    return cell_count(controller, "#interrupt-cells")


def _address_cells(node: Node) -> int:
    """The address cells of an interrupt controller: 0 when it has no #address-cells."""
    return cell_count(node, ADDRESS_CELLS, default=0)


def interrupts(tree: Tree, node: Node) -> Interrupts:
    """The interrupts of a node, each followed to its controller. Never raises."""
    return tree.once(_interrupts, node)


def _interrupts(tree: Tree, node: Node) -> Interrupts:
    entries: list[Interrupt] = []
    problems: list[str] = []
    try:
        stated = list(_stated(tree, node))
    except PropertyError as error:
        return Interrupts(problems=(str(error),))
    for index, (first, specifier) in enumerate(stated):
        try:
            controller, final = _follow(tree, node, first, specifier)
        except PropertyError as error:
            problems.append(f"interrupt {index}: {error}")
        else:
            entries.append(Interrupt(index, controller, final, first))
    return Interrupts(tuple(entries), tuple(problems))


def entry_count(tree: Tree, node: Node) -> int:
    """The number of interrupts that a node states; 0 if they are malformed."""
    try:
        return len(_stated(tree, node))
    except PropertyError:
        return 0


class ExtendedEntry(NamedTuple):
    """An entry of ``interrupts-extended``. ``cell``: the index of its phandle, from 0.

    ``controller``: None if the caller knows only its width.
    """

    cell: int
    phandle: int
    controller: Node | None
    specifier: tuple[int, ...]


class ExtendedError(PropertyError):
    """Why an entry of ``interrupts-extended`` is malformed. ``cell``: that of its phandle.

    ``controller``: the node that the entry names, or None.
    """

    def __init__(self, message: str, cell: int, controller: Node | None = None) -> None:
        super().__init__(message)
        self.cell = cell
        self.controller = controller


def extended_entries(
    tree: Tree, node: Node, widths: Mapping[int, int] = MappingProxyType({})
) -> Iterator[ExtendedEntry]:
    """The entries of ``interrupts-extended``, in order.

    ``widths``: cells of the specifiers of controllers that are not of the tree, by phandle. Raises
    ExtendedError at the first malformed entry, after which the others cannot be located.
    """
    try:
        values = node.cells("interrupts-extended")
    except PropertyError as error:
        raise ExtendedError(str(error), 0) from None
    at = 0
    while at < len(values):
        phandle = values[at]
        controller = None if phandle in widths else tree.phandles.get(phandle)
        if phandle not in widths and controller is None:
            message = f"interrupts-extended names no node: phandle {phandle:#x}"
            raise ExtendedError(message, at)
        try:
            width = widths[phandle] if controller is None else _interrupt_cells(controller)
        except PropertyError as error:
            raise ExtendedError(str(error), at, controller) from None
        end = at + 1 + width
        if end > len(values):
            raise ExtendedError("interrupts-extended ends inside of an entry", at, controller)
        yield ExtendedEntry(at, phandle, controller, values[at + 1 : end])
        at = end


def _stated(tree: Tree, node: Node) -> list[tuple[Node, tuple[int, ...]]]:
    """The interrupts as the node states them: controller or nexus, and specifier."""
    stated: list[tuple[Node, tuple[int, ...]]] = []
    if node.has("interrupts-extended"):
        for entry in extended_entries(tree, node):
            if entry.controller is not None:
                stated.append((entry.controller, entry.specifier))
    elif node.has("interrupts"):
        values = node.cells("interrupts")
        controller = interrupt_parent(tree, node)
        if controller is None:
            raise PropertyError("interrupts without an interrupt parent")
        width = _interrupt_cells(controller)
        if width == 0 or len(values) % width:
            raise PropertyError(
                f"interrupts has {len(values)} cells, not a multiple of {width} ({controller.path})"
            )
        stated = [(controller, values[at : at + width]) for at in range(0, len(values), width)]
    return stated


def _follow(
    tree: Tree, node: Node, controller: Node, specifier: tuple[int, ...]
) -> tuple[Node, tuple[int, ...]]:
    """Follows one interrupt through every nexus to the controller that takes it."""
    unit = node.cells("reg") if node.has("reg") else ()
    width = _address_cells(controller)
    unit = (*unit[:width], *(0,) * (width - len(unit[:width])))
    seen: set[Node] = set()
    while not controller.has("interrupt-controller"):
        if controller in seen:
            raise PropertyError(f"the interrupt tree has a cycle at {controller.path}")
        seen.add(controller)
        if controller.has("interrupt-map"):
            controller, unit, specifier = _map(tree, controller, unit, specifier)
            continue
        # Neither controller nor nexus: Linux and Xen go on to its interrupt parent.
        above = interrupt_parent(tree, controller)
        if above is None:
            raise PropertyError(f"{controller.path} is neither interrupt controller nor nexus")
        controller = above
    return controller, specifier


def _map(
    tree: Tree, nexus: Node, unit: tuple[int, ...], specifier: tuple[int, ...]
) -> tuple[Node, tuple[int, ...], tuple[int, ...]]:
    """One step through ``interrupt-map`` (section 2.4.3): controller, unit address, specifier."""
    width = _address_cells(nexus) + _interrupt_cells(nexus)
    child = (*unit, *specifier)
    mask = nexus.cells("interrupt-map-mask") or (0xFFFFFFFF,) * width
    if len(mask) != width or len(child) != width:
        raise PropertyError(f"interrupt-map-mask of {nexus.path} does not have {width} cells")
    masked = tuple(value & bits for value, bits in zip(child, mask, strict=True))
    for entry in map_entries(tree, nexus, width):
        theirs = (value & bits for value, bits in zip(entry.matched, mask, strict=True))
        if entry.controller is not None and tuple(theirs) == masked:
            return entry.controller, entry.unit, entry.specifier
    raise PropertyError(f"interrupt-map of {nexus.path} has no entry for it")


class MapEntry(NamedTuple):
    """An entry of ``interrupt-map``: the unit address and specifier that it matches, and those at
    the controller. ``cell``: the index of its phandle, from 0.

    ``controller``: None if the caller knows only its width.
    """

    matched: tuple[int, ...]
    controller: Node | None
    unit: tuple[int, ...]
    specifier: tuple[int, ...]
    cell: int
    phandle: int


class MapError(PropertyError):
    """Why an entry of ``interrupt-map`` is malformed. ``cell``: that of its phandle."""

    def __init__(self, message: str, cell: int) -> None:
        super().__init__(message)
        self.cell = cell


def map_entries(
    tree: Tree, nexus: Node, width: int, widths: Mapping[int, int] = MappingProxyType({})
) -> Iterator[MapEntry]:
    """The entries of ``interrupt-map``. ``width``: the cells that an entry matches.

    ``widths``: cells of the specifiers of controllers that are not of the tree and have no unit
    address, by phandle. Raises MapError at the first entry that is cut off or names no node.
    """
    values = nexus.cells("interrupt-map")
    at = 0
    while at < len(values):
        cell = at + width
        cut = MapError(f"interrupt-map of {nexus.path} ends inside of an entry", cell)
        if cell >= len(values):
            raise cut
        parent = None if values[cell] in widths else tree.phandles.get(values[cell])
        if parent is None and values[cell] not in widths:
            raise MapError(f"interrupt-map of {nexus.path} names no node", cell)
        try:
            middle = cell + 1 + (_address_cells(parent) if parent is not None else 0)
            end = middle + (widths[values[cell]] if parent is None else _interrupt_cells(parent))
        except PropertyError as error:
            raise MapError(str(error), cell) from None
        if end > len(values):
            raise cut
        matched = values[at:cell]
        unit, specifier = values[cell + 1 : middle], values[middle:end]
        yield MapEntry(matched, parent, unit, specifier, cell, values[cell])
        at = end
