"""Static shared memory: where it is on the host, and where each of its domains sees it.

Addresses and sizes are bytes, of whole pages. What Xen says of a node is judged by the lint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from xenassign.checks import guest_addresses
from xenassign.checks.free_memory import free_range, is_free
from xenassign.checks.static_memory import NO_OWNER, bank_findings, static_memory_of_request
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.spans import Span
from xenassign.findings import Finding
from xenassign.host.platform import Platform
from xenassign.planning.holes import Space, Wish, find_places
from xenassign.planning.placement import NO_HOLE, Placement
from xenassign.planning.plan import Mapping, PlacedBlock, PlannedShare
from xenassign.request.node_request import OWNER, SharedMemory
from xenassign.request.origin import stop
from xenassign.request.request import Pin, Request
from xenassign.request.resolve import Resolved
from xenassign.xen.layout import Guest


class _Extent(NamedTuple):
    """Where a memory is on the host. ``host``: None while it is to be planned."""

    size: int
    host: int | None

    @property
    def spans(self) -> list[Span]:
        return [] if self.host is None else [Span.sized(self.host, self.size)]


def with_host_addresses(
    platform: Platform, domains: Sequence[Resolved], taken: Iterable[Span] = ()
) -> tuple[Resolved, ...]:
    """The domains, with size and host address of all of their shared memory.

    What no domain states is planned: host memory that nothing is known to use, that of the lock
    (``Request.pins``) before all other. ``taken``: host memory in use besides that of the board's
    tree and the domains. Raises UsageError for memory of no size, and if there is no room.
    """
    every = [memory for domain in domains for memory in domain.request.node.shared_memory]
    if not every:
        return tuple(domains)
    used = [*taken]
    for domain in domains:
        used += (Span.sized(*bank) for bank in domain.request.static_memory)
    extents = {str(memory.id): _stated(memory, every) for memory in every}
    used += (span for extent in extents.values() for span in extent.spans)
    for domain in domains:
        for memory in domain.request.node.shared_memory:
            extent, pin = extents[memory.id], _pin(domain.request, memory)
            kept = extent._replace(host=pin.host) if pin is not None else extent
            if extent.host is None and all(is_free(platform, span, used) for span in kept.spans):
                used += kept.spans
                extents[memory.id] = kept
    for memory in every:
        extent = extents[memory.id]
        if extent.host is None:
            span = free_range(platform, extent.size, used)
            if span is None:
                problem = f"has no room of {extent.size:#x} bytes in {platform.tree.file}"
                problem += " that is known to be free; give its host address"
                stop(memory.id, f"{memory.title} {problem}")
            used.append(span)
            extents[memory.id] = extent._replace(host=span.start)
    return tuple(_filled(domain, extents) for domain in domains)


def _pin(request: Request, memory: SharedMemory) -> Pin | None:
    """Where the lock has a memory of a domain."""
    return next((pin for pin in request.pins if pin.path == memory.title), None)


def asked_spans(request: Request) -> Iterator[Span]:
    """The guest addresses that shared memory is asked to have, and those of the lock."""
    yield from request.node.guest_spans
    for memory in request.node.shared_memory:
        pin = _pin(request, memory)
        if pin is not None and memory.guest is None and not request.direct_map:
            yield Span.sized(pin.guest, memory.size or 0)


def _stated(memory: SharedMemory, every: Sequence[SharedMemory]) -> _Extent:
    """What the domains state of a memory: its owner's word first."""
    same = sorted((m for m in every if m.id == memory.id), key=lambda m: m.role != OWNER)
    size = next((m.size for m in same if m.size is not None), None)
    if size is None:
        stop(memory.id, f"{memory.title} has no size; give it for the owner")
    return _Extent(size, next((m.host for m in same if m.host is not None), None))


