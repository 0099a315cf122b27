"""The guest's address space of a release: what is there, conflicts of a mapping, and room for one.

The table is data of :mod:`xenassign.xen.releases`. It is not a stable interface of Xen, so every
function depends on the release. Addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.spans import Span, gaps
from xenassign.findings import ROUTES
from xenassign.xen.releases import GuestWindow, Release, Use

MIB = 1 << 20

#: Windows that only a domain with an option has; xenassign never sets these options.
OPTIONAL: frozenset[Use] = frozenset({"vpci", "acpi", "virtio-mmio"})

_REGION_ALIGN, _REGION_MIN = 2 * MIB, 64 * MIB  # find_domU_holes, EXT_REGION_MIN_SIZE of libxl


def routes_with_extended_regions(
    release: Release, routes: Collection[str], *, enhanced: bool = False
) -> tuple[str, ...]:
    """The routes on which a domain is offered extended regions that may be over its mappings.

    ``enhanced``: whether the dom0less domain has PV interfaces (xen,enhanced). libxl writes the
    regions for every guest (finalize_hypervisor_node), dom0less Xen for such domains only
    (prepare_dtb_domU: DOM0LESS_ENHANCED_NO_XS). Since 4.21 both leave out the mappings.
    """
    if release.extended_regions_exclude_mappings:
        return ()
    return tuple(route for route in ROUTES if route in routes and (route == "xl" or enhanced))


class Guest(NamedTuple):
    """The facts that determine what is in a domain's address space.

    ``gic``: version of the host's GIC, which the guest's follows. ``memory``: bytes of RAM, None
    if not known yet. ``direct``: the address space of a direct-map domain
    (:func:`xenassign.xen.direct_map.windows`), None for any other. ``extended``: as of
    :func:`routes_with_extended_regions`. ``options``: kinds of ``OPTIONAL`` windows that the domain
    may use.
    """

    release: Release
    gic: int
    vpl011: bool
    memory: int | None
    direct: tuple[GuestWindow, ...] | None = None
    extended: tuple[str, ...] = ()
    options: frozenset[Use] = frozenset()

    @property
    def windows(self) -> tuple[GuestWindow, ...]:
        """The table of its address space; ``used`` decides whether the domain has a window."""
        return self.release.windows if self.direct is None else self.direct

    def ram(self) -> tuple[Span, ...]:
        """The RAM: bank after bank from its base, as libxl and dom0less do."""
        left = self.memory or 0
        banks: list[Span] = []
        for window in self.windows:
            if window.when == "ram" and left:
                banks.append(Span.sized(window.base, min(left, window.size)))
                left -= banks[-1].size
        return tuple(banks)

    def extended_regions(self) -> dict[GuestWindow, Span]:
        """By RAM window the part that may be offered for foreign mappings, over registers too.

        The whole window if the memory is not known. The regions of a direct-map domain are parts of
        the host's memory and holes of its tree, never registers.
        """
        regions: dict[GuestWindow, Span] = {}
        if not self.extended or self.direct is not None:
            return regions
        banks = {bank.start: bank for bank in self.ram()}
        for window in self.windows:
            if window.when == "ram":
                used = banks.get(window.base, Span(window.base, window.base))
                start = used.rounded(_REGION_ALIGN).end
                if window.end - start >= _REGION_MIN:
                    regions[window] = Span(start, window.end)
        return regions

    def used(self, window: GuestWindow) -> bool:
        """Whether the domain has a window. False for RAM banks: see ``ram()``."""
        if window.when in ("gicv2", "gicv3"):
            return window.when == f"gicv{self.gic}"
        if window.when == "vpl011":
            return self.vpl011
        return window.when == "always"


class Clash(NamedTuple):
    """A range that a mapping overlaps.

    ``hard``: the guest certainly has it. ``routes``: on which it has it. ``option``: the kind of
    window if only the domain's options bring it.
    """

    name: str
    span: Span
    hard: bool
    routes: tuple[str, ...] = ROUTES
    option: Use | None = None


def clashes(guest: Guest, mapped: Span) -> Iterator[Clash]:
    """Everything that a mapping at these guest addresses collides with."""
    for number, bank in enumerate(guest.ram()):
        if bank.overlaps(mapped):
            yield Clash(f"the guest's RAM bank {number}", bank, hard=True)
    regions = guest.extended_regions()
    for window in guest.windows:
        if window in regions and regions[window].overlaps(mapped):
            name = f"the extended regions of {window.name} on {' and '.join(guest.extended)}"
            yield Clash(name, regions[window], hard=False, routes=guest.extended)
        elif not window.span.overlaps(mapped):
            continue
        elif guest.used(window):
            yield Clash(window.name, window.span, hard=True)
        elif window.when in guest.options:
            yield Clash(window.name, window.span, hard=False, option=window.when)


def room(guest: Guest, span: Span, *, reserved: Collection[Use] = ()) -> tuple[Span, ...]:
    """What is surely free for a mapping in a span, largest first.

    ``reserved``: kinds of windows that are not free, even if the domain does not use them. RAM
    banks are not free while the memory is not known.
    """
    blocked = [*guest.ram(), *guest.extended_regions().values()]
    for window in guest.windows:
        unknown = window.when == "ram" and guest.memory is None
        if guest.used(window) or unknown or window.when in (*reserved, *guest.options):
            blocked.append(window.span)
    free = gaps(span, blocked)
    return tuple(sorted(free, key=lambda part: (-part.size, part.start)))


def unused_windows(guest: Guest, mapped: Span) -> tuple[GuestWindow, ...]:
    """The ``OPTIONAL`` windows that a mapping is in and that the domain does not use."""
    return tuple(
        window
        for window in guest.windows
        if window.when in OPTIONAL - guest.options and window.span.overlaps(mapped)
    )


def memory_limit(guest: Guest, mapped: Iterable[Span]) -> int:
    """The most RAM in MiB that leaves every mapping free."""
    ranges = sorted(mapped)
    total = 0
    for window in guest.windows:
        if window.when != "ram":
            continue
        starts = (span.start for span in ranges if span.overlaps(window.span))
        first = min(starts, default=window.end)
        total += max(first - window.base, 0)
        if first < window.end:
            break
    return total // MIB
