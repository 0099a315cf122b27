"""How wide the addresses are that Linux' drivers let a DMA master use, by `compatible` string.

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
    """One statement. ``bits``: the width of the addresses. ``driver``: path in Linux' tree."""

    compatible: str
    bits: int
    driver: str

    @property
    def limit(self) -> int:
        """The address after the last byte within reach."""
        return 1 << self.bits


def read_dma_widths(path: Path) -> dict[str, DmaWidth]:
    """A table of the form of knowledge/dma-widths.txt, by `compatible` string."""
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
    """The table of this installation."""
    return read_dma_widths(table_path("dma-widths"))


def width(compatible: Sequence[str]) -> DmaWidth | None:
    """What is known of a node with this `compatible` list; the first string known decides."""
    widths = dma_widths()
    return next((widths[string] for string in compatible if string in widths), None)
