"""Where ``auto`` puts mappings in the guest, so that they collide with nothing.

A place is *allowed* when nothing of the guest is there (``xen.layout.room``) and no other mapping,
it is below 48 bits and it is aligned as requested. The RAM banks are left out whole while the
guest's memory is not known.

The place depends on the mapping itself: identity where that is allowed, else the allowed place that
keeps the most low bits of the host's address (0xff0e0000 goes to 0x3f0e0000), first among those
that no window of the layout touches. So a device keeps its place when others are added, unless one
of them requires this place, and host and guest are congruent modulo 2 MiB if a hole has such a
place, which lets stage 2 use large mappings. Pins come first: a place of an earlier plan is kept
while it is allowed.

Addresses and sizes are bytes, of whole pages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, get_args

from xenassign.devicetree.spans import PAGE_SIZE, GrowingIntervals, Span
from xenassign.xen.layout import OPTIONAL, Guest, room
from xenassign.xen.releases import GUEST_IPA_BITS_MAX, Use

GRANULE = 64 << 10
LARGE = 2 << 20
HUGE = 1 << 30

_EVERY_USE: frozenset[Use] = frozenset(get_args(Use))
#: The windows that are left free although the guest does not use them: all, so that a place suits
#: every guest; then not those of vPCI, which no guest on Arm has; then only the RAM banks, which
#: more memory would fill; then none.
_RESERVED: tuple[Collection[Use], ...] = (_EVERY_USE, _EVERY_USE - {"vpci"}, {"ram"}, ())


class Wish(NamedTuple):
    """Host pages that ``auto`` is to place.

    ``within``: guest addresses that limit the choice. ``pin``: the preferred guest address.
    """

    host: Span
    within: Span | None = None
    pin: int | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.host.size


class GuestPlace(NamedTuple):
    """A guest address. ``pinned``: whether it is the preferred one."""

    address: int
    pinned: bool = False


def natural(size: int) -> int:
    """The smallest power of two that is not below a size."""
    return 1 << (size - 1).bit_length()


def congruence(size: int) -> int:
    """The modulus by which host and guest addresses must agree for the largest stage 2 mapping.

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
    """The guest's address space with the mappings so far.

    ``align``: as ``Request.align``. ``avoid``: guest addresses to leave free.
    """

    def __init__(self, guest: Guest, align: str, avoid: Sequence[Span] = ()) -> None:
        self._guest = guest
        self._align = align
        self._grain = GRANULE if align == "64k" else PAGE_SIZE
        #: Guest pages in use, by whole granules, with the host pages that are mapped there, if any.
        self._used: GrowingIntervals[tuple[Span | None, Span]] = GrowingIntervals()
        #: Host pages that are mapped, with their guest addresses.
        self._mapped: GrowingIntervals[int] = GrowingIntervals()
        for span in avoid:
            self._used.add(span.rounded(self._grain), (None, span))

    def take(self, host: Span, address: int) -> None:
        """Notes that host pages are mapped at a guest address."""
        guest = host.moved(address)
        self._used.add(guest.rounded(self._grain), (host, guest))
        self._mapped.add(host, address)

    def allowed(self, wish: Wish, address: int) -> bool:
        """Whether pages can be at a guest address."""
        pages = wish.host.moved(address)
        footprint = pages.rounded(self._grain)
        return (
            (wish.within is None or wish.within.covers(pages))
            and not address % PAGE_SIZE
            and max(footprint.end, wish.host.end) <= 1 << GUEST_IPA_BITS_MAX
            and aligned(self._align, wish.host.start, wish.size, address)
            and room(self._guest, footprint) == (footprint,)
            and self._collision_end(wish, address) is None
        )

    def same_pages(self, wish: Wish) -> Iterator[int]:
        """Guest addresses at which a mapping with all of these host pages has them already."""
        for host, address in self._mapped.covering(wish.host):
            pages = wish.host.moved(address + wish.host.start - host.start)
            if wish.within is None or wish.within.covers(pages):
                yield pages.start

    def find(self, wish: Wish) -> int | None:
        """The best allowed guest address, or None."""
        for span, reserved in self._ranges(wish.within):
            address = self._search(wish, room(self._guest, span, reserved=reserved))
            if address is not None:
                return address
        return None

    def _ranges(self, within: Span | None) -> Iterator[tuple[Span, Collection[Use]]]:
        """(guest addresses, kinds of windows to leave free there), the best first.

        Only below the last window, unless ``within`` reaches further: a guest with a smaller
        address space has nothing above it.
        """
        if within is None:
            end = max((window.end for window in self._guest.windows), default=PAGE_SIZE)
            yield from ((Span(PAGE_SIZE, end), reserved) for reserved in _RESERVED)
            return
        usable = within.common(Span(PAGE_SIZE, 1 << GUEST_IPA_BITS_MAX))
        yield from ((usable, OPTIONAL & set(reserved)) for reserved in _RESERVED)

    def _search(self, wish: Wish, ranges: Sequence[Span]) -> int | None:
        """The free address that keeps the most low bits of the host's address, or None."""
        unit = {"natural": natural(wish.size), "64k": GRANULE}.get(self._align, PAGE_SIZE)
        least = congruence(wish.size) if self._align == "2m" else unit
        key = wish.host.start - wish.host.start % unit
        length = Span(0, wish.size).rounded(self._grain).size
        for bits in range(GUEST_IPA_BITS_MAX - 1, least.bit_length() - 2, -1):
            step = 1 << bits
            for start, end in ranges:
                address = start + (key - start) % step
                while address + length <= end:
                    used_end = self._collision_end(wish, address)
                    if used_end is None:
                        return address
                    address = used_end + (key - used_end) % step
        return None

    def _collision_end(self, wish: Wish, address: int) -> int | None:
        """The end of the last used pages that a place collides with, or None.

        Pages that are mapped at the same distance of host and guest addresses do not collide.
        """
        pages = wish.host.moved(address)
        end: int | None = None
        for footprint, (host, guest) in self._used.overlapping(pages.rounded(self._grain)):
            same = host is not None and guest.start - host.start == address - wish.host.start
            if same and guest.overlaps(pages):
                continue
            end = max(end or 0, footprint.end)
        return end


