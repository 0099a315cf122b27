"""The files of a domain, as bytes by name."""

from __future__ import annotations

from collections.abc import Iterable

from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.blob_writer import to_blob
from xenassign.formats import xlcfg
from xenassign.outputs.domain import overlay, text
from xenassign.outputs.domain.decide import DomainDecision
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan


def write(system: SystemPlan, _: DomainDecision) -> dict[str, bytes]:
    """The files of all domains, by name."""
    files: dict[str, bytes] = {}
    for plan in system.domains:
        files.update(render(plan, system.conflicts))
    return files


def render(plan: DomainPlan, conflicts: Iterable[Conflict] = ()) -> dict[str, bytes]:
    """The files of the plan's routes, by name. ``conflicts``: of its system."""
    name = plan.name
    partial = to_blob(plan.tree)
    marks = overlay.host_marks(plan)
    files = {
        f"{name}.host.dtbo": to_blob(marks),
        f"{name}.host.dtso": text.host_dtso(plan, marks).encode(),
    }
    if plan.request.partial is None or "dom0less" in plan.request.routes:
        files[f"{name}.dtb"] = partial
        files[f"{name}.dts"] = text.partial_dts(plan, conflicts).encode()
    if "xl" in plan.request.routes:
        files[f"{name}.cfg"] = xlcfg.encode(_dom_cfg(plan))
    if "dom0less" in plan.request.routes:
        files[f"{name}.dom0less.dtso"] = text.dom0less_dtso(plan, len(partial)).encode()
    return files


def _dom_cfg(plan: DomainPlan) -> str:
    base = plan.request.base
    if base is None:
        return text.dom_cfg(plan)
    from xenassign.outputs.domain import base_cfg

    return base_cfg.dom_cfg(base, plan)
