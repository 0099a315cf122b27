"""Whether the files of a domain can say what its plan says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.changes import libfdt_finds_instead
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import XlConfig
from xenassign.outputs.boot import host_changes
from xenassign.planning.plan import DomainPlan
from xenassign.system.system import SystemPlan
from xenassign.xen.xlvalues import page_range

MARKS_ANOTHER = rule("XA019", "mark-on-another-node", "error", "unsafe")


class DomainDecision(NamedTuple):
    """What prevents the files of the domains. The plans have everything that they say."""

    findings: tuple[Finding, ...]


def decide(system: SystemPlan) -> DomainDecision:
    """Raises UsageError where the user's own dom.cfg contradicts the plan."""
    for plan in system.domains:
        if plan.request.base is not None:
            _check_iomem(plan.request.base, plan)
    tree = system.resolved.platform.tree
    found = (
        finding._replace(domain=plan.name)
        for plan in system.domains
        for finding in _marked_elsewhere(plan, tree)
    )
    return DomainDecision(tuple(found))


def _check_iomem(base: XlConfig, plan: DomainPlan) -> None:
    """Raises UsageError if the user's dom.cfg maps a page of the plan to another guest page."""
    entries = [(atom, page_range(atom.text)) for atom in base.texts("iomem")]
    for planned in plan.page_ranges:
        for atom, entry in entries:
            if entry is None or entry.gfn - entry.mfn == planned.gfn - planned.mfn:
                continue
            if entry.host.overlaps(planned.host):
                line = (
                    f"{base.file}:{atom.line}:{atom.column}: iomem has host page"
                    f" {planned.mfn:#x} at another guest page than the plan's {planned.gfn:#x};"
                    " take the entry out, or give --map"
                )
                origin = plan.request.origin
                raise UsageError(line if origin is None else origin.line(line))


def _marked_elsewhere(plan: DomainPlan, tree: Tree) -> Iterator[Finding]:
    """Nodes for which whoever applies the host overlay takes others."""
    for change in host_changes.marks(plan):
        other = libfdt_finds_instead(tree, change.path)
        if other is not None:
            yield MARKS_ANOTHER(
                f"the host overlay would mark {other}: libfdt takes {change.path} for it, since it"
                " comes first",
                node=change.path,
                fix=f"put {change.path} before it in the board's tree",
            )
