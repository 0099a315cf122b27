"""The other side of a finding: its consequences, the file that lacks something, the host's node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from xenassign.devicetree.places import Place
from xenassign.findings import Addition, Finding
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.documents import ConfigFile, Document, TreeFile
from xenassign.server.open_files import Analysis

#: The lists of a dom.cfg that a finding about a tree speaks of.
_LIST = re.compile(r"\b(irqs|iomem|dtdev)\b")

#: Of a node of the host, by path: its place in the host's source; None if that is not known.
HostPlace = Callable[[str], Place | None]


def related(
    finding: Finding, analysis: Analysis, host_place: HostPlace
) -> Iterator[tuple[Place, str]]:
    """Places elsewhere that a finding is about, each with a sentence."""
    if finding.place is not None and finding.place.file != analysis.path:
        yield finding.place, finding.message
    if finding.other_side is not None:
        yield finding.other_side, "the other domain has it here"
    for consequence in finding.follows:
        if consequence.place is not None:
            yield consequence.place, f"follows: {consequence.message} [{consequence.code}]"
    documents = analysis.judgement.report.documents if analysis.judgement is not None else ()
    if _LIST.search(finding.message):
        yield from _lists(finding, documents)
    for addition in finding.additions:
        yield from _where_added(addition, finding, documents)
    for path in dict.fromkeys((*_host_paths(finding, documents), *finding.others)):
        place = host_place(path)
        if place is not None:
            yield place, f"the host's node {path}"


def _lists(finding: Finding, documents: tuple[Document, ...]) -> Iterator[tuple[Place, str]]:
    """The list of each dom.cfg that a finding about a tree speaks of."""
    for document in documents:
        if isinstance(document, ConfigFile) and document.file != finding.file:
            for statement in document.statements:
                if statement.name in _LIST.findall(finding.message):
                    yield document.place(statement), f"{statement.name} of the same domain"


def _where_added(
    addition: Addition, finding: Finding, documents: tuple[Document, ...]
) -> Iterator[tuple[Place, str]]:
    """Where --fix adds something: the list of a dom.cfg, or its end; a node of a tree."""
    file = addition.file or finding.file
    for document in documents:
        if document.file != file or file == finding.file:
            continue
        if isinstance(document, TreeFile):
            place = document.place(addition.node or "/")
            if place is not None:
                yield place, f"{addition.name} is missing here"
        elif isinstance(document.config, XlConfig):
            lists = document.config.named(addition.name)
            place = document.place(lists[-1]) if lists else Place(document.file, 1, 1, 1, 1)
            yield place, f"{addition.name} has no {addition.value}"


def _host_paths(finding: Finding, documents: tuple[Document, ...]) -> Iterator[str]:
    """What ``xen,path`` names in the node that a finding is about."""
    for document in documents:
        if document.file == finding.file and finding.node and not isinstance(document, ConfigFile):
            node = document.tree.find(finding.node) if document.tree is not None else None
            path = node.text("xen,path") if node is not None else None
            if path is not None:
                yield path
