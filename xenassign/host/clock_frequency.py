"""The meaning of ``clock-frequency``, by the `compatible` string of its node.

The table is knowledge/clock-frequency.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, table_path


class ClockFrequency(NamedTuple):
    """One entry. ``meaning`` is a verb of the table: ``provides``, ``passes`` or ``takes``."""

    meaning: str
    names: tuple[str, ...]
    """The names that the input clock of a device can have (``takes``)."""


def read_clock_frequency(path: Path) -> dict[str, ClockFrequency]:
    """A table like knowledge/clock-frequency.txt, by `compatible` string. Raises InputError."""
    table = Table(path, ("source",), ("provides", "passes", "takes"))
    result: dict[str, ClockFrequency] = {}
    for entry in table.entries():
        table.heading(entry, "source")
        statement = table.statement(entry)
        names = tuple(word.text for word in statement.words)
        if bool(names) is not (statement.verb == "takes"):
            fix = "write 'provides', 'passes', or 'takes' and the names of the clock"
            raise table.error(statement.line, f"{entry.name} has a verb with other words", fix)
        result[entry.name] = ClockFrequency(statement.verb, names)
    return result


@lru_cache(maxsize=1)
def _table() -> dict[str, ClockFrequency]:
    return read_clock_frequency(table_path("clock-frequency"))


def clock_frequency(compatible: Iterable[str], meaning: str) -> Iterator[ClockFrequency]:
    """The entries with this meaning for a node's `compatible` list, in the order of the list."""
    table = _table()
    for string in compatible:
        entry = table.get(string)
        if entry is not None and entry.meaning == meaning:
            yield entry
