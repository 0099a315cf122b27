"""The reader of knowledge/: tables of facts about hardware, as text that needs no Python.

All tables have one form:

    # a comment, on a line of its own
    heading: value                  holds for the entries below it
    name name ...                   an entry begins with the names it is about,
        verb word word(a b): text   and says something about them on each indented line
    name verb word: text            or all of it on one line

A heading after an entry begins a new group: no heading above it holds any longer. A name has one
entry in a table. Which headings and verbs there are, and what the words and the text mean, is the
matter of the module that asks for the table; the comment at the top of each file explains it.

Reading a file only finds its entries; what one says is parsed when it is asked for. A mistake is an
:class:`InputError` that begins with ``FILE:LINE:``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import InputError, reason_of
from xenassign.resources import directory

_WORD = r"([^\s()]+)(?:\(([^()]*)\))?(?!\S)"


class Word(NamedTuple):
    """``text(inside inside)``; ``inside`` is empty where there are no parentheses."""

    text: str
    inside: tuple[str, ...] = ()


class TableStatement(NamedTuple):
    """``verb words: text``, on this line of the file."""

    line: int
    verb: str
    words: tuple[Word, ...]
    text: str


class TableEntry(NamedTuple):
    """What a table says about some names, not parsed. ``line``: that of the first of them."""

    line: int
    names: tuple[str, ...]
    headings: Mapping[str, str]
    own: str
    """The statement on the line of the names; "" where there is none."""
    last: int
    """The last line with names. Those below it that are indented have statements."""


class Table:
    """A file: its entries, and what they say. ``entries``: by name, in the order of the file."""

    __slots__ = ("_lines", "_verbs", "entries", "path")

    def __init__(
        self, path: Path, lines: list[str], verbs: frozenset[str], entries: dict[str, TableEntry]
    ) -> None:
        self.path = path
        self.entries = entries
        self._lines = lines
        self._verbs = verbs

    def error(self, line: int, problem: str, fix: str) -> InputError:
        """The error for a mistake in a line, to be raised."""
        return InputError(f"{self.path}:{line}: {problem}; {fix}")

    def heading(self, entry: TableEntry, key: str) -> str:
        """The value of a heading that the entry requires."""
        value = entry.headings.get(key)
        if value is None:
            fix = f"write a line '{key}: ...' above it"
            raise self.error(entry.line, f"{entry.names[0]} has no heading '{key}'", fix)
        return value

    def number(self, line: int, text: str, least: int, most: int) -> int:
        """A decimal number of a line, from ``least`` to ``most``."""
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        fix = f"write a number from {least} to {most}"
        raise self.error(line, f"'{text}' is not a valid number here", fix)

    def statements(self, entry: TableEntry) -> tuple[TableStatement, ...]:
        """What an entry says, at least one statement."""
        lines = [(entry.last, entry.own)] if entry.own else []
        for number, text in enumerate(self._lines[entry.last :], entry.last + 1):
            content = text.strip()
            if not content or content[0] == "#":
                continue
            if not text[0].isspace():
                break
            lines.append((number, content))
        if not lines:
            problem = f"nothing is said about {entry.names[0]}"
            raise self.error(entry.line, problem, _syntax(self._verbs))
        return tuple(self._statement(number, text) for number, text in lines)

    def statement(self, entry: TableEntry) -> TableStatement:
        """What an entry says where it is one statement."""
        first, *others = self.statements(entry)
        if others:
            problem = f"a second statement about {entry.names[0]}"
            raise self.error(others[0].line, problem, "write one")
        return first

    def _statement(self, line: int, text: str) -> TableStatement:
        head, _, sentence = text.partition(": ")
        verb, _, rest = head.partition(" ")
        if verb not in self._verbs:
            raise self.error(line, f"unknown verb '{verb}'", _syntax(self._verbs))
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
    """Whether a text is a name with wildcards (``*`` is anything), given as ``name.split("*")``."""
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


def table_path(name: str) -> Path:
    """Where the table ``knowledge/NAME.txt`` is in this installation."""
    return directory("knowledge") / f"{name}.txt"


def read_table(
    path: Path, headings: Collection[str], verbs: Collection[str] = (), *, plain_names: bool = False
) -> Table:
    """Finds the entries of a table.

    ``verbs``: those of its statements; without any, an entry is its names alone. ``plain_names``:
    a name can be letters alone (a property, such as ``clocks``). Otherwise it cannot, as no
    compatible string in use does, so that a misspelt verb is not taken for a name.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error)
        raise InputError(f"{path}: cannot be read: {reason}; reinstall xenassign") from None
    table = Table(path, lines, frozenset(verbs), {})
    _TableReader(table, frozenset(headings), frozenset(verbs), plain_names).read(lines)
    return table


