"""The suppliers that Linux drivers need, by `compatible` string.

A guest's tree can't have every clock, reset, PHY or syscon that a device refers to. The behaviour
of a driver without one is a line of knowledge/driver-needs.txt, whose first comment says how to add
one.

- required: without it the driver's probe fails or is deferred forever, or the device can't work. It
  has to be stubbed or kept.
- not required: the driver goes on. The property may be left out (what it would have switched on has
  to be on already, which is the host's duty).
- without a :class:`Need` for an entry it is unknown, and nothing may be concluded.

An entry is about a property that is absent. A property that names a provider without a driver
defers the probe forever, required or not. The behaviour of Linux' frameworks for every driver is
added to each entry that does not state its own.

The entry of "arm,primecell" is what the AMBA bus itself needs; it does not cover the driver of a
block that is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, TableEntry, TableStatement, fits, table_path

__all__ = ["DriverNeeds", "DriverTable", "Need", "driver_needs", "need", "needs"]

_FAILS = "the probe fails"
_GOES_ON = "the driver goes on"

#: Sets of the table with a meaning of their own: the sentences for optional properties, and the
#: needs of every driver.
_USUAL, _EVERY = "@usual", "@every"


class Need(NamedTuple):
    """The behaviour of a driver when a property that names suppliers is absent."""

    property: str
    """``clocks``, ``resets``, ``phys``, ``phy-handle``, …; ``*`` is a wildcard (``*-supply``)."""
    required: bool
    """Whether the probe fails, is deferred forever, or the device can't work without it."""
    names: tuple[str, ...]
    """The names of the entries (in ``clock-names``, …) that this is about; () is all of them."""
    count: int  # type: ignore[assignment]  # it hides tuple.count, which is not used
    """The least number of entries when required; 0 when unknown or any."""
    without: str
    """One short sentence for reports: the driver's behaviour without it."""
    instead: tuple[str, ...] = ()
    """Properties or child nodes, each of which replaces it if present."""


class DriverNeeds(NamedTuple):
    """The needs of one driver."""

    driver: str
    """Path in Linux' tree."""
    binding: str
    """Path below Linux' Documentation/devicetree."""
    needs: tuple[Need, ...]
    rates: tuple[Need, ...] = ()
    """Clocks whose rate the driver requires: with one of 0 its probe fails."""
    supplies: tuple[str, ...] = ()
    """Properties of regulators without which the driver takes Linux' dummy regulator."""

    def without_rate(self, clock: str | None) -> str:
        """What the driver does if the rate of a clock, by name, is 0; "" if nothing is known."""
        return next((rate.without for rate in self.rates if clock in rate.names), "")


