"""Rules about mappings that Xen makes without an error: over the guest layout, and of host memory.

They apply to xen,reg and to iomem; rules about xen,reg alone are in
:mod:`xenassign.linting.guest.pages`. Xen does not compare a mapping with the guest layout
(tests/xen shows it). All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xenassign.checks.guest_addresses import (
    CLASH,
    GUEST_OVERLAP,
    OPTIONAL_WINDOW,
    TYPES_DIFFER,
    collisions,
    differing_types,
    optional_fix,
    replaced,
)
from xenassign.devicetree.cells import xen_cells, xen_number
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, Rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.verdict.context import Context
from xenassign.xen.layout import Guest, memory_limit
from xenassign.xen.releases import Release
from xenassign.xen.xlvalues import IomemRange, page_range

if TYPE_CHECKING:
    from xenassign.host.platform import Platform


class EntryCells(NamedTuple):
    """The index of the last cell of each number of a mapping; None if the number has no cells.

    The last cell has the low 32 bits, where a mistake most likely is.
    """

    host: int | None = None
    size: int | None = None
    guest: int | None = None


class MappingEntry(NamedTuple):
    """A mapping, and the cells of its numbers if it is an entry of xen,reg.

    ``normal``: as Normal memory, not as Device-nGnRE.
    """

    host: int
    size: int
    guest: int
    cells: EntryCells = EntryCells()
    normal: bool = False

    @classmethod
    def of_iomem(cls, entry: IomemRange) -> MappingEntry:
        """An entry of iomem, which is in pages."""
        numbers = (entry.mfn * PAGE_SIZE, entry.pages * PAGE_SIZE, entry.gfn * PAGE_SIZE)
        return cls(*numbers, normal=entry.normal)

    @property
    def host_span(self) -> Span:
        """Its host addresses."""
        return Span.sized(self.host, self.size)

    @property
    def guest_span(self) -> Span:
        """Its guest addresses."""
        return Span.sized(self.guest, self.size)


def iomem_ranges(config: XlConfig, release: Release) -> list[tuple[Atom, IomemRange]]:
    """The ranges of iomem in pages, with the entries; xl of the release refuses the others."""
    typed = release.normal_mappings
    ranges = ((atom, page_range(atom.text, typed)) for atom in config.texts("iomem"))
    return [(atom, pages) for atom, pages in ranges if pages is not None]


def entries(value: bytes, address: int, size: int, normal: bool = False) -> list[MappingEntry]:
    """The entries of xen,reg as Xen reads them: an incomplete last entry is ignored.

    ``address`` and ``size``: the number of cells of an address and of a size. ``normal``: the
    property is xen,reg-cacheable.
    """
    width = (2 * address + size) & 0xFFFFFFFF
    if not width:
        return []
    cells = xen_cells(value)
    mappings = []
    for start in range(0, len(cells) // width * width, width):
        entry = cells[start : start + width]
        middle = address + size
        host, length, guest = entry[:address], entry[address:middle], entry[middle:]
        last_cells = EntryCells(
            start + address - 1 if address else None,
            start + middle - 1 if size else None,
            start + width - 1 if address else None,
        )
        numbers = (xen_number(host), xen_number(length), xen_number(guest))
        mappings.append(MappingEntry(*numbers, last_cells, normal))
    return mappings


class Claim(NamedTuple):
    """A mapping that a file requests: the node (None for iomem) and the property that state it."""

    entry: MappingEntry
    node: str | None
    prop: str
    routes: tuple[str, ...]
    place: Place | None = None

    def text(self) -> str:
        """Its numbers, for a message."""
        host, size, guest = self.entry[:3]
        return f"{self.node or self.prop}: {size:#x} bytes of {host:#x} at {guest:#x}"

    def at_host(
        self,
        violated: Rule,
        message: str,
        *,
        severity: str | None = None,
        fix: str | None = None,
    ) -> Finding:
        """A finding about the host address."""
        return violated(
            message,
            node=self.node,
            prop=self.prop,
            cell=self.entry.cells.host,
            place=self.place,
            severity=severity,
            fix=fix,
            routes=self.routes,
        )

    def at_guest(self, violated: Rule, message: str, fix: str | None = None) -> Finding:
        """A finding about the guest address."""
        return violated(
            message,
            node=self.node,
            prop=self.prop,
            cell=self.entry.cells.guest,
            place=self.place,
            fix=fix,
            routes=self.routes,
        )


def check(claims: Sequence[Claim], context: Context) -> Iterator[Finding]:
    """Findings about the guest addresses of mappings, and about host memory among them."""
    guest = context.guest_on({route for claim in claims for route in claim.routes})
    in_ram_fix = None
    fixes: dict[str, str] = {}
    optional: dict[tuple[str | None, str, str], list[Claim]] = {}
    for claim in claims:
        clashes = collisions(guest, claim.entry)
        # The worst rule only: a mapping that has to move anyway may also leave optional windows.
        clashes = [clash for clash in clashes if clash[0] is CLASH] or clashes
        if not clashes:
            continue
        windows = [window for _, window in clashes]
        names = ", ".join(f"{w.name} ({w.span.start:#x}-{w.span.end - 1:#x})" for w in windows)
        if clashes[0][0] is CLASH:
            in_ram = {*guest.ram()} & {window.span for window in windows}
            fix = "map it elsewhere in the guest"
            if in_ram:
                fix = in_ram_fix = in_ram_fix or _fitting(guest, claims)
            yield claim.at_guest(CLASH, f"{claim.text()} collides with {names}", fix)
            continue
        same = optional.setdefault((claim.node, claim.prop, names), [])
        same.append(claim)
        fixes[names] = optional_fix(windows[0])
    for (_, _, names), same in optional.items():
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        verb = "collide" if more else "collides"
        message = f"{same[0].text()}{more} {verb} with {names}"
        yield same[0].at_guest(OPTIONAL_WINDOW, message, fixes[names])
    yield from _overlaps(claims)
    if context.platform is not None:
        yield from _memory(claims, context.platform)
        yield from _msi_frames(claims, context.platform)


def _fitting(guest: Guest, claims: Sequence[Claim]) -> str:
    """The fix for a mapping in the guest's RAM: how much memory fits, or another address."""
    limit = memory_limit(guest, [claim.entry.guest_span for claim in claims])
    move = "map it outside of the guest's RAM"
    return f"give the domain {limit} MiB of memory at most, or {move}" if limit else move


