"""Rules about the form of a partial device tree: misspelt properties, misplaced nodes, buses.

Xen reads three properties (AMD's five) below /passthrough and copies the rest, so it reports no
error for a misspelt property, a node in the wrong place, or a bus below which a guest finds no
devices.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from xenassign.devicetree import cells
from xenassign.devicetree.addresses import SIMPLE_BUSES
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.linting.guest.view import Check, View, container_cells
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.spelling import corrections, similar
from xenassign.xen.releases import CACHEABLE, PCI_ASSIGNED, UPSTREAM

NOTHING_ASSIGNED = rule("XA802", "nothing-assigned", "error", "broken", routes=DOM0LESS)
OUTSIDE = rule("XA803", "outside-passthrough", "error", "broken")
DISABLED = rule("XA805", "status-disabled", "warning", "broken")
NO_BUS = rule("XA806", "not-simple-bus", "error", "broken")
NO_RANGES = rule("XA807", "no-ranges", "error", "broken")
ALIAS = rule("XA808", "alias-dangling", "note", "broken")
UNKNOWN = rule("XA809", "xen-property-unknown", "warning", "broken", routes=DOM0LESS)
NO_COMPATIBLE = rule("XA810", "no-compatible", "warning", "broken")
BAD_COMPATIBLE = rule("XA811", "compatible-malformed", "warning", "broken")
NO_CELLS = rule("XA812", "cells-missing", "warning", "broken")
MALFORMED_REG = rule("XA818", "reg-malformed", "error", "broken")
PATH_LIST = rule("XA813", "xen-path-list", "warning", "broken", routes=DOM0LESS)

#: Other valid properties below /passthrough: those of the guest's own bindings
#: (reserved-memory/xen,shared-memory.txt), and the one that XA421 reports.
_OTHER_PROPERTIES = frozenset({"xen,id", "xen,offset", "xen,smmu-stream-ids"})
#: Properties that AMD's Xen reads too, with the fix where it is upstream's.
_OF_AMD = {
    CACHEABLE: "write xen,reg, which maps device memory; or check for AMD's Xen: --xen-flavour amd",
    PCI_ASSIGNED: "drop it, or check for AMD's Xen: --xen-flavour amd",
}
#: Nodes for whose children a guest makes devices (of_default_bus_match_table of Linux).
_BUSES = SIMPLE_BUSES | {"simple-mfd"}


def nothing_assigned(view: View) -> Iterator[Finding]:
    """No node with xen,reg or xen,path: dom0less Xen assigns nothing, without an error.

    A tree that has no other node than an empty /passthrough is that of a domain without devices.
    """
    if view.nodes:
        return
    if view.passthrough and {*view.tree.nodes()} == {view.tree.root, *view.passthrough}:
        message = "/passthrough is empty: the domain has no device"
        yield NOTHING_ASSIGNED(message, node="/", severity="note", fix=_NO_DEVICE)
    else:
        message = "no node below /passthrough has xen,reg or xen,path"
        fix = _FOR_XL if view.devices else None
        yield NOTHING_ASSIGNED(message, node="/", fix=fix)


_NO_DEVICE = "put devices below it, or leave it so for a domain that has none"
_FOR_XL = "add both for dom0less; with xl neither is required: give the dom.cfg too, or --route xl"


def outside(view: View) -> Iterator[Finding]:
    """Nodes with Xen's properties that are not below /passthrough, where Xen does not read them."""
    for node in view.tree.nodes():
        read = ("xen,path", *view.context.release.reg_properties)
        if not view.has(node) and any(map(node.has, read)):
            yield OUTSIDE(f"{node.path} is not below /passthrough", node=node.path)


def disabled(view: View) -> Iterator[Finding]:
    """Devices, or buses above them, with another status than okay."""
    reported: set[Node] = set()
    for partial in view.nodes:
        for node in partial.node.lineage():
            if not node.available and view.has(node) and node not in reported:
                reported.add(node)
                user = "" if node is partial.node else f", above {partial.node.path}"
                message = f"{node.path}: status is {node.status!r}{user}"
                yield DISABLED(message, node=node.path, prop="status")


def simple_bus(view: View) -> Iterator[Finding]:
    """/passthrough without a compatible for which a guest makes devices of its children."""
    for top in view.passthrough:
        below = [n for n in view.devices if n.parent is top and not n.name.startswith("xen-")]
        if below and not _BUSES.intersection(top.compatible):
            state = f"is {', '.join(top.compatible)}" if top.compatible else "has no compatible"
            message = f"{top.path} {state}; {below[0].path} is below it"
            yield NO_BUS(message, node=top.path, prop="compatible")


def _buses(view: View) -> Iterator[tuple[Node, Node]]:
    """(bus, first device below it) of /passthrough and the buses above nodes with registers."""
    buses: set[Node] = set()
    for partial in view.nodes:
        if not (view.mapped(partial) and partial.node.has("reg")):
            continue
        for bus in partial.node.ancestors():
            if view.has(bus) and bus not in buses:
                buses.add(bus)
                yield bus, partial.node


def bus_ranges(view: View) -> Iterator[Finding]:
    """Buses without ranges, below which a guest can't translate addresses."""
    for bus, device in _buses(view):
        if not bus.has("ranges"):
            message = f"{bus.path} has no ranges; {device.path} is below it"
            yield NO_RANGES(message, node=bus.path)


