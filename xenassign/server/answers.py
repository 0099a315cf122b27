"""Hovers and completion of an open file, by its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.places import Place
from xenassign.escape import markdown_text
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.linting.documents import ConfigFile
from xenassign.request.select import find
from xenassign.server import hover as facts
from xenassign.server import proposals as words
from xenassign.server.domain_files import CONFIG, PROJECT, kind_of_file
from xenassign.server.hover import Shown
from xenassign.server.open_files import Analysis, OpenFiles
from xenassign.server.project_words import cursor_at, key_at
from xenassign.server.proposals import Proposal
from xenassign.server.tree_cursor import tree_cursor
from xenassign.xen.releases import DEFAULT, RELEASES, Release


def hover(files: OpenFiles, analysis: Analysis, at: Place, offset: int) -> Shown | None:
    """What is known of the word at a place, and at its offset, of a text that can be read."""
    if analysis.project is not None:
        key = key_at(analysis.project.toml, at.line, at.column)
        if key is None:
            return _named_device(files, analysis, at, offset)
        text = f"**{key[0].name}**: {markdown_text(key[0].doc)}"
        if key[0].example:
            text += f"\n\nExample: `{key[0].name} = {key[0].example}`"
        return Shown(text, Place(at.file, at.line, key[1], at.line, key[2]))
    document = analysis.document
    if document is None:
        return None
    context = files.context(analysis.path)
    if context is None:
        return None
    if isinstance(document, ConfigFile):
        return facts.of_config(document, context, offset)
    return facts.of_tree(document, context, (at.line, at.column))


def _named_device(files: OpenFiles, analysis: Analysis, at: Place, offset: int) -> Shown | None:
    """The host's device that a string of a xenassign.toml names."""
    context = files.context(analysis.path)
    platform = context.platform if context is not None else None
    line = analysis.text.rfind("\n", 0, offset) + 1
    for match in re.compile(r'"([^"\n]*)"').finditer(analysis.text, line):
        if match.start() <= offset < match.end() and context is not None and platform is not None:
            node = find(platform.tree, match[1])
            if node is not None:
                lines = facts.device_lines(context, read_device(platform, node))
                start, end = (n - line + 1 for n in match.span())
                return Shown("\n\n".join(lines), Place(at.file, at.line, start, at.line, end))
        if match.start() > offset:
            break
    return None


def proposals(files: OpenFiles, path: str, offset: int) -> Iterator[Proposal]:
    """What can be written at an offset of a text that need not be complete."""
    text = files.texts[path]
    kind = kind_of_file(path, text)
    platform, release, reported = _known(files, path)
    if kind == PROJECT:
        cursor = cursor_at(text, offset)
        yield from words.in_project(cursor, platform) if cursor is not None else ()
    elif kind == CONFIG:
        yield from words.in_config(text[:offset], release, reported)
    elif kind is not None:
        yield from words.in_tree(tree_cursor(text, offset), platform, release, reported)


def _known(files: OpenFiles, path: str) -> tuple[Platform | None, Release, list[str]]:
    """The host if it can be read, the release, and the codes that are reported in a file."""
    context = files.context(path)
    if context is None:
        return None, RELEASES[DEFAULT], []
    judgement = files.analysis(path).judgement
    findings = judgement.report.findings if judgement is not None else ()
    reported = [finding.code for finding in findings if finding.file == path]
    return context.platform, context.release, reported
