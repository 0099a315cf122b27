"""The search: from a request to requests that are accepted, with the least risk first.

It is the same for a system (:mod:`xenassign.advice.advise`) and for a device that is assigned alone
(:mod:`xenassign.advice.verdict`), which differ in how a request is planned. The search is
best-first and counts plans, so that its answer is the same on every machine.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from xenassign.advice.change import RISKS, OptionChange, in_order
from xenassign.advice.remedies import Case, hopeless, proposals, remedies
from xenassign.errors import XenassignError
from xenassign.findings import EFFECTS, Finding
from xenassign.request.request import Request

MOST_SUGGESTIONS = 3

#: From this risk on only suggestions of the least risk that was found are looked for.
_GRAVE = RISKS.index("unprotected")
#: Of this one suggestion is enough, and only if there is no other: the oldest Xen that will do.
_LAST = RISKS.index("newer-xen")

Changes = tuple[OptionChange, ...]


class Planned(Protocol):
    """A request, as it was planned."""

    @property
    def refusals(self) -> Sequence[object]:
        """The errors, findings among them."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, of which only warnings are looked at."""

    @property
    def requests(self) -> tuple[Request, ...]:
        """The domains as they are requested."""

    def case(self, finding: Finding) -> Case | None:
        """The domain on the board that a finding is about."""


Plan = TypeVar("Plan", bound=Planned)
"""What the caller gets back: his own kind of ``Planned``."""


class DeadEnd(NamedTuple):
    """A finding that no change removes, of the request with changes. ``ends``: why, for a text."""

    changes: Changes
    finding: Finding
    ends: tuple[str, ...]


class _Order(NamedTuple):
    """What is tried first: the least risk, then what removes the gravest refusal, then the fewest.

    ``risks``: the levels of the changes, each once, the greatest first. ``aside``: changes for
    another refusal than the gravest. ``number``: of the proposal, so that no two are equal.
    """

    risks: tuple[int, ...]
    aside: int
    size: int
    number: int


class Search(Generic[Plan]):
    """One search.

    ``attempt`` plans the request with changes, and raises XenassignError if they contradict it;
    ``most`` plans are made at most. ``allowed``: which changes are tried. ``improves``: whether
    changes are added that remove warnings of what is accepted.
    """

    def __init__(
        self,
        attempt: Callable[[Changes], Plan],
        most: int,
        allowed: Callable[[OptionChange], bool] = lambda _: True,
        *,
        improves: bool = True,
    ) -> None:
        self._attempt = attempt
        self._most = most
        self._allowed = allowed
        self._improves = improves
        self._tried: set[frozenset[OptionChange]] = set()
        self.plans = 0
        self.exhausted = False
        self.dead_end: DeadEnd | None = None

    def run(self, first: Plan) -> Iterator[tuple[Changes, Plan]]:
        """The accepted requests, in their order.

        Of several refusals the gravest is removed first. A change for another one is tried later:
        it may remove both, where those for the gravest lead nowhere.
        """
        number, least = 0, 0
        queue: list[tuple[_Order, Changes, Plan | None]] = [(_Order((0,), 0, 0, 0), (), first)]
        seen: list[tuple[Request, ...]] = []
        while queue and len(seen) < MOST_SUGGESTIONS:
            order, changes, made = heapq.heappop(queue)
            level = order.risks[0]
            if seen and (least < level >= _GRAVE or level == _LAST):
                return
            planned = made or self._planned(changes)
            if planned is None:
                continue
            if not planned.refusals:
                better, plan = self._improved(changes, planned)
                requests = tuple(map(in_order, plan.requests))
                if requests not in seen:
                    least = least if seen else level
                    seen.append(requests)
                    yield better, plan
                continue
            for place, ways in enumerate(self._ways(planned, changes)):
                for change in ways:
                    number += 1
                    more = (*changes, change)
                    risks = sorted({each.level for each in more}, reverse=True)
                    aside = order.aside + (place > 0)
                    heapq.heappush(queue, (_Order((*risks,), aside, len(more), number), more, None))

    def _improved(self, changes: Changes, planned: Plan) -> tuple[Changes, Plan]:
        """With further changes that remove warnings."""
        for findings in _removable(planned) if self._improves else ():
            if not (changes or _alone(findings[0])):
                continue
            for change in self._proposed(planned, findings):
                more = (*changes, change)
                plan = self._planned(more)
                if plan is None or plan.refusals:
                    continue
                if len(_removable(plan)) < len(_removable(planned)):
                    changes, planned = more, plan
                    break
        return changes, planned

    def _planned(self, changes: Changes) -> Plan | None:
        """The plan with changes; None if they contradict the request, or enough was planned."""
        if frozenset(changes) in self._tried:
            return None
        if self.plans >= self._most:
            self.exhausted = True
            return None
        self._tried.add(frozenset(changes))
        self.plans += 1
        try:
            return self._attempt(changes)
        except XenassignError:
            return None

    def _ways(self, planned: Planned, changes: Changes) -> list[list[OptionChange]]:
        """For each refusal changes that may remove it; none if there is one that none removes."""
        refusals = [refusal for refusal in planned.refusals if isinstance(refusal, Finding)]
        ways: list[list[OptionChange]] = []
        for findings in _grouped(sorted(refusals, key=_hopeless_first)):
            new = [c for c in self._proposed(planned, findings) if c not in changes]
            if not new:
                self.dead_end = self.dead_end or _dead_end(planned, findings[0], changes)
                return []
            ways.append(new)
        return ways

    def _proposed(self, planned: Planned, findings: Sequence[Finding]) -> list[OptionChange]:
        """The changes that may remove findings of one rule, for the domain that they are about."""
        case = planned.case(findings[0])
        if case is None:
            return []
        proposed = proposals(findings[0].code, case, findings)
        domain = case.request.name
        return [change._replace(domain=domain) for change in proposed if self._allowed(change)]


def _dead_end(planned: Planned, finding: Finding, changes: Changes) -> DeadEnd:
    case = planned.case(finding)
    ends = (each.otherwise(case) for each in remedies(finding.code) if case is not None)
    return DeadEnd(changes, finding, tuple(filter(None, ends)))


def _removable(planned: Planned) -> list[list[Finding]]:
    """By rule and domain, the warnings that a change may remove; last what is no reason alone."""
    warnings = (
        finding
        for finding in planned.findings
        if finding.severity == "warning" and finding.fails is not False and remedies(finding.code)
    )
    return _grouped(sorted(warnings, key=_alone, reverse=True))


def _alone(finding: Finding) -> bool:
    """Whether it is reason enough for a command."""
    return any(remedy.alone for remedy in remedies(finding.code))


def _hopeless_first(finding: Finding) -> tuple[bool, int]:
    """Those that nothing ever removes, then the gravest."""
    return not hopeless(finding), EFFECTS.index(finding.effect)


def _grouped(findings: Iterator[Finding] | Sequence[Finding]) -> list[list[Finding]]:
    """The findings of each rule about each domain, in the order of the first of them."""
    groups: dict[tuple[str, str | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.code, finding.domain), []).append(finding)
    return [*groups.values()]
