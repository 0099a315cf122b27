"""Blocks whose registers Linux' driver maps as Normal memory, by `compatible` string.

The table is knowledge/normal-memory.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, table_path


class NormalMemory(NamedTuple):
    """Registers that a driver maps as Normal memory. ``driver``: its path in Linux' tree."""

    content: str
    """The content of the registers, with its article: "the picture"."""
    driver: str


def read_normal_memory(path: Path) -> dict[str, NormalMemory]:
    """A table like knowledge/normal-memory.txt, by `compatible` string. Raises InputError."""
    table = Table(path, ("driver",), ("memory",))
    result: dict[str, NormalMemory] = {}
    for entry in table.entries():
        statement = table.statement(entry)
        if statement.words or not statement.text:
            fix = "write 'memory: the picture'"
            raise table.error(statement.line, f"{entry.name} does not say what is mapped", fix)
        result[entry.name] = NormalMemory(statement.text, table.heading(entry, "driver"))
    return result


@lru_cache(maxsize=1)
def _table() -> dict[str, NormalMemory]:
    return read_normal_memory(table_path("normal-memory"))


def normal_memory(compatible: Sequence[str]) -> NormalMemory | None:
    """The entry for a node's `compatible` list, of the first string that is listed; or None."""
    table = _table()
    return next((table[string] for string in compatible if string in table), None)
