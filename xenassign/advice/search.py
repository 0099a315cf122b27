"""The search: from a request to requests that are accepted, with the least risk first.

Every combination of changes is planned as ``generate`` would, files and their lint included,
before it is proposed. The search is best-first and counts plans, so that its answer is the same on
every machine.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from xenassign.advice.change import RISKS, OptionChange, Options
from xenassign.advice.remedies import Case, proposals, remedies
from xenassign.devicetree.spans import Span
from xenassign.errors import XenassignError
from xenassign.findings import EFFECTS, Finding
from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.hosts import HostsPlan

MOST_PLANS = 16
"""As many plans are made at most; one takes some 20 ms, on large boards 100."""

MOST_SUGGESTIONS = 3


class Outcome(Protocol):
    """What ``generate`` makes of a request: ``outputs.hosts.Built``."""

    @property
    def plan(self) -> HostsPlan:
        """The plan, on each board."""

    @property
    def files(self) -> dict[str, bytes]:
        """The files, by name; none if the request is refused."""

    @property
    def refusals(self) -> Sequence[object]:
        """The errors, findings among them."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings to show."""


Changes = tuple[OptionChange, ...]
Attempt = Callable[[Changes], Outcome]
"""Plans the request with changes, as the printed command would. Raises XenassignError."""


class Suggestion(NamedTuple):
    """Changes with which the request is accepted, and its plan."""

    changes: Changes
    built: Outcome

    @property
    def requests(self) -> tuple[Request, ...]:
        """The domains as they are requested with the changes."""
        systems = (host.system for host in self.built.plan.hosts if host.system is not None)
        return tuple(plan.request for system in systems for plan in system.domains)

    @property
    def risk(self) -> str:
        """The greatest risk of the changes, one of ``RISKS``."""
        return max((change.risk for change in self.changes), key=RISKS.index, default="none")

    @property
    def why(self) -> str:
        """What the changes with a risk do; of all changes if there is none."""
        risky = [change for change in self.changes if change.level] or self.changes
        return "; ".join(dict.fromkeys(change.why for change in risky))


class Advice(NamedTuple):
    """What to try. ``nothing``: why nothing helps, if so. ``stopped``: not all was tried."""

    suggestions: tuple[Suggestion, ...]
    nothing: str | None = None
    stopped: bool = False


class Target(NamedTuple):
    """Which domain of a system is to be changed, by name."""

    name: str
    request: SystemRequest


def advise(domain: Target, built: Outcome, attempt: Attempt) -> Advice:
    """What to try for a domain. ``built``: its plan as it was requested."""
    search = _Search(domain, attempt)
    if any(not isinstance(refusal, Finding) for refusal in built.refusals):
        return Advice(())
    if not built.refusals:
        better = search.improved(Suggestion((), built))
        return Advice((better,) if better.changes else (), stopped=search.exhausted)
    suggestions = tuple(search.run(built))
    nothing = None if suggestions else search.dead_end or f"{search.plans} plans were refused"
    return Advice(suggestions, nothing, search.exhausted)


