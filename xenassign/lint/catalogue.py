"""The list of rules, from the modules that they stand in; text for ``explain`` and the docs."""

from __future__ import annotations

import difflib
import importlib
import textwrap

from xenassign.errors import UsageError
from xenassign.findings import Rule, registered

_MODULES = (
    "xenassign.assign.addresses",
    "xenassign.assign.checks",
    "xenassign.assign.decide",
    "xenassign.assign.protection",
    "xenassign.assign.suppliers",
    "xenassign.lint.domcfg",
    "xenassign.lint.partial",
)


def rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    for module in _MODULES:
        importlib.import_module(module)
    return registered()


def find(code: str) -> Rule:
    """The rule of a code, in any case. Raises UsageError with the nearest codes."""
    every = {rule.code: rule for rule in rules()}
    rule = every.get(code.upper())
    if rule is None:
        near = ", ".join(difflib.get_close_matches(code.upper(), every, n=3, cutoff=0.4))
        hint = f"did you mean {near}?" if near else "`xenassign explain` lists them"
        raise UsageError(f"{code}: no such finding; {hint}")
    return rule


def describe(rule: Rule) -> str:
    """A rule's text for a terminal."""
    paragraphs = [
        f"{rule.code}: {rule.title}",
        f"{rule.severity}, {rule.effect}, on {' and '.join(rule.routes)}",
        "",
        _filled(f"What Xen does: {rule.why}"),
        "",
        _filled(f"To mend it: {rule.fix}."),
    ]
    return "\n".join(paragraphs)


def _filled(text: str) -> str:
    return textwrap.fill(text, 90, break_on_hyphens=False, break_long_words=False)


def markdown() -> str:
    """docs/findings.md."""
    lines = [
        "# Findings",
        "",
        "<!-- Written by `python -m xenassign.lint.catalogue`; a test compares the two. -->",
        "",
        "Every finding has a stable code. `xenassign explain CODE` prints the same text.",
        "",
    ]
    for rule in rules():
        lines += [
            f"## {rule.code}: {rule.title}",
            "",
            f"*{rule.severity}, {rule.effect}, on {' and '.join(rule.routes)}*",
            "",
            rule.why,
            "",
            f"To mend it: {rule.fix}.",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(), end="")
