r"""Reading an xl domain configuration as libxlutil does, with line and column.

The grammar is grammar/xlcfg.lark. Escapes in strings are those of xlu__cfgl_dequote: the quotes
and the backslash, \a \b \f \n \r \t \v. Its numeric escapes (\xHH, \OOO) are consumed but
store nothing, in every release up to 4.22: a string with one loses the character.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from xenassign.errors import InputError
from xenassign.resources import directory


class Atom(NamedTuple):
    """A string or a number; ``text`` is its value. ``line`` and ``column`` count from 1."""

    text: str
    quoted: bool
    line: int
    column: int


class ListValue(NamedTuple):
    """A list of values."""

    items: tuple[Value, ...]
    line: int
    column: int


Value = Atom | ListValue


class Assignment(NamedTuple):
    """One statement. ``append``: ``+=`` instead of ``=``."""

    name: str
    value: Value
    append: bool
    line: int
    column: int


class Config(NamedTuple):
    """A domain configuration: its statements in order."""

    file: str
    statements: tuple[Assignment, ...]

    def get(self, name: str) -> Value | None:
        """The value that counts: of several the last, with ``+=`` appended to lists and strings."""
        value: Value | None = None
        for statement in self.statements:
            if statement.name != name:
                continue
            new = statement.value
            if statement.append and isinstance(value, ListValue) and isinstance(new, ListValue):
                new = ListValue((*value.items, *new.items), value.line, value.column)
            elif statement.append and isinstance(value, Atom) and isinstance(new, Atom):
                new = Atom(value.text + new.text, True, value.line, value.column)
            value = new
        return value

    def texts(self, name: str) -> tuple[Atom, ...]:
        """The atoms of a list, none when it is absent or no list."""
        value = self.get(name)
        if not isinstance(value, ListValue):
            return ()
        return tuple(item for item in value.items if isinstance(item, Atom))


@cache
def _parser() -> Any:
    from lark import Lark

    text = (directory("grammar") / "xlcfg.lark").read_text(encoding="utf-8")
    return Lark(
        text, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False
    )


def parse(text: str, file: str = "<memory>") -> Config:
    """Parses a configuration. Raises InputError with FILE:LINE:COLUMN."""
    from lark import Token, Tree
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedCharacters as error:
        char = text[error.pos_in_stream or 0]
        raise InputError(
            f"{file}:{error.line}:{error.column}: lexical error at {char!r};"
            " xl.cfg has name = value, strings in quotes, lists in [ ], and no Python"
        ) from None
    except UnexpectedInput as error:
        line, column = max(error.line, 1), max(error.column, 1)
        token = getattr(error, "token", None)
        at = repr(str(token)) if token is not None and str(token) else "the end"
        raise InputError(
            f"{file}:{line}:{column}: syntax error at {at}; statements are name = value and end"
            " with the line or ;"
        ) from None

    def value(node: Any) -> Value:
        if isinstance(node, Tree) and node.data == "list":
            items = tuple(value(child) for child in node.children)
            meta = node.meta
            return ListValue(items, getattr(meta, "line", 1), getattr(meta, "column", 1))
        token = node.children[0]
        quoted = token.type == "STRING"
        raw = _dequote(str(token), file, token) if quoted else str(token)
        return Atom(raw, quoted, token.line, token.column)

    statements = []
    for node in tree.children:
        name = node.children[0]
        assert isinstance(name, Token)
        made = Assignment(
            str(name),
            value(node.children[1]),
            node.data == "append",
            name.line or 1,
            name.column or 1,
        )
        statements.append(made)
    return Config(file, tuple(statements))


_ESCAPES = {
    '"': '"',
    "'": "'",
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


def _dequote(raw: str, file: str, token: Any) -> str:
    """The value of a quoted string, as xlu__cfgl_dequote makes it."""
    out: list[str] = []
    at, end = 1, len(raw) - 1
    while at < end:
        char = raw[at]
        at += 1
        if char != "\\":
            out.append(char)
            continue
        code = raw[at]
        at += 1
        if code in _ESCAPES:
            out.append(_ESCAPES[code])
        elif code == "x" and _digits(raw, at + 1, 2, "0123456789abcdefABCDEF") == 2:
            at += 3  # skips one character, then two digits, and stores nothing
        elif code in "01234567" and (count := _digits(raw, at, 3, "0123456789")) > 1:
            at += count
        else:
            raise InputError(
                f"{file}:{token.line}:{token.column}: lexical error: invalid escape \\{code} in a"
                " string; write \\\\ for a backslash"
            )
    return "".join(out)


def _digits(raw: str, at: int, most: int, allowed: str) -> int:
    count = 0
    while count < most and at + count < len(raw) - 1 and raw[at + count] in allowed:
        count += 1
    return count
