"""Properties that the user sets or drops on a device's node in the guest, checked for form."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from xenassign.devicetree import draft
from xenassign.devicetree.draft import Bytes, Cells, Piece, reads_decimal
from xenassign.devicetree.phandle_properties import lookup
from xenassign.errors import UsageError
from xenassign.request.value_kinds import AnyText, Either, Fixed, Flag, Integer, Many

#: What becomes of a property that the user drops, in comments and in the plan.
AS_ASKED = "as asked"

NAME = r"[0-9A-Za-z,._+*#?@\-]+"
"""A property's name as dtc reads it."""

_CELL_MAX = (1 << 32) - 1
_STRING = AnyText(r"[^\u0000]*", "leave the NUL out")
VALUE = Either(
    (
        Flag(True, "name the property in drop, for a boolean is true by being there"),
        _STRING,
        Integer(0, (1 << 64) - 1, "(two cells)"),
        Many(_STRING),
        Many(Integer(0, _CELL_MAX, "(a cell)")),
        Fixed({"bytes": AnyText(r"(\s*[0-9A-Fa-f]{2})+\s*", 'write pairs of digits: "00 1f a0"')}),
    )
)
"""What :func:`pieces` takes: a value of TOML."""

_OWN = {
    "reg": "it follows from where the registers are mapped; give map",
    "ranges": "the buses of the guest are made anew",
    "dma-ranges": "the buses of the guest are made anew",
    "name": "it is the node's own (dtc refuses another)",
    "phandle": "phandles are numbered anew",
    "linux,phandle": "phandles are numbered anew",
    "interrupt-parent": "the interrupts are those that Xen gives",
    "interrupt-controller": "the interrupts are those that Xen gives",
}


class PropertyEdit(NamedTuple):
    """One property of a device's node in the guest. ``value`` None: it is dropped."""

    device: str
    name: str
    value: tuple[Piece, ...] | None

    @property
    def action(self) -> str:
        """For the plan."""
        return "dropped" if self.value is None else "set"

    @property
    def verb(self) -> str:
        """The key of xenassign.toml that asks for it."""
        return "drop" if self.value is None else "set"


def refusal(name: str, sets: bool) -> str | None:
    """Why a property cannot be set (or dropped), None if it can."""
    if not re.fullmatch(NAME, name):
        return "that is no name of a property"
    if name in _OWN:
        return _OWN[name]
    if name.startswith("interrupt") and name != "interrupt-names":
        return "the interrupts are those that Xen gives"
    if name.startswith("xen,"):
        return "Xen reads it, and it follows from the plan"
    if re.fullmatch("#.*-cells", name):
        return "others count on it"
    if sets and lookup(name) is not None:
        return "it holds phandles, which would point at nothing in the guest; it can be dropped"
    return None


def check_edits(edits: tuple[PropertyEdit, ...]) -> None:
    """Raises UsageError for an edit that cannot be meant."""
    for edit in edits:
        why = refusal(edit.name, edit.value is not None)
        if why is not None:
            raise UsageError(f"{edit.verb} {edit.device}: {edit.name} cannot be edited: {why}")
    for (device, name), count in Counter((edit.device, edit.name) for edit in edits).items():
        if count > 1:
            raise UsageError(f"set {device}: {name} is edited twice; set it or drop it")


def pieces(name: str, value: Any) -> tuple[Piece, ...]:
    """A value of TOML that ``VALUE`` accepts, as a property's value.

    A string or a list of strings is just that; an integer is one cell, or two where it needs more
    than 32 bits; a list of integers is cells; true is the empty value; ``{ bytes = "00 1f" }`` is
    bytes.
    """
    if value is True:
        return ()
    if isinstance(value, dict):
        return (Bytes(bytes.fromhex(value["bytes"])),)
    items = value if isinstance(value, list) else [value]
    if isinstance(items[0], str):
        return tuple(draft.Text(item) for item in items)
    large = not isinstance(value, list) and value > _CELL_MAX
    numbers = (value >> 32, value & _CELL_MAX) if large else tuple(items)
    small = all(number < 10 for number in numbers)
    return (Cells(numbers, decimal=small or (reads_decimal(name) and not large)),)
