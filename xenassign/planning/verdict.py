"""The verdict on a device: whether it works in a guest alone, with which options, or why not.

It is that of the plan that ``generate`` makes for the device, so both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from xenassign.checks.dom0_tree import NO_DOM0
from xenassign.checks.guest_addresses import CLASH, GUEST_OVERLAP
from xenassign.checks.interrupts import LINE_OF_VPL011
from xenassign.checks.protection import FORCED_MASTER, UNPROTECTED
from xenassign.checks.required_suppliers import UNKNOWN_RATE
from xenassign.checks.shared_pages import SHARED_PAGE
from xenassign.devicetree.tree import Node
from xenassign.findings import EFFECTS, ROUTES, Finding, Rule
from xenassign.planning.decide import decide_judged, judge_request
from xenassign.request.request import Accepted, MapOption
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board

#: The option of ``generate`` without which there is a finding, for those that need no other device.
_OPTIONS: dict[Rule, str] = {
    CLASH: "--map auto",
    GUEST_OVERLAP: "--map auto",
    LINE_OF_VPL011: "--no-vpl011",
    NO_DOM0: "--route dom0less",
    SHARED_PAGE: "--allow-shared-page",
    UNPROTECTED: "--force-assign-without-iommu",
    UNKNOWN_RATE: "--clock-rate",
}


ANSWERS = ("yes", "with", "no")


class Verdict(NamedTuple):
    """``answer``: ``yes``, ``with`` (``options``) or ``no`` (``why``: the name of the rule).

    ``yes`` and ``with``: ``generate`` accepts the device, and nothing says that its driver fails.
    """

    answer: str
    options: tuple[str, ...] = ()
    why: str | None = None

    def __str__(self) -> str:
        if self.answer == "no":
            return f"no: {self.why}"
        return " ".join((self.answer, *self.options))


def hindrances(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with which a device does not work in the guest, the gravest first.

    They refuse the request, or Xen accepts it and the guest cannot use the device.
    """
    hindering = (
        finding
        for finding in findings
        if finding.severity == "error"
        or (finding.severity == "warning" and finding.effect == "broken")
        or finding.rule is FORCED_MASTER
    )
    return sorted(hindering, key=lambda f: (f.severity != "error", EFFECTS.index(f.effect)))


def judge_alone(board: Board, resolved: Resolved) -> tuple[tuple[Finding, ...], Verdict]:
    """The findings of a request for one device without other options, and the verdict."""
    findings = plan_findings(board, resolved)
    (node,) = resolved.devices
    options: list[str] = []
    remaining = hindrances(findings)
    while remaining:
        new = [_option(finding) for finding in remaining]
        wanted = list(dict.fromkeys(option for option in new if option is not None))
        if None in new or set(wanted) <= set(options):
            first = next(f for f in remaining if _option(f) in (None, *options))
            rule = UNPROTECTED if first.rule is FORCED_MASTER else first.rule
            return findings, Verdict("no", why=rule.name)
        options += [option for option in wanted if option not in options]
        resolved = _with_options(resolved, node, options)
        if options == ["--clock-rate"]:  # the finding is that the option is missing
            break
        remaining = [
            finding
            for finding in hindrances(plan_findings(board, resolved))
            if not (finding.rule is UNKNOWN_RATE and "--clock-rate" in options)
        ]
    return findings, Verdict("with", tuple(options)) if options else Verdict("yes")


def plan_findings(board: Board, resolved: Resolved) -> tuple[Finding, ...]:
    """The findings of the plan. Of one that is refused at once, those that refuse it."""
    judged = judge_request(board, resolved)
    if any(finding.severity == "error" for finding in judged.findings):
        return judged.findings
    return decide_judged(board, resolved, judged).findings


def _option(finding: Finding) -> str | None:
    """The option of ``generate`` without which there is a finding; None if none is known."""
    others = [route for route in ROUTES if route not in finding.routes]
    return f"--route {others[0]}" if others else _OPTIONS.get(finding.rule)


def _with_options(resolved: Resolved, node: Node, options: Sequence[str]) -> Resolved:
    """The request with options for its device."""
    fields: dict[str, object] = {}
    accepted = {node: Accepted(node.path)}
    for option in options:
        if option.startswith("--route "):
            fields["routes"] = (option.removeprefix("--route "),)
        elif option == "--map auto":
            fields["maps"] = (MapOption(None, None, "auto"),)
        elif option == "--no-vpl011":
            fields["vpl011"] = False
        elif option == "--allow-shared-page":
            resolved = replace(resolved, shared=accepted)
        elif option == "--force-assign-without-iommu":
            resolved = replace(resolved, forced=accepted)
    return resolved.with_values(**fields)
