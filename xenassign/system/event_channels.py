"""Static event channels between two domains: the ports of both ends.

One [[domain.event-channel]] is one channel. Ports that are not given are the lowest that are free;
port 0 is never given, and port 1 is that of Xenstore in a domain with PV interfaces
(linting/verdict/event_channels.py). What Xen says of given ports is judged by the lint.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from xenassign.planning.plan import ChannelEnd, DomainPlan
from xenassign.request.node_request import EventChannel
from xenassign.request.origin import stop

#: The lowest port that is planned.
_FIRST = 2


def with_event_channels(plans: Sequence[DomainPlan]) -> tuple[DomainPlan, ...]:
    """The plans with the ends of their channels. Raises UsageError for a channel to nowhere."""
    channels = [(plan, channel) for plan in plans for channel in plan.request.node.event_channels]
    if not channels:
        return tuple(plans)
    by_name = {plan.name: number for number, plan in enumerate(plans)}
    taken: list[set[int]] = [set() for _ in plans]
    for plan, channel in channels:
        _check(plan, channel, plans)
        for name, port in ((plan.name, channel.port), (channel.to, channel.remote_port)):
            ports = taken[by_name[name]]
            if port in ports:
                text = f"event-channel to {channel.to}: port {port} of {name} is in use"
                stop(channel.to, f"{text}; give another")
            ports |= {port} if port is not None else set()
    ends: list[list[ChannelEnd]] = [[] for _ in plans]
    for number, (plan, channel) in enumerate(channels):
        own, other = by_name[plan.name], by_name[channel.to]
        port = channel.port or _free(taken[own])
        remote = channel.remote_port or _free(taken[other])
        ends[own].append(ChannelEnd(number, port, str(channel.to), remote, later=own > other))
        ends[other].append(ChannelEnd(number, remote, plan.name, port, later=other > own))
    return tuple(
        plan._replace(channels=tuple(of_plan)) for plan, of_plan in zip(plans, ends, strict=True)
    )


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
