"""Spans against the sets of integers that they stand for."""

from __future__ import annotations

from itertools import pairwise, starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenassign.devicetree.spans import (
    PAGE_SIZE,
    GrowingIntervals,
    Intervals,
    Span,
    covered,
    gaps,
    merged,
)

SPANS = st.builds(Span.sized, st.integers(0, 40), st.integers(0, 12))
LISTS = st.lists(SPANS, max_size=6)
GRAINS = st.sampled_from([1, 2, 4, 16])


def members(*spans: Span) -> set[int]:
    return {address for span in spans for address in range(span.start, span.end)}


def apart(spans: list[Span]) -> bool:
    """Whether spans are in order, none is empty and none touches the next."""
    return all(span.size for span in spans) and all(
        one.end < other.start for one, other in pairwise(spans)
    )


@given(SPANS, SPANS)
def test_two_spans(one: Span, other: Span) -> None:
    shared = members(one) & members(other)
    assert one.overlaps(other) == other.overlaps(one) == bool(shared)
    assert members(one.common(other)) == shared
    assert members(one.moved(other.start)) == {n - one.start + other.start for n in members(one)}
    if other.size:
        assert one.covers(other) == (members(other) <= members(one))


@given(SPANS, st.integers(-1, 60))
def test_one_span(span: Span, address: int) -> None:
    assert span.size == len(members(span))
    assert span.holds(address) == (address in members(span))
    assert span.covers(span)


@given(SPANS, GRAINS)
def test_rounding_adds_whole_grains_and_no_more(span: Span, grain: int) -> None:
    whole = span.rounded(grain)
    assert whole.is_aligned(grain)
    assert whole.covers(span)
    assert span.start - whole.start < grain
    assert whole.end - span.end < grain
    assert span.is_aligned(grain) == (whole == span)
    if span.size:
        touched = {address // grain for address in members(span)}
        assert {address // grain for address in members(whole)} == touched


@given(st.integers(0, 3 * PAGE_SIZE), st.integers(0, 3 * PAGE_SIZE))
def test_pages(start: int, size: int) -> None:
    span = Span.sized(start, size)
    assert span.in_pages.in_bytes == span.rounded()
    if size:
        assert members(span.in_pages) == {address // PAGE_SIZE for address in members(span)}


@given(LISTS)
def test_merging_keeps_the_addresses(spans: list[Span]) -> None:
    assert members(*merged(spans)) == members(*spans)
    assert apart(list(merged(spans)))


@given(SPANS, LISTS)
def test_gaps_are_what_is_left(span: Span, others: list[Span]) -> None:
    left = list(gaps(span, others))
    assert members(*left) == members(span) - members(*others)
    assert apart(left)
    assert covered(span, others) == (not left)
    assert list(gaps(span, merged(others))) == left


@given(SPANS.filter(lambda span: span.size > 0), st.lists(SPANS, max_size=12))
def test_an_index_finds_what_a_comparison_with_each_finds(span: Span, others: list[Span]) -> None:
    index = Intervals(others)
    near = [number for number, other in enumerate(others) if other.overlaps(span)]
    assert index.overlapping(span) == near
    assert index.overlap(span) == bool(near)
    assert index.cover(span) == any(other.covers(span) for other in others)


NOT_EMPTY = SPANS.filter(lambda span: span.size > 0)


@given(NOT_EMPTY, st.lists(NOT_EMPTY, max_size=12))
def test_an_index_that_grows_finds_them_in_the_order_of_addition(
    span: Span, others: list[Span]
) -> None:
    index: GrowingIntervals[int] = GrowingIntervals()
    for number, other in enumerate(others):
        index.add(other, number)
        so_far = list(zip(others, range(number + 1), strict=False))
        assert index.overlapping(span) == [entry for entry in so_far if entry[0].overlaps(span)]
        assert index.covering(span) == [entry for entry in so_far if entry[0].covers(span)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([Span(3, 3)], []),
        ([Span(5, 9), Span(1, 5)], [Span(1, 9)]),
        ([Span(1, 9), Span(2, 3), Span(10, 11)], [Span(1, 9), Span(10, 11)]),
    ],
)
def test_touching_spans_become_one(spans: list[Span], expected: list[Span]) -> None:
    assert list(merged(spans)) == expected


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(10, 20)]),
        ([(0, 30)], []),
        ([(20, 30)], [(10, 20)]),
        ([(0, 10)], [(10, 20)]),
        ([(12, 14), (16, 18)], [(10, 12), (14, 16), (18, 20)]),
        ([(16, 18), (0, 12), (11, 17)], [(18, 20)]),
        ([(15, 15)], [(10, 20)]),
        ([(25, 26), (5, 15)], [(15, 20)]),
    ],
)
def test_gaps(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert list(gaps(Span(10, 20), starmap(Span, spans))) == expected
    assert list(gaps(Span(10, 10), starmap(Span, spans))) == []


def test_how_a_span_is_written() -> None:
    assert f"{Span(0x1000, 0x3000)}" == str(Span.sized(0x1000, 0x2000)) == "0x1000-0x3000"
