"""Guest addresses: what a mapping collides with in the guest layout, and in other mappings.

For the mappings of a plan, and for those of xen,reg and iomem. Xen compares none of them (shown by
tests/xen). All addresses and sizes are bytes.
"""

from __future__ import annotations

from typing import Protocol

from xenassign.devicetree.spans import Span
from xenassign.findings import Rule, rule
from xenassign.xen.layout import Clash, Guest, clashes
from xenassign.xen.releases import GUEST_IPA_BITS_MAX

CLASH = rule("XA203", "guest-window-clash", "error", "broken")
OPTIONAL_WINDOW = rule("XA204", "guest-window-optional", "warning", "unsafe")
TOO_HIGH = rule("XA205", "address-too-high", "error", "rejected")
GUEST_OVERLAP = rule("XA206", "guest-page-twice", "error", "broken")


class HostMapping(Protocol):
    """Host pages, and the guest pages of the same size that they are mapped at."""

    @property
    def host_span(self) -> Span: ...
    @property
    def guest_span(self) -> Span: ...


def collisions(guest: Guest, mapping: HostMapping) -> list[tuple[Rule, Clash]]:
    """(rule, clash) for each window of the guest layout that a mapping collides with."""
    return [
        (CLASH if clash.hard else OPTIONAL_WINDOW, clash)
        for clash in clashes(guest, mapping.guest_span)
    ]


def too_high(mapping: HostMapping) -> bool:
    """Whether a mapping has an address that stage 2 cannot translate on any processor."""
    return max(mapping.guest_span.end, mapping.host_span.end) > 1 << GUEST_IPA_BITS_MAX


def replaces(first: HostMapping, second: HostMapping) -> bool:
    """Whether two mappings map different host addresses at the same guest address."""
    distances = {mapping.guest_span.start - mapping.host_span.start for mapping in (first, second)}
    return first.guest_span.overlaps(second.guest_span) and len(distances) == 2
