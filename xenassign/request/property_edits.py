"""Properties that the user sets or drops in a device's node in the guest, checked for form."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from xenassign.devicetree import draft
from xenassign.devicetree.draft import Bytes, Cells, Piece, reads_decimal
from xenassign.devicetree.names import PROPERTY_NAME
from xenassign.devicetree.phandle_properties import lookup
from xenassign.errors import UsageError

#: Why a property is set or dropped, in comments and in the plan.
AS_REQUESTED = "as requested"

_CELL_MAX = (1 << 32) - 1

_BUSES = "xenassign writes the buses of the guest"
_PHANDLES = "xenassign numbers the phandles of the guest"
_INTERRUPTS = "xenassign writes the interrupts that Xen gives to the guest"
_WRITTEN_HERE = {
    "reg": "it follows from the mapping of the registers; give map",
    "ranges": _BUSES,
    "dma-ranges": _BUSES,
    "name": "it is the name of the node (dtc refuses any other value)",
    "phandle": _PHANDLES,
    "linux,phandle": _PHANDLES,
    "interrupt-parent": _INTERRUPTS,
    "interrupt-controller": _INTERRUPTS,
}


class PropertyEdit(NamedTuple):
    """An edit of a property of a device's node in the guest. ``value`` None: it is dropped."""

    device: str
    name: str
    value: tuple[Piece, ...] | None

    @property
    def action(self) -> str:
        """The action in the plan: ``set`` or ``dropped``."""
        return "dropped" if self.value is None else "set"

    @property
    def verb(self) -> str:
        """The key of xenassign.toml for it."""
        return "drop" if self.value is None else "set"


def refusal(name: str, sets: bool) -> str | None:
    """Why a property cannot be set (``sets``) or dropped; None if it can."""
    if not PROPERTY_NAME.fullmatch(name):
        return "it is not a valid property name"
    if name in _WRITTEN_HERE:
        return _WRITTEN_HERE[name]
    if name.startswith("interrupt") and name != "interrupt-names":
        return _INTERRUPTS
    if name.startswith("xen,"):
        return "Xen reads it, and it follows from the plan"
    if re.fullmatch("#.*-cells", name):
        return "other nodes depend on it"
    if sets and lookup(name) is not None:
        return "it has phandles, which would be dangling in the guest; it can be dropped"
    return None


def check_edits(edits: tuple[PropertyEdit, ...]) -> None:
    """Raises UsageError for an edit of a property that cannot be edited, or is edited twice."""
    for edit in edits:
        why = refusal(edit.name, edit.value is not None)
        if why is not None:
            raise UsageError(f"{edit.verb} {edit.device}: {edit.name} cannot be edited: {why}")
    for (device, name), count in Counter((edit.device, edit.name) for edit in edits).items():
        if count > 1:
            raise UsageError(f"set {device}: {name} is edited twice; set it or drop it")


def pieces(name: str, value: Any) -> tuple[Piece, ...]:
    """The value of a property, from a value of the key ``set`` in TOML.

    A string or a list of strings becomes strings; an integer one cell, or two if it has more than
    32 bits; a list of integers cells; true the empty value; ``{ bytes = "00 1f" }`` bytes.
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
