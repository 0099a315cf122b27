"""The reader of knowledge/: tables of facts about hardware, which can be edited without Python.

All tables have one form:

    # a comment, on a line of its own
    heading: value                  holds for the entries below it
    name name ...                   an entry begins with the names it is about,
        verb word word(a b): text   and has one statement about them on each indented line
    name verb word: text            or all of it on one line

A heading after an entry begins a new group: the headings above it no longer hold. A name has one
entry in a table. The headings and verbs, and the meaning of words and text, are defined by the
module of the table; the comment at the top of each file explains them.

Reading a file only locates its names; an entry is parsed when it is needed. A mistake is an
:class:`InputError` that begins with ``FILE:LINE:``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import InputError, reason_of
from xenassign.resources import directory

_WORD = r"([^\s()]+)(?:\(([^()]*)\))?(?!\S)"


class Word(NamedTuple):
    """``text(inside inside)``; ``inside`` is empty without parentheses."""

    text: str
    inside: tuple[str, ...] = ()


class TableStatement(NamedTuple):
    """``verb words: text``, on this line of the file."""

    line: int
    verb: str
    words: tuple[Word, ...]
    text: str


class TableEntry(NamedTuple):
    """The entry of a table for a name, with the headings that hold for it."""

    name: str
    line: int
    headings: Mapping[str, str]
    statements: tuple[TableStatement, ...]
    """At least one, except in a table without verbs."""


class Table:
    """A file. ``headings`` are the keys that it can have.

    ``verbs`` are those of its statements; without any, an entry is only its names. With
    ``plain_names`` a name can be letters only (a property, such as ``clocks``). Otherwise it
    cannot, as no compatible string in use is, so that a misspelt verb is not treated as a name.
    """

    def __init__(
        self,
        path: Path,
        headings: Collection[str],
        verbs: Collection[str] = (),
        *,
        plain_names: bool = False,
    ) -> None:
        self.path = path
        self._keys = frozenset(headings)
        self._verbs = frozenset(verbs)
        self._plain_names = plain_names
        self._lines = self._read()
        self._places: dict[str, tuple[int, int]] = {}
        self._headings: dict[int, Mapping[str, str]] = {}
        self._statements: dict[int, tuple[TableStatement, ...]] = {}
        for name, place in self._names():
            if name in self._places:
                problem = f"{name} has an entry already, in line {self._places[name][0]}"
                raise self.error(place[0], problem, "change that one, or remove it")
            self._places[name] = place

    @property
    def names(self) -> Collection[str]:
        """The names of all entries, in the order of the file."""
        return self._places.keys()

    def entry(self, name: str) -> TableEntry | None:
        """The entry of a name, or None.

        Raises InputError for a mistake in the entry or the headings above it.
        """
        if name not in self._places:
            return None
        line = self._places[name][0]
        if line not in self._statements:
            self._statements[line] = self._statements_at(line)
        return TableEntry(name, line, self.headings(name), self._statements[line])

    def headings(self, name: str) -> Mapping[str, str]:
        """The headings above a name that has an entry."""
        return self._headings_at(self._places[name][1])

    def entries(self) -> Iterator[TableEntry]:
        """All entries, name by name, in the order of the file."""
        return filter(None, map(self.entry, self._places))

    def heading(self, entry: TableEntry, key: str) -> str:
        """The value of a heading that the entry requires."""
        value = entry.headings.get(key)
        if value is None:
            fix = f"write a line '{key}: ...' above it"
            raise self.error(entry.line, f"{entry.name} has no heading '{key}'", fix)
        return value

    def statement(self, entry: TableEntry) -> TableStatement:
        """The only statement of an entry. Raises InputError if it has more."""
        first, *others = entry.statements
        if others:
            problem = f"a second statement about {entry.name}"
            raise self.error(others[0].line, problem, "write one")
        return first

    def number(self, line: int, text: str, least: int, most: int) -> int:
        """A decimal number of a line, from ``least`` to ``most``. Raises InputError."""
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        fix = f"write a number from {least} to {most}"
        raise self.error(line, f"'{text}' is not a valid number here", fix)

    def error(self, line: int, problem: str, fix: str = "") -> InputError:
        """The error for a mistake in a line, to be raised. Default fix: the form of an entry."""
        if not fix:
            fix = f"write NAME VERB ..., with a verb of {', '.join(sorted(self._verbs))}"
            fix = fix if self._verbs else "an entry of this table is only names"
        return InputError(f"{self.path}:{line}: {problem}; {fix}")

    def _read(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = reason_of(error)
            message = f"{self.path}: cannot be read: {reason}; reinstall xenassign"
            raise InputError(message) from None

    def _names(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each name, with its line and that of the last heading above it (0: none)."""
        keys, verbs, heading, inside = self._keys, self._verbs, 0, False
        for number, line in enumerate(self._lines, 1):
            if line[:1] in "# \t":  # a comment, indented, or empty
                if not inside and line.strip()[:1] not in "#":
                    fix = "name one first"
                    raise self.error(number, "an indented line has no entry above it", fix)
                continue
            words = line.split()
            inside = words[0][-1] != ":"
            if not inside:
                heading = number
                if words[0][:-1] not in keys:
                    known = ", ".join(f"'{key}:'" for key in sorted(keys))
                    fix = f"the headings are {known}"
                    raise self.error(number, f"unknown heading '{words[0]}'", fix)
                continue
            if words[0] in verbs:
                raise self.error(number, f"'{line}' has no name before the verb")
            place = (number, heading)
            for word in words:
                if word in verbs or word[-1] == ":":
                    break
                yield word, place

    def _headings_at(self, last: int) -> Mapping[str, str]:
        """The headings of a group, by the line of its last one (0: none)."""
        if last not in self._headings:
            headings: dict[str, str] = {}
            for number in range(last, 0, -1):
                line = self._lines[number - 1]
                key, _, value = line.partition(":")
                if key in headings:
                    fix = "write the entries of the first below it"
                    raise self.error(last, f"'{key}:' has two values", fix)
                if key in self._keys:
                    if not value.strip():
                        raise self.error(number, f"'{key}:' has no value", "write it")
                    headings[key] = value.strip()
                elif line[:1] not in "#":
                    break
            self._headings[last] = headings
        return self._headings[last]

    def _statements_at(self, line: int) -> tuple[TableStatement, ...]:
        """The statements on a line with names, or indented below it."""
        own = self._own(line)
        if not self._verbs:
            return ()
        lines = [(line, own)] if own else []
        for number in range(line + 1, len(self._lines) + 1):
            text = self._lines[number - 1]
            content = text.strip()
            if not content or content[0] == "#":
                continue
            if text[0].isspace():
                lines.append((number, content))
            elif lines or content.split(None, 1)[0][-1] == ":" or self._own(number):
                break
        if not lines:
            name = self._lines[line - 1].split(None, 1)[0]
            raise self.error(line, f"{name} has no statement")
        return tuple(self._statement(number, text) for number, text in lines)

    def _own(self, line: int) -> str:
        """The statement on a line at the margin; "" if the line has only names."""
        text = self._lines[line - 1].rstrip()
        for start, word in enumerate(text.split()):
            if word in self._verbs or word.rstrip(":") in self._verbs:
                return text.split(None, start)[start]
            if "(" in word or ":" in word or (word.isalpha() and not self._plain_names):
                raise self.error(line, f"'{word}' is neither a name nor a verb")
        return ""

    def _statement(self, line: int, text: str) -> TableStatement:
        head, _, sentence = text.partition(": ")
        verb, _, rest = head.partition(" ")
        if verb not in self._verbs:
            raise self.error(line, f"unknown verb '{verb}'")
        if head.endswith(":"):
            raise self.error(line, "no text after the colon", "write it, or remove the colon")
        if "(" not in rest and ")" not in rest:
            words = [Word(word) for word in rest.split()]
        else:
            if re.sub(_WORD, "", rest).strip():
                raise self.error(line, f"'{rest}' is not well-formed", "write word(word word)")
            words = [Word(word, tuple(inside.split())) for word, inside in re.findall(_WORD, rest)]
        return TableStatement(line, verb, tuple(words), sentence.strip())


