"""One board of several: the request with its nodes, and what was decided.

A device that a board lacks is reported, and the rest of the request is decided without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.host.platform import Platform, read_platform
from xenassign.request.node_request import ChannelPorts
from xenassign.request.request import Pin
from xenassign.request.resolve import LookUp, ResolvedSystem, Unresolved, look_up
from xenassign.request.system_request import SystemRequest
from xenassign.system.outcome import DomainOutcome
from xenassign.system.system import SystemPlan


class DomainPins(NamedTuple):
    """What a domain keeps of the last run: where ``auto`` placed blocks, and planned ports."""

    places: tuple[Pin, ...]
    ports: tuple[ChannelPorts, ...] = ()


#: By file name of the host and name of the domain.
Pins = Mapping[str, Mapping[str, DomainPins]]


class HostRequest(NamedTuple):
    """The request for one board.

    ``name``: that of its file without the suffix, which no other board has. ``system``: without the
    devices that the board lacks (``missing``), with the pins that keep guest addresses common; None
    if nothing can be decided. ``problems``: the errors besides the missing devices, a line each.
    """

    name: str
    tree: Tree
    platform: Platform
    system: ResolvedSystem | None
    missing: tuple[Unresolved, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def error(self) -> UsageError | None:
        """A line for each missing device and problem, with the board's file; None without them."""
        file = self.tree.file
        problems = dict.fromkeys([*(device.line for device in self.missing), *self.problems])
        lines = [line if file in line else f"{file}: {line}" for line in problems]
        return UsageError(*lines) if lines else None


class HostPlan(NamedTuple):
    """What was decided for one board. ``system``: None if nothing could be decided."""

    request: HostRequest
    system: SystemPlan | None
    domains: tuple[DomainOutcome, ...]

    @property
    def name(self) -> str:
        """The board's file without the suffix."""
        return self.request.name

    @property
    def refused(self) -> bool:
        """Whether an error forbids the system on this board."""
        return self.request.error is not None or self.system is None or self.system.refused


def host_names(trees: Sequence[Tree]) -> list[str]:
    """The boards' names: their files' without suffix. Raises UsageError if two are equal."""
    names = [PurePath(tree.file).stem for tree in trees]
    for number, name in enumerate(names):
        if name in names[:number]:
            first = trees[names.index(name)].file
            raise UsageError(
                f"{trees[number].file}: {first} has the name {name} too; boards are distinguished"
                " by the names of their files: rename one"
            )
    return names


def host_requests(trees: Sequence[Tree], request: SystemRequest) -> list[HostRequest]:
    """The request for every board. Raises UsageError for names that are wrong on each of them.

    A line for each name: that of the first board.
    """
    names = host_names(trees)
    platforms = [read_platform(tree) for tree in trees]
    look_ups = [look_up(request, platform, trees) for platform in platforms]
    everywhere = set.intersection(*({name.key for name in each.unresolved} for each in look_ups))
    lines = [name.line for name in look_ups[0].unresolved if name.key in everywhere]
    if lines:
        raise UsageError(*dict.fromkeys(lines))
    return [_host_request(*each) for each in zip(names, platforms, look_ups, strict=True)]


def _host_request(name: str, platform: Platform, look_up: LookUp) -> HostRequest:
    missing = tuple(each for each in look_up.unresolved if each.missing)
    problems = tuple(each.line for each in look_up.unresolved if not each.missing)
    return HostRequest(name, platform.tree, platform, look_up.system, missing, problems)


def locked(request: HostRequest, pins: Pins) -> HostRequest:
    """A request with the pins of the lock."""
    by_domain = pins.get(PurePath(request.tree.file).name, {})
    system = request.system
    if system is None or not by_domain:
        return request
    domains = []
    for domain in system.domains:
        kept, own = by_domain.get(domain.name, DomainPins(())), domain.request
        node = own.node._replace(kept_ports=kept.ports)
        domains.append(domain.with_values(pins=(*own.pins, *kept.places), node=node))
    return request._replace(system=system._replace(domains=tuple(domains)))
