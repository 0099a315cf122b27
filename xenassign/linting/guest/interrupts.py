"""Rules that compare the interrupts of a guest's nodes with those that Xen routes.

Xen reads the interrupts of the host's node and routes them to the guest under the same INTIDs. The
partial tree describes them to the guest's drivers; Xen does not compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import ROUTES, Addition, Finding, rule
from xenassign.linting.guest.guest_lines import (
    GIC_CELLS,
    GuestLine,
    guest_intids,
    guest_lines,
    interrupt_parent,
)
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.releases import GUEST_PHANDLE_GIC, SPI_FIRST_INTID, TRIGGER_MASK

if TYPE_CHECKING:
    from xenassign.devicetree.interrupts import Interrupt
    from xenassign.host.device import HostDevice
    from xenassign.host.gic import GicInterrupt

LINE_NOT_HOSTS = rule("XA312", "interrupt-not-the-hosts", "error", "broken", needs_host=True)
OFF_BY_32 = rule("XA320", "spi-off-by-32", "error", "broken", needs_host=True)
OTHER_TRIGGER = rule("XA321", "trigger-differs", "warning", "broken", needs_host=True)
PARENT_NOT_GIC = rule("XA322", "interrupt-parent-not-gic", "error", "broken")
MISSING = rule("XA323", "interrupt-missing", "warning", "broken", needs_host=True)
CUT_SHORT = rule("XA324", "interrupt-cut-short", "error", "broken")


class _DeviceLine(NamedTuple):
    """An interrupt of a guest's node, and the host device that the node belongs to, if any."""

    node: Node
    line: GuestLine
    host: HostDevice | None


def _device_lines(view: View) -> Iterator[_DeviceLine]:
    """All interrupts of the guest's nodes at its GIC."""
    for node in view.devices:
        for line in guest_lines(view.tree, node, view.guest_gic):
            yield _DeviceLine(node, line, view.nearest_host(node))


def not_routed(view: View) -> Iterator[Finding]:
    """Interrupts of guest's nodes that no assigned host node has, or with another trigger."""
    if view.context.platform is None:
        return
    routed: dict[int, list[GicInterrupt]] = {}
    for _, host in view.assigned:
        for line in host.interrupts:
            routed.setdefault(line.intid, []).append(line)
    messages: set[str] = set()
    for device_line in _device_lines(view):
        if device_line.line.intid in routed:
            yield from _trigger(device_line, routed[device_line.line.intid])
            continue
        finding = _wrong_line(device_line) if _judged(view, device_line) else None
        if finding is not None and finding.message not in messages:
            messages.add(finding.message)  # all cells for another controller are one mistake
            yield finding


def _judged(view: View, device_line: _DeviceLine) -> bool:
    """Whether the interrupts of a node are to be those of a node of the host.

    With xl they are those of irqs (XA315) where the host's node is not known. Without any property
    of Xen (XA802), or with half of them (XA411), dom0less Xen assigns nothing at all.
    """
    if device_line.host is not None or view.nearest_assigned(device_line.node) is not None:
        return True
    nearest = view.nearest(device_line.node)
    complete = bool(view.nodes) if nearest is None else nearest.forced
    return view.config is None and complete


def _trigger(device_line: _DeviceLine, lines: list[GicInterrupt]) -> Iterator[Finding]:
    """A trigger that differs from the host's; with flags of 0 there Xen leaves the trigger."""
    node, line, _ = device_line
    flags = line.flags & TRIGGER_MASK
    triggers = {host_line.cells[2] & TRIGGER_MASK: host_line.trigger for host_line in lines}
    if flags not in triggers and 0 not in triggers:
        message = f"INTID {line.intid} has flags {flags}, in the host's tree it is"
        message = f"{node.path}: {message} {' or '.join(triggers.values())}"
        cell = line.cell + 1
        yield OTHER_TRIGGER(message, node=node.path, prop=line.prop, cell=cell)


