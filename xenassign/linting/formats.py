"""A report as text, JSON, SARIF (code scanning) and GitHub's workflow commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from xenassign import __version__, escape
from xenassign.devicetree.places import Place
from xenassign.findings import SEVERITIES, Finding, Rule, errors, flat
from xenassign.linting.linter import Report
from xenassign.linting.verdict.predict import rejecting

SCHEMA = "xenassign/lint/1"
_SHOWN = 80  # columns of a line that are shown from the place of the finding on
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def to_text(report: Report) -> str:
    """Each finding with the line of the file, then the verdict."""
    lines: list[str] = []
    for finding in report.findings:
        lines += [finding.text(), *excerpt(report, finding.place)]
        lines += [consequence.consequence() for consequence in finding.follows]
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
    """What Xen does, what the guest gets, and how many findings there are."""
    routes = [route for route in report.verdict if route in report.judged]
    if routes:
        yield f"Xen: {_by_route((route, *_xen(report, route)) for route in routes)}"
        yield f"guest: {_guest(report, routes)}"
    counts = [_count(name, report.findings) for name in SEVERITIES]
    counts += [f"{len(report.waived)} waived"] if report.waived else []
    counts += [f"{_count('error', report.hidden)} not shown"] if errors(report.hidden) else []
    if any(counts):
        yield ", ".join(filter(None, counts))
    if report.not_run:
        yield "not run without --host: the rules that compare with the board's tree"


def _count(severity: str, findings: Sequence[Finding]) -> str:
    number = sum(finding.severity == severity for finding in findings)
    return f"{number} {severity}{'s' * (number != 1)}" if number else ""


_XEN = {"accepted": "boots it", "rejected": "refuses it", "unknown": "unknown"}


def _xen(report: Report, route: str) -> tuple[str, str]:
    """What Xen does on a route, and the codes of the reasons."""
    verdict = report.verdict[route]
    codes = [f.code for f in report.every if f.effect == verdict and route in f.routes]
    return _XEN[verdict], _codes(report, codes)


def _guest(report: Report, routes: Sequence[str]) -> str:
    """What the guest gets on the routes on which Xen boots it."""
    booting = [route for route in routes if report.verdict[route] != "rejected"]
    if not booting:
        return "not started"
    text = _by_route(
        (
            (route, guest.state, _codes(report, guest.codes))
            for route in booting
            for guest in report.guests[route]
        ),
        all_routes=booting,
    )
    works = all(guest.state == "works" for route in booting for guest in report.guests[route])
    return f"{text}, as far as is known without --host" if works and report.not_run else text


def _codes(report: Report, codes: Iterable[str]) -> str:
    """Codes of findings, with what hides them: `` (XA602; XA412, not shown)``."""
    shown = {finding.code for finding in flat(report.findings)}
    waived = {finding.code for finding, _ in report.waived}
    groups: dict[str, list[str]] = {"": [], ", waived": [], ", not shown": []}
    for code in dict.fromkeys(codes):
        group = "" if code in shown else ", waived" if code in waived else ", not shown"
        groups[group].append(code)
    text = "; ".join(f"{', '.join(same)}{group}" for group, same in groups.items() if same)
    return f" ({text})" if text else ""


def _by_route(
    entries: Iterable[tuple[str, str, str]], all_routes: Sequence[str] | None = None
) -> str:
    """(route, statement, reasons) as text, in which routes with the same statement are named once.

    A statement that is true of ``all_routes`` names none.
    """
    routes: dict[tuple[str, str], list[str]] = {}
    for route, statement, reasons in entries:
        routes.setdefault((statement, reasons), []).append(route)
    return "; ".join(
        f"{statement}{'' if same == all_routes else ' on ' + ' and '.join(same)}{reasons}"
        for (statement, reasons), same in routes.items()
    )


def to_json(report: Report) -> str:
    """JSON of the schema xenassign/lint/1; see docs/json.md."""
    return escape.json_document(
        {
            "schema": SCHEMA,
            "verdict": report.verdict,
            "rejected_by": {route: _rejected_by(report, route) for route in report.verdict},
            "guest": _guest_states(report),
            "findings": [_finding(finding) for finding in report.findings],
            "waived": [
                {**_finding(finding), "reason": reason} for finding, reason in report.waived
            ],
            "not_shown": dict(sorted(Counter(f.code for f in flat(report.hidden)).items())),
            "not_run": [rule.code for rule in report.not_run],
        },
        only_ascii=True,
    )


def _rejected_by(report: Report, route: str) -> list[str]:
    return list(dict.fromkeys(finding.code for finding in rejecting(report.every, route)))


def _guest_states(report: Report) -> dict[str, str]:
    """The gravest state of the guest, by route."""
    return {route: guests[0].state for route, guests in report.guests.items()}


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
        "follows": [_finding(consequence) for consequence in finding.follows],
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
        follows = "".join(f"; {c.consequence().strip()}" for c in finding.follows)
        text = escape.github_data(f"{finding.message}; {finding.fix}{follows}")
        yield f"::{command} {options}::{text}"
    if rejected := [finding.code for finding in report.hidden if finding.effect == "rejected"]:
        yield f"::error title=rejected::rejected by {', '.join(dict.fromkeys(rejected))}, not shown"


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
        "properties": {"verdict": report.verdict, "guest": _guest_states(report)},
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
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": finding.severity,
        "message": {"text": escape.sarif_text(f"{finding.message}; {finding.fix}")},
        "properties": {"effect": finding.effect, "routes": list(finding.routes)},
    }
    if location := _location(finding):
        result["locations"] = [location]
    if finding.follows:
        result["relatedLocations"] = [
            {
                **_location(consequence),
                "message": {
                    "text": escape.sarif_text(
                        f"follows: {consequence.message} [{consequence.code}]"
                    )
                },
            }
            for consequence in finding.follows
        ]
    return result


def _location(finding: Finding) -> dict[str, Any]:
    """The location of a finding; empty if it has none."""
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
    return location


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "json": to_json,
    "sarif": to_sarif,
    "github": to_github,
}
