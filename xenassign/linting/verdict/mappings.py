"""Rules about mappings that Xen makes without a word: onto the guest's own things, of host memory.

They serve xen,reg and iomem alike; what concerns xen,reg alone is in
:mod:`xenassign.linting.guest.pages`.
Nothing in Xen compares a mapping with the guest's memory map (tests/xen shows it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.checks.guest_addresses import CLASH, GUEST_OVERLAP, collisions, replaces
from xenassign.checks.msi import FRAME_MAPPED, described, touched
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import xen_cells, xen_number
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, rule
from xenassign.host.device import is_device
from xenassign.host.msi import frames
from xenassign.host.platform import Platform
from xenassign.linting.verdict.context import Context
from xenassign.xen.layout import Guest, memory_limit
from xenassign.xen.xlvalues import IomemRange

HOST_MEMORY = rule(
    "XA217", "host-memory-mapped", "error", "unsafe", routes=("dom0less",), needs_host=True
)


class EntryCells(NamedTuple):
    """Where the numbers of a mapping stand in their property: the index of each one's last cell.

    The last cell is the one with the low 32 bits, which people change and get wrong. None: the
    number has no cell.
    """

    host: int | None = None
    size: int | None = None
    guest: int | None = None


class MappingEntry(NamedTuple):
    """A mapping in bytes, and where its numbers stand when they are cells."""

    host: int
    size: int
    guest: int
    cells: EntryCells = EntryCells()

    @classmethod
    def of_iomem(cls, entry: IomemRange) -> MappingEntry:
        """The bytes of an entry of iomem."""
        return cls(entry.mfn * PAGE_SIZE, entry.pages * PAGE_SIZE, entry.gfn * PAGE_SIZE)

    @property
    def host_span(self) -> Span:
        """Its bytes in the host."""
        return Span.sized(self.host, self.size)

    @property
    def guest_span(self) -> Span:
        """Its bytes in the guest."""
        return Span.sized(self.guest, self.size)


def entries(value: bytes, address: int, size: int) -> list[MappingEntry]:
    """xen,reg as Xen reads it with so many cells; a trailing rest is ignored, as Xen does.

    ``address`` and ``size``: the cells of one number. Each entry knows where its numbers end.
    """
    width = (2 * address + size) & 0xFFFFFFFF
    cells = xen_cells(value)
    found = []
    for at in range(0, len(cells) // width * width if width else 0, width or 1):
        entry = cells[at : at + width]
        middle = address + size
        host, length, guest = entry[:address], entry[address:middle], entry[middle:]
        where = EntryCells(
            at + address - 1 if address else None,
            at + middle - 1 if size else None,
            at + width - 1 if address else None,
        )
        found.append(MappingEntry(xen_number(host), xen_number(length), xen_number(guest), where))
    return found


class Claim(NamedTuple):
    """A mapping that somebody asks for: the node (or None) and property that state it."""

    entry: MappingEntry
    node: str | None
    prop: str
    routes: tuple[str, ...]
    place: Place | None = None

    def text(self) -> str:
        """What it is, for a message."""
        host, size, guest = self.entry[:3]
        return f"{self.node or self.prop}: {size:#x} bytes of {host:#x} at {guest:#x}"

    def at_host(self, broken: Rule, message: str) -> Finding:
        """A finding about the host address."""
        return broken(
            message,
            node=self.node,
            prop=self.prop,
            cell=self.entry.cells.host,
            place=self.place,
            routes=self.routes,
        )

    def at_guest(self, broken: Rule, message: str, fix: str | None = None) -> Finding:
        """A finding about the guest address."""
        return broken(
            message,
            node=self.node,
            prop=self.prop,
            cell=self.entry.cells.guest,
            place=self.place,
            fix=fix,
            routes=self.routes,
        )


def check(claims: Sequence[Claim], context: Context) -> Iterator[Finding]:
    """What is wrong with the places of mappings, on whatever route."""
    guest = context.guest
    for claim in claims:
        met = collisions(guest, claim.entry)
        # The worst rule alone: who has to move anyway need not hear of optional windows.
        met = [each for each in met if each[0] is CLASH] or met
        if met:
            broken = met[0][0]
            names = (f"{c.name} ({c.span.start:#x}-{c.span.end - 1:#x})" for _, c in met)
            message = f"{claim.text()} collides with {', '.join(names)}"
            fix = "keep the window unused, or map it elsewhere in the guest"
            if broken is CLASH:
                in_ram = {*guest.ram()} & {clash.span for _, clash in met}
                fix = _fitting(guest, claims) if in_ram else "map it elsewhere in the guest"
            yield claim.at_guest(broken, message, fix)
    yield from _overlaps(claims)
    if context.platform is not None:
        yield from _memory(claims, context.platform)
        yield from _msi_frames(claims, context.platform)


def _fitting(guest: Guest, claims: Sequence[Claim]) -> str:
    """What memory the domain can have beside the mappings."""
    most = memory_limit(guest, [claim.entry.guest_span for claim in claims])
    elsewhere = "map it outside of the guest's RAM"
    return f"give the domain {most} MiB of memory at most, or {elsewhere}" if most else elsewhere


def _overlaps(claims: Sequence[Claim]) -> Iterator[Finding]:
    for number, one in enumerate(claims):
        for other in claims[number + 1 :]:
            if replaces(one.entry, other.entry):
                message = f"{other.text()} replaces part of {one.text()}"
                yield other.at_guest(GUEST_OVERLAP, message, "give one of them another address")


def _msi_frames(claims: Sequence[Claim], platform: Platform) -> Iterator[Finding]:
    """Pages with an MSI frame, whoever else's they are."""
    known = frames(platform.msi)
    for claim in claims if known else ():
        frame = touched(known, claim.entry.host_span)
        if frame is not None:
            yield claim.at_host(FRAME_MAPPED, f"{claim.text()} holds {described(frame)}")


def _memory(claims: Sequence[Claim], platform: Platform) -> Iterator[Finding]:
    for claim in claims:
        span = claim.entry.host_span
        if (
            "dom0less" in claim.routes
            and any(bank.span.overlaps(span) for bank in platform.memory)
            and not _is_device(platform, span)
        ):
            carved = _carved(platform, span)
            if carved is None:
                yield claim.at_host(HOST_MEMORY, f"{claim.text()} is host RAM")
            else:
                found = claim.at_host(HOST_MEMORY, f"{claim.text()} is reserved by {carved.path}")
                yield found._replace(severity="warning", own_fix=_ALONE)


_ALONE = "make sure that only the devices of this guest use it"


def _carved(platform: Platform, pages: Span) -> Node | None:
    """The region of /reserved-memory that all the pages are of, when no kernel uses it as RAM."""
    for node, block in platform.reserved:
        if node.has("no-map") and node.available and block.pages.covers(pages):
            return node
    return None


def _is_device(platform: Platform, pages: Span) -> bool:
    """Whether the pages are a device's: some boards state memory over their registers too."""
    devices = (node for node in platform.tree.nodes() if is_device(node))
    blocks = (block for node in devices for block in registers(node).blocks)
    first, last = pages.start + PAGE_SIZE, pages.end - PAGE_SIZE
    return any(block.address < first and last < block.end for block in blocks)
