"""CPU pools that Xen makes when it starts: their CPUs as nodes of the board, and their domains."""

from __future__ import annotations

from collections.abc import Sequence

from xenassign.host.platform import Platform
from xenassign.planning.plan import DomainPlan, PlannedPool
from xenassign.request.origin import stop
from xenassign.request.system_request import CpuPool
from xenassign.xen.cpus import cpu_nodes, numbers


def with_cpu_pools(
    plans: Sequence[DomainPlan], pools: Sequence[CpuPool], platform: Platform
) -> tuple[DomainPlan, ...]:
    """The plans with the pools of dom0less domains.

    Raises UsageError for a pool that is not in the file, and for CPUs that the board lacks or that
    two pools have.
    """
    planned: dict[str, PlannedPool] = {}
    taken: dict[int, CpuPool] = {}
    nodes = cpu_nodes(platform.tree.root)
    for pool in pools:
        cpus = sorted(numbers(pool.cpus))
        for cpu in cpus:
            if cpu >= len(nodes):
                text = f"has CPU {cpu}, and {platform.tree.file} has {len(nodes)}"
                stop(pool.name, f"cpu-pool {pool.name} {text}; give others")
            if cpu in taken:
                text = f"has CPU {cpu}, which {taken[cpu].name} has already"
                stop(pool.name, f"cpu-pool {pool.name} {text}; give each to one pool")
            taken[cpu] = pool
        users = tuple(plan.name for plan in plans if _builds(plan, pool.name))
        of_pool = tuple(nodes[cpu] for cpu in cpus)
        name = str(pool.name)
        planned[name] = PlannedPool(name, tuple(cpus), of_pool, pool.scheduler, users)
    for plan in plans:
        asked = plan.request.node.cpu_pool
        if asked is not None and _builds(plan, asked) and asked not in planned:
            text = "is not in this file, and Xen has to make it for dom0less"
            stop(asked, f"cpu-pool {asked} {text}; add [[cpu-pool]] with name and cpus")
    return tuple(
        plan._replace(pool=planned[plan.request.node.cpu_pool or ""])
        if _builds(plan, plan.request.node.cpu_pool)
        else plan
        for plan in plans
    )


def _builds(plan: DomainPlan, pool: str | None) -> bool:
    """Whether Xen builds the domain in a pool."""
    in_pool = pool is not None and plan.request.node.cpu_pool == pool
    return in_pool and "dom0less" in plan.request.routes
