"""Whether domains meet what their project demands: [[forbid]] and [[require]] of xenassign.toml.

Xen does not know these demands. They are rules of the people who own the system, and are judged
with the domains of a system side by side, as conflicts are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xenassign.findings import Finding, rule, some

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node
    from xenassign.request.demands import Demand, ResolvedDemand

FORBIDDEN = rule("XA027", "forbidden-by-project", "error", "unsafe")
NOT_MET = rule("XA028", "project-requirement-not-met", "error", "unsafe")


class Assigned(NamedTuple):
    """A device of a domain, as Xen treats devices.

    ``confined``: Xen's IOMMU confines its DMA, or it does none. ``identity``: the guest sees all of
    its registers at their host addresses.
    """

    node: Node
    confined: bool
    identity: bool


class Assignment(NamedTuple):
    """What a domain has: the host nodes that go into its tree, and the devices among them."""

    domain: str
    members: Collection[Node]
    devices: tuple[Assigned, ...]


def violations(
    demands: Sequence[ResolvedDemand], assignments: Sequence[Assignment]
) -> Iterator[Finding]:
    """A finding for each demand, domain and condition that is violated."""
    for resolved in demands:
        concerned = [each for each in assignments if resolved.concerns_domain(each.domain)]
        if resolved.demand.forbids:
            yield from _forbidden(resolved, concerned)
        else:
            yield from _devices(resolved, concerned)
            yield from _domains(resolved, concerned)


def _members(resolved: ResolvedDemand, assignment: Assignment) -> list[Node]:
    """The nodes of a domain that a demand is about, without those below another of them."""
    nodes = {node for node in assignment.members if resolved.concerns(node)}
    outermost = (node for node in nodes if nodes.isdisjoint(node.ancestors()))
    return sorted(outermost, key=lambda node: node.offset)


def _forbidden(resolved: ResolvedDemand, assignments: Sequence[Assignment]) -> Iterator[Finding]:
    for assignment in assignments:
        if nodes := _members(resolved, assignment):
            yield FORBIDDEN(_message(nodes, assignment.domain, "forbidden", resolved.demand))


def _devices(resolved: ResolvedDemand, assignments: Sequence[Assignment]) -> Iterator[Finding]:
    demand = resolved.demand
    for assignment in assignments:
        devices = [device for device in assignment.devices if resolved.concerns(device.node)]
        open_to_dma = [device.node for device in devices if not device.confined]
        if demand.protected and open_to_dma:
            missing = "not protected by an IOMMU, which is required"
            yield NOT_MET(_message(open_to_dma, assignment.domain, missing, demand))
        moved = [device.node for device in devices if not device.identity]
        if demand.identity and moved:
            missing = "not at its host address, which is required"
            yield NOT_MET(_message(moved, assignment.domain, missing, demand))


def _domains(resolved: ResolvedDemand, assignments: Sequence[Assignment]) -> Iterator[Finding]:
    demand = resolved.demand
    having = {each.domain: nodes for each in assignments if (nodes := _members(resolved, each))}
    if demand.max_domains is None or len(having) <= demand.max_domains:
        return
    owners = (f"{name} has {some(n.path for n in nodes)}" for name, nodes in having.items())
    most = f"{demand.max_domains} domain{'s' if demand.max_domains > 1 else ''}"
    message = f"{', '.join(owners)}, but at most {most} may have such a device"
    yield NOT_MET(f"{message}: {demand.reason}")


def _message(nodes: Sequence[Node], domain: str, judgement: str, demand: Demand) -> str:
    verb = "is" if len(nodes) == 1 else "are"
    return f"{some(node.path for node in nodes)} (of {domain}) {verb} {judgement}: {demand.reason}"
