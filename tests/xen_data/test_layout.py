"""The guest's address space: clashes, holes, places, and how much memory is left."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.xen.layout import MIB, Guest, clashes, holes, memory_limit, room
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB, RELEASES, Release, release

GIB = 1 << 30
versions = st.sampled_from(list(RELEASES.values()))


def guest(
    version: str = "4.20", gic: int = 3, vpl011: bool = True, memory: int | None = None
) -> Guest:
    return Guest(release(version), gic, vpl011, memory)


def names(who: Guest, address: int, size: int = PAGE_SIZE) -> dict[str, bool]:
    return {clash.name: clash.hard for clash in clashes(who, Span.sized(address, size))}


# --- clashes -------------------------------------------------------------------------------------


A_PAGE_MEETS_ITS_WINDOWS: tuple[tuple[int, dict[str, bool]], ...] = (
    (0x01FFF000, {}),
    (0x02000000, {"virtio-mmio": False}),
    (0x020FF000, {"virtio-mmio": False}),
    (0x02100000, {}),
    (0x03001000, {"GICv3 distributor": True}),
    (0x0301F000, {}),
    (0x03020000, {"GICv3 redistributors": True}),
    (0x0401F000, {"GICv3 redistributors": True}),
    (0x04020000, {}),
    (0x10000000, {"vPCI ECAM": False}),
    (0x20000000, {"ACPI tables": False}),
    (0x22000000, {"vPL011": True}),
    (0x22001000, {}),
    (0x23000000, {"vPCI memory": False}),
    (0x33000000, {}),
    (0x38000000, {"grant table": True}),
    (0x39000000, {"magic pages": True}),
    (0x3A000000, {}),
    (0x40000000, {"RAM bank 0 (extended regions)": False}),
    (0x100000000, {"vPCI prefetchable memory": False}),
    (0x200000000, {"RAM bank 1 (extended regions)": False}),
    (0x10000000000, {}),
)


def test_a_page_meets_its_windows(rows: Rows) -> None:
    for address, expected in A_PAGE_MEETS_ITS_WINDOWS:
        with rows(address, expected):
            assert names(guest(), address) == expected


def test_the_gic_is_that_of_the_host() -> None:
    assert names(guest(gic=2), 0x3002000) == {"GICv2 CPU interface": True}
    assert names(guest(gic=2), 0x4000000) == {}
    assert names(guest(gic=3), 0x3002000) == {"GICv3 distributor": True}


def test_the_vpl011_is_there_when_wanted() -> None:
    assert names(guest(vpl011=False), 0x22000000) == {}


def test_extended_regions_count_until_4_20() -> None:
    assert names(guest("4.21"), 0x50000000) == {}
    assert names(guest("4.20"), 0x50000000) != {}


def test_ram_fills_bank_0_and_then_bank_1() -> None:
    assert guest(memory=GIB).ram() == (Span.sized(0x40000000, GIB),)
    banks = (Span.sized(0x40000000, 3 * GIB), Span.sized(0x200000000, GIB))
    assert guest(memory=4 * GIB).ram() == banks
    assert guest().ram() == ()
    assert names(guest("4.22", memory=4 * GIB), 0x23FFFF000) == {"the guest's RAM bank 1": True}
    assert names(guest("4.22", memory=4 * GIB), 0x240000000) == {}


@settings(deadline=None)
@given(
    st.integers(0, 1 << 34).map(lambda n: n & ~(PAGE_SIZE - 1)),
    st.integers(1, 1 << 20).map(lambda n: n * PAGE_SIZE),
    versions,
)
def test_a_clash_overlaps_and_whatever_a_window_holds_clashes(
    address: int, size: int, xen: Release
) -> None:
    for clash in clashes(Guest(xen, 3, True, 4 * GIB), Span.sized(address, size)):
        assert address < clash.span.end
        assert clash.span.start < address + size


# --- holes and room -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", RELEASES)
def test_holes_touch_no_window_and_come_largest_first(version: str) -> None:
    xen = release(version)
    found = holes(Guest(xen, 3, True, None))
    assert found
    sizes = [end - start for start, end in found]
    assert sizes == sorted(sizes, reverse=True)
    for start, end in found:
        assert start >= PAGE_SIZE
        assert not any(window.span.overlaps(Span(start, end)) for window in xen.windows)


ranges = st.tuples(
    st.integers(0, 1 << 22).map(lambda n: n * PAGE_SIZE),
    st.integers(1, 1 << 20).map(lambda n: n * PAGE_SIZE),
)


@settings(deadline=None)
@given(versions, ranges, st.sampled_from([None, 64 << 20, 5 * GIB]), st.booleans())
def test_room_is_what_clashes_with_nothing_whatever_the_memory(
    xen: Release, asked: tuple[int, int], memory: int | None, optional: bool
) -> None:
    base, size = asked
    who = Guest(xen, 3, True, memory)
    judge = who if memory else who._replace(memory=GUEST_MEMORY_MAX_MIB * MIB)
    found = room(who, Span.sized(base, size), optional=optional)
    for start, end in found:
        assert base <= start < end <= base + size
        told = {clash.name for clash in clashes(judge, Span(start, end))}
        assert not told - (OPTIONAL_NAMES if optional else set())
    edges = [base, base + size, *(w.base for w in xen.windows), *(w.end for w in xen.windows)]
    for page in (edge + step for edge in edges for step in (-PAGE_SIZE, 0)):
        if base <= page < base + size:
            told = set(names(judge, page))
            free = not told - (OPTIONAL_NAMES if optional else set())
            assert free == any(start <= page < end for start, end in found), hex(page)


OPTIONAL_NAMES = {"vPCI ECAM", "vPCI memory", "vPCI prefetchable memory", "ACPI tables"} | {
    "virtio-mmio"
}


# --- memory --------------------------------------------------------------------------------------


def sized(mapped: list[tuple[int, int]]) -> list[Span]:
    return [Span.sized(*pair) for pair in mapped]


def brute_force(xen: Release, mapped: list[tuple[int, int]]) -> int:
    """By bisection over what Guest.ram() says; more memory never frees a mapping."""
    low, high = 0, GUEST_MEMORY_MAX_MIB
    while low < high:
        middle = (low + high + 1) // 2
        ram = Guest(xen, 3, True, middle * MIB).ram()
        clash = any(a < end and start < a + s for a, s in mapped for start, end in ram)
        low, high = (low, middle - 1) if clash else (middle, high)
    return low


mapped_ranges = st.lists(
    st.tuples(
        st.one_of(
            st.integers(0, 1 << 21), st.integers(0x200000, 0x10000000), st.just(0x100000)
        ).map(lambda n: n * PAGE_SIZE),
        st.integers(1, 0x100000).map(lambda n: n * PAGE_SIZE),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(versions, mapped_ranges)
def test_the_memory_limit_is_the_most_that_leaves_all_mappings_free(
    xen: Release, mapped: list[tuple[int, int]]
) -> None:
    assert memory_limit(Guest(xen, 3, True, None), sized(mapped)) == brute_force(xen, mapped)


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ([], GUEST_MEMORY_MAX_MIB),
        ([(0x9010000, 0x1000)], GUEST_MEMORY_MAX_MIB),
        ([(0xFF0E0000, 0x1000)], 3056),
        ([(0x40000000, 0x1000)], 0),
        ([(0x3FFFF000, 0x2000)], 0),
        ([(0x40001000, 0x1000)], 0),
        ([(0x200000000, 0x1000)], 3072),
        ([(0x100000000, 0x1000)], GUEST_MEMORY_MAX_MIB),
    ],
)
def test_known_limits(mapped: list[tuple[int, int]], expected: int) -> None:
    assert memory_limit(guest(), sized(mapped)) == expected
