"""A real board's tree grafted into that of QEMU's virt board, so that Xen can boot with it.

All of the board is below ``/board``, a bus whose ``ranges`` decide where its registers are. Those
of the chosen devices are pages of RAM that Xen leaves alone, in the order of their addresses, with
their sizes, and a mark in the first and last page of each; all others are where nothing is. The
GIC is QEMU's; the chosen devices have lines of it that nothing else has, the others none.
Processors, memory, timer and firmware's interface are QEMU's too: the board's are left out, and its
SMMUs are disabled, since QEMU's virt board has none that Xen could drive.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import BusCells, bus_cells, cell_count
from xenassign.devicetree.interrupts import extended_entries, interrupt_parent, interrupts
from xenassign.devicetree.spans import PAGE_SIZE, Span, merged
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.gic import COMPATIBLE, primary_gic

from .mutants.blob import Blob, RawNode, cells_of
from .qemu import Load, Setup

BOARD = "/board"
#: RAM above what Xen gets, in bytes; QEMU's virt board has 3 GiB from 1 GiB on.
WINDOW = Span(0xC0000000, 0x1_0000_0000)
SETUP = Setup(memory=3072)
#: Where the registers of all other devices are: nowhere.
_FAR = 1 << 46
#: SPIs of QEMU's GIC that no device of its board has.
_FREE_SPIS = range(80, 220)
#: SPIs that the GIC does not have, for the lines of the other devices that are in the way.
_NO_SPIS = range(300, 960)
_LARGEST = 64 << 20  #: bytes of one device
_MARK = 0x5841 << 48

_SMMUS = frozenset({"arm,smmu-v1", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500"})
_OF_THE_MACHINE = frozenset({"arm,armv7-timer", "arm,armv8-timer", "arm,psci", *COMPATIBLE})
_BESIDE = frozenset({"chosen", "aliases", "__symbols__", "cpus"})


class NoGraftError(Exception):
    """Why a board's devices can't be grafted."""


class Grafted(NamedTuple):
    """QEMU's board with devices of another one. ``pages``: where their registers are, by path."""

    blob: bytes
    pages: Mapping[str, tuple[Span, ...]]

    @property
    def marks(self) -> dict[int, int]:
        """The value of each marked page's first 8 bytes."""
        spans = chain.from_iterable(self.pages.values())
        return {p: _MARK | p for s in spans for p in (s.start, s.end - PAGE_SIZE)}

    @property
    def setup(self) -> Setup:
        """The machine with the marks in its memory: in as few files as spans allow."""
        loads = tuple(Load(struct.pack("<Q", v), p) for p, v in sorted(self.marks.items()))
        return Setup(memory=SETUP.memory, loads=loads)


def below(path: str) -> str:
    """The path of a board's node in the grafted tree."""
    return BOARD + path


def graft(qemu: bytes, board: Tree, devices: Sequence[Node]) -> Grafted:
    """Grafts a board, with registers and lines for ``devices``. Raises NoGraftError."""
    gic = primary_gic(board)
    if gic is None or not gic.node.has("phandle"):
        raise NoGraftError("no GIC that Xen drives")
    blob = Blob.read(qemu)
    if _phandles(blob.root) & board.phandles.keys():
        raise NoGraftError("phandles of QEMU's board")
    copies = (place.node for place in RawNode.of(board.root).walk())
    raw = dict(zip(board.nodes(), copies, strict=True))
    _renumber(board, gic.node, _lines(board, gic.node, devices), raw)
    places = _places(devices)
    top = raw[board.root]
    _leave_out(board, raw)
    _give(blob.root, gic.node)
    _mount(blob.root, top, board, places)
    pages = {
        below(node.path): tuple(_place(places, span) for span in _pages(node))
        for device in devices
        for node in device.walk()
    }
    return Grafted(blob.write(), pages)


def _phandles(root: RawNode) -> set[int]:
    values = (place.node.get("phandle") for place in root.walk())
    return {int.from_bytes(value, "big") for value in values if value}


# ---------------------------------------------------------------------------- registers


def _pages(node: Node) -> list[Span]:
    """The pages of a node, merged, as the processor of its board sees them."""
    return list(merged(block.pages for block in registers(node).blocks if block.size))


def fits(device: Node) -> bool:
    """Whether there is room for the registers of a device and of the nodes below it."""
    return sum(span.size for node in device.walk() for span in _pages(node)) <= _LARGEST


