"""Places as an editor counts them: lines and characters from 0, in the units of its encoding.

A :class:`~xenassign.devicetree.places.Place` counts lines that end with ``\\n``, and columns in
characters; for an editor a lone ``\\r`` ends a line too, and it counts UTF-16 units if it has not
agreed to something else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from lsprotocol.types import Position, PositionEncodingKind, Range

from xenassign.devicetree.places import Place

_END = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(r"""[\w.-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_CODECS = {
    PositionEncodingKind.Utf8: ("utf-8", 1),
    PositionEncodingKind.Utf16: ("utf-16-le", 2),
    PositionEncodingKind.Utf32: ("utf-32-le", 4),
}


class TextPositions:
    """The offsets of a text, and both ways to count its lines."""

    def __init__(self, text: str, encoding: PositionEncodingKind | str | None = None) -> None:
        self.text = text
        self._codec, self._unit = _CODECS[PositionEncodingKind(encoding or "utf-16")]
        self._ascii = text.isascii()
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))][:-1]
        self._shown = [0, *(end.end() for end in _END.finditer(text))]

    def offset_of(self, line: int, column: int) -> int:
        """The offset of a line and column of a place; the end of the text if it is beyond."""
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1, len(self.text))

    def place(self, file: str, start: int, end: int) -> Place:
        """The place between two offsets."""
        return Place(file, *self._line_column(start), *self._line_column(end))

    def _line_column(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def position(self, offset: int) -> Position:
        """The position of an offset."""
        line = bisect_right(self._shown, offset) - 1
        before = self.text[self._shown[line] : offset]
        return Position(line, self._units(before))

    def span(self, start: int, end: int) -> Range:
        """The range between two offsets."""
        return Range(self.position(start), self.position(end))

    def range(self, place: Place) -> Range:
        """The range of a place."""
        start = self.offset_of(place.line, place.column)
        return self.span(start, max(start, self.offset_of(place.end_line, place.end_column)))

    def token_range(self, line: int, column: int) -> Range:
        """A word or string in quotes at a place; the rest of its line if there is neither."""
        start = self.offset_of(line, column)
        token = _TOKEN.match(self.text, start)
        return self.span(start, token.end()) if token is not None else self.line_range(line, column)

    def line_range(self, line: int, column: int = 1) -> Range:
        """What is written on a line, from a column on; the last line if it is beyond the text."""
        line = min(max(line, 1), len(self._starts))
        start = self._starts[line - 1]
        end = self.text.find("\n", start)
        written = self.text[start : end if end >= 0 else len(self.text)]
        indent = len(written) - len(written.lstrip())
        first = max(column - 1, indent)
        first = first if first < len(written.rstrip()) else indent
        return self.span(start + first, start + len(written.rstrip()))

    def offset(self, position: Position) -> int:
        """The offset of a position; the end of its line if it is beyond."""
        if position.line >= len(self._shown):
            return len(self.text)
        start = self._shown[position.line]
        after = self._shown[position.line + 1 : position.line + 2] or [len(self.text)]
        line = self.text[start : after[0]].rstrip("\r\n")
        if self._ascii:
            return start + min(position.character, len(line))
        units = 0
        for index, character in enumerate(line):
            if units >= position.character:
                return start + index
            units += self._units(character)
        return start + len(line)

    def _units(self, text: str) -> int:
        if self._ascii:
            return len(text)
        return len(text.encode(self._codec, "surrogatepass")) // self._unit
