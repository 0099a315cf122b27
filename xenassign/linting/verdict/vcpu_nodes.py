"""Nodes with xen,vcpu: the vCPUs of a domain, and the CPUs of the host that they may run on.

Source: domain_vcpu_affinity (dom0less-build.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.vcpus import VCPU_NODE
from xenassign.devicetree.cells import xen_first_number
from xenassign.findings import Finding
from xenassign.linting.verdict.cpupools import cpus_of_pool
from xenassign.linting.verdict.domain import is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.cpus import absent, host_cpus, numbers, ranges

_AFFINITY = "hard-affinity"


def vcpu_nodes(view: DomainView) -> Iterator[Finding]:
    """Nodes whose id is not that of a vCPU of the domain, or whose CPUs the host does not have."""
    pool = cpus_of_pool(view)
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
        elif affinity is not None and pool is not None and not numbers(affinity) & pool:
            listed = ", ".join(map(str, sorted(pool)))
            message = f"{node.path}: {_AFFINITY} has no CPU of the domain's pool ({listed})"
            yield VCPU_NODE(message, node=node.path, prop=_AFFINITY)


def _problem(text: str, cpus: int | None) -> str | None:
    """Why Xen refuses the CPUs of a text as ``0,2-3``. ``cpus``: of the host, None if unknown."""
    last = absent(text, cpus) if cpus is not None else None
    if last is not None:
        return f"has CPU {last}, and Xen runs on {cpus}"
    return None if any(start <= end for start, end in ranges(text)) else "names no CPU"


def _host_cpus(view: DomainView) -> int | None:
    """How many CPUs Xen uses at most; None if the host's tree is unknown."""
    *_, root = view.node.lineage()
    if view.domain.overlaid:
        if view.context.platform is None:
            return None
        root = view.context.platform.tree.root
    return host_cpus(root, view.domain.xen_bootargs or "")
