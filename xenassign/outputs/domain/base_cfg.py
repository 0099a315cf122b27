"""NAME.cfg made of the user's own file: what the plan has to say is set in it, the rest stays."""

from __future__ import annotations

from pathlib import PurePosixPath

from xenassign.formats import xlcfg_edit
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.formats.xlcfg_edit import Edit, quoted, written
from xenassign.planning.plan import DomainPlan
from xenassign.xen.xlvalues import IomemRange, intid, page_range, sci_types

_COMMENT = "What xenassign set for the devices that are passed."


def dom_cfg(base: XlConfig, plan: DomainPlan) -> str:
    """The text of the base with the plan's values. Of it again it makes the same."""
    edits: list[Edit] = []
    new: list[str] = []
    for name, value in _values(base, plan).items():
        if base.get(name) is None:
            new.append(written(name, value))
        else:
            edits += xlcfg_edit.set_value(base, name, value)
    for name, items in _items(base, plan).items():
        if base.get(name) is not None:
            edits += xlcfg_edit.add_items(base, name, items)
        elif items:
            new.append(written(name, items))
    edits += xlcfg_edit.add_statements(base, new, _COMMENT)
    return xlcfg_edit.apply(base.text, edits)


def _values(base: XlConfig, plan: DomainPlan) -> dict[str, str]:
    """What single values have to become, as they are written; those that are right are left out."""
    request = plan.request
    asked: dict[str, str | int | None] = {
        "name": request.name,
        "memory": request.memory,
        "vcpus": request.vcpus,
        "kernel": request.kernel,
        "ramdisk": request.ramdisk,
        "extra": request.extra,
    }
    # The request agrees with what the base says of these; what it does not say is added.
    wanted = {name: value for name, value in asked.items() if base.get(name) is None}
    wanted["device_tree"] = _device_tree(base, plan)
    pool = base.integer("shadow_memory") or 0
    if plan.pool_mib is not None and pool < plan.pool_mib:
        wanted["shadow_memory"] = plan.pool_mib
    if request.sci is not None and sci_types(_text(base, "arm_sci") or "")[-1:] != [request.sci]:
        wanted["arm_sci"] = f"type={request.sci}"
    protected = any(device.protection.protected for device in plan.devices)
    if protected and _text(base, "passthrough") not in ("enabled", "share_pt"):
        wanted["passthrough"] = "enabled"
    return {
        name: quoted(value) if isinstance(value, str) else str(value)
        for name, value in wanted.items()
        if value is not None and value != _text(base, name)
    }


def _device_tree(base: XlConfig, plan: DomainPlan) -> str:
    """The option, else a path in the base that ends in NAME.dtb, else NAME.dtb."""
    file = f"{plan.name}.dtb"
    there = _text(base, "device_tree") or ""
    known = there if PurePosixPath(there).name == file else file
    return plan.request.device_tree_path or known


def _text(base: XlConfig, name: str) -> str | None:
    value = base.get(name)
    return value.text if isinstance(value, Atom) else None


def _items(base: XlConfig, plan: DomainPlan) -> dict[str, list[str]]:
    """What lists lack, as it is written."""
    paths = {atom.text for atom in base.texts("dtdev")}
    protected = (device.path for device in plan.devices if device.protection.protected)
    lines = {intid(atom.text) for atom in base.texts("irqs")}
    passed = (number for device in plan.devices for number in device.irqs)
    return {
        "dtdev": [quoted(path) for path in protected if path not in paths],
        "irqs": [str(number) for number in dict.fromkeys(passed) if number not in lines],
        "iomem": [quoted(one.text) for one in _ranges(base, plan)],
    }


def _ranges(base: XlConfig, plan: DomainPlan) -> list[IomemRange]:
    """The pages that iomem does not pass yet, each once."""
    found = (page_range(atom.text) for atom in base.texts("iomem"))
    there = [one for one in found if one is not None]
    missing: list[IomemRange] = []
    for wanted in plan.page_ranges:
        if not any(one.covers(wanted) for one in (*there, *missing)):
            missing.append(wanted)
    return missing
