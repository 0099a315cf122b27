"""Writing devicetree source that people read: with labels, references and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.draft import Bytes, Cells, DraftNode, DraftProperty, Piece, Ref, phandles
from xenassign.devicetree.names import LABEL, NODE_NAME, PROPERTY_NAME
from xenassign.devicetree.tree import DevicetreeError
from xenassign.escape import dts_comment, dts_name, dts_string

_WIDTH = 100


def to_dts(root: DraftNode) -> str:
    """The source of a draft from its root node on; the caller adds the lines above it.

    Raises DevicetreeError for a reference to a missing label, and a name that can't be written.
    """
    phandles(root)  # refuses a reference to nothing
    if root.label:
        raise DevicetreeError(f"the root cannot carry a label ({root.label}) in devicetree source")
    return "\n".join(_node(root, 0)) + "\n"


def _checked(name: str, pattern: re.Pattern[str], kind: str) -> str:
    if not pattern.fullmatch(name):
        raise DevicetreeError(f"the {kind} {name!r} cannot be written in devicetree source")
    return dts_name(name)


def _node(node: DraftNode, depth: int) -> Iterator[str]:
    indent = "\t" * depth
    for line in node.comments:
        yield f"{indent}/* {dts_comment(line)} */"
    for line in node.waivers:
        yield f"{indent}/* {dts_comment(line, waives=True)} */"
    label = f"{_checked(node.label, LABEL, 'label')}: " if node.label else ""
    name = _checked(node.name, NODE_NAME, "node name") if node.name else "/"
    yield f"{indent}{label}{name} {{"
    for prop in node.properties:
        yield from _property(prop, indent + "\t")
    for number, child in enumerate(node.children):
        if number or node.properties:
            yield ""
        yield from _node(child, depth + 1)
    yield f"{indent}}};"


def _property(prop: DraftProperty, indent: str) -> Iterator[str]:
    if prop.comment:
        yield f"{indent}/* {dts_comment(prop.comment)} */"
    name = _checked(prop.name, PROPERTY_NAME, "property name")
    if not prop.pieces:
        yield f"{indent}{name};"
        return
    pieces = [_piece(piece) for piece in prop.pieces]
    line = f"{indent}{name} = {', '.join(pieces)};"
    if len(line.expandtabs(8)) <= _WIDTH or len(pieces) == 1:
        yield line
        return
    continuation = indent + "\t"
    yield f"{indent}{name} = {pieces[0]},"
    for piece in pieces[1:-1]:
        yield f"{continuation}{piece},"
    yield f"{continuation}{pieces[-1]};"


def _piece(piece: Piece) -> str:
    if isinstance(piece, Cells):
        return "<" + " ".join(_cell(value, piece.decimal) for value in piece.values) + ">"
    if isinstance(piece, Bytes):
        return "[" + " ".join(f"{byte:02x}" for byte in piece.value) + "]"
    return dts_string(piece.value)


def _cell(value: int | Ref, decimal: bool) -> str:
    if isinstance(value, Ref):
        return f"&{value.label}"
    return str(value) if decimal else f"{value:#x}"
