"""Stream IDs that public documents state, for trees that do not.

The table is knowledge/stream-ids.txt, whose first comment says how to add a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node, Tree
from xenassign.tables import Table, TableStatement, table_path


class KnownStreams(NamedTuple):
    """The streams of a master. ``iommu``: the address of the IOMMU's registers, in bytes.

    ``title``: the master in the words of its manual; ``source``: where the IDs are stated.
    """

    iommu: int
    ids: tuple[int, ...]
    title: str
    source: str


def read_stream_ids(path: Path) -> dict[str, KnownStreams]:
    """A table like knowledge/stream-ids.txt, by SOC@ADDRESS. Raises InputError."""
    table = Table(path, ("source",), ("iommu",))
    known: dict[str, KnownStreams] = {}
    for entry in table.entries():
        statement = table.statement(entry)
        source = table.heading(entry, "source")
        try:
            address, *texts = (word.text for word in statement.words)
            ids = tuple(number for text in texts for number in _ids(text))
            known[entry.name] = KnownStreams(int(address, 16), ids, statement.text, source)
        except ValueError:
            raise _malformed(table, statement) from None
        if not ids or not statement.text:
            raise _malformed(table, statement)
    return known


def _malformed(table: Table, statement: TableStatement) -> Exception:
    problem = "this is not an IOMMU with stream IDs and the name of the master"
    return table.error(statement.line, problem, "write iommu ADDRESS ID ...: NAME")


def _ids(text: str) -> Iterator[int]:
    """A number, or FIRST..LAST."""
    first, dots, last = text.partition("..")
    yield from range(int(first, 0), int(last if dots else first, 0) + 1)


@lru_cache(maxsize=1)
def _table() -> dict[str, KnownStreams]:
    return read_stream_ids(table_path("stream-ids"))


def known_streams(tree: Tree, node: Node) -> KnownStreams | None:
    """What is known about the streams of a master of this board."""
    block = next(iter(registers(node).blocks), None)
    if block is None:
        return None
    names = (f"{soc}@{block.address:x}" for soc in tree.root.compatible)
    return next((_table()[name] for name in names if name in _table()), None)
