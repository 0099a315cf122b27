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

from collections.abc import Iterable
from typing import NamedTuple

from xenassign.devicetree.addresses import RangesEntry, is_pci, ranges
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.device import HostDevice


def dma_ranges(bus: Node) -> tuple[RangesEntry, ...] | None:
    """The entries of ``dma-ranges``; none without it, or where it is empty: the identity.

    None where it can't be read.
    """
    try:
        return ranges(bus, "dma-ranges") or ()
    except PropertyError:
        return None


def moves(bus: Node) -> bool:
    """Whether a bus' own ``dma-ranges`` give its devices other addresses than the parent's."""
    return any(entry.moves for entry in dma_ranges(bus) or ())


def one_to_one(host: Node) -> tuple[RangesEntry, ...]:
    """``dma-ranges`` of a PCI host where no entry moves addresses; else none."""
    table = dma_ranges(host) if is_pci(host) else None
    return table if table and bus_cells(host) == (3, 2) and not moves(host) else ()


class Translation(NamedTuple):
    """How the bus at a host path translates the DMA addresses of what is on it."""

    bus: str
    table: tuple[RangesEntry, ...]


def translation(devices: Iterable[HostDevice]) -> Translation | None:
    """The translation of DMA addresses that all masters among the devices have.

    The devices of a direct-map guest are below /passthrough, so it holds for all of them or for
    none: None too where none moves an address, and where tables follow one another or are a PCI
    host's own.
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
    """An entry with the address that the processor sees; None where a bus above ends it."""
    address = entry.parent
    for above in bus.lineage():
        table = dma_ranges(above)
        if table is None:
            return None
        if table:
            held = next((e for e in table if e.span.holds(address)), None)
            if held is None:
                return None
            address += held.parent - held.child
    return entry._replace(parent=address)
