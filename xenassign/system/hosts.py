"""One system on several boards: revisions of a board, or machines that a guest is moved between.

Every board is decided by itself, and the plan must hold on each. What the boards differ in is data
(:mod:`xenassign.system.differences`); where ``auto`` places a block, all boards get the same guest
address if there is one that is free on all (:mod:`xenassign.system.common_placement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.request.resolve import ResolvedSystem
from xenassign.request.system_request import SystemRequest
from xenassign.system.common_placement import Pins, with_pins
from xenassign.system.differences import Difference, differences
from xenassign.system.host_plan import HostPlan, HostRequest, asked_of
from xenassign.system.outcome import outcome
from xenassign.system.system import SystemPlan, decide_resolved


class HostsPlan(NamedTuple):
    """A system on each of its boards, and what differs between them."""

    xen: str
    hosts: tuple[HostPlan, ...]
    differences: tuple[Difference, ...]

    @property
    def refused(self) -> bool:
        """Whether it does not hold on every board."""
        return any(host.refused for host in self.hosts)


def _decided(_: HostRequest, system: ResolvedSystem) -> SystemPlan:
    return decide_resolved(system)


def decide_hosts(
    trees: Sequence[Tree],
    request: SystemRequest,
    pins: Pins | None = None,
    decided: Callable[[HostRequest, ResolvedSystem], SystemPlan] = _decided,
) -> HostsPlan:
    """Decides the system for every board, and sets the plans side by side.

    ``pins``: those of a lock. ``decided``: what decides for one board. Raises UsageError where the
    request cannot be meant on any of them, or two have one name.
    """
    hosts = []
    for one in with_pins(asked_of(trees, request), pins or {}):
        asked, system = one, None
        if asked.system is not None:
            try:
                system = decided(asked, asked.system)
            except UsageError as error:
                asked = asked._replace(problems=(*asked.problems, *error.lines))
        plans = system.domains if system is not None else ()
        outcomes = tuple(outcome(asked.tree, plan) for plan in plans)
        hosts.append(HostPlan(asked, system, outcomes))
    problems = [host.asked.problems for host in hosts]
    if problems and all(problems):
        raise UsageError(*problems[0])
    found = tuple(differences(request, hosts)) if len(hosts) > 1 else ()
    return HostsPlan(request.domains[0].release.version, tuple(hosts), found)
