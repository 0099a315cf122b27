"""The properties that hold phandles, and how long each of their entries is.

A devicetree blob does not say which cells are phandles: a phandle is a plain u32 (Devicetree
Specification 2.3.3, 2.4.1). It follows from the property's name, through its binding. The table is
knowledge/phandle-properties.txt, whose first comment says how to add a line. This module reads the
table; it reads no tree and does not depend on Xen.

Rules that hold for every entry of a property, from Linux' of_phandle_iterator_next():

- a phandle of 0 is an empty entry of one cell, without arguments. It still counts: `cs-gpios`,
  `assigned-clock-parents`, `mboxes` and `pinctrl` select entries by position;
- a provider that lacks the cells property has `default_cells` arguments; None means that the
  property is malformed;
- a property without any bytes has no entries. Some names are a flag when empty and a phandle
  otherwise (`bitclock-master`, `frame-master`, `wakeup-source`);
- properties of these names in /aliases, /__symbols__ and /__overrides__ are paths, not phandles:
  only device nodes may be looked up.

A map has as many arguments as the provider's cells property says, or one: Linux before 7.1 read all
maps so, and boards have <rid-base phandle base length> for providers with #iommu-cells = 2.

`interrupts` and `interrupt-map` are left out: their format depends on the interrupt parent
(a GICv3 specifier of four cells ends in the phandle of a partition) and is handled with the
interrupt tree.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from xenassign.tables import Table, TableEntry, TableStatement, fits, table_path

__all__ = [
    "REMAINDER",
    "PhandleProperty",
    "PhandleTable",
    "kind_of",
    "lookup",
    "phandle_properties",
]

REMAINDER: Final = -1
"""Value of `cells`: one phandle, and the rest of the property are its arguments."""

Shape = Literal["list", "map"]

#: Words of a line with a number in parentheses: (field, least, most).
_NUMBERS: Final = {
    "default": ("default_cells", 0, 15),
    "lead": ("lead", 1, 15),
    "trail": ("trail", 1, 15),
    "per-name": ("entries_per_name", 2, 15),
}


class PhandleProperty(NamedTuple):
    """A property that holds phandles. All counts are cells (4 bytes) unless said otherwise."""

    pattern: str
    """Exact name, or a name with one `*`, which is one or more characters."""
    kind: str
    """The kind of supplier: "clock", "reset", "regulator", "gpio", "syscon", ..."""
    cells: str | int
    """The provider's cells property, or a fixed number of arguments, or REMAINDER."""
    default_cells: int | None = None
    """Arguments when the provider lacks the cells property; None: the property is malformed."""
    names: str | None = None
    """The string list that names the entries. For pinctrl-N see the table."""
    parallel: tuple[str, ...] = ()
    """Properties of the same node aligned with this one entry by entry: dropping an entry drops
    theirs too."""
    shape: Shape = "list"
    lead: int = 0
    """Cells of an entry before its phandle."""
    trail: int = 0
    """Cells of an entry after its arguments."""
    entries_per_name: int = 1
    """How many entries one string of `names` covers."""
    digits: bool = False
    """The `*` of the pattern is a decimal number only."""
    unless: str | None = None
    """A property of the same node with which this one holds no phandle."""
    source: str = ""
    """Binding, schema or Linux function that defines it."""


