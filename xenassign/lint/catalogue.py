"""The list of rules, from the modules that they stand in; text for ``explain`` and the docs."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from xenassign.errors import UsageError, nearest
from xenassign.findings import Rule, registered
from xenassign.lint.examples import Example, example
from xenassign.render.pages import write_pages

_MODULES = (
    "xenassign.assign.addresses",
    "xenassign.assign.attach",
    "xenassign.assign.attached",
    "xenassign.assign.checks",
    "xenassign.assign.clocks",
    "xenassign.assign.conflicts",
    "xenassign.assign.containment",
    "xenassign.assign.decide",
    "xenassign.assign.direct_map",
    "xenassign.assign.dma_reach",
    "xenassign.assign.host_keeps",
    "xenassign.assign.live",
    "xenassign.assign.lock",
    "xenassign.assign.imagebuilder",
    "xenassign.assign.losses",
    "xenassign.assign.memory",
    "xenassign.assign.memory_type",
    "xenassign.assign.msi",
    "xenassign.assign.protection",
    "xenassign.assign.regulators",
    "xenassign.assign.sci",
    "xenassign.assign.suppliers",
    "xenassign.render.hosts",
    "xenassign.lint.cross",
    "xenassign.lint.domain_node",
    "xenassign.lint.domcfg",
    "xenassign.lint.firmware",
    "xenassign.lint.interrupts",
    "xenassign.lint.overlays",
    "xenassign.lint.pages",
    "xenassign.lint.phandles",
    "xenassign.lint.protection",
    "xenassign.lint.tree_form",
    "xenassign.lint.waivers",
    "xenassign.lint.written",
)


def rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    for module in _MODULES:
        importlib.import_module(module)
    return registered()


def find(code: str) -> Rule:
    """The rule of a code or name, in any case. Raises UsageError with the nearest codes."""
    every = {rule.code: rule for rule in rules()}
    rule = every.get(code.upper()) or next((r for r in rules() if r.name == code.lower()), None)
    if rule is None:
        hint = nearest(code.upper(), every)
        raise UsageError(f"{code}: no such finding; {hint or '`xenassign explain` lists them'}")
    return rule


def describe(rule: Rule) -> str:
    """A rule's text for a terminal."""
    paragraphs = [
        _filled(f"{rule.code} ({rule.name}): {rule.title}"),
        _applies(rule),
        "",
        _filled(f"What Xen does: {rule.why}"),
        "",
        *_shown(example(rule.code)),
        _filled(f"To mend it: {rule.fix}."),
        "",
        _filled(f"Source: {rule.source}"),
    ]
    return "\n".join(paragraphs)


def _shown(one: Example | None) -> Iterator[str]:
    """The two examples for a terminal, indented, with what finds the mistake."""
    if one is None:
        return
    for label, text in zip(_labels(one), one.shown, strict=True):
        yield f"{label}:"
        yield textwrap.indent(text.expandtabs(4), "    ")
        yield ""
    if one.note:
        yield from (_filled(one.note), "")
    if one.command is not None:
        found = textwrap.wrap(one.command, 94, break_on_hyphens=False, break_long_words=False)
        yield from ("Found by:", "    " + " \\\n      ".join(found), "")


def _labels(one: Example) -> tuple[str, str]:
    """What the wrong and the right example are. A board is as it is, and no mistake of the user."""
    if one.base == "board":
        return "On a board with", "Not on one with"
    return "Wrong", "Right"


def _fenced(one: Example | None) -> Iterator[str]:
    """The two examples for markdown."""
    if one is None:
        return
    for label, text in zip(_labels(one), one.shown, strict=True):
        prompt = "$ " if one.language == "console" else ""
        yield from (f"{label}:", "", f"```{one.language}", prompt + text, "```", "")
    if one.note:
        yield from (one.note, "")
    if one.command is not None:
        yield from (f"Found by `{one.command}`.", "")


def _applies(rule: Rule) -> str:
    """Severity, effect, routes and releases on one line."""
    parts = [rule.severity, rule.effect, f"on {' and '.join(rule.routes)}"]
    if rule.since or rule.until:
        parts.append(_releases(rule))
    if rule.needs_host:
        parts.append("needs the host's tree")
    return ", ".join(parts)


def _releases(rule: Rule) -> str:
    if rule.since and rule.until:
        return f"Xen {rule.since} to {rule.until}"
    return f"Xen {rule.since} and newer" if rule.since else f"Xen {rule.until} and older"


def _filled(text: str) -> str:
    return textwrap.fill(text, 90, break_on_hyphens=False, break_long_words=False)


_WRITTEN = "<!-- Written by `python -m xenassign.lint.catalogue DIR`; a test compares the two. -->"
_FAMILIES = {
    "0": "The domains of one system",
    "1": "The device, the blob and its form",
    "2": "Registers, pages and the guest's address space",
    "3": "Interrupts",
    "4": "IOMMU, DMA and who owns the device",
    "5": "Phandles and suppliers",
    "6": "dom.cfg",
    "7": "The domain's node in /chosen",
    "8": "What Xen and the guest read of the partial device tree",
    "9": "The lint itself",
}


def pages() -> dict[str, str]:
    """docs/rules/: file name to text, a page for each rule and an index."""
    found = {f"{rule.code}.md": _page(rule) for rule in rules()}
    lines = ["# Rules", "", _WRITTEN, ""]
    lines += ["Every finding has a stable code. `xenassign explain CODE` prints the same text."]
    lines += ["The examples are tests; their boards are those of fixtures/host_dtbs.", ""]
    family = ""
    for rule in rules():
        if rule.code[2] != family:
            family = rule.code[2]
            lines += [*([""] if lines[-1] else []), f"## {_FAMILIES[family]}", ""]
            lines += ["| code | name | what | severity | effect |", "|---|---|---|---|---|"]
        link = f"[{rule.code}]({rule.code}.md)"
        lines.append(f"| {link} | {rule.name} | {rule.title} | {rule.severity} | {rule.effect} |")
    found["README.md"] = "\n".join(lines) + "\n"
    return found


def _page(rule: Rule) -> str:
    lines = [
        f"# {rule.code} ({rule.name}): {rule.title}",
        "",
        _WRITTEN,
        "",
        f"*{_applies(rule)}*",
        "",
        rule.why,
        "",
        *_fenced(example(rule.code)),
        f"To mend it: {rule.fix}.",
        "",
        f"Source: {rule.source}.",
    ]
    return "\n".join(lines) + "\n"


def write(directory: Path) -> None:
    """Writes the pages, and takes away those of rules that are no more."""
    write_pages(directory, pages())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
