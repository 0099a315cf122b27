"""EEMI, the firmware interface of AMD's chips: which page of a device gives which rights.

AMD's Xen forwards a guest's call about a power node, a reset or a clock if the guest has the pages
that knowledge/eemi-zynqmp.txt or eemi-versal.txt lists for it, whose first comment says how to add
a line. Whether a Xen does so is ``Release.eemi_of_owner``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.references import references
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.tables import Table, table_path

#: The table of a firmware node, and the bits of an argument that are the id (PM_NODE_IDX of Xen).
_TABLES = {
    "xlnx,zynqmp-firmware": ("eemi-zynqmp", 0xFFFFFFFF),
    "xlnx,versal-firmware": ("eemi-versal", 0x3FFF),
}
#: The kinds of suppliers whose arguments are ids, by what Xen calls them.
_KINDS = {"power-domain": "node", "reset": "reset", "clock": "clock"}
PINS = "pinctrl"


class EemiId(NamedTuple):
    """``kind``: node, reset or clock."""

    kind: str
    id: int

    @property
    def text(self) -> str:
        """For people: ``clock 31``."""
        return f"{'power node' if self.kind == 'node' else self.kind} {self.id}"


class EemiUse(NamedTuple):
    """A reference of a node to the firmware. ``id``: None for pins."""

    node: Node
    prop: str
    id: EemiId | None


class EemiTable:
    """The rights by the pages that give them: addresses in bytes.

    The reader raises InputError for a mistake in the table.
    """

    def __init__(self, path: Path) -> None:
        table = Table(path, ("source",), ("node", "reset", "clock"))
        self.pages: dict[EemiId, set[int]] = {}
        for entry in table.entries():
            page = _page(table, entry.name, entry.line)
            for statement in entry.statements:
                if statement.text or not statement.words:
                    problem = f"{entry.name}: '{statement.verb}' requires ids, and nothing else"
                    raise table.error(statement.line, problem, "write 'node 32'")
                for word in statement.words:
                    number = table.number(statement.line, word.text, 0, 0x3FFF)
                    self.pages.setdefault(EemiId(statement.verb, number), set()).add(page)

    def missing(self, right: EemiId, spans: Iterable[Span]) -> list[int] | None:
        """The pages that a guest with host addresses (bytes) lacks for a right; None: no page
        gives it.
        """
        required = self.pages.get(right)
        if required is None:
            return None
        owned = tuple(spans)
        return sorted(page for page in required if not any(span.holds(page) for span in owned))

    def granted(self, spans: Iterable[Span]) -> frozenset[EemiId]:
        """The rights of a guest with host addresses (bytes)."""
        owned = tuple(spans)
        return frozenset(right for right in self.pages if self.missing(right, owned) == [])


def _page(table: Table, name: str, line: int) -> int:
    try:
        page = int(name, 16)
    except ValueError:
        page = 1
    if page % PAGE_SIZE:
        raise table.error(line, f"'{name}' is not the address of a page", "write it as 0xff0e0000")
    return page


class Eemi(NamedTuple):
    """The rights to a firmware. ``bits``: those of an argument of a reference that are the id."""

    table: EemiTable
    bits: int


def find_eemi(node: Node) -> Eemi | None:
    """The rights to a firmware node; None if nothing is known of it."""
    known = next((_TABLES[text] for text in node.compatible if text in _TABLES), None)
    return Eemi(_table(known[0]), known[1]) if known is not None else None


@lru_cache(maxsize=2)
def _table(name: str) -> EemiTable:
    return EemiTable(table_path(name))


def uses(tree: Tree, firmware: Node, bits: int, node: Node) -> Iterator[EemiUse]:
    """The references of a node to the firmware. ``bits``: as of ``find_eemi``."""
    for group in references(tree, node):
        for reference in group.entries:
            provider = reference.provider
            if provider is None or firmware not in provider.lineage():
                continue
            kind = _KINDS.get(reference.rule.kind)
            if kind is not None and reference.args:
                yield EemiUse(node, group.prop, EemiId(kind, reference.args[0] & bits))
            elif reference.rule.kind == PINS:
                yield EemiUse(node, group.prop, None)
