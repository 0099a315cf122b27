"""Writing devicetree source that people read: with labels, references and comments.

Its form is that of Linux' devicetree coding style: tabs of 8 columns, at most 100 columns, and the
further lines of a value aligned with its first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenassign.devicetree.draft import Bytes, Cells, DraftNode, DraftProperty, Piece, Ref, phandles
from xenassign.devicetree.names import LABEL, NODE_NAME, PROPERTY_NAME
from xenassign.devicetree.tree import DevicetreeError
from xenassign.escape import dts_comment, dts_name, dts_string

#: Columns of a line, and of a tab.
_WIDTH, _TAB = 100, 8


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
    if not node.properties and not node.children:
        yield f"{indent}{label}{name} {{}};"
        return
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
    before = f"{indent}{name} = "
    line = f"{before}{', '.join(pieces)};"
    if _fits(line):
        yield line
        return
    below = indent + _blank(f"{name} = ")
    inside = indent + _blank(f"{name} = <")
    for piece in (*(f"{piece}," for piece in pieces[:-1]), f"{pieces[-1]};"):
        yield from _piece_lines(before, piece, inside)
        before = below


def _piece_lines(before: str, piece: str, inside: str) -> Iterator[str]:
    """The lines of a piece: cells and bytes are broken between them, aligned with the first."""
    words = piece.split(" ") if not piece.startswith('"') else [piece]
    line = before + words[0]
    for word in words[1:]:
        if _fits(f"{line} {word}"):
            line += f" {word}"
        else:
            yield line
            line = inside + word
    yield line


def _fits(line: str) -> bool:
    return len(line.expandtabs(_TAB)) <= _WIDTH


def _blank(text: str) -> str:
    """Tabs, then spaces, as wide as a text."""
    tabs, spaces = divmod(len(text), _TAB)
    return "\t" * tabs + " " * spaces


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
