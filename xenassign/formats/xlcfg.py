"""An xl domain configuration: its statements and comments, with places.

:mod:`xenassign.formats.xlcfg_parser` reads one. A configuration is bytes. ``decode`` makes a text
of them and ``encode`` the same bytes again: bytes that are not UTF-8 are lone surrogates. Offsets
and columns count the characters of that text.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import NamedTuple

from xenassign.devicetree.places import Place
from xenassign.errors import InputError

_LONG = range(-(1 << 63), 1 << 63)


class Atom(NamedTuple):
    """A string or a number; ``text`` is its value.

    ``line`` and ``column`` count from 1, ``start`` and ``end`` are offsets in the text.
    """

    text: str
    quoted: bool
    line: int
    column: int
    start: int
    end: int


class ListValue(NamedTuple):
    """A list of values, from bracket to bracket. After ``+=`` the brackets are the last ones."""

    items: tuple[Value, ...]
    line: int
    column: int
    start: int
    end: int


Value = Atom | ListValue


class XlAssignment(NamedTuple):
    """A statement without its terminator. ``append``: ``+=`` instead of ``=``."""

    name: str
    value: Value
    append: bool
    line: int
    column: int
    start: int
    end: int


class XlComment(NamedTuple):
    """A comment from its ``#`` to the end of the line; ``text`` is without the ``#``."""

    text: str
    line: int
    column: int
    start: int
    end: int


class ConfigError(InputError):
    """A text that libxlutil refuses. ``problem`` is the message without FILE:LINE:COLUMN."""

    def __init__(self, file: str, line: int, column: int, problem: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {problem}")
        self.line, self.column, self.problem = line, column, problem


class XlConfig(NamedTuple):
    """A domain configuration: its statements and comments in order, and its text."""

    file: str
    statements: tuple[XlAssignment, ...]
    comments: tuple[XlComment, ...] = ()
    text: str = ""

    def named(self, name: str) -> tuple[XlAssignment, ...]:
        """The statements that set a name."""
        return tuple(statement for statement in self.statements if statement.name == name)

    def get(self, name: str) -> Value | None:
        """The effective value: that of the last statement; ``+=`` appends to the value before,
        which is of the same type (``_mixed``)."""
        joined: list[Value] = []
        for statement in self.named(name):
            if not statement.append:
                joined = []
            joined.append(statement.value)
        last = joined[-1] if joined else None
        if isinstance(last, ListValue):
            lists = (value for value in joined if isinstance(value, ListValue))
            return last._replace(items=tuple(item for value in lists for item in value.items))
        if isinstance(last, Atom):
            atoms = (value for value in joined if isinstance(value, Atom))
            return last._replace(text="".join(atom.text for atom in atoms))
        return None

    def texts(self, name: str) -> tuple[Atom, ...]:
        """The atoms of a list; empty if the name is absent or not a list."""
        value = self.get(name)
        if not isinstance(value, ListValue):
            return ()
        return tuple(item for item in value.items if isinstance(item, Atom))

    def place(self, item: Atom | ListValue | XlAssignment | XlComment) -> Place:
        """The place of a part of this configuration."""
        written = self.text[item.start : item.end]
        below = written.count("\n")
        last = len(written) - written.rfind("\n") - 1
        end = last + 1 if below else item.column + last
        return Place(self.file, item.line, item.column, item.line + below, end)

    def integer(self, name: str) -> int | None:
        """The value as xlu_cfg_get_long returns it, or None if xl uses its default.

        As strtol with base 0, except ``0b1``, which only a C library of 2023 or later accepts.
        """
        value, last = self.get(name), self.named(name)[-1:]
        if not isinstance(value, Atom) or last[0].append:
            return None
        return strtol(value.text)


def strtol(text: str) -> int | None:
    """A text as C's strtol reads it, with base 0 and a long of 64 bits; None: an error."""
    match = re.fullmatch(_NUMBER, text)
    if match is None:
        return None
    sign, digits = match.groups()
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    number = int(sign + digits, base)
    return number if number in _LONG else None


_NUMBER = r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]{0,18})"


def tree_beside(config: str, name: str) -> str | None:
    """The file that a configuration's device_tree names, or the blob or source of that name.

    It is looked for beside the configuration, since device_tree is the path in dom0.
    """
    folder, blob = os.path.dirname(config), PurePath(name).name
    for path in (name, blob, f"{PurePath(blob).stem}.dts"):
        if os.path.isfile(os.path.join(folder, path)):
            return os.path.join(folder, path)
    return None


def decode(data: bytes) -> str:
    """The bytes of a configuration as text."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The inverse of ``decode``."""
    return text.encode("utf-8", "surrogateescape")