class DriverTable:
    """A table like knowledge/driver-needs.txt. Each entry is parsed when it is needed.

    The methods raise :class:`InputError` for a mistake in a line.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(
            path, ("driver", "binding"), ("needs", "uses", "rates", "requests", "as")
        )
        self._usual: dict[str, str] = {}
        self._parsed: dict[tuple[TableStatement, ...], DriverNeeds] = {}
        self._usual = {need.property: need.without for need in self._set(_USUAL)}

    def find(self, compatible: str) -> DriverNeeds | None:
        """The needs of the driver of one string; None if it is not listed."""
        entry = self._table.entry(compatible)
        if entry is None or compatible.startswith("@"):
            return None
        if entry.statements not in self._parsed:
            own = self._needs(entry)
            properties = {need.property for need in own}
            common = [need for need in self._set(_EVERY) if need.property not in properties]
            driver = self._table.heading(entry, "driver")
            binding = self._table.heading(entry, "binding")
            rates, supplies = self._rates(entry), self._supplies(entry)
            stated = DriverNeeds(driver, binding, (*own, *common), rates, supplies)
            self._parsed[entry.statements] = stated
        return self._parsed[entry.statements]

    def all(self) -> dict[str, DriverNeeds]:
        """All entries, by `compatible` string."""
        for name in self._table.names:
            if name.startswith("@"):
                self._set(name)  # reports its mistakes even if nothing refers to it
        needs = {string: self.find(string) for string in self._table.names}
        return {string: stated for string, stated in needs.items() if stated is not None}

    def _set(self, name: str) -> tuple[Need, ...]:
        entry = self._table.entry(name)
        return self._needs(entry) if entry else ()

    def _needs(self, entry: TableEntry) -> tuple[Need, ...]:
        """The needs in the lines of an entry, including those of its sets."""
        needs: list[Need] = []
        covered: set[tuple[str, str | None]] = set()
        for statement in entry.statements:
            if statement.verb in ("rates", "requests"):
                continue
            of_set = statement.verb == "as"
            stated = self._of_sets(entry, statement) if of_set else self._stated(statement)
            for need in stated:
                keys = {(need.property, name) for name in need.names or (None,)}
                if covered & keys:
                    problem = f"{entry.name} has two statements about {need.property}"
                    fix = "state each property and name once"
                    raise self._table.error(statement.line, problem, fix)
                covered |= keys
            needs += stated
        return tuple(needs)

    def _rates(self, entry: TableEntry) -> tuple[Need, ...]:
        """The rates that an entry itself states."""
        lines = (statement for statement in entry.statements if statement.verb == "rates")
        return tuple(rate for statement in lines for rate in self._stated(statement))

    def _supplies(self, entry: TableEntry) -> tuple[str, ...]:
        """The supplies that an entry itself states."""
        supplies: list[str] = []
        for statement in (s for s in entry.statements if s.verb == "requests"):
            names = [word.text for word in statement.words if not word.inside]
            if not names or not all(re.fullmatch(r"[^*]+-supply", name) for name in names):
                fix = "write 'requests NAME-supply'"
                raise self._table.error(statement.line, "'requests' without a supply", fix)
            supplies += names
        return tuple(supplies)

    def _of_sets(self, entry: TableEntry, statement: TableStatement) -> list[Need]:
        needs: list[Need] = []
        for word in statement.words:
            definition = self._table.entry(word.text)
            if definition is None or definition.line >= entry.line or not word.text.startswith("@"):
                fix = "define it above with a line that begins with its name"
                raise self._table.error(statement.line, f"unknown set '{word.text}'", fix)
            needs += self._needs(definition)
        return needs

    def _stated(self, statement: TableStatement) -> list[Need]:
        """The needs of one line with the verb ``needs``, ``uses`` or ``rates``."""
        required = statement.verb == "needs"
        if [word.text for word in statement.words] == ["nothing"]:
            return []
        words = iter(statement.words)
        stated: list[Need] = []
        for word in words:
            if word.text == "or":
                other = next(words, None)
                if not required or not stated or other is None:
                    fix = "write 'needs PROPERTY or OTHER'"
                    raise self._table.error(statement.line, "'or' is valid only between needs", fix)
                stated[-1] = stated[-1]._replace(instead=(*stated[-1].instead, other.text))
                continue
            names, count = word.inside, len(word.inside) or 1
            if count == 1 and names and "|" in names[0]:
                names = tuple(names[0].split("|"))
            fails = required or statement.verb == "rates"
            without = _FAILS if fails else self._usual.get(word.text, _GOES_ON)
            without = statement.text or without
            stated.append(Need(word.text, required, names, count if required else 0, without))
        if not stated:
            fix = "name a property, or write 'needs nothing'"
            raise self._table.error(statement.line, f"'{statement.verb}' without a property", fix)
        return stated


@lru_cache(maxsize=1)
def driver_needs() -> DriverTable:
    """The table knowledge/driver-needs.txt of this installation."""
    return DriverTable(table_path("driver-needs"))


@lru_cache(maxsize=8192)
def _needs_of_string(compatible: str) -> DriverNeeds | None:
    return driver_needs().find(compatible)


def needs(compatible: Sequence[str]) -> DriverNeeds | None:
    """The needs of the driver for this `compatible` list (most specific string first), or None.

    The first string that is listed decides, as it decides which driver binds.
    """
    candidates = map(_needs_of_string, compatible)
    return next((stated for stated in candidates if stated is not None), None)


def need(driver: DriverNeeds | None, property: str, name: str | None) -> Need | None:
    """The need for one entry of a property; None if unknown.

    ``name`` is the entry's name (in ``clock-names``, …), or None. A `Need` for that name comes
    before one for all entries, the exact property before a wildcard.
    """
    if driver is None:
        return None
    candidates = [entry for entry in driver.needs if entry.property == property] or [
        entry for entry in driver.needs if fits(entry.property.split("*"), property)
    ]
    named = (entry for entry in candidates if name is not None and name in entry.names)
    general = (entry for entry in candidates if not entry.names)
    return next(named, None) or next(general, None)
