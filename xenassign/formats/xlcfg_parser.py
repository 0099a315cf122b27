r"""Reading an xl domain configuration exactly as libxlutil does, with places.

The grammar is grammar/xlcfg.lark; tests/libxlutil compares the results with the real libxlutil.
Less obvious rules (libxlu_cfg_l.l, libxlu_cfg_y.y and libxlu_cfg.c, the same from Xen 4.17 to
4.22):

* Escapes are \" \' \\ \a \b \f \n \r \t \v, and octal digits: of the three characters after the
  first digit strtoul must read two or more, in base 10; nothing is stored. \x is always refused.
* A file may end without a newline, but not in a comment. One stray last byte is ignored.
* ``+=`` of a list to a string, or the reverse, is an error; after ``+=`` a value is not a number.
* The parser's stack is limited to 10000 symbols, which only deeply nested lists exceed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from xenassign.errors import InputError, reason_of
from xenassign.formats.xlcfg import (
    Atom,
    ConfigError,
    ListValue,
    Value,
    XlAssignment,
    XlComment,
    XlConfig,
    decode,
)
from xenassign.reading import MAX_TEXT, read

_STACK = 10000  # YYMAXDEPTH of bison


def read_file(path: str, reader: Callable[[str, str], XlConfig] | None = None) -> XlConfig:
    """Parses a file, with ``parse`` or another reader of text and name. Raises InputError."""
    try:
        data = read(path, MAX_TEXT)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = reason_of(error)
        raise InputError(f"{path}: {reason}; give an xl configuration") from None
    return (reader or parse)(decode(data), path)


@cache
def _parser() -> Any:
    from xenassign.grammars import parser

    return parser("xlcfg", lexer="basic", propagate_positions=True, maybe_placeholders=False)


def parse(text: str, file: str = "<memory>") -> XlConfig:
    """Parses a configuration. Raises ConfigError where libxlutil refuses it."""
    plain = _plain(text)
    statements = _parsed(text, file) if plain is None else plain
    return XlConfig(file, statements, tuple(_comments(text)), text)


def _parsed(text: str, file: str) -> tuple[XlAssignment, ...]:
    """The statements of any text, by the grammar. Raises ConfigError."""
    parsing = _parser().parse_interactive(text)
    problem = _run(parsing, text)
    trees = _complete(parsing.parser_state.value_stack)
    statements = tuple(_assignment(tree) for tree in trees)
    problem = _mixed(statements, text) or problem
    if problem is not None:
        raise ConfigError(file, *problem)
    return statements


# ---------------------------------------------------------------------------- plain statements

_ATOM = r"""([0-9][0-9a-fx]*|"[^"\\\n\0]*"|'[^'\\\n\0]*')"""
_GAP = r"(?:[ \t\n]|#[^\n]*\n)*"
_END = r"[ \t]*(?:#[^\n]*)?\n"
_NAME_IS = re.compile(_GAP + r"([a-z][._0-9a-z]*)[ \t]*=[ \t]*")
_SCALAR = re.compile(_ATOM + _END)
_OPEN = re.compile(r"\[" + _GAP)
_ITEM = re.compile(_ATOM + _GAP + r"(?:," + _GAP + r"|(?=\]))")
_CLOSE = re.compile(r"\]" + _END)
_REST = re.compile(_GAP + r"\Z")


def _plain(text: str) -> tuple[XlAssignment, ...] | None:
    """The statements of a text as generate writes it; None for any other text, with errors or not.

    Plain are NAME = VALUE, one a line, with numbers, strings without a backslash, and lists of
    them. This saves the time in which the parser is loaded, and its result is the same.
    """
    lines = [0, *(end.end() for end in re.finditer("\n", text))]
    statements = []
    at = 0
    while not _REST.match(text, at):
        named = _NAME_IS.match(text, at)
        value = _plain_value(text, named.end(), lines) if named else None
        if named is None or value is None:
            return None
        place = _placed(named.start(1), value.end, lines)
        statements.append(XlAssignment(named[1], value, False, *place))
        at = value.end
    return tuple(statements)


def _plain_value(text: str, at: int, lines: list[int]) -> Value | None:
    """A value with the end of its line."""
    scalar = _SCALAR.match(text, at)
    if scalar is not None:
        return _plain_atom(scalar, lines)
    opened = _OPEN.match(text, at)
    if opened is None:
        return None
    items = []
    end = opened.end()
    while item := _ITEM.match(text, end):
        items.append(_plain_atom(item, lines))
        end = item.end()
    closed = _CLOSE.match(text, end)
    return ListValue(tuple(items), *_placed(at, end + 1, lines)) if closed else None


def _plain_atom(match: re.Match[str], lines: list[int]) -> Atom:
    quoted = match[1][0] in "\"'"
    content = match[1][1:-1] if quoted else match[1]
    return Atom(content, quoted, *_placed(*match.span(1), lines))


def _placed(start: int, end: int, lines: list[int]) -> tuple[int, int, int, int]:
    """(line, column, start, end). ``lines``: the offsets at which the lines begin."""
    line = bisect_right(lines, start)
    return line, start - lines[line - 1] + 1, start, end


# ---------------------------------------------------------------------------- statements

