"""Public knowledge about devices that rule over the machine, by `compatible` string.

The table is knowledge/machine-control.txt, whose first comment says how to add an entry. Nothing
may be concluded for a device that is not listed; what the tree says of it is judged by
:mod:`xenassign.checks.machine_control`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, TableEntry, Wildcards, table_path

#: The headings with a sentence, in the order in which their wildcards are preferred.
_SENTENCES = ("ordinary", "control", "warning")


class MachineControl(NamedTuple):
    """What a device with this `compatible` rules over.

    ``level``: ``control`` (it rules over the machine), ``warning`` (it can reset the machine, or
    CPU cores start from it) or ``ordinary`` (it rules over nothing but itself).
    """

    compatible: str
    """Exact string, or a wildcard with `*`."""
    level: str
    kind: str
    """The class of devices in a few words, such as "pin controller"."""
    evidence: str
    """A sentence about the device, for messages."""
    source: str
    """Binding or manual."""


class MachineControlTable:
    """A table like knowledge/machine-control.txt.

    The methods raise :class:`InputError` for a mistake in a group.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(path, ("class", "source", *_SENTENCES))
        self._wildcards = Wildcards(self._table, _SENTENCES)

    def find(self, compatible: str) -> MachineControl | None:
        """The statement for one string: its own entry, else that of a wildcard that it fits.

        Wildcards of ordinary devices, which are exceptions, come first, those of warnings last.
        """
        entry = self._wildcards.entry(compatible)
        return self._statement(entry) if entry else None

    def all(self) -> tuple[MachineControl, ...]:
        """All statements, in the order of the file."""
        return tuple(map(self._statement, self._table.entries()))

    def _statement(self, entry: TableEntry) -> MachineControl:
        levels = [level for level in _SENTENCES if level in entry.headings]
        if len(levels) != 1:
            problem = f"{entry.name} has {len(levels)} of the headings {', '.join(_SENTENCES)}"
            raise self._table.error(entry.line, problem, "write one of them above it")
        return MachineControl(
            entry.name,
            levels[0],
            self._table.heading(entry, "class"),
            entry.headings[levels[0]],
            self._table.heading(entry, "source"),
        )


@lru_cache(maxsize=1)
def machine_control_table() -> MachineControlTable:
    """The table knowledge/machine-control.txt of this installation."""
    return MachineControlTable(table_path("machine-control"))


@lru_cache(maxsize=8192)
def _known_string(compatible: str) -> MachineControl | None:
    return machine_control_table().find(compatible)


def machine_control(compatibles: Sequence[str]) -> MachineControl | None:
    """The statement for a node with this `compatible` list (most specific string first), or None.

    The first string with a statement decides, as in the table of DMA.
    """
    return next(filter(None, map(_known_string, compatibles)), None)
