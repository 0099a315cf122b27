"""What keeps the memory of a domain below the most that a guest can have, and what would help.

RAM fills the banks of the guest layout from their bases, so the first mapping in a bank ends it.
Memory is MiB, addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence

from xenassign.devicetree.spans import Span
from xenassign.planning.holes import Space, Wish, settle
from xenassign.planning.plan import Mapping, MemoryLimit
from xenassign.request.request import Request
from xenassign.xen.layout import Guest, memory_limit


def explain_limit(
    guest: Guest, request: Request, owners: Table[str, Sequence[Mapping]]
) -> MemoryLimit | None:
    """The mapping that is in the way of more memory; None where nothing is.

    ``owners``: the mappings of each device and region, by its host path.
    """
    banks = [window for window in guest.windows if window.when == "ram"]
    for number, bank in enumerate(banks):
        inside = [
            (max(mapping.guest, bank.base), path)
            for path, mappings in owners.items()
            for mapping in mappings
            if bank.span.overlaps(mapping.guest_span)
        ]
        if inside:
            address, by = min(inside, key=lambda one: one[0])
            every = [m.guest_span for mappings in owners.values() for m in mappings]
            mib = memory_limit(guest, every)
            moved = _moved(guest, request, owners, {by}, mib)
            alone = len(owners) == 1
            everything = moved if alone else _moved(guest, request, owners, set(owners), mib)
            return MemoryLimit(mib, by, address, number, moved, everything)
    return None


def _moved(
    guest: Guest,
    request: Request,
    owners: Table[str, Sequence[Mapping]],
    who: set[str],
    mib: int,
) -> int | None:
    """The most MiB when the pages of some owners leave the RAM banks; None where that is no way."""
    banks = [window for window in guest.windows if window.when == "ram"]
    # Of unknown memory: then no RAM bank is a place.
    space = Space(guest._replace(memory=None), request.align, request.avoid)
    rest: list[Span] = []
    leaving: list[Mapping] = []
    for path, mappings in owners.items():
        for mapping in mappings:
            if path in who and any(bank.span.overlaps(mapping.guest_span) for bank in banks):
                leaving.append(mapping)
                continue
            rest.append(mapping.guest_span)
            space.take(mapping.host_span, mapping.guest)
    if None in settle(space, [Wish(mapping.host_span) for mapping in leaving]):
        return None
    most = memory_limit(guest, rest)
    return most if most > mib else None


def limit_text(limit: MemoryLimit) -> str:
    """What is in the way, without what would help."""
    return f"{limit.mib} MiB: {limit.by} is at {limit.address:#x} in RAM bank {limit.bank}"
