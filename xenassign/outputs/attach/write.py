"""The overlays of ``--attach-overlay``: the board's nodes for Xen, the guest's for its Linux.

Both stand in the form of Xen's docs/misc/arm/overlay.txt.
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

_BUS, _POPULATING = "simple-bus", "simple-pm-bus"


#: What follows a domain's name in the names of its files.
ENDINGS = (".attach.host.dtbo", ".attach.host.dtso", ".attach.dtbo", ".attach.dtso")


def write(system: SystemPlan, attach: AttachPlans) -> dict[str, bytes]:
    """The overlays of all domains that ask for them."""
    files: dict[str, bytes] = {}
    for plan in system.domains:
        if plan.name in attach.of_domains:
            files |= _overlays(plan, attach.of_domains[plan.name], system.conflicts)
    return files


def fields(attach: AttachPlans, domain: str) -> dict[str, Any]:
    """What NAME.json says of the overlay for the host."""
    found = attach.of_domains.get(domain)
    if found is None:
        return {}
    targets = [
        {"target": fragment.target, "nodes": [node.name for node in fragment.nodes]}
        for fragment in found.fragments
    ]
    return {
        "attach_overlay": {"targets": targets, "taken": list(found.taken), "marked": found.marked}
    }


def _overlays(
    plan: DomainPlan, attach: AttachPlan, conflicts: Iterable[Conflict]
) -> dict[str, bytes]:
    """Name to content. Nothing follows the blobs: Xen compares their size with the file's."""
    host = overlay(attach.fragments)
    tree = with_waivers(plan, conflicts)
    guest = overlay((Fragment("/", tuple(_populating(each) for each in tree.children)),))
    name = plan.name
    return {
        f"{name}.attach.host.dtbo": to_blob(with_local_fixups(host)),
        f"{name}.attach.host.dtso": _source("attach.host.dtso.j2", plan, attach, host),
        f"{name}.attach.dtbo": to_blob(with_local_fixups(guest)),
        f"{name}.attach.dtso": _source("attach.dtso.j2", plan, attach, guest),
    }


def overlay(fragments: tuple[Fragment, ...]) -> DraftNode:
    """The draft of an overlay, but for ``__local_fixups__``, which dtc makes itself."""
    found = tuple(
        DraftNode(
            f"fragment@{number}",
            (text("target-path", one.target),),
            (DraftNode("__overlay__", (), one.nodes),),
        )
        for number, one in enumerate(fragments)
    )
    return DraftNode("", (), found)


def _populating(node: DraftNode) -> DraftNode:
    """A bus that Linux looks below when it comes with an overlay.

    Linux makes devices of what is below a simple-bus at the boot only. Below a simple-pm-bus its
    driver does, and also for devices of the AMBA bus (arm,primecell), of which an overlay directly
    makes none (of_platform_notify, simple_pm_bus_probe).
    """
    children = tuple(_populating(child) for child in node.children)
    return replace(node, properties=tuple(map(_compatible, node.properties)), children=children)


def _compatible(prop: DraftProperty) -> DraftProperty:
    if prop.name != "compatible" or prop.pieces[:1] != (Text(_BUS),):
        return prop
    comment = f"{_POPULATING}: Linux makes devices of what an overlay has below a {_BUS} no more"
    return DraftProperty(prop.name, (Text(_POPULATING), *prop.pieces), comment)


def _source(template: str, plan: DomainPlan, attach: AttachPlan, body: DraftNode) -> bytes:
    release = plan.request.release
    values = {"attach": attach, "knows": release.dt_overlay, "body": to_dts(body)}
    return (render_template(template, plan=plan, **values).rstrip() + "\n").encode()
