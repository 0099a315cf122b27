"""The address map as drawings: the host with all owners, then each guest beside the host.

All numbers are user units of SVG; a drawing is WIDTH wide. Bands lead from host to guest pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import PAGE_SIZE, Span, merged
from xenassign.devicetree.tree import Node
from xenassign.host.neighbours import neighbours
from xenassign.outputs.report.address_map import memory_lines, size_text
from xenassign.outputs.report.ownership import Owner, Ownership
from xenassign.outputs.report.page.columns import Box, Column, Feature, column, fit, short_size
from xenassign.planning.address_map import rows
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice, PlannedRegion
from xenassign.system.system import SystemPlan
from xenassign.xen.board import Board

WIDTH = 372
_HEAD = 26  # height of the line with what a column is
_HOST, _GUEST, _STRIP = 118, 228, 26  # left edges of the columns, and their width
_ALONE = 10  # left edge of the host's column where no guest is beside it
_CHARS, _CHARS_ALONE = 18, 50  # of a line of a label


class Rect(NamedTuple):
    """A box. ``style``: classes of the style sheet. ``facts``: shown on request; "": decoration."""

    x: float
    y: float
    width: float
    height: float
    style: str
    key: str = ""
    facts: str = ""


class Words(NamedTuple):
    """A line of text. ``anchor``: ``start``, ``middle`` or ``end``; ``y``: its base line."""

    x: float
    y: float
    anchor: str
    style: str
    text: str
    key: str = ""


class Shape(NamedTuple):
    """A path: a band, or the zigzag of a break."""

    path: str
    style: str
    key: str = ""


class MappingRow(NamedTuple):
    """A mapping as the table beside the drawing has it. ``key``: that of its band."""

    key: str
    path: str
    part: str
    host: str
    guest: str
    size: str
    how: str
    note: str


class Panel(NamedTuple):
    """A drawing with its table. ``owner``: the number of the domain; None: the host alone."""

    title: str
    description: str
    owner: int | None
    height: float
    rects: tuple[Rect, ...]
    shapes: tuple[Shape, ...]
    words: tuple[Words, ...]
    table: tuple[MappingRow, ...]
    notes: tuple[str, ...]


class Side(NamedTuple):
    """Where a column is: its left edge, where its labels are and how they are anchored, its top."""

    left: float
    label: float
    anchor: str
    down: float = 0.0


_HOST_SIDE = Side(_HOST, _HOST - 7, "end")
_GUEST_SIDE = Side(_GUEST, _GUEST + _STRIP + 7, "start")
_ALONE_SIDE = Side(_ALONE, _ALONE + 44 + 8, "start")


class Maps:
    """The drawings of a system."""

    def __init__(self, system: SystemPlan, board: Board, owned: Ownership) -> None:
        self._system, self._board = system, board
        self._owner_of: dict[str, Owner] = {
            resource.name: resource.holders[0].owner
            for resource in owned.resources
            if resource.kind == "device"
        }

    def panels(self) -> list[Panel]:
        """The host, then each guest."""
        guests = [self._guest(number, plan) for number, plan in enumerate(self._system.domains)]
        return [self._host(), *guests]

    # ------------------------------------------------------------------ the host

    def _memory(self) -> Iterator[Feature]:
        for block in self._board.platform.memory:
            if block.size:
                facts = ("RAM of the host", _range(block.span))
                yield Feature(block.span, "ram", "RAM", facts=facts)

    def _of_xen(self) -> Iterator[Feature]:
        """The registers of what Xen drives itself."""
        platform = self._board.platform
        used: dict[Node, str] = {}
        if platform.gic is not None:
            used[platform.gic.node] = "GIC"
        if platform.console is not None:
            used[platform.console] = "Xen's console"
        used |= dict.fromkeys(
            (iommu.node for iommu in platform.iommus if iommu.node in self._board.iommus.nodes),
            "IOMMU",
        )
        for node, name in used.items():
            for span in merged(block.span.rounded() for block in registers(node).blocks):
                facts = (f"{name}: {node.path}", _range(span), size_text(span.size), "Xen's")
                yield Feature(span, "xen", f"{name} {node.name}", facts=facts)

    def _host(self) -> Panel:
        features = [*self._memory(), *self._of_xen()]
        for number, plan in enumerate(self._system.domains):
            features += self._assigned(number, plan)
        part = column(_distinct(features), self._whose(features), _CHARS_ALONE)
        drawing = _Drawing()
        drawing.column(part, _ALONE_SIDE, "host", width=44, chars=_CHARS_ALONE)
        return drawing.panel("Host", "The host's address space, and whose it is.", None, (), ())

    def _assigned(self, number: int, plan: DomainPlan) -> Iterator[Feature]:
        """The host pages of a domain."""
        for item, placed, key in _placed(number, plan):
            facts = _facts(plan, item, placed)
            name = _short(item.path, placed, len(item.placed))
            yield Feature(placed.mapping.host_span, "block", name, number, key, facts)
        for base, size in plan.request.static_memory:
            span = Span.sized(base, size)
            facts = (f"static memory of {plan.name}", _range(span), size_text(size))
            yield Feature(span, "static", f"memory of {plan.name}", number, "", facts)

    def _others(self, features: Sequence[Feature]) -> Callable[[Span], Counter[str]]:
        """In a span without features: how many devices each owner has there."""
        taken = merged(feature.span for feature in features)
        index = neighbours(self._board.platform)
        others = [
            (block.span, node)
            for block, node in (*index.blocks, *index.huge)
            if block.size and not any(block.span.overlaps(span) for span in taken)
        ]

        def count(span: Span) -> Counter[str]:
            inside = {node: None for block, node in others if block.overlaps(span)}
            return Counter(self._name(node) for node in inside)

        return count

    def _whose(self, features: Sequence[Feature]) -> Callable[[Span], str]:
        """For a break of the host's column: whose devices are there."""
        others = self._others(features)

        def text(span: Span) -> str:
            counts = sorted(others(span).items())
            named = ", ".join(f"{number} of {name}" for name, number in counts)
            return f"devices: {named}" if counts else f"{short_size(span.size)} empty"

        return text

    def _how_many(self, features: Sequence[Feature]) -> Callable[[Span], str]:
        """For a break beside a guest, where there is less room."""
        others = self._others(features)

        def text(span: Span) -> str:
            number = sum(others(span).values())
            return f"{number} more" if number else f"{short_size(span.size)} empty"

        return text

    def _name(self, node: Node) -> str:
        owner = self._owner_of.get(node.path)
        return owner.name if owner is not None else "dom0"

    # ------------------------------------------------------------------ a guest

    def _guest(self, number: int, plan: DomainPlan) -> Panel:
        own = [*self._memory(), *self._assigned(number, plan)]
        host = column(_distinct(own), self._how_many(own), _CHARS)
        guest = column(_distinct(_guest_features(number, plan)), _free, _CHARS)
        drawing = _Drawing()
        # The lower one is in the middle, so that bands are as level as they can be.
        spare = (guest.height - host.height) / 2
        drawing.column(host, _HOST_SIDE._replace(down=max(spare, 0.0)), "host")
        drawing.column(guest, _GUEST_SIDE._replace(down=max(-spare, 0.0)), plan.name)
        drawing.bands()
        table = tuple(_row(item, placed, key) for item, placed, key in _placed(number, plan))
        description = (
            f"Left the host, right the address space of {plan.name}. A band leads from the pages of"
            " the host to where the guest sees them."
        )
        return drawing.panel(plan.name, description, number, table, tuple(memory_lines(plan)))


