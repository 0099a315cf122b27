"""Spans: intervals of addresses, in bytes or in pages, and what several of them have in common.

A span includes its start and excludes its end. An empty one overlaps nothing, and holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

PAGE_SIZE = 4096
"""Bytes of a page: the granule of stage 2 and of every mapping of Xen on Arm.
xen/include/xen/page-size.h."""


class Span(NamedTuple):
    """The addresses from ``start`` up to ``end``, which is the first one after it."""

    start: int
    end: int

    @classmethod
    def sized(cls, start: int, size: int) -> Span:
        """The span of ``size`` addresses from ``start`` on."""
        return cls(start, start + size)

    def __str__(self) -> str:
        """The form of messages: 0x1000-0x2000, ``end`` being the first address after it."""
        return f"{self.start:#x}-{self.end:#x}"

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return self.end - self.start

    def holds(self, address: int) -> bool:
        """Whether the address is in it."""
        return self.start <= address < self.end

    def covers(self, other: Span) -> bool:
        """Whether the other is inside it; an empty one is so from the start up to the end."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether they have an address in common."""
        return max(self.start, other.start) < min(self.end, other.end)

    def common(self, other: Span) -> Span:
        """What they have in common; an empty span where that is nothing."""
        start = max(self.start, other.start)
        return Span(start, max(start, min(self.end, other.end)))

    def moved(self, start: int) -> Span:
        """The span of the same size elsewhere."""
        return Span.sized(start, self.size)

    def rounded(self, grain: int = PAGE_SIZE) -> Span:
        """The span rounded out to multiples of ``grain``: to whole pages."""
        return Span(self.start - self.start % grain, self.end + -self.end % grain)

    def is_aligned(self, grain: int = PAGE_SIZE) -> bool:
        """Whether start and end are multiples of ``grain``."""
        return not (self.start % grain or self.end % grain)

    @property
    def in_pages(self) -> Span:
        """A span of bytes as one of page numbers, rounded out."""
        whole = self.rounded()
        return Span(whole.start // PAGE_SIZE, whole.end // PAGE_SIZE)

    @property
    def in_bytes(self) -> Span:
        """A span of page numbers as one of bytes."""
        return Span(self.start * PAGE_SIZE, self.end * PAGE_SIZE)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same addresses in as few spans as possible, in order, without empty ones."""
    result: list[Span] = []
    for span in sorted(span for span in spans if span.size > 0):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def gaps(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    """The parts of a span that none of the others covers, in order."""
    start = span.start
    for other in merged(others):
        if other.end <= start:
            continue
        if other.start >= span.end:
            break
        if start < other.start:
            yield Span(start, other.start)
        start = other.end
    if start < span.end:
        yield Span(start, span.end)


def covered(span: Span, others: Iterable[Span]) -> bool:
    """Whether the others together cover a span."""
    return next(gaps(span, others), None) is None