def bus_cells(view: View) -> Iterator[Finding]:
    """Buses without cells: the default of a guest differs from that of Xen."""
    for bus, device in _buses(view):
        missing = [name for name in ("#address-cells", "#size-cells") if not bus.has(name)]
        if missing and bus is device.parent:
            message = f"{bus.path} has no {' and no '.join(missing)}; {device.path} is below it"
            yield NO_CELLS(message, node=bus.path)


def reg_entries(view: View) -> Iterator[Finding]:
    """reg that ends within an entry: a guest reads whole entries, and no other."""
    for node in view.devices:
        prop, bus = node.get("reg"), node.parent
        if (
            prop is None
            or bus is None
            or not (bus.has("#address-cells") and bus.has("#size-cells"))
        ):
            continue
        try:
            address, size = cells.bus_cells(bus)
        except PropertyError:  # XA211 reports cells that are out of range
            continue
        width = address + size
        remainder = len(prop.value) % (4 * width) if width else 0
        if remainder:
            whole = len(prop.value) // (4 * width)
            end = f"{node.path}: the last {remainder} bytes of reg are not an entry"
            effect = "" if whole else "; the guest finds no registers"
            yield MALFORMED_REG(
                f"{end} ({bus.path} has {address} address and {size} size cells){effect}",
                node=node.path,
                prop="reg",
                cell=whole * width,
                severity="warning" if whole else None,
            )


def aliases(view: View) -> Iterator[Finding]:
    """Paths of /aliases that the guest's tree does not have."""
    for name, path in view.tree.aliases.items():
        node = view.tree.find(path.partition(":")[0])
        if node is None or not view.has(node):
            state = "names no node" if node is None else "is not below /passthrough"
            yield ALIAS(f"{name}: {path} {state}", node="/aliases", prop=name)


def unknown(view: View) -> Iterator[Finding]:
    """Properties whose name looks like one of Xen's, but that Xen does not read here."""
    for node in view.copied:
        problems = {name: _unknown(view, node, name) for name in node.properties}
        corrected = Counter(problem[2] for problem in problems.values() if problem)
        for name, unknown_name in problems.items():
            if unknown_name is not None:
                problem, fix, correction = unknown_name
                message = f"{node.path}: {name} {problem}"
                replacement = correction if corrected[correction] == 1 else None
                yield UNKNOWN(message, node=node.path, prop=name, fix=fix, replacement=replacement)


def _unknown(view: View, node: Node, name: str) -> tuple[str, str, str | None] | None:
    """(problem, fix, correct name) of a property whose name looks like one of Xen's, else None."""
    release = view.context.release
    known = release.passthrough_properties
    if name in known or name in _OTHER_PROPERTIES:
        return None
    if name == PCI_ASSIGNED and release.pci_assigned:
        top = "belongs to /passthrough, the only node where Xen reads it"
        return None if node in view.passthrough else (top, "move it there", None)
    if name in _OF_AMD and release.flavour == UPSTREAM:
        return "is a property of AMD's Xen", _OF_AMD[name], None
    if name == "xen,passthrough":
        fix = "write it in the host's tree: a host overlay does"
        return "belongs to the host's node", fix, None
    if not re.match(r"xen[^a-z]", name, re.IGNORECASE):
        return None
    near = similar(name, known, lambda known: _could_be(node, name, known))
    if near:
        certain = corrections(name, known) == near
        return f"is not {near[0]}", f"write {near[0]}, or drop it", near[0] if certain else None
    if name.startswith("xen,") or similar(name, known):
        return "is not a property that Xen reads below /passthrough", "drop it", None
    return None


def _could_be(node: Node, unknown: str, known: str) -> bool:
    """Whether a property that the node lacks could have the value of an unknown one."""
    if node.has(known):
        return False
    value = node.properties[unknown].value
    if known == "xen,path":
        return value.startswith(b"/") and value.endswith(b"\0")
    if known in ("xen,reg", CACHEABLE):
        address, size = container_cells(node)
        return len(value) > 0 and len(value) % (4 * (2 * address + size)) == 0
    return not value


def no_compatible(view: View) -> Iterator[Finding]:
    """Devices with registers that no driver binds to."""
    for partial in view.nodes:
        if partial.path and partial.entries and not partial.node.has("compatible"):
            message = f"{partial.node.path} has xen,path and registers, and no compatible"
            yield NO_COMPATIBLE(message, node=partial.node.path)


def bad_compatible(view: View) -> Iterator[Finding]:
    """compatible with a backslash or a control character, without a NUL at its end, or empty."""
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
            problem = f"{bad[0]!r} is not a name" if bad else "it is empty"
            message = f"{node.path}: compatible: {problem}"
            yield BAD_COMPATIBLE(message, node=node.path, prop="compatible")


def path_list(view: View) -> Iterator[Finding]:
    """xen,path with several paths, of which Xen reads only the first."""
    for partial in view.nodes:
        unread = partial.node.strings("xen,path")[1:]
        if unread:
            message = f"{partial.node.path}: Xen does not read {', '.join(unread)}"
            yield PATH_LIST(message, node=partial.node.path, prop="xen,path")


CHECKS: tuple[Check, ...] = (
    nothing_assigned,
    outside,
    disabled,
    simple_bus,
    bus_ranges,
    bus_cells,
    reg_entries,
    aliases,
    unknown,
    no_compatible,
    bad_compatible,
    path_list,
)
