"""Properties of a guest's node that hold addresses: xen,reg and dma-ranges, in two cells each."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import is_pci, on_processor_bus
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.draft import (
    Cells,
    DraftProperty,
    from_bytes,
)
from xenassign.devicetree.tree import Node
from xenassign.host.dma_windows import Translation, dma_ranges, identity_dma_ranges
from xenassign.planning.plan import PlacedBlock
from xenassign.xen.releases import CACHEABLE


def xen_reg(placed: tuple[PlacedBlock, ...]) -> DraftProperty:
    """The pages of blocks, each mapping once: host address, size, guest address.

    Either all or none are Normal memory: of a node Xen reads one of the two properties.
    """
    mappings = dict.fromkeys(block.mapping for block in placed)
    sizes = ", ".join(f"{block.block.size:#x}" for block in placed if block.rounded)
    comment = None if mappings else "no registers"
    if sizes:
        comment = f"whole pages: rounded out from {sizes} bytes"
    pieces = tuple(Cells(two_cells(m.host, m.size, m.guest)) for m in mappings)
    normal = any(mapping.normal for mapping in mappings)
    return DraftProperty(CACHEABLE if normal else "xen,reg", pieces, comment)


def translated_dma(translation: Translation | None) -> Iterator[DraftProperty]:
    """dma-ranges of /passthrough in a direct-map domain: the translation of the host's bus."""
    if translation is not None:
        rows = (two_cells(e.child, e.parent, e.size) for e in translation.table)
        comment = f"DMA addresses as on {translation.bus}: the domain is direct-map"
        yield DraftProperty("dma-ranges", tuple(Cells(row) for row in rows), comment)


def inbound_dma(node: Node, direct_map: bool) -> Iterator[DraftProperty]:
    """dma-ranges of a PCI host, by which its driver sets up windows, and of a bus below one.

    In a direct-map domain they hold as they are. Elsewhere only those that translate no address.
    """
    below_pci = node.parent is not None and is_pci(node.parent)
    if below_pci or (direct_map and not is_pci(node) and not on_processor_bus(node)):
        if direct_map:  # the bus keeps the cells of the host
            yield from_bytes(node.properties["dma-ranges"])
        return
    table = identity_dma_ranges(node)
    if direct_map and is_pci(node) and bus_cells(node) == (3, 2):
        table = dma_ranges(node) or ()
    if table:
        pieces = ((e.flags, *two_cells(e.child, e.parent, e.size)) for e in table)
        yield DraftProperty("dma-ranges", tuple(Cells(piece) for piece in pieces))


def two_cells(*numbers: int) -> tuple[int, ...]:
    """The numbers in order, each as two cells.

    A number of more than 64 bits, for which the plan is refused, gives a cell of more than 32.
    """
    return tuple(cell for number in numbers for cell in (number >> 32, number & 0xFFFFFFFF))
