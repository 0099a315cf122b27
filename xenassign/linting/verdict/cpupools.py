"""Rules about domain-cpupool, and about the CPU pools in /chosen that it refers to.

A Xen that is built without BOOT_TIME_CPUPOOLS reads neither: all domains are in Pool-0. Source:
btcpupools_dtb_parse, btcpupools_get_domain_pool_id (xen/common/sched/boot-cpupool.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from xenassign.checks.vcpus import POOL_REFUSED as REFUSED
from xenassign.devicetree.cells import xen_cells
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.cpus import SCHEDULERS, cpu_nodes, host_cpus, pool_0

WITHOUT_EFFECT = rule("XA752", "cpupool-without-effect", "warning", "broken", routes=DOM0LESS)
OPTION = "BOOT_TIME_CPUPOOLS"
_POOL, _CPUS, _SCHEDULER, _DOMAIN = "xen,cpupool", "cpupool-cpus", "cpupool-sched", "domain-cpupool"


def cpupool(view: DomainView) -> Iterator[Finding]:
    """The pool of a domain, and with the first domain of /chosen all pools."""
    chosen, path = view.node.parent, view.node.path
    if chosen is None or view.domain.overlaid:
        return  # the CPUs are in the host's tree
    if OPTION not in view.context.options:
        if view.node.has(_DOMAIN):
            message = f"{path}: {_DOMAIN} has no effect without CONFIG_{OPTION}"
            yield WITHOUT_EFFECT(message, node=path, prop=_DOMAIN)
        return
    *_, root = view.node.lineage()
    phandles = root.once(_phandles)
    if next(view.domain.same_chosen).node is view.node:
        yield from _pools(chosen, phandles, _running(view))
    if view.node.has(_DOMAIN):
        yield from _own_pool(view, phandles)


def _own_pool(view: DomainView, phandles: dict[int, Node]) -> Iterator[Finding]:
    path, cells = view.node.path, xen_cells(view.node.value(_DOMAIN) or b"")
    pool = phandles.get(cells[0]) if cells and cells[0] else None
    if pool is None:
        message = f"{path}: {_DOMAIN} refers to no node, so that the domain is in Pool-0"
        yield WITHOUT_EFFECT(message, node=path, prop=_DOMAIN)
    elif not is_compatible(pool, _POOL):
        message = f"{path}: {_DOMAIN} refers to {pool.path}, which is not {_POOL}"
        yield REFUSED(message, node=path, prop=_DOMAIN)
    elif pool.parent is not view.node.parent:
        without = "" if _listed(pool, phandles) else ", and it has no CPU"
        message = f"{path}: {_DOMAIN} refers to {pool.path}, which is not in /chosen{without}"
        yield (REFUSED if without else WITHOUT_EFFECT)(message, node=path, prop=_DOMAIN)


def cpus_of_pool(view: DomainView) -> set[int] | None:
    """Xen's numbers of the CPUs of a domain's pool; None if they are not known, or not limited."""
    chosen, running = view.node.parent, {cpu: n for n, cpu in enumerate(_running(view))}
    if chosen is None or view.domain.overlaid or OPTION not in view.context.options or not running:
        return None
    *_, root = view.node.lineage()
    phandles = root.once(_phandles)
    pools = {
        pool: {running[cpu] for cpu in _listed(pool, phandles) if cpu in running}
        for pool in chosen.children.values()
        if is_compatible(pool, _POOL)
    }
    cells = xen_cells(view.node.value(_DOMAIN) or b"")
    own = phandles.get(cells[0]) if cells else None
    if own is None:
        return pool_0(len(running), pools.values())
    return pools.get(own)


def _phandles(root: Node) -> dict[int, Node]:
    return {node.phandle: node for node in root.walk() if node.phandle is not None}


def _running(view: DomainView) -> list[Node]:
    """The CPUs that Xen runs on, by its numbers; none if the host's tree has none."""
    *_, root = view.node.lineage()
    return cpu_nodes(root)[: host_cpus(root, view.domain.xen_bootargs or "")]


def _listed(pool: Node, phandles: dict[int, Node]) -> list[Node]:
    """The CPUs of a pool: Xen reads up to the first phandle that no node has."""
    cells = takewhile(phandles.__contains__, xen_cells(pool.value(_CPUS) or b""))
    return [phandles[phandle] for phandle in cells]


def _pools(chosen: Node, phandles: dict[int, Node], running: list[Node]) -> Iterator[Finding]:
    """Pools at which Xen stops before it builds a domain."""
    taken: dict[Node, Node] = {}
    for pool in chosen.children.values():
        if not is_compatible(pool, _POOL):
            continue
        scheduler = string(pool, _SCHEDULER)
        if scheduler is not None and scheduler not in SCHEDULERS:
            message = f"{pool.path}: Xen has no scheduler {scheduler!r}"
            yield REFUSED(message, node=pool.path, prop=_SCHEDULER)
        for text in _cpu_problems(pool, _listed(pool, phandles), running, taken):
            yield REFUSED(f"{pool.path}: {_CPUS} {text}", node=pool.path, prop=_CPUS)


def _cpu_problems(
    pool: Node, cpus: list[Node], running: list[Node], taken: dict[Node, Node]
) -> Iterator[str]:
    """What is wrong with the CPUs of a pool. Adds them to ``taken``."""
    if not cpus:
        yield "refers to no node" if pool.has(_CPUS) else "is missing"
    for cpu in cpus:
        if not cpu.has("reg"):
            yield f"refers to {cpu.path}, which has no reg"
        elif cpu in taken:
            yield f"refers to {cpu.path}, which is in {taken[cpu].path} already"
        elif running and cpu not in running:
            yield f"refers to {cpu.path}, and Xen runs on the first {len(running)} CPUs of /cpus"
        taken.setdefault(cpu, pool)