def find_places(space: Space, wishes: Sequence[Wish]) -> list[GuestPlace | None]:
    """A place for each wish, None if there is none.

    Pins are placed first, then identity mappings, then the rest, the largest first. Pages inside of
    those of another wish follow it.
    """
    places: dict[int, GuestPlace] = {}
    order = sorted(range(len(wishes)), key=lambda n: (-wishes[n].size, wishes[n].host.start, n))

    def put(number: int, address: int, *, pinned: bool = False) -> None:
        places[number] = GuestPlace(address, pinned)
        space.take(wishes[number].host, address)

    for number in order:
        wish = wishes[number]
        if wish.pin is not None and space.allowed(wish, wish.pin):
            put(number, wish.pin, pinned=True)
    outer, inner = _by_containment([n for n in order if n not in places], wishes)
    for number in outer:
        wish = wishes[number]
        address = next(space.same_pages(wish), None)
        if address is not None:
            put(number, address)
        elif space.allowed(wish, wish.host.start):
            put(number, wish.host.start)
    for number in (*(n for n in outer if n not in places), *inner):
        wish = wishes[number]
        address = next(space.same_pages(wish), None)
        if address is None and space.allowed(wish, wish.host.start):
            address = wish.host.start
        if address is None:
            address = space.find(wish)
        if address is not None:
            put(number, address)
    return [places.get(number) for number in range(len(wishes))]


def _by_containment(order: list[int], wishes: Sequence[Wish]) -> tuple[list[int], list[int]]:
    """(outer, inner): wishes whose host pages no other one covers, and the rest.

    ``order``: indexes of wishes, the largest first.
    """
    outer: list[int] = []
    inner: list[int] = []
    larger: GrowingIntervals[None] = GrowingIntervals()
    for number in order:
        host = wishes[number].host
        if larger.covering(host):
            inner.append(number)
        else:
            outer.append(number)
            larger.add(host, None)
    return outer, inner
