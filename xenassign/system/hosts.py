"""One system on several boards: revisions of a board, or machines that a guest is moved between.

Each board is decided by itself, and the system is refused if it is refused on one board. The
differences of the boards are data (:mod:`xenassign.system.differences`). A block that ``auto``
places gets the same guest address on all boards if one is free on all
(:mod:`xenassign.system.common_placement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.request.resolve import ResolvedSystem
from xenassign.request.system_request import SystemRequest
from xenassign.system.differences import Difference, differences
from xenassign.system.host_plan import HostPlan, HostRequest, Pins, host_requests, locked
from xenassign.system.outcome import outcome
from xenassign.system.system import SystemPlan, decide_resolved


class HostsPlan(NamedTuple):
    """A system on each of its boards, and what differs between them."""

    xen: str
    hosts: tuple[HostPlan, ...]
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> bool:
        """Whether an error forbids the system on a board."""
        return any(host.refused for host in self.hosts)


def _decide(_: HostRequest, system: ResolvedSystem) -> SystemPlan:
    return decide_resolved(system)


def decide_hosts(
    trees: Sequence[Tree],
    request: SystemRequest,
    pins: Pins | None = None,
    decide: Callable[[HostRequest, ResolvedSystem], SystemPlan] = _decide,
) -> HostsPlan:
    """Decides the system for every board, and compares the plans.

    ``pins``: those of a lock. ``decide``: decides for one board. Raises UsageError if the request
    is invalid on all boards, or two boards have the same name.
    """
    requests: Sequence[HostRequest] = [
        locked(each, pins or {}) for each in host_requests(trees, request)
    ]
    if len(requests) > 1:
        from xenassign.system.common_placement import with_pins

        requests = with_pins(requests)
    hosts = [_host_plan(each, decide) for each in requests]
    problems = [host.request.problems for host in hosts]
    if problems and all(problems):
        raise UsageError(*problems[0])
    differing = tuple(differences(request, hosts)) if len(hosts) > 1 else ()
    return HostsPlan(request.domains[0].release.name, tuple(hosts), differing)


def _host_plan(
    request: HostRequest, decide: Callable[[HostRequest, ResolvedSystem], SystemPlan]
) -> HostPlan:
    """The plan of a board; an invalid request is one of its problems."""
    if request.system is None:
        return HostPlan(request, None, ())
    try:
        system = decide(request, request.system)
    except UsageError as error:
        problems = (*request.problems, *error.lines)
        return HostPlan(request._replace(problems=problems), None, ())
    outcomes = tuple(outcome(request.tree, plan) for plan in system.domains)
    return HostPlan(request, system, outcomes)
