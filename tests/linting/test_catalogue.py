"""The list of rules: complete, unique, explained, documented."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import xenassign
from xenassign.errors import InputError, UsageError
from xenassign.findings import EFFECTS, ROUTES, SEVERITIES, Rule, every_release, rule
from xenassign.linting import catalogue
from xenassign.rule_pages import FOLDER, host_codes, page, parse
from xenassign.xen.releases import RELEASES

RULES = catalogue.rules()


def in_source() -> list[str]:
    """The codes of all rule(…) calls in the package."""
    found = []
    for path in sorted(Path(xenassign.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "rule"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.append(str(node.args[0].value))
    return found


def test_the_catalogue_lists_every_code_of_the_source_once() -> None:
    assert [r.code for r in RULES] == sorted(in_source())
    assert len({r.code for r in RULES}) == len(RULES)


def test_the_index_says_which_rules_require_the_host() -> None:
    assert host_codes() == tuple(r.code for r in RULES if r.needs_host)


def test_a_lint_without_host_imports_neither_plans_nor_the_board(tmp_path: Path) -> None:
    (tmp_path / "d.cfg").write_text('name = "d"\nmemory = 64\n')
    program = (
        "import sys; from xenassign.cli.group import cli;"
        "cli.main(['lint', 'd.cfg'], standalone_mode=False);"
        "print(*(name for name in sys.modules if name.startswith('xenassign.')))"
    )
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    *said, imported = done.stdout.splitlines()
    assert any(line.startswith("not run without --host: ") for line in said)
    assert "xenassign.linting.linter" in imported.split()
    modules = {name.removeprefix("xenassign.") for name in imported.split()}
    plans = ("planning.plan", "system.system", "outputs.generated", "request.request")
    hosts = ("xen.board", "xen.dom0", "xen.iommu", "host.device", "host.collected", "checks.scope")
    assert modules.isdisjoint((*plans, *hosts))


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert sorted(path.stem for path in FOLDER.glob("XA*.md")) == [r.code for r in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_a_rule_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"XA\d{3}", rule.code)
    assert rule.severity in SEVERITIES
    assert rule.effect in EFFECTS
    assert rule.routes
    assert set(rule.routes) <= set(ROUTES)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    for text in (rule.title, rule.why, rule.fix, rule.source):
        assert text
        assert text == " ".join(text.split())
    assert rule.why.endswith(".")
    assert not rule.title.endswith(".")
    assert not rule.fix.endswith(".")
    assert not rule.source.endswith(".")
    assert rule.severity == "error" or rule.effect != "rejected"


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_the_page_says_what_the_rule_is(rule: Rule) -> None:
    assert (rule.page.code, rule.page.name) == (rule.code, rule.name)
    assert rule.page.applicability == catalogue.applicability(rule)


def test_the_releases_of_a_rule_follow_each_other() -> None:
    """So that a range names them; what is true of all or of no release is no condition."""
    for each in RULES:
        text = "".join("X" if each.applies(xen) else "-" for xen in RELEASES.values())
        if "X" not in text:
            assert catalogue.affected_releases(each).startswith("Xen of "), each.code
            continue
        assert re.fullmatch("-*X+-*", text), each.code
        assert (each.applies is every_release) == (text == "X" * len(RELEASES)), each.code


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_explain_has_the_whole_text(rule: Rule) -> None:
    text = catalogue.describe(catalogue.find(rule.code.lower()))
    joined = "".join(text.split())
    for part in (
        *(rule.code, rule.name, rule.title, rule.severity, rule.effect, rule.why, rule.fix),
        *(rule.page.note, rule.source),
    ):
        assert part.replace(" ", "") in joined
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_explain_shows_the_examples(rule: Rule) -> None:
    text, example = catalogue.describe(rule), rule.page.example
    for lines in (example.wrong, example.right):
        for line in textwrap.indent(lines.expandtabs(4), "    ").splitlines():
            assert line in text.splitlines() or line[:84] + " …" in text.splitlines()
    assert (example.command or "") in " ".join(text.replace(" \\\n", "\n").split())


def test_a_page_is_read_when_it_is_printed() -> None:
    code = (
        "from xenassign.linting.catalogue import describe, find, rules; rules();"
        "from xenassign.rule_pages import page; print(page.cache_info().misses);"
        "describe(find('XA213')); print(page.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


PAGE = (FOLDER / "XA213.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("# XA213 (", "# XA213", 1),
        ("*error, ", "error, ", 2),
        ("\nFix: ", "\nTo do: ", PAGE.count("\n", 0, PAGE.index("\nFix: ")) + 1),
        ("\nSource: ", "\n", PAGE.count("\n", 0, PAGE.index("\nSource: ")) + 1),
        ("Right:", "Right", PAGE.count("\n", 0, PAGE.index("\nRight:")) + 1),
    ],
)
def test_a_page_that_is_malformed_is_an_error_with_its_line(old: str, new: str, line: int) -> None:
    assert old in PAGE
    with pytest.raises(InputError, match=rf"^XA213.md:{line}: malformed page; expected "):
        parse(PAGE.replace(old, new), "XA213.md")


def test_a_rule_without_a_page_is_an_error() -> None:
    with pytest.raises(InputError, match=r"XA000.md: .*; every rule requires a page"):
        page("XA000")


def test_explain_breaks_no_name_over_two_lines() -> None:
    for each in RULES:
        joined = " ".join(catalogue.describe(each).split())
        assert each.why in joined
        assert each.fix in joined


def test_the_index_has_every_rule_once() -> None:
    text = (FOLDER / "README.md").read_text()
    assert re.findall(r"^\| \[(XA\d+)\]", text, re.MULTILINE) == [r.code for r in RULES]


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="XA099: no such finding; did you mean XA"):
        catalogue.find("XA099")
    with pytest.raises(UsageError, match="`xenassign explain` lists them"):
        catalogue.find("zzz")


def test_a_code_is_given_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        rule("XA101", "again", "error", "broken")
    with pytest.raises(ValueError, match="registered twice"):
        rule("XA999", RULES[0].name, "error", "broken")
    with pytest.raises(ValueError, match="no such severity"):
        rule("XA999", "new", "fatal", "broken")
