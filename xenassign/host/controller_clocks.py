"""Clocks that a controller provides by number: their rates, and which only switch another one.

The table is knowledge/controller-clocks.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import InputError
from xenassign.tables import Table, TableStatement, Word, table_path


class UsualRate(NamedTuple):
    """A rate in Hz that is used where nothing else is known. ``source``: whose rate it is."""

    hz: int
    source: str


class ControllerClocks(NamedTuple):
    """The clocks of a controller, by number.

    ``fixed``: rates in Hz. ``gates``: of a clock that only switches another one, that one.
    """

    fixed: dict[int, int]
    gates: dict[int, int]
    usual: dict[int, UsualRate]


class ControllerClockTable:
    """A table like knowledge/controller-clocks.txt. Each entry is parsed when it is needed.

    The methods raise :class:`InputError` for a mistake in a line.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(path, ("source",), ("fixed", "gate", "usual"))

    def find(self, compatible: str) -> ControllerClocks | None:
        """The clocks of one controller; None if it is not listed."""
        entry = self._table.entry(compatible)
        if entry is None:
            return None
        self._table.heading(entry, "source")
        clocks = ControllerClocks({}, {}, {})
        for statement in entry.statements:
            if bool(statement.text) is not (statement.verb == "usual"):
                problem = f"{entry.name}: only 'usual' has a text, and requires it"
                raise self._error(statement, problem)
            for word in statement.words:
                self._add(clocks, statement, word)
        return clocks

    def all(self) -> dict[str, ControllerClocks]:
        """All entries, by `compatible` string."""
        stated = {name: self.find(name) for name in self._table.names}
        return {name: clocks for name, clocks in stated.items() if clocks is not None}

    def _add(self, clocks: ControllerClocks, statement: TableStatement, word: Word) -> None:
        if not all(text.isdecimal() for text in (word.text, *word.inside)) or not word.inside:
            raise self._error(statement, f"'{word.text}' is not well-formed")
        first = int(word.text)
        for clock in map(int, word.inside):
            if clock in clocks.fixed or clock in clocks.gates or clock in clocks.usual:
                raise self._error(statement, f"clock {clock} has two statements")
            if statement.verb == "fixed":
                clocks.fixed[clock] = first
            elif statement.verb == "gate":
                clocks.gates[clock] = first
            else:
                clocks.usual[clock] = UsualRate(first, statement.text)

    def _error(self, statement: TableStatement, problem: str) -> InputError:
        fix = "write HZ(NUMBER ...), after 'gate' NUMBER(NUMBER ...), after 'usual' with ': TEXT'"
        return self._table.error(statement.line, problem, fix)


@lru_cache(maxsize=1)
def _table() -> ControllerClockTable:
    return ControllerClockTable(table_path("controller-clocks"))


@lru_cache(maxsize=256)
def _clocks_of_string(compatible: str) -> ControllerClocks | None:
    return _table().find(compatible)


def controller_clocks(compatible: Iterable[str]) -> ControllerClocks | None:
    """What is known about the clocks of a controller with this `compatible` list, or None."""
    candidates = map(_clocks_of_string, compatible)
    return next((clocks for clocks in candidates if clocks is not None), None)
