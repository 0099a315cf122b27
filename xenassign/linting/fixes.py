"""The edits of ``lint --fix``: for findings with only one correct text.

Nothing is guessed: xen,reg is rounded out to whole pages in which no other device is, and a name is
replaced only if one typing error separates it from one known name, which is not set and has values
of that form. What is added is stated elsewhere in the files, and with --unsafe-fixes in the host's
tree alone. Additions come after all replacements: :meth:`Session.fix` reads the files again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from xenassign import escape
from xenassign.devicetree.cells import fits, number, split
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Addition, Finding
from xenassign.formats.xlcfg import ConfigError, XlConfig
from xenassign.formats.xlcfg_edit import Edit, add_items, add_statements, written
from xenassign.linting.documents import Document, TreeFile
from xenassign.linting.guest.tree_form import UNKNOWN
from xenassign.linting.guest.view import container_cells
from xenassign.linting.verdict.dom0less import UNALIGNED

_DELETED = re.compile(r"/delete-property/\s*([\w,.+*#?@-]+)")
_LITERAL = r"0[xX][0-9a-fA-F]+|[0-9]+"


class _Text:
    """A document's text, and the edits of it so far, in order."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._file = document.file
        self._text = document.text or ""
        self._starts = [0, *accumulate(len(line) + 1 for line in self._text.split("\n"))]
        self.edits: list[Edit] = []

    @cached_property
    def deleted(self) -> frozenset[str]:
        """The names of the properties that the text deletes, wherever that is."""
        return frozenset(_DELETED.findall(self._text))

    def at(self, place: Place) -> str:
        """The characters of a place; "" if it is in another file."""
        edit = self.edit(place, "")
        return self._text[edit.start : edit.end] if place.file == self._file else ""

    def add(self, fix: Sequence[tuple[Place, str]]) -> None:
        """Adds all edits of a fix, or none: if one overlaps an earlier fix or is in another file.

        A file that is included may be that of others too.
        """
        edits = [self.edit(place, text) for place, text in fix]
        if all(place.file == self._file for place, _ in fix) and all(map(self._free, edits)):
            for edit in edits:
                insort(self.edits, edit)

    def edit(self, place: Place, text: str = "") -> Edit:
        """The edit that replaces a place of this document."""
        start = self._starts[min(place.line, len(self._starts)) - 1] + place.column - 1
        end = self._starts[min(place.end_line, len(self._starts)) - 1] + place.end_column - 1
        return Edit(start, end, text)

    def place(self, edit: Edit) -> Place:
        """The place that an edit replaces."""
        line = bisect_right(self._starts, edit.start)
        end = bisect_right(self._starts, edit.end)
        column, end_column = (
            offset - self._starts[number - 1] + 1
            for offset, number in ((edit.start, line), (edit.end, end))
        )
        return Place(self._file, line, column, end, end_column)

    def _free(self, edit: Edit) -> bool:
        at = bisect_left(self.edits, edit)
        before, after = self.edits[max(at - 1, 0) : at], self.edits[at : at + 1]
        return all(e.end <= edit.start for e in before) and all(e.start >= edit.end for e in after)


class Fixes(NamedTuple):
    """The findings that have a fix. Of two fixes that overlap only the first is made.

    ``replaced``: the texts that replace places. ``added``: what is added to the files, of which
    none has a replacement too: an entry that seems to be missing may be misspelt.
    """

    replaced: dict[Finding, list[tuple[Place, str]]]
    added: dict[Finding, tuple[Addition, ...]]

    def edits(self, document: Document) -> list[Edit]:
        """All edits of a document's text."""
        text = _Text(document)
        for edits in self.replaced.values():
            text.add(edits)
        own = (addition for additions in self.added.values() for addition in additions)
        return text.edits + _added(text, [a for a in own if a.file == document.file])


def fixes_of(documents: Iterable[Document], findings: Iterable[Finding], unsafe: bool) -> Fixes:
    """The fixes of findings, and of those that follow from them. ``unsafe``: whatever they add."""
    texts = _texts(documents)
    findings = list(findings)
    every = [single for finding in findings for single in (finding, *finding.follows)]
    replaced = dict(pair for text in texts.values() for pair in _replaced(text, every))
    changed = {place.file for edits in replaced.values() for place, _ in edits}
    added = {
        finding: additions
        for finding in _with_additions(findings, unsafe)
        if (additions := tuple(a._replace(file=a.file or finding.file) for a in finding.additions))
        and all(
            addition.file in texts
            and addition.file not in changed
            and _added(texts[addition.file], [addition])
            for addition in additions
        )
    }
    return Fixes(replaced, added)


def _texts(documents: Iterable[Document]) -> dict[str, _Text]:
    """The documents that are text, by file."""
    return {document.file: _Text(document) for document in documents if document.text is not None}


