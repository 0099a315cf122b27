"""From tokens to statements: the result of each rule of grammar/dts.lark.

The parser calls a method of :class:`Syntax` for each terminal and each rule as soon as it is
complete, so expressions are numbers, and nodes have all their members, when the statement around
them ends. References keep their names, and files of ``/incbin/`` are not read yet.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lark import Token, Transformer
from lark.exceptions import UnexpectedToken

from xenassign.devicetree.places import SourceError, TextSpan
from xenassign.devicetree.source.lexer import DtsLexer, Sources, is_fixed, unescape
from xenassign.devicetree.source.nodes import (
    Content,
    Definition,
    Delete,
    Omit,
    Piece,
    Reservation,
    SourceFile,
    SourceNode,
    SourceProperty,
)
from xenassign.devicetree.source.values import (
    PLAIN_PROPERTY,
    WORD_MAX,
    PlacedNumber,
    PlainDefinition,
    element,
    number,
    written_name,
)
from xenassign.grammars import parser

if TYPE_CHECKING:
    from lark import Lark


class _Header(NamedTuple):
    overlay: bool
    span: TextSpan


_BINARY: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: bool(a) | bool(b),
    "&&": lambda a, b: bool(a) & bool(b),
    "|": operator.or_,
    "^": operator.xor,
    "&": operator.and_,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "<<": lambda a, b: a << b if b < 64 else 0,
    ">>": lambda a, b: a >> b if b < 64 else 0,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
}
_UNARY: dict[str, Callable[[int], int]] = {
    "-": operator.neg,
    "~": operator.invert,
    "!": operator.not_,
}


def parse(sources: Sources) -> SourceFile:
    """The statements of a source. Raises SourceError."""
    try:
        # A custom lexer may be given anything, says Lark.parse.
        file: SourceFile = _parser().parse(sources)  # type: ignore[assignment]
    except UnexpectedToken as error:
        raise _refusal(error.token, error.expected, sources) from None
    return file


@cache
def _parser() -> Lark:
    return parser("dts", lexer=DtsLexer, transformer=Syntax(), maybe_placeholders=False)


def _refusal(token: Token, expected: set[str], sources: Sources) -> SourceError:
    """The error for a token, with the tokens that are valid there, unless they are many."""
    fixed = [terminal for terminal in _parser().terminals if is_fixed(terminal.pattern)]
    words = {terminal.name: f"'{terminal.pattern.value}'" for terminal in fixed}
    expected = expected - {"LEAF", "PLAIN"}  # a node and a property
    names = sorted(words.get(name, name.lower().replace("_", " ")) for name in expected)
    fix = f"write {' or '.join(names)} there" if len(names) <= 4 else "fix the source"
    if token.type != "$END":
        word = written_name(token) if token.type in ("LEAF", "PLAIN") else token
        start, shown = token.start_pos or 0, word.splitlines()[0]
        return SourceError(TextSpan(start, start + len(word)), f"syntax error at '{shown}'", fix)
    end = sources.main.start + len(sources.main.text.rstrip())
    return SourceError(TextSpan(end, end), "syntax error: the source ends too early", fix)


def _span(token: Token) -> TextSpan:
    return TextSpan(token.start_pos or 0, token.end_pos or 0)


def _over(tokens: list[Any]) -> TextSpan:
    """From the first token to the last."""
    return TextSpan(tokens[0].start_pos or 0, tokens[-1].end_pos or 0)


def _name(word: str) -> str:
    """A name without the backslash that makes a name of a word with another meaning."""
    return str(word.removeprefix("\\"))


def _plain(text: str, start: int) -> SourceProperty:
    """The property of a whole statement that begins at an offset."""
    name = sys.intern(_name(written_name(text)))
    return SourceProperty(name, PlainDefinition(text, start), start, start + len(text))


class Syntax(Transformer[Token, Any]):
    """The methods of terminals and rules, in the order of the grammar."""

    # --- terminals ---
    # ruff: noqa: N802

    def STRING(self, token: Token) -> Piece:
        span = _span(token)
        return Piece("string", unescape(token, span) + b"\0", *span)

    def CHARACTER(self, token: Token) -> PlacedNumber:
        span = _span(token)
        data = unescape(token, span)
        if len(data) != 1:
            shown = token.splitlines()[0]
            raise SourceError(span, f"the character {shown} is {len(data)} bytes", "write one")
        return PlacedNumber(data[0], *span)

    def LABEL(self, token: Token) -> Piece:
        return Piece("label", b"", *_span(token), token[:-1])

    def LABEL_REF(self, token: Token) -> Piece:
        return Piece("path", b"", *_span(token), token[1:])

    def PATH_REF(self, token: Token) -> Piece:
        if token == "&{}":
            raise SourceError(_span(token), "a reference to nothing", "write &{/path} or &label")
        return Piece("path", b"", *_span(token), token[2:-1])

    def BYTE(self, token: Token) -> Piece:
        return Piece("byte", bytes.fromhex(token), *_span(token))

    def LITERAL(self, token: Token) -> PlacedNumber:
        return number(token, _span(token))

    def PLAIN(self, token: Token) -> SourceProperty:
        return _plain(str(token), token.start_pos or 0)

    def LEAF(self, token: Token) -> SourceNode:
        start = token.start_pos or 0
        written = written_name(token)
        node = SourceNode(_name(written), opened=[TextSpan(start, start + len(written))])
        for prop in PLAIN_PROPERTY.finditer(token, token.index("{") + 1):
            node.properties.add(_plain(prop[0], start + prop.start()))
        return node

    # --- the file ---

    def start(self, items: list[Any]) -> SourceFile:
        headers = [item for item in items if isinstance(item, _Header)]
        for header in headers[1:]:
            if header.overlay != headers[0].overlay:
                fix = "write /plugin/; after every /dts-v1/; or after none"
                raise SourceError(header.span, "this header does not match the first one", fix)
        reservations = tuple(item for item in items if isinstance(item, Reservation))
        statements = items[len(headers) + len(reservations) :]
        return SourceFile(headers[0].overlay, reservations, statements)

    def header(self, items: list[Token]) -> _Header:
        return _Header(len(items) > 2, _over(items))

    def reservation(self, items: list[PlacedNumber]) -> Reservation:
        return Reservation(items[0].value, items[1].value)

    def sign(self, items: list[Token]) -> TextSpan:
        return _over(items)

    def root(self, items: tuple[TextSpan, SourceNode]) -> Content:
        span, node = items
        node.opened.append(span)
        return Content(node)

    def extend(self, items: list[Any]) -> Content:
        *labels, target, node = items
        node.opened.append(target.span)
        return Content(node, target, labels[0].name if labels else None)

    def delete(self, items: list[Piece]) -> Delete:
        return Delete(items[0])

    def omit(self, items: list[Piece]) -> Omit:
        return Omit(items[0])

    # --- nodes and properties ---

    def body(self, items: list[Any]) -> SourceNode:
        node = SourceNode()
        for item in items:
            if isinstance(item, SourceNode):
                node.adopt(item)
            elif node.children.all:
                fix = f"move {item.name} above {node.children.all[0].name}"
                raise SourceError(item.named, "properties must come before subnodes", fix)
            else:
                node.properties.add(item)
        return node

    def node(self, items: tuple[Token, SourceNode]) -> SourceNode:
        name, node = items
        node.name = _name(name)
        node.opened.append(_span(name))
        return node

    def leaf(self, items: list[SourceNode]) -> SourceNode:
        return items[0]

    def delete_node(self, items: list[Token]) -> SourceNode:
        return SourceNode(_name(items[0]), opened=[_span(items[0])], deleted=True)

    def omit_node(self, items: list[SourceNode]) -> SourceNode:
        items[0].optional = True
        return items[0]

    def labelled(self, items: tuple[Piece, Any]) -> Any:
        label, target = items
        if not isinstance(target, Reservation):  # nothing can refer to a reservation
            target.label([label.name])
        if isinstance(target, SourceProperty):
            target.start = label.start
        return target

    def plain(self, items: list[SourceProperty]) -> SourceProperty:
        return items[0]

    def property(self, items: list[Any]) -> SourceProperty:
        name = items[0]
        pieces: list[Piece] = []
        for item in items[2:-1]:
            if isinstance(item, list):
                pieces += item
            else:
                pieces.append(item)
        return SourceProperty(_name(name), Definition(pieces, _span(name)), *_over(items))

    def delete_property(self, items: list[Token]) -> SourceProperty:
        name = items[1]
        nothing = Definition([], _span(name))
        return SourceProperty(_name(name), nothing, *_over(items), deleted=True)

    # --- values ---

    def array(self, items: list[Any]) -> list[Piece]:
        bits = items.pop(0) if items and isinstance(items[0], int) else 32
        return [element(item, bits) for item in items]

    def bits(self, items: list[PlacedNumber]) -> int:
        bits = items[0].value
        if bits not in (8, 16, 32, 64):
            problem = f"array elements of {bits} bits"
            raise SourceError(
                TextSpan(items[0].start, items[0].end), problem, "write /bits/ 8, 16, 32 or 64"
            )
        return bits

    def bytes(self, items: list[Piece]) -> list[Piece]:
        return items

    def incbin(self, items: list[Any]) -> Piece:
        numbers = [item.value for item in items if isinstance(item, PlacedNumber)]
        skip, size = numbers or (0, WORD_MAX)
        name = items[2].data[:-1].partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return Piece("incbin", b"", *_over(items), name, skip, None if size == WORD_MAX else size)

    # --- expressions ---

    def group(self, items: list[Any]) -> PlacedNumber:
        return PlacedNumber(items[1].value, *_over(items))

    def choice(self, items: list[Any]) -> PlacedNumber:
        condition, _, then, _, otherwise = items
        chosen = then if condition.value else otherwise
        return PlacedNumber(chosen.value, condition.start, otherwise.end)

    def binary(self, items: list[Any]) -> PlacedNumber:
        left, sign, right = items
        try:
            value = _BINARY[sign](left.value, right.value)
        except ZeroDivisionError:
            raise SourceError(TextSpan(left.start, right.end), "division by zero") from None
        return PlacedNumber(value & WORD_MAX, left.start, right.end)

    def unary(self, items: list[Any]) -> PlacedNumber:
        sign, number = items
        return PlacedNumber(_UNARY[sign](number.value) & WORD_MAX, sign.start_pos, number.end)
