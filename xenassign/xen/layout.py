"""The guest's address space of a release: conflicts of a mapping, and holes.

The table is data of :mod:`xenassign.xen.releases`. It is not a stable interface of Xen, so every
function depends on the release. Addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span, gaps
from xenassign.xen.releases import GuestWindow, Release

MIB = 1 << 20

#: Windows that only a domain with an option has; xenassign never sets these options.
OPTIONAL = frozenset({"vpci", "acpi", "virtio-mmio"})


class Guest(NamedTuple):
    """The facts that determine which windows a domain has.

    ``gic``: version of the host's GIC, which the guest's follows. ``memory``: bytes of RAM, None
    if not known yet. ``direct``: the address space of a direct-map domain
    (:func:`xenassign.xen.direct_map.windows`), None for any other.
    """

    release: Release
    gic: int
    vpl011: bool
    memory: int | None
    direct: tuple[GuestWindow, ...] | None = None

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

    @property
    def extends_over_ram(self) -> bool:
        """Whether the unused part of a RAM bank may be offered for foreign mappings, registers too.

        A direct-map domain's banks have no unused part.
        """
        return self.direct is None and not self.release.extended_regions_exclude_mappings

    def used(self, window: GuestWindow) -> bool:
        """Whether the domain has a window. False for RAM banks: see ``ram()``."""
        if window.when in ("gicv2", "gicv3"):
            return window.when == f"gicv{self.gic}"
        if window.when == "vpl011":
            return self.vpl011
        return window.when == "always"


class Clash(NamedTuple):
    """A range that a mapping overlaps. ``hard``: the guest certainly has it."""

    name: str
    span: Span
    hard: bool


def clashes(guest: Guest, mapped: Span) -> Iterator[Clash]:
    """Everything that a mapping at these guest addresses collides with."""
    for number, bank in enumerate(guest.ram()):
        if bank.overlaps(mapped):
            yield Clash(f"the guest's RAM bank {number}", bank, hard=True)
    for window in guest.windows:
        if not window.span.overlaps(mapped):
            continue
        if guest.used(window):
            yield Clash(window.name, window.span, hard=True)
        elif window.when in OPTIONAL:
            yield Clash(window.name, window.span, hard=False)
        elif window.when == "ram" and guest.extends_over_ram:
            yield Clash(f"{window.name} (extended regions)", window.span, hard=False)


def holes(guest: Guest) -> tuple[Span, ...]:
    """What no window touches, page 0 left out, largest first.

    Only below the last window: a guest with a smaller address space has nothing above it.
    """
    spans = [window.span for window in guest.windows]
    end = max((span.end for span in spans), default=PAGE_SIZE)
    return _largest_first(gaps(Span(PAGE_SIZE, end), spans))


def room(guest: Guest, span: Span, *, optional: bool) -> tuple[Span, ...]:
    """What is surely free for a mapping in a span, largest first.

    Whole RAM banks are not free if their unused part may be offered to the guest, or its memory is
    not known. ``optional``: windows that only some domains have (vPCI, ACPI, virtio-mmio) are free.
    """
    ram = guest.memory is None or not guest.release.extended_regions_exclude_mappings
    blocked = [*guest.ram()]
    for window in guest.windows:
        possible = window.when in OPTIONAL and not optional
        if guest.used(window) or possible or (window.when == "ram" and ram):
            blocked.append(window.span)
    return _largest_first(gaps(span, blocked))


def _largest_first(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (-span.size, span.start)))


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
