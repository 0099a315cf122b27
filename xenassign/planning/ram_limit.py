"""What limits the memory of a domain below the most that a guest can have, and what would help.

RAM fills the banks of the guest layout from their bases, so the first mapping in a bank ends it.
Memory is MiB, addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence

from xenassign.devicetree.spans import Span
from xenassign.planning.holes import Space, Wish, find_places
from xenassign.planning.plan import Mapping, MemoryLimit
from xenassign.request.request import Request
from xenassign.xen.layout import Guest, memory_limit


def explain_limit(
    guest: Guest, request: Request, owners: Table[str, Sequence[Mapping]]
) -> MemoryLimit | None:
    """The mapping that prevents more memory; None if no mapping does.

    ``owners``: the mappings of each device and region, by its host path.
    """
    banks = [window for window in guest.windows if window.when == "ram"]
    for number, bank in enumerate(banks):
        in_bank = [
            (max(mapping.guest, bank.base), path)
            for path, mappings in owners.items()
            for mapping in mappings
            if bank.span.overlaps(mapping.guest_span)
        ]
        if in_bank:
            address, by = min(in_bank, key=lambda place: place[0])
            mib = memory_limit(guest, [m.guest_span for ms in owners.values() for m in ms])
            moved = _limit_without(guest, request, owners, {by}, mib)
            all_moved = moved
            if len(owners) > 1:
                all_moved = _limit_without(guest, request, owners, set(owners), mib)
            return MemoryLimit(mib, by, address, number, moved, all_moved)
    return None


def _limit_without(
    guest: Guest,
    request: Request,
    owners: Table[str, Sequence[Mapping]],
    leavers: set[str],
    mib: int,
) -> int | None:
    """The most MiB if the pages of ``leavers`` leave the RAM banks.

    None if it is not more than ``mib``, or if the pages fit no hole.
    """
    banks = [window for window in guest.windows if window.when == "ram"]
    # While the memory is not known, no place is in a RAM bank.
    space = Space(guest._replace(memory=None), request.align, request.avoid)
    rest: list[Span] = []
    leaving: list[Mapping] = []
    for path, mappings in owners.items():
        for mapping in mappings:
            if path in leavers and any(bank.span.overlaps(mapping.guest_span) for bank in banks):
                leaving.append(mapping)
                continue
            rest.append(mapping.guest_span)
            space.take(mapping.host_span, mapping.guest)
    if None in find_places(space, [Wish(mapping.host_span) for mapping in leaving]):
        return None
    limit = memory_limit(guest, rest)
    return limit if limit > mib else None


def limit_text(limit: MemoryLimit) -> str:
    """The limit and the mapping that causes it, for a message."""
    return f"{limit.mib} MiB: {limit.by} is at {limit.address:#x} in RAM bank {limit.bank}"
