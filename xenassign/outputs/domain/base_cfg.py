"""NAME.cfg from the user's own file: the plan's values are set in it, the rest stays."""

from __future__ import annotations

from pathlib import PurePosixPath

from xenassign.escape import hash_comment, xlcfg_string
from xenassign.formats import xlcfg_edit
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.formats.xlcfg_edit import Edit, written
from xenassign.formats.xlcfg_parser import parse
from xenassign.outputs.domain.text import protected_paths, sci_value
from xenassign.planning.plan import DomainPlan
from xenassign.request import short_form
from xenassign.request.select import matches
from xenassign.xen.xlvalues import IomemRange, intid, page_range, sci_types

_COMMENT = "What xenassign set for the devices that are passed."
_READ = "Read by xenassign; xl does not know it:"
_NOT_PROTECTED = "No IOMMU protects these, so that they are not in dtdev: {}."


def dom_cfg(base: XlConfig, plan: DomainPlan) -> str:
    """The text of the base with the plan's values. Applied to its result, it changes nothing."""
    base = _today(base, plan)
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


def _today(base: XlConfig, plan: DomainPlan) -> XlConfig:
    """The base without what today's xl refuses or does not know of the short form.

    Its proposed keys are comments, and its dtdev has of the planned devices the paths of those that
    are protected.
    """
    edits: list[Edit] = []
    for statement in short_form.statements(base):
        edits += xlcfg_edit.comment_out(base, statement, _READ)
    paths = {device.path: device.path for device in plan.devices}
    paths |= {name: node.path for node, name in plan.called.items()}
    protected = protected_paths(plan)
    items: dict[Atom, str | None] = {}
    for atom in base.texts("dtdev"):
        named = [paths[atom.text]] if atom.text in paths else _matching(plan, atom.text)
        kept = [path for path in named if path in protected]
        if named and kept != [atom.text]:
            items[atom] = ", ".join(map(xlcfg_string, kept)) or None
    taken = (hash_comment(atom.text) for atom, new in items.items() if new is None)
    why = _NOT_PROTECTED.format(", ".join(dict.fromkeys(taken)))
    edits += xlcfg_edit.replace_items(base, "dtdev", items, why)
    return parse(xlcfg_edit.apply(base.text, edits), base.file) if edits else base


def _matching(plan: DomainPlan, pattern: str) -> list[str]:
    """The paths of the requested nodes that a pattern matches."""
    return [node.path for node in plan.called if matches(node, pattern)]


def _values(base: XlConfig, plan: DomainPlan) -> dict[str, str]:
    """The values to set, in the syntax of xl.cfg; those that the base has already are left out."""
    request = plan.request
    requested: dict[str, str | int | None] = {
        "name": request.name,
        "memory": request.memory,
        "vcpus": request.vcpus,
        "kernel": request.kernel,
        "ramdisk": request.ramdisk,
        "extra": request.extra,
    }
    # The request has the values of the base for these, so only missing ones are added.
    values = {name: value for name, value in requested.items() if base.get(name) is None}
    values["device_tree"] = _device_tree(base, plan)
    pool = base.integer("shadow_memory") or 0
    if plan.pool_mib is not None and pool < plan.pool_mib:
        values["shadow_memory"] = plan.pool_mib
    stated = _text(base, "arm_sci") or ""
    if request.sci is not None and (
        sci_types(stated)[-1:] != [request.sci] or (request.agent and stated != sci_value(request))
    ):
        values["arm_sci"] = sci_value(request)
    protected = any(device.protection.protected for device in plan.devices)
    if protected and _text(base, "passthrough") not in ("enabled", "share_pt"):
        values["passthrough"] = "enabled"
    return {
        name: xlcfg_string(value) if isinstance(value, str) else str(value)
        for name, value in values.items()
        if value is not None and value != _text(base, name)
    }


def _device_tree(base: XlConfig, plan: DomainPlan) -> str:
    """The option, else a path in the base that is the user's own or ends in NAME.dtb, else
    NAME.dtb.
    """
    file = f"{plan.name}.dtb"
    path = _text(base, "device_tree") or ""
    own = plan.request.partial is not None or PurePosixPath(path).name == file
    default = path if own else file
    return plan.request.device_tree_path or default


def _text(base: XlConfig, name: str) -> str | None:
    value = base.get(name)
    return value.text if isinstance(value, Atom) else None


def _items(base: XlConfig, plan: DomainPlan) -> dict[str, list[str]]:
    """The entries to add to lists, in the syntax of xl.cfg."""
    paths = {atom.text for atom in base.texts("dtdev")}
    intids = {intid(atom.text) for atom in base.texts("irqs")}
    passed = (number for device in plan.devices for number in device.irqs)
    return {
        "dtdev": [xlcfg_string(path) for path in protected_paths(plan) if path not in paths],
        "irqs": [str(number) for number in dict.fromkeys(passed) if number not in intids],
        "iomem": [xlcfg_string(pages.text) for pages in _missing_ranges(base, plan)],
    }


def _missing_ranges(base: XlConfig, plan: DomainPlan) -> list[IomemRange]:
    """The pages of the plan that iomem of the base does not have."""
    typed = plan.request.release.normal_mappings
    entries = (page_range(atom.text, typed) for atom in base.texts("iomem"))
    present = [entry for entry in entries if entry is not None]
    missing: list[IomemRange] = []
    for pages in plan.page_ranges:
        if not any(entry.covers(pages) for entry in (*present, *missing)):
            missing.append(pages)
    return missing
