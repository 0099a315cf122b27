"""Overlays: the marks on the host's nodes, and the domain's node under /chosen."""

from __future__ import annotations

from xenassign.assign.plan import DomainPlan
from xenassign.devicetree.draft import DraftNode, DraftProperty, boolean, cells, text


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


def _static_memory(plan: DomainPlan) -> list[DraftProperty]:
    """xen,static-mem in the cells of /chosen, and direct-map."""
    banks, (address, size) = plan.request.static_memory, plan.chosen_cells
    if not banks:
        return []
    values = [
        part
        for base, length in banks
        for number, count in ((base, address), (length, size))
        for part in _split(number, count)
    ]
    spans = ", ".join(f"{base:#x}-{base + length:#x}" for base, length in banks)
    comment = f"host memory {spans}, in the cells of /chosen; Xen needs CONFIG_STATIC_MEMORY"
    found = [cells("xen,static-mem", *values, comment=comment)]
    if plan.request.direct_map:
        comment = "RAM, GIC and vPL011 at the host's addresses"
        found.append(DraftProperty("direct-map", (), comment))
    return found


def _bank_cells(plan: DomainPlan) -> tuple[DraftProperty, ...]:
    """Those of /chosen, stated so that no boot loader finds them missing and adds others."""
    if not plan.request.static_memory:
        return ()
    address, size = plan.chosen_cells
    comment = "xen,static-mem is written in these cells"
    return (
        cells("#address-cells", address, decimal=True, comment=comment),
        cells("#size-cells", size, decimal=True, comment=comment),
    )


def _split(number: int, count: int) -> tuple[int, ...]:
    """A number in so many cells."""
    return tuple(number >> 32 * at & 0xFFFFFFFF for at in reversed(range(count)))


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
    properties += _static_memory(plan)
    domain = DraftNode(plan.name, tuple(properties))
    chosen = DraftNode("__overlay__", _bank_cells(plan), (domain,))
    return DraftNode(
        "", (), (DraftNode("fragment@0", (text("target-path", "/chosen"),), (chosen,)),)
    )
