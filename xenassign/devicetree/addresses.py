"""Registers and ranges: from a node's ``reg`` to the addresses that the processor sees.

A ``reg`` entry is an address on the bus of the node's parent. Each bus translates through its
``ranges`` into the bus above it, up to the root, whose addresses are the processor's (sections
2.3.5 to 2.3.9 of the Devicetree Specification). A bus without ``ranges`` (I2C, SPI, MDIO, the
ports of a switch) can't be addressed by the processor at all; an empty ``ranges`` is the identity.

The children of a PCI host are different: their ``reg`` is in configuration space, so it is not a
register block; the windows of the host's ``ranges`` are (:func:`pci_windows`).

All addresses and sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from xenassign.devicetree.cells import bus_cells, entries, number
from xenassign.devicetree.spans import Span, covered, merged
from xenassign.devicetree.tree import Node, PropertyError

#: The first address that 64 bits do not have.
_END = 1 << 64

#: Buses whose own registers do not matter: their children are the devices. Source:
#: of_default_bus_match_table of Linux without simple-mfd, whose registers its children share.
SIMPLE_BUSES = frozenset({"simple-bus", "isa", "arm,amba-bus", "simple-pm-bus"})


class RegEntry(NamedTuple):
    """One entry of ``reg``, on the bus of the node's parent."""

    address: int
    size: int


class RangesEntry(NamedTuple):
    """One entry of ``ranges`` or ``dma-ranges``.

    ``flags`` is the first cell of a PCI child address (phys.hi), which is not in ``child``.
    """

    child: int
    parent: int
    size: int
    flags: int = 0

    @property
    def span(self) -> Span:
        """The addresses on the side of the children."""
        return Span.sized(self.child, self.size)

    @property
    def moves(self) -> bool:
        """Whether the child address differs from the parent address."""
        return self.child != self.parent


@dataclass(frozen=True, slots=True)
class Block:
    """A register block as the processor sees it. ``index`` counts the entries of ``reg``.

    ``leaves``: the first bus above whose window it starts in and leaves; None if it is inside of
    all windows.
    """

    address: int
    size: int
    index: int
    leaves: Node | None = None

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + self.size

    @property
    def span(self) -> Span:
        """Its bytes."""
        return Span(self.address, self.end)

    @property
    def pages(self) -> Span:
        """Its bytes rounded out to whole pages, which is what Xen can map."""
        return self.span.rounded()


class Registers(NamedTuple):
    """The entries of a node's ``reg``, translated to processor addresses.

    ``blocks``: the entries that the processor can reach. ``problems``: why an entry that should be
    reachable is not. ``mapped`` is False when the processor does not address the node's bus (a bus
    above it has no ``ranges``, or no size cells); then both are empty.
    """

    blocks: tuple[Block, ...] = ()
    problems: tuple[str, ...] = ()
    mapped: bool = True


def reg(node: Node) -> tuple[RegEntry, ...]:
    """The entries of ``reg`` on the parent's bus; none when absent. Raises PropertyError."""
    if node.parent is None or not node.has("reg"):
        return ()
    bus = bus_cells(node.parent)
    return tuple(
        RegEntry(number(entry[: bus.address]), number(entry[bus.address :]))
        for entry in entries(node, "reg", bus.address + bus.size)
    )


def is_pci(node: Node) -> bool:
    """Whether the node's children are addressed as the PCI bus binding says."""
    return node.text("device_type") in ("pci", "pciex")


@lru_cache(maxsize=64)  # every block below a bus is translated through its table
def ranges(bus: Node, name: str = "ranges") -> tuple[RangesEntry, ...] | None:
    """``ranges`` or ``dma-ranges`` of a bus. None: absent. ``()``: empty, the identity.

    Raises PropertyError.
    """
    if bus.parent is None or not bus.has(name):
        return None
    child, parent = bus_cells(bus), bus_cells(bus.parent)
    upper = child.address + parent.address
    flagged = 1 if is_pci(bus) and child.address == 3 else 0
    return tuple(
        RangesEntry(
            child=number(entry[flagged : child.address]),
            parent=number(entry[child.address : upper]),
            size=number(entry[upper:]),
            flags=entry[0] if flagged else 0,
        )
        for entry in (entries(bus, name, upper + child.size) if bus.properties[name].value else ())
    )


def on_processor_bus(node: Node) -> bool:
    """Whether every bus above the node has ``ranges``: its ``reg`` means processor addresses."""
    bus = node.parent
    if bus is None:
        return False
    if bus.parent is None:
        return True
    try:
        if bus_cells(bus).size == 0:
            return False
    except PropertyError:
        return False
    buses = (above for above in node.ancestors() if above.parent is not None)
    return all(above.has("ranges") and not is_pci(above) for above in buses)


def translate(bus: Node, address: int, size: int, index: int) -> Block:
    """A block of a bus as the processor sees it. PropertyError says where translation ends.

    As in Linux and Xen (of_translate_one, dt_translate_one) the first entry of ``ranges`` that
    holds the start of the block counts, and the rest follows it, also beyond the end of the entry.
    Unlike there, the block must be in the 64 bits that they read.
    """
    leaves: Node | None = None
    while bus.parent is not None:
        table = ranges(bus)
        if table is None:
            raise PropertyError(f"{address:#x} ends at {bus.path}, which has no ranges")
        if table:
            for entry in table:
                if entry.span.holds(address):
                    break
            else:
                raise PropertyError(f"{address:#x} is in no entry of the ranges of {bus.path}")
            if leaves is None and not _translated_alike(table, entry, Span.sized(address, size)):
                leaves = bus
            address += entry.parent - entry.child
        bus = bus.parent
    if address + size > _END or size == _END:
        span = Span.sized(address, size)
        raise PropertyError(f"{span} is not in the 64 bits of processor addresses")
    return Block(address, size, index, leaves)


def _translated_alike(table: tuple[RangesEntry, ...], entry: RangesEntry, span: Span) -> bool:
    """Whether ``ranges`` translates all of a span as ``entry`` does its start."""
    if entry.span.covers(span):
        return True
    offset = entry.parent - entry.child
    return covered(span, merged(e.span for e in table if e.parent - e.child == offset))


def registers(node: Node) -> Registers:
    """The node's register blocks as the processor sees them. Never raises."""
    return node.once(_registers) if node.has("reg") else Registers()


def _registers(node: Node) -> Registers:
    if not node.has("reg") or node.parent is None:
        return Registers()
    if not on_processor_bus(node):
        return Registers(mapped=False)
    try:
        stated = reg(node)
    except PropertyError as error:
        return Registers(problems=(str(error),))
    blocks: list[Block] = []
    problems: list[str] = []
    for index, entry in enumerate(stated):
        try:
            blocks.append(translate(node.parent, entry.address, entry.size, index))
        except PropertyError as error:
            problems.append(f"reg entry {index}: {error}")
    return Registers(tuple(blocks), tuple(problems))


def pci_windows(host: Node) -> tuple[Block, ...]:
    """The windows of a PCI host's ``ranges`` as the processor sees them. Raises PropertyError.

    ``index`` counts the entries of ``ranges``.
    """
    if not is_pci(host) or host.parent is None:
        return ()
    return tuple(
        translate(host.parent, entry.parent, entry.size, index)
        for index, entry in enumerate(ranges(host) or ())
    )
