"""[sci] of xenassign.toml, and --sci: the agents of the SCMI firmware, and the ids of devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xenassign.errors import OptionError, UsageError
from xenassign.formats.toml_text import as_list
from xenassign.request.origin import Origin
from xenassign.xen.sci import SCMI_SMC
from xenassign.xen.sci_agents import BINDING, GUEST_AGENTS, Agent, Agents


def agents_of(top: Mapping[str, Any], whole: Origin) -> Agents | None:
    """The agents of the section; None without it. Raises UsageError if they contradict."""
    section = top.get("sci")
    if section is None:
        return None
    agents = tuple(Agent(a["id"], a["smc-id"], a["shmem"]) for a in section["agent"])
    own = Agent(0, section["smc-id"], section["shmem"])
    result = Agents(own, agents, section.get("dom0-agent"))
    problem = result.problem()
    if problem is not None:
        at = whole.below("sci")
        raise UsageError(at.line(f"[sci]: {problem}; state each as the firmware has it"))
    return result


def permissions(domain: Mapping[str, Any]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """``sci-device`` of the devices of a domain that have it, by their names."""
    devices = (device for device in domain.get("device", ()) if isinstance(device, dict))
    return tuple(
        (device["path"], tuple(as_list(device["sci-device"])))
        for device in devices
        if "sci-device" in device
    )


def check(
    interface: str | None,
    agent: int | None,
    agents: Agents | None,
    ids: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Raises UsageError for an unknown interface, and for an agent or ids of devices without it."""
    if interface not in (None, SCMI_SMC, BINDING.type):
        raise OptionError("--sci", f"{interface} is invalid; give {SCMI_SMC} or {BINDING.type}")
    if interface == BINDING.type and agent not in GUEST_AGENTS:
        known = f"{GUEST_AGENTS[0]} to {GUEST_AGENTS[-1]}"
        raise OptionError("--agent", f"is required with --sci {BINDING.type}; give {known}")
    if interface != BINDING.type and agent is not None:
        raise OptionError("--agent", f"has no effect without --sci {BINDING.type}")
    if ids and (agent is None or agents is None):
        required = "[sci]" if agents is None else f'sci = "{BINDING.type}"'
        raise UsageError(f"sci-device of {ids[0][0]} has no effect without {required}; add it")
