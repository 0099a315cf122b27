"""The list of rules: complete, unique, explained, documented."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import xenassign
from xenassign.errors import UsageError
from xenassign.findings import EFFECTS, ROUTES, SEVERITIES, Rule, rule
from xenassign.lint import catalogue

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
    assert re.fullmatch(r"XA[1-9]\d\d", one.code)
    assert one.severity in SEVERITIES
    assert one.effect in EFFECTS
    assert one.routes
    assert set(one.routes) <= set(ROUTES)
    for text in (one.title, one.why, one.fix):
        assert text
        assert text == " ".join(text.split())
    assert not one.title.endswith(".")
    assert not one.fix.endswith(".")
    assert one.severity == "error" or one.effect != "rejected"


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.code)
def test_explain_has_the_whole_text(one: Rule) -> None:
    text = catalogue.describe(catalogue.find(one.code.lower()))
    joined = "".join(text.split())
    for part in (one.code, one.title, one.severity, one.effect, one.why, one.fix):
        assert part.replace(" ", "") in joined
    assert max(map(len, text.splitlines())) <= 100


def test_explain_breaks_no_name_over_two_lines() -> None:
    for one in RULES:
        joined = " ".join(catalogue.describe(one).split())
        assert one.why in joined
        assert one.fix in joined


def test_the_documentation_has_every_rule_once() -> None:
    text = catalogue.markdown()
    assert re.findall(r"^## (XA\d+):", text, re.MULTILINE) == [r.code for r in RULES]


def test_the_documentation_in_the_tree_is_up_to_date() -> None:
    path = Path(xenassign.__file__).resolve().parents[1] / "docs" / "findings.md"
    assert path.read_text() == catalogue.markdown()


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="XA999: no such finding; did you mean XA"):
        catalogue.find("XA999")
    with pytest.raises(UsageError, match="`xenassign explain` lists them"):
        catalogue.find("zzz")


def test_a_code_is_given_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        rule("XA101", "again", severity="error", effect="broken", why="x", fix="y")
    with pytest.raises(ValueError, match="no such severity"):
        rule("XA999", "new", severity="fatal", effect="broken", why="x", fix="y")
