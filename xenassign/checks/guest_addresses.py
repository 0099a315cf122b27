"""Guest addresses: what a mapping collides with in the guest's address space, and in another.

Asked of a plan's mappings, and of xen,reg and iomem. Xen compares none of them (tests/xen shows
it). All addresses and sizes are bytes.
"""

from __future__ import annotations

from typing import Protocol

from xenassign.findings import Rule, rule
from xenassign.xen.layout import Clash, Guest, clashes
from xenassign.xen.releases import GUEST_IPA_BITS_MAX

CLASH = rule("XA203", "guest-window-clash", "error", "broken")
OPTIONAL_WINDOW = rule("XA204", "guest-window-optional", "warning", "unsafe")
TOO_HIGH = rule("XA205", "address-too-high", "error", "rejected")
GUEST_OVERLAP = rule("XA206", "guest-page-twice", "error", "broken")


class HostMapping(Protocol):
    """``size`` bytes at physical ``host``, which the guest has at ``guest``."""

    @property
    def host(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def guest(self) -> int: ...


def collisions(guest: Guest, mapping: HostMapping) -> list[tuple[Rule, Clash]]:
    """What a mapping collides with in the guest's address space, and the rule that it breaks."""
    if not mapping.size:
        return []
    return [
        (CLASH if clash.hard else OPTIONAL_WINDOW, clash)
        for clash in clashes(guest, mapping.guest, mapping.size)
    ]


def too_high(mapping: HostMapping) -> bool:
    """Whether a mapping has an address that stage 2 cannot have on any processor."""
    return max(mapping.guest, mapping.host) + mapping.size > 1 << GUEST_IPA_BITS_MAX


def replaces(first: HostMapping, second: HostMapping) -> bool:
    """Whether two mappings have a guest address in common, and another host address there."""
    start = max(first.guest, second.guest)
    end = min(first.guest + first.size, second.guest + second.size)
    return start < end and first.guest - first.host != second.guest - second.host
