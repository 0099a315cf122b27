"""The guest's address space: clashes, holes, places, and how much memory is left."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rows import Rows
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import ROUTES
from xenassign.xen.layout import (
    MIB,
    OPTIONAL,
    Guest,
    clashes,
    memory_limit,
    room,
    routes_with_extended_regions,
    unused_windows,
)
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB, RELEASES, Release, Use, release

GIB = 1 << 30
versions = st.sampled_from(list(RELEASES.values()))


def guest(
    version: str = "4.20",
    gic: int = 3,
    vpl011: bool = True,
    memory: int | None = None,
    routes: tuple[str, ...] = ROUTES,
    options: frozenset[Use] = frozenset(),
) -> Guest:
    extended = routes_with_extended_regions(release(version), routes)
    return Guest(release(version), gic, vpl011, memory, extended=extended, options=options)


def names(who: Guest, address: int, size: int = PAGE_SIZE) -> dict[str, bool]:
    return {clash.name: clash.hard for clash in clashes(who, Span.sized(address, size))}


# --- clashes -------------------------------------------------------------------------------------


A_PAGE_MEETS_ITS_WINDOWS: tuple[tuple[int, dict[str, bool]], ...] = (
    (0x01FFF000, {}),
    (0x02000000, {}),
    (0x02100000, {}),
    (0x03001000, {"GICv3 distributor": True}),
    (0x0301F000, {}),
    (0x03020000, {"GICv3 redistributors": True}),
    (0x0401F000, {"GICv3 redistributors": True}),
    (0x04020000, {}),
    (0x10000000, {}),
    (0x20000000, {}),
    (0x22000000, {"vPL011": True}),
    (0x22001000, {}),
    (0x23000000, {}),
    (0x33000000, {}),
    (0x38000000, {"grant table": True}),
    (0x39000000, {"magic pages": True}),
    (0x3A000000, {}),
    (0x40000000, {"the extended regions of RAM bank 0 on xl": False}),
    (0x100000000, {}),
    (0x200000000, {"the extended regions of RAM bank 1 on xl": False}),
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


OF_OPTIONS: tuple[tuple[Use, dict[int, str]], ...] = (
    ("virtio-mmio", {0x02000000: "virtio-mmio", 0x020FF000: "virtio-mmio"}),
    ("acpi", {0x20000000: "ACPI tables"}),
    (
        "vpci",
        {
            0x10000000: "vPCI ECAM",
            0x23000000: "vPCI memory",
            0x100000000: "vPCI prefetchable memory",
        },
    ),
)


def test_a_window_of_an_option_is_there_with_the_option_only(rows: Rows) -> None:
    for option, windows in OF_OPTIONS:
        for address, name in windows.items():
            with rows(option, address):
                page = Span.sized(address, PAGE_SIZE)
                assert names(guest(), address) == {}
                assert [window.name for window in unused_windows(guest(), page)] == [name]
                user = guest(options=frozenset({option}))
                assert names(user, address) == {name: False}
                assert unused_windows(user, page) == ()
                assert room(user, page) == ()


# --- extended regions ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", RELEASES)
def test_who_has_extended_regions_over_mappings(version: str) -> None:
    """Every guest of xl, a dom0less domain with xen,enhanced only; until 4.20."""
    xen = release(version)
    until = version in ("4.17", "4.18", "4.19", "4.20")
    for routes, enhanced, expected in (
        (("xl",), False, ("xl",)),
        (("dom0less",), False, ()),
        (("dom0less",), True, ("dom0less",)),
        (ROUTES, False, ("xl",)),
        (ROUTES, True, ROUTES),
    ):
        told = routes_with_extended_regions(xen, routes, enhanced=enhanced)
        assert told == (expected if until else ())


@pytest.mark.parametrize(
    ("mib", "expected"),
    [
        (256, [(0x50000000, 0x100000000), (0x200000000, 0x10000000000)]),  # as booted
        (257, [(0x50200000, 0x100000000), (0x200000000, 0x10000000000)]),
        (3008, [(0xFC000000, 0x100000000), (0x200000000, 0x10000000000)]),
        (3009, [(0x200000000, 0x10000000000)]),  # less than 64 MiB
        (4096, [(0x240000000, 0x10000000000)]),
        (None, [(0x40000000, 0x100000000), (0x200000000, 0x10000000000)]),
    ],
)
def test_extended_regions_begin_after_the_ram(
    mib: int | None, expected: list[tuple[int, int]]
) -> None:
    who = guest(memory=mib and mib * MIB)
    assert [tuple(span) for span in who.extended_regions().values()] == expected
    for clash in (c for start, _ in expected for c in clashes(who, Span.sized(start, PAGE_SIZE))):
        assert clash.routes == ("xl",)
    assert guest(memory=mib and mib * MIB, routes=("dom0less",)).extended_regions() == {}


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
    who = Guest(xen, 3, True, 4 * GIB, extended=("xl",), options=OPTIONAL)
    for clash in clashes(who, Span.sized(address, size)):
        assert address < clash.span.end
        assert clash.span.start < address + size


# --- room -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", RELEASES)
def test_room_touches_no_reserved_window_and_comes_largest_first(version: str) -> None:
    xen = release(version)
    every = {window.when for window in xen.windows}
    for reserved in (every, every - {"vpci"}):
        told = room(Guest(xen, 3, True, None), Span(PAGE_SIZE, 1 << 40), reserved=reserved)
        assert told
        sizes = [end - start for start, end in told]
        assert sizes == sorted(sizes, reverse=True)
        for span in told:
            assert not any(w.span.overlaps(span) for w in xen.windows if w.when in reserved)


ranges = st.tuples(
    st.integers(0, 1 << 22).map(lambda n: n * PAGE_SIZE),
    st.integers(1, 1 << 20).map(lambda n: n * PAGE_SIZE),
)


@settings(deadline=None)
@given(
    versions,
    ranges,
    st.sampled_from([None, 64 << 20, 5 * GIB]),
    st.sampled_from([("xl",), ("dom0less",)]),
    st.sets(st.sampled_from(sorted(OPTIONAL))),
)
def test_room_is_what_clashes_with_nothing_whatever_the_memory(
    xen: Release,
    asked: tuple[int, int],
    memory: int | None,
    routes: tuple[str, ...],
    reserved: set[Use],
) -> None:
    base, size = asked
    extended = routes_with_extended_regions(xen, routes)
    who = Guest(xen, 3, True, memory, extended=extended)
    judge = who._replace(options=frozenset(reserved))
    if not memory:
        judge = judge._replace(memory=GUEST_MEMORY_MAX_MIB * MIB)
    found = room(who, Span.sized(base, size), reserved=reserved)
    assert found == room(who._replace(options=frozenset(reserved)), Span.sized(base, size))
    for start, end in found:
        assert base <= start < end <= base + size
        assert not list(clashes(judge, Span(start, end)))
    edges = [base, base + size, *(w.base for w in xen.windows), *(w.end for w in xen.windows)]
    for page in (edge + step for edge in edges for step in (-PAGE_SIZE, 0)):
        if base <= page < base + size:
            free = not names(judge, page)
            assert free == any(start <= page < end for start, end in found), hex(page)


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
