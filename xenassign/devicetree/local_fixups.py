"""``__local_fixups__``: which cells of an overlay are phandles of the overlay's own nodes.

Applying an overlay gives its nodes new phandles, and adds the same number to each cell that
``__local_fixups__`` names. The node repeats the overlay's nodes; each property has the byte offsets
of the references in the property of its name (Linux, Documentation/devicetree/
dynamic-resolution-notes.rst). A cell that is not named stays: a phandle of the base tree.
"""

from __future__ import annotations

from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, Text, cells
from xenassign.devicetree.overlay import LOCAL_FIXUPS


def with_local_fixups(root: DraftNode) -> DraftNode:
    """The overlay with ``__local_fixups__`` as its last node, as dtc puts it, if it needs one."""
    fixups = _fixups(root)
    if fixups is None:
        return root
    return root._replace(children=(*root.children, fixups._replace(name=LOCAL_FIXUPS)))


def _fixups(node: DraftNode) -> DraftNode | None:
    properties = [
        cells(prop.name, *offsets) for prop in node.properties if (offsets := _offsets(prop))
    ]
    children = [below for child in node.children if (below := _fixups(child)) is not None]
    if not properties and not children:
        return None
    return DraftNode(node.name, tuple(properties), tuple(children))


def _offsets(prop: DraftProperty) -> list[int]:
    """The byte offsets of the references in the property's value."""
    offsets = []
    at = 0
    for piece in prop.pieces:
        if isinstance(piece, Cells):
            offsets += [at + 4 * i for i, cell in enumerate(piece.values) if isinstance(cell, Ref)]
            at += 4 * len(piece.values)
        elif isinstance(piece, Text):
            at += len(piece.value.encode("utf-8")) + 1
        else:
            at += len(piece.value)
    return offsets
