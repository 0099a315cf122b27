"""The guest's address space of a plan, row by row, as xenassign plan shows it.

Addresses and sizes are bytes. Rows are sorted by address. If two overlap, the plan has a finding
about it, or a block is where the guest uses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xenassign.devicetree.spans import Span, gaps
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice, PlannedRegion
from xenassign.xen.layout import OPTIONAL, Guest


@dataclass(frozen=True, slots=True)
class RowSource:
    """The block that a row maps.

    ``host``: physical address of its first page. ``path``: host path of its node. ``index``: of the
    entry of ``reg``, or of the PCI window if ``window``. ``name``: from ``reg-names``. ``how``: how
    the place was chosen, as ``PlacedBlock.how``.
    """

    host: int
    path: str
    index: int
    window: bool
    name: str | None
    how: str


class Row(NamedTuple):
    """A range of the guest's addresses.

    ``kind``: ``ram``, ``window`` (the guest has it), ``optional`` (a window that other guests have,
    or the part of a RAM bank without memory), ``block`` (mapped) or ``hole``.
    """

    span: Span
    kind: str
    name: str
    block: RowSource | None = None


def rows(plan: DomainPlan) -> tuple[Row, ...]:
    """The address space from 0 to the end of the last window or mapping."""
    used = [*_windows(plan.guest), *_blocks(plan)]
    return tuple(
        sorted([*used, *_holes(used)], key=lambda row: (row.span.start, -row.span.end, row.name))
    )


def _windows(guest: Guest) -> Iterator[Row]:
    """RAM and windows, also those that the guest does not use."""
    banks = guest.ram()
    for number, bank in enumerate(banks):
        yield Row(bank, "ram", f"RAM bank {number}")
    regions = guest.extended_regions()
    state = "unused" if guest.memory else "size not given"
    for window in guest.windows:
        if guest.used(window):
            yield Row(window.span, "window", window.name)
        elif window.when == "ram":
            offered = [regions[window]] if window in regions else []
            for region in offered:
                yield Row(region, "optional", f"{window.name}, {state}, extended regions")
            for unused in gaps(window.span, [*banks, *offered]):
                yield Row(unused, "optional", f"{window.name}, {state}")
        elif window.when in OPTIONAL:
            yield Row(window.span, "optional", window.name)


def _blocks(plan: DomainPlan) -> Iterator[Row]:
    for owner in plan.mapped:
        for placed in owner.placed:
            name, mapping = _name(owner, placed), placed.mapping
            window, index = placed.window, placed.block.index
            source = RowSource(mapping.host, owner.path, index, window, name, placed.how)
            yield Row(mapping.guest_span, "block", owner.path, source)


def _name(owner: PlannedDevice | PlannedRegion, placed: PlacedBlock) -> str | None:
    """The name of a block in ``reg-names``."""
    if isinstance(owner, PlannedRegion) or placed.window:
        return None
    names = owner.host.node.strings("reg-names")
    return names[placed.block.index] if placed.block.index < len(names) else None


def _holes(used: Iterable[Row]) -> Iterator[Row]:
    spans = [row.span for row in used]
    for hole in gaps(Span(0, max((span.end for span in spans), default=0)), spans):
        yield Row(hole, "hole", "free")