def _wrong_line(device_line: _DeviceLine) -> Finding:
    """The most specific finding about an interrupt that Xen does not route."""
    node, line, host = device_line
    copied = _at_other_controller(host, line)
    if copied is not None:
        from xenassign.checks.interrupts import OTHER_CONTROLLER

        controller = copied.controller.path
        cells = " ".join(map(str, copied.specifier))
        message = f"{node.path}: the host's interrupt <{cells}> ends at {controller}, not the GIC"
        return OTHER_CONTROLLER(
            message, node=node.path, prop=line.prop, cell=line.cell, fix=_DROP_INTERRUPT
        )
    spis = (
        {interrupt.intid for interrupt in host.interrupts if interrupt.kind == "spi"}
        if host
        else set()
    )
    for intid in (line.intid - SPI_FIRST_INTID, line.intid + SPI_FIRST_INTID):
        if line.kind == 0 and intid in spis:
            number = intid - SPI_FIRST_INTID
            message = f"{node.path}: <0 {line.number} …> is INTID {line.intid}; the host's is"
            message = f"{message} {intid}, SPI {number}"
            fix = f"write <0 {number} {line.flags}>"
            return OFF_BY_32(message, node=node.path, prop=line.prop, cell=line.cell, fix=fix)
    if host is not None and line.prop == "interrupt-map":
        from xenassign.checks.intx import DROPPED

        message = f"{node.path}: interrupt-map leads to INTID {line.intid}, which interrupts of"
        message = f"{message} {host.path} does not state"
        fix = "add it to interrupts of the host node, as the marks that generate writes do"
        return DROPPED(
            message,
            node=node.path,
            prop=line.prop,
            cell=line.cell,
            fix=fix,
            routes=DOM0LESS,
        )
    message = f"{node.path}: INTID {line.intid} is not one of its host node's"
    routes: tuple[str, ...] = ROUTES
    if host is None and not any(above.has("xen,path") for above in node.lineage()):
        message = f"{node.path}: INTID {line.intid}, and no node up to /passthrough has a xen,path"
        routes = DOM0LESS
    return LINE_NOT_HOSTS(message, node=node.path, prop=line.prop, cell=line.cell, routes=routes)


_DROP_INTERRUPT = "drop it: neither the controller nor its interrupt are the guest's"


def _at_other_controller(host: HostDevice | None, line: GuestLine) -> Interrupt | None:
    """The host's interrupt at another controller, of which ``line`` is a copy.

    Any interrupt at a controller with another number of cells: then all numbers are misread.
    """
    for interrupt in host.other_interrupts if host else ():
        cells = interrupt.specifier
        if cells[:2] == (line.kind, line.number) or len(cells) != GIC_CELLS:
            return interrupt
    return None


def msi_lines(view: View) -> Iterator[Finding]:
    """Interrupts of MSI controllers that the host's nodes do not state in ``interrupts``."""
    platform = view.context.platform
    if platform is None:
        return
    from xenassign.checks.msi import msi_line_findings

    fix = "add them to interrupts of the host node, as the marks that generate writes do"
    for partial, host in view.assigned:
        for finding in msi_line_findings(platform, host):
            yield finding._replace(
                severity="warning", own_fix=fix, node=partial.node.path, prop=partial.prop
            )


def missing(view: View) -> Iterator[Finding]:
    """SPIs that Xen routes to the guest, and that no node of the guest states."""
    stated: dict[Node | None, set[int]] = {}  # INTIDs by the node of the device
    everywhere: set[int] = set()
    for node in view.devices:
        partial = view.nearest_assigned(node)
        intids = set(guest_intids(view.tree, node, view.guest_gic))
        stated.setdefault(partial.node if partial else None, set()).update(intids)
        everywhere |= intids
    for partial, host in view.assigned:
        routed = {line.intid for line in host.interrupts if line.kind == "spi"}
        lost = sorted(routed - everywhere)
        node, own = partial.node, stated.get(partial.node, set())
        unread = not own and (node.has("interrupts") or node.has("interrupts-extended"))
        if node.compatible and lost and len(own) < len(routed) and not unread:
            numbers = ", ".join(map(str, lost))
            message = f"{node.path}: INTID {numbers} of {host.path} is not stated"
            yield MISSING(message, node=node.path, prop="interrupts")


