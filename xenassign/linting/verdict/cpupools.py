"""Rules about domain-cpupool, and about the CPU pools in /chosen that it refers to.

A Xen that is built without BOOT_TIME_CPUPOOLS reads neither: all domains are in Pool-0. Source:
btcpupools_dtb_parse, btcpupools_get_domain_pool_id (xen/common/sched/boot-cpupool.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.cells import xen_cells
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.cpus import SCHEDULERS

REFUSED = rule("XA750", "cpupool-refused", "error", "rejected", routes=DOM0LESS)
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
    phandles = {node.phandle: node for node in root.walk() if node.phandle is not None}
    if next(view.domain.same_chosen).node is view.node:
        yield from _pools(chosen, phandles)
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


def _pools(chosen: Node, phandles: dict[int, Node]) -> Iterator[Finding]:
    """Pools at which Xen stops before it builds a domain."""
    taken: dict[Node, Node] = {}
    for pool in chosen.children.values():
        if not is_compatible(pool, _POOL):
            continue
        scheduler = string(pool, _SCHEDULER)
        if scheduler is not None and scheduler not in SCHEDULERS:
            message = f"{pool.path}: Xen has no scheduler {scheduler!r}"
            yield REFUSED(message, node=pool.path, prop=_SCHEDULER)
        for text in _cpu_problems(pool, phandles, taken):
            yield REFUSED(f"{pool.path}: {_CPUS} {text}", node=pool.path, prop=_CPUS)


def _cpu_problems(pool: Node, phandles: dict[int, Node], taken: dict[Node, Node]) -> Iterator[str]:
    """What is wrong with the CPUs of a pool. Adds them to ``taken``.

    Xen reads up to the first phandle that no node has.
    """
    cpus: list[Node] = []
    for phandle in xen_cells(pool.value(_CPUS) or b""):
        if phandle not in phandles:
            break
        cpus.append(phandles[phandle])
    if not cpus:
        yield "refers to no node" if pool.has(_CPUS) else "is missing"
    for cpu in cpus:
        if not cpu.has("reg"):
            yield f"refers to {cpu.path}, which has no reg"
        elif cpu in taken:
            yield f"refers to {cpu.path}, which is in {taken[cpu].path} already"
        taken.setdefault(cpu, pool)
