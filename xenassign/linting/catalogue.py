"""The list of rules; their text for ``explain``, and the index of docs/rules."""

from __future__ import annotations

import importlib
import pkgutil
import textwrap
from collections.abc import Iterator
from functools import cache

from xenassign.errors import UsageError
from xenassign.findings import Rule, every_release, registered
from xenassign.rule_pages import HOST_REQUIRED, Example
from xenassign.spelling import did_you_mean
from xenassign.xen.releases import FLAVOURS, RELEASES, release

#: The packages whose modules register rules.
_PACKAGES = (
    "xenassign.checks",
    "xenassign.planning",
    "xenassign.system",
    "xenassign.linting",
    "xenassign.outputs",
)

_WIDEST = 96  # columns of an example on a terminal; longer lines are cut after 80


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by code."""
    for package in _PACKAGES:
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            importlib.import_module(module.name)
    return registered()


def rule_list() -> Iterator[str]:
    """A line for each rule: code, name, severity, effect, title."""
    width = max(len(rule.name) for rule in rules())
    for rule in rules():
        yield f"{rule.code}  {rule.name:{width}}  {rule.severity:7}  {rule.effect:11}  {rule.title}"


def find(code: str) -> Rule:
    """The rule of a code or name, in any case. Raises UsageError with the nearest codes."""
    every = {rule.code: rule for rule in rules()}
    names = {rule.name: rule for rule in rules()}
    rule = every.get(code.upper()) or names.get(code.lower())
    if rule is None:
        hint = did_you_mean(code.upper(), every) or did_you_mean(code.lower(), names)
        raise UsageError(f"{code}: no such finding; {hint or '`xenassign explain` lists them'}")
    return rule


def describe(rule: Rule) -> str:
    """A rule's text for a terminal. Raises InputError if its page is missing or malformed."""
    page = rule.page
    paragraphs = [
        _filled(f"{rule.code} ({rule.name}): {page.title}"),
        applicability(rule),
        "",
        _filled(f"What Xen does: {page.why}"),
        "",
        *_shown(page.example),
        *([_filled(page.note), ""] if page.note else []),
        *_finder(page.example),
        _filled(f"Fix: {page.fix}."),
        "",
        _filled(f"Source: {page.source}"),
    ]
    return "\n".join(paragraphs)


def _shown(example: Example) -> Iterator[str]:
    """The wrong and the right lines, indented."""
    labels = ("Wrong", "Right")
    if example.base == "board/board.dts":  # the board is given, not a mistake of the user
        labels = ("On a board with", "Not on one with")
    for label, text in zip(labels, (example.wrong, example.right), strict=True):
        lines = (f"{x[:80]} …" if len(x) > _WIDEST else x for x in text.split("\n"))
        yield f"{label}:"
        yield textwrap.indent("\n".join(lines).expandtabs(4), "    ")
        yield ""


def _finder(example: Example) -> Iterator[str]:
    """The command line that reports the mistake."""
    if example.command is not None:
        words = textwrap.wrap(example.command, 94, break_on_hyphens=False, break_long_words=False)
        yield from ("Found by:", "    " + " \\\n      ".join(words), "")


def applicability(rule: Rule) -> str:
    """Severity, effect, routes and releases on one line."""
    parts = [rule.severity, rule.effect, f"on {' and '.join(rule.routes)}"]
    if rule.applies is not every_release:
        parts.append(affected_releases(rule))
    if rule.needs_host:
        parts.append("needs the host's tree")
    return ", ".join(parts)


def affected_releases(rule: Rule) -> str:
    """The releases that a rule applies to, which follow each other, as a range; or the vendors."""
    versions = list(RELEASES)
    affected = [version for version in versions if rule.applies(RELEASES[version])]
    if not affected:
        vendors = (flavour.vendor for name, flavour in FLAVOURS.items() if _of(rule, name))
        return f"Xen of {' and '.join(vendors)}"
    first, last = affected[0], affected[-1]
    if last == versions[-1]:
        return f"Xen {first} and newer"
    return f"Xen {last} and older" if first == versions[0] else f"Xen {first} to {last}"


def _of(rule: Rule, flavour: str) -> bool:
    return any(rule.applies(release(v, flavour)) for v in FLAVOURS[flavour].releases)


def _filled(text: str) -> str:
    return textwrap.fill(text, 90, break_on_hyphens=False, break_long_words=False)


_WRITTEN = "<!-- Written by `python -m xenassign.dev regenerate`; a test compares the two. -->"
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


def index() -> str:
    """docs/rules/README.md: the list of the pages."""
    lines = ["# Rules", "", _WRITTEN, ""]
    lines += ["Every finding has a stable code. `xenassign explain CODE` prints the same text."]
    lines += ["The examples are tests; their boards are those of fixtures/host_dtbs.", ""]
    family = ""
    for rule in rules():
        if rule.code[2] != family:
            family = rule.code[2]
            lines += [*([""] if lines[-1] else []), f"## {_FAMILIES[family]}", ""]
            lines += ["| code | name | title | severity | effect | requires |"]
            lines += ["|---|---|---|---|---|---|"]
        link = f"[{rule.code}]({rule.code}.md)"
        required = HOST_REQUIRED if rule.needs_host else ""
        cells = (link, f"`{rule.name}`", rule.title, rule.severity, rule.effect, required)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