class PhandleTable:
    """A table like knowledge/phandle-properties.txt. A line is parsed when it is needed.

    The methods raise :class:`InputError` for a mistake in a line.
    """

    def __init__(self, path: Path) -> None:
        verbs = ("phandle", "no-phandle", "bytes")
        self._table = Table(path, ("kind",), verbs, plain_names=True)
        wildcards = map(self._table.entry, (name for name in self._table.names if "*" in name))
        rules = [(entry.name, self._rule(entry)) for entry in wildcards if entry]
        # a name that is excluded fits no other wildcard
        self._wildcards = sorted(rules, key=lambda wildcard: wildcard[1] is not None)

    def find(self, name: str) -> PhandleProperty | None:
        """The entry for a property's name; None if no entry fits, or it holds no phandle."""
        entry = self._table.entry(name)
        if entry is not None:
            return self._rule(entry)
        for pattern, rule in self._wildcards:
            if _fits(pattern, name, digits=rule is not None and rule.digits):
                return rule
        return None

    def parallel_bytes(self, name: str) -> int | None:
        """Bytes per entry of a parallel property of numbers; None for any other property."""
        entry = self._table.entry(name)
        statement = self._table.statement(entry) if entry else None
        if statement is None or statement.verb != "bytes":
            return None
        text = statement.words[0].text if statement.words else ""
        return self._table.number(statement.line, text, 4, 64)

    def all(self) -> tuple[PhandleProperty, ...]:
        """All entries that hold phandles: exact names, then wildcards."""
        rules = list(filter(None, map(self._rule, self._table.entries())))
        return tuple(sorted(rules, key=lambda rule: "*" in rule.pattern))

    def excluded(self) -> dict[str, str]:
        """The names that fit a wildcard but hold no phandle, each with reason and source."""
        statements = {entry.name: self._statement(entry) for entry in self._table.entries()}
        return {name: line.text for name, line in statements.items() if line.verb == "no-phandle"}

    def _statement(self, entry: TableEntry) -> TableStatement:
        statement = self._table.statement(entry)
        if not statement.text and statement.verb != "bytes":
            fix = "name the binding after ': '"
            raise self._table.error(statement.line, f"{entry.name} has no source", fix)
        return statement

    def _rule(self, entry: TableEntry) -> PhandleProperty | None:
        """What an entry says; None for one that holds no phandle."""
        statement = self._statement(entry)
        if entry.name.count("*") > 1:
            raise self._table.error(entry.line, f"{entry.name} has two wildcards", "use one '*'")
        if statement.verb != "phandle":
            return None
        kind, fields = self._table.heading(entry, "kind"), _fields(self._table, statement)
        return PhandleProperty(entry.name, kind, **fields, source=statement.text)


def _fits(pattern: str, name: str, *, digits: bool = False) -> bool:
    """Whether a name is a pattern with one or more characters for its one ``*``."""
    head, _, tail = pattern.partition("*")
    if len(name) < len(pattern) or not fits((head, tail), name):
        return False
    middle = name[len(head) : len(name) - len(tail)]
    return not digits or (middle.isascii() and middle.isdecimal())


def _fields(table: Table, statement: TableStatement) -> dict[str, Any]:
    """The words of a line with the verb ``phandle`` as fields of PhandleProperty."""
    fields: dict[str, Any] = {}
    for text, inside in statement.words:
        if not fields and not inside and text.startswith("#") and text.endswith("-cells"):
            fields["cells"] = text
        elif not fields and not inside and text == "rest":
            fields["cells"] = REMAINDER
        elif not fields and not inside and text.isdecimal():
            fields["cells"] = table.number(statement.line, text, 0, 15)
        elif text == "map" and not inside:
            fields |= {"shape": "map", "lead": 1, "trail": 1}
        elif text == "digits" and not inside:
            fields["digits"] = True
        elif text == "parallel" and inside:
            fields["parallel"] = inside
        elif text in ("names", "unless") and len(inside) == 1:
            fields[text] = inside[0]
        elif text in _NUMBERS and len(inside) == 1:
            field, least, most = _NUMBERS[text]
            fields[field] = table.number(statement.line, inside[0], least, most)
        else:
            fix = "write phandle [COUNT] [WORD(VALUE) ...]: SOURCE, as the first comment says"
            raise table.error(statement.line, f"'{text}' is not valid here", fix)
    fields.setdefault("cells", 0)
    return fields


@lru_cache(maxsize=1)
def phandle_properties() -> PhandleTable:
    """The table knowledge/phandle-properties.txt of this installation."""
    return PhandleTable(table_path("phandle-properties"))


@lru_cache(maxsize=4096)
def lookup(name: str) -> PhandleProperty | None:
    """The entry for a property name; None if no entry fits, or it holds no phandle.

    The caller has to check `unless`: the `gpios` of a GPIO hog are specifiers of its parent,
    without a phandle.
    """
    return phandle_properties().find(name)


def kind_of(name: str) -> str:
    """The kind of supplier that a property names; "other" if it is not in the table."""
    rule = lookup(name)
    return rule.kind if rule is not None else "other"
