"""Changing the text of an xl configuration in place.

Every function returns edits of the text; the rest of the text keeps every byte. ``apply`` makes the
new text. Values are passed as they are written: numbers, or strings from
``escape.xlcfg_string``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xenassign.formats.xlcfg import ListValue, XlConfig, parse

_WIDTH = 100  # columns; a longer list is written with one item a line


class Edit(NamedTuple):
    """``text`` replaces the characters from ``start`` to ``end``, offsets in the old text."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits. Those at one offset keep their order. ValueError: they overlap."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise ValueError(f"edits overlap at offset {edit.start}")
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def written(name: str, value: str | Sequence[str]) -> str:
    """A statement, without the newline at its end."""
    if isinstance(value, str):
        return f"{name} = {value}"
    line = f"{name} = [{', '.join(value)}]"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name} = [", *(f"    {item}," for item in value), "]"])


def set_value(config: XlConfig, name: str, value: str) -> list[Edit]:
    """Sets the value of a name that the configuration has. Raises IndexError without it."""
    last = config.named(name)[-1]
    if last.append:  # it would be appended to the value before
        return [Edit(last.start, last.end, f"{name} = {value}")]
    return [Edit(last.value.start, last.value.end, value)]


def add_items(config: XlConfig, name: str, items: Sequence[str]) -> list[Edit]:
    """Adds items to a list of the configuration, at the end of the last statement of that name.

    They are on lines of their own if the closing bracket is. Raises TypeError: it is not a list.
    """
    last = config.named(name)[-1].value
    if not isinstance(last, ListValue):
        raise TypeError(f"{name} is not a list")
    if not items:
        return []
    text, bracket = config.text, last.end - 1
    line = text.rfind("\n", 0, bracket) + 1
    if line > last.start and not text[line:bracket].strip(" \t"):
        indent = _indent(text, last) or text[line:bracket] + "    "
        added = "".join(f"{indent}{item},\n" for item in items)
        comma = (
            [Edit(last.items[-1].end, last.items[-1].end, ",")]
            if _comma_is_missing(text, last)
            else []
        )
        return [*comma, Edit(line, line, added)]
    joined = ", ".join(items)
    if last.items:
        return [Edit(last.items[-1].end, last.items[-1].end, f", {joined}")]
    return [Edit(last.start + 1, last.start + 1, joined)]


def _indent(text: str, value: ListValue) -> str | None:
    """The white space before the last item if that begins its line, else None."""
    if not value.items:
        return None
    at = value.items[-1].start
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return None if before.strip(" \t") else before


def _comma_is_missing(text: str, value: ListValue) -> bool:
    if not value.items:
        return False
    rest = text[value.items[-1].end : value.end - 1]
    return "," not in re.sub(r"#[^\n]*", "", rest)


def add_statements(config: XlConfig, statements: Sequence[str], comment: str) -> list[Edit]:
    """Adds statements at the end, below a comment. ConfigError: nothing can follow the text."""
    if not statements:
        return []
    text = config.text
    begin = "" if not text or text.endswith("\n") else "\n"
    if begin:
        parse(text + begin, config.file)  # libxlutil accepts a stray byte only as the last one
    lines = "".join(f"{statement}\n" for statement in statements)
    space = "\n" if text.strip() else ""
    return [Edit(len(text), len(text), f"{begin}{space}# {comment}\n{lines}")]
