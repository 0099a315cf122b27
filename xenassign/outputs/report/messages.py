"""Findings of a plan as lines for people: the gravest first, those of one rule in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from xenassign import escape
from xenassign.findings import SEVERITIES, Finding, some

_GRAVEST = ("rejected", "unsafe", "broken")
#: Consequences by code, with the findings about the same device that say it all.
_FOLLOWS = {"XA428": ("XA402", "XA403")}
#: Notes that are always shown: what the host overlay changes in the host's tree beside marks.
_OF_THE_HOST = frozenset({"XA126", "XA541"})


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then effect: what Xen rejects, what is unsafe, what the guest cannot use."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[int, int]:
    effect = finding.effect
    grave = _GRAVEST.index(effect) if effect in _GRAVEST else len(_GRAVEST)
    return SEVERITIES.index(finding.severity), grave


def lines(findings: Iterable[Finding], board: str | None, verbose: bool) -> Iterator[str]:
    """The warnings, a line for each rule; with ``verbose`` all findings, a line for each.

    Shown with ``verbose`` only: notes that are not about the host's tree, what follows from another
    finding, what the user accepted with a reason. ``board``: the file of the only board, which
    short lines do not repeat.
    """
    if verbose:
        yield from (finding.text() for finding in ranked(findings))
        return
    short = [f._replace(file=None) if f.file == board else f for f in ranked(findings)]
    causes = {(finding.code, finding.node) for finding in short}
    by_rule: dict[str, list[Finding]] = {}
    for finding in short:
        if any((cause, finding.node) in causes for cause in _FOLLOWS.get(finding.code, ())):
            continue
        shown = finding.severity == "warning" or finding.code in _OF_THE_HOST
        if shown and not finding.accepted:
            by_rule.setdefault(finding.code, []).append(finding)
    for group in by_rule.values():
        yield group[0].text() if len(group) == 1 else _grouped(group)


def _grouped(group: Sequence[Finding]) -> str:
    """One line about several findings of a rule."""
    first = group[0]
    nodes = some(" ".join(filter(None, (f.domain, f.node or f.message))) for f in group)
    text = f"{first.rule.title} ({len(group)} times): {nodes}; {first.rule.fix}"
    return escape.terminal(f"{first.severity}: {text} [{first.code}]")


def counted(findings: Iterable[Finding], verbose: bool) -> str:
    """How many warnings and notes there are, for the closing line; "" if there are none."""
    counts = Counter(finding.severity for finding in findings if not finding.accepted)
    parts = [
        f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}"
        for severity in ("warning", "note")
        if counts[severity]
    ]
    more = "" if verbose else "; -v shows all"
    return f" ({', '.join(parts)}{more})" if parts else ""
