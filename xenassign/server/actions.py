"""Code actions: the fixes of ``lint --fix``, all of them at once, and waivers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from lsprotocol.types import (
    CodeAction,
    CodeActionKind,
    Diagnostic,
    Range,
    TextEdit,
    WorkspaceEdit,
)

from xenassign.devicetree.places import Place
from xenassign.findings import Finding, flat
from xenassign.linting.documents import ConfigFile, Document
from xenassign.linting.fixes import fixable
from xenassign.server.open_files import Analysis
from xenassign.server.positions import TextPositions

#: What may stand before the name of a node or property.
_LABELS = re.compile(r"(?:(?:[A-Za-z_]\w*:|/omit-if-no-ref/)[ \t]*)+$")

#: Of a file by path: its URI, as the editor calls it.
UriOf = Callable[[str], str]
#: Of a file's text: its lines in the encoding of the editor.
LinesOf = Callable[[str], TextPositions]


def finding_actions(
    analysis: Analysis,
    shown: Iterable[tuple[Finding, Diagnostic]],
    uri_of: UriOf,
    lines_of: LinesOf,
) -> Iterator[CodeAction]:
    """The fixes and waivers of findings, each with the diagnostic that is gone afterwards."""
    judgement = analysis.judgement
    document = analysis.document
    if judgement is None or document is None:
        return
    documents, findings = judgement.report.documents, judgement.report.findings
    texts = {d.file: d.text for d in documents if d.text is not None}
    safe = fixable(documents, findings)
    unsafe = fixable(documents, findings, unsafe=True)
    for finding, diagnostic in shown:
        for single in flat([finding]):
            edits = safe.get(single) or safe.get(finding) or unsafe.get(single, [])
            is_safe = single in safe or finding in safe
            if edits:
                yield CodeAction(
                    f"Fix {single.code}{'' if is_safe else ', unsafe'}: {single.rule.title}",
                    kind=CodeActionKind.QuickFix,
                    diagnostics=[diagnostic],
                    is_preferred=is_safe,
                    edit=_edit_of(edits, texts, uri_of, lines_of),
                )
                break
        place = waiver_place(finding, document)
        if place is not None and place.file in texts:
            comment = _waiver(finding, document, lines_of(texts[place.file]), place)
            yield CodeAction(
                f"Allow {finding.code} here, with a reason that you write",
                kind=CodeActionKind.QuickFix,
                diagnostics=[diagnostic],
                edit=WorkspaceEdit(changes={uri_of(place.file): [comment]}),
            )


def fix_all(analysis: Analysis, uri_of: UriOf, lines_of: LinesOf) -> CodeAction | None:
    """All safe fixes of the files of the domain, as ``lint --fix`` makes them."""
    if analysis.judgement is None:
        return None
    session = analysis.judgement.session
    old = {file.file: file.text for file in session.documents if file.text is not None}
    changes = {}
    for file in session.fixed().documents:
        if file.text is not None and file.text != old.get(file.file, file.text):
            changes[uri_of(file.file)] = [_difference(lines_of(old[file.file]), file.text)]
    if not changes:
        return None
    return CodeAction(
        "Apply all fixes of xenassign",
        kind=CodeActionKind.SourceFixAll,
        edit=WorkspaceEdit(changes=changes),
    )


def _edit_of(
    edits: Iterable[tuple[Place, str]], texts: dict[str, str], uri_of: UriOf, lines_of: LinesOf
) -> WorkspaceEdit:
    changes: dict[str, list[TextEdit]] = {}
    for place, text in edits:
        at: Range = lines_of(texts[place.file]).range(place)
        changes.setdefault(uri_of(place.file), []).append(TextEdit(at, text))
    return WorkspaceEdit(changes=changes)


def _difference(old: TextPositions, new: str) -> TextEdit:
    """What lies between the equal beginnings and ends of two texts, in whole lines."""
    before, after = old.text.splitlines(keepends=True), new.splitlines(keepends=True)
    shorter = min(len(before), len(after))
    first = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    rest = shorter - first
    last = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    start = sum(map(len, before[:first]))
    end = len(old.text) - sum(map(len, before[len(before) - last :]))
    return TextEdit(old.span(start, end), "".join(after[first : len(after) - last]))


def waiver_place(finding: Finding, document: Document) -> Place | None:
    """The statement above which a comment waives a finding; None if it cannot be waived there.

    Findings about waivers themselves cannot, nor what is written in another file or by a macro.
    """
    if finding.file != document.file or finding.code.startswith("XA9"):
        return None
    if isinstance(document, ConfigFile):
        line = finding.place.line if finding.place is not None else 0
        statements = map(document.place, document.statements)
        return next((p for p in statements if p.line <= line <= p.end_line), None)
    source = document.source
    if source is None or finding.node is None:
        return None
    path = finding.node
    while path not in source.nodes and path != "/":
        path = path.rpartition("/")[0] or "/"
    node = source.nodes.get(path)
    if node is None:
        return None
    prop = node.properties.get(finding.prop or "")
    place = prop.statement if prop is not None else node.name
    return place if place.file == document.file else None


def _waiver(finding: Finding, document: Document, lines: TextPositions, place: Place) -> TextEdit:
    """The comment in a line of its own above a statement, before its labels.

    Its reason is left to the author: until it is written the lint reports XA901.
    """
    start = lines.offset_of(place.line, place.column)
    line = lines.text.rfind("\n", 0, start) + 1
    before = lines.text[line:start]
    labels = _LABELS.search(before)
    start = line + labels.start() if labels is not None else start
    indent = before[: len(before) - len(before.lstrip(" \t"))]
    newline = "\r\n" if "\r\n" in lines.text else "\n"
    text = f"xenassign: allow {finding.code}: "
    comment = f"# {text}" if isinstance(document, ConfigFile) else f"/* {text}*/"
    above = newline + indent if lines.text[line:start].strip(" \t") else ""
    return TextEdit(lines.span(start, start), f"{above}{comment}{newline}{indent}")
