"""Overlays: the marks on the host's nodes, and the domain's node under /chosen."""

from __future__ import annotations

from xenassign.assign.plan import DomainPlan
from xenassign.devicetree.draft import DraftNode, boolean, cells, text


def host_marks(plan: DomainPlan) -> DraftNode:
    """One fragment for each host node that gets ``xen,passthrough``, and each that is kept on.

    boot-on beside always-on: a regulator behind a GPIO would otherwise be off for a moment while
    dom0 probes it (regulator/fixed-regulator.yaml).
    """
    wanted: list[tuple[str, str, tuple[str, ...]]] = [
        (mark.path, mark.why, ("xen,passthrough",)) for mark in plan.marks
    ]
    always = ("regulator-always-on", "regulator-boot-on")
    why = "assigned devices use it: dom0 leaves it on"
    wanted += [(path, why, always) for path in plan.kept_on]
    fragments = tuple(
        DraftNode(
            f"fragment@{number}",
            (text("target-path", path),),
            (DraftNode("__overlay__", tuple(boolean(name) for name in names)),),
            comments=(why,),
        )
        for number, (path, why, names) in enumerate(wanted)
    )
    return DraftNode("", (), fragments)


def domain_node(plan: DomainPlan) -> DraftNode:
    """/chosen/NAME: what Xen reads of a dom0less domain but its modules. ``memory`` is in KiB."""
    request = plan.request
    properties = [
        text("compatible", "xen,domain"),
        cells("#address-cells", 2, decimal=True),
        cells("#size-cells", 2, decimal=True),
    ]
    if request.memory is not None:
        kib = request.memory << 10
        comment = f"{request.memory} MiB, in KiB"
        properties.append(cells("memory", kib >> 32, kib & 0xFFFFFFFF, comment=comment))
    if request.vcpus is not None:
        properties.append(cells("cpus", request.vcpus, decimal=True))
    if plan.pool_mib is not None:
        comment = "MiB for the tables of stage 2: the default is too small for the mappings"
        properties.append(
            cells("xen,domain-p2m-mem-mb", plan.pool_mib, decimal=True, comment=comment)
        )
    if request.sci is not None:
        comment = "Xen's command line needs scmi-smc-passthrough"
        properties.append(text("xen,sci_type", request.sci, comment=comment))
    if request.vpl011:
        properties.append(boolean("vpl011"))
    domain = DraftNode(plan.name, tuple(properties))
    chosen = DraftNode("__overlay__", (), (domain,))
    return DraftNode(
        "", (), (DraftNode("fragment@0", (text("target-path", "/chosen"),), (chosen,)),)
    )
