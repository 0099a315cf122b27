"""The verdict on a device: whether it works in a guest alone, with which options, or why not.

It is that of the plans that ``generate`` makes for the device, so both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from xenassign.advice.change import FLAGS, OptionChange, changed_request
from xenassign.advice.remedies import Case, proposals, remedies
from xenassign.checks.protection import FORCED_MASTER
from xenassign.checks.required_suppliers import UNKNOWN_RATE
from xenassign.errors import XenassignError
from xenassign.findings import EFFECTS, SEVERITIES, Finding, errors
from xenassign.planning.decide import decide_judged, judge_request
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved, resolve_domain
from xenassign.xen.board import Board

ANSWERS = ("yes", "with", "no")

_MOST_PLANS = 8
"""As many changed requests are planned for a device at most."""

#: Options that --direct-map requires of an unprotected device, and the table does not show.
_OF_DIRECT_MAP = ("--static-memory", "--force-assign-without-iommu")
#: Fields whose values are shown: they name no node, or another one.
_SHOWN = ("devices", "maps", "memory", "memory_regions", "routes")


class Verdict(NamedTuple):
    """``answer``: ``yes``, ``with`` (``options``) or ``no`` (``why``: the name of the rule).

    ``yes`` and ``with``: ``generate`` accepts the device, and nothing says that its driver fails.
    Options that have the device or a number as value are without it.
    """

    answer: str
    options: tuple[str, ...] = ()
    why: str | None = None

    def __str__(self) -> str:
        if self.answer == "no":
            return f"no: {self.why}"
        hidden = _OF_DIRECT_MAP if "--direct-map" in self.options else ()
        return " ".join((self.answer, *(o for o in self.options if o not in hidden)))


def hindrances(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with which a device does not work in the guest, the gravest first.

    They refuse the request, or Xen accepts it and the guest cannot use the device.
    """
    hindering = (
        finding
        for finding in findings
        if finding.severity == "error"
        or (finding.severity == "warning" and finding.effect == "broken")
        or (finding.rule is FORCED_MASTER and finding.severity == "warning")
    )
    return sorted(hindering, key=_rank)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, each once: errors, warnings and notes, of each the gravest effects first."""
    return tuple(sorted(dict.fromkeys(findings), key=_rank))


def _rank(finding: Finding) -> tuple[int, int]:
    return SEVERITIES.index(finding.severity), EFFECTS.index(finding.effect)


class DeviceAnswer(NamedTuple):
    """What is found out about a device alone.

    ``findings``: of the request without other options. ``request``: with the options of the
    verdict, but for rates of clocks; the same if the answer is no.
    """

    findings: tuple[Finding, ...]
    verdict: Verdict
    request: Request


def judge_alone(board: Board, resolved: Resolved) -> DeviceAnswer:
    """The verdict on a request for one device without other options."""
    plan = _Attempt(board, resolved)
    search = _Trials(board)
    helpful = search.helpful(plan, ())
    if helpful is None:
        return DeviceAnswer(plan.findings, Verdict("no", why=search.dead_end), plan.request)
    changes, better = helpful
    options = [option for change in changes for option in _options(change)]
    if any(finding.rule is UNKNOWN_RATE for finding in better.findings):
        options.append("--clock-rate")
    unique = tuple(dict.fromkeys(options))
    return DeviceAnswer(plan.findings, Verdict("with" if unique else "yes", unique), better.request)


class _Attempt:
    """A request, with what is decided about it before its tree is built, or after if needed."""

    def __init__(self, board: Board, resolved: Resolved) -> None:
        self.resolved = resolved
        self.request = resolved.request
        self.called = resolved.devices
        self._board = board
        self._judged = judge_request(board, resolved)
        self.scope = self._judged.scope
        self.memory_mb_max = self._judged.placement.memory_max

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the plan; of a request that is refused at once, those that refuse it."""
        refused = errors(self._judged.findings)
        return self._judged.findings if refused else self._of_plan()

    def _of_plan(self) -> tuple[Finding, ...]:
        return decide_judged(self._board, self.resolved, self._judged).findings

    @cached_property
    def hindrances(self) -> dict[str, list[Finding]]:
        """By rule what keeps the device from working, but for rates, which are always missing."""
        by_code: dict[str, list[Finding]] = {}
        direct_map = self.resolved.request.direct_map
        for finding in hindrances(self.findings):
            works = finding.rule is FORCED_MASTER and direct_map
            if finding.rule is not UNKNOWN_RATE and not works:
                by_code.setdefault(finding.code, []).append(finding)
        return by_code


_Changes = tuple[OptionChange, ...]


class _Trials:
    """Which changes of a request help, in the order of the table of remedies.

    ``dead_end``: the name of the rule that nothing helps against, if none do.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._left = _MOST_PLANS
        self.dead_end: str | None = None

    def helpful(self, plan: _Attempt, changes: _Changes) -> tuple[_Changes, _Attempt] | None:
        """Further changes with which nothing hinders the device, and the plan; None: none do."""
        if not plan.hindrances:
            return changes, plan
        for code, findings in plan.hindrances.items():
            if not remedies(code):
                self.dead_end = self.dead_end or findings[0].rule.name
                return None
        proposed = {code: self._proposed(plan, code) for code in plan.hindrances}
        for code, ways in proposed.items():
            if not ways:
                self.dead_end = self.dead_end or plan.hindrances[code][0].rule.name
                return None
        for change in next(iter(proposed.values())):
            better = self._planned(plan, change) if change not in changes else None
            helpful = self.helpful(better, (*changes, change)) if better is not None else None
            if helpful is not None:
                return helpful
        self.dead_end = self.dead_end or plan.hindrances[next(iter(proposed))][0].rule.name
        return None

    def _proposed(self, plan: _Attempt, code: str) -> list[OptionChange]:
        """Changes that leave the device itself among those that are assigned."""
        case, findings = Case(self._board.platform, plan), plan.hindrances[code]
        proposed = proposals(code, case, findings)
        return [change for change in proposed if "devices" not in change.replaced]

    def _planned(self, plan: _Attempt, change: OptionChange) -> _Attempt | None:
        if self._left == 0:
            return None
        self._left -= 1
        try:
            request = changed_request(plan.resolved.request, (change,))
            _, resolved = resolve_domain(request, self._board.platform)
            return _Attempt(self._board, resolved)
        except XenassignError:
            return None


def _options(change: OptionChange) -> Iterator[str]:
    """Its options as the command line has them, without values that are the device or a number."""
    for field, value in change.options:
        flag = FLAGS[field]
        if isinstance(value, bool):
            yield flag.split("/")[not value]
        elif field not in _SHOWN:
            yield flag
        else:
            values = value if isinstance(value, tuple) else (str(value),)
            yield from (f"{flag} {text.rpartition('=')[2]}" for text in values)
