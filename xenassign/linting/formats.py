"""A report as text, JSON, SARIF (code scanning) and GitHub's workflow commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from xenassign import __version__, escape
from xenassign.devicetree.places import Place
from xenassign.findings import Finding, Rule
from xenassign.linting.linter import Report

SCHEMA = "xenassign/lint/1"
_SHOWN = 80  # columns of a line that are shown from the place of the finding on
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def to_text(report: Report) -> str:
    """Each finding with the line of the file, then the verdict."""
    lines: list[str] = []
    for finding in report.findings:
        lines += [finding.text(), *excerpt(report, finding.place)]
    return "\n".join((*lines, *summary(report))) + "\n"


def excerpt(report: Report, place: Place | None) -> Iterator[str]:
    """The line of a place, and carets below the place. Of a long line only the part around it."""
    line = report.line(place) if place is not None else None
    if place is None or line is None:
        return
    begin = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    limit = begin + _SHOWN
    more = " …" if len(line) > limit else ""
    first = begin - _SHOWN // 2 if begin > _SHOWN else 0
    less = "… " if first else ""
    end = min(end, limit)
    parts = (less + line[first:begin], line[begin:end], line[end:limit] + more)
    # Tabs stay, since the line of the carets has them too.
    before, marked, after = (escape.terminal(part, keep="\t") for part in parts)
    gap = "".join("\t" if char == "\t" else " " for char in before)
    number = f"{place.line:5}"
    yield f"{number} | {before}{marked}{after}"
    yield f"{' ' * len(number)} | {gap}{'^' * max(len(marked), 1)}"


def summary(report: Report) -> Iterator[str]:
    """The verdict of each route, the number of findings, and the rules that did not run."""
    for route, verdict in report.verdict.items():
        if route not in report.judged:
            continue
        codes = [f.code for f in report.findings if f.effect == "rejected" and route in f.routes]
        reasons = f" ({', '.join(dict.fromkeys(codes))})" if codes else ""
        yield f"{route}: {verdict}{reasons}"
    counts = [
        f"{number} {name}{'s' * (number != 1)}"
        for name in ("error", "warning", "note")
        if (number := sum(f.severity == name for f in report.findings))
    ]
    if report.waived:
        counts.append(f"{len(report.waived)} waived")
    yield ", ".join(counts) or "nothing found"
    if report.not_run:
        not_run = ", ".join(rule.code for rule in report.not_run)
        yield f"not run without --host: {not_run}"


def to_json(report: Report) -> str:
    """JSON of the schema xenassign/lint/1; see docs/json.md."""
    return escape.json_document(
        {
            "schema": SCHEMA,
            "verdict": report.verdict,
            "findings": [_finding(finding) for finding in report.findings],
            "waived": [
                {**_finding(finding), "reason": reason} for finding, reason in report.waived
            ],
            "not_run": [rule.code for rule in report.not_run],
        },
        only_ascii=True,
    )


def _finding(finding: Finding) -> dict[str, Any]:
    at = finding.place
    return {
        "code": finding.code,
        "severity": finding.severity,
        "effect": finding.effect,
        "routes": list(finding.routes),
        "file": at.file if at else finding.file,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "node": finding.node,
        "property": finding.prop,
        "message": finding.message,
        "fix": finding.fix,
    }


def to_github(report: Report) -> str:
    """Workflow commands: each finding becomes an annotation of a pull request."""
    return "".join(f"{line}\n" for line in _annotations(report))


def _annotations(report: Report) -> Iterator[str]:
    for finding in report.findings:
        command = {"error": "error", "warning": "warning", "note": "notice"}[finding.severity]
        at = finding.place
        values = {"file": at.file if at else finding.file or "", "title": _title(finding.rule)}
        if at is not None:
            values |= {"line": str(at.line), "col": str(at.column), "endLine": str(at.end_line)}
            values["endColumn"] = str(at.end_column)
        options = ",".join(f"{k}={escape.github_property(v)}" for k, v in values.items())
        yield f"::{command} {options}::{escape.github_data(f'{finding.message}; {finding.fix}')}"


def _title(rule: Rule) -> str:
    return f"{rule.code} {rule.name}"


def to_sarif(report: Report) -> str:
    """SARIF 2.1.0, for code scanning: the results, and the rules that they are of."""
    waived = [finding for finding, _ in report.waived]
    by_code = {finding.code: finding.rule for finding in (*report.findings, *waived)}
    rules = [by_code[code] for code in sorted(by_code)]
    index = {rule.code: number for number, rule in enumerate(rules)}
    results = [_result(finding, index) for finding in report.findings]
    for finding, reason in report.waived:
        suppression = {"kind": "inSource", "justification": escape.sarif_text(reason)}
        results.append({**_result(finding, index), "suppressions": [suppression]})
    driver = {
        "name": "xenassign",
        "semanticVersion": __version__,
        "rules": [_sarif_rule(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {"verdict": report.verdict},
    }
    document = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return escape.json_document(document, only_ascii=True)


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\nFix: {rule.fix}."},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"effect": rule.effect, "routes": list(rule.routes)},
    }


def _result(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {}
    at = finding.place
    file = at.file if at else finding.file
    if file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": escape.sarif_uri(file)}}
        if at is not None:
            physical["region"] = {
                "startLine": at.line,
                "startColumn": at.column,
                "endLine": at.end_line,
                "endColumn": at.end_column,
            }
        location["physicalLocation"] = physical
    if finding.node is not None:
        name = f"{finding.node}:{finding.prop}" if finding.prop else finding.node
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    result = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": finding.severity,
        "message": {"text": escape.sarif_text(f"{finding.message}; {finding.fix}")},
        "properties": {"effect": finding.effect, "routes": list(finding.routes)},
    }
    return {**result, "locations": [location]} if location else result


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "json": to_json,
    "sarif": to_sarif,
    "github": to_github,
}
