"""The list of rules: complete, unique, explained, documented."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import xenassign
from xenassign.errors import UsageError
from xenassign.findings import EFFECTS, ROUTES, SEVERITIES, Rule, rule
from xenassign.lint import catalogue
from xenassign.lint.examples import example
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


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.code)
def test_a_rule_is_complete(one: Rule) -> None:
    assert re.fullmatch(r"XA\d{3}", one.code)
    assert one.severity in SEVERITIES
    assert one.effect in EFFECTS
    assert one.routes
    assert set(one.routes) <= set(ROUTES)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.name)
    assert {one.since, one.until} <= {None, *RELEASES}
    for text in (one.title, one.why, one.fix, one.source):
        assert text
        assert text == " ".join(text.split())
    assert one.why.endswith(".")
    assert not one.title.endswith(".")
    assert not one.fix.endswith(".")
    assert not one.source.endswith(".")
    assert one.severity == "error" or one.effect != "rejected"


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.code)
def test_explain_has_the_whole_text(one: Rule) -> None:
    text = catalogue.describe(catalogue.find(one.code.lower()))
    joined = "".join(text.split())
    for part in (one.code, one.name, one.title, one.severity, one.effect, one.why, one.fix):
        assert part.replace(" ", "") in joined
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.code)
def test_explain_and_the_page_show_the_examples(one: Rule) -> None:
    shown = example(one.code)
    assert shown is not None
    text, page = catalogue.describe(one), catalogue.pages()[f"{one.code}.md"]
    for lines in shown.shown:
        assert textwrap.indent(lines.expandtabs(4), "    ") in text
        assert f"```{shown.language}\n" in page
        assert lines in page
    for said in (shown.note, shown.command):
        assert (said or "") in " ".join(text.replace(" \\\n", "\n").split())
        assert (said or "") in page


def test_explain_imports_one_module_of_examples() -> None:
    code = (
        "import sys; from xenassign.lint.catalogue import describe, find; describe(find('XA213'));"
        "print([m for m in sys.modules if m.startswith('xenassign.lint.examples.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = ast.literal_eval(done.stdout)
    assert {name.rpartition(".")[2] for name in modules} == {"bases", "addresses"}


def test_explain_breaks_no_name_over_two_lines() -> None:
    for one in RULES:
        joined = " ".join(catalogue.describe(one).split())
        assert one.why in joined
        assert one.fix in joined


def test_the_index_of_the_documentation_has_every_rule_once() -> None:
    text = catalogue.pages()["README.md"]
    assert re.findall(r"^\| \[(XA\d+)\]", text, re.MULTILINE) == [r.code for r in RULES]


def test_the_documentation_in_the_tree_is_up_to_date() -> None:
    folder = Path(xenassign.__file__).resolve().parents[1] / "docs" / "rules"
    assert {path.name: path.read_text() for path in folder.iterdir()} == catalogue.pages()


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="XA099: no such finding; did you mean XA"):
        catalogue.find("XA099")
    with pytest.raises(UsageError, match="`xenassign explain` lists them"):
        catalogue.find("zzz")


def test_a_code_is_given_once() -> None:
    text: dict[str, Any] = {"why": "x", "fix": "y", "source": "z"}
    with pytest.raises(ValueError, match="registered twice"):
        rule("XA101", "again", "x", severity="error", effect="broken", **text)
    with pytest.raises(ValueError, match="registered twice"):
        rule("XA999", RULES[0].name, "x", severity="error", effect="broken", **text)
    with pytest.raises(ValueError, match="no such severity"):
        rule("XA999", "new", "x", severity="fatal", effect="broken", **text)
