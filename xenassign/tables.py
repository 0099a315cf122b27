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

A mistake in a table is an :class:`InputError` that begins with ``FILE:LINE:``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from xenassign.errors import InputError, reason_of
from xenassign.resources import directory

_WORD = re.compile(r"([^\s()]+)(?:\(([^()]*)\))?(?!\S)")


class Word(NamedTuple):
    """``text(inside inside)``; ``inside`` is empty where there are no parentheses."""

    text: str
    inside: tuple[str, ...] = ()


class Statement(NamedTuple):
    """``verb words: text``, on this line of the file."""

    line: int
    verb: str
    words: tuple[Word, ...]
    text: str


class Entry(NamedTuple):
    """What a table says about some names. ``line``: that of its first name."""

    line: int
    names: tuple[str, ...]
    headings: Mapping[str, str]
    statements: tuple[Statement, ...]


class Table(NamedTuple):
    """A file, read."""

    path: Path
    entries: tuple[Entry, ...]

    def error(self, line: int, problem: str, fix: str) -> InputError:
        """The error for a mistake in a line, to be raised."""
        return InputError(f"{self.path}:{line}: {problem}; {fix}")

    def heading(self, entry: Entry, key: str) -> str:
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


def table_path(name: str) -> Path:
    """Where the table ``knowledge/NAME.txt`` is in this installation."""
    return directory("knowledge") / f"{name}.txt"


def read_table(
    path: Path, headings: Collection[str], verbs: Collection[str] = (), *, plain_names: bool = False
) -> Table:
    """Reads a table.

    ``verbs``: those of its statements; without any, an entry is its names alone. ``plain_names``:
    a name can be letters alone (a property, such as ``clocks``). Otherwise it cannot, as no
    compatible string in use does, so that a misspelt verb is not taken for a name.
    """
    return _Reader(Table(path, ()), frozenset(headings), frozenset(verbs), plain_names).read()


class _Reader:
    """The state of reading one file, line by line."""

    def __init__(
        self, table: Table, headings: frozenset[str], verbs: frozenset[str], plain_names: bool
    ) -> None:
        self.table = table
        self.keys = headings
        self.verbs = verbs
        self.plain_names = plain_names
        self.entries: list[Entry] = []
        self.lines: dict[str, int] = {}
        self.line = 0
        self.headings: dict[str, str] = {}
        self.names: list[str] = []
        self.statements: list[Statement] = []
        self.in_group = False

    def read(self) -> Table:
        for number, text in enumerate(self._text().split("\n"), 1):
            self.line = number
            content = text.strip()
            if not content or content[0] == "#":
                continue
            if text[0].isspace():
                if not self.names:
                    raise self._error("an indented line has no entry above it", "name one first")
                self._say(content)
            elif content.split(None, 1)[0][-1] == ":":
                self._heading(content)
            else:
                self._entry(content)
        self._end()
        return self.table._replace(entries=tuple(self.entries))

    def _text(self) -> str:
        try:
            return self.table.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = reason_of(error)
            message = f"{self.table.path}: cannot be read: {reason}; reinstall xenassign"
            raise InputError(message) from None

    def _error(self, problem: str, fix: str) -> InputError:
        return self.table.error(self.line, problem, fix)

    def _heading(self, content: str) -> None:
        key, _, value = content.partition(":")
        if key not in self.keys:
            known = ", ".join(f"'{key}:'" for key in sorted(self.keys))
            raise self._error(f"unknown heading '{key}:'", f"the headings are {known}")
        self._end()
        if self.in_group:
            self.headings, self.in_group = {}, False
        if key in self.headings:
            raise self._error(f"'{key}:' has two values", "write the entries of the first below it")
        if not value.strip():
            raise self._error(f"'{key}:' has no value", "write it after the colon")
        self.headings[key] = value.strip()

    def _entry(self, content: str) -> None:
        """A line at the margin: names, and perhaps a statement about them."""
        head, colon, _ = content.partition(": ")
        names = head.split()
        start = next((n for n, word in enumerate(names) if word in self.verbs), len(names))
        one_line = start < len(names)
        if colon and not one_line:
            raise self._error(f"'{content}' has no verb", self._verbs())
        if self.statements or one_line:
            self._end()
        if not start:
            raise self._error(f"'{content}' has no name before the verb", "write one")
        self._name(names[:start])
        if one_line:
            self._say(content.split(None, start)[start])

    def _name(self, names: list[str]) -> None:
        for name in names:
            if name in self.lines:
                problem = f"{name} has an entry already, in line {self.lines[name]}"
                raise self._error(problem, "change that one, or remove it")
            if "(" in name or (name.isalpha() and not self.plain_names):
                raise self._error(f"'{name}' is neither a name nor a verb", self._verbs())
            self.lines[name] = self.line
        self.names += names
        self.in_group = True

    def _say(self, content: str) -> None:
        """One statement about the names at hand."""
        head, _, text = content.partition(": ")
        verb, _, rest = head.partition(" ")
        verb, bare = (verb[:-1], True) if verb.endswith(":") else (verb, False)
        if bare or verb not in self.verbs:
            problem = f"'{verb}:' has no text" if bare else f"unknown verb '{verb}'"
            raise self._error(problem, self._verbs())
        if "(" not in rest and ")" not in rest:
            words = tuple([Word(word) for word in rest.split()])
        else:
            words = tuple(
                [Word(word, tuple(inside.split())) for word, inside in _WORD.findall(rest)]
            )
            if re.search(r"\S", _WORD.sub("", rest)):
                raise self._error(f"'{rest}' is not well-formed", "write word(word word)")
        self.statements.append(Statement(self.line, verb, words, text.strip()))

    def _verbs(self) -> str:
        if not self.verbs:
            return "an entry of this table is names alone"
        return f"write NAME VERB ..., with a verb of {', '.join(sorted(self.verbs))}"

    def _end(self) -> None:
        """The entry at hand is whole."""
        if not self.names:
            return
        first = self.lines[self.names[0]]
        if self.verbs and not self.statements:
            raise self.table.error(first, f"nothing is said about {self.names[0]}", self._verbs())
        entry = Entry(first, tuple(self.names), self.headings, tuple(self.statements))
        self.entries.append(entry)
        self.names, self.statements = [], []
