"""vCPUs: how many a guest can have depends on the GIC of the host; and the CPUs they may run on."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding, rule
from xenassign.xen.releases import GUEST_VCPUS_MAX

TOO_MANY_VCPUS = rule("XA108", "too-many-vcpus", "error", "rejected")
VCPU_NODE = rule(
    "XA718",
    "vcpu-node-refused",
    "error",
    "rejected",
    routes=("dom0less",),
    applies=lambda xen: xen.vcpu_nodes,
)
POOL_REFUSED = rule("XA750", "cpupool-refused", "error", "rejected", routes=("dom0less",))


def too_many_vcpus(count: int, gic: int) -> Iterator[Finding]:
    """More vCPUs than a guest can have. ``gic``: version of the host's GIC, and of the guest's."""
    limit = GUEST_VCPUS_MAX[gic]
    if count > limit:
        yield TOO_MANY_VCPUS(f"{count} vCPUs are more than the {limit} of a GICv{gic}")
