"""What to try for the domains of a command line or a xenassign.toml.

Every combination of changes is planned as ``generate`` would, files and their lint included,
before it is proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from xenassign.advice.change import RISKS
from xenassign.advice.remedies import Case
from xenassign.advice.search import Changes, DeadEnd, Search
from xenassign.advice.verdict import hindrances
from xenassign.checks.protection import FORCED_MASTER
from xenassign.checks.required_suppliers import UNKNOWN_RATE
from xenassign.devicetree.spans import Span
from xenassign.findings import Finding
from xenassign.request.boot_request import BootRequest
from xenassign.request.request import Request
from xenassign.system.hosts import HostsPlan
from xenassign.system.lock import LOCKED
from xenassign.system.system import SystemPlan

MOST_PLANS = 16
"""As many plans are made at most; one takes some 20 ms, on large boards 100."""


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


class Suggestion(NamedTuple):
    """Changes with which the request is accepted, and the names of its files."""

    changes: Changes
    files: tuple[str, ...] = ()

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


def advise(built: Outcome, boot: BootRequest, attempt: Callable[[Changes], Outcome]) -> Advice:
    """What to try for a system that was planned as it was requested.

    ``boot``: what the boot loader loads, whose memory is taken. ``attempt`` plans the request with
    changes, as what is printed would be, and raises XenassignError.
    """
    search = Search(lambda changes: _System(attempt(changes), boot), MOST_PLANS)
    first = _System(built, boot)
    for each in built.refusals:
        if not isinstance(each, Finding) or each.rule is LOCKED:
            return Advice(())
        if not first.case(each):  # what two domains share
            return Advice((), f"{each.message}; you decide: {each.fix}")
    suggestions, failing = [], []
    for changes, system in search.run(first):
        clocks = [finding for finding in system.findings if finding.fails]
        if clocks:
            failing.append(DeadEnd(changes, clocks[0], (_RATES,)))
        elif changes:
            suggestions.append(Suggestion(changes, (*system.files,)))
    nothing = None
    if not suggestions and (failing or first.refusals):
        end = next(iter(failing), search.dead_end)
        nothing = _why(end, first) if end is not None else f"{search.plans} plans were refused"
    return Advice((*suggestions,), nothing, search.exhausted)


#: No option states a rate that nobody knows.
_RATES = "and no usual rates are known: read them on the board (--clock-summary FILE)"


def _why(end: DeadEnd, first: _System) -> str:
    """Why nothing helps, as the end of a sentence.

    The options are left out if they change nothing about it, and an error is not repeated.
    """
    finding = end.finding
    if end.ends and finding in first.refusals:
        return ", ".join(end.ends).removeprefix("and ")
    node = f"{finding.node}: " if finding.node and finding.node not in finding.message else ""
    options = " ".join(word for change in end.changes for word in change.words)
    start = f"with {options}, " if options and finding not in first.findings else ""
    return start + ", ".join((f"{node}{finding.message}", *end.ends))


class _System:
    """A system as it was planned on its boards."""

    def __init__(self, built: Outcome, boot: BootRequest) -> None:
        self.findings = built.findings
        self.files = built.files
        self._errors = built.refusals
        self._systems = {
            host.request.tree.file: host.system
            for host in built.plan.hosts
            if host.system is not None
        }
        self._boot = boot

    @property
    def requests(self) -> tuple[Request, ...]:
        """The domains as they are requested."""
        return tuple(plan.request for system in self._systems.values() for plan in system.domains)

    @cached_property
    def refusals(self) -> Sequence[object]:
        """The errors; if there are none, the warnings with which a device does not work."""
        return self._errors or [*filter(self._hinders, hindrances(self.findings))]

    def _hinders(self, finding: Finding) -> bool:
        """Whether it is about a device of a domain, and not about a rate: no option brings that."""
        case = self.case(finding) if finding.node is not None else None
        if case is None or finding.rule is UNKNOWN_RATE:
            return False
        return finding.rule is not FORCED_MASTER or not case.request.direct_map

    def case(self, finding: Finding) -> Case | None:
        """The domain on the board that a finding is about; None for two domains."""
        for file, system in self._systems.items():
            if finding.file not in (file, None, ""):
                continue
            if finding.domain is None and len(system.domains) > 1:
                continue
            for plan in system.domains:
                if finding.domain in (plan.name, None):
                    return Case(system.resolved.platform, plan, tuple(self._taken(system)))
        return None

    def _taken(self, system: SystemPlan) -> Iterator[Span]:
        """Host memory of the domains, and of what the boot loader loads."""
        for plan in system.domains:
            yield from (Span.sized(*bank) for bank in plan.request.static_memory)
        for load in self._boot.loads:
            if load.address is not None:
                yield Span.sized(load.address, max(load.size or 1, load.room))
