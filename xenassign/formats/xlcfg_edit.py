"""Changing the text of an xl configuration in place.

Every function returns edits of the text; the rest of the text keeps every byte. ``apply`` makes the
new text. Values are passed as they are written: numbers, or strings from
``escape.xlcfg_string``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.formats.xlcfg import Atom, ListValue, XlAssignment, XlConfig
from xenassign.formats.xlcfg_parser import parse

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


def comment_out(config: XlConfig, statement: XlAssignment, why: str) -> list[Edit]:
    """Makes a comment of a statement, below another comment that says why.

    If it shares a line with another statement it is taken out, and the comment is above that line.
    """
    text, start, end = config.text, statement.start, statement.end
    line, line_end = text.rfind("\n", 0, start) + 1, _line_end(text, end)
    indent = text[line:start]
    if indent.strip(" \t") or not re.fullmatch(r"[ \t]*;?[ \t]*(#.*)?", text[end:line_end]):
        commented = "".join(f"# {part}\n" for part in text[start:end].split("\n"))
        return [Edit(line, line, f"# {why}\n{commented}"), Edit(start, end, "")]
    starts = (start + match.end() for match in re.finditer("\n", text[start:end]))
    inside = [Edit(at, at, "# ") for at in starts]
    last = [Edit(line_end, line_end, "\n")] if line_end == len(text) else []
    return [Edit(line, line, f"{indent}# {why}\n"), Edit(start, start, "# "), *inside, *last]


def replace_items(
    config: XlConfig, name: str, items: Mapping[Atom, str | None], why: str
) -> list[Edit]:
    """Writes other texts for items of a list of the configuration; None: takes the item out.

    An item alone on its line becomes a comment. ``why``: a comment above each statement of which an
    item is taken out. Items are those of ``config.texts``.
    """
    text, edits = config.text, list[Edit]()
    for statement in config.named(name):
        value = statement.value
        if not isinstance(value, ListValue):
            continue
        own = [item for item in value.items if isinstance(item, Atom) and item in items]
        for item in own:
            new = items[item]
            before = value.items[-2] if item is value.items[-1] and value.items[1:] else None
            last = isinstance(before, Atom) and items.get(before, "") is not None
            edits += _taken_out(text, item, last) if new is None else [Edit(*item[-2:], new)]
        if None in {items[item] for item in own}:
            line = text.rfind("\n", 0, statement.start) + 1
            indent = text[line : _after_blanks(text, line)]
            edits.append(Edit(line, line, f"{indent}# {why}\n"))
    return edits


def _taken_out(text: str, item: Atom, last: bool) -> Iterator[Edit]:
    """The edits that take an item and a comma out of a list.

    ``last``: the comma before it, if there is none after it.
    """
    line = text.rfind("\n", 0, item.start) + 1
    rest = text[item.end : _line_end(text, item.end)]
    comma = _COMMA.match(text, item.end)
    same_line = comma is not None and comma.end() <= item.end + len(rest)
    alone = re.fullmatch(r"[ \t]*,?[ \t]*(#.*)?", rest) is not None
    if alone and not text[line : item.start].strip(" \t"):
        yield Edit(item.start, item.start, "# ")
    elif comma is None and last:
        before = text[: item.start].rstrip(" \t")
        yield Edit(len(before.removesuffix(",").rstrip(" \t")), item.end, "")
    else:
        end = comma.end() if comma is not None and same_line else item.end
        yield Edit(item.start, _after_blanks(text, end) if end > item.end else end, "")
    if comma is not None and not same_line:
        yield Edit(comma.end() - 1, comma.end(), "")


_COMMA = re.compile(r"(?:[ \t\n]|#[^\n]*\n)*,")


_BLANKS = re.compile(r"[ \t]*")


def _after_blanks(text: str, at: int) -> int:
    """Where the white space ends that begins at an offset."""
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks is not None else at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


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