def _filled(domain: Resolved, extents: dict[str, _Extent]) -> Resolved:
    filled = tuple(
        memory._replace(
            size=extents[memory.id].size if memory.size is None else memory.size,
            host=extents[memory.id].host if memory.host is None else memory.host,
        )
        for memory in domain.request.node.shared_memory
    )
    return domain.with_values(node=domain.request.node._replace(shared_memory=filled))


def without_owner(domains: Sequence[Resolved]) -> Iterator[Finding]:
    """A finding for each memory that all of its domains borrow."""
    every = [memory for domain in domains for memory in domain.request.node.shared_memory]
    owned = {memory.id for memory in every if memory.role == OWNER}
    for name in dict.fromkeys(memory.id for memory in every if memory.id not in owned):
        fix = f'write role = "{OWNER}" in one of its domains'
        yield NO_OWNER(f"no domain owns the shared memory {name}", fix=fix)


def place_shared_memory(
    platform: Platform, guest: Guest, request: Request, placement: Placement
) -> tuple[tuple[PlannedShare, ...], list[Finding]]:
    """Where a domain sees its shared memory, and what is wrong with that and with its host memory.

    A direct-map domain sees it at the host's address; another one at the address that it states, at
    that of the lock, or at one that is free among ``placement``.
    """
    space = Space(guest, request.align, request.avoid)
    owners = {m: path for path, mappings in placement.mappings.items() for m in mappings}
    for mapping in owners:
        space.take(mapping.host_span, mapping.guest)
    shares: dict[SharedMemory, PlannedShare] = {}
    findings: list[Finding] = []
    on_host = static_memory_of_request(request)._replace(noun="shared memory")
    planned: list[tuple[SharedMemory, Block]] = []
    wishes: list[Wish] = []
    for memory in request.node.shared_memory:
        assert memory.host is not None, "with_host_addresses() has not planned it"
        block = Block(memory.host, memory.size or 0, 0)
        if memory.role == OWNER:
            findings += bank_findings(platform, on_host, block.span)
        address = memory.host if request.direct_map and memory.guest is None else memory.guest
        if address is None:
            pin = _pin(request, memory)
            planned.append((memory, block))
            wishes.append(Wish(block.span, pin=pin.guest if pin is not None else None))
            continue
        share = _share(memory, block, address, "fixed" if memory.guest is not None else "identity")
        findings += _collisions(share, [*owners.items(), *_others(shares.values())])
        space.take(block.span, address)
        shares[memory] = share
    for (memory, block), place in zip(planned, find_places(space, wishes), strict=True):
        if place is None:
            message = f"{memory.title} of {block.size:#x} bytes fits no hole"
            findings.append(NO_HOLE(message, fix="give its guest address, or less memory"))
        else:
            how = "pinned" if place.pinned else "auto"
            shares[memory] = _share(memory, block, place.address, how)
    in_order = (shares.get(memory) for memory in request.node.shared_memory)
    return tuple(share for share in in_order if share is not None), findings


def _share(memory: SharedMemory, block: Block, address: int, how: str) -> PlannedShare:
    mapping = Mapping(block.address, address, block.size)
    return PlannedShare(str(memory.id), memory.role, PlacedBlock(block, mapping, how=how))


def _others(shares: Iterable[PlannedShare]) -> list[tuple[Mapping, str]]:
    return [(share.placed.mapping, share.title) for share in shares]


def _collisions(share: PlannedShare, others: Iterable[tuple[Mapping, str]]) -> list[Finding]:
    """What is wrong with the given guest address of a memory: what else is there, or nothing."""
    mapping = share.placed.mapping
    if guest_addresses.too_high(mapping):
        message = f"{share.title} at guest {mapping.guest_span} is beyond 48 bits"
        return [guest_addresses.TOO_HIGH(message, fix="give a lower guest address")]
    return [
        guest_addresses.GUEST_OVERLAP(
            f"{name} and {share.title} are both mapped at guest {mapping.guest_span}",
            fix=f"move {name}, or the guest address of {share.title}",
        )
        for other, name in others
        if other.guest_span.overlaps(mapping.guest_span)
    ]
