"""Static event channels between two domains: the ports of both ends.

One [[domain.event-channel]] is one channel. Ports that are not given are those of the lock as
long as they are free, else the lowest that are; port 0 is never given, and port 1 is that of
Xenstore in a domain with PV interfaces (linting/verdict/event_channels.py). What Xen says of given
ports is judged by the lint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from xenassign.planning.plan import ChannelEnd, DomainPlan
from xenassign.request.node_request import PORT_MAX, EventChannel
from xenassign.request.origin import stop

#: The lowest port that is planned.
_FIRST = 2


def with_event_channels(plans: Sequence[DomainPlan]) -> tuple[DomainPlan, ...]:
    """The plans with the ends of their channels, and with all ports in their requests.

    Raises UsageError for a channel to nowhere.
    """
    stated = [(plan, *each) for plan in plans for each in plan.request.node.numbered_channels]
    if not stated:
        return tuple(plans)
    order = {plan.name: number for number, plan in enumerate(plans)}
    taken: dict[str, set[int]] = {plan.name: set() for plan in plans}
    for plan, _, channel in stated:
        _check(plan, channel, plans)
        for name, port in ((plan.name, channel.port), (channel.to, channel.remote_port)):
            if port in taken[name]:
                text = f"event-channel to {channel.to}: port {port} of {name} is in use"
                stop(channel.to, f"{text}; give another")
            taken[name] |= {port} if port is not None else set()
    channels = [(plan.name, _kept(plan, nth, channel, taken)) for plan, nth, channel in stated]
    ends: dict[str, list[ChannelEnd]] = {plan.name: [] for plan in plans}
    filled: dict[str, list[EventChannel]] = {plan.name: [] for plan in plans}
    for number, (name, channel) in enumerate(channels):
        to = str(channel.to)
        port = channel.port or _free(taken[name])
        remote = channel.remote_port or _free(taken[to])
        later = order[name] > order[to]
        filled[name].append(channel._replace(port=port, remote_port=remote))
        ends[name].append(ChannelEnd(number, port, to, remote, later))
        ends[to].append(ChannelEnd(number, remote, name, port, not later))
    return tuple(_with_ends(plan, ends[plan.name], filled[plan.name]) for plan in plans)


def _with_ends(
    plan: DomainPlan, ends: Sequence[ChannelEnd], filled: Sequence[EventChannel]
) -> DomainPlan:
    node = plan.request.node._replace(event_channels=tuple(filled))
    return plan._replace(channels=tuple(ends), request=replace(plan.request, node=node))


def _kept(
    plan: DomainPlan, nth: int, channel: EventChannel, taken: dict[str, set[int]]
) -> EventChannel:
    """A channel with the ports of the lock that are available, which are then taken."""
    for kept in plan.request.node.kept_ports:
        if (kept.to, kept.number) == (channel.to, nth):
            port = channel.port or _taken(kept.port, taken[plan.name])
            remote = channel.remote_port or _taken(kept.remote_port, taken[channel.to])
            return channel._replace(port=port, remote_port=remote)
    return channel


def _taken(port: int, taken: set[int]) -> int | None:
    """The port, which is then in use; None if it is not available."""
    if port in taken or not _FIRST <= port <= PORT_MAX:
        return None
    taken.add(port)
    return port


def _free(taken: set[int]) -> int:
    """The lowest free port, which is then taken."""
    port = next(port for port in count(_FIRST) if port not in taken)
    taken.add(port)
    return port


def _check(plan: DomainPlan, channel: EventChannel, plans: Sequence[DomainPlan]) -> None:
    others = {other.name: other for other in plans if other.name != plan.name}
    name = channel.to
    if name not in others:
        known = ", ".join(others) or "none"
        stop(name, f"event-channel to {name}: no other domain has that name; there are {known}")
    if "dom0less" not in others[name].request.routes:
        stop(name, f"event-channel to {name}, which xl builds; give it the route dom0less")