_ASSIGNMENTS = ("assign", "append")


def _complete(stack: list[Any]) -> Iterator[Any]:
    """The trees of the statements on the parser's stack: all, or those before a problem."""
    for tree in stack:
        kind = getattr(tree, "data", "")
        if kind in _ASSIGNMENTS:
            yield tree
        elif kind in ("start", "_statements", "_statement"):
            yield from tree.children


def _assignment(tree: Any) -> XlAssignment:
    name, root = tree.children
    nodes = []
    stack = [root]
    while stack:  # no recursion: lists nest deep
        node = stack.pop()
        nodes.append(node)
        stack += node.children if node.data == "list" else ()
    values: list[Value] = []
    for node in reversed(nodes):  # a list comes after its members, which are the last ones made
        meta = node.meta
        place = (meta.line, meta.column, meta.start_pos, meta.end_pos)
        if node.data == "list":
            first = len(values) - len(node.children)
            values[first:] = [ListValue(tuple(values[first:]), *place)]
        else:
            (token,) = node.children
            quoted = token.type == "STRING"
            text = _dequoted(token[1:-1]) if quoted else str(token)
            values.append(Atom(text, quoted, *place))
    (value,) = values
    place = (name.line, name.column, name.start_pos, tree.meta.end_pos)
    return XlAssignment(str(name), value, tree.data == "append", *place)


# A digit and those of the next three characters that strtoul reads; or an escaped character.
_ESCAPE = (
    r"\\(?:[0-7](?:[0-9 \t\v\f\r+-][0-9]{1,2}|[ \t\v\f\r][ \t\v\f\r+-][0-9])|([\"'\\abfnrtv]))"
)
_ESCAPES = re.compile(_ESCAPE)
_STORED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


def _dequoted(inside: str) -> str:
    """The value of a string, given without its quotes, as xlu__cfgl_dequote computes it."""
    return _ESCAPES.sub(lambda escape: _STORED.get(escape[1], escape[1] or ""), inside)


_LEXED = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\#([^\n]*)\n|\n""")


def _comments(text: str) -> Iterator[XlComment]:
    """The comments of a text that was parsed."""
    line, begin = 1, 0
    for match in _LEXED.finditer(text):
        if match[1] is not None:
            at = match.start()
            yield XlComment(match[1], line, at - begin + 1, at, match.end() - 1)
        if match[0].endswith("\n"):
            line, begin = line + 1, match.end()


# ---------------------------------------------------------------------------- errors

_Problem = tuple[int, int, str]  # line, column, message

_STATEMENTS = "statements are name = value and end with the line or ;"
_PLAIN = "xl.cfg has name = value, strings in quotes, lists in [ ], and no Python"
_STRINGS = {quote: re.compile(rf"{quote}(?:[^{quote}\\\n]|\\.)*{quote}") for quote in "'\""}
_WRONG = re.compile(_ESCAPE + r"|(\0|\\.)")


def _run(parsing: Any, text: str) -> _Problem | None:
    """Parses to the end, or to the first problem."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput

    last = None
    try:
        for token in parsing.iter_parse():
            if last is not None and len(parsing.parser_state.state_stack) >= _STACK:
                return last.line, last.column, "lists are nested too deep; no key of xl nests lists"
            last = token
        parsing.feed_eof(last)
    except UnexpectedCharacters as error:
        return _lexical(text, error.pos_in_stream or 0, error.line, error.column)
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        if token is None or token.type == "$END":
            assert last is not None
            column = last.column if last.type == "_NEWLINE" else last.end_column
            return last.line, column or 1, f"syntax error at the end; {_STATEMENTS}"
        at = "the end of the line" if token.type == "_NEWLINE" else repr(str(token))
        return token.line, token.column, f"syntax error at {at}; {_STATEMENTS}"
    return None


def _lexical(text: str, at: int, line: int, column: int) -> _Problem:
    """The problem at a character that does not begin a token."""
    char = text[at]
    if char == "\r":
        return line, column, "lexical error at '\\r'; save the file with Unix line ends"
    if char == "#":
        return line, column, "lexical error at a comment; end the last line with a newline"
    if char not in _STRINGS:
        return line, column, f"lexical error at {char!r}; {_PLAIN}"
    string = _STRINGS[char].match(text, at)
    if string is None:
        return line, column, "lexical error at a quote; close the string on its line"
    wrong, start = next((w[2], w.start()) for w in _WRONG.finditer(string[0]) if w[2])
    if wrong == "\0":
        return line, column + start, "lexical error at a NUL in a string; remove it"
    problem = f"lexical error: invalid escape {wrong} in a string; write \\\\ for a backslash"
    return line, column + start, problem


def _mixed(statements: Iterable[XlAssignment], text: str) -> _Problem | None:
    """The first += of a list to a string, or the reverse, where its value ends."""
    kinds: dict[str, type] = {}
    for statement in statements:
        kind = type(statement.value)
        if statement.append and kinds.get(statement.name, kind) is not kind:
            line = text.count("\n", 0, statement.end) + 1
            column = statement.end - 1 - text.rfind("\n", 0, statement.end)
            return line, column, f"{statement.name} += joins a list and a string; make both lists"
        kinds[statement.name] = kind
    return None
