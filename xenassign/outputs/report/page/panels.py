"""The address map as drawings: the host with all owners, then each guest beside the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from xenassign.checks.conflicts import known_streams
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import PAGE_SIZE, Span, merged
from xenassign.devicetree.tree import Node
from xenassign.host.neighbours import neighbours
from xenassign.outputs.report.address_map import memory_lines, size_text
from xenassign.outputs.report.page.columns import Feature, column, short_size
from xenassign.outputs.report.page.drawing import (
    CHARS,
    CHARS_ALONE,
    GUEST_SIDE,
    HOST_SIDE,
    Drawing,
    Parts,
)
from xenassign.outputs.report.who_has_what import Owner, Ownership, intids_text
from xenassign.planning.address_map import rows
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice, PlannedRegion
from xenassign.system.system import SystemPlan
from xenassign.xen.board import Board


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
    drawing: Parts
    table: tuple[MappingRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is the host without a guest."""
        return self.owner is None


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

    def _host(self) -> Panel:
        needed = (
            iommu
            for plan in self._system.domains
            for device in plan.devices
            for iommu, _ in known_streams(self._board.iommus, device.host)
        )
        features = [*host_memory(self._board), *of_xen(self._board, needed)]
        for number, plan in enumerate(self._system.domains):
            features += self._assigned(number, plan)
        part = column(_distinct(features), self._whose(features), CHARS_ALONE)
        drawing = Drawing()
        drawing.alone(part)
        return Panel("Host", "The host's address space, and whose it is.", None, drawing.parts)

    def _assigned(self, number: int, plan: DomainPlan) -> Iterator[Feature]:
        """The host pages of a domain."""
        for item, placed, key in _placed(number, plan):
            facts = _facts(plan, item, placed)
            name = _short(item.path, placed, len(item.placed))
            aside = (plan.name, f"at {placed.mapping.guest:#x}")
            yield Feature(placed.mapping.host_span, "block", name, number, key, facts, aside)
        for base, size in plan.request.static_memory:
            span = Span.sized(base, size)
            facts = (f"static memory of {plan.name}", range_text(span), size_text(size))
            name = f"memory of {plan.name}"
            yield Feature(span, "static", name, number, "", facts, (plan.name, ""))

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
        own = [*host_memory(self._board), *self._assigned(number, plan)]
        host = column(_distinct(own), self._how_many(own), CHARS)
        guest = column(_distinct(_guest_features(number, plan)), _free, CHARS)
        drawing = Drawing()
        # The lower one is in the middle, so that bands are as level as they can be.
        spare = (guest.height - host.height) / 2
        drawing.column(host, HOST_SIDE._replace(down=max(spare, 0.0)), "host")
        drawing.column(guest, GUEST_SIDE._replace(down=max(-spare, 0.0)), plan.name)
        drawing.bands()
        table = tuple(_row(item, placed, key) for item, placed, key in _placed(number, plan))
        description = (
            f"Left the host, right the address space of {plan.name}. A band leads from the pages of"
            " the host to where the guest sees them."
        )
        notes = tuple(memory_lines(plan))
        return Panel(plan.name, description, number, drawing.parts, table, notes)


def host_memory(board: Board) -> Iterator[Feature]:
    """The RAM of a board."""
    for block in board.platform.memory:
        if block.size:
            facts = ("RAM of the host", range_text(block.span))
            yield Feature(block.span, "ram", "RAM", facts=facts)


def of_xen(board: Board, iommus: Iterable[Node]) -> Iterator[Feature]:
    """The registers of what Xen drives itself; of its IOMMUs, those that are given."""
    platform = board.platform
    used: dict[Node, str] = {}
    if platform.gic is not None:
        used[platform.gic.node] = "GIC"
    if platform.console is not None:
        used[platform.console] = "Xen's console"
    used |= dict.fromkeys(iommus, "IOMMU")
    for node, name in used.items():
        for span in merged(block.span.rounded() for block in registers(node).blocks):
            facts = (f"{name}: {node.path}", range_text(span), size_text(span.size), "Xen's")
            yield Feature(span, "xen", f"{name} {node.name}", facts=facts, aside=("Xen", ""))


def _placed(
    number: int, plan: DomainPlan
) -> Iterator[tuple[PlannedDevice | PlannedRegion, PlacedBlock, str]]:
    """Every mapping of a domain with its key."""
    count = 0
    for item in plan.mapped:
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
            yield Feature(row.span, row.kind, name, facts=(about, range_text(row.span), size))
    for item, placed, key in _placed(number, plan):
        facts = _facts(plan, item, placed)
        name = _short(item.path, placed, len(item.placed))
        yield Feature(placed.mapping.guest_span, "block", name, number, key, facts)


def _free(span: Span) -> str:
    return f"{short_size(span.size)} free"


def range_text(span: Span) -> str:
    """The first and the last address of a span."""
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
        f"host {range_text(mapping.host_span)}",
        f"{plan.name} {range_text(mapping.guest_span)}",
        _amount(mapping.size),
        _how(placed),
    ]
    if isinstance(item, PlannedDevice):
        facts.append(protection_text(item))
        if item.irqs:
            facts.append(f"INTID {intids_text(item.irqs)}")
    else:
        facts.append(item.why)
    return tuple(facts)


def _part(placed: PlacedBlock) -> str:
    return f"window {placed.block.index}" if placed.window else f"reg {placed.block.index}"


def _amount(size: int) -> str:
    return f"{size_text(size)}, {pages_text(size)}"


def pages_text(size: int) -> str:
    """How many pages so many bytes are."""
    pages = size // PAGE_SIZE
    return f"{pages} page{'s' * (pages != 1)}"


#: How a place in the guest was chosen, by ``PlacedBlock.how``.
_CHOSEN = {
    "auto": "moved to a free place",
    "window": "moved into an unused window",
    "fixed": "moved to the requested address",
    "pinned": "moved to its place of the last run",
}


def _how(placed: PlacedBlock) -> str:
    same = placed.mapping.host == placed.mapping.guest
    return "at the host's address" if same else _CHOSEN[placed.how]


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
