"""Spans: intervals of addresses, in bytes or in pages, and what several of them have in common.

A span includes its start and excludes its end. An empty one overlaps nothing, and holds nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count, pairwise
from typing import Generic, NamedTuple, Protocol, TypeVar

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
        start, end = self
        return start < other.end and other.start < end and start < end and other.start < other.end

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


class Merged(tuple[Span, ...]):
    """Spans in order, without empty ones and with addresses between them: what ``merged`` makes."""

    __slots__ = ()


def merged(spans: Iterable[Span]) -> Merged:
    """The same addresses in as few spans as possible, in order, without empty ones."""
    if isinstance(spans, Merged):
        return spans
    result: list[Span] = []
    end = -1
    for span in sorted(span for span in spans if span.start < span.end):
        if span.start > end:
            result.append(span)
        elif span.end > end:
            result[-1] = Span(result[-1].start, span.end)
        end = max(end, span.end)
    return Merged(result)


def gaps(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    """The parts of a span that none of the others covers, in order. Fast for :class:`Merged`."""
    start = span.start
    ordered = merged(others)
    for at in range(bisect_right(ordered, span.start, key=lambda s: s.end), len(ordered)):
        other = ordered[at]
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


class Intervals:
    """An index of spans, none of which is empty: which of them overlap or cover another one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._ordered = sorted((span, n) for n, span in enumerate(spans) if span.size > 0)
        self._starts = [span.start for span, _ in self._ordered]
        #: The highest end of each span and all before it.
        self._reach = list(accumulate((span.end for span, _ in self._ordered), max))
        #: The highest end of each pair of spans, then of pairs of pairs, up to all of them.
        self._levels = [[span.end for span, _ in self._ordered]]
        while len(level := self._levels[-1]) > 1:
            self._levels.append([max(level[n : n + 2]) for n in range(0, len(level), 2)])

    def _highest_end(self, last: int) -> int:
        return self._reach[last - 1] if last else -1

    def overlap(self, span: Span) -> bool:
        """Whether any overlaps a span."""
        return self._highest_end(bisect_left(self._starts, span.end)) > span.start

    def cover(self, span: Span) -> bool:
        """Whether a single one covers a span."""
        return self._highest_end(bisect_right(self._starts, span.start)) >= span.end

    def overlapping(self, span: Span) -> list[int]:
        """The numbers of those that overlap a span, in the order in which they were given."""
        last = bisect_left(self._starts, span.end)
        numbers = []
        stack = [(len(self._levels) - 1, 0)]
        while stack:
            level, at = stack.pop()
            if at << level >= last or self._levels[level][at] <= span.start:
                continue
            if level == 0:
                numbers.append(self._ordered[at][1])
            else:
                below = (2 * at, 2 * at + 1)
                stack += [(level - 1, n) for n in below if n < len(self._levels[level - 1])]
        return sorted(numbers)


T = TypeVar("T")


class GrowingIntervals(Generic[T]):
    """Items at spans, none of which is empty, to which others are added: which overlap a span."""

    def __init__(self) -> None:
        self._count = count()
        #: By the magnitude of the size, so that a few neighbours are all that can reach a span.
        self._by_size: dict[int, list[tuple[int, int, Span, T]]] = {}

    def add(self, span: Span, item: T) -> None:
        """Adds an item."""
        alike = self._by_size.setdefault(span.size.bit_length(), [])
        insort(alike, (span.start, next(self._count), span, item))

    def overlapping(self, span: Span) -> list[tuple[Span, T]]:
        """The spans and items that overlap a span, in the order in which they were added."""
        matches = []
        for magnitude, alike in self._by_size.items():
            for at in range(bisect_left(alike, (span.start - (1 << magnitude),)), len(alike)):
                entry = alike[at]
                if entry[0] >= span.end:
                    break
                if entry[2].overlaps(span):
                    matches.append(entry)
        return [(place, item) for _, _, place, item in sorted(matches, key=lambda entry: entry[1])]

    def covering(self, span: Span) -> list[tuple[Span, T]]:
        """Those that cover a span, in the order in which they were added."""
        return [entry for entry in self.overlapping(span) if entry[0].covers(span)]


class Spanned(Protocol):
    """Something at a span of addresses."""

    @property
    def span(self) -> Span: ...


Item = TypeVar("Item", bound=Spanned)


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Addresses between two boundaries. ``inmost``: the smallest item there, or None."""

    span: Span
    inmost: Item | None


def layers(items: Sequence[Item]) -> list[Slice[Item]]:
    """The addresses from 0 to the end of the last item, cut at all boundaries of items."""
    starts: dict[int, list[Item]] = {}
    ends: dict[int, list[Item]] = {}
    for item in items:
        starts.setdefault(item.span.start, []).append(item)
        ends.setdefault(item.span.end, []).append(item)
    pieces: list[Slice[Item]] = []
    present: list[Item] = []
    for start, end in pairwise(sorted({0, *starts, *ends})):
        over = ends.get(start, ())
        present = [item for item in present if not any(item is other for other in over)]
        present += starts.get(start, ())
        inmost = min(present, key=lambda item: item.span.size, default=None)
        pieces.append(Slice(Span(start, end), inmost))
    return pieces
