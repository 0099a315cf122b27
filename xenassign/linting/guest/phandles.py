"""Rules about phandles: the nodes that the guest's nodes name have to be in the guest's tree.

Xen and libxl copy phandles as numbers. Only /passthrough and /aliases are copied, so a phandle is
valid if a node below /passthrough has it, or if it is that of the guest's GIC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.interrupts import ExtendedError, MapError, extended_entries
from xenassign.devicetree.references import INTERRUPT_TREE, References, references
from xenassign.devicetree.tree import NO_PHANDLE, Node, PropertyError
from xenassign.findings import Finding, Rule, rule
from xenassign.host.msi_interrupts import msi_interrupts
from xenassign.host.supplier_kinds import Leftover, supplier_kind
from xenassign.linting.guest.guest_lines import gic_widths, guest_map
from xenassign.linting.guest.protection import is_iommu_property
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
    """Phandles that name no node of the guest, or a node that is not such a provider."""
    for node in view.copied:
        for group in references(view.tree, node):
            if group.prop not in INTERRUPT_TREE and not is_iommu_property(group.prop):
                yield from _group(view, node, group)
        if node.has("interrupts-extended"):
            yield from _extended(view, node)
        yield from _map(view, node)


class _Problem(NamedTuple):
    """An invalid phandle: the rule, the cell of the phandle, and a text for the message."""

    violated: Rule
    cell: int
    text: str


def _group(view: View, node: Node, group: References) -> Iterator[Finding]:
    """One finding for each rule that a property violates, at the first such cell."""
    by_rule: dict[str, list[_Problem]] = {}
    for problem in _problems(view, node, group):
        by_rule.setdefault(problem.violated.code, []).append(problem)
    for problems in by_rule.values():
        violated, cell, _ = problems[0]
        texts = ", ".join(dict.fromkeys(problem.text for problem in problems))
        fails = supplier_kind(group.rule.kind).leftover is Leftover.FAILS
        severity = "error" if violated is LEFTOVER and fails else None
        message = f"{node.path}: {group.prop}: {texts}"
        yield violated(message, node=node.path, prop=group.prop, cell=cell, severity=severity)


def _problems(view: View, node: Node, group: References) -> Iterator[_Problem]:
    if group.prop == "msi-ranges" and msi_interrupts(node, view.guest_gic.phandles):
        return  # the guest's GIC has no node, but it takes the interrupts
    lead = group.rule.lead or (1 if group.rule.shape == "map" else 0)
    end = 0
    for reference in group.entries:
        end = reference.cell + reference.width
        if reference.phandle not in (*NO_PHANDLE, *view.guest_gic.phandles):
            yield from _target(view, group, reference.cell + lead, reference.phandle)
    if group.problem:
        yield _unreadable(view, node, group, end + lead)


def _target(view: View, group: References, cell: int, phandle: int) -> Iterator[_Problem]:
    provider = view.tree.phandles.get(phandle)
    if provider is None:
        dangles = supplier_kind(group.rule.kind).leftover is Leftover.DANGLING
        violated = DANGLING if dangles else LEFTOVER
        yield _Problem(violated, cell, f"phandle {phandle:#x} names no node")
    elif not view.has(provider):
        yield _Problem(OUTSIDE, cell, f"{provider.path} is not below /passthrough")


def _unreadable(view: View, node: Node, group: References, cell: int) -> _Problem:
    """Why the entry whose phandle is in a cell, and all after it, can't be read."""
    try:
        phandle = node.cells(group.prop)[cell]
    except (PropertyError, IndexError):
        return _Problem(DANGLING, cell, str(group.problem))
    if phandle in view.guest_gic.phandles:
        return _Problem(NOT_PROVIDER, cell, f"phandle {phandle:#x} is the guest's GIC")
    if phandle not in NO_PHANDLE:
        for problem in _target(view, group, cell, phandle):
            return problem
    provider = view.tree.phandles.get(phandle)
    no_provider = provider is not None and _has_no_cells(provider, group.rule.cells)
    return _Problem(NOT_PROVIDER if no_provider else DANGLING, cell, str(group.problem))


