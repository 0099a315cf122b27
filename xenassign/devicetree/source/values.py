"""Values of properties: numbers, elements of arrays, and definitions that are one token."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.places import SourceError, TextSpan
from xenassign.devicetree.source.lexer import unescape
from xenassign.devicetree.source.nodes import WORDS, Piece

WORD_MAX = (1 << 64) - 1  # numbers are 64 bits wide and have no sign
UNKNOWN = b"\xff\xff\xff\xff"  # a reference, before phandles are assigned


class PlacedNumber(NamedTuple):
    """A number and its offsets in the source."""

    value: int
    start: int
    end: int


class PlainDefinition:
    """A definition that is the token PLAIN of the grammar.

    Nearly all properties are such, so only the text and the value are kept, and the pieces are made
    each time they are asked for; except of a value with references, whose bytes are not known yet.
    """

    __slots__ = ("_pieces", "_text", "_value", "start")

    def __init__(self, text: str, start: int) -> None:
        """Raises SourceError for a number or an escape that is not valid."""
        self._text = text
        self.start = start
        self._pieces: list[Piece] | None = None
        value = _quick(text)
        if value is None:
            pieces = list(self._made())
            value = b"".join([piece.data for piece in pieces])
            if "&" in text:
                self._pieces = pieces
        self._value = value

    @property
    def named(self) -> TextSpan:
        """The place of the name."""
        return TextSpan(self.start, self.start + len(written_name(self._text)))

    @property
    def pieces(self) -> list[Piece]:
        """The pieces of the value."""
        return list(self._made()) if self._pieces is None else self._pieces

    @property
    def symbolic(self) -> list[Piece]:
        """The pieces of a value with references."""
        return self._pieces or []

    @property
    def has_escapes(self) -> bool:
        """Whether its strings may have escapes."""
        return "\\" in self._text

    @property
    def value(self) -> bytes:
        """The bytes of the value, as far as they are known."""
        if self._pieces is None:
            return self._value
        return b"".join([piece.data for piece in self._pieces])

    def _made(self) -> Iterator[Piece]:
        for value in _PLAIN_VALUE.finditer(self._text):
            yield from _plain(value[0], self.start + value.start())


def number(literal: str, span: TextSpan) -> PlacedNumber:
    """The number of an integer literal."""
    digits = literal.rstrip("UL")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    if base == 8 and ("8" in digits or "9" in digits):
        raise SourceError(span, f"bad integer literal '{literal}'", "0 begins an octal")
    if len(digits.lstrip("0")) <= 24:
        value = int(digits, base)
        if value <= WORD_MAX:
            return PlacedNumber(value, *span)
    raise SourceError(span, f"integer literal '{literal[:40]}' is larger than 64 bits")


_PLAIN_NAME = re.compile(r"[^ \t-\r={;]+")
#: The properties of a LEAF.
PLAIN_PROPERTY = re.compile(
    r'[^ \t-\r={};"]+[ \t-\r]*(?:=[^;"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^;"]*)*)?;', re.DOTALL
)
_PLAIN_VALUE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|<[^>]*>|\[[^\]]*\]')
_REFERENCE = re.compile(r"&[^ \t-\r>]+")


def written_name(text: str) -> str:
    """The name at the beginning of a token PLAIN or LEAF, as it is written."""
    name = _PLAIN_NAME.match(text)
    assert name is not None
    return name[0]


def _quick(text: str) -> bytes | None:
    """The value of PLAIN; None if a part of it must be looked at with its place."""
    if "&" in text or "\\" in text:
        return None
    parts = []
    for value in _PLAIN_VALUE.findall(text):
        if value[0] == '"':
            parts.append(value[1:-1].encode("utf-8", "surrogateescape") + b"\0")
        elif value[0] == "[":
            parts.append(bytes.fromhex(value[1:-1]))
        else:
            cells = _packed(value[1:-1].split())
            if cells is None:
                return None
            parts.append(cells)
    return b"".join(parts)


def _packed(words: list[str]) -> bytes | None:
    """Literals as cells; None for an octal, a negative number of 64 bits, or an error."""
    try:
        return struct.pack(f">{len(words)}I", *[int(word, 0) for word in words])
    except (ValueError, struct.error):
        return None


def _plain(text: str, start: int) -> Iterator[Piece]:
    """The pieces of a value of PLAIN that starts at an offset."""
    if text[0] == '"':
        span = TextSpan(start, start + len(text))
        yield Piece("string", unescape(text, span) + b"\0", *span)
    elif text[0] == "[":
        yield Piece("bytes", bytes.fromhex(text[1:-1]), start, start + len(text))
    else:
        at = 1
        for reference in _REFERENCE.finditer(text) if "&" in text else ():
            yield from _cells(text[at : reference.start()], start + at)
            at = reference.end()
            place = start + reference.start(), start + at
            yield Piece("phandle", UNKNOWN, *place, reference[0][1:])
        yield from _cells(text[at:-1], start + at)


def _cells(text: str, start: int) -> Iterator[Piece]:
    """The literals of a text as one piece."""
    words = text.split()
    if not words:
        return
    data = _packed(words)
    if data is None:
        literals = WORDS.finditer(text)
        numbers = (number(w[0], TextSpan(start + w.start(), start + w.end())) for w in literals)
        data = b"".join([element(number, 32).data for number in numbers])
    yield Piece("cells", data, start, start + len(text))


def element(item: PlacedNumber | Piece, bits: int) -> Piece:
    """An element of an array of ``bits``-wide numbers."""
    if isinstance(item, Piece):
        if item.kind == "label":
            return item
        if bits != 32:
            problem = f"a reference is a cell of 32 bits, not one of {bits}"
            raise SourceError(item.span, problem, "write it in < > without /bits/")
        item.kind, item.data = "phandle", UNKNOWN
        return item
    value, start, end = item
    if value >> bits:
        if value >> bits != WORD_MAX >> bits:  # and it is not a negative number
            problem = f"the value {value:#x} does not fit {bits} bits"
            raise SourceError(TextSpan(start, end), problem, "write smaller numbers, or /bits/ 64")
        value &= (1 << bits) - 1
    return Piece("cell", value.to_bytes(bits // 8, "big"), start, end)
