"""TOML files, and the line and column of every key in them.

Values are those of Python's ``tomllib`` (``tomli`` below 3.11), which has no places. When a place
is needed the text is parsed a second time with grammar/toml.lark, only for the places.

A *key path* locates a value: ``("domain", 0, "device", 1, "path")`` is ``path`` of the second
``[[domain.device]]`` of the first ``[[domain]]``. Numbers count the elements of lists.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from xenassign.errors import InputError
from xenassign.reading import MAX_TEXT, read

KeyPath = tuple[str | int, ...]
Places = dict[KeyPath, tuple[int, int]]

_LONG_KEY = r"""(?a)(?<![\w"'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){64}"""


class TomlFile:
    """A file that was read: its name for messages, its text and its values."""

    def __init__(self, file: str, text: str, values: dict[str, Any]) -> None:
        self.file, self.text, self.values = file, text, values
        self._places: Places | None = None

    def place(self, path: KeyPath) -> tuple[int, int] | None:
        """(line, column) of a key path, counted from 1; None if it is not in the text."""
        if self._places is None:
            self._places = places(self.text)
        return self._places.get(path)

    def where(self, path: KeyPath) -> str:
        """``FILE:LINE`` of a key path, or of the nearest one around it that is in the text."""
        for end in range(len(path), 0, -1):
            place = self.place(path[:end])
            if place is not None:
                return f"{self.file}:{place[0]}"
        return self.file


def as_list(value: object) -> list[Any]:
    """A value that may be written without brackets, as a list; an empty list for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def read_toml(path: Path, purpose: str) -> TomlFile:
    """Reads a file. Raises InputError; for an unreadable file its fix is "give ``purpose``"."""
    try:
        text = read(path, MAX_TEXT).decode("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(f"{path}: {reason}; give {purpose}") from None
    return parse_toml(text, str(path))


def _tomllib() -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib


def parse_toml(text: str, file: str) -> TomlFile:
    """Parses a text; ``file`` is its name in messages. Raises InputError with line and column."""
    tomllib = _tomllib()
    text = text.replace("\r\n", "\n")
    if re.search(_LONG_KEY, text):  # tomllib takes time and memory with the square of the parts
        raise InputError(f"{file}: a key has more than 64 parts; fix the TOML")
    try:
        return TomlFile(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        problem, _, at = str(error).partition(" (at ")
        position = re.match(r"line (\d+), column (\d+)", at)
        last = len(text.splitlines())  # for "at end of document"
        location = (
            f"{file}:{position[1]}:{position[2]}" if position else f"{file}:{last}" if at else file
        )
        raise InputError(f"{location}: {problem}; fix the TOML") from None
    except ValueError:  # of int(), for thousands of digits
        raise InputError(f"{file}: a number has too many digits; fix the TOML") from None
    except RecursionError:
        raise InputError(f"{file}: lists are nested too deeply; fix the TOML") from None


def places(text: str) -> Places:
    """(line, column) of every key path of a text that ``tomllib`` accepts.

    A table has the place of its first mention, an element of ``[[…]]`` that of its header.
    """
    from xenassign.grammars import parser

    tree: Any = parser("toml", propagate_positions=True).parse(text)
    by_path: Places = {}
    lengths: dict[KeyPath, int] = {}  # of the lists that [[…]] makes
    inside: KeyPath = ()
    for statement in tree.children:
        if statement.data == "pair":
            _pair(statement, inside, by_path)
            continue
        key = statement.children[0].children
        repeated = statement.data == "element"
        inside = ()
        for token in key[:-1] if repeated else key:
            inside = (*inside, _name(token))
            by_path.setdefault(inside, (token.line, token.column))
            if inside in lengths:
                inside = (*inside, lengths[inside] - 1)
        if repeated:
            inside = (*inside, _name(key[-1]))
            at = (key[-1].line, key[-1].column)
            by_path.setdefault(inside, at)
            lengths[inside] = lengths.get(inside, 0) + 1
            inside = (*inside, lengths[inside] - 1)
            by_path[inside] = at
    return by_path


def _pair(pair: Any, inside: KeyPath, places: Places) -> None:
    key, value = pair.children
    for token in key.children:
        inside = (*inside, _name(token))
        places.setdefault(inside, (token.line, token.column))
    _value(value, inside, places)


def _value(value: Any, inside: KeyPath, places: Places) -> None:
    kind = getattr(value, "data", None)
    if kind == "inline":
        for pair in value.children:
            _pair(pair, inside, places)
    elif kind == "array":
        for index, item in enumerate(value.children):
            element = (*inside, index)
            places[element] = _start(item)
            _value(item, element, places)


def _start(value: Any) -> tuple[int, int]:
    at = getattr(value, "meta", value)
    return at.line, at.column


def _name(token: Any) -> str:
    """A key without its quotes and escapes."""
    return str(_tomllib().loads(f"k = {token}")["k"]) if token[0] in "\"'" else str(token)
