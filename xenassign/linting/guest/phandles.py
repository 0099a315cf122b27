"""Rules about phandles: what a node of the guest names has to be in the guest.

Xen and libxl copy phandles as numbers. Only /passthrough and /aliases are copied, so a number is
good when a node below /passthrough has it, or when it is the guest's GIC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.interrupts import ExtendedError, extended_entries
from xenassign.devicetree.references import INTERRUPT_TREE, References, references
from xenassign.devicetree.tree import NO_PHANDLE, Node, PropertyError
from xenassign.findings import Finding, Rule, rule
from xenassign.host.supplier_kinds import Leftover, supplier_kind
from xenassign.linting.guest.interrupts import gic_widths
from xenassign.linting.guest.protection import is_left_iommu
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.releases import GUEST_PHANDLE_GIC

DANGLING = rule("XA511", "phandle-dangling", "error", "broken")
OUTSIDE = rule("XA513", "supplier-outside", "error", "broken")
LEFTOVER = rule("XA514", "host-leftover", "warning", "broken")
GIC_PHANDLE = rule("XA515", "gic-phandle", "error", "broken")
TWICE = rule("XA516", "phandle-twice", "error", "broken")
NOT_PROVIDER = rule("XA517", "not-a-provider", "error", "broken")


def targets(view: View) -> Iterator[Finding]:
    """Each phandle of the guest names a node that the guest has, and that supplies such a thing."""
    for node in view.copied:
        for group in references(view.tree, node):
            if group.prop not in INTERRUPT_TREE and not is_left_iommu(group.prop):
                yield from _group(view, node, group)
        if node.has("interrupts-extended"):
            yield from _extended(view, node)


class _Bad(NamedTuple):
    """A phandle that is no good: in which cell, and why."""

    broken: Rule
    cell: int
    what: str


def _group(view: View, node: Node, group: References) -> Iterator[Finding]:
    """One finding for each way in which a property is wrong, at the first such cell."""
    found: dict[str, list[_Bad]] = {}
    for bad in _bad(view, node, group):
        found.setdefault(bad.broken.code, []).append(bad)
    for some in found.values():
        broken = some[0].broken
        what = ", ".join(dict.fromkeys(bad.what for bad in some))
        fails = supplier_kind(group.rule.kind).leftover is Leftover.FAILS
        severity = "error" if broken is LEFTOVER and fails else None
        message = f"{node.path}: {group.prop}: {what}"
        cell = some[0].cell
        yield broken(message, node=node.path, prop=group.prop, cell=cell, severity=severity)


def _bad(view: View, node: Node, group: References) -> Iterator[_Bad]:
    lead = group.rule.lead or (1 if group.rule.shape == "map" else 0)
    behind = 0
    for one in group.entries:
        behind = one.cell + one.width
        if one.phandle not in (*NO_PHANDLE, *view.gic_phandles):
            yield from _target(view, group, one.cell + lead, one.phandle)
    if group.problem:
        yield from _problem(view, node, group, behind + lead)


def _target(view: View, group: References, cell: int, phandle: int) -> Iterator[_Bad]:
    provider = view.tree.phandles.get(phandle)
    if provider is None:
        dangles = supplier_kind(group.rule.kind).leftover is Leftover.DANGLING
        broken = DANGLING if dangles else LEFTOVER
        yield _Bad(broken, cell, f"phandle {phandle:#x} names no node")
    elif not view.has(provider):
        yield _Bad(OUTSIDE, cell, f"{provider.path} is not below /passthrough")


def _problem(view: View, node: Node, group: References, cell: int) -> Iterator[_Bad]:
    """Why the entry whose phandle is in a cell, and all behind it, can't be read."""
    try:
        phandle = node.cells(group.prop)[cell]
    except (PropertyError, IndexError):
        yield _Bad(DANGLING, cell, str(group.problem))
        return
    if phandle in view.gic_phandles:
        yield _Bad(NOT_PROVIDER, cell, f"phandle {phandle:#x} is the guest's GIC")
        return
    found = [*_target(view, group, cell, phandle)] if phandle not in NO_PHANDLE else []
    provider = view.tree.phandles.get(phandle)
    if found:
        yield from found
    elif provider is not None and _lacks(provider, group.rule.cells):
        yield _Bad(NOT_PROVIDER, cell, str(group.problem))
    else:
        yield _Bad(DANGLING, cell, str(group.problem))


