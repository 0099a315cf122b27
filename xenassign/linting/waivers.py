"""Waivers: comments that accept a finding, each with its reason.

    /* xenassign: allow XA403: the domain is direct-map */      in a partial device tree
    # xenassign: allow XA601: a key of our own tool             in an xl configuration

A waiver applies to the statement before it on the same line, else to the next one: a property, a
node with all that is in it, an assignment. One without a reason is an error and has no effect; one
that applies to no finding is reported, so that it is removed when the finding is fixed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from xenassign.devicetree.places import Place
from xenassign.findings import Finding, rule
from xenassign.linting.documents import ConfigFile, Document

NO_REASON = rule("XA901", "waiver-without-reason", "error", "style")
UNUSED = rule("XA902", "waiver-unused", "warning", "style")

_START = re.compile(r"xenassign:\s*allow\b")
_WAIVER = re.compile(
    r"xenassign:\s*allow\s+(XA\d{3}(?:[\s,]+XA\d{3})*)\s*(?::\s*(\S.*))?", re.DOTALL
)


class Statement(NamedTuple):
    """A property or node (``prop`` None) of a device tree, or an assignment (``node`` None)."""

    place: Place
    node: str | None = None
    prop: str | None = None

    def subjects(self) -> Iterator[_Subject]:
        """What a finding has to be about so that a waiver of the statement applies to it."""
        if self.node is None:
            yield from range(self.place.line, self.place.end_line + 1)
        else:
            yield self.node, self.prop


#: A line of a configuration, a property of a node, or a node and what is below it (None).
_Subject = int | tuple[str, str | None]


class Waiver(NamedTuple):
    """A waiver: its codes, its reason, the place of the comment, and its statement."""

    codes: tuple[str, ...]
    reason: str
    place: Place
    statement: Statement | None


def apply(
    findings: Sequence[Finding], documents: Sequence[Document]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...]]:
    """(findings that remain, with those about waivers; waived findings with their reasons)."""
    of_waivers: list[Finding] = []
    waived: dict[int, str] = {}  # index of the finding to the reason
    by_file: dict[str | None, list[int]] = {}
    for index, finding in enumerate(findings):
        by_file.setdefault(finding.file, []).append(index)
    for document in documents:
        waivers = list(_waivers(document))
        covered = _covered(waivers, [(n, findings[n]) for n in by_file.get(document.file, ())])
        for number, waiver in enumerate(waivers):
            codes = ", ".join(waiver.codes) or "anything"
            own = None
            if not waiver.reason:
                own = NO_REASON(f"no reason to allow {codes}", place=waiver.place)
            elif number not in covered:
                own = UNUSED(f"no finding here is {codes}", place=waiver.place)
            if own is not None:
                of_waivers.append(own._replace(file=document.file))
            waived.update(dict.fromkeys(covered.get(number, ()), waiver.reason))
    kept = [finding for index, finding in enumerate(findings) if index not in waived]
    reasons = tuple((findings[index], reason) for index, reason in waived.items())
    return (*kept, *of_waivers), reasons


def _covered(
    waivers: Sequence[Waiver], findings: Sequence[tuple[int, Finding]]
) -> dict[int, list[int]]:
    """Waivers (indexes) to the numbers of the findings that they apply to.

    A finding is that of the first waiver that applies; one without a reason applies to nothing.
    """
    first: dict[tuple[_Subject, str], int] = {}
    done: set[tuple[Statement, str]] = set()
    for index, waiver in enumerate(waivers):
        if waiver.statement is None or not waiver.reason:
            continue
        for code in waiver.codes:
            if (waiver.statement, code) not in done:
                done.add((waiver.statement, code))
                for subject in waiver.statement.subjects():
                    first.setdefault((subject, code), index)
    covered: dict[int, list[int]] = {}
    for number, finding in findings if first else ():
        keys = ((subject, finding.code) for subject in _subjects(finding))
        applying = [first[key] for key in keys if key in first]
        if applying:
            covered.setdefault(min(applying), []).append(number)
    return covered


def _subjects(finding: Finding) -> Iterator[_Subject]:
    """The line of a finding; its property, its node and the nodes above it except the root."""
    if finding.place is not None:
        yield finding.place.line
    node = finding.node
    if node is not None:
        yield node, finding.prop
        yield node, None
        while (node := node.rpartition("/")[0]) != "":
            yield node, None


def _waivers(document: Document) -> Iterator[Waiver]:
    comments = [(place, text) for place, text in _comments(document) if _START.search(text)]
    statements = _Statements(_statements(document) if comments else ())
    for place, text in comments:
        match = _WAIVER.search(text)
        codes = tuple(re.findall(r"XA\d{3}", match[1])) if match else ()
        reason = (match[2] or "").removesuffix("*/").strip() if match else ""
        yield Waiver(codes, reason, place, statements.of(place))


class _Statements:
    """The statements of a document by file, in order, and the last line that is reached so far."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._by_file: dict[str, list[Statement]] = {}
        for statement in sorted(statements, key=lambda statement: statement.place):
            self._by_file.setdefault(statement.place.file, []).append(statement)
        self._reached = {
            file: list(accumulate((s.place.end_line for s in in_file), max))
            for file, in_file in self._by_file.items()
        }

    def of(self, comment: Place) -> Statement | None:
        """The statement that begins before the comment and reaches to its line, else the next one.

        The place of a node is that of its name, so a node has priority over the property after its
        brace.
        """
        in_file = self._by_file.get(comment.file, [])
        index = bisect_left(self._reached.get(comment.file, []), comment.line)
        if index < len(in_file):
            place = in_file[index].place
            if (place.line, place.column) < (comment.line, comment.column):
                return in_file[index]
        end = comment.end_line, comment.end_column
        index = bisect_left(in_file, end, key=lambda s: (s.place.line, s.place.column))
        return in_file[index] if index < len(in_file) else None


def _comments(document: Document) -> Iterator[tuple[Place, str]]:
    if isinstance(document, ConfigFile):
        for comment in document.comments:
            yield document.place(comment), comment.text
    else:
        for layer in document.sources:
            yield from ((comment.place, comment.text) for comment in layer.source.comments)


def _statements(document: Document) -> Iterator[Statement]:
    if isinstance(document, ConfigFile):
        yield from (Statement(document.place(statement)) for statement in document.statements)
    else:
        for layer in document.sources:
            for path, node in layer.nodes():
                yield from (Statement(place, path) for place in node.opened)
                for name, prop in node.properties.items():
                    yield Statement(prop.statement, path, name)
