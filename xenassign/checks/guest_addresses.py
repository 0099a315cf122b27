"""Guest addresses: what a mapping collides with in the guest layout, and in other mappings.

For the mappings of a plan, and for those of xen,reg and iomem. Xen compares none of them (shown by
tests/xen). All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from xenassign.devicetree.spans import Intervals
from xenassign.findings import Finding, Rule, rule
from xenassign.xen.layout import Clash, Guest, clashes, unused_windows
from xenassign.xen.releases import GUEST_IPA_BITS_MAX, Use

if TYPE_CHECKING:
    from xenassign.devicetree.spans import Span
    from xenassign.formats.xlcfg import XlConfig

CLASH = rule("XA203", "guest-window-clash", "error", "broken")
OPTIONAL_WINDOW = rule("XA204", "guest-window-optional", "warning", "unsafe")
TOO_HIGH = rule("XA205", "address-too-high", "error", "rejected")
GUEST_OVERLAP = rule("XA206", "guest-page-twice", "error", "broken")
TYPES_DIFFER = rule(
    "XA240", "memory-types-differ", "error", "unsafe", applies=lambda xen: xen.normal_mappings
)
UNUSED_WINDOW = rule("XA239", "guest-window-unused", "note", "portability")

_KEEP_UNUSED: dict[Use, str] = {
    "vpci": "nothing; no guest on Arm has vPCI",
    "acpi": "do not set acpi in dom.cfg",
    "virtio-mmio": "do not give the guest virtio devices in dom.cfg",
}


class HostMapping(Protocol):
    """Host pages, and the guest pages of the same size that they are mapped at."""

    @property
    def host_span(self) -> Span: ...
    @property
    def guest_span(self) -> Span: ...
    @property
    def normal(self) -> bool: ...


def used_windows(config: XlConfig) -> frozenset[Use]:
    """The optional windows of the guest layout that libxl uses for a dom.cfg.

    virtio-mmio devices are those of the key virtio, and disks.
    """
    disks = (atom.text for atom in config.texts("disk"))
    of_disk = any("specification=virtio" in text for text in disks)
    used: dict[Use, bool] = {
        "acpi": bool(config.integer("acpi")),
        "virtio-mmio": of_disk or config.get("virtio") is not None,
    }
    return frozenset(kind for kind, is_used in used.items() if is_used)


def collisions(guest: Guest, mapping: HostMapping) -> list[tuple[Rule, Clash]]:
    """(rule, clash) for each window of the guest layout that a mapping collides with."""
    return [
        (CLASH if clash.hard else OPTIONAL_WINDOW, clash)
        for clash in clashes(guest, mapping.guest_span)
    ]


def optional_fix(clash: Clash) -> str:
    """The fix for a mapping of a file that is in what only some guests have."""
    if clash.option is not None:
        return f"map it elsewhere in the guest, or {_KEEP_UNUSED[clash.option]}"
    enhanced = "" if "xl" in clash.routes else ", remove xen,enhanced"
    return f"map it elsewhere in the guest{enhanced}, or use Xen 4.21 or newer"


def in_unused_windows(guest: Guest, mapping: HostMapping, path: str) -> Iterator[Finding]:
    """Notes about a device or region that was moved into windows that the guest does not use.

    Identity is what the user expects, and the lint reports a window that dom.cfg does use.
    """
    if mapping.guest_span == mapping.host_span:
        return
    for window in unused_windows(guest, mapping.guest_span):
        span = mapping.guest_span
        message = f"{path}: guest {span} is in the window for {window.name} ({window.span})"
        yield UNUSED_WINDOW(message, node=path, prop="reg", fix=_KEEP_UNUSED[window.when])


def too_high(mapping: HostMapping) -> bool:
    """Whether a mapping has an address that stage 2 cannot translate on any processor."""
    return max(mapping.guest_span.end, mapping.host_span.end) > 1 << GUEST_IPA_BITS_MAX


def replaced(mappings: Sequence[HostMapping]) -> list[tuple[int, int]]:
    """Pairs of mappings (indexes, in order) that map different host addresses at a guest address.

    There is a pair for each mapping that starts inside of such another one, so that there are less
    pairs than mappings even if all of them overlap.
    """
    spans = [mapping.guest_span for mapping in mappings]
    distances = [span.start - m.host_span.start for span, m in zip(spans, mappings, strict=True)]
    pairs: list[tuple[int, int]] = []
    # The mappings of two distances that reach the furthest: if any earlier one of another distance
    # reaches into the next mapping, one of these two does.
    furthest: list[int] = []
    for index in sorted(range(len(mappings)), key=lambda index: spans[index]):
        others = (n for n in furthest if distances[n] != distances[index])
        clash = next((n for n in others if spans[n].overlaps(spans[index])), None)
        if clash is not None:
            pairs.append((min(clash, index), max(clash, index)))
        furthest = _furthest([*furthest, index], spans, distances)
    return sorted(pairs)


def differing_types(mappings: Sequence[HostMapping]) -> list[tuple[int, int]]:
    """Pairs of mappings (indexes) of a host page, of which one is Normal memory: (that, other)."""
    device = [index for index, mapping in enumerate(mappings) if not mapping.normal]
    spans = Intervals(mappings[index].host_span for index in device)
    return [
        (index, device[number])
        for index, mapping in enumerate(mappings)
        if mapping.normal
        for number in spans.overlapping(mapping.host_span)[:1]
    ]


def _furthest(indexes: list[int], spans: Sequence[Span], distances: Sequence[int]) -> list[int]:
    """Of the two distances that reach the furthest, the mapping that does so."""
    by_distance: dict[int, int] = {}
    for index in sorted(indexes, key=lambda n: -spans[n].end):
        by_distance.setdefault(distances[index], index)
    return list(by_distance.values())[:2]
