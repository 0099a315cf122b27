"""vCPUs: how many a guest can have, which the GIC of the host decides."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding, rule
from xenassign.xen.releases import GUEST_VCPUS_MAX

TOO_MANY_VCPUS = rule("XA108", "too-many-vcpus", "error", "rejected")


def too_many_vcpus(count: int, gic: int) -> Iterator[Finding]:
    """More vCPUs than a GIC of the host's version, which the guest's follows, has room for."""
    most = GUEST_VCPUS_MAX[gic]
    if count > most:
        yield TOO_MANY_VCPUS(f"{count} vCPUs are more than the {most} of a GICv{gic}")
