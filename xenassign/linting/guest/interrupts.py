"""Rules about the interrupts that a guest's node states, against those that Xen routes.

Xen reads the interrupts of the host's node and gives them to the guest under the same INTIDs; what
the partial tree states is for the guest alone, and nothing compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from xenassign.checks.interrupts import OTHER_CONTROLLER
from xenassign.devicetree.interrupts import ExtendedError, Interrupt, extended_entries
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice
from xenassign.host.gic import GicInterrupt
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.releases import GUEST_PHANDLE_GIC, SPI_FIRST_INTID, TRIGGER_MASK

LINE_NOT_HOSTS = rule("XA312", "interrupt-not-the-hosts", "error", "broken", needs_host=True)
OFF_BY_32 = rule("XA320", "spi-off-by-32", "error", "broken", needs_host=True)
OTHER_TRIGGER = rule("XA321", "trigger-differs", "warning", "broken", needs_host=True)
PARENT_NOT_GIC = rule("XA322", "interrupt-parent-not-gic", "error", "broken")
MISSING = rule("XA323", "interrupt-missing", "warning", "broken", needs_host=True)
CUT_SHORT = rule("XA324", "interrupt-cut-short", "error", "broken")

#: Cells of an interrupt of the guest's GIC.
_GIC_CELLS = 3


class GuestLine(NamedTuple):
    """An interrupt that a guest's node states for the guest's GIC. ``cell``: of its number."""

    prop: str
    cell: int
    kind: int
    number: int
    flags: int

    @property
    def intid(self) -> int:
        """The INTID; every type but 0 is a PPI to Xen."""
        return self.number + (SPI_FIRST_INTID if self.kind == 0 else 16)


_GIC = frozenset({GUEST_PHANDLE_GIC})


def guest_lines(tree: Tree, node: Node, gic: frozenset[int] = _GIC) -> list[GuestLine]:
    """The interrupts that a guest's node states for the guest's GIC, which ``gic`` may name."""
    try:
        if node.has("interrupts-extended"):
            return list(_extended(tree, node, gic))
        if node.has("interrupts") and parent(tree, node, gic).gic:
            values = node.cells("interrupts")
            starts = range(0, len(values) - _GIC_CELLS + 1, _GIC_CELLS)
            return [GuestLine("interrupts", at + 1, *values[at : at + _GIC_CELLS]) for at in starts]
    except PropertyError:
        pass
    return []


def guest_intids(tree: Tree, node: Node) -> list[int]:
    """The INTIDs that a guest's node states for the guest's GIC by the phandle 0xfde8."""
    return [line.intid for line in guest_lines(tree, node)]


def gic_widths(gic: frozenset[int]) -> dict[int, int]:
    """The cells of a specifier of the guest's GIC, by each phandle that may name it."""
    return dict.fromkeys(gic, _GIC_CELLS)


def _extended(tree: Tree, node: Node, gic: frozenset[int]) -> Iterator[GuestLine]:
    """Those of interrupts-extended, up to an entry that can't be read."""
    with suppress(ExtendedError):
        for entry in extended_entries(tree, node, gic_widths(gic)):
            if entry.phandle in gic:
                yield GuestLine("interrupts-extended", entry.cell + 2, *entry.specifier)


class Parent(NamedTuple):
    """Where ``interrupts`` of a node lead: ``gic``, or ``controller``, or nowhere.

    ``stated``: the node with the interrupt-parent that decided, None when there is none.
    """

    gic: bool
    controller: Node | None = None
    stated: Node | None = None


def parent(tree: Tree, node: Node, gic: frozenset[int] = _GIC) -> Parent:
    """Follows interrupt-parent as a guest does, where the phandles ``gic`` name the guest's GIC.

    From each node to its interrupt-parent, else to the node above, up to one with #interrupt-cells
    (of_irq_find_parent). Raises PropertyError for an interrupt-parent that is no cell.
    """
    stated: Node | None = None
    seen: set[Node] = set()
    current: Node | None = node
    while current is not None and current not in seen:
        seen.add(current)
        prop = current.get("interrupt-parent")
        if prop is None:
            current = current.parent
        else:
            stated = current
            if prop.u32() in gic:
                return Parent(gic=True, stated=stated)
            current = tree.phandles.get(prop.u32())
        if current is not None and current.has("#interrupt-cells"):
            return Parent(gic=False, controller=current, stated=stated)
    return Parent(gic=False, stated=stated)