def fits(pattern: Sequence[str], text: str) -> bool:
    """Whether a text matches a name with wildcards (``*`` is anything): ``name.split("*")``."""
    head, tail = pattern[0], pattern[-1]
    if len(pattern) == 1:
        return text == head
    end = len(text) - len(tail)
    if not text.startswith(head) or not text.endswith(tail) or end < len(head):
        return False
    at = len(head)
    for part in pattern[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


#: So many last characters of a string tell most wildcards apart.
_END = 3


class Wildcards:
    """Finds the entry of a `compatible` string in a table whose names can have wildcards.

    ``headings``: of the wildcards that a string fits, one below the first of them is preferred.
    """

    def __init__(self, table: Table, headings: Sequence[str]) -> None:
        self._table = table
        self._headings = headings
        self._wildcards = [(name.split("*"), name) for name in table.names if "*" in name]
        #: Those that a string of a vendor may fit, and those of them that one with this end may.
        self._vendors: dict[str, list[tuple[list[str], str]]] = {}
        self._near: dict[tuple[str, str], list[tuple[list[str], str]]] = {}

    def entry(self, compatible: str) -> TableEntry | None:
        """The string's own entry, else that of a wildcard: of those alike, the first in the table.

        Raises InputError for a mistake in the entry or the headings above it.
        """
        own = self._table.entry(compatible)
        if own is not None:
            return own
        return self._table.entry(min(self._fitting(compatible), key=self._rank, default=""))

    def _fitting(self, compatible: str) -> Iterator[str]:
        """The wildcards that a string fits, in the order of the table."""
        vendor, end = compatible.partition(",")[0], compatible[-_END:]
        if vendor not in self._vendors:
            self._vendors[vendor] = [
                (pattern, name)
                for pattern, name in self._wildcards
                if "," not in pattern[0] or pattern[0].startswith(f"{vendor},")
            ]
        if (vendor, end) not in self._near:
            self._near[vendor, end] = [
                (pattern, name)
                for pattern, name in self._vendors[vendor]
                if end.endswith(pattern[-1][-_END:])
            ]
        return (name for pattern, name in self._near[vendor, end] if fits(pattern, compatible))

    def _rank(self, name: str) -> int:
        above = self._table.headings(name)
        ranks = (rank for rank, heading in enumerate(self._headings) if heading in above)
        return next(ranks, len(self._headings))


def table_path(name: str) -> Path:
    """The path of the table ``knowledge/NAME.txt`` in this installation."""
    return directory("knowledge") / f"{name}.txt"
