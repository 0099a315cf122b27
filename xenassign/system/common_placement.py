"""Guest addresses that are the same on all boards, wherever ``auto`` can arrange it.

The place of a block on one board is pinned on the others (``Request.pins``), and the fixed places
of one board are left free on the others (``Request.avoid``), board after board, until no block
moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from xenassign.checks.memory_type import Claimant
from xenassign.checks.scope import Scope, system_scopes
from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError
from xenassign.planning.decide import judge_request
from xenassign.request.request import Pin
from xenassign.request.resolve import Resolved, ResolvedSystem
from xenassign.request.select import Names
from xenassign.system.host_plan import HostRequest
from xenassign.system.system import board_of, with_shared_memory
from xenassign.xen.board import Board

#: All of a guest's address space. If ``auto`` has to avoid it, only blocks with a fixed place are
#: placed.
_EVERYTHING = (Span(0, 1 << 64),)

#: Rounds over all boards until no block moves. In each round the block sizes of one more board can
#: move blocks of the others. A block that still moves after these has no common address (two boards
#: require different ones).
_ROUNDS = 6


class _Key(NamedTuple):
    """A block on every board. ``name``: of its device or region; ``window``: a PCI window."""

    domain: str
    name: str
    block: int
    window: bool


class _Place(NamedTuple):
    """Where a block is: host path of its node, and its pages in the guest, in bytes."""

    path: str
    guest: Span


_Places = dict[_Key, _Place]


@dataclass(slots=True)
class _Host:
    """A board while its addresses are decided.

    ``names`` and ``scopes``: by domain. ``paths``: host paths by domain and name of a device or
    region. ``fixed``: the blocks that ``auto`` does not place; ``places``: where it placed the
    others in the last round.
    """

    request: HostRequest
    system: ResolvedSystem
    board: Board
    names: dict[str, Names] = field(default_factory=dict)
    fixed: _Places = field(default_factory=dict)
    places: _Places = field(default_factory=dict)
    paths: dict[tuple[str, str], str] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)

    def place(self, domain: Resolved) -> tuple[_Places, bool]:
        """(the places of a domain's blocks, whether all blocks have one)."""
        judged = judge_request(self.board, domain, self.scopes[domain.name])
        names = self.names.setdefault(domain.name, Names(domain.devices))
        places: _Places = {}
        blocks = 0
        owners: list[Claimant] = [*judged.scope.devices, *judged.regions]
        for owner in owners:
            name = names.of(owner.node)
            self.paths[domain.name, name] = owner.path
            blocks += sum(block.size > 0 for block in (*owner.blocks, *owner.windows))
            for placed in judged.placement.placed[owner.path]:
                key = _Key(domain.name, name, placed.block.index, placed.window)
                places[key] = _Place(owner.path, placed.mapping.guest_span)
        return places, len(places) == blocks


def with_pins(requests: Sequence[HostRequest]) -> tuple[HostRequest, ...]:
    """The requests of several boards with a pin for every block that ``auto`` places.

    They have the pins of the lock. A board whose request is invalid has the lines as ``problems``.
    """
    pinned = {request.name: request for request in requests}
    hosts: list[_Host] = []
    complete = True
    for request in sorted(requests, key=lambda request: request.name):  # for any order the same
        if request.system is None:
            continue
        try:
            host = _host(request, request.system)
            complete = _place_fixed(host) and complete
        except UsageError as error:
            problems = (*request.problems, *error.lines)
            pinned[request.name] = request._replace(system=None, problems=problems)
        else:
            hosts.append(host)
    if not complete:
        _place_common(hosts)
    for host in hosts:
        pinned[host.request.name] = host.request._replace(system=_pinned(host))
    return tuple(pinned.values())


def _host(request: HostRequest, system: ResolvedSystem) -> _Host:
    system = with_shared_memory(system)
    board = board_of(system)
    in_order = system_scopes(system.platform, [domain.devices for domain in system.domains])
    by_name = {d.name: scope for d, scope in zip(system.domains, in_order, strict=True)}
    return _Host(request, system, board, scopes=by_name)


def _place_fixed(host: _Host) -> bool:
    """Sets ``host.fixed``; whether these are all blocks. Raises UsageError."""
    complete = True
    for domain in host.system.domains:
        places, all_placed = host.place(domain.with_values(avoid=_EVERYTHING, pins=()))
        host.fixed.update(places)
        complete = complete and all_placed
    return complete


def _place_common(hosts: list[_Host]) -> None:
    """Sets ``host.places`` board after board, until no block moves.

    A block that has no place because of other boards gets no pin, and each board decides about it
    alone.
    """
    common: dict[_Key, int] = {}
    for _ in range(_ROUNDS):
        before = [dict(host.places) for host in hosts]
        for host in hosts:
            others = [other for other in hosts if other is not host]
            places: _Places = {}
            for domain in host.system.domains:
                pins = _merged(_common_pins(host, domain.name, common), domain.request.pins)
                avoid = tuple(_reserved(host, domain.name, others))
                places.update(host.place(domain.with_values(pins=pins, avoid=avoid))[0])
            host.places = {key: at for key, at in places.items() if key not in host.fixed}
            common.update((key, at.guest.start) for key, at in host.places.items())
        if before == [host.places for host in hosts]:
            return


def _merged(pins: Iterable[Pin], preferred: Iterable[Pin]) -> tuple[Pin, ...]:
    """One pin for each block: the preferred one if there are two."""
    return tuple({(p.path, p.index, p.window): p for p in (*pins, *preferred)}.values())


def _common_pins(host: _Host, domain: str, common: dict[_Key, int]) -> Iterator[Pin]:
    """The last places of the domain's blocks on any board, as pins of this one."""
    for key, guest in sorted(common.items()):
        path = host.paths.get((key.domain, key.name))
        if key.domain == domain and path is not None:
            yield Pin(path, key.block, key.window, guest)


def _reserved(host: _Host, domain: str, others: list[_Host]) -> Iterator[Span]:
    """Guest addresses that other boards have no room at for blocks of this board.

    These are their fixed blocks, blocks of devices that this board lacks, and the windows that Xen
    uses with their GICs.
    """
    reserved: set[Span] = set()
    for other in others:
        reserved.update(at.guest for key, at in other.fixed.items() if key.domain == domain)
        reserved.update(
            at.guest
            for key, at in other.places.items()
            if key.domain == domain and (domain, key.name) not in host.paths
        )
        gic = other.system.platform.gic
        if gic is not None:
            windows = host.system.request.domains[0].release.windows
            reserved.update(w.span for w in windows if w.when == f"gicv{gic.version}")
    yield from sorted(reserved)


def _pinned(host: _Host) -> ResolvedSystem:
    """The board's system with pins: those of the lock, then the common places."""
    domains = []
    for domain in host.system.domains:
        placed = [
            Pin(at.path, key.block, key.window, at.guest.start)
            for key, at in sorted(host.places.items())
            if key.domain == domain.name
        ]
        domains.append(domain.with_values(pins=_merged(domain.request.pins, placed)))
    return host.system._replace(domains=tuple(domains))