def _with_additions(findings: Sequence[Finding], unsafe: bool) -> Iterator[Finding]:
    """The findings that additions correct, except about devices that a guest must not have."""
    harmful = {
        (finding.file, finding.node)
        for finding in findings
        if finding.severity == "error" and finding.effect == "unsafe" and not finding.additions
    }
    for finding in findings:
        safe = unsafe or all(addition.safe for addition in finding.additions)
        if finding.additions and safe and (finding.file, finding.node) not in harmful:
            yield finding


def fixable(
    documents: Iterable[Document], findings: Iterable[Finding], unsafe: bool = False
) -> dict[Finding, list[tuple[Place, str]]]:
    """The findings, and those that follow from them, that have a fix, with its edits alone."""
    documents = list(documents)
    fixes = fixes_of(documents, findings, unsafe)
    texts = _texts(documents)
    edits = dict(fixes.replaced)
    for finding, additions in fixes.added.items():
        edits[finding] = [
            (texts[addition.file].place(edit), edit.text)
            for addition in additions
            if addition.file is not None
            for edit in _added(texts[addition.file], [addition])
        ]
    return edits


def _replaced(
    text: _Text, findings: Sequence[Finding]
) -> Iterator[tuple[Finding, list[tuple[Place, str]]]]:
    """The findings about a document that have a fix, and the texts that replace places."""
    document = text.document
    unaligned = any(finding.rule is UNALIGNED for finding in findings)
    sharing = _sharing(findings) if unaligned else frozenset[str]()
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


def _sharing(findings: Iterable[Finding]) -> frozenset[str | None]:
    """The nodes in whose pages others are."""
    from xenassign.checks.shared_pages import SHARED_PAGE

    return frozenset(finding.node for finding in findings if finding.rule is SHARED_PAGE)


#: The comment above lists that --fix adds to a dom.cfg.
_COMMENT = "Of the devices in the partial device tree; added by xenassign lint --fix"


def _added(text: _Text, additions: Sequence[Addition]) -> list[Edit]:
    """The edits that add to a text, each once; none for what cannot be added there."""
    document = text.document
    if isinstance(document, TreeFile):
        edits = (_property(text, document, addition) for addition in dict.fromkeys(additions))
        return [edit for edit in dict.fromkeys(edits) if edit is not None]
    config = document.config
    if not isinstance(config, XlConfig):
        return []
    items: dict[str, dict[str, None]] = {}
    for addition in additions:
        items.setdefault(addition.name, {})[addition.value] = None
    lists = [
        edit for n, own in items.items() if config.named(n) for edit in add_items(config, n, [*own])
    ]
    new = [written(name, [*own]) for name, own in items.items() if not config.named(name)]
    try:
        return [*lists, *add_statements(config, new, _COMMENT)]
    except ConfigError:
        return []


def _property(written_as: _Text, document: TreeFile, addition: Addition) -> Edit | None:
    """The edit that adds a property: in a line after xen,path, or after the last property."""
    source, text, name = document.source, document.text or "", addition.name
    node = source.nodes.get(addition.node or "") if source is not None else None
    if node is None or name in node.properties or name in written_as.deleted:
        return None
    spans = []
    for own, places in node.properties.items():
        place = places.statement
        if place.file == document.file:
            span = written_as.edit(place)
            spans.append((own == "xen,path", span.start, span.end, own))
    if not spans:
        return None
    _, start, end, own = max(spans)
    if own not in text[start:end] or not text[start:end].endswith(";"):
        return None  # of a macro
    line = text.rfind("\n", 0, start) + 1
    indent = text[line:start]
    statement = f"{name} = {addition.value};" if addition.value else f"{name};"
    rest = re.compile(r"[ \t]*(/\*[^*\n]*\*/|//[^\n]*?)?[ \t]*(?=\r?\n)").match(text, end)
    if rest is None or indent.strip(" \t"):
        return Edit(end, end, f" {statement}")
    newline = "\r\n" if text.startswith("\r", rest.end()) else "\n"
    return Edit(rest.end(), rest.end(), f"{newline}{indent}{statement}")


def _rounded(finding: Finding, document: TreeFile) -> Iterator[tuple[Place, str]]:
    """An entry of xen,reg rounded out to pages, if host and guest have the same page offset."""
    tree, source = document.tree, document.source
    node = tree.find(finding.node or "") if tree is not None else None
    if source is None or node is None or finding.cell is None:
        return
    prop = finding.prop or "xen,reg"
    cells = node.cells(prop)
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
        element = source.element(node.path, prop, cell)
        if new != cells[cell] and element is not None:
            if element.size != 4 or not re.fullmatch(_LITERAL, element.text):
                return  # /bits/, an expression or a macro, which its author has to change
            replacements.append((element.place, f"{new:#x}"))
    yield from replacements


def diff(file: str, old: str, new: str) -> str:
    """A unified diff of one file, for people: its lines are those that a terminal shows."""
    before, after = old.split("\n"), new.split("\n")
    import difflib

    lines = difflib.unified_diff(before, after, f"a/{file}", f"b/{file}", lineterm="")
    return "".join(f"{escape.terminal(line, keep=chr(9))}\n" for line in lines)
