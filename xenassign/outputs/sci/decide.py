"""Whether a system has the agents written into the host's tree."""

from __future__ import annotations

from typing import NamedTuple

from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.outputs.boot.sci_changes import AgentChanges, agent_changes
from xenassign.system.system import SystemPlan


class AgentPlan(NamedTuple):
    """What is written of the agents."""

    changes: AgentChanges
    findings: tuple[Finding, ...] = ()


def decide(system: SystemPlan) -> AgentPlan | None:
    """None if no domain is an agent, or the host's tree states the agents itself.

    Raises UsageError for an output that has no place for agents.
    """
    request = system.resolved.request
    if any(plan.request.agent for plan in system.domains):
        for option, requested in (
            ("--imagebuilder", request.imagebuilder is not None),
            ("--zephyr", request.zephyr),
        ):
            if requested:
                raise UsageError(f"{option} cannot carry agents of SCMI; leave it out")
    changes = agent_changes(system.domains)
    return AgentPlan(changes) if changes is not None else None