class _Drawing:
    """The parts of a drawing, collected."""

    def __init__(self) -> None:
        self._rects: list[Rect] = []
        self._shapes: list[Shape] = []
        self._words: list[Words] = []
        self._height = 0.0

    def column(
        self, part: Column, side: Side, title: str, width: float = _STRIP, chars: int = _CHARS
    ) -> None:
        """Adds a column with its labels and breaks, of at most so many characters."""
        middle, head = side.left + width / 2, _HEAD + side.down
        self._words.append(Words(middle, head - 12, "middle", "head", fit(title, _CHARS)))
        for box in part.boxes:
            self._box(box, side, width, head)
        for gap in part.breaks:
            top = gap.top + head
            self._shapes.append(Shape(_zigzag(side.left, width, top - 1), "break"))
            text = fit(gap.text, chars + 2)
            self._words.append(Words(side.label, top + 13, side.anchor, "gap", text))
        for label in part.labels:
            style, key = f"of-{label.feature.kind}", label.feature.key
            for number, line in enumerate(label.lines):
                y = round(label.top + head + 12 * number, 1)
                kind = "address" if number else "name"
                words = Words(side.label, y, side.anchor, f"{kind} {style}", line, key)
                self._words.append(words)
        self._height = max(self._height, part.height + head)

    def _box(self, box: Box, side: Side, width: float, head: float) -> None:
        feature, inset = box.feature, min(box.depth, 3) * 4
        left, top, height = side.left + inset, round(box.top + head, 1), round(box.height, 1)
        facts = " · ".join(feature.facts)
        style = f"box {feature.kind}{_domain(feature.owner)}"
        rect = Rect(left, top, width - 2 * inset, height, style, feature.key, facts)
        self._rects.append(rect)

    def bands(self) -> None:
        """A band for each mapping, from its box on the left to that on the right."""
        starts = {rect.key: rect for rect in self._rects if rect.key and rect.x < _GUEST}
        for end in [rect for rect in self._rects if rect.key and rect.x >= _GUEST]:
            start = starts[end.key]
            path = _band((_HOST + _STRIP, start.y, start.height), (_GUEST, end.y, end.height))
            self._shapes.append(Shape(path, f"band {end.style.split()[-1]}", end.key))

    def panel(
        self,
        title: str,
        description: str,
        owner: int | None,
        table: tuple[MappingRow, ...],
        notes: tuple[str, ...],
    ) -> Panel:
        """The drawing as a whole."""
        parts = tuple(self._rects), tuple(self._shapes), tuple(self._words)
        return Panel(title, description, owner, round(self._height + 4, 1), *parts, table, notes)


