"""Where auto puts mappings: allowed, aligned, in the window, and stable.

The judge here knows the windows of the release only; it shares no code with what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.planning.holes import GuestPlace, Space, Wish, find_places
from xenassign.request.options import ALIGNMENTS
from xenassign.xen.layout import Guest, routes_with_extended_regions
from xenassign.xen.releases import RELEASES, Release, release

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LIMIT = 1 << 48
OPTIONAL = ("vpci", "acpi", "virtio-mmio")

patient = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
releases = st.sampled_from(list(RELEASES.values()))
memories = st.sampled_from([None, 64, 3072, 100_000])
aligns = st.sampled_from(ALIGNMENTS)
numbers = st.one_of(
    st.integers(1, 0x40000), st.integers(0xF0000, 0x110000), st.integers(0x200000, 0x20000000)
)
sizes = st.one_of(
    st.integers(1, 64), st.sampled_from([0x10, 0x200, 0x300, 0x2000, 0x8000]), st.just(0x40000)
)
pages = st.builds(lambda first, count: Span.sized(first, count).in_bytes, numbers, sizes)
wishes = pages.map(Wish)


def apart(one: Wish, other: Wish) -> bool:
    return one.host.end <= other.host.start or other.host.end <= one.host.start


#: Host pages of different devices; what they share is another test.
several = st.lists(wishes, min_size=1, max_size=12).filter(
    lambda found: all(apart(*pair) for pair in combinations(found, 2))
)


def guest(xen: Release, memory: int | None, route: str = "xl") -> Guest:
    extended = routes_with_extended_regions(xen, [route])
    return Guest(xen, 3, True, memory and memory * MIB, extended=extended)


def placed(
    xen: Release, memory: int | None, align: str, wanted: Sequence[Wish], route: str = "xl"
) -> list[GuestPlace | None]:
    return find_places(Space(guest(xen, memory, route), align), wanted)


def touched(xen: Release, memory: int | None, start: int, end: int, route: str = "xl") -> set[str]:
    """What stands there of the guest, by the table of the release."""
    found: set[str] = set()
    left = (memory or 0) * MIB
    extended = route == "xl" and xen.version in ("4.17", "4.18", "4.19", "4.20")
    for window in xen.windows:
        base, stop = window.base, window.end
        if window.when in ("gicv2", *OPTIONAL):
            continue
        if window.when == "ram" and memory and not extended:
            stop = base + min(left, window.size)
        if window.when == "ram":
            left -= min(left, window.size)
        if start < stop and base < end and base < stop:
            found.add(window.when)
    return found


def align_of(align: str, size: int) -> int:
    if align == "natural":
        power = PAGE_SIZE
        while power < size:
            power *= 2
        return power
    return 64 * KIB if align == "64k" else PAGE_SIZE


def check(xen: Release, memory: int | None, align: str, wish: Wish, address: int) -> None:
    assert not address % align_of(align, wish.size)
    assert address >= 0
    assert address + wish.size <= LIMIT
    assert not touched(xen, memory, address, address + wish.size)
    if align == "2m" and wish.size >= 2 * MIB:
        assert not (address - wish.host.start) % (GIB if wish.size >= GIB else 2 * MIB)


@patient
@given(releases, memories, aligns, several)
def test_a_place_touches_nothing_and_is_aligned(
    xen: Release, memory: int | None, align: str, wanted: list[Wish]
) -> None:
    found = placed(xen, memory, align, wanted)
    assert found == placed(xen, memory, align, wanted)
    grain = 64 * KIB if align == "64k" else PAGE_SIZE
    spans = []
    for wish, place in zip(wanted, found, strict=True):
        if place is not None:
            check(xen, memory, align, wish, place.address)
            end = -(-(place.address + wish.size) // grain)
            spans.append((place.address // grain, end))
    assert all(a[1] <= b[0] or b[1] <= a[0] for a, b in combinations(spans, 2))


@patient
@given(releases, memories, wishes, st.sampled_from(["xl", "dom0less"]))
def test_identity_stays_where_it_is_safe(
    xen: Release, memory: int | None, wish: Wish, route: str
) -> None:
    (place,) = placed(xen, memory, "page", [wish], route)
    safe = not touched(xen, memory, *wish.host, route)
    kept = place is not None and place.address == wish.host.start
    assert kept == (safe and wish.host.end <= LIMIT)


@patient
@given(releases, memories, wishes.filter(lambda wish: wish.size >= 2 * MIB))
def test_large_blocks_are_congruent_unasked(xen: Release, memory: int | None, wish: Wish) -> None:
    """The holes are far larger than these blocks, so there is such a place."""
    assume(wish.size <= 64 * MIB)
    (place,) = placed(xen, memory, "page", [wish])
    assert place is not None
    assert not (place.address - wish.host.start) % (2 * MIB)


def footprints_meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    grain = 64 * KIB
    return (
        one[0] // grain * grain < -(-other[1] // grain) * grain
        and other[0] // grain * grain < -(-one[1] // grain) * grain
    )


@patient
@given(releases, memories, aligns, several)
def test_a_device_moves_no_other_that_it_does_not_meet(
    xen: Release, memory: int | None, align: str, wanted: list[Wish]
) -> None:
    *before, added = wanted
    old = placed(xen, memory, align, before)
    (alone,) = placed(xen, memory, align, [added])
    assume(alone is not None)
    assert alone is not None
    mine = (alone.address, alone.address + added.size)
    for wish, place in zip(before, old, strict=True):
        if place is not None:
            assume(not footprints_meet(mine, (place.address, place.address + wish.size)))
        else:
            assume(False)
    assert placed(xen, memory, align, wanted) == [*old, alone]


@patient
@given(releases, memories, aligns, several)
def test_with_pins_nothing_moves_whatever_comes_before(
    xen: Release, memory: int | None, align: str, wanted: list[Wish]
) -> None:
    count = len(wanted) // 2
    old = placed(xen, memory, align, wanted[:count])
    pinned = [
        wish._replace(pin=place.address) if place else wish
        for wish, place in zip(wanted, old, strict=False)
    ]
    new = placed(xen, memory, align, [*reversed(wanted[count:]), *pinned])
    for place, kept in zip(old, new[len(wanted) - count :], strict=True):
        if place is not None:
            assert kept == GuestPlace(place.address, pinned=True)


@patient
@given(releases, memories, aligns, wishes, st.integers(0, 1 << 36))
def test_a_pin_is_kept_exactly_where_it_is_allowed(
    xen: Release, memory: int | None, align: str, wish: Wish, page: int
) -> None:
    pin = page * PAGE_SIZE
    (place,) = placed(xen, memory, align, [wish._replace(pin=pin)])
    end = pin + wish.size
    grain = 64 * KIB if align == "64k" else PAGE_SIZE
    modulus = GIB if wish.size >= GIB else 2 * MIB if wish.size >= 2 * MIB else PAGE_SIZE
    fine = (
        not pin % align_of(align, wish.size)
        and not touched(xen, memory, pin, -(-end // grain) * grain)
        and -(-end // grain) * grain <= LIMIT
        and (align != "2m" or not (pin - wish.host.start) % modulus)
    )
    assert (place == GuestPlace(pin, pinned=True)) == fine
    if not fine:  # it never refuses
        assert place == placed(xen, memory, align, [wish])[0]


windows = st.builds(
    lambda page, count: Span(page * PAGE_SIZE, (page + count) * PAGE_SIZE),
    st.one_of(st.integers(0, 0x50000), st.integers(0, 1 << 29)),
    st.one_of(st.integers(1, 0x200), st.integers(1, 1 << 20)),
)


@patient
@given(releases, memories, aligns, wishes, windows)
def test_a_window_holds_the_place_or_has_none(
    xen: Release, memory: int | None, align: str, wish: Wish, window: Span
) -> None:
    (place,) = placed(xen, memory, align, [wish._replace(within=window)])
    if place is not None:
        assert window.start <= place.address
        assert place.address + wish.size <= window.end
        assert not place.address % align_of(align, wish.size)
        assert not touched(xen, memory, place.address, place.address + wish.size)
        return
    if align == "page":  # then every page would do: none is free for so long
        free = 0
        for at in range(max(window.start, PAGE_SIZE), min(window.end, 0x41000000), PAGE_SIZE):
            blocked = touched(xen, memory, at, at + PAGE_SIZE)
            free = 0 if blocked else free + PAGE_SIZE
            assert free < wish.size


@pytest.mark.parametrize("version", RELEASES)
def test_in_a_window_what_only_some_guests_have_is_the_last_resort(version: str) -> None:
    xen = release(version)
    wish = Wish(Span.sized(0xFF0E0000, PAGE_SIZE))
    inside, beside = Span(0x10000000, 0x20000000), Span(0xF000000, 0x20000000)
    assert placed(xen, 64, "page", [wish._replace(within=inside)]) == [GuestPlace(0x1F0E0000)]
    assert placed(xen, 64, "page", [wish._replace(within=beside)]) == [GuestPlace(0xF0E0000)]


def test_the_same_pages_are_in_one_place() -> None:
    xen = release("4.20")
    whole, part = Wish(Span.sized(0xFF0E0000, 0x10000)), Wish(Span.sized(0xFF0E4000, 0x1000))
    for order in ([whole, part], [part, whole]):
        found = dict(zip(order, placed(xen, 64, "page", order), strict=True))
        first, second = found[whole], found[part]
        assert first is not None
        assert second is not None
        assert second.address - first.address == 0x4000


def test_the_low_bits_of_the_host_are_kept() -> None:
    xen = release("4.20")
    found = placed(
        xen,
        None,
        "page",
        [Wish(Span.sized(0xFF0E0000, 0x1000)), Wish(Span.sized(0xFD4D0000, 0x1000))],
    )
    assert found == [GuestPlace(0x3F0E0000), GuestPlace(0x3D4D0000)]


@patient
@given(releases, several, st.lists(st.tuples(numbers, sizes), max_size=6))
def test_what_is_to_be_left_free_is(
    xen: Release, wanted: list[Wish], pages: list[tuple[int, int]]
) -> None:
    avoid = [Span.sized(page * PAGE_SIZE, count * PAGE_SIZE) for page, count in pages]
    for wish, place in zip(
        wanted, find_places(Space(guest(xen, None), "page", avoid), wanted), strict=True
    ):
        if place is not None:
            end = place.address + wish.size
            assert not any(start < end and place.address < stop for start, stop in avoid)


@pytest.mark.parametrize("version", RELEASES)
def test_ram_banks_are_used_only_where_nothing_can_lie_over_a_device(version: str) -> None:
    """Identity in a bank: from 4.21 on, when the memory is known and ends below."""
    xen = release(version)
    wish = Wish(Span.sized(0xFF0E0000, PAGE_SIZE))
    for route in ("xl", "dom0less"):
        stays = [
            placed(xen, memory, "page", [wish], route) == [GuestPlace(wish.host.start)]
            for memory in (None, 64, 4096)
        ]
        assert stays == [False, route == "dom0less" or version in ("4.21", "4.22", "4.23"), False]


FLEXSPI, OSPI = Span.sized(0x8000000, 256 * MIB), Span.sized(0x5_0000_0000, 4 * GIB)


def test_what_fits_no_hole_gets_a_window_that_nothing_uses() -> None:
    """Those of vPCI before the others, RAM banks last and only if nothing else can be there."""
    xen = release("4.20")
    assert placed(xen, 64, "page", [Wish(FLEXSPI)]) == [GuestPlace(FLEXSPI.start)]
    above = [Wish(FLEXSPI.moved(0xC800_0000))]
    assert placed(xen, 64, "page", above) == [GuestPlace(0x1_C800_0000)]
    assert placed(xen, 64, "natural", above) == [GuestPlace(0x1_C000_0000)]
    assert placed(xen, None, "page", [Wish(OSPI)]) == [GuestPlace(0x1_0000_0000)]
    two = [Wish(OSPI), Wish(OSPI.moved(0x6_0000_0000))]
    first, second = GuestPlace(0x1_0000_0000), GuestPlace(0x6_0000_0000)
    assert placed(xen, 64, "page", two, "dom0less") == [GuestPlace(OSPI.start), second]
    assert placed(xen, 64, "page", two) == [first, None]
    assert placed(xen, None, "page", two, "dom0less") == [first, None]
    low = [Wish(Span.sized(0x4000_0000, 4 * GIB)), Wish(Span.sized(0x4100_0000, 4 * GIB))]
    told = placed(xen, 64, "page", low, "dom0less")
    assert told == [GuestPlace(0x1_0000_0000), GuestPlace(0x80_4100_0000)]


def test_2m_takes_no_place_that_is_not_congruent() -> None:
    xen = release("4.20")
    block = Wish(Span.sized(0xC0000000, 2 * MIB), Span(0x4100000, 0x4300000))
    assert placed(xen, 64, "page", [block]) == [GuestPlace(0x4100000)]
    assert placed(xen, 64, "2m", [block]) == [None]
    pinned = block._replace(within=None, pin=0x4100000)
    assert placed(xen, 64, "page", [pinned]) == [GuestPlace(0x4100000, pinned=True)]
    assert placed(xen, 64, "2m", [pinned]) == [GuestPlace(0x8000000)]
    huge = Wish(Span.sized(0x7_4000_0000, GIB), Span(0x80_2000_0000, 0x80_6000_0000))
    assert placed(xen, 64, "2m", [huge._replace(host=Span.sized(0x7_6000_0000, GIB))]) == [None]
    assert placed(release("4.21"), 64, "2m", [huge]) == [None]
    wide = huge._replace(within=Span(0x80_2000_0000, 0x81_0000_0000))
    assert placed(release("4.21"), 64, "2m", [wide]) == [GuestPlace(0x80_4000_0000)]


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_nothing_else_lies_in_64_kib_of_a_device(align: str) -> None:
    """Not even what was placed without that alignment."""
    space = Space(guest(release("4.20"), 64), align)
    space.take(Span.sized(0xFD000000, PAGE_SIZE), 0x3F0E1000)
    (place,) = find_places(space, [Wish(Span.sized(0xFF0E0000, PAGE_SIZE))])
    assert place is not None
    assert (place.address == 0x3F0E0000) == (align != "64k")
