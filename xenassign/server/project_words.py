"""Where a place of a xenassign.toml is in its tables, and what its keys mean."""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.formats.toml_text import KeyPath, TomlFile, places
from xenassign.request.keys.section import Key, Section
from xenassign.request.keys.whole_file import TOP

_HEADER = re.compile(r"^[ \t]*\[\[?[ \t]*([\w.-]+)[ \t]*\]?\]?", re.MULTILINE)
_KEY = re.compile(r"[ \t]*([\w-]*)[ \t]*(=?)(.*)", re.DOTALL)


class Cursor(NamedTuple):
    """The table that a line is in, and what stands before the cursor: a key, and its value.

    ``value``: None before the ``=``. ``text``: what is in quotes so far, None outside of them.
    """

    section: Section
    key: str
    value: str | None
    text: str | None


def cursor_at(text: str, offset: int) -> Cursor | None:
    """Where an offset is, also in a text that is not TOML yet; None in an unknown table."""
    line = text.rfind("\n", 0, offset) + 1
    headers = [match for match in _HEADER.finditer(text, 0, line) if match.start() < line]
    section = section_of(tuple(headers[-1][1].split("."))) if headers else TOP
    match = _KEY.match(text[line:offset])
    if section is None or match is None:
        return None
    if not match[2]:
        start = _open_list(text, line)
        if start is None:
            return Cursor(section, match[1], None, None)
        match = _KEY.match(text[start:offset])
        if match is None:
            return None
    quotes = re.findall(r'"[^"\n]*"?', match[3])
    open_text = quotes[-1][1:] if quotes and match[3].count('"') % 2 else None
    return Cursor(section, match[1], match[3], open_text)


def _open_list(text: str, line: int) -> int | None:
    """The line of the key whose list is not closed before a line."""
    lines = text[:line].split("\n")
    for number in range(len(lines) - 1, max(len(lines) - 40, -1), -1):
        if re.match(r"[ \t]*[\w-]+[ \t]*=[ \t]*\[", lines[number]):
            start = sum(len(above) + 1 for above in lines[:number])
            written = text[start:line]
            return start if written.count("[") > written.count("]") else None
    return None


def section_of(path: KeyPath) -> Section | None:
    """The section of a key path."""
    section = TOP
    for name in path:
        if isinstance(name, int):
            continue
        key = section.get(name)
        if key is None or not isinstance(key.kind, Section):
            return None
        section = key.kind
    return section


def key_at(toml: TomlFile, line: int, column: int) -> tuple[Key, int, int] | None:
    """The key that is written at a line and column, with its columns."""
    for path, (at_line, at_column) in places(toml.text).items():
        name = path[-1]
        if at_line != line or not isinstance(name, str):
            continue
        if at_column <= column < at_column + len(name):
            section = section_of(path[:-1])
            key = section.get(name) if section is not None else None
            if key is not None:
                return key, at_column, at_column + len(name)
    return None
