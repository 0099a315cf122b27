"""The host's CPUs that the domains of a system may run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from xenassign.checks.vcpus import POOL_REFUSED, VCPU_NODE
from xenassign.findings import Finding, rule
from xenassign.host.boot_arguments import stated_line
from xenassign.host.platform import Platform
from xenassign.planning.plan import DomainPlan
from xenassign.xen.cpus import absent, host_cpus, numbers, pool_0

SHARED = rule("XA010", "cpu-of-two-domains", "note", "style")


def cpu_findings(
    platform: Platform, plans: Sequence[DomainPlan], xen_bootargs: str | None
) -> Iterator[Finding]:
    """CPUs that the board lacks or that are of other pools, and CPUs that two domains may run on.

    ``xen_bootargs``: None: those that the board's tree states.
    """
    line = stated_line(platform.tree) if xen_bootargs is None else xen_bootargs
    cpus = host_cpus(platform.tree.root, line)
    made = {plan.pool for plan in plans if plan.pool is not None}
    first_pool = pool_0(cpus, [pool.numbers for pool in made])
    for each in sorted(made, key=lambda pool: pool.name):
        if max(each.numbers) >= cpus:
            message = f"cpu-pool {each.name} has CPU {max(each.numbers)}, and Xen runs on {cpus}"
            fix = f"give CPUs from 0 to {cpus - 1}"
            yield POOL_REFUSED(message, prop="cpus", fix=fix)
        if 0 in each.numbers:
            message = f"{each.name} has CPU 0: dom0 and all domains without cpu-pool are in it"
            yield SHARED(message, fix="leave CPU 0 out, if the pool is for its domains alone")
    for plan in plans:
        place = plan.request.where("cpus")
        for last in {absent(text, cpus) for text in plan.request.node.cpus} - {None}:
            message = f"{plan.name}: cpus{place} has CPU {last}, and Xen runs on {cpus}"
            routes, fix = plan.request.routes, f"give CPUs from 0 to {cpus - 1}"
            yield VCPU_NODE(message, prop="cpus", fix=fix, routes=routes)
        pool, lists = plan.pool, plan.request.node.cpus
        name, own = (pool.name, {*pool.numbers}) if pool is not None else ("Pool-0", first_pool)
        if pool is None and plan.request.node.cpu_pool is not None:
            continue  # dom0 has made it
        if any(not numbers(text) & own for text in lists if absent(text, cpus) is None):
            where = f"that of {name} has {', '.join(map(str, sorted(own)))}"
            message = f"{plan.name}: cpus{place} has no CPU of its pool: {where}"
            fix = "give CPUs of the pool, give it another cpu-pool, or remove cpus"
            yield VCPU_NODE(message, prop="cpus", fix=fix, routes=plan.request.routes)
    for first, second in combinations(plans, 2):
        both = sorted(_cpus(first) & _cpus(second))
        if both:
            names = ", ".join(map(str, both))
            message = f"{first.name} and {second.name} may both run on the CPUs {names}"
            yield SHARED(message)


def _cpus(plan: DomainPlan) -> set[int]:
    """The CPUs that a domain is limited to; none if it is not."""
    return set[int]().union(*map(numbers, plan.request.node.cpus))
