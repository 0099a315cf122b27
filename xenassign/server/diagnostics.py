"""What an editor underlines: the findings of the lint, and errors, with the other side of each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from lsprotocol.types import (
    Diagnostic,
    DiagnosticRelatedInformation,
    DiagnosticSeverity,
    DiagnosticTag,
    Location,
    Range,
)

from xenassign import escape
from xenassign.devicetree.places import Place
from xenassign.findings import Finding
from xenassign.linting.waivers import UNUSED
from xenassign.server.included import include_of
from xenassign.server.open_files import Analysis
from xenassign.server.positions import TextPositions
from xenassign.server.project_check import ProjectCheck

SOURCE = "xenassign"
_SEVERITIES = {
    "error": DiagnosticSeverity.Error,
    "warning": DiagnosticSeverity.Warning,
    "note": DiagnosticSeverity.Information,
}
_PLACED = re.compile(r":(\d+)(?::(\d+))?: ")

#: Of a place, in whichever file: where an editor finds it.
Locate = Callable[[Place], Location]
#: Of a finding: places elsewhere that it is about, with a sentence each.
Related = Callable[[Finding], Iterator[tuple[Place, str]]]


def uri_of(path: str) -> str:
    """The URI of a file."""
    return escape.file_uri(path)


def diagnostics(
    analysis: Analysis, lines: TextPositions, locate: Locate, related: Related
) -> list[Diagnostic]:
    """Everything that is said of an open file, in the order of its lines."""
    shown = [_of_error(line, analysis.path, lines) for line in analysis.errors]
    if analysis.project is not None:
        shown += _of_project(analysis.project, analysis.path, lines)
    for finding in findings_of(analysis):
        others = [
            DiagnosticRelatedInformation(locate(place), escape.terminal(text))
            for place, text in related(finding)
        ]
        shown.append(of_finding(finding, range_of(finding, analysis, lines), others))
    shown.sort(key=lambda d: (d.range.start.line, d.range.start.character, d.code or ""))
    return shown


def findings_of(analysis: Analysis) -> list[Finding]:
    """The findings that are shown in an open file: those placed in it, and those about it."""
    if analysis.judgement is None:
        return []
    return [
        finding
        for finding in analysis.judgement.report.findings
        if analysis.path in (finding.file, finding.place.file if finding.place else None)
    ]


def range_of(finding: Finding, analysis: Analysis, lines: TextPositions) -> Range:
    """What a finding underlines: its place; for one in another file the line that includes it."""
    place = finding.place
    if place is None:
        return lines.line_range(1)
    if place.file == analysis.path:
        return lines.range(place)
    statement = include_of(analysis.text, analysis.path, place.file)
    return lines.span(*statement) if statement is not None else lines.line_range(1)


def of_finding(
    finding: Finding, at: Range, others: list[DiagnosticRelatedInformation]
) -> Diagnostic:
    """A finding with its code; ``others``: the other sides of it.

    The node that its line is about is left out at the beginning, and the folder of its file.
    """
    message = finding.message.removeprefix(f"{finding.node}: ")
    folder = os.path.dirname(finding.file or "")
    if folder:
        message = message.replace(f"{folder}/", "")
    return Diagnostic(
        at,
        escape.terminal(f"{message}; {finding.fix}"),
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        source=SOURCE,
        tags=[DiagnosticTag.Unnecessary] if finding.rule is UNUSED else None,
        related_information=others or None,
    )


def _of_error(line: str, path: str, lines: TextPositions) -> Diagnostic:
    """An error of the file is at its place, one about another file at the top."""
    placed = _PLACED.match(line, len(path)) if line.startswith(path) else None
    if placed is not None:
        at = lines.line_range(int(placed[1]), int(placed[2] or 1))
        text = line[placed.end() :]
    else:
        at, text = lines.line_range(1), line.removeprefix(f"{path}: ")
    return Diagnostic(at, escape.terminal(text), severity=DiagnosticSeverity.Error, source=SOURCE)


def _of_project(project: ProjectCheck, path: str, lines: TextPositions) -> Iterator[Diagnostic]:
    yield from (_of_error(line, path, lines) for line in project.errors)
    for remark in project.remarks:
        at = next(
            (
                place
                for end in range(len(remark.at), 0, -1)
                if (place := project.toml.place(remark.at[:end])) is not None
            ),
            (1, 1),
        )
        if remark.finding is not None:
            yield of_finding(remark.finding, lines.token_range(*at), [])
        else:
            yield Diagnostic(
                lines.token_range(*at),
                escape.terminal(remark.text),
                severity=DiagnosticSeverity.Error,
                source=SOURCE,
            )
