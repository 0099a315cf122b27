"""Changes of the host's tree with which Xen can build dom0 from it.

Each leaves dom0's Linux what it would have without Xen. An address that no bus translates is
unreachable for Linux too: its bus gets it where that bus moves no address, else the last entries of
``reg`` go, and so do interrupts that lead nowhere. ``ranges`` below a bus without ``ranges``
translate nothing. A device that is marked is disabled for dom0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import ranges, translate
from xenassign.devicetree.cells import bus_cells, cell_count, split
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import boolean, cells
from xenassign.devicetree.interrupts import extended_entries, interrupt_parent
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.host.platform import Platform
from xenassign.xen.dom0_build import Obstacle
from xenassign.xen.releases import TRIGGER_MASK


class Cure(NamedTuple):
    """A change of one node, and the same for readers: what to do."""

    change: Change
    text: str

    @property
    def in_overlay(self) -> bool:
        """Whether an overlay can make the change: overlays remove nothing."""
        return not self.change.drop


def cures(
    platform: Platform, obstacles: Iterable[Obstacle]
) -> tuple[tuple[Cure, ...], tuple[Obstacle, ...]]:
    """The changes, and the obstacles that no change here removes."""
    by_node: dict[tuple[Node, str, bool], list[Obstacle]] = {}
    for obstacle in obstacles:
        key = (obstacle.node, obstacle.prop, obstacle.marking_helps)
        by_node.setdefault(key, []).append(obstacle)
    made: dict[Cure, None] = {}
    wider: dict[Node, list[Span]] = {}
    rest: list[Obstacle] = []
    for (node, prop, marking), several in by_node.items():
        if marking:
            made[_marked(node)] = None
        elif prop == "reg":
            rest += _addresses(platform, node, several, made, wider)
        else:
            lost = prop == "interrupts" and all(obstacle.trigger is None for obstacle in several)
            cure = (_cut_interrupts if lost else _triggers)(platform, node, prop, several)
            if cure is None:
                rest += several
            else:
                made[cure] = None
    for bus, spans in wider.items():
        made[_widened(bus, spans)] = None
    return tuple(made), tuple(rest)


def _marked(node: Node) -> Cure:
    change = Change(node.path, (boolean("xen,passthrough"),), why="Xen cannot give it to dom0")
    return Cure(change, f"mark {node.path} xen,passthrough")


def _triggers(platform: Platform, node: Node, prop: str, several: list[Obstacle]) -> Cure | None:
    """The interrupts with the triggers that Xen has set, for those that name the GIC itself."""
    new = list(_values(node, prop) or ())
    places = _trigger_cells(platform, node, prop)
    for obstacle in several:
        at = places.get(obstacle.entry)
        if obstacle.trigger is None or at is None:
            return None
        new[at] = new[at] & ~TRIGGER_MASK | obstacle.trigger
    change = Change(node.path, (cells(prop, *new),), why="Xen takes one trigger for an interrupt")
    return Cure(change, f"set {prop} of {node.path} to {_shown(new)}")


def _cut_interrupts(
    platform: Platform, node: Node, prop: str, several: list[Obstacle]
) -> Cure | None:
    """``interrupts`` without the last ones, which lead nowhere for Linux either."""
    parent = interrupt_parent(platform.tree, node)
    try:
        width = cell_count(parent, "#interrupt-cells") if parent is not None else 0
    except PropertyError:
        return None
    return _cut(node, prop, width, several)


def _cut(node: Node, prop: str, width: int, several: list[Obstacle]) -> Cure | None:
    """A property without its last entries of ``width`` cells, if just these are obstacles."""
    values = _values(node, prop)
    entries = {obstacle.entry for obstacle in several}
    if not values or not width or entries != {*range(min(entries), len(values) // width)}:
        return None
    kept = values[: min(entries) * width]
    change = Change(node.path, (cells(prop, *kept),), why=f"Xen cannot follow the rest of {prop}")
    return Cure(change, f"set {prop} of {node.path} to {_shown(kept)}")


def _trigger_cells(platform: Platform, node: Node, prop: str) -> dict[int, int]:
    """By index of the interrupts that name the GIC itself, the cell with the trigger."""
    gic = platform.gic.node if platform.gic is not None else None
    try:
        if prop == "interrupts-extended":
            every = enumerate(extended_entries(platform.tree, node))
            return {n: entry.cell + 3 for n, entry in every if entry.controller is gic}
        if prop != "interrupts" or interrupt_parent(platform.tree, node) is not gic or gic is None:
            return {}
        width = cell_count(gic, "#interrupt-cells")
        return {n: at + 2 for n, at in enumerate(range(0, len(node.cells(prop)), width))}
    except PropertyError:
        return {}


def _addresses(
    platform: Platform,
    node: Node,
    several: list[Obstacle],
    made: dict[Cure, None],
    wider: dict[Node, list[Span]],
) -> Iterator[Obstacle]:
    """Puts the cures of entries of ``reg`` into ``made`` or ``wider``; yields what has none."""
    gone: list[Obstacle] = []
    for obstacle in several:
        lost = obstacle.lost
        if lost is None:
            yield obstacle
        elif lost.address is None:
            made[_without_ranges(node)] = None
        elif _keeps_addresses(platform, lost.bus, Span.sized(lost.address, obstacle.size)):
            span = Span.sized(lost.address, obstacle.size)
            if span not in wider.setdefault(lost.bus, []):
                wider[lost.bus].append(span)
        else:
            gone.append(obstacle)
    cure = _shortened(node, gone) if gone else None
    if cure is not None:
        made[cure] = None
    else:
        yield from gone


def _without_ranges(node: Node) -> Cure:
    bus = node.parent.path if node.parent is not None else "/"
    why = "the processor does not address the bus above it"
    return Cure(Change(bus, drop=("ranges",), why=why), f"delete ranges of {bus}")


def _keeps_addresses(platform: Platform, bus: Node, span: Span) -> bool:
    """Whether a bus, as its ``ranges`` are, would have the addresses where they are above it."""
    memory = (*platform.memory, *(block for _, block in platform.reserved))
    if bus.parent is None or any(block.span.overlaps(span) for block in memory):
        return False
    try:
        table = ranges(bus)
        translate(bus.parent, span.start, span.size, 0)
    except PropertyError:
        return False
    return bool(table) and not any(entry.moves or entry.flags for entry in table or ())


def _widened(bus: Node, spans: list[Span]) -> Cure:
    """``ranges`` with more entries, in which addresses stay as they are."""
    own, above = bus_cells(bus), bus_cells(bus.parent or bus)
    entries = [
        (
            *split(span.start, own.address),
            *split(span.start, above.address),
            *split(span.size, own.size),
        )
        for span in spans
    ]
    values = [*bus.cells("ranges"), *(cell for entry in entries for cell in entry)]
    why = f"for registers that it does not translate: {', '.join(map(str, spans))}"
    added = ", ".join(map(_shown, entries))
    return Cure(
        Change(bus.path, (cells("ranges", *values),), why=why),
        f"append {added} to ranges of {bus.path}",
    )


def _shortened(node: Node, several: list[Obstacle]) -> Cure | None:
    """``reg`` without its last entries: of a device that keeps one, or is disabled."""
    if node.parent is None or (node.enabled and any(o.entry == 0 for o in several)):
        return None
    try:
        return _cut(node, "reg", sum(bus_cells(node.parent)), several)
    except PropertyError:
        return None


def _values(node: Node, prop: str) -> tuple[int, ...] | None:
    try:
        return node.cells(prop)
    except PropertyError:
        return None


def _shown(values: Iterable[int]) -> str:
    return f"<{' '.join(f'{value:#x}' for value in values)}>"
