"""CPU pools in /chosen: nodes that refer to the CPUs of the board, and domains to them.

A board's tree may have CPUs without a phandle. In a tree that is changed they get one; an overlay
gives them one by a reference from the same overlay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, cells, text
from xenassign.devicetree.references import unused_phandles
from xenassign.devicetree.tree import Node, Tree
from xenassign.planning.plan import DomainPlan, PlannedPool


def pools_of(plans: Iterable[DomainPlan]) -> list[PlannedPool]:
    """The pools of the domains that Xen builds, each once."""
    return list({plan.pool.name: plan.pool for plan in plans if plan.pool is not None}.values())


def without_phandle(pools: Iterable[PlannedPool]) -> list[Node]:
    """The CPUs of pools that have no phandle in the board's tree."""
    return [cpu for pool in pools for cpu in pool.cpus if cpu.phandle is None]


def new_phandles(tree: Tree, plans: Sequence[DomainPlan]) -> tuple[dict[Node, int], Iterator[int]]:
    """Phandles for CPUs that have none, and those that are still unused."""
    unused = unused_phandles(tree)
    cpus = without_phandle(pools_of(plans))
    return dict(zip(cpus, islice(unused, len(cpus)), strict=True)), unused


def cpu_changes(tree: Tree, plans: Sequence[DomainPlan]) -> tuple[Change, ...]:
    """The changes of the board's CPUs, so that pools can refer to them."""
    numbers, _ = new_phandles(tree, plans)
    why = "a CPU pool refers to it"
    return tuple(Change(cpu.path, (cells("phandle", n),), why=why) for cpu, n in numbers.items())


def pool_label(pool: PlannedPool) -> str:
    """The label of a pool's node."""
    return "pool_" + "".join(char if char.isalnum() else f"_{ord(char)}_" for char in pool.name)


def cpu_label(cpu: Node) -> str:
    """The label of a CPU in an overlay. Names of CPUs differ in their unit addresses."""
    return "".join(char if char.isalnum() else "_" for char in cpu.name)


def pool_node(pool: PlannedPool, numbers: Mapping[Node, int] | None = None) -> DraftNode:
    """The node of a pool. ``numbers``: of CPUs without a phandle; None: they have labels."""
    cpus = (
        cpu.phandle or (Ref(cpu_label(cpu)) if numbers is None else numbers[cpu])
        for cpu in pool.cpus
    )
    paths = ", ".join(cpu.path for cpu in pool.cpus)
    properties = [
        text("compatible", "xen,cpupool", comment="requires CONFIG_BOOT_TIME_CPUPOOLS"),
        DraftProperty("cpupool-cpus", (Cells(tuple(cpus)),), comment=paths),
    ]
    if pool.scheduler is not None:
        properties.append(text("cpupool-sched", pool.scheduler))
    return DraftNode(f"cpupool-{pool.name}", tuple(properties), label=pool_label(pool))


def pool_property(pool: PlannedPool) -> DraftProperty:
    """The property of a domain in a pool."""
    return cells("domain-cpupool", Ref(pool_label(pool)))
