"""Public knowledge about DMA mastering, by `compatible` string.

A device without an IOMMU is safe in a guest only if it does no DMA of its own, which neither Xen
nor the devicetree states. The table is knowledge/dma.txt, whose first comment says how to add an
entry: whether a block is a bus master, one sentence why, and the source. Nothing may be concluded
for a block that is not listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, TableEntry, Wildcards, table_path

__all__ = ["DmaKnowledge", "DmaTable", "dma_knowledge", "dma_table"]


class DmaKnowledge(NamedTuple):
    """Whether the block with this `compatible` reads or writes memory by itself (``master``)."""

    compatible: str
    """Exact string, or a wildcard with `*`."""
    master: bool
    evidence: str
    """One sentence, for reports."""
    source: str
    """Binding or manual."""


class DmaTable:
    """A table like knowledge/dma.txt.

    The methods raise :class:`InputError` for a mistake in a group.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(path, ("dma", "no-dma", "source"))
        self._wildcards = Wildcards(self._table, ("dma",))

    def find(self, compatible: str) -> DmaKnowledge | None:
        """The statement for one string: its own entry, else the first wildcard that fits,
        masters first."""
        entry = self._wildcards.entry(compatible)
        return self._statement(entry) if entry else None

    def all(self) -> tuple[DmaKnowledge, ...]:
        """All statements, masters first."""
        statements = map(self._statement, self._table.entries())
        return tuple(sorted(statements, key=lambda statement: not statement.master))

    def _statement(self, entry: TableEntry) -> DmaKnowledge:
        master = "dma" in entry.headings
        if master and "no-dma" in entry.headings:
            problem = f"{entry.name} is below 'dma:' and 'no-dma:'"
            raise self._table.error(entry.line, problem, "begin a new group for one of them")
        evidence = self._table.heading(entry, "dma" if master else "no-dma")
        return DmaKnowledge(entry.name, master, evidence, self._table.heading(entry, "source"))


@lru_cache(maxsize=1)
def dma_table() -> DmaTable:
    """The table knowledge/dma.txt of this installation."""
    return DmaTable(table_path("dma"))


@lru_cache(maxsize=8192)
def _known_string(compatible: str) -> DmaKnowledge | None:
    return dma_table().find(compatible)


def dma_knowledge(compatibles: Sequence[str]) -> DmaKnowledge | None:
    """The statement for a node with this `compatible` list (most specific string first), or None.

    The first string with a statement decides: a later, more general string may
    describe an ancestor without the DMA that an integration added (xlnx,versal-ospi-1.0 is also
    cdns,qspi-nor).
    """
    statements = map(_known_string, compatibles)
    return next((statement for statement in statements if statement is not None), None)