class _Stated(NamedTuple):
    """An interrupt of a guest's node, and the host's device that it belongs to, if one does."""

    node: Node
    line: GuestLine
    host: HostDevice | None


def _stated(view: View) -> Iterator[_Stated]:
    """All interrupts that nodes of the guest state for its GIC."""
    for node in view.devices:
        one = view.owner(node)
        host = view.host(one.node) if one else None
        for line in guest_lines(view.tree, node, view.gic_phandles):
            yield _Stated(node, line, host)


def of_the_host(view: View) -> Iterator[Finding]:
    """Each interrupt of a guest's node is one of an assigned host node, with the same trigger."""
    if view.context.platform is None:
        return
    routed: dict[int, list[GicInterrupt]] = {}
    for _, host in view.assigned:
        for line in host.interrupts:
            routed.setdefault(line.intid, []).append(line)
    told: set[str] = set()
    for stated in _stated(view):
        if stated.line.intid in routed:
            yield from _trigger(stated, routed[stated.line.intid])
            continue
        found = _wrong_line(stated)
        if found.message not in told:  # (a property of another controller has but one mistake)
            told.add(found.message)
            yield found


def _trigger(stated: _Stated, lines: list[GicInterrupt]) -> Iterator[Finding]:
    """Flags of 0 in the host's tree leave the trigger as it is."""
    flags = stated.line.flags & TRIGGER_MASK
    triggers = {line.cells[2] & TRIGGER_MASK: line.trigger for line in lines}
    if flags not in triggers and 0 not in triggers:
        node, line, _ = stated
        message = f"INTID {line.intid} has flags {flags}, in the host's tree it is"
        message = f"{node.path}: {message} {' or '.join(triggers.values())}"
        cell = line.cell + 1
        yield OTHER_TRIGGER(message, node=node.path, prop=line.prop, cell=cell)


def _wrong_line(stated: _Stated) -> Finding:
    """The most specific finding about an interrupt that Xen does not route."""
    node, line, host = stated
    at = line.cell
    away = _ends_elsewhere(host, line)
    if away is not None:
        where = away.controller.path
        message = f"{node.path}: the host's interrupt <{_text(away)}> ends at {where}, not the GIC"
        fix = "drop it: neither the controller nor its interrupt are the guest's"
        return OTHER_CONTROLLER(message, node=node.path, prop=line.prop, cell=at, fix=fix)
    own = {one.intid for one in host.interrupts if one.kind == "spi"} if host else set()
    for right in (line.intid - SPI_FIRST_INTID, line.intid + SPI_FIRST_INTID):
        if line.kind == 0 and right in own:
            number = right - SPI_FIRST_INTID
            message = f"{node.path}: <0 {line.number} …> is INTID {line.intid}; the host's is"
            message = f"{message} {right}, SPI {number}"
            fix = f"write <0 {number} {line.flags}>"
            return OFF_BY_32(message, node=node.path, prop=line.prop, cell=at, fix=fix)
    message = f"{node.path}: INTID {line.intid} is not one of its host node's"
    return LINE_NOT_HOSTS(message, node=node.path, prop=line.prop, cell=at)


def _ends_elsewhere(host: HostDevice | None, line: GuestLine) -> Interrupt | None:
    """The host's interrupt at another controller that was copied; any, where the cells of that
    are not the GIC's, since then no number is what it seems to be."""
    for other in host.other_interrupts if host else ():
        cells = other.specifier
        if cells[:2] == (line.kind, line.number) or len(cells) != _GIC_CELLS:
            return other
    return None


