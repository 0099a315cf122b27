"""The legacy interrupts (INTA to INTD) of the devices on a PCI host: its ``interrupt-map``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import is_pci
from xenassign.devicetree.cells import ADDRESS_CELLS, cell_count
from xenassign.devicetree.interrupts import MapEntry, map_entries
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.host.gic import GicInterrupt, decode

if TYPE_CHECKING:
    from xenassign.host.platform import Platform


class Intx(NamedTuple):
    """The entries of the ``interrupt-map`` of a PCI host, with the interrupt of each.

    Without one (None): at another controller than the primary GIC, and a specifier that the GIC
    does not have. Its ``index`` counts the entries. ``problem``: why the map cannot be read.
    """

    entries: tuple[tuple[MapEntry, GicInterrupt | None], ...] = ()
    problem: str = ""

    @property
    def lines(self) -> tuple[GicInterrupt, ...]:
        """The interrupts at the GIC, each once: several devices and pins share them."""
        lines = (line for _, line in self.entries if line is not None)
        return tuple({line.cells: line for line in lines}.values())


def read_intx(platform: Platform, node: Node) -> Intx:
    """The legacy interrupts of the devices on a PCI host, none for another node. Never raises."""
    if not is_pci(node) or not node.has("interrupt-map"):
        return Intx()
    gic = platform.gic.node if platform.gic is not None else None
    try:
        width = map_width(node)
        entries = tuple(
            (entry, decode(index, entry.specifier) if entry.controller is gic else None)
            for index, entry in enumerate(map_entries(platform.tree, node, width))
        )
    except PropertyError as error:
        return Intx(problem=str(error))
    return Intx(entries)


def map_width(node: Node) -> int:
    """The cells that an entry of ``interrupt-map`` matches. Raises PropertyError."""
    return cell_count(node, ADDRESS_CELLS) + cell_count(node, "#interrupt-cells")
