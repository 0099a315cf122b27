"""The files of a domain, as bytes by name."""

from __future__ import annotations

from xenassign.devicetree.blob_writer import to_blob
from xenassign.formats import xlcfg
from xenassign.outputs.attach import write as attach
from xenassign.outputs.domain import base_cfg, overlay, text
from xenassign.outputs.report import plan_json as report
from xenassign.planning.plan import DomainPlan

#: What follows a domain's name in the names of its files.
ENDINGS = (
    *(".dtb", ".dts", ".host.dtbo", ".host.dtso", ".json"),
    *(".cfg", ".dom0less.dtso"),
    *(".attach.dtbo", ".attach.dtso", ".attach.host.dtbo", ".attach.host.dtso"),
)


def render(plan: DomainPlan) -> dict[str, bytes]:
    """Name to content of every file of the plan's routes. Deterministic."""
    name = plan.name
    partial = to_blob(plan.tree)
    marks = overlay.host_marks(plan)
    files = {
        f"{name}.dtb": partial,
        f"{name}.dts": text.partial_dts(plan).encode(),
        f"{name}.host.dtbo": to_blob(marks),
        f"{name}.host.dtso": text.host_dtso(plan, marks).encode(),
        f"{name}.json": report.to_json(report.plan(plan)).encode(),
    }
    if "xl" in plan.request.routes:
        base = plan.request.base
        made = text.dom_cfg(plan) if base is None else base_cfg.dom_cfg(base, plan)
        files[f"{name}.cfg"] = xlcfg.encode(made)
    if "dom0less" in plan.request.routes:
        files[f"{name}.dom0less.dtso"] = text.dom0less_dtso(plan, len(partial)).encode()
    if plan.attach is not None:
        files |= attach.files(plan, plan.attach)
    return files