def _places(devices: Iterable[Node]) -> dict[Span, Span]:
    """The new place of each span of pages, aligned to its size so that Xen maps large blocks."""
    at, places = WINDOW.start, {}
    for span in merged(s for device in devices for node in device.walk() for s in _pages(node)):
        step = min(1 << (span.size - 1).bit_length(), 2 << 20)
        at = -(-at // step) * step
        places[span] = Span.sized(at, span.size)
        at += span.size + PAGE_SIZE
    if at > WINDOW.end:
        raise NoGraftError("registers larger than the window")
    return places


def _place(places: Mapping[Span, Span], span: Span) -> Span:
    """The new place of a span that is in one of those that are moved."""
    old = next(o for o in places if o.start <= span.start and span.end <= o.end)
    return Span.sized(places[old].start + span.start - old.start, span.size)


def _mount(root: RawNode, top: RawNode, board: Tree, places: Mapping[Span, Span]) -> None:
    """Puts the board below the root: what is moved first in its ranges, all else far away."""
    cells = bus_cells(board.root)
    limit = min(_FAR, 1 << 32 * cells.address, (1 << 32 * cells.size) - PAGE_SIZE)
    if min(cells) < 1 or any(span.end >= 1 << 32 * cells.address for span in places):
        raise NoGraftError("odd cells of the root")
    table = [(old.start, new.start, old.size) for old, new in places.items()]
    # With one cell an entry has no size of 4 GiB, and a board may have its windows above.
    many = 32 if limit < 1 << 32 < 1 << 32 * cells.address else 1
    table += [(n << 32, _FAR + (n << 32), limit) for n in range(many)]
    if cells.address == cells.size == 2:  # what is so high stays where it is
        table.append((2 * _FAR, 2 * _FAR, 2 * _FAR))
    keep = ("#address-cells", "#size-cells", "interrupt-parent", "dma-coherent")
    bus = RawNode("board", [(name, top.get(name) or b"") for name in keep if top.get(name)])
    bus.put("compatible", b"simple-bus\0")
    bus.put("ranges", b"".join(_range(entry, cells) for entry in table))
    bus.put("dma-ranges", b"")
    bus.children = top.children
    root.children += [_reserved(), bus]
    _names(root, board)


def _range(entry: tuple[int, int, int], cells: BusCells) -> bytes:
    child, parent, size = entry
    return cells_of(child, cells.address) + cells_of(parent, 2) + cells_of(size, cells.size)


def _reserved() -> RawNode:
    """The window, kept from Xen."""
    two = [("#address-cells", cells_of(2, 1)), ("#size-cells", cells_of(2, 1)), ("ranges", b"")]
    reg = cells_of(WINDOW.start, 2) + cells_of(WINDOW.size, 2)
    window = RawNode(f"window@{WINDOW.start:x}", [("reg", reg), ("no-map", b"")])
    return RawNode("reserved-memory", two, [window])


def _names(root: RawNode, board: Tree) -> None:
    """The board's aliases and labels, for the paths below the bus."""
    for name in ("aliases", "__symbols__"):
        old = board.root.children.get(name)
        paths = [(p.name, p.value) for p in old.properties.values()] if old else []
        new = [(key, BOARD.encode() + value) for key, value in paths if value[:1] == b"/"]
        own = next((child for child in root.children if child.name == name), None)
        if own is None:
            root.children.append(own := RawNode(name))
        own.properties += [entry for entry in new if own.get(entry[0]) is None]


def is_left_out(node: Node) -> bool:
    """Whether QEMU's machine has its own instead of a board's node."""
    beside = node.parent is not None and node.parent.parent is None and node.base_name in _BESIDE
    memory = node.base_name == "memory"  # Xen 4.17 takes any such node for RAM (XA127)
    psci = any(text.startswith("arm,psci-") for text in node.compatible)
    return beside or memory or psci or not _OF_THE_MACHINE.isdisjoint(node.compatible)


def is_disabled(node: Node) -> bool:
    """Whether it is an SMMU, which would have to work."""
    return not _SMMUS.isdisjoint(node.compatible)


def _leave_out(board: Tree, raw: Mapping[Node, RawNode]) -> None:
    for node in board.nodes():
        if node.parent is not None and is_left_out(node):
            siblings = raw[node.parent].children
            raw[node.parent].children = [child for child in siblings if child is not raw[node]]
        elif is_disabled(node):
            raw[node].put("status", b"disabled\0")


# ---------------------------------------------------------------------------- interrupts


def _give(root: RawNode, board_gic: Node) -> None:
    """Gives QEMU's GIC the phandle of the board's, and the MSI controllers below it."""
    (gic,) = (p.node for p in root.walk() if b"arm,gic-v3\0" in (p.node.get("compatible") or b""))
    (its,) = gic.children
    old, new = gic.get("phandle"), cells_of(board_gic.phandle or 0, 1)
    assert old is not None
    for place in root.walk():
        for name in ("phandle", "interrupt-parent", "interrupt-map"):
            value = place.node.get(name)
            if value is not None:
                words = (value[at : at + 4] for at in range(0, len(value), 4))
                place.node.put(name, b"".join(new if word == old else word for word in words))
    frames = [RawNode.of(child) for child in board_gic.children.values()]
    for frame in frames:
        frame.put("reg", its.get("reg") or b"")
    gic.children = frames or [its]


Move = Callable[[Sequence[int]], list[int]]  #: another specifier of the GIC


def _lines(board: Tree, gic: Node, devices: Iterable[Node]) -> list[int]:
    """The SPIs of devices and of the nodes below them, and of those that they pass on."""
    found: set[int] = set()

    def note(specifier: Sequence[int]) -> list[int]:
        if specifier[0] == 0:
            found.add(specifier[1])
        return list(specifier)

    for node in chain.from_iterable(device.walk() for device in devices):
        with suppress(PropertyError):
            list(_rewritten(board, gic, node, note))
        for line in interrupts(board, node).entries:  # also what a nexus above translates
            if line.controller is gic and len(line.specifier) > 1:
                note(line.specifier)
    return sorted(found)


def _renumber(board: Tree, gic: Node, chosen: Sequence[int], raw: Mapping[Node, RawNode]) -> None:
    """Other SPIs: free ones for the chosen ones, and none of these for the others."""
    if len(chosen) > len(_FREE_SPIS):
        raise NoGraftError("too many interrupts")
    lines = dict(zip(chosen, _FREE_SPIS, strict=False))
    spare = iter(_NO_SPIS)

    def move(specifier: Sequence[int]) -> list[int]:
        kind, number, *rest = specifier
        if kind == 0 and number not in lines:
            lines[number] = next(spare)
        return [kind, lines[number] if kind == 0 else number, *rest[:1]]

    for node in board.nodes():
        with suppress(PropertyError):  # malformed on the board itself
            for name, cells in list(_rewritten(board, gic, node, move)):
                raw[node].put(name, struct.pack(f">{len(cells)}I", *cells))


def _rewritten(board: Tree, gic: Node, node: Node, move: Move) -> Iterator[tuple[str, list[int]]]:
    """The properties of a node that have specifiers of the GIC, with others."""
    width = cell_count(gic, "#interrupt-cells")
    if node.has("interrupts") and interrupt_parent(board, node) is gic:
        cells = node.cells("interrupts")
        starts = range(0, len(cells) - width + 1, width)
        yield "interrupts", [c for at in starts for c in move(cells[at : at + width])]
    if node.has("interrupts-extended"):
        found: list[int] = []
        for entry in extended_entries(board, node):
            mine = entry.controller is gic
            found += [entry.phandle, *(move(entry.specifier) if mine else entry.specifier)]
        yield "interrupts-extended", found
    if node.has("interrupt-map"):
        yield "interrupt-map", list(_mapped(board, gic, node, move))


def _mapped(board: Tree, gic: Node, nexus: Node, move: Move) -> Iterator[int]:
    """An interrupt-map whose entries for the GIC have the cells of QEMU's."""
    cells = list(nexus.cells("interrupt-map"))
    own = cell_count(nexus, "#address-cells", 0) + cell_count(nexus, "#interrupt-cells")
    while cells:
        controller = board.phandles.get(cells[own]) if own < len(cells) else None
        if controller is None:
            raise PropertyError(f"interrupt-map of {nexus.path}")
        address = cell_count(controller, "#address-cells", 0)
        width = cell_count(controller, "#interrupt-cells")
        end = own + 1 + address + width
        yield from cells[: own + 1]
        specifier = cells[own + 1 + address : end]
        if controller is gic:
            yield from (0, 0, *move(specifier))  # QEMU's GIC has two cells of addresses
        else:
            yield from cells[own + 1 : end]
        cells = cells[end:]
