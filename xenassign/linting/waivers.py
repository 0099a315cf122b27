"""Waivers: comments that accept a finding, each with its reason.

    /* xenassign: allow XA403: the domain is direct-map */      in a partial device tree
    # xenassign: allow XA601: a key of our own tool             in an xl configuration

A waiver applies to the statement before it on the same line, else to the next one: a property, a
node with all that is in it, an assignment. One without a reason is an error and has no effect; one
that applies to no finding is reported, so that it is removed when the finding is fixed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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

    def has(self, finding: Finding) -> bool:
        """Whether a finding is about the statement or, of a node, about something in it."""
        if self.node is None:
            at = finding.place
            return at is not None and self.place.line <= at.line <= self.place.end_line
        if self.prop is not None:
            return (finding.node, finding.prop) == (self.node, self.prop)
        return finding.node == self.node or (finding.node or "").startswith(self.node + "/")


class Waiver(NamedTuple):
    """A waiver: its codes, its reason, the place of the comment, and its statement."""

    codes: tuple[str, ...]
    reason: str
    place: Place
    statement: Statement | None

    def covers(self, finding: Finding) -> bool:
        """Whether the waiver applies to a finding."""
        statement = self.statement
        return finding.code in self.codes and statement is not None and statement.has(finding)


def apply(
    findings: Sequence[Finding], documents: Sequence[Document]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...]]:
    """(findings that remain, with those about waivers; waived findings with their reasons)."""
    kept = list(findings)
    waived: list[tuple[Finding, str]] = []
    for document in documents:
        of_waivers: list[Finding] = []
        for waiver in _waivers(document):
            in_file = [finding for finding in kept if finding.file == document.file]
            covered = [finding for finding in in_file if waiver.covers(finding)]
            codes = ", ".join(waiver.codes) or "anything"
            if not waiver.reason:
                of_waivers.append(NO_REASON(f"no reason to allow {codes}", place=waiver.place))
            elif not covered:
                of_waivers.append(UNUSED(f"no finding here is {codes}", place=waiver.place))
            else:
                waived += [(finding, waiver.reason) for finding in covered]
                kept = [finding for finding in kept if finding not in covered]
        kept += [finding._replace(file=document.file) for finding in of_waivers]
    return tuple(kept), tuple(waived)


def _waivers(document: Document) -> Iterator[Waiver]:
    statements = sorted(_statements(document), key=lambda statement: statement.place)
    for place, text in _comments(document):
        if not _START.search(text):
            continue
        match = _WAIVER.search(text)
        codes = tuple(re.findall(r"XA\d{3}", match[1])) if match else ()
        reason = (match[2] or "").removesuffix("*/").strip() if match else ""
        yield Waiver(codes, reason, place, _statement_of(place, statements))


def _statement_of(comment: Place, statements: Sequence[Statement]) -> Statement | None:
    """The statement that begins before the comment and reaches to its line, else the next one.

    The place of a node is that of its name, so a node has priority over the property after its
    brace.
    """
    in_file = [statement for statement in statements if statement.place.file == comment.file]
    for statement in in_file:
        place = statement.place
        begins = (place.line, place.column) < (comment.line, comment.column)
        if begins and comment.line <= place.end_line:
            return statement
    return next((s for s in in_file if s.place.line > comment.end_line), None)


def _comments(document: Document) -> Iterator[tuple[Place, str]]:
    if isinstance(document, ConfigFile):
        for comment in document.comments:
            yield document.place(comment), comment.text
    elif document.source is not None:
        yield from ((comment.place, comment.text) for comment in document.source.comments)


def _statements(document: Document) -> Iterator[Statement]:
    if isinstance(document, ConfigFile):
        yield from (Statement(document.place(statement)) for statement in document.statements)
    elif document.source is not None:
        for path, node in document.source.nodes.items():
            yield from (Statement(place, path) for place in node.opened)
            for name, prop in node.properties.items():
                yield Statement(prop.statement, path, name)
