"""The edits of ``lint --fix``: for findings with only one correct text.

Nothing is guessed: xen,reg is rounded out to whole pages, an unknown key is replaced if only one
known key is similar.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from xenassign import escape
from xenassign.devicetree.cells import number, split
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding
from xenassign.formats.xlcfg_edit import Edit, apply
from xenassign.linting.documents import Document, TreeFile
from xenassign.linting.guest.view import container_cells
from xenassign.linting.verdict.dom0less import UNALIGNED

_LITERAL = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def fixed_text(document: Document, findings: Sequence[Finding]) -> str | None:
    """The text of a document with all fixes; None for a blob.

    Of two edits that overlap only the first is made; the next run makes the second.
    """
    if document.text is None:
        return None
    starts = [0, *accumulate(len(line) + 1 for line in document.text.split("\n"))]
    edits: list[Edit] = []
    for finding in findings:
        for place, text in _replacements(finding, document):
            start = starts[place.line - 1] + place.column - 1
            edit = Edit(start, starts[place.end_line - 1] + place.end_column - 1, text)
            if place.file == document.file and not any(_overlap(edit, e) for e in edits):
                edits.append(edit)
    return apply(document.text, edits)


def _overlap(first: Edit, second: Edit) -> bool:
    return first.end > second.start and second.end > first.start


def _replacements(finding: Finding, document: Document) -> Iterator[tuple[Place, str]]:
    """(place, new text) of the fix of a finding."""
    if finding.file != document.file:
        return
    if finding.rule is UNALIGNED and isinstance(document, TreeFile):
        yield from _rounded(finding, document)
    elif finding.replacement is not None and finding.place is not None:
        yield finding.place, finding.replacement


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
    if whole >= 1 << 32 * size:
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
