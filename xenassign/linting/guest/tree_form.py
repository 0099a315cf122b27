"""Rules about the form of a partial device tree: what Xen finds in it, and what a guest makes of
the copy.

Xen looks for three properties below /passthrough and copies the rest unread, so a word misspelt,
a node in the wrong place or a bus that no guest descends into passes without a word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.host.device import SIMPLE_BUSES
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS

NOTHING_SAID = rule("XA802", "nothing-assigned", "error", "broken", routes=DOM0LESS)
OUTSIDE = rule("XA803", "outside-passthrough", "error", "broken")
DISABLED = rule("XA805", "status-disabled", "warning", "broken")
NO_BUS = rule("XA806", "not-simple-bus", "error", "broken")
NO_RANGES = rule("XA807", "no-ranges", "error", "broken")
ALIAS = rule("XA808", "alias-dangling", "note", "broken")
UNKNOWN = rule("XA809", "xen-property-unknown", "warning", "broken", routes=DOM0LESS)
NO_COMPATIBLE = rule("XA810", "no-compatible", "warning", "broken")
BAD_COMPATIBLE = rule("XA811", "compatible-malformed", "warning", "broken")
NO_CELLS = rule("XA812", "cells-missing", "warning", "broken")
PATH_LIST = rule("XA813", "xen-path-list", "warning", "broken", routes=DOM0LESS)

_XENS = ("xen,reg", "xen,path", "xen,force-assign-without-iommu")
#: Other properties that may stand below /passthrough: the guest's own bindings
#: (reserved-memory/xen,shared-memory.txt), and what XA421 speaks of.
_OTHERS = frozenset({"xen,id", "xen,offset", "xen,smmu-stream-ids"})
#: Nodes whose children a guest makes devices of (of_default_bus_match_table of Linux).
_BUSES = SIMPLE_BUSES | {"simple-mfd"}


def nothing_assigned(view: View) -> Iterator[Finding]:
    """dom0less assigns nothing, and says nothing."""
    if not view.nodes:
        yield NOTHING_SAID("no node below /passthrough has xen,reg or xen,path", node="/")


def outside(view: View) -> Iterator[Finding]:
    """What stands elsewhere is not read."""
    for node in view.tree.nodes():
        if not view.has(node) and (node.has("xen,reg") or node.has("xen,path")):
            yield OUTSIDE(f"{node.path} is not below /passthrough", node=node.path)


def disabled(view: View) -> Iterator[Finding]:
    """Devices, or buses above them, with a status that is not okay."""
    told: set[Node] = set()
    for one in view.nodes:
        for node in one.node.lineage():
            if not node.available and view.has(node) and node not in told:
                told.add(node)
                user = "" if node is one.node else f", above {one.node.path}"
                message = f"{node.path}: status is {node.status!r}{user}"
                yield DISABLED(message, node=node.path, prop="status")


def simple_bus(view: View) -> Iterator[Finding]:
    """A guest descends into /passthrough."""
    for top in view.tops:
        below = [n for n in view.devices if n.parent is top and not n.name.startswith("xen-")]
        if below and not _BUSES.intersection(top.compatible):
            states = f"is {', '.join(top.compatible)}" if top.compatible else "has no compatible"
            message = f"{top.path} {states}; {below[0].path} is below it"
            yield NO_BUS(message, node=top.path, prop="compatible")


def _buses(view: View) -> Iterator[tuple[Node, Node]]:
    """(bus, the first device below it) of the buses between /passthrough and registers."""
    told: set[Node] = set()
    for one in view.nodes:
        if not (one.entries and one.node.has("reg")):
            continue
        for bus in one.node.ancestors():
            if view.has(bus) and bus not in told:
                told.add(bus)
                yield bus, one.node


def bus_ranges(view: View) -> Iterator[Finding]:
    """Addresses below a bus translate to those of the guest."""
    for bus, device in _buses(view):
        if not bus.has("ranges"):
            message = f"{bus.path} has no ranges; {device.path} is below it"
            yield NO_RANGES(message, node=bus.path)


def bus_cells(view: View) -> Iterator[Finding]:
    """Numbers below a bus are as wide for the guest as for Xen."""
    for bus, device in _buses(view):
        lacks = [name for name in ("#address-cells", "#size-cells") if not bus.has(name)]
        if lacks and bus is device.parent:
            message = f"{bus.path} has no {' and no '.join(lacks)}; {device.path} is below it"
            yield NO_CELLS(message, node=bus.path)


def aliases(view: View) -> Iterator[Finding]:
    """The paths of /aliases are those of the guest."""
    for name, path in view.tree.aliases.items():
        node = view.tree.find(path.partition(":")[0])
        if node is None or not view.has(node):
            state = "names no node" if node is None else "is not below /passthrough"
            yield ALIAS(f"{name}: {path} {state}", node="/aliases", prop=name)


def unknown(view: View) -> Iterator[Finding]:
    """Properties that are meant for Xen, and that it does not read here."""
    for node in view.copied:
        for name in node.properties:
            found = None if name in _XENS or name in _OTHERS else _unknown(name)
            if found is not None:
                what, fix, meant = found
                message = f"{node.path}: {name} {what}"
                yield UNKNOWN(message, node=node.path, prop=name, fix=fix, replacement=meant)


def _unknown(name: str) -> tuple[str, str, str | None] | None:
    """(what it is, what to do, the name that is meant) for a property that looks like Xen's."""
    if name == "xen,passthrough":
        fix = "write it in the host's tree: a host overlay does"
        return "belongs to the host's node", fix, None
    if not re.match(r"xen[^a-z]", name, re.IGNORECASE):
        return None
    near = difflib.get_close_matches(name.lower(), _XENS, n=1, cutoff=0.75)
    if near:
        return f"is not {near[0]}", f"write {near[0]}", near[0]
    if name.startswith("xen,"):
        return "is nothing that Xen reads below /passthrough", "drop it", None
    return None


def no_compatible(view: View) -> Iterator[Finding]:
    """Devices with registers that no driver takes."""
    for one in view.nodes:
        if one.path and one.entries and not one.node.has("compatible"):
            message = f"{one.node.path} has xen,path and registers, and no compatible"
            yield NO_COMPATIBLE(message, node=one.node.path)


def bad_compatible(view: View) -> Iterator[Finding]:
    """Names that are none: a backslash or a control character in them, or no end."""
    for node in view.copied:
        prop = node.get("compatible")
        if prop is None:
            continue
        try:
            strings = prop.strings()
        except PropertyError as error:
            yield BAD_COMPATIBLE(f"{node.path}: {error}", node=node.path, prop="compatible")
            continue
        bad = [text for text in strings if not re.fullmatch(r"[!-\[\]-~]+", text)]
        if bad or not strings:
            what = f"{bad[0]!r} is no name" if bad else "it is empty"
            message = f"{node.path}: compatible: {what}"
            yield BAD_COMPATIBLE(message, node=node.path, prop="compatible")


def path_list(view: View) -> Iterator[Finding]:
    """More paths than Xen reads."""
    for one in view.nodes:
        rest = one.node.strings("xen,path")[1:]
        if rest:
            message = f"{one.node.path}: Xen does not read {', '.join(rest)}"
            yield PATH_LIST(message, node=one.node.path, prop="xen,path")


CHECKS: tuple[Check, ...] = (
    nothing_assigned,
    outside,
    disabled,
    simple_bus,
    bus_ranges,
    bus_cells,
    aliases,
    unknown,
    no_compatible,
    bad_compatible,
    path_list,
)