def _syntax(verbs: Collection[str]) -> str:
    if not verbs:
        return "an entry of this table is names alone"
    return f"write NAME VERB ..., with a verb of {', '.join(sorted(verbs))}"


class _TableReader:
    """The state of going through the lines of a table."""

    def __init__(
        self, table: Table, headings: frozenset[str], verbs: frozenset[str], plain_names: bool
    ) -> None:
        self.table = table
        self.keys = headings
        self.verbs = verbs
        self.ends = verbs | {f"{verb}:" for verb in verbs}
        self.plain_names = plain_names
        self.headings: dict[str, str] = {}
        self.grouped = False  # whether the headings have an entry
        self.names: list[str] = []  # of an entry of which nothing else is read yet
        self.first = 0  # the line with the first of them

    def read(self, lines: list[str]) -> None:
        inside = False  # whether an indented line belongs to an entry
        for number, line in enumerate(lines, 1):
            if not line or line[0] == "#":
                continue
            if line[0] in " \t":
                content = line.strip()
                if not content or content[0] == "#":
                    continue
                if not inside:
                    problem = "an indented line has no entry above it"
                    raise self._error(number, problem, "name one first")
                if self.names:
                    self._end(number - 1)
                continue
            words = line.split()
            inside = words[0][-1] != ":"
            if inside:
                self._entry(number, line, words)
            else:
                self._names_alone()
                self._heading(number, line)
        self._names_alone()

    def _error(self, number: int, problem: str, fix: str = "") -> InputError:
        return self.table.error(number, problem, fix or _syntax(self.verbs))

    def _heading(self, number: int, line: str) -> None:
        key, _, value = line.partition(":")
        if key not in self.keys:
            known = ", ".join(f"'{key}:'" for key in sorted(self.keys))
            raise self._error(number, f"unknown heading '{key}:'", f"the headings are {known}")
        if self.grouped:
            self.headings, self.grouped = {}, False
        if key in self.headings:
            fix = "write the entries of the first below it"
            raise self._error(number, f"'{key}:' has two values", fix)
        if not value.strip():
            raise self._error(number, f"'{key}:' has no value", "write it after the colon")
        self.headings[key] = value.strip()

    def _entry(self, number: int, line: str, words: list[str]) -> None:
        """A line at the margin that begins with names, and perhaps has a statement about them."""
        start = 0
        if not self.ends.isdisjoint(words):
            while words[start] not in self.ends:
                start += 1
            own = line.split(None, start)[start].rstrip()
            if not start:
                raise self._error(number, f"'{line}' has no name before the verb")
            self._names_alone()
            words = words[:start]
        for name in words:
            if ("(" in name or ":" in name) or (name.isalpha() and not self.plain_names):
                raise self._error(number, f"'{name}' is neither a name nor a verb")
        self.names += words
        self.first = self.first or number
        if start:
            self._end(number, own)

    def _names_alone(self) -> None:
        """The names at hand, if there are any, have nothing below them."""
        if self.names and self.verbs:
            raise self._error(self.first, f"nothing is said about {self.names[0]}")
        if self.names:
            self._end(self.first)

    def _end(self, last: int, own: str = "") -> None:
        """The entry at hand has all its names, up to this line."""
        entries, names = self.table.entries, tuple(self.names)
        if not entries.keys().isdisjoint(names):
            name = next(name for name in names if name in entries)
            raise self._repeated(name, entries[name].line)
        count = len(entries) + len(names)
        entries.update(
            dict.fromkeys(names, TableEntry(self.first, names, self.headings, own, last))
        )
        if len(entries) < count:
            raise self._repeated(next(name for name in names if names.count(name) > 1), self.first)
        self.grouped = True
        self.names, self.first = [], 0

    def _repeated(self, name: str, line: int) -> InputError:
        problem = f"{name} has an entry already, in line {line}"
        return self._error(self.first, problem, "change that one, or remove it")