def parents(view: View) -> Iterator[Finding]:
    """Interrupt parents that are not a controller of the guest."""
    reported: set[Node] = set()
    for node in view.copied:
        if not node.has("interrupts") or node.has("interrupts-extended"):
            continue
        try:
            parent = interrupt_parent(view.tree, node, view.guest_gic)
        except PropertyError as error:
            yield PARENT_NOT_GIC(f"{node.path}: {error}", node=node.path, prop="interrupts")
            continue
        if parent.gic or (parent.controller is not None and view.has(parent.controller)):
            continue
        subject = parent.source or node
        if subject in reported:
            continue
        reported.add(subject)
        if parent.source is None:
            if not view.nodes:
                continue  # XA802: dom0less Xen assigns nothing, and xl requires none
            message = f"{node.path}: no node up to /passthrough has an interrupt-parent"
            added = _gic_of(node)
            yield PARENT_NOT_GIC(
                message, node=node.path, prop="interrupts", routes=DOM0LESS, additions=added
            )
        else:
            yield _bad_parent(view, node, parent.source)


def _gic_of(node: Node) -> tuple[Addition, ...]:
    """The interrupt-parent that /passthrough lacks, if the interrupts have the form of the GIC's.

    No node has one that the new one would replace.
    """
    top = [above for above in node.lineage() if above.parent is not None][-1]
    if len(node.properties["interrupts"].value) % (4 * GIC_CELLS):
        return ()
    return (Addition("interrupt-parent", f"<{GUEST_PHANDLE_GIC:#x}>", node=top.path),)


def _bad_parent(view: View, node: Node, source: Node) -> Finding:
    """A finding about the interrupt-parent of ``source``, which applies to ``node``."""
    number = source.properties["interrupt-parent"].u32()
    controller = view.tree.phandles.get(number)
    if controller is None:
        problem = "names no node"
    elif not view.has(controller):
        problem = f"names {controller.path}, which is not copied"
    else:
        problem = f"names {controller.path}, which is not an interrupt controller"
    user = "" if source is node else f" (of {node.path})"
    message = f"{source.path}: interrupt-parent {number:#x}{user} {problem}"
    return PARENT_NOT_GIC(message, node=source.path, prop="interrupt-parent", cell=0)


def cut_short(view: View) -> Iterator[Finding]:
    """``interrupts`` at the guest's GIC that end within a specifier."""
    for node in view.copied:
        prop = node.get("interrupts")
        if prop is None or node.has("interrupts-extended"):
            continue
        try:
            at_gic = interrupt_parent(view.tree, node, view.guest_gic).gic
        except PropertyError:
            continue
        remainder = len(prop.value) % (4 * GIC_CELLS)
        if at_gic and remainder:
            yield _cut_short(view, node, remainder)


def _cut_short(view: View, node: Node, remainder: int) -> Finding:
    """The finding about a last specifier of ``remainder`` bytes, which may be a copy."""
    host = view.nearest_host(node)
    copied = next(iter(host.other_interrupts), None) if host else None
    if copied is not None and len(copied.specifier) != GIC_CELLS:
        from xenassign.checks.interrupts import OTHER_CONTROLLER

        width = len(copied.specifier)
        message = f"{node.path}: interrupts of {copied.controller.path}, in {width} cells each"
        return OTHER_CONTROLLER(
            message, node=node.path, prop="interrupts", cell=0, fix=_DROP_INTERRUPT
        )
    message = f"{node.path}: the last {remainder} bytes of interrupts are not a specifier"
    cell = len(node.properties["interrupts"].value) // (4 * GIC_CELLS) * GIC_CELLS
    return CUT_SHORT(message, node=node.path, prop="interrupts", cell=cell)


def of_other_types(view: View) -> Iterator[Finding]:
    """Extended interrupts of assigned host nodes, which Xen takes for other SPIs.

    Those that it takes for PPIs are refused (XA301).
    """
    if view.board is None:
        return
    from xenassign.checks.interrupts import extended

    for partial, host in view.assigned:
        path = partial.node.path
        for line in host.interrupts:
            _, number, _ = line.cells
            if line.kind in ("espi", "eppi") and number + 16 >= SPI_FIRST_INTID:
                finding = extended(host.path, line, view.context.release)
                yield finding._replace(message=f"{path}: {finding.message}", node=path)


CHECKS: tuple[Check, ...] = (
    not_routed,
    msi_lines,
    missing,
    parents,
    cut_short,
    of_other_types,
)
