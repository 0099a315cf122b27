"""Firmware that Linux calls with the instruction SMC, by `compatible` string.

The table is knowledge/firmware.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, table_path


class SmcFirmware(NamedTuple):
    """What a driver does when Xen answers none of its calls. ``driver``: its path in Linux."""

    unanswered: str
    driver: str


def read_firmware(path: Path) -> dict[str, SmcFirmware]:
    """A table like knowledge/firmware.txt, by `compatible` string. Raises InputError."""
    table = Table(path, ("driver",), ("unanswered",))
    result: dict[str, SmcFirmware] = {}
    for entry in table.entries():
        statement = table.statement(entry)
        if statement.words or not statement.text:
            fix = "write 'unanswered: the probe fails'"
            raise table.error(statement.line, f"{entry.name} does not say what fails", fix)
        result[entry.name] = SmcFirmware(statement.text, table.heading(entry, "driver"))
    return result


@lru_cache(maxsize=1)
def _table() -> dict[str, SmcFirmware]:
    return read_firmware(table_path("firmware"))


def smc_firmware(compatible: Sequence[str]) -> SmcFirmware | None:
    """The entry for a node's `compatible` list, of the first string that is listed; or None."""
    table = _table()
    return next((table[string] for string in compatible if string in table), None)
