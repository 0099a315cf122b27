"""Nodes with xen,vcpu: the vCPUs of a domain, and the CPUs of the host that they may run on.

Source: domain_vcpu_affinity (dom0less-build.c), dt_smp_init_cpus and smp_get_max_cpus (smpboot.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.boot_arguments import number, value
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView

VCPU_NODE = rule(
    "XA718",
    "vcpu-node-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.vcpu_nodes,
)
_AFFINITY = "hard-affinity"


def vcpu_nodes(view: DomainView) -> Iterator[Finding]:
    """Nodes whose id is not that of a vCPU of the domain, or whose CPUs the host does not have."""
    for node in view.node.children.values():
        if not VCPU_NODE.applies(view.release) or not is_compatible(node, "xen,vcpu"):
            continue
        vcpu, affinity = xen_first_number(node.value("id")), string(node, _AFFINITY)
        if vcpu is None or vcpu >= (view.domain.vcpus or 0):
            invalid = "has no id" if vcpu is None else f"has id {vcpu}"
            yield VCPU_NODE(f"{node.path} {invalid}", node=node.path, prop="id")
        elif affinity is not None and (problem := _problem(affinity, _host_cpus(view))):
            message = f"{node.path}: {_AFFINITY} {problem}"
            yield VCPU_NODE(message, node=node.path, prop=_AFFINITY)


def _problem(text: str, cpus: int | None) -> str | None:
    """Why Xen refuses the CPUs of a text as ``0,2-3``. ``cpus``: of the host, None if unknown."""
    ranges = list(_ranges(text))
    last = next((end for _, end in ranges if cpus is not None and end >= cpus), None)
    if last is not None:
        return f"has CPU {last}, and Xen runs on {cpus}"
    return None if any(start <= end for start, end in ranges) else "names no CPU"


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """(first, last CPU), as Xen reads them: no digit is 0, and another separator ends the list."""
    while text:
        start, text = number(text)
        end = start
        if text.startswith("-"):
            end, text = number(text[1:])
        yield start or 0, end or 0
        if not text.startswith(","):
            return
        text = text[1:]


def _host_cpus(view: DomainView) -> int | None:
    """How many CPUs Xen uses at most; None if the host's tree is unknown."""
    *_, root = view.node.lineage()
    if view.domain.overlaid:
        if view.context.platform is None:
            return None
        root = view.context.platform.tree.root
    cpus = root.children.get("cpus")
    nodes = cpus.children.values() if cpus is not None else ()
    count = sum(_is_cpu(node) for node in nodes) or 1
    limit, _ = number(value(view.domain.xen_bootargs or "", "maxcpus") or "")
    return min(count, limit) if limit else count


def _is_cpu(node: Node) -> bool:
    return node.text("device_type") == "cpu" and node.has("reg")
