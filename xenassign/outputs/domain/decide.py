"""Whether the files of a domain can express its plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.changes import libfdt_finds_instead
from xenassign.devicetree.spans import Intervals
from xenassign.devicetree.tree import Tree
from xenassign.errors import ContradictionError, UsageError
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.outputs.boot import host_changes
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.system.system import SystemPlan
from xenassign.xen.xlvalues import IomemRange, intid, page_range

MARKS_ANOTHER = rule("XA019", "mark-on-another-node", "error", "unsafe")
INCOMPLETE = rule("XA817", "domain-node-incomplete", "warning", "unknown", routes=("dom0less",))


class DomainDecision(NamedTuple):
    """Findings about the files of the domains; the plans have all of their content."""

    findings: tuple[Finding, ...]


def decide(system: SystemPlan) -> DomainDecision:
    """Raises UsageError where the user's own dom.cfg contradicts the plan."""
    for plan in system.domains:
        base = plan.request.base
        if base is not None and plan.request.partial is None:
            _check_iomem(base, plan)
            _check_iomem_map(base, plan)
        if base is not None and plan.request.follows and "dom0less" in plan.request.routes:
            _check_carried(base, plan)
    tree = system.resolved.platform.tree
    findings = (
        finding._replace(domain=plan.name)
        for plan in system.domains
        for finding in (*_ambiguous_marks(plan, tree), *_incomplete(plan.request))
    )
    return DomainDecision(tuple(findings))


def _check_iomem(base: XlConfig, plan: DomainPlan) -> None:
    """Raises UsageError if the user's dom.cfg maps a page of the plan to another guest page."""
    typed = plan.request.release.normal_mappings
    entries = [(atom, page_range(atom.text, typed)) for atom in base.texts("iomem")]
    for planned in plan.page_ranges:
        for atom, entry in entries:
            if entry is None or not entry.host.overlaps(planned.host):
                continue
            moved = entry.gfn - entry.mfn != planned.gfn - planned.mfn
            if moved or entry.normal != planned.normal:
                at = f"at another guest page than the plan's {planned.gfn:#x}"
                kind = f"as another memory than the plan's {planned.text}"
                line = (
                    f"{base.file}:{atom.line}:{atom.column}: iomem has host page"
                    f" {planned.mfn:#x} {at if moved else kind};"
                    f" take the entry out{', or give --map' if moved else ''}"
                )
                origin = plan.request.origin
                raise UsageError(line if origin is None else origin.line(line))


def _check_iomem_map(base: XlConfig, plan: DomainPlan) -> None:
    """Raises ContradictionError if a page of iomem_map is planned elsewhere, or not at all."""
    from xenassign.request import short_form

    places: dict[int, list[IomemRange]] = {}
    for pages in plan.page_ranges:
        places.setdefault(pages.mfn, []).append(pages)
    for atom, page in short_form.iomem_map(base).items():
        planned = places.get(page.mfn, [])
        if {pages.gfn for pages in planned} != {page.gfn}:
            state = f"no block of the devices begins there in {plan.host_file}; correct the page"
            if planned:
                by = "iomem or --map puts it"
                state = f"{by} at guest page {planned[0].gfn:#x}; correct one of them"
            raise ContradictionError(f"{base.place(atom)}: iomem_map: {atom.text}: {state}")


def _check_carried(base: XlConfig, plan: DomainPlan) -> None:
    """Raises ContradictionError for pages and interrupts of the configuration that no node has.

    dom0less passes only what the partial tree states.
    """
    intids = {number for device in plan.devices for number in device.irqs}
    by_host = Intervals(pages.host for pages in plan.page_ranges)
    for atom in base.texts("irqs"):
        if intid(atom.text) not in intids:
            raise ContradictionError(_not_carried(base, atom, "irqs", plan))
    for atom in base.texts("iomem"):
        pages = page_range(atom.text, plan.request.release.normal_mappings)
        if pages is not None and not by_host.overlap(pages.host):
            raise ContradictionError(_not_carried(base, atom, "iomem", plan))


def _not_carried(base: XlConfig, atom: Atom, key: str, plan: DomainPlan) -> str:
    tree = plan.request.partial.file if plan.request.partial is not None else f"{plan.name}.dts"
    return (
        f"{base.place(atom)}: {key}: {atom.text} belongs to no node of {tree},"
        " and dom0less passes nothing else; list its device in dtdev, or remove it"
    )


def _ambiguous_marks(plan: DomainPlan, tree: Tree) -> Iterator[Finding]:
    """Marks that libfdt would write to another node (``libfdt_finds_instead``)."""
    for change in host_changes.marks(plan):
        other = libfdt_finds_instead(tree, change.path)
        if other is not None:
            yield MARKS_ANOTHER(
                f"the host overlay would mark {other}: libfdt finds it instead of {change.path},"
                " since it comes first",
                node=change.path,
                fix=f"put {change.path} before it in the board's tree",
            )


def _incomplete(request: Request) -> Iterator[Finding]:
    """What the domain's node lacks because it was not requested, and Xen requires."""
    given = (("memory", "--memory MIB", request.memory), ("cpus", "--vcpus N", request.vcpus))
    lacks = [(name, option) for name, option, value in given if value is None]
    if lacks and "dom0less" in request.routes:
        properties, options = (" and ".join(texts) for texts in zip(*lacks, strict=True))
        yield INCOMPLETE(
            f"{request.name}.dom0less.dtso has no {properties}: Xen does not boot with it as it is",
            fix=f"give {options}, or complete the node; or give --route xl",
        )
