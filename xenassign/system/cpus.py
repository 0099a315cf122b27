"""The host's CPUs that the domains of a system may run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from xenassign.checks.vcpus import VCPU_NODE
from xenassign.findings import Finding, rule
from xenassign.host.boot_arguments import stated_line
from xenassign.host.platform import Platform
from xenassign.planning.plan import DomainPlan
from xenassign.xen.cpus import absent, host_cpus, numbers, ranges

SHARED = rule("XA010", "cpu-of-two-domains", "note", "style")


def cpu_findings(
    platform: Platform, plans: Sequence[DomainPlan], xen_bootargs: str | None
) -> Iterator[Finding]:
    """CPUs that the board lacks, ranges that xl refuses, and CPUs that two domains may run on.

    ``xen_bootargs``: None: those that the board's tree states.
    """
    line = stated_line(platform.tree) if xen_bootargs is None else xen_bootargs
    cpus = host_cpus(platform.tree.root, line)
    for plan in plans:
        place = plan.request.where("cpus")
        for last in {absent(text, cpus) for text in plan.request.node.cpus} - {None}:
            message = f"{plan.name}: cpus{place} has CPU {last}, and Xen runs on {cpus}"
            routes, fix = plan.request.routes, f"give CPUs from 0 to {cpus - 1}"
            yield VCPU_NODE(message, prop="cpus", fix=fix, routes=routes)
        pool, lists = plan.pool, plan.request.node.cpus
        reversed_ranges = {f"{a}-{b}" for text in lists for a, b in ranges(text) if a > b}
        if reversed_ranges and "xl" in plan.request.routes:
            message = f"{plan.name}: cpus{place} has the range {min(reversed_ranges)}"
            yield VCPU_NODE(message, prop="cpus", fix="write the lower CPU first", routes=("xl",))
        if pool is not None and any(not numbers(text) & {*pool.numbers} for text in lists):
            where = f"that of {pool.name} has {', '.join(map(str, pool.numbers))}"
            message = f"{plan.name}: cpus{place} has no CPU of its pool: {where}"
            yield VCPU_NODE(message, prop="cpus", fix="give CPUs of the pool, or remove cpus")
    for first, second in combinations(plans, 2):
        both = sorted(_cpus(first) & _cpus(second))
        if both:
            names = ", ".join(map(str, both))
            message = f"{first.name} and {second.name} may both run on the CPUs {names}"
            yield SHARED(message)


def _cpus(plan: DomainPlan) -> set[int]:
    """The CPUs that a domain is limited to; none if it is not."""
    return set[int]().union(*map(numbers, plan.request.node.cpus))