def _overlaps(claims: Sequence[Claim]) -> Iterator[Finding]:
    for first, second in replaced([claim.entry for claim in claims]):
        message = f"{claims[second].text()} replaces part of {claims[first].text()}"
        yield claims[second].at_guest(GUEST_OVERLAP, message, "give one of them another address")
    for normal, device in differing_types([claim.entry for claim in claims]):
        message = f"{claims[normal].text()} is Normal memory, and {claims[device].text()} is not"
        yield claims[normal].at_host(TYPES_DIFFER, message)


def _msi_frames(claims: Sequence[Claim], platform: Platform) -> Iterator[Finding]:
    """Pages with an MSI frame, on either route."""
    from xenassign.checks.msi import FRAME_MAPPED, frame_text, overlapping_frame
    from xenassign.host.msi import frames

    known = frames(platform.msi)
    for claim in claims if known else ():
        frame = overlapping_frame(known, claim.entry.host_span)
        if frame is not None:
            yield claim.at_host(FRAME_MAPPED, f"{claim.text()} holds {frame_text(frame)}")


def _memory(claims: Sequence[Claim], platform: Platform) -> Iterator[Finding]:
    from xenassign.checks.free_memory import (
        HOST_MEMORY,
        STATE_MEMORY,
        UNKNOWN_MEMORY,
        states_memory,
    )

    stated = states_memory(platform)
    in_memory = [
        claim
        for claim in claims
        if "dom0less" in claim.routes
        and (
            not stated or any(bank.span.overlaps(claim.entry.host_span) for bank in platform.memory)
        )
    ]
    tree = platform.tree
    devices = tree.once(_registers, tree.root) if in_memory else Intervals(())
    for claim in in_memory:
        span = claim.entry.host_span
        # On some boards /memory includes registers. All pages have some if the first and last do.
        if devices.overlap(Span(span.end - PAGE_SIZE, span.start + PAGE_SIZE) if stated else span):
            continue
        carved = _carved(platform, span)
        if carved is not None:
            message = f"{claim.text()} is reserved by {carved.path}"
            yield claim.at_host(HOST_MEMORY, message, severity="warning", fix=_CARVED_FIX)
        elif stated:
            yield claim.at_host(HOST_MEMORY, f"{claim.text()} is host RAM")
        else:
            message = f"{claim.text()}: {UNKNOWN_MEMORY}"
            yield claim.at_host(HOST_MEMORY, message, severity="warning", fix=STATE_MEMORY)


_CARVED_FIX = "make sure that only the devices of this guest use it"


def _carved(platform: Platform, pages: Span) -> Node | None:
    """The carve-out that has all of the pages: no kernel uses them as RAM."""
    for node, block in platform.reserved:
        if node.has("no-map") and node.available and block.pages.covers(pages):
            return node
    return None


def _registers(tree: Tree, _: Node) -> Intervals:
    """The registers of all devices, and the windows of PCI hosts."""
    from xenassign.host.device import devices
    from xenassign.host.platform import read_platform

    every = devices(read_platform(tree))
    return Intervals(block.span for d in every for block in (*d.blocks, *d.windows))
