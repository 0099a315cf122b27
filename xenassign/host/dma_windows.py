"""Which addresses a DMA master can emit: the windows of ``dma-ranges`` before it.

Read as Linux reads them (of_dma_get_range): going up from the bus that the device hangs on, the
nearest ``dma-ranges`` that is not empty counts, an empty one is the identity, and a bus without one
is no limit. Its entries map an address on that bus (which the master emits) to one of the parent's
bus, and so on to the processor's; a bus above without ``dma-ranges`` changes nothing.

Where an IOMMU stands before the device, what it translates is the address that the master emits:
Linux' dma-iommu hands out addresses of the bus, takes the windows for their limits, and never adds
their offsets. So the offsets count where nothing translates.

All addresses and sizes are bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import RangesEntry, is_pci, ranges
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree


class Windows(NamedTuple):
    """The windows of a bus: ``child`` is what a master emits, ``parent`` what the processor sees.

    ``bus`` is the node that states them; a PCI host's are for the devices behind it.
    """

    bus: Node
    entries: tuple[RangesEntry, ...]

    @property
    def moving(self) -> bool:
        """Whether an address that a master emits is another than the processor's."""
        return any(entry.moves for entry in self.entries)


class Inbound:
    """The windows of a board's buses, each read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._read: dict[Node, Windows | None] = {}  # by bus

    def windows(self, node: Node) -> Windows | None:
        """The windows before a device; None where nothing limits it or they can't be read."""
        bus = node if is_pci(node) else _dma_parent(self._tree, node)
        if bus is None:
            return None
        if bus not in self._read:
            self._read[bus] = _windows(bus)
        return self._read[bus]


def _windows(bus: Node | None) -> Windows | None:
    while bus is not None and bus.parent is not None:
        try:
            table = ranges(bus, "dma-ranges")
        except PropertyError:
            return None
        if table:
            seen = (_seen(entry, bus.parent) for entry in table)
            entries = tuple(entry for entry in seen if entry is not None)
            return Windows(bus, entries) if entries else None
        bus = bus.parent
    return None


def _dma_parent(tree: Tree, node: Node) -> Node | None:
    """The bus that a device masters: ``dma-mem`` of its interconnects, else its parent.

    Source: __of_get_dma_parent of Linux.
    """
    names = node.get("interconnect-names")
    if names is None or b"dma-mem" not in names.value.split(b"\0"):
        return node.parent
    prop = node.get("interconnects")
    group = property_references(tree, node, prop) if prop else None
    index = names.value.split(b"\0").index(b"dma-mem")
    entries = group.entries if group else ()
    return entries[index].provider if index < len(entries) else node.parent


def _seen(entry: RangesEntry, bus: Node) -> RangesEntry | None:
    """An entry with the address that the processor sees; None where a bus above ends it."""
    address = entry.parent
    for above in bus.lineage():
        try:
            table = ranges(above, "dma-ranges")
        except PropertyError:
            return None
        if table:
            held = next((e for e in table if e.span.holds(address)), None)
            if held is None:
                return None
            address += held.parent - held.child
    return entry._replace(parent=address)
