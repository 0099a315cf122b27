"""Links to the files that a text names, and to the host's node of a ``xen,path``."""

from __future__ import annotations

import os
from collections.abc import Iterator

from xenassign.devicetree.places import Place
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.documents import ConfigFile, TreeFile
from xenassign.linting.pairing import partial_trees
from xenassign.server.included import includes
from xenassign.server.open_files import Analysis
from xenassign.server.positions import TextPositions
from xenassign.server.project_files import files_of_project
from xenassign.server.related import HostPlace

#: Offsets in the text, and the place that they lead to.
Link = tuple[int, int, Place]


def links(analysis: Analysis, lines: TextPositions, host_place: HostPlace) -> Iterator[Link]:
    """The links of an open file."""
    if analysis.project is not None:
        for named in files_of_project(analysis.project.toml, lines):
            yield named.start, named.end, _top(named.path)
    folders = analysis.judgement.session.include if analysis.judgement is not None else ()
    if analysis.path.endswith((".dts", ".dtso", ".dtsi")):
        for named in includes(analysis.text, analysis.path, folders):
            yield named.start, named.end, _top(named.path)
    document = analysis.document
    if isinstance(document, ConfigFile):
        yield from _device_tree(document, analysis, lines)
    elif isinstance(document, TreeFile):
        yield from _host_nodes(document, lines, host_place)


def _top(path: str) -> Place:
    return Place(path, 1, 1, 1, 1)


def _device_tree(document: ConfigFile, analysis: Analysis, lines: TextPositions) -> Iterator[Link]:
    config = document.config
    assert analysis.judgement is not None
    if not isinstance(config, XlConfig) or document.device_tree is None:
        return
    tree = partial_trees(analysis.judgement.report.documents, None).get(document.file)
    value = config.named("device_tree")[-1].value
    if tree is not None and isinstance(value, Atom):
        yield value.start, value.end, _top(os.path.realpath(tree.file))


def _host_nodes(document: TreeFile, lines: TextPositions, host_place: HostPlace) -> Iterator[Link]:
    if document.source is None or document.tree is None:
        return
    for path, node in document.source.nodes.items():
        written = node.properties.get("xen,path")
        own = document.tree.find(path)
        named = own.text("xen,path") if own is not None else None
        place = host_place(named) if written is not None and named is not None else None
        elements = written.elements if written is not None else ()
        if place is not None and elements and elements[0].place.file == document.file:
            at = elements[0].place
            yield (
                lines.offset_of(at.line, at.column),
                lines.offset_of(at.end_line, at.end_column),
                place,
            )