def _text(interrupt: Interrupt) -> str:
    return " ".join(map(str, interrupt.specifier))


def missing(view: View) -> Iterator[Finding]:
    """The guest has a place for each SPI that Xen routes to it."""
    stated: dict[Node | None, set[int]] = {}  # by the owner's node
    everywhere: set[int] = set()
    for node in view.devices:
        one = view.owner(node)
        found = {line.intid for line in guest_lines(view.tree, node, view.gic_phandles)}
        stated.setdefault(one.node if one else None, set()).update(found)
        everywhere |= found
    for one, host in view.assigned:
        routed = {line.intid for line in host.interrupts if line.kind == "spi"}
        lost = sorted(routed - everywhere)
        has = stated.get(one.node, set())
        unread = not has and (one.node.has("interrupts") or one.node.has("interrupts-extended"))
        if one.node.compatible and lost and len(has) < len(routed) and not unread:
            numbers = ", ".join(map(str, lost))
            message = f"{one.node.path}: INTID {numbers} of {host.path} is not stated"
            yield MISSING(message, node=one.node.path, prop="interrupts")


def parents(view: View) -> Iterator[Finding]:
    """``interrupts`` lead to a controller of the guest."""
    told: set[Node] = set()
    for node in view.copied:
        if not node.has("interrupts") or node.has("interrupts-extended"):
            continue
        try:
            found = parent(view.tree, node, view.gic_phandles)
        except PropertyError as error:
            yield PARENT_NOT_GIC(f"{node.path}: {error}", node=node.path, prop="interrupts")
            continue
        if found.gic or (found.controller is not None and view.has(found.controller)):
            continue
        where = found.stated or node
        if where in told:
            continue
        told.add(where)
        if found.stated is None:
            message = f"{node.path}: no node up to /passthrough has an interrupt-parent"
            yield PARENT_NOT_GIC(message, node=node.path, prop="interrupts", routes=DOM0LESS)
        else:
            yield _bad_parent(view, node, where)


def _bad_parent(view: View, node: Node, where: Node) -> Finding:
    number = where.properties["interrupt-parent"].u32()
    named = view.tree.phandles.get(number)
    if named is None:
        what = "names no node"
    elif not view.has(named):
        what = f"names {named.path}, which is not copied"
    else:
        what = f"names {named.path}, which is no interrupt controller"
    user = "" if where is node else f" (of {node.path})"
    message = f"{where.path}: interrupt-parent {number:#x}{user} {what}"
    return PARENT_NOT_GIC(message, node=where.path, prop="interrupt-parent", cell=0)


def cut_short(view: View) -> Iterator[Finding]:
    """``interrupts`` of the guest's GIC has whole specifiers."""
    for node in view.copied:
        prop = node.get("interrupts")
        if prop is None or node.has("interrupts-extended"):
            continue
        try:
            at_gic = parent(view.tree, node, view.gic_phandles).gic
        except PropertyError:
            continue
        left = len(prop.value) % (4 * _GIC_CELLS)
        if at_gic and left:
            yield _cut(view, node, left)


def _cut(view: View, node: Node, left: int) -> Finding:
    """The end of a property that the guest can't read: the host's own, where it was copied."""
    size = len(node.properties["interrupts"].value)
    one = view.owner(node)
    host = view.host(one.node) if one else None
    away = next(iter(host.other_interrupts), None) if host else None
    if away is not None and len(away.specifier) != _GIC_CELLS:
        width = len(away.specifier)
        message = f"{node.path}: interrupts of {away.controller.path}, in {width} cells each"
        fix = "drop it: neither the controller nor its interrupt are the guest's"
        return OTHER_CONTROLLER(message, node=node.path, prop="interrupts", cell=0, fix=fix)
    message = f"{node.path}: the last {left} bytes of interrupts are no specifier"
    cell = size // (4 * _GIC_CELLS) * _GIC_CELLS
    return CUT_SHORT(message, node=node.path, prop="interrupts", cell=cell)


CHECKS: tuple[Check, ...] = (of_the_host, missing, parents, cut_short)
