"""The result of a lint: its findings, and the verdict that they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from xenassign.devicetree.places import Place
from xenassign.findings import ROUTES, SEVERITIES, Addition, Finding, errors, flat
from xenassign.linting.documents import Document
from xenassign.linting.verdict.predict import GuestOutcome, guests
from xenassign.reading import lines_of


@dataclass(frozen=True)
class Report:
    """The result of ``lint``.

    ``findings``: those that are shown, without those that follow from others. ``verdict`` is that
    of all findings, also of those that are waived, and those that a selection hides.
    """

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    verdict: dict[str, str]
    not_run: tuple[str, ...]  #: the codes of rules
    waived: tuple[tuple[Finding, str], ...]  #: with the reason
    judged: frozenset[str]  #: the routes for which the files can be judged
    hidden: tuple[Finding, ...] = ()
    unsafe_fixes: bool = False  #: whether fixes may be unsafe

    @property
    def refused(self) -> bool:
        """Whether a finding that is shown is an error, or a hidden one rejects the domain."""
        return self.refuses("error")

    def refuses(self, least: str) -> bool:
        """As ``refused``, for findings of at least this severity."""
        severities = SEVERITIES[: SEVERITIES.index(least) + 1]
        rejected = errors(f for f in self.hidden if f.effect == "rejected")
        return bool(rejected) or any(f.severity in severities for f in self.findings)

    def only_errors(self) -> Report:
        """The report without warnings and notes; the verdict stays."""
        others = tuple(finding for finding in self.findings if finding.severity != "error")
        return replace(self, findings=tuple(errors(self.findings)), hidden=(*self.hidden, *others))

    @property
    def every(self) -> tuple[Finding, ...]:
        """All findings, also hidden and waived ones, and those that follow from others."""
        return (*flat((*self.findings, *self.hidden)), *(finding for finding, _ in self.waived))

    @property
    def guests(self) -> dict[str, tuple[GuestOutcome, ...]]:
        """What the guest gets on each route of the verdict."""
        return {route: guests(self.every, route, v) for route, v in self.verdict.items()}

    def line(self, place: Place) -> str | None:
        """The line of a file at which a place begins; None if the file can't be read."""
        lines = self._lines.get(place.file)
        if lines is None:
            lines = self._lines[place.file] = lines_of(place.file)
        return lines[place.line - 1].rstrip("\r") if place.line <= len(lines) else None

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        """The lines of the documents, and of other files that were asked for, by file."""
        return {d.file: d.text.split("\n") for d in self.documents if d.text is not None}


def merged(reports: Sequence[Report]) -> Report:
    """The report about the files of all: the worst verdict, and each finding once."""
    if len(reports) == 1:
        return reports[0]
    order = ("rejected", "unknown", "accepted")
    routes = [route for route in ROUTES if any(route in report.verdict for report in reports)]
    given = {r: [report.verdict[r] for report in reports if r in report.judged] for r in routes}
    return Report(
        tuple(dict.fromkeys(document for report in reports for document in report.documents)),
        tuple(merged_findings(finding for report in reports for finding in report.findings)),
        {r: min(given[r] or ["accepted"], key=order.index) for r in routes},
        tuple(dict.fromkeys(rule for report in reports for rule in report.not_run)),
        tuple(dict.fromkeys(waived for report in reports for waived in report.waived)),
        frozenset().union(*(report.judged for report in reports)),
        unsafe_fixes=any(report.unsafe_fixes for report in reports),
    )


def merged_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, with those of two routes about the same place as one."""
    merged: dict[tuple[object, ...], Finding] = {}
    for f in findings:
        key = (f.file, f.code, f.node, f.prop, f.cell, f.place, f.message)
        first = merged.get(key)
        if first is None:
            merged[key] = f
        else:
            routes = tuple(route for route in ROUTES if route in (*first.routes, *f.routes))
            merged[key] = first._replace(routes=routes, additions=_additions(first, f))
    return list(merged.values())


def _additions(first: Finding, second: Finding) -> tuple[Addition, ...]:
    """What corrects both of two findings that are one; none if one of them cannot be corrected."""
    if not first.additions or not second.additions:
        return ()
    return tuple(dict.fromkeys((*first.additions, *second.additions)))
