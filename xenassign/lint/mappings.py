"""Rules about mappings that Xen makes without a word: onto the guest's own things, of pages that
are not the device's.

They serve xen,reg and iomem alike. Nothing in Xen compares a mapping with the guest's memory map or
with the registers of the host's node (tests/xen shows it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.assign.addresses import CLASH, GUEST_OVERLAP, OPTIONAL_WINDOW
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.lint.context import Context
from xenassign.xen.layout import Guest, clashes
from xenassign.xen.releases import PAGE_SIZE

NOT_ITS_PAGES = rule(
    "XA216",
    "pages-not-the-devices",
    "xen,reg maps pages that are not the device's",
    severity="error",
    effect="unsafe",
    why="Xen takes interrupts and IOMMU streams from the node of xen,path, but maps whatever"
    " xen,reg says: nothing compares the two. The guest gets another device's registers, or"
    " nothing, at the address where its driver looks.",
    fix="map the registers of the node that xen,path names, in bytes, rounded out to pages",
    routes=("dom0less",),
    source="handle_passthrough_prop: compared with nothing",
    needs_host=True,
)
HOST_MEMORY = rule(
    "XA217",
    "host-memory-mapped",
    "A mapping gives away host memory",
    severity="error",
    effect="unsafe",
    why="dom0less maps host RAM into the guest like any register, that of Xen and of other guests"
    " included: the guest can read and change all of it. xl refuses it.",
    fix="map the registers of a device",
    routes=("dom0less",),
    source="handle_passthrough_prop: compared with nothing",
    needs_host=True,
)


class Entry(NamedTuple):
    """A mapping in bytes."""

    host: int
    size: int
    guest: int


class Claim(NamedTuple):
    """A mapping that somebody asks for: the node (or None) and property that state it."""

    entry: Entry
    node: str | None
    prop: str
    routes: tuple[str, ...]

    def text(self) -> str:
        """What it is, for a message."""
        host, size, guest = self.entry
        return f"{self.node or self.prop}: {size:#x} bytes of {host:#x} at {guest:#x}"


def check(claims: Sequence[Claim], context: Context) -> Iterator[Finding]:
    """What is wrong with the places of mappings, on whatever route."""
    version = context.platform.gic.version if context.platform and context.platform.gic else 3
    memory = context.memory * 1024 if context.memory is not None else None
    guest = Guest(context.release, version, context.vpl011, memory)
    for claim in claims:
        for clash in clashes(guest, claim.entry.guest, claim.entry.size):
            broken = CLASH if clash.hard else OPTIONAL_WINDOW
            what = f"{claim.text()} collides with {clash.name}"
            message = f"{what} ({clash.base:#x}-{clash.end - 1:#x})"
            yield broken(message, node=claim.node, prop=claim.prop, routes=claim.routes)
    yield from _overlaps(claims)
    if context.platform is not None:
        yield from _memory(claims, context.platform)


def _overlaps(claims: Sequence[Claim]) -> Iterator[Finding]:
    for number, one in enumerate(claims):
        for other in claims[number + 1 :]:
            start = max(one.entry.guest, other.entry.guest)
            end = min(one.entry.guest + one.entry.size, other.entry.guest + other.entry.size)
            moved = one.entry.guest - one.entry.host != other.entry.guest - other.entry.host
            if start < end and moved:
                message = f"{other.text()} replaces part of {one.text()}"
                yield GUEST_OVERLAP(message, node=other.node, prop=other.prop, routes=other.routes)


def _memory(claims: Sequence[Claim], platform: Platform) -> Iterator[Finding]:
    for claim in claims:
        start, end = claim.entry.host, claim.entry.host + claim.entry.size
        if "dom0less" in claim.routes and any(
            start < bank.end and bank.address < end for bank in platform.memory
        ):
            yield HOST_MEMORY(f"{claim.text()} is host RAM", node=claim.node, prop=claim.prop)


def not_its_pages(platform: Platform, host: Node, claims: Sequence[Claim]) -> Iterator[Finding]:
    """The mappings of a node whose xen,path names ``host``, against the registers there."""
    own: list[Block] = []
    for node in host.walk():
        device = read_device(platform, node)
        own += [*device.blocks, *device.windows]
    for claim in claims:
        at, end = claim.entry.host, claim.entry.host + claim.entry.size
        for block in sorted(own, key=lambda block: block.address):
            start = block.address // PAGE_SIZE * PAGE_SIZE
            if start <= at < block.end:
                at = -(-block.end // PAGE_SIZE) * PAGE_SIZE
        if at < end:
            message = f"{claim.text()} holds more than the registers of {host.path}"
            yield NOT_ITS_PAGES(message, node=claim.node, prop=claim.prop)
