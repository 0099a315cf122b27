"""The overlays of ``--attach-overlay``: the board's nodes for Xen, the guest's for its Linux.

Both have the form of Xen's docs/misc/arm/overlay.txt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.draft import DraftNode, DraftProperty, Text, text
from xenassign.devicetree.local_fixups import with_local_fixups
from xenassign.devicetree.source.writer import to_dts
from xenassign.outputs.attach.decide import AttachPlan, AttachPlans, Fragment
from xenassign.outputs.domain.text import render_template
from xenassign.outputs.domain.waivers import with_waivers
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan

_BUS, _BUS_WITH_DRIVER = "simple-bus", "simple-pm-bus"

#: What follows a domain's name in the names of its files.
ENDINGS = (".attach.host.dtbo", ".attach.host.dtso", ".attach.dtbo", ".attach.dtso")


def write(system: SystemPlan, attach: AttachPlans) -> dict[str, bytes]:
    """The overlays of all domains with ``--attach-overlay``, by file name."""
    files: dict[str, bytes] = {}
    for plan in system.domains:
        if plan.name in attach.of_domains:
            files |= _overlays(plan, attach.of_domains[plan.name], system.conflicts)
    return files


def fields(attach: AttachPlans, domain: str) -> dict[str, Any]:
    """The fields of NAME.json about the host overlay of a domain."""
    plan = attach.of_domains.get(domain)
    if plan is None:
        return {}
    targets = [
        {"target": fragment.target, "nodes": [node.name for node in fragment.nodes]}
        for fragment in plan.fragments
    ]
    return {
        "attach_overlay": {"targets": targets, "taken": list(plan.removed), "marked": plan.marked}
    }


def _overlays(
    plan: DomainPlan, attach: AttachPlan, conflicts: Iterable[Conflict]
) -> dict[str, bytes]:
    """The files of a domain by name. The blobs are not padded: Xen compares their size too."""
    host = overlay(attach.fragments)
    tree = with_waivers(plan, conflicts)
    guest = overlay((Fragment("/", tuple(_with_bus_driver(child) for child in tree.children)),))
    name = plan.name
    return {
        f"{name}.attach.host.dtbo": to_blob(with_local_fixups(host)),
        f"{name}.attach.host.dtso": _source("attach.host.dtso.j2", plan, attach, host),
        f"{name}.attach.dtbo": to_blob(with_local_fixups(guest)),
        f"{name}.attach.dtso": _source("attach.dtso.j2", plan, attach, guest),
    }


def overlay(fragments: tuple[Fragment, ...]) -> DraftNode:
    """The draft of an overlay without ``__local_fixups__``, which dtc adds itself."""
    nodes = tuple(
        DraftNode(
            f"fragment@{number}",
            (text("target-path", fragment.target),),
            (DraftNode("__overlay__", (), fragment.nodes),),
        )
        for number, fragment in enumerate(fragments)
    )
    return DraftNode("", (), nodes)


def _with_bus_driver(node: DraftNode) -> DraftNode:
    """The node with its simple-buses as simple-pm-buses.

    Linux creates the devices below a simple-bus only at boot. Below a simple-pm-bus that an overlay
    adds, the driver of the bus creates them, also those of the AMBA bus (arm,primecell), which are
    not created for nodes of an overlay itself (of_platform_notify, simple_pm_bus_probe).
    """
    children = tuple(_with_bus_driver(child) for child in node.children)
    return replace(node, properties=tuple(map(_compatible, node.properties)), children=children)


def _compatible(prop: DraftProperty) -> DraftProperty:
    if prop.name != "compatible" or prop.pieces[:1] != (Text(_BUS),):
        return prop
    comment = f"{_BUS_WITH_DRIVER}: Linux creates no devices below a {_BUS} of an overlay"
    return DraftProperty(prop.name, (Text(_BUS_WITH_DRIVER), *prop.pieces), comment)


def _source(template: str, plan: DomainPlan, attach: AttachPlan, body: DraftNode) -> bytes:
    release = plan.request.release
    values = {"attach": attach, "overlay_support": release.dt_overlay, "body": to_dts(body)}
    return (render_template(template, plan=plan, **values).rstrip() + "\n").encode()
