"""The addresses that a DMA master can emit: the windows of ``dma-ranges`` above it.

Read as Linux reads them (of_dma_get_range): going up from the bus of the device, the nearest
``dma-ranges`` that is not empty counts, an empty one is the identity, and a bus without one is not
a limit. Its entries map an address on that bus (which the master emits) to one of the parent's bus,
and so on to the processor's; a bus above without ``dma-ranges`` changes nothing.

An IOMMU translates the address that the master emits: Linux' dma-iommu allocates bus addresses
within the windows, and never adds their offsets. So the offsets matter only without an IOMMU.

All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from xenassign.devicetree.addresses import RangesEntry, is_pci, ranges
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.device import HostDevice


def dma_ranges(bus: Node) -> tuple[RangesEntry, ...] | None:
    """The entries of ``dma-ranges``; ``()`` if it is absent or empty (the identity).

    None if it is malformed.
    """
    try:
        return ranges(bus, "dma-ranges") or ()
    except PropertyError:
        return None


def moves(bus: Node) -> bool:
    """Whether an entry of a bus' own ``dma-ranges`` changes an address."""
    return any(entry.moves for entry in dma_ranges(bus) or ())


def identity_dma_ranges(host: Node) -> tuple[RangesEntry, ...]:
    """``dma-ranges`` of a PCI host if no entry changes an address, else ``()``."""
    table = dma_ranges(host) if is_pci(host) else None
    return table if table and bus_cells(host) == (3, 2) and not moves(host) else ()


class Translation(NamedTuple):
    """The ``dma-ranges`` of the bus at a host path."""

    bus: str
    table: tuple[RangesEntry, ...]


def translation(devices: Iterable[HostDevice]) -> Translation | None:
    """The translation of DMA addresses that all masters among the devices have in common, or None.

    The devices of a direct-map guest are below /passthrough, so one translation must hold for all
    of them. None also if it changes no address, if several buses have ``dma-ranges``, or if they
    are a PCI host's own.
    """
    masters = [device for device in devices if device.dma.answer != "no"]
    common = {_translation(device.node) for device in masters}
    return common.pop() if len(common) == 1 else None


def _translation(node: Node) -> Translation | None:
    stating: list[Translation] = []
    for bus in node.lineage():
        table = dma_ranges(bus)
        if table is None:
            return None
        if table:
            stating.append(Translation(bus.path, table))
    if len(stating) != 1 or stating[0].bus == node.path:
        return None
    table = stating[0].table
    wide = any(number >> 64 for e in table for number in (e.child, e.parent, e.size))
    return stating[0] if any(entry.moves for entry in table) and not wide else None


class Windows(NamedTuple):
    """The windows of a bus: ``child`` is the address that a master emits, ``parent`` that of the
    processor.

    ``bus`` is the node that states them; a PCI host's are for its PCI devices.
    """

    bus: Node
    entries: tuple[RangesEntry, ...]

    @property
    def moving(self) -> bool:
        """Whether an address that a master emits differs from the processor's."""
        return any(entry.moves for entry in self.entries)


class Inbound:
    """The windows of a board's buses, each read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._read: dict[Node, Windows | None] = {}  # by bus

    def windows(self, node: Node) -> Windows | None:
        """The windows of a device; None if nothing limits it, or they are malformed."""
        bus = node if is_pci(node) else _dma_parent(self._tree, node)
        if bus is None:
            return None
        if bus not in self._read:
            self._read[bus] = _windows(bus)
        return self._read[bus]


def _windows(bus: Node | None) -> Windows | None:
    while bus is not None and bus.parent is not None:
        table = dma_ranges(bus)
        if table is None:
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
    """An entry with the processor's address; None if a bus above does not translate it."""
    address = entry.parent
    for above in bus.lineage():
        table = dma_ranges(above)
        if table is None:
            return None
        if table:
            window = next((e for e in table if e.span.holds(address)), None)
            if window is None:
                return None
            address += window.parent - window.child
    return entry._replace(parent=address)
