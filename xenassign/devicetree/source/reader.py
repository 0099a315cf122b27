"""Reading devicetree source (.dts) as dtc does, with the place of everything.

:func:`read_source` gives a :class:`DtsSource`: the blob that dtc would make, byte for byte, and the
place of each node, property and element of a value in the file that a person wrote. The steps, one
module each:

1. ``preprocessor``: sources with ``#include`` and the like go through the system's cpp first;
2. ``lexer``, ``syntax`` and grammar/dts.lark: text to statements;
3. ``assembly``: statements to one tree, with merging and deletion;
4. ``dtc_checks``: what dtc refuses in a whole tree; phandles, paths, symbols and fixups;
5. ``blob_writer``: the tree as bytes.

What dtc only warns of is accepted, with one exception: a number that does not fit its cell is an
error here, as it was for dtc before 1.7, which cuts it off.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.places import Place, SourceError, SourceMap, TextSpan
from xenassign.devicetree.source.nodes import (
    WORDS,
    Content,
    Piece,
    SourceNode,
    SourceProperty,
)
from xenassign.devicetree.tree import DevicetreeError
from xenassign.reading import MAX_TEXT

if TYPE_CHECKING:
    from xenassign.devicetree.source.lexer import Sources

#: A preprocessor directive; ``#address-cells`` is not one.
_DIRECTIVE = (
    r"(?m)^[ \t]*#[ \t]*(?:include[ \t]*[\"<]|(?:define|undef|ifdef|ifndef)[ \t]+[A-Za-z_]"
    r"|if[ \t]*[\w(!+~-]|(?:error|warning|pragma)[ \t])"
)
#: Comments and strings (closed or not), which have no directives.
_ELSEWHERE = r'(?s)/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:[^\\"]|\\.)*(?:"|\Z)'


class DtsComment(NamedTuple):
    """A comment with its slashes and stars."""

    place: Place
    text: str


class Element(NamedTuple):
    """A piece of a value: a cell, a string, a byte, a reference or a file.

    ``offset`` and ``size`` are bytes in the value, ``text`` is that of the file.
    """

    offset: int
    size: int
    place: Place
    text: str


class PropertyPlace:
    """The places of a property in its last definition, each made when it is asked for."""

    def __init__(self, map: SourceMap, property: SourceProperty) -> None:
        self._map = map
        self._property = property

    @property
    def name(self) -> Place:
        """The place of the name."""
        return self._map.place(self._property.named)

    @property
    def statement(self) -> Place:
        """The place of the whole statement."""
        return self._map.place(TextSpan(self._property.start, self._property.end))

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """The elements of the value."""
        elements, offset = [], 0
        for piece in self._property.pieces:
            for size, span in self._parts(piece):
                if piece.kind != "label" and piece.start >= 0:
                    text = self._map.written(span)
                    elements.append(Element(offset, size, self._map.place(span), text))
                offset += size
        return tuple(elements)

    def _parts(self, piece: Piece) -> Iterator[tuple[int, TextSpan]]:
        """(bytes, span) of a piece, or of each number of a piece that is several."""
        width = {"cells": 4, "bytes": 1}.get(piece.kind)
        if width is None:
            yield len(piece.data), piece.span
            return
        for start, end in self._map.words(WORDS, piece.span):
            yield width, TextSpan(start, end)


class NodePlace:
    """The places of a node, each made when it is asked for."""

    def __init__(self, map: SourceMap, node: SourceNode) -> None:
        self._map = map
        self._node = node

    @property
    def name(self) -> Place:
        """The place of its name where it is first opened."""
        return self._map.place(self._node.opened[0])

    @property
    def opened(self) -> tuple[Place, ...]:
        """The place of its name everywhere it is opened."""
        return tuple(self._map.place(span) for span in self._node.opened)

    @cached_property
    def properties(self) -> dict[str, PropertyPlace]:
        """The places of its properties."""
        written = (prop for prop in self._node.properties if prop.start >= 0)
        return {prop.name: PropertyPlace(self._map, prop) for prop in written}


class DtsSource:
    """A source that was read: the blob that dtc would make of it, and places.

    Nodes and properties that dtc adds (phandles, ``__symbols__``, fixups) have no place.
    """

    def __init__(
        self,
        blob: bytes,
        map: SourceMap,
        comments: tuple[TextSpan, ...],
        root: SourceNode,
    ) -> None:
        self.blob = blob
        self._map = map
        self._comments = comments
        self._root = root
        self._places: dict[SourceNode, NodePlace] = {}

    @cached_property
    def comments(self) -> tuple[DtsComment, ...]:
        """Every comment, in the order in which they were read."""
        spans = self._comments
        return tuple(DtsComment(self._map.place(span), self._map.written(span)) for span in spans)

    @cached_property
    def nodes(self) -> dict[str, NodePlace]:
        """Path to places, parents first."""
        walk = self._root.walk()
        return {node.path: self._place_of(node) for node in walk if node.opened}

    def inner_nuls(self) -> Iterator[tuple[str, str, PropertyPlace]]:
        """(path, name, place) of each property with a string that has a NUL before its end."""
        for node in self._root.walk():
            for prop in node.properties:
                if prop.start >= 0 and prop.definition.has_escapes and _has_inner_nul(prop):
                    yield node.path, prop.name, PropertyPlace(self._map, prop)

    def has(self, path: str, prop: str | None = None) -> bool:
        """Whether a node, or its property, is written in the source."""
        node = self._node(path)
        return node is not None and (prop is None or prop in node.properties)

    def _node(self, path: str) -> NodePlace | None:
        """The places of one node."""
        node = self._root if path == "/" else self._root.below(path)
        return self._place_of(node) if node is not None and node.opened else None

    def _place_of(self, node: SourceNode) -> NodePlace:
        if node not in self._places:
            self._places[node] = NodePlace(self._map, node)
        return self._places[node]

    def place(self, path: str, prop: str | None = None, cell: int | None = None) -> Place | None:
        """The place of a node, of its property, or of the 32-bit cell of that index in the value.

        What is missing has the place where it should be: of the property, or the node, or the
        nearest ancestor in the source. None: the source does not even have the root.
        """
        element = self.element(path, prop, cell) if prop and cell is not None else None
        if element is not None:
            return element.place
        node = self._node(path)
        if node is None:
            return self.place(path.rpartition("/")[0] or "/") if path != "/" else None
        written = node.properties.get(prop) if prop else None
        return written.name if written else node.name

    def element(self, path: str, prop: str, cell: int) -> Element | None:
        """The element of a property's value that holds the 32-bit cell of that index, or None."""
        node = self._node(path)
        written = node.properties.get(prop) if node else None
        elements = written.elements if written else ()
        index = bisect_right(elements, 4 * cell, key=lambda element: element.offset) - 1
        if index < 0 or 4 * cell >= elements[index].offset + elements[index].size:
            return None
        return elements[index]


