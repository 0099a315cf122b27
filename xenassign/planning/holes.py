"""Where ``auto`` puts mappings in the guest, and why nothing can be in the way there.

A place is *allowed* when it touches no window of the release's guest layout, no RAM of the guest
and no other mapping, lies below 48 bits and is aligned as asked. The RAM banks are left out whole
before Xen 4.21, since the guest may be offered their unused part as extended regions, and while the
guest's memory is not known.

The place depends on the mapping itself: identity where that is allowed, else the allowed place that
keeps the most low bits of the host's address (0xff0e0000 goes to 0x3f0e0000). So a device stays
where it is when others are added, unless one takes its very place, and host and guest are congruent
modulo 2 MiB wherever a hole has such a place, which lets stage 2 use large mappings. Pins come
first: a place of an earlier plan is kept while it is allowed.

Addresses and sizes are bytes, of whole pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.xen.layout import Guest, holes, room
from xenassign.xen.releases import GUEST_IPA_BITS_MAX

GRANULE = 64 << 10
LARGE = 2 << 20
HUGE = 1 << 30


class Wish(NamedTuple):
    """Host pages that ``auto`` is to place. ``within``: only there. ``pin``: there if possible."""

    host: Span
    within: Span | None = None
    pin: int | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.host.size


class GuestPlace(NamedTuple):
    """A guest address, and whether it is that of the pin."""

    address: int
    pinned: bool = False


class _UsedPages(NamedTuple):
    """Guest pages that are in use. ``host`` None: they are only to be left free."""

    host: Span | None
    guest: Span


def natural(size: int) -> int:
    """The power of two that is not below a size."""
    return 1 << (size - 1).bit_length()


def congruence(size: int) -> int:
    """Modulo what host and guest must agree for stage 2 to use its largest mapping of a size.

    1 GiB and 2 MiB are what an entry of level 1 and 2 maps (see ``xen.stage2``).
    """
    return HUGE if size >= HUGE else LARGE if size >= LARGE else PAGE_SIZE


def aligned(align: str, host: int, size: int, address: int) -> bool:
    """Whether a guest address is aligned as ``Request.align`` asks."""
    if align == "natural":
        return not address % natural(size)
    if align == "64k":
        return not address % GRANULE
    if align == "2m":
        return not (address - host) % congruence(size)
    return True


class Space:
    """The guest's address space while it fills."""

    def __init__(self, guest: Guest, align: str, avoid: Sequence[Span] = ()) -> None:
        self._guest = guest
        self._align = align
        self._grain = GRANULE if align == "64k" else PAGE_SIZE
        self._taken = [_UsedPages(None, span) for span in avoid]

    def take(self, host: Span, address: int) -> None:
        """Notes that host pages are mapped at a guest address."""
        self._taken.append(_UsedPages(host, host.moved(address)))

    def allowed(self, wish: Wish, address: int, *, optional: bool = False) -> bool:
        """Whether pages can go to an address. ``optional``: into a window that only some have."""
        pages = wish.host.moved(address)
        footprint = pages.rounded(self._grain)
        return (
            (wish.within is None or wish.within.covers(pages))
            and not address % PAGE_SIZE
            and max(footprint.end, wish.host.end) <= 1 << GUEST_IPA_BITS_MAX
            and aligned(self._align, wish.host.start, wish.size, address)
            and room(self._guest, footprint, optional=optional) == (footprint,)
            and self._in_the_way(wish, address) is None
        )

    def same_pages(self, wish: Wish) -> Iterator[int]:
        """Where mappings that hold all of the pages have them already; the same pages stay so."""
        for host, guest in self._taken:
            if host is not None and host.covers(wish.host):
                pages = wish.host.moved(guest.start + wish.host.start - host.start)
                if wish.within is None or wish.within.covers(pages):
                    yield pages.start

    def find(self, wish: Wish) -> int | None:
        """The best allowed place, or None."""
        for ranges in self._ranges(wish.within):
            address = self._search(wish, ranges)
            if address is not None:
                return address
        return None

    def _ranges(self, within: Span | None) -> Iterator[Sequence[Span]]:
        """What may be used, best first."""
        if within is None:
            yield [
                part
                for hole in holes(self._guest)
                for part in room(self._guest, hole, optional=False)
            ]
            return
        usable = within.common(Span(PAGE_SIZE, 1 << GUEST_IPA_BITS_MAX))
        yield room(self._guest, usable, optional=False)
        yield room(self._guest, usable, optional=True)

    def _search(self, wish: Wish, ranges: Sequence[Span]) -> int | None:
        """The first free place, by how many low bits of the host's address it keeps."""
        unit = {"natural": natural(wish.size), "64k": GRANULE}.get(self._align, PAGE_SIZE)
        least = congruence(wish.size) if self._align == "2m" else unit
        key = wish.host.start - wish.host.start % unit
        length = Span(0, wish.size).rounded(self._grain).size
        for bits in range(GUEST_IPA_BITS_MAX - 1, least.bit_length() - 2, -1):
            step = 1 << bits
            for start, end in ranges:
                address = start + (key - start) % step
                while address + length <= end:
                    behind = self._in_the_way(wish, address)
                    if behind is None:
                        return address
                    address = behind + (key - behind) % step
        return None

    def _in_the_way(self, wish: Wish, address: int) -> int | None:
        """The end of what is at an address already, or None.

        Pages that are mapped twice, with the same distance of host and guest, are not in the way.
        """
        pages = wish.host.moved(address)
        last: int | None = None
        for host, guest in self._taken:
            footprint = guest.rounded(self._grain)  # what they occupy for a guest with its granule
            if not footprint.overlaps(pages.rounded(self._grain)):
                continue
            same = host is not None and guest.start - host.start == address - wish.host.start
            if same and guest.overlaps(pages):
                continue
            last = max(last or 0, footprint.end)
        return last


def settle(space: Space, wishes: Sequence[Wish]) -> list[GuestPlace | None]:
    """A place for each wish, None where there is none.

    Pins go first, then what keeps its identity, then the rest, the largest first. Pages inside of
    those of another wish go with them.
    """
    found: dict[int, GuestPlace] = {}
    order = sorted(range(len(wishes)), key=lambda n: (-wishes[n].size, wishes[n].host.start, n))

    def put(number: int, address: int, *, pinned: bool = False) -> None:
        found[number] = GuestPlace(address, pinned)
        space.take(wishes[number].host, address)

    for number in order:
        wish = wishes[number]
        optional = wish.within is not None
        if wish.pin is not None and space.allowed(wish, wish.pin, optional=optional):
            put(number, wish.pin, pinned=True)
    first, inner = _by_containment([n for n in order if n not in found], wishes)
    for number in first:
        wish = wishes[number]
        there = next(space.same_pages(wish), None)
        if there is not None:
            put(number, there)
        elif space.allowed(wish, wish.host.start):
            put(number, wish.host.start)
    for number in (*(n for n in first if n not in found), *inner):
        wish = wishes[number]
        address = next(space.same_pages(wish), None)
        if address is None and space.allowed(wish, wish.host.start):
            address = wish.host.start
        if address is None:
            address = space.find(wish)
        if address is not None:
            put(number, address)
    return [found.get(number) for number in range(len(wishes))]


def _by_containment(order: list[int], wishes: Sequence[Wish]) -> tuple[list[int], list[int]]:
    """Wishes that lie in no other's host pages, and those that do. ``order``: largest first."""
    first: list[int] = []
    inner: list[int] = []
    for number in order:
        held = any(wishes[n].host.covers(wishes[number].host) for n in first)
        (inner if held else first).append(number)
    return first, inner
