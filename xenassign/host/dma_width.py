"""The address width that Linux' drivers allow a DMA master, by `compatible` string.

The table is knowledge/dma-widths.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, table_path

__all__ = ["DmaWidth", "dma_widths", "read_dma_widths", "width"]


class DmaWidth(NamedTuple):
    """One entry. ``bits``: the width of addresses. ``driver``: path in Linux' tree."""

    compatible: str
    bits: int
    driver: str

    @property
    def limit(self) -> int:
        """The address after the last byte within reach."""
        return 1 << self.bits


def read_dma_widths(path: Path) -> dict[str, DmaWidth]:
    """A table like knowledge/dma-widths.txt, by `compatible` string. Raises InputError."""
    table = Table(path, ("driver",), ("bits",))
    widths: dict[str, DmaWidth] = {}
    for entry in table.entries():
        statement, driver = table.statement(entry), table.heading(entry, "driver")
        text = " ".join(word.text for word in statement.words)
        bits = table.number(statement.line, text, 24, 39)
        widths[entry.name] = DmaWidth(entry.name, bits, driver)
    return widths


@lru_cache(maxsize=1)
def dma_widths() -> dict[str, DmaWidth]:
    """The table knowledge/dma-widths.txt of this installation."""
    return read_dma_widths(table_path("dma-widths"))


def width(compatible: Sequence[str]) -> DmaWidth | None:
    """The width for a node's `compatible` list, of the first string that is listed; or None."""
    widths = dma_widths()
    return next((widths[string] for string in compatible if string in widths), None)
