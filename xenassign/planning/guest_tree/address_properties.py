"""Properties of a guest's node that hold addresses: xen,reg and dma-ranges, in two cells each."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.draft import (
    Cells,
    DraftProperty,
)
from xenassign.devicetree.tree import Node
from xenassign.host.dma_windows import Translation, identity_dma_ranges
from xenassign.planning.plan import PlacedBlock


def xen_reg(placed: tuple[PlacedBlock, ...]) -> DraftProperty:
    """The pages of blocks, each mapping once: host address, size, guest address."""
    mappings = dict.fromkeys(block.mapping for block in placed)
    sizes = ", ".join(f"{block.block.size:#x}" for block in placed if block.rounded)
    comment = None if mappings else "no registers"
    if sizes:
        comment = f"whole pages: rounded out from {sizes} bytes"
    pieces = tuple(Cells(two_cells(m.host, m.size, m.guest)) for m in mappings)
    return DraftProperty("xen,reg", pieces, comment)


def translated_dma(translation: Translation | None) -> Iterator[DraftProperty]:
    """dma-ranges of /passthrough in a direct-map domain: the translation of the host's bus."""
    if translation is not None:
        rows = (two_cells(e.child, e.parent, e.size) for e in translation.table)
        comment = f"DMA addresses as on {translation.bus}: the domain is direct-map"
        yield DraftProperty("dma-ranges", tuple(Cells(row) for row in rows), comment)


def inbound_dma(node: Node) -> Iterator[DraftProperty]:
    """dma-ranges of a PCI host that translate no address: its driver sets up windows by them."""
    table = identity_dma_ranges(node)
    if table:
        pieces = ((e.flags, *two_cells(e.child, e.parent, e.size)) for e in table)
        yield DraftProperty("dma-ranges", tuple(Cells(piece) for piece in pieces))


def two_cells(*numbers: int) -> tuple[int, ...]:
    """The numbers in order, each as two cells.

    A number of more than 64 bits, for which the plan is refused, gives a cell of more than 32.
    """
    return tuple(cell for number in numbers for cell in (number >> 32, number & 0xFFFFFFFF))
