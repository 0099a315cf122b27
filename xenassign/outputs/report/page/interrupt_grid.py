"""The interrupts as a drawing: a cell for each SPI, sixteen in a row, in the colour of its owner.

Rows in which no node has an interrupt are left out, and a line says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.outputs.report.page.drawing import WIDTH, Parts, Rect, Words, owner_style
from xenassign.outputs.report.who_has_what import Owner, Ownership, Resource, intids_text
from xenassign.system.system import SystemPlan
from xenassign.xen.releases import SPI_FIRST_INTID

_COLUMNS = 16
_CELL, _GAP = 19.5, 2  # a cell with the room around it, and that room
_LEFT = WIDTH - _COLUMNS * _CELL - 2  # of the first cell
_HEAD = 16  # height of the line with the column numbers
_BREAK = 17  # height of a line about rows that are left out


class OwnerLines(NamedTuple):
    """The SPIs of an owner, as ``numbers`` and as ranges of INTIDs. ``colour``: its number."""

    owner: Owner
    colour: int
    intids: str
    numbers: tuple[int, ...]


class InterruptGrid(NamedTuple):
    """The drawing, and the same as text.

    ``shared``: SPIs that several owners have. ``elsewhere``: interrupts of domains' devices that do
    not end at the GIC, so that Xen routes them to nobody.
    """

    description: str
    drawing: Parts
    owners: tuple[OwnerLines, ...]
    shared: tuple[Resource, ...]
    elsewhere: tuple[str, ...]


def interrupt_grid(system: SystemPlan, owned: Ownership) -> InterruptGrid:
    """The drawing of all SPIs that a node of the board has."""
    by_intid = {
        resource.intid: resource
        for resource in owned.resources
        if resource.intid is not None and resource.intid >= SPI_FIRST_INTID
    }
    lines = []
    for colour, owner in enumerate(owned.owners):
        numbers = tuple(intid for intid, resource in by_intid.items() if owner in resource.owners)
        if numbers:
            lines.append(OwnerLines(owner, colour, intids_text(numbers), numbers))
    return InterruptGrid(
        "A cell for each SPI, sixteen in a row, in the colour of its owner.",
        _drawing(by_intid, owned),
        tuple(lines),
        tuple(resource for resource in by_intid.values() if resource.shared),
        tuple(_elsewhere(system)),
    )


def _elsewhere(system: SystemPlan) -> Iterator[str]:
    for plan in system.domains:
        for device in plan.devices:
            for line in device.host.other_interrupts:
                end = line.controller.path
                yield f"{plan.name}: interrupt {line.index} of {device.path} ends at {end}"


def _drawing(by_intid: Mapping[int, Resource], owned: Ownership) -> Parts:
    rects: list[Rect] = []
    words = [
        Words(_LEFT + (column + 0.5) * _CELL, 11, "middle", "address", f"+{column}")
        for column in range(0, _COLUMNS, 4)
    ]
    top = float(_HEAD)
    for first, last in _rows(by_intid):
        if last is not None:
            words.append(Words(_LEFT, top + 12, "start", "gap", f"{first} to {last}: no node"))
            top += _BREAK
            continue
        words.append(Words(_LEFT - 8, top + 12.5, "end", "address", str(first)))
        for column in range(_COLUMNS):
            intid = first + column
            rects += _cell(_LEFT + column * _CELL, top, intid, by_intid.get(intid), owned)
        top += _CELL
    return Parts(round(top + 2, 1), tuple(rects), (), tuple(words))


def _rows(intids: Mapping[int, Resource]) -> Iterator[tuple[int, int | None]]:
    """(first INTID, None) of each row, and (first, last) of rows that are left out."""
    end = SPI_FIRST_INTID
    for row in sorted({intid // _COLUMNS for intid in intids}):
        first = row * _COLUMNS
        if first > end:
            yield end, first - 1
        yield first, None
        end = first + _COLUMNS


def _cell(
    x: float, y: float, intid: int, resource: Resource | None, owned: Ownership
) -> Iterator[Rect]:
    """A cell; within that of a line with several owners is the colour of the second."""
    size = _CELL - _GAP
    if resource is None:
        yield Rect(x, y, size, size, "cell unused")
        return
    styles = [owner_style(o.kind, owned.owners.index(o)) for o in resource.owners]
    facts = " · ".join(
        (
            f"INTID {intid}, SPI {intid - SPI_FIRST_INTID}",
            *(f"{holder.owner.name}: {holder.why}" for holder in resource.holders),
        )
    )
    of_domain = any(owner.kind == "domain" for owner in resource.owners)
    shared = " shared" if resource.shared else ""
    yield Rect(x, y, size, size, f"cell {styles[0]}{shared}", "", facts, tab=of_domain)
    if resource.shared:
        inset = size / 3
        yield Rect(x + inset, y + inset, inset, inset, f"cell {styles[1]}")
