"""Rules about SCMI nodes in a guest's tree: whether the guest's calls reach the firmware.

Xen forwards the SMC calls of one domain, which has to request it (xen,sci_type, arm_sci). To other
calls it answers "unknown function": Linux does not probe SCMI, and the drivers of its consumers
wait for ever. An SCMI node with a mailbox works if the mailbox is assigned too.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import SIMPLE_BUSES, registers
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domcfg import requests_agent
from xenassign.xen.sci import COMPATIBLE, SCMI_SMC, SHMEM, mediator, not_forwarded, shared_memory
from xenassign.xen.sci_agents import BINDING, KCONFIG
from xenassign.xen.xlvalues import sci_agent

UNANSWERED = rule("XA529", "scmi-unanswered", "error", "broken")
TYPE_MISSING = rule(
    "XA727",
    "sci-type-missing",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
)


#: Nodes for whose children Linux makes devices. /firmware of the root is one without any of these.
_BUSES = SIMPLE_BUSES | {"simple-mfd"}

_OF_AGENT = "state the function and the page that the host's tree has for the domain's agent"


def scmi_nodes(view: View) -> Iterator[Node]:
    """The guest's SCMI nodes whose calls Xen would have to forward."""
    for node in view.devices:
        if COMPATIBLE in node.compatible and node.available:
            yield node


def unanswered(view: View) -> Iterator[Finding]:
    """SCMI nodes of the guest whose calls do not reach the firmware."""
    fix = _OF_AGENT if view.context.agents is not None and _is_agent(view) else None
    for node in scmi_nodes(view):
        for prop, problem in _problems(view, node):
            yield UNANSWERED(f"{node.path}: {problem}", node=node.path, prop=prop, fix=fix)
            break


def _problems(view: View, node: Node) -> Iterator[tuple[str, str]]:
    """(property, problem) of an SCMI node, the worst first."""
    release, platform = view.context.release, view.context.platform
    if not release.scmi_smc:
        yield "compatible", f"Xen {release.name} forwards no SCMI call of a guest"
    prop = node.get("arm,smc-id")
    if prop is None or len(prop.value) != 4:
        yield "arm,smc-id", "it has no arm,smc-id"
    elif (other := not_forwarded(prop.u32())) is not None:
        yield "arm,smc-id", f"{other}, and Xen forwards no other call"
    for bus in node.ancestors():
        if (
            view.has(bus)
            and bus not in view.passthrough
            and not _BUSES.intersection(bus.compatible)
        ):
            yield (
                "compatible",
                f"{bus.path} is not a simple-bus; Linux makes no devices of its children",
            )
    if not node.has("shmem"):
        yield "shmem", "it names no shared memory"
    for region in shared_memory(view.tree, node):
        if SHMEM not in region.compatible:
            yield "shmem", f"{region.path} is not compatible with {SHMEM}"
    if prop is not None and _is_agent(view):
        yield from _wrong_channel(view, node, int.from_bytes(prop.value, "big"))
        return
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        yield "compatible", f"Xen forwards no SCMI here: {host.why}"
    elif prop is not None and int.from_bytes(prop.value, "big") != host.function:
        yield "arm,smc-id", f"the host's number is {host.function:#x} ({host.node.path})"


def _is_agent(view: View) -> bool:
    """Whether the domain is an agent of SCMI, or may be one."""
    if KCONFIG not in view.context.options:
        return False
    if view.config is not None:
        return requests_agent(view.config, view.context)
    return view.context.sci in (None, BINDING.type)


def _wrong_channel(view: View, node: Node, function: int) -> Iterator[tuple[str, str]]:
    """What is wrong in the channel of an agent: its function and its page are those of one agent,
    which is that of the domain.
    """
    agents = view.context.agents
    agent = next((a for a in agents.agents if a.function == function), None) if agents else None
    if agents is None:
        return
    contradiction = agents.problem()
    if contradiction is not None:
        yield "shmem", f"the host's {BINDING.parent}: {contradiction}"
    if agent is None:
        yield "arm,smc-id", f"{function:#x} is the function of no agent"
        return
    value = view.config.get("arm_sci") if view.config is not None else None
    number = sci_agent(value.text) if isinstance(value, Atom) else view.context.agent
    if agent.id == agents.dom0:
        yield "arm,smc-id", f"{function:#x} is that of dom0's agent {agent.id}"
    elif number not in (None, agent.id):
        yield "arm,smc-id", f"{function:#x} is that of agent {agent.id}, not of agent {number}"
    for region in shared_memory(view.tree, node):
        partial = view.nearest(region)
        entries = view.mapped(partial) if partial is not None else ()
        at = [block.pages for block in registers(region).blocks]
        own = [e for e in entries if any(e.guest_span.overlaps(pages) for pages in at)]
        if entries and not any(entry.host_span.covers(agent.span) for entry in own):
            yield "shmem", f"{region.path} is not the page {agent.page:#x} of agent {agent.id}"


def type_missing(view: View) -> Iterator[Finding]:
    """SCMI nodes in the guest, and a domain's node that does not request SCMI."""
    context = view.context
    if context.sci in (None, SCMI_SMC, BINDING.type) or not TYPE_MISSING.applies(context.release):
        return
    for node in scmi_nodes(view):
        message = f"{node.path}: the domain has no xen,sci_type that requests SCMI"
        yield TYPE_MISSING(message, node=node.path)


CHECKS: tuple[Check, ...] = (unanswered, type_missing)