def _has_no_cells(provider: Node, cells: str | int) -> bool:
    """Whether a node is not a provider: it lacks the property with the number of arguments."""
    return isinstance(cells, str) and not provider.has(cells)


def _extended(view: View, node: Node) -> Iterator[Finding]:
    """The first invalid entry of interrupts-extended; the guest's GIC has three cells."""

    def bad(violated: Rule, cell: int, problem: str) -> Finding:
        message = f"{node.path}: interrupts-extended: {problem}"
        return violated(message, node=node.path, prop="interrupts-extended", cell=cell)

    try:
        for entry in extended_entries(view.tree, node, gic_widths(view.guest_gic)):
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


def _map(view: View, node: Node) -> Iterator[Finding]:
    """The first invalid entry of interrupt-map; the guest's GIC has three cells, and no address."""
    message = f"{node.path}: interrupt-map"
    try:
        for entry in guest_map(view.tree, node, view.guest_gic):
            controller = entry.controller
            if controller is not None and not view.has(controller):
                message = f"{message}: {controller.path} is not below /passthrough"
                yield OUTSIDE(message, node=node.path, prop="interrupt-map", cell=entry.cell)
                return
    except MapError as error:
        fix = "name the guest's GIC, which has no address cells, or an assigned controller"
        path, cell = node.path, error.cell
        yield DANGLING(str(error), node=path, prop="interrupt-map", cell=cell, fix=fix)
    except PropertyError as error:
        yield DANGLING(f"{message}: {error}", node=node.path, prop="interrupt-map")


def twice(view: View) -> Iterator[Finding]:
    """Phandles that two nodes have, or a node and the guest's GIC."""
    owners: dict[int, Node] = {}
    if view.gic is not None and view.gic.phandle is not None:
        owners[view.gic.phandle] = view.gic
    for node in view.copied:
        phandle = node.phandle
        if phandle is None:
            continue
        owner = owners.setdefault(phandle, node)
        message = f"{node.path} has phandle {phandle:#x}"
        if owner is not node:
            message = f"{message}, and so has {owner.path}"
            yield TWICE(message, node=node.path, prop="phandle", cell=0)
        elif phandle == GUEST_PHANDLE_GIC:
            message = f"{message}, which is that of the guest's GIC"
            yield TWICE(message, node=node.path, prop="phandle", cell=0)


def gic_phandle(view: View) -> Iterator[Finding]:
    """Interrupts that name another phandle than the GIC has on a route.

    A tree with /gic is for dom0less: it is not judged for xl as long as no configuration names it.
    """
    gic = view.gic
    if gic is None:
        return
    if gic.phandle is None:
        if not view.context.release.gic_without_phandle_ok:
            message = f"{gic.path} has no phandle: Xen {view.context.release.name} uses 0"
            yield GIC_PHANDLE(message, node=gic.path, routes=DOM0LESS)
        return
    if gic.phandle == GUEST_PHANDLE_GIC:
        return
    for phandle, (node, prop) in _gic_references(view).items():
        route = "xl" if phandle == gic.phandle else "dom0less"
        actual = GUEST_PHANDLE_GIC if route == "xl" else gic.phandle
        yield GIC_PHANDLE(
            f"{node.path} names the GIC {phandle:#x}; with {route} it is {actual:#x}",
            node=node.path,
            prop=prop,
            cell=0,
            severity="note" if route == "xl" and view.config is None else None,
            routes=(route,),
        )


def _gic_references(view: View) -> dict[int, tuple[Node, str]]:
    """The phandles with which the guest's interrupts name its GIC, and where each is first used."""
    references: dict[int, tuple[Node, str]] = {}
    for node in reversed(view.copied):
        for prop in ("interrupt-parent", "interrupts-extended"):
            try:
                cells = node.cells(prop)
            except PropertyError:
                continue
            if cells and cells[0] in view.guest_gic.phandles:
                references[cells[0]] = (node, prop)
    return references


CHECKS: tuple[Check, ...] = (targets, twice, gic_phandle)