def _domain(owner: int | None) -> str:
    """The class of a domain's colour and pattern; there are eight, which repeat."""
    return "" if owner is None else f" d{owner % 8}"


def _zigzag(left: float, width: float, top: float) -> str:
    """Two jagged lines across a column."""
    step = width / 6
    lines = []
    for y in (top + 7, top + 15):
        points = " ".join(f"l{step:.2f},{-4 if n % 2 else 4}" for n in range(6))
        lines.append(f"M{left:g},{y:g} {points}")
    return " ".join(lines)


def _band(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    """A band with curved edges. ``start``, ``end``: x, top and height."""
    (x1, top1, height1), (x2, top2, height2) = start, end
    middle = (x1 + x2) / 2
    upper = f"M{x1:g},{top1:.1f} C{middle:g},{top1:.1f} {middle:g},{top2:.1f} {x2:g},{top2:.1f}"
    bottom1, bottom2 = top1 + height1, top2 + height2
    lower = f"C{middle:g},{bottom2:.1f} {middle:g},{bottom1:.1f} {x1:g},{bottom1:.1f}"
    return f"{upper} L{x2:g},{bottom2:.1f} {lower} Z"


def _placed(
    number: int, plan: DomainPlan
) -> Iterator[tuple[PlannedDevice | PlannedRegion, PlacedBlock, str]]:
    """Every mapping of a domain with its key."""
    count = 0
    for item in plan.owners:
        for placed in item.placed:
            yield item, placed, f"m{number}-{count}"
            count += 1


def _guest_features(number: int, plan: DomainPlan) -> Iterator[Feature]:
    """RAM, windows and mappings of a guest."""
    for row in rows(plan):
        if row.kind in ("ram", "window", "optional"):
            name, _, state = row.name.partition(", ")
            name = f"{name}, {state.partition(',')[0]}" if state else name
            only = row.kind == "optional" and not state
            about = f"{row.name}: only with an option of the domain" if only else row.name
            size = size_text(row.span.size)
            yield Feature(row.span, row.kind, name, facts=(about, _range(row.span), size))
    for item, placed, key in _placed(number, plan):
        facts = _facts(plan, item, placed)
        name = _short(item.path, placed, len(item.placed))
        yield Feature(placed.mapping.guest_span, "block", name, number, key, facts)


def _free(span: Span) -> str:
    return f"{short_size(span.size)} free"


def _range(span: Span) -> str:
    return f"{span.start:#x} to {span.end - 1:#x}"


def _short(path: str, placed: PlacedBlock, blocks: int) -> str:
    """The name of a node, with the number of the block if it has several."""
    name = path.rpartition("/")[2]
    if placed.window:
        return f"{name} window {placed.block.index}"
    return f"{name} #{placed.block.index}" if blocks > 1 else name


def _facts(
    plan: DomainPlan, item: PlannedDevice | PlannedRegion, placed: PlacedBlock
) -> tuple[str, ...]:
    mapping = placed.mapping
    facts = [
        f"{item.path}, {_part(placed)}",
        f"host {_range(mapping.host_span)}",
        f"{plan.name} {_range(mapping.guest_span)}",
        _amount(mapping.size),
        _how(placed),
    ]
    if isinstance(item, PlannedDevice):
        facts.append(protection_text(item))
        if item.irqs:
            facts.append(f"INTID {', '.join(map(str, item.irqs))}")
    else:
        facts.append(item.why)
    return tuple(facts)


def _part(placed: PlacedBlock) -> str:
    return f"window {placed.block.index}" if placed.window else f"reg {placed.block.index}"


def _amount(size: int) -> str:
    pages = size // PAGE_SIZE
    return f"{size_text(size)}, {pages} page{'s' * (pages != 1)}"


def _how(placed: PlacedBlock) -> str:
    same = placed.mapping.host == placed.mapping.guest
    return "at the host's address" if same else f"moved ({placed.how})"


def protection_text(device: PlannedDevice) -> str:
    """Whether a device's DMA is confined, in a few words."""
    if device.protection.protected:
        return f"protected by {device.protection.why}"
    if device.host.dma.answer == "no":
        return "does no DMA"
    if device.forced:
        reason = device.accepted.reason if device.accepted is not None else None
        return f"not protected, forced{f': {reason}' if reason else ''}"
    return f"not protected: {device.protection.why}"


def _row(item: PlannedDevice | PlannedRegion, placed: PlacedBlock, key: str) -> MappingRow:
    mapping, block = placed.mapping, placed.block
    own = f"rounded out from {size_text(block.size)} at {block.address:#x}"
    return MappingRow(
        key,
        item.path,
        _part(placed),
        f"{mapping.host:#x}",
        f"{mapping.guest:#x}",
        _amount(mapping.size),
        _how(placed),
        own if placed.rounded else "",
    )


def _distinct(features: Sequence[Feature] | Iterator[Feature]) -> list[Feature]:
    """The features that have a size, each once."""
    return [feature for feature in dict.fromkeys(features) if feature.span.size > 0]
