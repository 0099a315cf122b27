"""Devicetrees to be written: immutable drafts with typed values, references and comments.

A draft has more than a blob: which cells are references (``Ref`` names the label of a node of the
same draft), which numbers are written in decimal, and comments.
Blob (:mod:`xenassign.devicetree.blob_writer`) and text (:mod:`xenassign.devicetree.source.writer`)
are made of the same draft, so they can't differ.

Phandles are numbered from 1 in the order in which references to nodes first appear, parents
before children, as dtc numbers them: compiling the text gives the numbers of the blob.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.tree import DevicetreeError, Property


class Ref(NamedTuple):
    """A reference to the node of the draft that has the label."""

    label: str


class Cells(NamedTuple):
    """One ``<…>`` group of cells."""

    values: tuple[int | Ref, ...]
    decimal: bool = False


class Text(NamedTuple):
    """One NUL-terminated string."""

    value: str


class Bytes(NamedTuple):
    """One ``[…]`` byte string."""

    value: bytes


Piece = Cells | Text | Bytes


class DraftProperty(NamedTuple):
    """A property: its pieces in order (none: a boolean property) and a comment for readers."""

    name: str
    pieces: tuple[Piece, ...] = ()
    comment: str | None = None


class DraftNode(NamedTuple):
    """A node. ``comments`` are lines for readers, ``waivers`` for the lint, one comment each."""

    name: str
    properties: tuple[DraftProperty, ...] = ()
    children: tuple[DraftNode, ...] = ()
    label: str | None = None
    comments: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()

    def walk(self) -> Iterator[DraftNode]:
        """The node and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def get(self, name: str) -> DraftProperty | None:
        """The property of that name, or None."""
        return next((prop for prop in self.properties if prop.name == name), None)


def phandles(root: DraftNode) -> dict[str, int]:
    """Label to phandle for every node that is referred to. DevicetreeError: a label is missing."""
    labels = {node.label for node in root.walk() if node.label}
    numbers: dict[str, int] = {}
    for node in root.walk():
        for prop in node.properties:
            for piece in prop.pieces:
                for cell in piece.values if isinstance(piece, Cells) else ():
                    if isinstance(cell, Ref) and cell.label not in numbers:
                        if cell.label not in labels:
                            raise DevicetreeError(
                                f"{prop.name} of {node.name}: no node &{cell.label}"
                            )
                        numbers[cell.label] = len(numbers) + 1
    return numbers


def numbered(nodes: Iterable[DraftNode], unused: Iterable[int]) -> tuple[DraftNode, ...]:
    """Nodes for a tree that exists: numbers in place of references, and the phandles that they are.

    ``unused``: phandles that the tree does not have. DevicetreeError: a label is missing.
    """
    every = DraftNode("", (), tuple(nodes))
    numbers = dict(zip(phandles(every), unused, strict=False))

    def of_node(node: DraftNode) -> DraftNode:
        properties = tuple(map(of_property, node.properties))
        if node.label in numbers:
            properties += (cells("phandle", numbers[node.label]),)
        return node._replace(properties=properties, children=tuple(map(of_node, node.children)))

    def of_property(prop: DraftProperty) -> DraftProperty:
        return prop._replace(pieces=tuple(map(of_piece, prop.pieces)))

    def of_piece(piece: Piece) -> Piece:
        if not isinstance(piece, Cells):
            return piece
        return piece._replace(
            values=tuple(numbers[v.label] if isinstance(v, Ref) else v for v in piece.values)
        )

    return tuple(map(of_node, every.children))


def encode(prop: DraftProperty, numbers: dict[str, int]) -> bytes:
    """The bytes of a property's value."""
    out = bytearray()
    for piece in prop.pieces:
        if isinstance(piece, Cells):
            for cell in piece.values:
                value = numbers[cell.label] if isinstance(cell, Ref) else cell
                out += value.to_bytes(4, "big")
        elif isinstance(piece, Text):
            out += piece.value.encode("utf-8") + b"\0"
        else:
            out += piece.value
    return bytes(out)


def boolean(name: str, comment: str | None = None) -> DraftProperty:
    """A property without a value, which is true when present."""
    return DraftProperty(name, (), comment)


def text(name: str, *values: str, comment: str | None = None) -> DraftProperty:
    """A property of strings."""
    return DraftProperty(name, tuple(Text(value) for value in values), comment)


def cells(
    name: str, *values: int | Ref, decimal: bool = False, comment: str | None = None
) -> DraftProperty:
    """A property of one group of cells."""
    return DraftProperty(name, (Cells(values, decimal),), comment)


# Names whose cells people read as counts, rates or times rather than as addresses or bit masks.
_DECIMAL = (
    r"#.*-cells|.*-(frequency|frequencies|hz|ms|us|ns|ps|microvolt|microamp|width|depth|size|speed"
    r"|num|count|channels|queues|lanes|delay|rate|rates|percent|max|min|id|threshold|watermark)"
    r"|interrupts|(max|min|num|nr|snps|tx|rx)-.*|.*,(num|nr|max|min)-.*|max-frequency|bus-width"
)


def reads_decimal(name: str) -> bool:
    """Whether a person reads the numbers of a property of this name in decimal."""
    return re.fullmatch(_DECIMAL, name) is not None


_PRINTABLE = rb"(?:[\x20-\x7e]+\0)+"
#: Lists in which a string may be empty: gpio-line-names has one for each line that is not used.
_NAMES = rb"(?:[\x20-\x7e]*\0)+"


def from_bytes(prop: Property) -> DraftProperty:
    """A property with the same bytes, in the form in which people would write it.

    The form is a guess for readers only (strings if they are printable, else cells, else bytes);
    the bytes stay the same.
    """
    value = prop.value
    if not value:
        return DraftProperty(prop.name)
    strings = _NAMES if prop.name.endswith("-names") else _PRINTABLE
    if re.fullmatch(strings, value):
        return text(prop.name, *value[:-1].decode("ascii").split("\0"))
    if len(value) % 4 == 0:
        numbers = prop.cells()
        small = all(number < 10 for number in numbers)
        return cells(prop.name, *numbers, decimal=small or reads_decimal(prop.name))
    return DraftProperty(prop.name, (Bytes(value),))
