"""Waivers: comments that take a finding away, each with its reason.

    /* xenassign: allow XA403: the domain is direct-map */      in a partial device tree
    # xenassign: allow XA601: a key of our own tool             in an xl configuration

A waiver counts for the statement that it stands behind on the same line, else for the next one: a
property, a node with all that is in it, an assignment. Without a reason it does not count, and
one that takes nothing away is told, so that none outlives what it was for.
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

_BEGINNING = re.compile(r"xenassign:\s*allow\b")
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
    """The codes that a comment allows, why, and the statement that it is about."""

    codes: tuple[str, ...]
    reason: str
    at: Place
    statement: Statement | None

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one that the comment is about."""
        about = self.statement
        return finding.code in self.codes and about is not None and about.has(finding)


def apply(
    findings: Sequence[Finding], documents: Sequence[Document]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...]]:
    """(findings that stay, with those about waivers; findings that were waived, and why)."""
    kept = list(findings)
    waived: list[tuple[Finding, str]] = []
    for document in documents:
        told: list[Finding] = []
        for waiver in _waivers(document):
            mine = [finding for finding in kept if finding.file == document.file]
            taken = [finding for finding in mine if waiver.covers(finding)]
            codes = ", ".join(waiver.codes) or "anything"
            if not waiver.reason:
                told.append(NO_REASON(f"no reason to allow {codes}", place=waiver.at))
            elif not taken:
                told.append(UNUSED(f"nothing here is {codes}", place=waiver.at))
            else:
                waived += [(finding, waiver.reason) for finding in taken]
                kept = [finding for finding in kept if finding not in taken]
        kept += [finding._replace(file=document.file) for finding in told]
    return tuple(kept), tuple(waived)


def _waivers(document: Document) -> Iterator[Waiver]:
    statements = sorted(_statements(document), key=lambda one: one.place)
    for at, text in _comments(document):
        if not _BEGINNING.search(text):
            continue
        found = _WAIVER.search(text)
        codes = tuple(re.findall(r"XA\d{3}", found[1])) if found else ()
        reason = (found[2] or "").removesuffix("*/").strip() if found else ""
        yield Waiver(codes, reason, at, _statement_of(at, statements))


def _statement_of(comment: Place, statements: Sequence[Statement]) -> Statement | None:
    """The statement that begins before the comment and reaches to its line, else the next one.

    A node's place is that of its name: it goes before what stands behind its brace.
    """
    same = [one for one in statements if one.place.file == comment.file]
    for one in same:
        begins = (one.place.line, one.place.column) < (comment.line, comment.column)
        if begins and comment.line <= one.place.end_line:
            return one
    return next((one for one in same if one.place.line > comment.end_line), None)


def _comments(document: Document) -> Iterator[tuple[Place, str]]:
    if isinstance(document, ConfigFile):
        for comment in document.comments:
            yield document.place(comment), comment.text
    elif document.source is not None:
        yield from ((comment.place, comment.text) for comment in document.source.comments)


def _statements(document: Document) -> Iterator[Statement]:
    if isinstance(document, ConfigFile):
        yield from (Statement(document.place(one)) for one in document.statements)
    elif document.source is not None:
        for path, node in document.source.nodes.items():
            yield from (Statement(place, path) for place in node.opened)
            for name, prop in node.properties.items():
                yield Statement(prop.statement, path, name)
