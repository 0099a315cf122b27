"""A report as JSON, and as SARIF for code scanning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from xenassign import __version__, escape
from xenassign.devicetree.places import Place
from xenassign.findings import Finding, Rule, flat
from xenassign.linting.lint_report import Report
from xenassign.linting.verdict.predict import rejecting

SCHEMA = "xenassign/lint/1"
#: Xen's own description of what is checked.
_INFORMATION = "https://xenbits.xen.org/docs/unstable/misc/arm/passthrough.txt"
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


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
            "not_run": [*report.not_run],
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


def to_sarif(report: Report) -> str:
    """SARIF 2.1.0, for code scanning: the results, and the rules that they are of."""
    from xenassign.linting.fixes import fixable

    waived = [finding for finding, _ in report.waived]
    by_code = {finding.code: finding.rule for finding in (*report.findings, *waived)}
    rules = [by_code[code] for code in sorted(by_code)]
    index = {rule.code: number for number, rule in enumerate(rules)}
    fixes = fixable(report.documents, report.findings, report.unsafe_fixes)
    results = [
        {**_result(finding, index), **_fixes(finding, fixes.get(finding, ()))}
        for finding in report.findings
    ]
    for finding, reason in report.waived:
        suppression = {"kind": "inSource", "justification": escape.sarif_text(reason)}
        results.append({**_result(finding, index), "suppressions": [suppression]})
    driver = {
        "name": "xenassign",
        "informationUri": _INFORMATION,
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


def _fixes(finding: Finding, edits: Sequence[tuple[Place, str]]) -> dict[str, Any]:
    """The change that --fix makes; empty without one."""
    if not edits:
        return {}
    replacements = [
        {"deletedRegion": _region(place), "insertedContent": {"text": escape.sarif_text(text)}}
        for place, text in edits
    ]
    file = {"uri": escape.file_uri(edits[0][0].file)}
    change = {"artifactLocation": file, "replacements": replacements}
    fix = {"description": {"text": escape.sarif_text(finding.fix)}, "artifactChanges": [change]}
    return {"fixes": [fix]}


def _region(place: Place) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _location(finding: Finding) -> dict[str, Any]:
    """The location of a finding; empty if it has none."""
    location: dict[str, Any] = {}
    at = finding.place
    file = at.file if at else finding.file
    if file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": escape.file_uri(file)}}
        if at is not None:
            physical["region"] = _region(at)
        location["physicalLocation"] = physical
    if finding.node is not None:
        name = f"{finding.node}:{finding.prop}" if finding.prop else finding.node
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    return location
