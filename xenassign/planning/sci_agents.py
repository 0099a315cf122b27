"""``--sci scmi_smc_multiagent``: the guest calls the SCMI firmware as an agent of its own.

The patches for Xen are proposed (:mod:`xenassign.xen.sci_agents`). The guest gets the host's SCMI
node with the channel of its agent, and the page of shared memory of that channel; the firmware
decides what the agent may do. Xen asks it to permit the devices whose ids ``sci-device`` of
xenassign.toml or ``access-controllers`` of the host's node states. The ids of clocks and
resets are other numbers, so they are not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule, some
from xenassign.host import scmi
from xenassign.host.device import HostDevice
from xenassign.planning.kept_firmware import Channel, KeptFirmware
from xenassign.planning.sci_memory import occupied
from xenassign.request.request import Request
from xenassign.xen.board import Board
from xenassign.xen.releases import RELEASES
from xenassign.xen.sci import shared_memory
from xenassign.xen.sci_agents import (
    BINDING,
    KCONFIG,
    Agent,
    Agents,
    config_node,
    host_node,
    memory_node,
    read_agents,
)

REFUSED = rule("XA521", "scmi-refused", "error", "broken")
PROPOSED = rule("XA544", "scmi-agents-proposed", "note", "portability")
NOT_PERMITTED = rule("XA545", "scmi-device-without-id", "warning", "broken")

_PURPOSE = "shared memory of the guest's SCMI agent; both sides map it as device memory"


class AgentFirmware(NamedTuple):
    """The decision: the node to keep, the page to map for it, findings, and ids by host path."""

    kept: tuple[KeptFirmware, ...] = ()
    regions: tuple[Region, ...] = ()
    findings: tuple[Finding, ...] = ()
    permissions: Mapping[str, tuple[int, ...]] = MappingProxyType({})


def agent_firmware(
    board: Board, scope: Scope, request: Request, ids: Mapping[Node, tuple[int, ...]]
) -> AgentFirmware:
    """Decides about the agent of a domain. ``ids``: ``sci-device`` of its devices."""
    tree = board.platform.tree
    agents = request.agents or read_agents(tree)
    agent = agents.find(request.agent) if agents is not None else None
    node = host_node(tree).node
    refusal = _refusal(board, request, agents, agent, node)
    if refusal is not None or agent is None or node is None:
        why, _, fix = (refusal or "").partition("; ")
        return AgentFirmware(findings=(REFUSED(why, prop="--sci", fix=fix or None),))
    users = [device.path for device in scope.devices if _uses(device, node)]
    memory = memory_node(tree, agent)
    kept = KeptFirmware(
        node, "the firmware answers the guest's agent", channel=Channel(agent.function, memory)
    )
    message = f"{BINDING.type} is proposed for Xen: it requires the patches, and CONFIG_{KCONFIG}"
    findings = [PROPOSED(message, node=node.path), *_unpermitted(scope, node, request, ids)]
    permitted = {device.path: access_ids(device, request, ids) for device in scope.devices}
    return AgentFirmware(
        (kept,),
        (Region(memory, tuple(users), _PURPOSE),),
        tuple(findings),
        {path: own for path, own in permitted.items() if own},
    )


def _uses(device: HostDevice, root: Node) -> list[scmi.ScmiUse]:
    return [use for use in device.scmi_uses if use.root is root and use.counts]


def access_ids(
    device: HostDevice, request: Request, ids: Mapping[Node, tuple[int, ...]]
) -> tuple[int, ...]:
    """The ids that Xen is to permit for a device: as stated, else those of the host's node.

    Without [sci], which writes them again, only those of Xen's own node beside the agents.
    """
    of_host = (
        use.id
        for use in device.scmi_uses
        if use.protocol == "access"
        if request.agents is not None
        or any(BINDING.compatible in node.compatible for node in use.root.lineage())
    )
    return ids.get(device.node) or tuple(number for number in of_host if number is not None)


def _unpermitted(
    scope: Scope, root: Node, request: Request, ids: Mapping[Node, tuple[int, ...]]
) -> Iterator[Finding]:
    """Devices under SCMI without an id, for which Xen asks the firmware nothing."""
    for device in scope.devices:
        texts = dict.fromkeys(use.text for use in _uses(device, root) if use.protocol != "access")
        if texts and not access_ids(device, request, ids):
            message = f"{device.path} uses SCMI {', '.join(texts)}, and has no id for agent"
            yield NOT_PERMITTED(f"{message} {request.agent}", node=device.path)


def _refusal(
    board: Board,
    request: Request,
    agents: Agents | None,
    agent: Agent | None,
    node: Node | None,
) -> str | None:
    """Why the domain cannot be an agent, or None."""
    tree, release = board.platform.tree, request.release
    if not release.scmi_smc:
        first = next(r.version for r in RELEASES.values() if r.scmi_smc)
        return f"the patches for agents are for Xen {first} and newer, not {release.name}"
    if node is None:
        return host_node(tree).why
    if request.agents is not None and config_node(tree) is not None:
        return f"[sci] states agents, and the host's {BINDING.parent} too; leave out [sci]"
    if agents is None:
        return "no agents are known; state them in [sci] of xenassign.toml"
    contradiction = agents.problem()
    if contradiction is not None:
        return f"the host's {BINDING.parent}: {contradiction}"
    wrong = occupied(board, agents)
    if wrong is not None:
        return f"{wrong}; state the page that the firmware's documents have"
    known = some(str(a.id) for a in agents.agents if a.id != agents.dom0) or "there is none"
    if agent is None:
        return f"agent {request.agent} is not one of the firmware's for guests ({known})"
    if agents.dom0 == agent.id:
        return f"agent {agent.id} is that of dom0; give another one ({known})"
    blocks = [block for part in shared_memory(tree, node) for block in registers(part).blocks]
    of_host = (host_node(tree).function, [block.address for block in blocks])
    dom0 = agents.find(agents.dom0)
    if dom0 is not None and (dom0.function, [dom0.page]) != of_host:
        return (
            f"dom0's agent {dom0.id} has another channel than {node.path}, which dom0 gets;"
            f" state smc-id {host_node(tree).function:#x} and its shared memory, or no dom0-agent"
        )
    if node.has("interrupts") or node.has("interrupts-extended"):
        return f"{node.path} signals its answers by an interrupt, which Xen does not forward"
    own = next((child for child in node.children.values() if child.has("shmem")), None)
    if own is not None:
        return f"{own.path} has a channel of its own, and an agent has one channel"
    return None
