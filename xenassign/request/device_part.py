"""A device of which a guest gets some register blocks and interrupts: entries and names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from xenassign.devicetree.addresses import reg
from xenassign.devicetree.interrupts import entry_count
from xenassign.devicetree.tree import Node, PropertyError, Tree

#: The last index of a register block or an interrupt.
ENTRY_MAX = 1023


class PartOption(NamedTuple):
    """The entries of a device that the guest gets, as indexes and names; None: all of them."""

    node: str
    regs: tuple[int | str, ...] | None = None
    interrupts: tuple[int | str, ...] | None = None


def part_option(keys: Mapping[str, Any], named: Callable[[str], str]) -> PartOption | None:
    """The part that the keys of a device state; None: the whole device.

    ``named``: returns the path of the device with the place of a key.
    """
    regs, interrupts = (keys.get(key) for key in ("regs", "interrupts"))
    if regs is None and interrupts is None:
        return None
    return PartOption(
        named("regs" if regs is not None else "interrupts"),
        tuple(regs) if regs is not None else None,
        tuple(interrupts) if interrupts is not None else None,
    )


class DevicePart(NamedTuple):
    """The indexes of the entries that the guest gets; None: all of them."""

    regs: frozenset[int] | None
    interrupts: frozenset[int] | None


class EntryList(NamedTuple):
    """The entries of ``reg`` or of the interrupts of a node. ``names``: those that have one."""

    number: int
    names: tuple[str, ...]

    def find(self, entry: int | str) -> int | None:
        """The index of an entry; None if there is no such entry."""
        if isinstance(entry, str):
            return self.names.index(entry) if entry in self.names[: self.number] else None
        return entry if entry < self.number else None

    def __str__(self) -> str:
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"0 to {self.number - 1}{names}" if self.number else "none"


class Entries(NamedTuple):
    """All entries of a node."""

    regs: EntryList
    interrupts: EntryList


def entries_of(tree: Tree, node: Node) -> Entries:
    """The entries of a node. What is malformed has none."""
    try:
        blocks = len(reg(node))
    except PropertyError:
        blocks = 0
    return Entries(
        EntryList(blocks, node.strings("reg-names")),
        EntryList(entry_count(tree, node), node.strings("interrupt-names")),
    )
