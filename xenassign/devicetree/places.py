"""Places in source: files, lines and columns.

While source is read only *offsets* are kept: characters counted through all texts, one after the
other (the file itself, each ``/include/``). A :class:`SourceMap` makes a :class:`Place` of two
offsets when it is needed. It follows line markers (``# 12 "file"``), so that a place is in the file
that a person wrote, not in the output of the preprocessor.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Protocol

from xenassign.devicetree.tree import DevicetreeError


class Place(NamedTuple):
    """A span of a file. All count from 1, columns in characters (tabs too); exclusive end."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class TextSpan(NamedTuple):
    """A span of source as offsets, ``end`` exclusive."""

    start: int
    end: int


class SourceError(Exception):
    """Something in source that dtc refuses; :meth:`SourceMap.error` adds the place."""

    def __init__(self, span: TextSpan, problem: str, fix: str = "fix the source") -> None:
        super().__init__(problem)
        self.span = span
        self.problem = problem
        self.fix = fix


class Marker(NamedTuple):
    """A line marker that ends at ``offset``: the next line is ``line`` of ``file``."""

    offset: int
    file: str
    line: int


class SourceText:
    """One text that was read. ``start`` is the offset of its first character."""

    def __init__(self, start: int, file: str, text: str) -> None:
        self.start = start
        self.file = file
        self.text = text
        self.markers: list[Marker] = []
        self._line = -1, ""

    @cached_property
    def lines(self) -> list[int]:
        """The offset in the text at which each line starts."""
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n"))][:-1]

    def line(self, number: int) -> str:
        """A line, counted from 0. The last one is kept: a line may have many places."""
        if self._line[0] != number:
            begin = self.lines[number]
            self._line = number, self.text[begin : self.text.find("\n", begin)]
        return self._line[1]


class LineOrigins(Protocol):
    """Maps the output of a preprocessor, which is the first text, back to its files."""

    def file(self, name: str) -> str:
        """The file that a line marker names."""

    def column(self, file: str, line: int, expanded: str, column: int, ends: bool) -> int:
        """The column in the file for a column of the preprocessed line."""

    def written(self, place: Place) -> str:
        """The text of the file at a place."""


class SourceMap:
    """All texts of one source. ``origins``: the first text is the output of a preprocessor."""

    def __init__(self, origins: LineOrigins | None = None) -> None:
        self.texts: list[SourceText] = []
        self._origins = origins
        self._size = 0

    def add(self, file: str, text: str) -> SourceText:
        """Adds a text after the others."""
        added = SourceText(self._size, file, text)
        self.texts.append(added)
        self._size += len(text) + 1
        return added

    def text_at(self, offset: int) -> SourceText:
        """The text that contains an offset."""
        return self.texts[bisect_right(self.texts, offset, key=lambda text: text.start) - 1]

    def place(self, span: TextSpan) -> Place:
        """The place of a span; it is empty for a span that ends in another file."""
        file, line, column = self._find(span.start, False)
        end_file, end_line, end_column = self._find(span.end, True)
        if end_file != file or (end_line, end_column) < (line, column):
            end_line, end_column = line, column
        return Place(file, line, column, end_line, end_column)

    def _find(self, offset: int, ends: bool) -> tuple[str, int, int]:
        text = self.text_at(offset)
        at = offset - text.start
        number = bisect_right(text.lines, at) - 1
        column = at - text.lines[number] + 1
        file, line = text.file, number + 1
        passed = bisect_right(text.markers, offset, key=lambda marker: marker.offset)
        if passed:
            marker = text.markers[passed - 1]
            above = bisect_right(text.lines, marker.offset - text.start)
            file, line = marker.file, marker.line + number - above
        if self._origins is not None and text is self.texts[0]:
            file = self._origins.file(file)
            column = self._origins.column(file, line, text.line(number), column, ends)
        return file, line, column

    def written(self, span: TextSpan) -> str:
        """The characters of a span, as the file has them."""
        text = self.text_at(span.start)
        if self._origins is not None and text is self.texts[0]:
            return self._origins.written(self.place(span))
        return text.text[span.start - text.start : span.end - text.start]

    def words(self, pattern: re.Pattern[str], span: TextSpan) -> Iterator[TextSpan]:
        """The matches of a pattern in a span of the text as it was read."""
        text = self.text_at(span.start)
        for match in pattern.finditer(text.text, span.start - text.start, span.end - text.start):
            yield TextSpan(match.start() + text.start, match.end() + text.start)

    def error(self, error: SourceError) -> DevicetreeError:
        """The error for users: one line that begins with the place."""
        return DevicetreeError(f"{self.place(error.span)}: {error.problem}; {error.fix}")
