"""The guest's address space of a release: what a mapping would collide with, and where holes are.

The table is data of :mod:`xenassign.xen.releases`. It is no stable interface of Xen, so every
question names the release. Addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.xen.releases import GuestWindow, Release

MIB = 1 << 20

#: What is there only when a domain asks for it, which xenassign never does.
OPTIONAL = frozenset({"vpci", "acpi", "virtio-mmio"})


class Guest(NamedTuple):
    """What decides which windows a domain really has.

    ``gic``: version of the host's GIC, which the guest's follows. ``memory``: bytes of RAM, None
    when not known yet. ``direct``: the address space of a direct-map domain
    (:func:`xenassign.xen.direct_map.windows`), None for any other.
    """

    release: Release
    gic: int
    vpl011: bool
    memory: int | None
    direct: tuple[GuestWindow, ...] | None = None

    @property
    def windows(self) -> tuple[GuestWindow, ...]:
        """The table of its address space, in which ``used`` tells what is there."""
        return self.release.windows if self.direct is None else self.direct

    def ram(self) -> tuple[tuple[int, int], ...]:
        """(address, size) of the RAM: bank after bank from its base, as libxl and dom0less do."""
        left = self.memory or 0
        banks: list[tuple[int, int]] = []
        for window in self.windows:
            if window.when == "ram" and left:
                banks.append((window.base, min(left, window.size)))
                left -= banks[-1][1]
        return tuple(banks)

    @property
    def extends_over_ram(self) -> bool:
        """Whether what is left of a RAM bank may be offered for foreign mappings, registers too.

        A direct-map domain's banks have nothing left.
        """
        return self.direct is None and not self.release.extended_regions_exclude_mappings

    def used(self, window: GuestWindow) -> bool:
        """Whether the domain has what the window is for. RAM banks are asked for by ``ram()``."""
        if window.when in ("gicv2", "gicv3"):
            return window.when == f"gicv{self.gic}"
        if window.when == "vpl011":
            return self.vpl011
        return window.when == "always"


class Clash(NamedTuple):
    """What a guest address range collides with. ``hard``: the guest certainly has it."""

    name: str
    base: int
    end: int
    hard: bool


def clashes(guest: Guest, address: int, size: int) -> Iterator[Clash]:
    """Everything that a mapping of ``size`` bytes at ``address`` collides with."""
    for number, (base, length) in enumerate(guest.ram()):
        if address < base + length and base < address + size:
            yield Clash(f"the guest's RAM bank {number}", base, base + length, hard=True)
    for window in guest.windows:
        if not window.overlaps(address, size):
            continue
        if guest.used(window):
            yield Clash(window.name, window.base, window.end, hard=True)
        elif window.when in OPTIONAL:
            yield Clash(window.name, window.base, window.end, hard=False)
        elif window.when == "ram" and guest.extends_over_ram:
            yield Clash(f"{window.name} (extended regions)", window.base, window.end, hard=False)


def holes(guest: Guest) -> tuple[tuple[int, int], ...]:
    """(address, end) of what no window touches, page 0 left out, largest first.

    Only below the last window: a guest with a smaller address space has nothing above it.
    """
    found: list[tuple[int, int]] = []
    at = PAGE_SIZE
    for window in sorted(guest.windows, key=lambda w: w.base):
        if window.base > at:
            found.append((at, window.base))
        at = max(at, window.end)
    return tuple(sorted(found, key=lambda hole: (hole[0] - hole[1], hole[0])))


def room(guest: Guest, base: int, end: int, *, optional: bool) -> tuple[tuple[int, int], ...]:
    """(address, end) of what is surely free for a mapping in a range, largest first.

    The RAM banks are not where the guest may be offered their unused part, and while its memory is
    not known. ``optional``: what only some domains have (vPCI, ACPI, virtio-mmio) counts as free.
    """
    ram = guest.memory is None or not guest.release.extended_regions_exclude_mappings
    blocked = [(address, address + size) for address, size in guest.ram()]
    for window in guest.windows:
        wanted = window.when in OPTIONAL and not optional
        if guest.used(window) or wanted or (window.when == "ram" and ram):
            blocked.append((window.base, window.end))
    found: list[tuple[int, int]] = []
    at = base
    for start, stop in sorted(blocked):
        if start > at:
            found.append((at, min(start, end)))
        at = max(at, stop)
    found.append((at, end))
    kept = [(first, last) for first, last in found if first < last]
    return tuple(sorted(kept, key=lambda hole: (hole[0] - hole[1], hole[0])))


def memory_limit(guest: Guest, mapped: Iterable[tuple[int, int]]) -> int:
    """The most RAM in MiB that leaves every mapping free; ``mapped`` is (address, size)."""
    ranges = sorted(mapped)
    total = 0
    for window in guest.windows:
        if window.when != "ram":
            continue
        first = min((a for a, s in ranges if window.overlaps(a, s)), default=window.end)
        total += max(first - window.base, 0)
        if first < window.end:
            break
    return total // MIB
