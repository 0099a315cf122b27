"""Stage 2 against a naive model that maps entry by entry, and the pool against plain numbers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.formats.xlcfg_parser import parse
from xenassign.linting.verdict import domcfg
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB, release
from xenassign.xen.stage2 import UNKNOWN_POOL, Stage2, pool_mib, pool_pages

MIB = 1 << 20
GIB = 1 << 30
#: Pages of an entry of level 0 to 3.
SPANS = (1 << 27, 1 << 18, 1 << 9, 1)
LIMIT = 1 << 36


class Full(Exception):  # noqa: N818 - no error: the pool is used up
    """The pool has no page left."""


class Table(dict[int, "Table | int"]):
    """A table of 512 entries: a number is a block or page with that host page."""


class Naive:
    """The page tables themselves: one entry is set at a time, as __p2m_set_entry does."""

    def __init__(self, pool: int) -> None:
        self.free = pool
        self.root = Table()

    def map(self, gfn: int, count: int, mfn: int) -> bool:
        while count:
            level = 3
            for larger in (2, 1):
                if not (gfn | mfn | count) & (SPANS[larger] - 1):
                    level = larger
            try:
                if gfn >= LIMIT:
                    return False
                self._set(gfn, mfn, level)
            except Full:
                return False
            gfn, mfn, count = gfn + SPANS[level], mfn + SPANS[level], count - SPANS[level]
        return True

    def _new(self) -> Table:
        if not self.free:
            raise Full
        self.free -= 1
        return Table()

    def _set(self, gfn: int, mfn: int, target: int) -> None:
        table = self.root
        for level in range(target):
            at = gfn // SPANS[level] % 512
            entry = table.get(at)
            if not isinstance(entry, Table):
                below = self._new()
                if entry is not None:  # a superpage is split into 512 entries of the next level
                    below.update({n: entry + n * SPANS[level + 1] for n in range(512)})
                table[at] = entry = below
            table = entry
        at = gfn // SPANS[target] % 512
        self.free += tables_of(table.get(at))
        table[at] = mfn


def tables_of(entry: Table | int | None) -> int:
    """The tables in a subtree."""
    if not isinstance(entry, Table):
        return 0
    return 1 + sum(tables_of(below) for below in entry.values())


#: First pages: where 2 MiB, 1 GiB and 512 GiB regions meet, and in the middle.
STARTS = st.builds(
    lambda base, offset: max(base + offset, 0),
    st.sampled_from([0, 512, 1 << 18, 2 << 18, 1 << 27]),
    st.sampled_from([-1024, -512, -3, -1, 0, 1, 5, 511, 512]),
)
COUNTS = st.integers(1, 1100) | st.sampled_from([512, 1024, 1 << 18, 2 << 18, (1 << 18) + 512])
MAPPINGS = st.lists(st.tuples(STARTS, COUNTS, STARTS), max_size=6)


def bounded(mapping: tuple[int, int, int]) -> tuple[int, int, int]:
    """Large mappings start at 2 MiB: the model would set page after page otherwise."""
    gfn, count, mfn = mapping
    return (gfn & -512, count, mfn & -512) if count > 2000 else mapping


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 12) | st.just(5000), MAPPINGS)
def test_mappings_succeed_and_take_tables_as_in_the_model(
    pool: int, mappings: list[tuple[int, int, int]]
) -> None:
    """Up to the first failure: what Xen does behind it is of no interest."""
    ours, naive = Stage2(pool), Naive(pool)
    for gfn, count, mfn in map(bounded, mappings):
        done = naive.map(gfn, count, mfn)
        assert ours.map(gfn, count, mfn) == done
        if not done:
            return
        assert ours.free == naive.free


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 12) | st.just(5000), MAPPINGS, STARTS, st.integers(1, 1500))
def test_pages_mapped_one_by_one_take_tables_as_in_the_model(
    pool: int, before: list[tuple[int, int, int]], gfn: int, count: int
) -> None:
    ours, naive = Stage2(pool), Naive(pool)
    for mapping in map(bounded, before):
        if not naive.map(*mapping):
            return
        ours.map(*mapping)
    done = all(naive.map(page, 1, page) for page in range(gfn, gfn + count))
    assert ours.map_small(gfn, count) == done
    if done:
        assert ours.free == naive.free


# --- one mapping ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gfn", "count", "mfn", "tables"),
    [
        (0, 1, 0, 3),
        (0, 512, 0, 2),
        (0, 513, 0, 4),
        (0, 512, 1, 3),
        (1, 512, 1, 4),
        (0, 1 << 18, 0, 1),
        (0, 1 << 18, 512, 2),
        (0, 1 << 18, 1, 2 + 512),
        (1 << 18, 2 << 18, 0, 1),
        ((1 << 27) - 1, 2, (1 << 27) - 1, 6),
    ],
)
def test_the_tables_that_a_mapping_takes(gfn: int, count: int, mfn: int, tables: int) -> None:
    enough, short = Stage2(tables), Stage2(tables - 1)
    assert enough.map(gfn, count, mfn)
    assert enough.free == 0
    assert not short.map(gfn, count, mfn)


@pytest.mark.parametrize(("count", "tables"), [(1, 3), (512, 3), (513, 4), (1 << 18, 2 + 512)])
def test_page_by_page_no_alignment_helps(count: int, tables: int) -> None:
    enough, short = Stage2(tables), Stage2(tables - 1)
    assert enough.map_small(0, count)
    assert enough.free == 0
    assert not short.map_small(0, count)


def test_the_same_again_takes_nothing() -> None:
    stage2 = Stage2(3)
    assert all(stage2.map(7, 5, mfn) for mfn in (7, 9))
    assert stage2.map_small(7, 5)
    assert stage2.free == 0


def test_a_block_over_tables_frees_them() -> None:
    stage2 = Stage2(10)
    assert stage2.map_small(0, 1024)
    assert stage2.free == 6
    assert stage2.map(0, 1 << 18, 0)
    assert stage2.free == 9


def test_a_page_in_a_block_splits_it() -> None:
    stage2 = Stage2(3)
    assert stage2.map(0, 1 << 18, 0)
    assert stage2.map(1000, 1, 5)
    assert stage2.free == 0
    assert stage2.map(0, 512, 0)  # the other 511 blocks of 2 MiB are there: none needs a table
    assert stage2.free == 0


# --- the limit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gfn", "count", "fits"),
    [
        (LIMIT - 1, 1, True),
        (LIMIT - 512, 512, True),
        (LIMIT - 1, 2, False),
        (LIMIT, 1, False),
        (LIMIT << 10, 1, False),
    ],
)
def test_guest_addresses_end_at_48_bits(gfn: int, count: int, fits: bool) -> None:
    assert Stage2(1000).map(gfn, count, 0) == fits
    assert Stage2(1000).map_small(gfn, count) == fits


@pytest.mark.parametrize("count", [1 << 52, LIMIT - 1])
def test_an_absurd_mapping_comes_to_an_end(count: int) -> None:
    """Without alignment, where the memory of the domain is not known."""
    assert not Stage2(UNKNOWN_POOL).map(1, count, 2)
    assert not Stage2(UNKNOWN_POOL).map_small(1, count)


@pytest.mark.parametrize("pages", [512, 1 << 18])
def test_all_of_the_address_space_is_mapped_in_a_moment(pages: int) -> None:
    """By 2 MiB and by 1 GiB, a hundred times: with an entry at a time it takes hours."""
    tables = Stage2(UNKNOWN_POOL)
    assert all(tables.map(0, LIMIT - pages, pages) for _ in range(100))
    assert UNKNOWN_POOL - tables.free == (512 if pages > 512 else 512 + (1 << 18))


def test_all_of_the_address_space_page_by_page_takes_little_memory() -> None:
    """With a pool as large as somebody may write it: a bit for each table."""
    tables = Stage2(1 << 40)
    tracemalloc.start()
    assert tables.map_small(0, LIMIT)
    assert tracemalloc.get_traced_memory()[1] < 100 * MIB
    tracemalloc.stop()
    assert (1 << 40) - tables.free == 512 + (1 << 18) + (1 << 27)


def test_the_same_again_after_another_frees_its_tables() -> None:
    tables = Stage2(1000)
    assert tables.map(0, 512, 0)
    free = tables.free
    assert tables.map(0, 1, 0)
    assert tables.free == free - 1
    assert tables.map(0, 512, 0)
    assert tables.free == free


def test_a_guest_address_has_48_bits() -> None:
    assert Stage2(1000).map((1 << 36) - 1, 1, 0)
    assert not Stage2(1000).map(1 << 36, 1, 0)


# --- pools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory_mib", "vcpus", "mib"),
    [
        (0, 1, 2),  # 4 * (256 + 0 + 128) = 1536 KiB
        (128, 1, 2),  # 4 * 512 = 2048 KiB exactly
        (129, 1, 3),  # 2052 KiB
        (256, 1, 3),  # 2560 KiB
        (1024, 1, 6),  # 5632 KiB
        (1024, 4, 9),  # 8704 KiB
        (4096, 2, 19),  # 18944 KiB
    ],
)
def test_the_pool_of_a_domain(memory_mib: int, vcpus: int, mib: int) -> None:
    assert pool_pages(memory_mib * 1024, vcpus) == mib * 256


def test_no_pool_is_named_for_what_is_small() -> None:
    assert pool_mib(None, 1, []) is None
    assert pool_mib(256, 1, [(0x9010000, 0x1000, 0x9010000)]) is None


def taken(pool: int, memory_mib: int, mappings: Iterable[tuple[int, int, int]]) -> bool:
    """Whether a pool of pages takes the RAM, in 2 MiB blocks, and the mappings page by page."""
    tables = Stage2(pool)
    for gfn in range(0x40000, 0x40000 + min(memory_mib, 3 << 10) * 256, 512):
        assert tables.map(gfn, 512, gfn)
    return all(tables.map_small(guest >> 12, size >> 12) for _, size, guest in mappings)


WINDOWS = st.lists(
    st.tuples(
        st.just(0),
        st.integers(1, 1500 * 512).map(lambda pages: pages * PAGE_SIZE),
        st.integers(1 << 28, 1 << 30).map(lambda page: page * PAGE_SIZE),
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(st.none() | st.integers(1, 3000), st.integers(1, 4), WINDOWS)
def test_the_pool_named_takes_the_mappings_and_none_means_that_the_default_does(
    memory: int | None, vcpus: int, windows: list[tuple[int, int, int]]
) -> None:
    named = pool_mib(memory, vcpus, windows)
    pool = pool_pages((memory or 0) * 1024, vcpus) if named is None else named << 8
    assert taken(pool, memory or 0, windows)


@pytest.mark.parametrize("memory", [None, 256, 1024])
def test_the_default_pool_is_left_where_it_is_enough_only(memory: int | None) -> None:
    default = pool_pages((memory or 0) * 1024, 1)
    over = [(0, default * 2 * MIB, 8 << 40)]
    under = [(0, (default - 20) * 2 * MIB, 8 << 40)]
    assert not taken(default, memory or 0, over)
    assert pool_mib(memory, 1, over) is not None
    assert taken(default, memory or 0, under)
    assert pool_mib(memory, 1, under) is None


def test_a_named_pool_leaves_room_for_memory_that_is_not_known_yet() -> None:
    window = [(0, 4 * GIB, 8 << 40)]
    named = pool_mib(None, 1, window)
    assert named is not None
    assert taken(named << 8, 3 << 10, window)
    assert named << 8 > pool_pages((4 << 10) * 1024, 1)


def unmappable(memory: int, window: tuple[int, int]) -> bool:
    """Whether our rules foretell that xl runs out of tables for (first page, pages)."""
    text = f"memory = {memory}\niomem = ['{window[0]:x},{window[1]:x}']\n"
    found = domcfg.check(parse(text, "dom.cfg"), Context(release("4.20"), None))
    return "XA218" in {finding.code for finding in found}


@pytest.mark.parametrize("memory", [128, 1024, 129, 3072])
def test_ram_is_counted_alike_where_a_pool_is_chosen_and_where_it_is_judged(memory: int) -> None:
    """RAM of an odd number of MiB is not mapped page by page: xl and Xen populate it in 2 MiB."""
    default = pool_pages(memory * 1024, 1)
    pages = (default - 20) * 512
    assert pool_mib(memory, 1, [(0, pages * PAGE_SIZE, 8 << 40)]) is None
    assert not unmappable(memory, (8 << 28, pages))


def test_the_largest_guest_fits_into_its_pool() -> None:
    assert pool_mib(GUEST_MEMORY_MAX_MIB, 1, []) is None
    assert not unmappable(GUEST_MEMORY_MAX_MIB, (0x9010, 1))
