"""Guest addresses that are the same on all boards, wherever ``auto`` can arrange it.

What is placed on one board is pinned on the others (``Request.pins``), and what has a fixed place
on one is left free on the others (``Request.avoid``), board after board, until nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import NamedTuple

from xenassign.checks.scope import Scope, scopes
from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError
from xenassign.planning.decide import judge_request
from xenassign.planning.placement import Claimant
from xenassign.planning.plan import PlacedBlock
from xenassign.request.request import Pin
from xenassign.request.resolve import Resolved, ResolvedSystem
from xenassign.system.host_plan import HostRequest
from xenassign.system.outcome import Names
from xenassign.xen.board import Board, read_board

#: All of a guest's address space: with it left free, only what ``auto`` does not place has a place.
_EVERYTHING = (Span(0, 1 << 64),)

#: Rounds over all boards until no block moves. Each round settles what the sizes of one more board
#: unsettle; what is not common then cannot be (two boards that tie a block to different ones).
_ROUNDS = 6

#: By file name of the host and name of the domain: where ``auto`` placed blocks before.
Pins = Mapping[str, Mapping[str, tuple[Pin, ...]]]


class _Key(NamedTuple):
    """A block on every board: of which domain, of what, and which."""

    domain: str
    name: str
    block: int
    window: bool


class _Placed(NamedTuple):
    """Where a block is: host path of its node, and its pages in the guest, in bytes."""

    path: str
    guest: Span


_Places = dict[_Key, _Placed]


@dataclass(slots=True)
class _Host:
    """A board while its addresses are sought. ``fixed``: what ``auto`` does not place.

    ``pinned``: by domain the pins of the lock; ``places``: what ``auto`` placed last. ``paths``: by
    domain and name of a device or region. ``scopes``: by domain.
    """

    asked: HostRequest
    system: ResolvedSystem
    board: Board
    pinned: dict[str, tuple[Pin, ...]]
    names: dict[str, Names] = field(default_factory=dict)
    fixed: _Places = field(default_factory=dict)
    places: _Places = field(default_factory=dict)
    paths: dict[tuple[str, str], str] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)

    def place(self, one: Resolved) -> tuple[_Places, bool]:
        """(where the blocks of a domain are, whether all have a place)."""
        judged = judge_request(self.board, one, self.scopes[one.name])
        names = self.names.setdefault(one.name, Names(one.devices))
        found: _Places = {}
        wanted = 0
        owners: list[Claimant] = [*judged.inside.devices, *judged.regions]
        for owner in owners:
            name = names.of(owner.node)
            self.paths[one.name, name] = owner.path
            wanted += sum(block.size > 0 for block in (*owner.blocks, *owner.windows))
            for placed in judged.placement.placed[owner.path]:
                found[_key(one.name, name, placed)] = _Placed(owner.path, placed.mapping.guest_span)
        return found, len(found) == wanted


def _key(domain: str, name: str, placed: PlacedBlock) -> _Key:
    return _Key(domain, name, placed.block.index, placed.window)


def with_pins(asked: Sequence[HostRequest], pins: Pins) -> tuple[HostRequest, ...]:
    """The requests with a pin for every block that ``auto`` places; one board needs the lock's."""
    if len(asked) == 1:
        return (_locked(asked[0], pins),)
    hosts: dict[str, _Host] = {}
    problems: dict[str, tuple[str, ...]] = {}
    free = False
    for one in sorted(asked, key=lambda one: one.name):  # their order is of no account
        if one.system is None:
            continue
        known = dict(pins.get(PurePath(one.tree.file).name, {}))
        first = one.system.request.domains[0]
        board = read_board(one.system.platform, first.release, first.drivers)
        host = _Host(one, one.system, board, known)
        try:
            free = _settle_fixed(host) or free
        except UsageError as error:
            problems[one.name] = error.lines
            continue
        hosts[one.name] = host
    if free:
        _settle(list(hosts.values()))
    made = []
    for one in asked:
        if one.name in problems:
            told = (*one.problems, *problems[one.name])
            made.append(one._replace(system=None, problems=told))
        elif one.system is not None:
            made.append(one._replace(system=_pinned(hosts[one.name])))
        else:
            made.append(one)
    return tuple(made)


def _locked(one: HostRequest, pins: Pins) -> HostRequest:
    """A request with the pins of the lock alone."""
    known = pins.get(PurePath(one.tree.file).name, {})
    if one.system is None or not known:
        return one
    domains = (d.asking(pins=(*d.request.pins, *known.get(d.name, ()))) for d in one.system.domains)
    return one._replace(system=replace(one.system, domains=tuple(domains)))


def _settle_fixed(host: _Host) -> bool:
    """Finds what has a place whatever ``auto`` does; whether something has not."""
    every = True
    domains = host.system.domains
    of_each = scopes(host.system.platform, [one.devices for one in domains])
    host.scopes = {one.name: own for one, own in zip(domains, of_each, strict=True)}
    for one in host.system.domains:
        found, all_placed = host.place(one.asking(avoid=_EVERYTHING, pins=()))
        host.fixed.update(found)
        every = every and all_placed
    return not every


def _settle(hosts: list[_Host]) -> None:
    """Places what ``auto`` places, board after board, until nothing moves.

    What finds no place because of other boards gets no pin, and each board decides about it alone.
    """
    common: dict[_Key, int] = {}
    for _ in range(_ROUNDS):
        before = [dict(host.places) for host in hosts]
        for host in hosts:
            others = [other for other in hosts if other is not host]
            places: _Places = {}
            for one in host.system.domains:
                pins = _merged(_wishes(host, one.name, common), host.pinned.get(one.name, ()))
                avoid = tuple(_taken(host, one.name, others))
                places.update(host.place(one.asking(pins=pins, avoid=avoid))[0])
            host.places = {key: at for key, at in places.items() if key not in host.fixed}
            common.update((key, at.guest.start) for key, at in host.places.items())
        if before == [host.places for host in hosts]:
            return


def _merged(wished: Iterable[Pin], locked: Iterable[Pin]) -> tuple[Pin, ...]:
    """One pin for each block; that of the lock counts."""
    return tuple({(p.path, p.index, p.window): p for p in (*wished, *locked)}.values())


def _wishes(host: _Host, domain: str, common: dict[_Key, int]) -> Iterator[Pin]:
    """Where other boards, or this one before, have the blocks."""
    for key, guest in sorted(common.items()):
        path = host.paths.get((key.domain, key.name))
        if key.domain == domain and path is not None:
            yield Pin(path, key.block, key.window, guest)


def _taken(host: _Host, domain: str, others: list[_Host]) -> Iterator[Span]:
    """What other boards have in the domain's address space where this one has nothing."""
    found: dict[Span, None] = {}
    for other in others:
        for key, at in other.fixed.items():
            if key.domain == domain:
                found[at.guest] = None
        for key, at in other.places.items():
            if key.domain == domain and (domain, key.name) not in host.paths:
                found[at.guest] = None
        gic = other.system.platform.gic
        for window in host.system.request.domains[0].release.windows:
            if gic is not None and window.when == f"gicv{gic.version}":
                found[window.span] = None
    yield from sorted(found)


def _pinned(host: _Host) -> ResolvedSystem:
    domains = []
    for one in host.system.domains:
        mine = [
            Pin(at.path, key.block, key.window, at.guest.start)
            for key, at in sorted(host.places.items())
            if key.domain == one.name
        ]
        locked = host.pinned.get(one.name, ())
        domains.append(one.asking(pins=_merged((*one.request.pins, *locked), mine)))
    return replace(host.system, domains=tuple(domains))
