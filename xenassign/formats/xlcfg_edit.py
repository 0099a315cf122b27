"""Changing the text of an xl configuration in place.

Every function answers with edits of the text; what no edit names keeps every byte. ``apply`` makes
the new text. Values are given as they are to be written: numbers, or strings through ``quoted``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xenassign.formats.xlcfg import ListValue, XlConfig, parse

_WIDTH = 100  # columns; a longer list is written with one item a line


class Edit(NamedTuple):
    """``text`` instead of what stands from ``start`` to ``end``, offsets in the old text."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits, which must not overlap. Edits at one place keep their order."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise ValueError(f"edits overlap at offset {edit.start}")
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def quoted(value: str) -> str:
    """A string of xl.cfg in double quotes.

    Only escapes that libxlutil really stores are used (xlu__cfgl_dequote loses \\OOO and refuses
    \\xHH); everything else stands for itself, newlines apart.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def written(name: str, value: str | Sequence[str]) -> str:
    """A statement, without the newline at its end."""
    if isinstance(value, str):
        return f"{name} = {value}"
    line = f"{name} = [{', '.join(value)}]"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name} = [", *(f"    {item}," for item in value), "]"])


def set_value(config: XlConfig, name: str, value: str) -> list[Edit]:
    """Has a name, which the configuration sets somewhere, that value."""
    last = config.named(name)[-1]
    if last.append:  # what stands before would be joined to it
        return [Edit(last.start, last.end, f"{name} = {value}")]
    return [Edit(last.value.start, last.value.end, value)]


def add_items(config: XlConfig, name: str, items: Sequence[str]) -> list[Edit]:
    """Adds items to a list that the configuration has, at the end of the last statement about it.

    They stand on lines of their own where the closing bracket does.
    """
    last = config.named(name)[-1].value
    if not isinstance(last, ListValue):
        raise TypeError(f"{name} is no list")
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
    """What stands before the last item, where that is white space from the line's begin on."""
    if not value.items:
        return None
    at = value.items[-1].start
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return None if before.strip(" \t") else before


def _comma_is_missing(text: str, value: ListValue) -> bool:
    if not value.items:
        return False
    behind = text[value.items[-1].end : value.end - 1]
    return "," not in re.sub(r"#[^\n]*", "", behind)


def add_statements(config: XlConfig, statements: Sequence[str], comment: str) -> list[Edit]:
    """Adds statements at the end, below a comment. Raises ConfigError where nothing can follow."""
    if not statements:
        return []
    text = config.text
    begin = "" if not text or text.endswith("\n") else "\n"
    if begin:
        parse(text + begin, config.file)  # of a stray last byte libxlutil says nothing until now
    lines = "".join(f"{statement}\n" for statement in statements)
    space = "\n" if text.strip() else ""
    return [Edit(len(text), len(text), f"{begin}{space}# {comment}\n{lines}")]