def _has_inner_nul(prop: SourceProperty) -> bool:
    return any(piece.kind == "string" and b"\0" in piece.data[:-1] for piece in prop.pieces)


def read_source(
    data: bytes, file: str, *, include: Sequence[str] = (), symbols: bool = False
) -> DtsSource:
    """Reads source. Raises DevicetreeError with ``FILE:LINE:COL: problem; fix``.

    ``file`` is the name for errors and places. Included files are searched for in its folder first
    (that of the process for ``-`` or ``<stdin>``), then in the folders of ``include``.
    ``symbols``: with ``/__symbols__``, as ``dtc -@`` makes it.
    """
    from xenassign.devicetree.source.lexer import Sources

    name = "<stdin>" if file == "-" else file
    if len(data) > MAX_TEXT:
        fix = "give the .dtb"
        raise DevicetreeError(f"{name}: larger than {MAX_TEXT >> 20} MiB; {fix}")
    text = data.decode("utf-8", "surrogateescape")
    output = None
    if directive := _first_directive(text):
        from xenassign.devicetree.source.preprocessor import preprocessed

        output = preprocessed(data, name, include, directive)
    sources = Sources(output.text if output else text, name, include, SourceMap(output))
    try:
        return _read(sources, symbols)
    except SourceError as error:
        raise sources.map.error(error) from None


def _first_directive(text: str) -> int:
    """The line of the first preprocessor directive outside of comments and strings, or 0."""

    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n") if match[0][0] == "/" else match[0][:1]

    if re.search(_DIRECTIVE, text) is None:
        return 0
    bare = re.sub(_ELSEWHERE, blank, text)
    directive = re.search(_DIRECTIVE, bare)
    return bare.count("\n", 0, directive.start()) + 1 if directive else 0


def _read(sources: Sources, symbols: bool) -> DtsSource:
    from xenassign.devicetree.blob_writer import write_blob
    from xenassign.devicetree.source.assembly import SourceTree
    from xenassign.devicetree.source.dtc_checks import boot_cpu, complete
    from xenassign.devicetree.source.syntax import parse

    file = parse(sources)
    for statement in file.statements:
        if isinstance(statement, Content):
            _read_files(statement.node, sources)
    tree = SourceTree(file.overlay)
    tree.begin(file.statements[0])
    for statement in file.statements[1:]:
        tree.add(statement)
    boot = boot_cpu(tree.root)
    complete(tree, symbols)
    blob = write_blob(tree.root, _properties, file.reservations, boot)
    return DtsSource(blob, sources.map, tuple(sources.comments), tree.root)


def _properties(node: SourceNode) -> Iterator[tuple[str, bytes]]:
    return ((prop.name, prop.value) for prop in node.properties)


def _read_files(root: SourceNode, sources: Sources) -> None:
    """Gives each ``/incbin/`` its bytes."""
    for node in root.walk(deleted=True):
        for prop in node.properties.all:
            for piece in prop.symbolic:
                if piece.kind == "incbin":
                    _, piece.data = sources.read(piece.name, piece.span, piece.skip, piece.size)
