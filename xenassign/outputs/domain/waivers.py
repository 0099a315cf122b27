"""Comments for the lint: waivers for what the user allowed, with the reasons.

They are in the source of the partial device tree and are added after everything is decided; a blob
has no comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from xenassign.checks.conflicts import PAGES, Conflict
from xenassign.checks.machine_control import MACHINE_CONTROL, SUPPLIES_OTHERS
from xenassign.checks.parts import PART
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.draft import DraftNode
from xenassign.findings import Finding
from xenassign.planning.plan import DomainPlan, PlannedDevice


def with_waivers(plan: DomainPlan, conflicts: Iterable[Conflict] = ()) -> DraftNode:
    """The partial device tree with the waivers. ``conflicts``: those of the whole system."""
    accepted = [c for c in conflicts if c.rule is PAGES and c.severity == "warning"]
    findings: dict[str | None, list[Finding]] = {}
    for finding in plan.findings:
        findings.setdefault(finding.node, []).append(finding)
    waivers = {
        device.guest_path: tuple(
            _waivers(device, plan.name, findings.get(device.path, ()), accepted)
        )
        for device in plan.devices
    }
    return _waived(plan.tree, "", waivers) if any(waivers.values()) else plan.tree


def _waivers(
    device: PlannedDevice, domain: str, findings: Sequence[Finding], accepted: Iterable[Conflict]
) -> Iterator[str]:
    """The comments of a device. ``findings``: those about it.

    The lint reports pages shared with the host and with a domain in one finding, so that one
    comment has both.
    """
    with_host = [
        f"--allow-shared-page: {finding.message}"
        for finding in findings
        if finding.rule is SHARED_ALLOWED
    ]
    yield from (
        f"xenassign: allow {finding.code}: --allow-machine-control: {finding.message}"
        for finding in findings
        if finding.rule in (MACHINE_CONTROL, SUPPLIES_OTHERS) and finding.severity == "warning"
    )
    yield from (
        f"xenassign: allow {code}: {finding.message}"
        for finding in findings
        if finding.rule is PART
        for code, lost in (("XA223", not device.placed), ("XA323", finding.prop == "interrupts"))
        if lost
    )
    with_domains = list(_shared_with_domains(device.path, domain, accepted))
    if with_domains:
        reasons = "; ".join((*with_host, *with_domains))
        yield f"xenassign: allow {SHARED_PAGE.code}, {PAGES.code}: {reasons}"
    else:
        yield from (f"xenassign: allow {SHARED_PAGE.code}: {reason}" for reason in with_host)


def _shared_with_domains(path: str, domain: str, accepted: Iterable[Conflict]) -> Iterator[str]:
    for conflict in accepted:
        if (domain, path) in zip(conflict.domains, conflict.paths, strict=True):
            yield " ".join(conflict.message.split())


def _waived(node: DraftNode, path: str, waivers: Mapping[str, tuple[str, ...]]) -> DraftNode:
    """The node with the waivers, which are by path. ``path``: of the node, "" for the root."""
    children = tuple(_waived(child, f"{path}/{child.name}", waivers) for child in node.children)
    return node._replace(children=children, waivers=waivers.get(path, ()))
