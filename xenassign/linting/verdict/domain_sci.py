"""Rules about xen,sci_type of a dom0less domain's node: whether Xen forwards its SCMI calls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.boot_arguments import switch
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import DomainNode, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.sci import OPTION, SCMI_SMC, mediator
from xenassign.xen.sci_agents import BINDING, GUEST_AGENTS, KCONFIG

SCI_TYPE = rule(
    "XA708",
    "sci-type-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: "xen,sci_type" in xen.domain_properties,
)
SCI_IDLE = rule(
    "XA728",
    "sci-type-without-effect",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)
SCI_TAKEN = rule(
    "XA729",
    "scmi-not-given",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)

_ANOTHER = "give each domain an agent of its own of those of the host's tree"


def sci_type(view: DomainView) -> Iterator[Finding]:
    """xen,sci_type is unknown to Xen, has no effect, or another domain has the SCMI."""
    value, path = view.domain.sci_type, view.node.path
    if not view.reads("xen,sci_type") or value == "none":
        return
    if value == BINDING.type and KCONFIG in view.context.options:
        yield from _agent(view)
        return
    if value != "scmi_smc":
        message = f"{path}: xen,sci_type is {repr(value) if value else 'not a string'}"
        yield SCI_TYPE(message, node=path, prop="xen,sci_type")
        return
    platform = view.context.platform
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        message = f"{path}: Xen forwards no SCMI: {host.why}"
        yield SCI_IDLE(message, node=path, prop="xen,sci_type")
    elif _granted(view.domain) is False:
        message = f"{path}: xen,xen-bootargs has no {OPTION}"
        yield SCI_TAKEN(message, node=path, prop="xen,sci_type")
    else:
        first = _first_with_scmi(view.domain)
        if first is not view.node:
            message = f"{path}: {first.path} has the SCMI already"
            yield SCI_TAKEN(message, node=path, prop="xen,sci_type")


def _agent(view: DomainView) -> Iterator[Finding]:
    """A domain that is an agent of SCMI, with its number."""
    path, number = view.node.path, view.domain.sci_agent
    earlier = takewhile(lambda other: other.node is not view.node, view.domain.same_chosen)
    if number not in GUEST_AGENTS:
        message = f"{path}: {BINDING.domain_agent} is not {GUEST_AGENTS[0]} to {GUEST_AGENTS[-1]}"
        stated = view.node.has(BINDING.domain_agent)
        yield SCI_TYPE(message, node=path, prop=BINDING.domain_agent if stated else "xen,sci_type")
    elif (first := next((o for o in earlier if _is_agent(o, number)), None)) is not None:
        message = f"{path}: {first.node.path} is agent {number} already"
        yield SCI_TAKEN(message, node=path, prop=BINDING.domain_agent, fix=_ANOTHER)
    elif view.context.agents is not None and view.context.agents.find(number) is None:
        message = f"{path}: the host's tree has no agent {number}"
        yield SCI_TYPE(message, node=path, prop=BINDING.domain_agent, fix=_ANOTHER)


def _is_agent(domain: DomainNode, number: int | None) -> bool:
    return domain.sci_type == BINDING.type and domain.sci_agent == number


def _first_with_scmi(domain: DomainNode) -> Node:
    """The first domain of the same /chosen that requests SCMI: Xen builds them in order."""
    nodes = (other.node for other in domain.same_chosen)
    requesting = (node for node in nodes if string(node, "xen,sci_type") == SCMI_SMC)
    return next(requesting, domain.node)


def _granted(domain: DomainNode) -> bool | None:
    """Whether Xen's command line gives SCMI to a domain; None if the tree does not state it."""
    line = domain.xen_bootargs
    return None if line is None else bool(switch(line, OPTION))
