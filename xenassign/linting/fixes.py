"""The edits of ``lint --fix``: for findings with only one correct text.

Nothing is guessed: xen,reg is rounded out to whole pages in which no other device is, and a name is
replaced only if one typing error separates it from one known name, which is not set and has values
of that form.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from xenassign import escape
from xenassign.checks.shared_pages import SHARED_PAGE
from xenassign.devicetree.cells import fits, number, split
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding, flat
from xenassign.formats.xlcfg_edit import Edit, apply
from xenassign.linting.documents import Document, TreeFile
from xenassign.linting.guest.tree_form import UNKNOWN
from xenassign.linting.guest.view import container_cells
from xenassign.linting.verdict.dom0less import UNALIGNED

_LITERAL = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


class _Text:
    """A document's text, and the edits of it so far, in order."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self._edits: list[Edit] = []

    def at(self, place: Place) -> str:
        """The characters of a place; "" if it is in another file."""
        edit = self._edit(place, "")
        return self._text[edit.start : edit.end] if place.file == self._file else ""

    def add(self, fix: Sequence[tuple[Place, str]]) -> None:
        """Adds all edits of a fix, or none: if one overlaps an earlier fix or is in another file.

        A file that is included may be that of others too.
        """
        edits = [self._edit(place, text) for place, text in fix]
        if all(place.file == self._file for place, _ in fix) and all(map(self._free, edits)):
            for edit in edits:
                insort(self._edits, edit)

    def fixed(self) -> str:
        """The text with the edits."""
        return apply(self._text, self._edits)

    def _edit(self, place: Place, text: str) -> Edit:
        start = self._starts[min(place.line, len(self._starts)) - 1] + place.column - 1
        end = self._starts[min(place.end_line, len(self._starts)) - 1] + place.end_column - 1
        return Edit(start, end, text)

    def _free(self, edit: Edit) -> bool:
        at = bisect_left(self._edits, edit)
        before, after = self._edits[max(at - 1, 0) : at], self._edits[at : at + 1]
        return all(e.end <= edit.start for e in before) and all(e.start >= edit.end for e in after)


def fixed_text(document: Document, findings: Sequence[Finding]) -> str | None:
    """The text of a document with all fixes; None for a blob.

    Of two fixes that overlap only the first is made; the next run makes the second.
    """
    if document.text is None:
        return None
    text = _Text(document.file, document.text)
    for _, edits in fixes(document, findings):
        text.add(edits)
    return text.fixed()


def fixes(
    document: Document, findings: Sequence[Finding]
) -> Iterator[tuple[Finding, list[tuple[Place, str]]]]:
    """The findings about a document that have a fix, and the texts that replace places."""
    if document.text is None:
        return
    text = _Text(document.file, document.text)
    sharing = {finding.node for finding in findings if finding.rule is SHARED_PAGE}
    for finding in findings:
        edits: list[tuple[Place, str]] = []
        place, new = finding.place, finding.replacement
        if finding.file != document.file:
            continue
        if finding.rule is UNALIGNED and isinstance(document, TreeFile):
            if finding.node not in sharing:  # whole pages would give away what is in them too
                edits = list(_rounded(finding, document))
        elif new is not None and place is not None:
            renamed = finding.rule is UNKNOWN
            if not renamed or text.at(place) == finding.prop:  # else it is the name of a macro
                edits = [(place, new)]
        if edits and all(place.file == document.file for place, _ in edits):
            yield finding, edits


def fixable(
    documents: Iterable[Document], findings: Iterable[Finding]
) -> dict[Finding, list[tuple[Place, str]]]:
    """The findings, and those that follow from them, that have a fix, with its edits."""
    every = list(flat(findings))
    return dict(pair for document in documents for pair in fixes(document, every))


def _rounded(finding: Finding, document: TreeFile) -> Iterator[tuple[Place, str]]:
    """An entry of xen,reg rounded out to pages, if host and guest have the same page offset."""
    tree, source = document.tree, document.source
    node = tree.find(finding.node or "") if tree is not None else None
    if source is None or node is None or finding.cell is None:
        return
    cells = node.cells("xen,reg")
    address, size = container_cells(node)
    width = 2 * address + size
    start = finding.cell // width * width
    middle, end = start + address + size, start + width
    host = number(cells[start : start + address])
    length, guest = number(cells[start + address : middle]), number(cells[middle:end])
    offset = host % PAGE_SIZE
    if guest % PAGE_SIZE != offset:
        return  # ambiguous: either address may be wrong
    whole = Span.sized(host, length).rounded().size
    if not fits(whole, size):
        return  # too large for the cells
    rounded = (
        *split(host - offset, address),
        *split(whole, size),
        *split(guest - offset, address),
    )
    replacements = []
    for cell, new in zip(range(start, end), rounded, strict=True):
        element = source.element(node.path, "xen,reg", cell)
        if new != cells[cell] and element is not None:
            if element.size != 4 or not _LITERAL.fullmatch(element.text):
                return  # /bits/, an expression or a macro, which its author has to change
            replacements.append((element.place, f"{new:#x}"))
    yield from replacements


def diff(file: str, old: str, new: str) -> str:
    """A unified diff of one file, for people: its lines are those that a terminal shows."""
    before, after = old.split("\n"), new.split("\n")
    lines = difflib.unified_diff(before, after, f"a/{file}", f"b/{file}", lineterm="")
    return "".join(f"{escape.terminal(line, keep=chr(9))}\n" for line in lines)
