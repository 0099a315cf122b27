"""The overlays of ``--attach-overlay``: the board's nodes for Xen, the guest's for its Linux.

Both have the form of Xen's docs/misc/arm/overlay.txt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from xenassign.checks.conflicts import Conflict
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.draft import DraftNode, DraftProperty, Text, text
from xenassign.devicetree.local_fixups import with_local_fixups
from xenassign.escape import dts_comment
from xenassign.outputs.attach.decide import AttachPlan, AttachPlans, Fragment
from xenassign.outputs.domain.text import overlay_source
from xenassign.outputs.domain.waivers import with_waivers
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan

_BUS, _BUS_WITH_DRIVER = "simple-bus", "simple-pm-bus"


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
        f"{name}.attach.host.dtso": _host_source(plan, attach, host),
        f"{name}.attach.dtbo": to_blob(with_local_fixups(guest)),
        f"{name}.attach.dtso": _guest_source(plan, attach, guest),
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
    return node._replace(properties=tuple(map(_compatible, node.properties)), children=children)


def _compatible(prop: DraftProperty) -> DraftProperty:
    if prop.name != "compatible" or prop.pieces[:1] != (Text(_BUS),):
        return prop
    comment = f"{_BUS_WITH_DRIVER}: Linux creates no devices below a {_BUS} of an overlay"
    return DraftProperty(prop.name, (Text(_BUS_WITH_DRIVER), *prop.pieces), comment)


def _host_source(plan: DomainPlan, attach: AttachPlan, body: DraftNode) -> bytes:
    return overlay_source(_about_host_overlay(plan, attach), body).encode()


def _about_host_overlay(plan: DomainPlan, attach: AttachPlan) -> Iterator[str]:
    release = plan.request.release
    values = {"name": plan.name, "release": release.name, "host": dts_comment(plan.model)}
    yield from _BOOT.format(**values).splitlines()
    yield from (f"  fdtput -r boot.dtb {dts_comment(path)}" for path in attach.removed)
    yield from (_ATTACH_MARKED if attach.marked else _ATTACH).format(**values).splitlines()
    support = release.dt_overlay
    assert support is not None, "the plan is for a release that has overlays"
    crash = "" if support.survives_others else f" Xen {release.name} crashes if it differs."
    yield from _SAME_FILE.format(crash=crash).splitlines()


_BOOT = """\
The devices of {name} for `xl dt-overlay` on a running Xen {release} (experimental).
Host: {host}

Requires a Xen built with CONFIG_UNSUPPORTED and CONFIG_OVERLAY_DTB that has booted with this
board's tree without the devices:

  cp board.dtb boot.dtb
"""
_ATTACH_MARKED = """
Then, in dom0:

  xl dt-overlay add {name}.attach.host.dtbo
  xl dt-overlay attach {name}.attach.host.dtbo 0
  xl create {name}.cfg

The marked nodes are attached to dom0 (0), which gets the permission to assign them, but not the
devices. Xen does not attach devices to a guest of xl; {name} is created after this step.
"""
_ATTACH = """
Then, in dom0:

  xl dt-overlay add {name}.attach.host.dtbo
  xl dt-overlay attach {name}.attach.host.dtbo DOMID

{name} is a direct-map domain that booted without the devices and without {name}.dtb; DOMID
is its number in `xl list`. Xen maps the devices at the host's addresses. For its Linux:
{name}.attach.dtbo.
"""
_SAME_FILE = """
Use the same file for each command: Xen compares it byte by byte.{crash}
The phandles of nodes that stay with the host are those of this board's tree: generate the overlay
again for every tree.
"""


def _guest_source(plan: DomainPlan, attach: AttachPlan, body: DraftNode) -> bytes:
    comment = (_GUEST_MARKED if attach.marked else _GUEST).format(name=plan.name)
    return overlay_source(comment.splitlines(), body).encode()


_GUEST_MARKED = """\
The devices of {name} as an overlay for the tree of its own Linux.

{name} is created by `xl create` with {name}.dtb, which has the same content, so it does not
require this file. The file is for a domain that runs before the devices are added; Xen does not
attach devices to this domain.

No release of Xen reads this file or its xen,reg.
"""
_GUEST = """\
The devices of {name} as an overlay for the tree of its own Linux.

For {name}, after {name}.attach.host.dtbo is attached to it. With a kernel that has the
interface (it is not in Linux itself):

  mkdir /sys/kernel/config/device-tree/overlays/{name}
  cat {name}.attach.dtbo >/sys/kernel/config/device-tree/overlays/{name}/dtbo

No release of Xen reads this file or its xen,reg.
"""