def _lacks(provider: Node, cells: str | int) -> bool:
    """Whether a provider is none: the property that says how many arguments it wants is absent."""
    return isinstance(cells, str) and not provider.has(cells)


def _extended(view: View, node: Node) -> Iterator[Finding]:
    """interrupts-extended, where the guest's GIC has its three cells. The first bad entry."""

    def bad(broken: Rule, cell: int, what: str) -> Finding:
        message = f"{node.path}: interrupts-extended: {what}"
        return broken(message, node=node.path, prop="interrupts-extended", cell=cell)

    try:
        for entry in extended_entries(view.tree, node, gic_widths(view.gic_phandles)):
            if entry.controller is not None and not view.has(entry.controller):
                yield bad(OUTSIDE, entry.cell, f"{entry.controller.path} is not below /passthrough")
                return
    except ExtendedError as error:
        controller = error.controller
        if controller is not None and not view.has(controller):
            yield bad(OUTSIDE, error.cell, f"{controller.path} is not below /passthrough")
        elif controller is not None and not controller.has("#interrupt-cells"):
            yield bad(NOT_PROVIDER, error.cell, str(error))
        else:
            yield bad(DANGLING, error.cell, str(error).removeprefix("interrupts-extended "))


def twice(view: View) -> Iterator[Finding]:
    """Each phandle is one node's, and that of the guest's GIC is none's."""
    seen: dict[int, Node] = {}
    if view.gic is not None and view.gic.phandle is not None:
        seen[view.gic.phandle] = view.gic
    for node in view.copied:
        phandle = node.phandle
        if phandle is None:
            continue
        other = seen.setdefault(phandle, node)
        what = f"{node.path} has phandle {phandle:#x}"
        if other is not node:
            yield TWICE(f"{what}, and so has {other.path}", node=node.path, prop="phandle", cell=0)
        elif phandle == GUEST_PHANDLE_GIC:
            yield TWICE(f"{what}, the guest's GIC's", node=node.path, prop="phandle", cell=0)


def gic_phandle(view: View) -> Iterator[Finding]:
    """The phandle of /gic is the one that interrupts of the guest name, on each route."""
    gic = view.gic
    if gic is None:
        return
    if gic.phandle is None:
        if not view.context.release.gic_without_phandle_ok:
            message = f"{gic.path} has no phandle: Xen {view.context.release.version} takes 0"
            yield GIC_PHANDLE(message, node=gic.path, routes=DOM0LESS)
        return
    if gic.phandle == GUEST_PHANDLE_GIC:
        return
    named = dict(_gics_named(view))
    for phandle, (node, prop, cell) in named.items():
        route = "xl" if phandle == gic.phandle else "dom0less"
        right = GUEST_PHANDLE_GIC if route == "xl" else gic.phandle
        yield GIC_PHANDLE(
            f"{node.path} names the GIC {phandle:#x}; with {route} it is {right:#x}",
            node=node.path,
            prop=prop,
            cell=cell,
            severity="warning" if route == "xl" else None,
            routes=(route,),
        )


def _gics_named(view: View) -> Iterator[tuple[int, tuple[Node, str, int]]]:
    """The phandles that interrupts of the guest name its GIC by, each with a place of it."""
    for node in reversed(view.copied):
        for prop in ("interrupt-parent", "interrupts-extended"):
            try:
                values = node.cells(prop)
            except PropertyError:
                continue
            if values and values[0] in view.gic_phandles:
                yield values[0], (node, prop, 0)


CHECKS: tuple[Check, ...] = (targets, twice, gic_phandle)
