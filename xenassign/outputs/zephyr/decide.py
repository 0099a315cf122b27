"""Whether zephyr-xenlib and zephyr-xrun can express a domain.

Source: xen-dom-mgmt/include/domain.h and src/xen-dom-mgmt.c of zephyr-xenlib (64649b4), src/xrun.c
of zephyr-xrun (5b6ecf2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan

#: xrun makes one vCPU of as many and more (VCPUS_MAX_COUNT).
_VCPUS_END = 24


class ZephyrPlan(NamedTuple):
    """``domains``: those that dom0 builds, each with its name in C."""

    domains: tuple[tuple[DomainPlan, str], ...]
    findings: tuple[Finding, ...] = ()


def decide(system: SystemPlan) -> ZephyrPlan | None:
    """The domains of the route xl. None: they are not requested for Zephyr.

    Raises UsageError if there is no such domain, or if Zephyr's tools cannot build one.
    """
    if not system.resolved.request.zephyr:
        return None
    plans = [plan for plan in system.domains if "xl" in plan.request.routes]
    if not plans:
        raise UsageError("--zephyr has no effect: dom0 builds no domain; give --route xl")
    for plan in plans:
        check(plan)
    return ZephyrPlan(tuple(_named(plans)))


def _named(plans: Sequence[DomainPlan]) -> list[tuple[DomainPlan, str]]:
    """The plans with their names in C. Raises UsageError if two are equal."""
    named: dict[str, DomainPlan] = {}
    for plan in plans:
        name = re.sub("[^A-Za-z0-9]", "_", plan.name)
        other = named.setdefault(name, plan)
        if other is not plan:
            raise UsageError(
                f"--zephyr: {other.name} and {plan.name} have one name in C, {name}; rename one"
            )
    return [(plan, name) for name, plan in named.items()]


def check(plan: DomainPlan) -> None:
    """Raises UsageError for what the description of a domain has no place for."""
    request = plan.request
    options = (
        ("--memory MIB", request.memory),
        ("--vcpus N", request.vcpus),
        ("--kernel PATH", request.kernel),
    )
    missing = [option for option, value in options if value is None]
    if missing:
        raise UsageError(f"--zephyr requires values for {plan.name}; give {', '.join(missing)}")
    problem = None
    if (request.vcpus or 0) >= _VCPUS_END:
        problem = (
            f"has {request.vcpus} vCPUs, of which xrun makes one; give {_VCPUS_END - 1} or less"
        )
    elif request.sci is not None:
        problem = "has access to SCMI, for which Zephyr has no key; leave --sci out"
    elif plan.pool_mib is not None:
        problem = (
            f"requires {plan.pool_mib} MiB for the stage 2 tables, and zephyr-xenlib gives it the"
            " default of xl; give more --memory"
        )
    elif any(pages.gfn == 0 != pages.mfn for pages in plan.page_ranges):
        problem = "maps to guest page 0, which means the host's address; give another --map"
    elif any(pages.normal for pages in plan.page_ranges):
        problem = "has Normal memory, for which Zephyr has no key; leave --xen-flavour out"
    if problem is not None:
        raise UsageError(f"--zephyr: {plan.name} {problem}")
