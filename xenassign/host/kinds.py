"""The kind of a device in one word, such as ``ethernet``: what people look for on a board.

The table is knowledge/kinds.txt, whose first comment says how to add an entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from xenassign.devicetree.tree import Node
from xenassign.host.driver_needs import needs
from xenassign.tables import Table, Wildcards, table_path

OTHER = "other"
"""The kind of a node that no line of the table knows."""


class KindTable:
    """A table like knowledge/kinds.txt.

    The methods raise :class:`InputError` for a mistake in a group.
    """

    def __init__(self, path: Path) -> None:
        self._table = Table(path, ("kind",), plain_names=True)
        self._wildcards = Wildcards(self._table, ())

    def all(self) -> dict[str, str]:
        """The kind of each name, compatible string, folder and pattern, in the file's order."""
        entries = self._table.entries()
        return {entry.name: self._table.heading(entry, "kind") for entry in entries}

    def kinds(self) -> tuple[str, ...]:
        """All kinds, in the order of the file, and that of all other nodes."""
        return tuple(dict.fromkeys((*self.all().values(), OTHER)))

    def find(self, name: str, compatibles: tuple[str, ...]) -> str:
        """The kind of a node with this name, without unit address, and `compatible` list."""
        for word in _words(name, compatibles):
            entry = self._wildcards.entry(word)
            if entry is not None:
                return self._table.heading(entry, "kind")
        return OTHER


def _words(name: str, compatibles: tuple[str, ...]) -> Iterator[str]:
    """What states the kind of a node, the most specific first."""
    for compatible in compatibles:
        if "," in compatible:  # one without a vendor, such as syscon, states less than the name
            yield compatible
        driver = needs((compatible,))
        path = driver.driver if driver is not None else ""
        while "/" in path:
            yield path
            path = path.rpartition("/")[0]
    yield name
    yield name.rstrip("-_0123456789")


@lru_cache(maxsize=1)
def kind_table() -> KindTable:
    """The table knowledge/kinds.txt of this installation."""
    return KindTable(table_path("kinds"))


@lru_cache(maxsize=8192)
def _kind(name: str, compatibles: tuple[str, ...]) -> str:
    return kind_table().find(name, compatibles)


def kind_of(node: Node) -> str:
    """The kind of a node."""
    return _kind(node.name.partition("@")[0], node.compatible)
