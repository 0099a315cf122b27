"""The interrupts that a guest's nodes state, and how a guest finds the controller of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from xenassign.devicetree.interrupts import ExtendedError, MapEntry, extended_entries, map_entries
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.intx import map_width
from xenassign.host.msi_interrupts import msi_interrupts
from xenassign.xen.releases import GUEST_PHANDLE_GIC, SPI_FIRST_INTID

#: Cells of an interrupt of the guest's GIC.
GIC_CELLS = 3


class GuestLine(NamedTuple):
    """An interrupt of a guest's node at the guest's GIC. ``cell``: that of its number."""

    prop: str
    cell: int
    kind: int
    number: int
    flags: int

    @property
    def intid(self) -> int:
        """The INTID; Xen treats every type except 0 as a PPI."""
        return self.number + (SPI_FIRST_INTID if self.kind == 0 else 16)


class GuestGic(NamedTuple):
    """How a guest's nodes refer to its GIC: the phandles that name it.

    ``of_root``: whether the guest's root has it as interrupt-parent. libxl writes that
    (make_root_properties of libxl_arm.c), dom0less Xen does not.
    """

    phandles: frozenset[int] = frozenset({GUEST_PHANDLE_GIC})
    of_root: bool = False


_GIC = GuestGic()


def guest_lines(tree: Tree, node: Node, gic: GuestGic = _GIC) -> list[GuestLine]:
    """The interrupts of a guest's node at the guest's GIC, those of PCI devices on it included.

    None for a node whose interrupts can't be read.
    """
    return [*_own_lines(tree, node, gic), *map_lines(tree, node, gic)]


def _own_lines(tree: Tree, node: Node, gic: GuestGic) -> list[GuestLine]:
    try:
        if node.has("interrupts-extended"):
            return list(_extended(tree, node, gic))
        if node.has("interrupts") and interrupt_parent(tree, node, gic).gic:
            cells = node.cells("interrupts")
            starts = range(0, len(cells) - GIC_CELLS + 1, GIC_CELLS)
            return [GuestLine("interrupts", i + 1, *cells[i : i + GIC_CELLS]) for i in starts]
    except PropertyError:
        pass
    return []


def map_lines(tree: Tree, node: Node, gic: GuestGic = _GIC) -> list[GuestLine]:
    """The interrupts of interrupt-map at the guest's GIC, up to an entry that can't be read.

    Each once: several devices and pins share them.
    """
    lines: dict[tuple[int, ...], GuestLine] = {}
    with suppress(PropertyError):
        for entry in guest_map(tree, node, gic):
            if entry.phandle in gic.phandles:
                line = GuestLine("interrupt-map", entry.cell + 2, *entry.specifier)
                lines.setdefault(entry.specifier, line)
    return list(lines.values())


def guest_map(tree: Tree, node: Node, gic: GuestGic = _GIC) -> Iterator[MapEntry]:
    """The entries of interrupt-map of a guest's node. Raises PropertyError at an unreadable one.

    The guest's GIC has no address cells: make_gicv3_domU_node and make_gicv2_domU_node of Xen, and
    make_gicv3_node and make_gicv2_node of libxl_arm.c.
    """
    if node.has("interrupt-map"):
        yield from map_entries(tree, node, map_width(node), gic_widths(gic))


def guest_intids(tree: Tree, node: Node, gic: GuestGic = _GIC) -> list[int]:
    """The INTIDs of a guest's node at the guest's GIC, also those of an MSI controller."""
    intids = [line.intid for line in guest_lines(tree, node, gic)]
    return intids + [line.intid for line in msi_interrupts(node, gic.phandles)]


def gic_widths(gic: GuestGic) -> dict[int, int]:
    """The number of cells of a specifier of the guest's GIC, by each phandle that names it."""
    return dict.fromkeys(gic.phandles, GIC_CELLS)


def _extended(tree: Tree, node: Node, gic: GuestGic) -> Iterator[GuestLine]:
    """The interrupts of interrupts-extended, up to an entry that can't be read."""
    with suppress(ExtendedError):
        for entry in extended_entries(tree, node, gic_widths(gic)):
            if entry.phandle in gic.phandles:
                yield GuestLine("interrupts-extended", entry.cell + 2, *entry.specifier)


class InterruptParent(NamedTuple):
    """The interrupt parent of a node: the guest's GIC, or ``controller``, or None of them.

    ``source``: the node whose interrupt-parent applies; None if there is none.
    """

    gic: bool
    controller: Node | None = None
    source: Node | None = None


def interrupt_parent(tree: Tree, node: Node, gic: GuestGic = _GIC) -> InterruptParent:
    """Follows interrupt-parent as a guest does.

    From each node to its interrupt-parent, else to its parent, up to one with #interrupt-cells
    (of_irq_find_parent). The root is the guest's: no route copies that of the partial tree. Raises
    PropertyError for an interrupt-parent that is not one cell.
    """
    source: Node | None = None
    visited: set[Node] = set()
    current: Node | None = node
    while current is not None and current not in visited:
        visited.add(current)
        if current.parent is None:
            return InterruptParent(gic=gic.of_root, source=source)
        prop = current.get("interrupt-parent")
        if prop is None:
            current = current.parent
        else:
            source = current
            if prop.u32() in gic.phandles:
                return InterruptParent(gic=True, source=source)
            current = tree.phandles.get(prop.u32())
        if current is not None and current.has("#interrupt-cells"):
            return InterruptParent(gic=False, controller=current, source=source)
    return InterruptParent(gic=False, source=source)
