"""A report for other tools: a line a finding, and what GitHub, GitLab and JUnit's readers take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from xenassign import escape
from xenassign.findings import Finding, Rule
from xenassign.linting.lint_report import Report


def to_concise(report: Report) -> str:
    """``FILE:LINE:COLUMN: CODE severity: message``; ``[*]`` after CODE: --fix corrects it."""
    from xenassign.linting.fixes import fixable

    fixes = fixable(report.documents, report.findings, report.unsafe_fixes)
    lines = [
        f"{_location(f)}: {f.code} {'[*] ' if f in fixes else ''}{f.severity}: {_named(f)}"
        for f in report.findings
    ]
    lines += [f"xenassign: {text}" for text in _hidden(report)]
    return "".join(f"{escape.terminal(line)}\n" for line in lines)


def to_gcc(report: Report) -> str:
    """Lines as a compiler prints them. What has no place is in the file's first character."""
    lines = [
        f"{_location(f, '1:1')}: {f.severity}: {_named(f)}; {f.fix} [{f.code}]"
        for f in report.findings
    ]
    lines += [f"xenassign:1:1: error: {text}" for text in _hidden(report)]
    return "".join(f"{escape.terminal(line)}\n" for line in lines)


def _hidden(report: Report) -> Iterator[str]:
    """That Xen refuses the domain for something that is not shown."""
    if rejected := [finding.code for finding in report.hidden if finding.effect == "rejected"]:
        yield f"rejected by {', '.join(dict.fromkeys(rejected))}, not shown"


def _location(finding: Finding, nowhere: str = "") -> str:
    at = finding.place
    if at is not None:
        return f"{at.file}:{at.line}:{at.column}"
    return ":".join(filter(None, (finding.file or "xenassign", nowhere)))


def _named(finding: Finding) -> str:
    """The message with its node."""
    named = finding.node and finding.node not in finding.message
    return f"{finding.node}: {finding.message}" if named else finding.message


_GITLAB = {"error": "major", "warning": "minor", "note": "info"}


def to_gitlab(report: Report) -> str:
    """GitLab's report of code quality: a list of issues, each with a fingerprint of its own."""
    import hashlib

    issues: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for finding in report.findings:
        at = finding.place
        file = at.file if at else finding.file or ""
        facts = "\0".join(
            (file, finding.code, finding.node or "", finding.prop or "", finding.message)
        )
        number = seen[facts] = seen.get(facts, 0) + 1
        fingerprint = hashlib.sha256(f"{facts}\0{number}".encode(errors="replace")).hexdigest()
        issues.append(
            {
                "description": f"{_named(finding)}; {finding.fix}",
                "check_name": finding.code,
                "fingerprint": fingerprint,
                "severity": "critical" if finding.effect == "unsafe" else _GITLAB[finding.severity],
                "location": {"path": file, "lines": {"begin": at.line if at else 1}},
            }
        )
    return escape.json_document(issues, only_ascii=True)


def to_junit(report: Report) -> str:
    """JUnit's XML: a test case a finding, of which errors fail, and one a file without findings."""
    files = dict.fromkeys(document.file for document in report.documents)
    by_file: dict[str, list[Finding]] = {file: [] for file in files}
    for finding in report.findings:
        file = finding.place.file if finding.place else finding.file or ""
        by_file.setdefault(file, []).append(finding)
    suites = "".join(_suite(file, findings) for file, findings in by_file.items())
    head = '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="xenassign">'
    return f"{head}\n{suites}</testsuites>\n"


def _suite(file: str, findings: Sequence[Finding]) -> str:
    failures = sum(finding.severity == "error" for finding in findings)
    name = escape.xml(file)
    head = f'<testsuite name="{name}" tests="{len(findings) or 1}" failures="{failures}">'
    cases = "".join(_case(name, finding) for finding in findings)
    cases = cases or f'    <testcase classname="{name}" name="xenassign lint"/>\n'
    return f"  {head}\n{cases}  </testsuite>\n"


def _case(file: str, finding: Finding) -> str:
    at = finding.place
    place = f"{at.line}:{at.column}: " if at else ""
    message = escape.xml(f"{place}{_named(finding)}; {finding.fix}")
    title = escape.xml(f"{finding.code} {finding.rule.name} {place}".strip(": "))
    result = f"<system-out>{finding.severity}: {message}</system-out>"
    if finding.severity == "error":
        result = f'<failure type="{finding.code}" message="{message}"/>'
    return f'    <testcase classname="{file}" name="{title}">{result}</testcase>\n'


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
    yield from (f"::error title=rejected::{text}" for text in _hidden(report))


def _title(rule: Rule) -> str:
    return f"{rule.code} {rule.name}"
