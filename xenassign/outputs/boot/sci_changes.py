"""What Xen reads of the agents of the SCMI firmware: the nodes below /chosen, and devices' ids.

The form is that of the patches that are proposed for Xen (:mod:`xenassign.xen.sci_agents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import (
    Cells,
    DraftNode,
    DraftProperty,
    Ref,
    boolean,
    cells,
    encode,
    numbered,
    text,
)
from xenassign.devicetree.references import unused_phandles
from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.devicetree.tree import Tree
from xenassign.planning.plan import DomainPlan
from xenassign.xen.sci import COMPATIBLE, SHMEM
from xenassign.xen.sci_agents import AGENT_CELLS, BINDING, Agent, Agents, memory_name

#: Labels of Xen's own node, and of the shared memory of its channel and of the agents.
_XEN, _OWN, _MEMORY = "scmi_xen", "scmi_shm_xen", "scmi_shm_{}"


class AgentChanges(NamedTuple):
    """The agents, and by host path of a device the ids that Xen asks the firmware to permit."""

    agents: Agents
    permissions: Mapping[str, tuple[int, ...]]


def agent_changes(plans: Iterable[DomainPlan]) -> AgentChanges | None:
    """What is to be written for the domains; None if none is an agent of the project's."""
    of_project = [plan for plan in plans if plan.request.agent and plan.request.agents]
    agents = next((plan.request.agents for plan in of_project), None)
    if agents is None:
        return None
    ids = {path: own for plan in of_project for path, own in plan.permissions.items()}
    return AgentChanges(agents, ids)


def changes_of_tree(
    plans: Iterable[DomainPlan], tree: Tree, others: Iterable[Change]
) -> tuple[Change, ...]:
    """The changes of a board's tree, with phandles that neither it nor ``others`` have."""
    changes = agent_changes(plans)
    if changes is None:
        return ()
    above, _, _ = BINDING.parent.rpartition("/")
    taken = {*_new_phandles(others)}
    unused = (phandle for phandle in unused_phandles(tree) if phandle not in taken)
    draft = [config(changes), *(DraftNode("", (access(i),)) for i in changes.permissions.values())]
    node, *devices = numbered(draft, unused)
    why = "the agents of the SCMI firmware, for Xen"
    return (
        Change(above, (boolean("ranges"),), (node,), why=why),
        *(
            Change(path, device.properties, why="its ids for Xen's SCMI")
            for path, device in zip(changes.permissions, devices, strict=True)
        ),
    )


def _new_phandles(changes: Iterable[Change]) -> Iterator[int]:
    for change in changes:
        for node in DraftNode("", change.properties, change.children).walk():
            prop = node.get("phandle")
            if prop is not None:
                yield int.from_bytes(encode(prop, {}), "big")


def config(changes: AgentChanges) -> DraftNode:
    """The node of `Binding.parent`, with references."""
    agents = changes.agents
    listed = [(a.function, Ref(_MEMORY.format(a.id)), a.id) for a in agents.agents]
    properties = [
        text("compatible", BINDING.compatible),
        *_two_cells(),
        DraftProperty(BINDING.agents, tuple(map(Cells, listed))),
        cells(BINDING.agent_cells, AGENT_CELLS, decimal=True),
    ]
    if agents.dom0 is not None:
        properties.append(cells(BINDING.dom0_agent, agents.dom0, decimal=True))
    memory = [_memory(agent, _MEMORY.format(agent.id)) for agent in agents.agents]
    own = DraftNode(
        BINDING.node,
        (
            text("compatible", COMPATIBLE),
            cells("arm,smc-id", agents.management.function),
            cells("#address-cells", 1, decimal=True),
            cells("#size-cells", 0, decimal=True),
            cells(BINDING.access_cells, 1, decimal=True),
            DraftProperty("shmem", (Cells((Ref(_OWN),)),)),
        ),
        label=_XEN,
    )
    nodes = (*memory, _memory(agents.management, _OWN), own)
    inner = DraftNode(BINDING.config, tuple(properties), nodes)
    return DraftNode(BINDING.parent.rpartition("/")[2], _two_cells(), (inner,))


def access(ids: tuple[int, ...]) -> DraftProperty:
    """The property of a device with its ids."""
    return DraftProperty(BINDING.access, tuple(Cells((Ref(_XEN), number)) for number in ids))


def _two_cells() -> tuple[DraftProperty, ...]:
    return (
        cells("#address-cells", 2, decimal=True),
        cells("#size-cells", 2, decimal=True),
        boolean("ranges"),
    )


def _memory(agent: Agent, label: str) -> DraftNode:
    reg = cells("reg", agent.page >> 32, agent.page & 0xFFFFFFFF, 0, PAGE_SIZE)
    return DraftNode(memory_name(agent), (text("compatible", SHMEM), reg), label=label)
