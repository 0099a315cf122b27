"""The verdict on a device: whether it works in a guest alone, with which options, or why not.

It is that of the plans that ``generate`` makes for the device, so both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from xenassign.advice.change import FLAGS, OptionChange, changed_request, in_order
from xenassign.advice.remedies import Case, hopeless
from xenassign.advice.search import Changes, Search
from xenassign.checks.protection import FORCED_MASTER
from xenassign.checks.required_suppliers import UNKNOWN_RATE
from xenassign.findings import EFFECTS, SEVERITIES, Finding, errors
from xenassign.planning.decide import decide_judged, judge_request
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved, resolve_domain
from xenassign.xen.board import Board

ANSWERS = ("yes", "with", "no")

_MOST_PLANS = 32
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

    They refuse the request, or Xen accepts it and the guest cannot use the device. What the user
    accepts with a reason does not count.
    """
    hindering = (
        finding
        for finding in findings
        if finding.severity == "error"
        or (
            finding.severity == "warning"
            and not finding.accepted
            and (_breaks(finding) or finding.rule is FORCED_MASTER)
        )
    )
    return sorted(hindering, key=_rank)


def _breaks(finding: Finding) -> bool:
    return finding.effect == "broken" and finding.fails is not False


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


def judge_alone(board: Board, resolved: Resolved, together: Decisions) -> DeviceAnswer:
    """The verdict on a request for one device without other options.

    ``together``: what is decided about several devices of the board, also for the next of them.
    """
    own: Decisions = {}  # changes for several refusals are often the same

    def attempt(changes: Changes) -> _Attempt:
        request = changed_request(resolved.request, changes)
        _, changed = resolve_domain(request, board.platform)
        alone = len(request.devices) == 1
        decisions, key = (own, request) if alone else (together, in_order(request))
        if key not in decisions:
            decisions[key] = _Decision(board, changed)
        return _Attempt(board, changed, decisions[key])

    plan = _Attempt(board, resolved, _Decision(board, resolved))
    search = Search(attempt, _MOST_PLANS, _leaves_device, improves=False)
    for changes, better in search.run(plan):
        options = [option for change in changes for option in _options(change)]
        if any(finding.rule is UNKNOWN_RATE for finding in better.findings):
            options.append("--clock-rate")
        unique = tuple(dict.fromkeys(options))
        verdict = Verdict("with" if unique else "yes", unique)
        return DeviceAnswer(plan.findings, verdict, better.request)
    return DeviceAnswer(plan.findings, Verdict("no", why=_why(plan, search)), plan.request)


def _why(plan: _Attempt, search: Search[_Attempt]) -> str:
    """The rule that nothing helps against.

    What other devices are refused for is not the reason why this one is.
    """
    end = search.dead_end
    added = end is not None and any("devices" in dict(change.options) for change in end.changes)
    if end is not None and (not added or end.finding.node in plan.own):
        return end.finding.rule.name
    return next(filter(hopeless, hindrances(plan.findings)), plan.refusals[0]).rule.name


def _leaves_device(change: OptionChange) -> bool:
    """Whether the device itself stays among those that are assigned."""
    return "devices" not in change.replaced


class _Decision:
    """What is decided about a request before its tree is built, or after if needed."""

    def __init__(self, board: Board, resolved: Resolved) -> None:
        self._board = board
        self._resolved = resolved
        self.judged = judge_request(board, resolved)
        self.own = {node.path for node in self.judged.scope.members}

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Those of the plan; of a request that is refused at once, those that refuse it."""
        judged = self.judged
        if errors(judged.findings):
            return judged.findings
        return decide_judged(self._board, self._resolved, judged).findings


Decisions = dict[Request, _Decision]
"""The decisions by request."""


class _Attempt:
    """A request with what is decided about it."""

    def __init__(self, board: Board, resolved: Resolved, decision: _Decision) -> None:
        self.resolved = resolved
        self.request = resolved.request
        self.called = resolved.devices
        self._board = board
        self._decision = decision
        self.scope = decision.judged.scope
        self.own = decision.own
        self.memory_mb_max = decision.judged.placement.memory_max

    @property
    def requests(self) -> tuple[Request, ...]:
        """The request."""
        return (self.request,)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, or those with which the request is refused at once."""
        return self._decision.findings

    @cached_property
    def refusals(self) -> list[Finding]:
        """What keeps the device from working, but for rates, which are always missing.

        Errors come first: what removes them may remove warnings too.
        """
        return errors(self.findings) or [
            finding
            for finding in hindrances(self.findings)
            if finding.rule is not UNKNOWN_RATE
            if finding.rule is not FORCED_MASTER or not self.request.direct_map
        ]

    def case(self, _: Finding) -> Case:
        """The device on its board."""
        return Case(self._board.platform, self)


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