class _Search:
    """The state of one search."""

    def __init__(self, domain: Target, attempt: Attempt) -> None:
        self._domain = domain
        self._attempt = attempt
        self.plans = 0
        self._tried: set[frozenset[tuple[Options, frozenset[str]]]] = set()
        self.exhausted = False
        self.dead_end: str | None = None

    def run(self, built: Outcome) -> Iterator[Suggestion]:
        """The accepted requests, the least risk first, then the fewest changes."""
        number = 0
        queue: list[tuple[int, int, int, Changes, Outcome | None]] = [(0, 0, 0, (), built)]
        found, least = 0, 0
        requests: list[tuple[Request, ...]] = []
        while queue and found < MOST_SUGGESTIONS:
            level, *_, changes, planned = heapq.heappop(queue)
            if found and RISKS[level] == "unprotected" and least != level:
                return
            planned = planned or self._planned(changes)
            if planned is None:
                continue
            if not planned.refusals:
                suggestion = self.improved(Suggestion(changes, planned))
                if suggestion.requests in requests:
                    continue
                requests.append(suggestion.requests)
                found, least = found + 1, least if found else level
                yield suggestion
                continue
            for change in self._ways(planned, changes):
                number += 1
                more = (*changes, change)
                level = max(each.level for each in more)
                heapq.heappush(queue, (level, len(more), number, more, None))

    def improved(self, suggestion: Suggestion) -> Suggestion:
        """With further changes that remove what keeps the device from working in the guest."""
        blocked = _will_not_work(suggestion.built)
        for code in blocked:
            for change in self._proposed(suggestion.built, blocked[code]):
                changes = (*suggestion.changes, change)
                built = self._planned(changes)
                if built is None or built.refusals:
                    continue
                if len(_will_not_work(built)) < len(_will_not_work(suggestion.built)):
                    suggestion = Suggestion(changes, built)
                    break
        return suggestion

    def _planned(self, changes: Changes) -> Outcome | None:
        """The plan with changes; None if they contradict the request, or enough was planned."""
        options = frozenset((change.options, change.replaced) for change in changes)
        if options in self._tried:
            return None
        if self.plans >= MOST_PLANS:
            self.exhausted = True
            return None
        self._tried.add(options)
        self.plans += 1
        try:
            return self._attempt(changes)
        except XenassignError:
            return None

    def _ways(self, built: Outcome, changes: Changes) -> list[OptionChange]:
        """Changes that may remove a refusal; none if there is a refusal that nothing removes."""
        by_code: dict[str, list[Finding]] = {}
        for refusal in sorted(built.refusals, key=_rank):
            if isinstance(refusal, Finding):
                by_code.setdefault(refusal.code, []).append(refusal)
        ways: dict[OptionChange, None] = {}
        for findings in by_code.values():
            new = [c for c in self._proposed(built, findings) if c not in changes]
            if not new:
                self.dead_end = self.dead_end or self._hopeless(built, findings[0], changes)
                return []
            ways |= dict.fromkeys(new)
        return [*ways]

    def _hopeless(self, built: Outcome, finding: Finding, changes: Changes) -> str:
        """Why nothing helps against a finding of the plan with changes."""
        case = self._case(built, finding)
        ends = [each.otherwise(case) for each in remedies(finding.code) if case is not None]
        node = f"{finding.node}: " if finding.node and finding.node not in finding.message else ""
        options = [word for change in changes for word in change.words]
        start = f"with {' '.join(options)}, " if options else ""
        return start + ", ".join(filter(None, [f"{node}{finding.message}", *ends]))

    def _proposed(self, built: Outcome, findings: Sequence[Finding]) -> list[OptionChange]:
        case = self._case(built, findings[0])
        if case is None:
            return []
        return proposals(findings[0].code, case, findings)

    def _case(self, built: Outcome, finding: Finding) -> Case | None:
        """The domain on the board that a finding is about."""
        for host in built.plan.hosts:
            if host.system is None or (finding.file or "") not in (host.request.tree.file, ""):
                continue
            for plan in host.system.domains:
                if plan.name == self._domain.name:
                    return Case(host.system.resolved.platform, plan, tuple(self._taken()))
        return None

    def _taken(self) -> Iterator[Span]:
        """Host memory of the other domains, and of what the boot loader loads."""
        for request in self._domain.request.domains:
            yield from (Span.sized(*bank) for bank in request.static_memory)
        for load in self._domain.request.boot.loads:
            yield Span.sized(load.address, max(load.size or 1, load.room))


def _will_not_work(built: Outcome) -> dict[str, list[Finding]]:
    """By rule, the warnings that the device will not work in the guest and that may be removed."""
    by_code: dict[str, list[Finding]] = {}
    for finding in built.findings:
        if finding.severity == "warning" and remedies(finding.code):
            by_code.setdefault(finding.code, []).append(finding)
    return by_code


def _rank(refusal: object) -> int:
    return EFFECTS.index(refusal.effect) if isinstance(refusal, Finding) else 0
