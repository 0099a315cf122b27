"""The text files of a domain, rendered from templates/."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.draft import DraftNode
from xenassign.devicetree.source.writer import to_dts
from xenassign.devicetree.spans import GrowingIntervals
from xenassign.escape import dts_comment, dts_string, hash_comment, xlcfg_string
from xenassign.outputs.domain.overlay import domain_node
from xenassign.outputs.domain.waivers import with_waivers
from xenassign.planning.plan import DomainPlan, PlannedDevice
from xenassign.resources import directory
from xenassign.xen.iommu import Shield

_LIMITED = 60  # columns left in the line of dom.cfg


@cache
def _environment() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(directory("templates"))
    environment = jinja2.Environment(
        loader=loader,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    for escaping in (dts_comment, dts_string, hash_comment, xlcfg_string):
        environment.filters[escaping.__name__] = escaping
    return environment


def render_template(template: str, **values: object) -> str:
    """The text of a template of templates/."""
    return str(_environment().get_template(template).render(**values))


def partial_dts(plan: DomainPlan, conflicts: Iterable[Conflict] = ()) -> str:
    """NAME.dts: the source of the partial device tree, with waivers.

    ``conflicts``: of the whole system, for the waivers.
    """
    body = to_dts(with_waivers(plan, conflicts))
    return render_template("partial.dts.j2", plan=plan, body=body).rstrip() + "\n"


def host_dtso(plan: DomainPlan, marks: DraftNode) -> str:
    """NAME.host.dtso: the marks as source."""
    keeps = [
        f"{' '.join([keep.kind, keep.provider, *map(hex, keep.args)])} for {', '.join(keep.users)}"
        for keep in plan.host_keeps
    ]
    body = to_dts(marks)
    return render_template("host.dtso.j2", plan=plan, body=body, keeps=keeps).rstrip() + "\n"


def dom0less_dtso(plan: DomainPlan, size: int) -> str:
    """NAME.dom0less.dtso: the domain's node. ``size``: bytes of the partial device tree."""
    missing = [
        f"Xen also requires {name}, which was not given ({option})."
        for name, option, value in (
            ("memory", "--memory", plan.request.memory),
            ("cpus", "--vcpus", plan.request.vcpus),
        )
        if value is None
    ]
    body = to_dts(domain_node(plan))
    values = {"body": body, "size": size, "missing": missing, "notes": _notes(plan)}
    rendered = render_template("dom0less.dtso.j2", plan=plan, **values)
    return rendered.rstrip() + "\n"


def _notes(plan: DomainPlan) -> list[str]:
    """Requirements of static memory for the boot loader and the build of Xen."""
    if not plan.request.static_memory:
        return []
    return [
        "No module, nor Xen or its device tree, may lie in the domain's static memory.",
        "/chosen keeps the #address-cells and #size-cells stated here: xen,static-mem is in them.",
        "Xen is built with CONFIG_STATIC_MEMORY (CONFIG_UNSUPPORTED).",
    ]


def dom_cfg(plan: DomainPlan) -> str:
    """NAME.cfg: the domain configuration for xl."""
    moved = any(pages.mfn != pages.gfn for pages in plan.page_ranges)
    return render_template(
        "dom.cfg.j2",
        plan=plan,
        dtdev=[device.path for device in plan.devices if device.protection.protected],
        irqs=_irq_groups(plan.devices),
        iomem=_iomem_groups(plan),
        moved=moved,
        limited=_limited(plan),
    )


def _limited(plan: DomainPlan) -> str:
    """The node that limits the memory, if the text is short enough for the line."""
    limit = plan.memory_limit
    text = f"; {limit.by} is at {limit.address:#x}" if limit else ""
    return hash_comment(text) if len(text) <= _LIMITED else ""


def _irq_groups(devices: tuple[PlannedDevice, ...]) -> list[dict[str, object]]:
    """INTIDs by device; one that an earlier device has is listed there only."""
    owners: dict[int, str] = {}
    groups: list[dict[str, object]] = []
    for device in devices:
        new = [intid for intid in device.irqs if intid not in owners]
        old = [intid for intid in device.irqs if intid in owners]
        owners.update((intid, device.path) for intid in new)
        if device.irqs:
            note = f" (also {', '.join(map(str, old))}, listed above)" if old else ""
            groups.append({"path": device.path, "numbers": new, "note": note})
    return groups


def _iomem_groups(plan: DomainPlan) -> list[dict[str, object]]:
    """Pages by device and region; a mapping that an earlier one has is listed there only."""
    seen: dict[int, GrowingIntervals[None]] = {}  # host pages, by their distance to the guest's
    groups: list[dict[str, object]] = []
    for owner in plan.owners:
        entries = []
        for mapping in owner.mappings:
            alike = seen.setdefault(mapping.guest - mapping.host, GrowingIntervals())
            if alike.covering(mapping.host_span):
                continue
            alike.add(mapping.host_span, None)
            entries.append(mapping.entry.text)
        notes = []
        rounded = [f"{p.block.size:#x}" for p in owner.placed if p.rounded]
        if rounded:
            notes.append(f"rounded out from {', '.join(rounded)} bytes")
        if len(entries) < len(owner.mappings):
            notes.append("shares pages listed above")
        if isinstance(owner, PlannedDevice) and not owner.protection.protected:
            known = owner.protection.shield is not Shield.UNKNOWN
            notes.append("no IOMMU protection" if known else "IOMMU protection not known")
        if owner.mappings:
            note = f" ({'; '.join(notes)})" if notes else ""
            groups.append({"path": owner.path, "entries": entries, "note": note})
    return groups
