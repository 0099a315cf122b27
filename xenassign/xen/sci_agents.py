"""SCMI with several agents: each domain calls the firmware as an agent of its own.

Proposed on xen-devel (v11, April 2026), not part of any release: a Xen with these patches, built
with `KCONFIG`, on 4.21 or newer. What they read has its names in `BINDING` and nowhere else.
Source: docs/hypervisor-guide/arm/firmware/arm-scmi.rst and docs/misc/arm/device-tree/booting.txt of
the patches; xen/arch/arm/firmware/scmi-smc-multiagent.c: collect_agents, scmi_domain_init,
scmi_dt_assign_device, scmi_domain_sanitise_config.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree
from xenassign.xen.sci import COMPATIBLE, SHMEM, Mediator, mediator, not_forwarded

KCONFIG = "SCMI_SMC_MA"


class Binding(NamedTuple):
    """The names of the binding. ``type``: of arm_sci and xen,sci_type."""

    type: str = "scmi_smc_multiagent"
    xl_agent: str = "agent_id"
    domain_agent: str = "xen,sci-agent-id"
    parent: str = "/chosen/xen"
    config: str = "xen_scmi_config"
    compatible: str = "xen,sci"
    agents: str = "scmi-secondary-agents"
    agent_cells: str = "#scmi-secondary-agents-cells"
    dom0_agent: str = "xen,dom0-sci-agent-id"
    node: str = "scmi"
    access_cells: str = "#access-controller-cells"
    access: str = "access-controllers"


BINDING = Binding()
#: Agents of guests; 0 is refused (scmi_domain_sanitise_config), 255 means none.
GUEST_AGENTS = range(1, 255)
#: The cells of an agent in `Binding.agents`: function, phandle of its memory, agent.
AGENT_CELLS = 3


class Agent(NamedTuple):
    """An agent of the firmware: its number, the SMC function, the page of its shared memory."""

    id: int
    function: int
    page: int

    @property
    def span(self) -> Span:
        """The host addresses of its shared memory, in bytes."""
        return Span.sized(self.page, PAGE_SIZE)


class Agents(NamedTuple):
    """All agents. ``management``: Xen's own channel, whose ``id`` means nothing. ``dom0``: the
    agent of dom0; None: dom0 has no SCMI.
    """

    management: Agent
    agents: tuple[Agent, ...]
    dom0: int | None = None

    def find(self, number: int | None) -> Agent | None:
        """The agent of a number."""
        return next((agent for agent in self.agents if agent.id == number), None)

    def problem(self) -> str | None:
        """Why the agents cannot be used together, or None."""
        numbers = [agent.id for agent in self.agents]
        twice = {number for number in numbers if numbers.count(number) > 1}
        if twice:
            return f"two agents have the id {min(twice)}"
        everyone = (self.management, *self.agents)
        for key, values in (
            ("smc-id", [agent.function for agent in everyone]),
            ("shmem", [agent.page for agent in everyone]),
        ):
            repeated = {value for value in values if values.count(value) > 1}
            if repeated:
                return f"two channels have the {key} {min(repeated):#x}"
        for why in filter(None, (not_forwarded(agent.function) for agent in everyone)):
            return f"smc-id {why}"
        page = next((agent.page for agent in everyone if agent.page % PAGE_SIZE), None)
        if page is not None:
            return f"shmem {page:#x} is not the address of a page"
        if self.dom0 is not None and self.find(self.dom0) is None:
            return f"dom0-agent is {self.dom0}, and there is none with this id"
        return None


def read_agents(tree: Tree) -> Agents | None:
    """The agents that a host's tree states for Xen; None if it states none, or not readably."""
    config = config_node(tree)
    if config is None:
        return None
    management = next((n for n in config.children.values() if COMPATIBLE in n.compatible), None)
    try:
        numbers = config.cells(BINDING.agents)
        dom0 = _number(config, BINDING.dom0_agent)
        own = _channel(tree, management) if management is not None else None
    except PropertyError:
        return None
    if own is None or len(numbers) % AGENT_CELLS:
        return None
    agents = []
    for at in range(0, len(numbers), AGENT_CELLS):
        function, phandle, number = numbers[at : at + AGENT_CELLS]
        page = _page(tree.phandles.get(phandle))
        if page is None:
            return None
        agents.append(Agent(number, function, page))
    return Agents(own, tuple(agents), dom0)


def config_node(tree: Tree) -> Node | None:
    """The node of a host's tree that states the agents for Xen."""
    parent = tree.find_as_xen(BINDING.parent)
    below = parent.children.values() if parent is not None else ()
    return next((node for node in below if BINDING.compatible in node.compatible), None)


def host_node(tree: Tree) -> Mediator:
    """The SCMI node of the host: dom0's, if it has an agent, and that of which guests get a part.

    Xen's own, beside the agents, is not meant.
    """
    return mediator(tree, outside=config_node(tree))


def _channel(tree: Tree, node: Node) -> Agent | None:
    function, memory = _number(node, "arm,smc-id"), _number(node, "shmem")
    page = _page(tree.phandles.get(memory)) if memory is not None else None
    return Agent(0, function, page) if function is not None and page is not None else None


def _number(node: Node, name: str) -> int | None:
    prop = node.get(name)
    return prop.u32() if prop is not None else None


def _page(node: Node | None) -> int | None:
    blocks = registers(node).blocks if node is not None and SHMEM in node.compatible else ()
    return blocks[0].address if blocks else None


def memory_node(tree: Tree, agent: Agent) -> Node:
    """The node of the shared memory of an agent.

    If the tree does not state the agents, the node is not part of it, and is where `Binding.config`
    will have it: with it the page is placed like that of a node of the host.
    """
    config = config_node(tree)
    known = config.children.values() if config is not None else ()
    own = next((node for node in known if _page(node) == agent.page), None)
    if own is not None:
        return own
    above = tree.root
    for name in (*BINDING.parent.strip("/").split("/"), BINDING.config):
        above = Node(name, above, {p.name: p for p in _bus()})
    reg = b"".join(number.to_bytes(8, "big") for number in (agent.page, PAGE_SIZE))
    properties = (Property("compatible", SHMEM.encode() + b"\0"), Property("reg", reg))
    return Node(memory_name(agent), above, {prop.name: prop for prop in properties})


def memory_name(agent: Agent) -> str:
    """The name of the node of an agent's shared memory."""
    return f"sram@{agent.page:x}"


def _bus() -> tuple[Property, ...]:
    two = (2).to_bytes(4, "big")
    return (
        Property("#address-cells", two),
        Property("#size-cells", two),
        Property("ranges", b""),
    )
