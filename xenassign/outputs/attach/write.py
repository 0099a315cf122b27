"""The overlays of ``--attach-overlay``: the board's nodes for Xen, the guest's for its Linux.

Both stand in the form of Xen's docs/misc/arm/overlay.txt.
"""

from __future__ import annotations

from dataclasses import replace

from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.draft import DraftNode, DraftProperty, Text, text
from xenassign.devicetree.local_fixups import with_local_fixups
from xenassign.devicetree.source.writer import to_dts
from xenassign.outputs.attach.decide import AttachPlan, Fragment
from xenassign.outputs.domain.text import render_template
from xenassign.planning.plan import DomainPlan

_BUS, _POPULATING = "simple-bus", "simple-pm-bus"


def files(plan: DomainPlan, attach: AttachPlan) -> dict[str, bytes]:
    """Name to content. Nothing stands behind the blobs: Xen compares their size with the file's."""
    host = overlay(attach.fragments)
    guest = overlay((Fragment("/", tuple(_populating(each) for each in plan.tree.children)),))
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
