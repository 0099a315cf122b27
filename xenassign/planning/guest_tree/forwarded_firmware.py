"""Firmware that answers the guest too: its node is kept in the guest's tree, and references to it.

The node stands below /passthrough/firmware, a simple-bus, since only the firmware node of the root
is a bus for Linux without being called one. Of the host's node the guest gets the children that its
own devices refer to, and no others: what a guest does not see it does not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xenassign.devicetree.draft import (
    Cells,
    DraftNode,
    DraftProperty,
    Ref,
    boolean,
    cells,
    text,
)
from xenassign.devicetree.tree import Node
from xenassign.planning.guest_tree.copies import copies
from xenassign.planning.guest_tree.suppliers import ReferenceRewriter, dropped_comments

#: What the host's node says of itself or of Xen.
_NOT_COPIED = frozenset(
    {
        "status",
        "interrupt-parent",
        "interrupts",
        "interrupts-extended",
        "interrupt-names",
        "xen,passthrough",
    }
)


def firmware_nodes(
    suppliers: ReferenceRewriter, drafts: Iterable[DraftNode]
) -> tuple[DraftNode, ...]:
    """The node ``firmware`` with every kept firmware, or nothing.

    ``drafts``: the guest's nodes so far, whose references say what is used. Rewriting the kept
    nodes may add nodes to ``suppliers``, so their stubs are asked for afterwards.
    """
    if not suppliers.kept:
        return ()
    every = tuple(drafts)
    made: tuple[DraftNode, ...] = ()
    seen: set[str] = set()
    while True:  # a kept node may refer to another: a regulator to the one that feeds it
        used = {ref.label for draft in (*every, *suppliers.extra, *made) for ref in _refs(draft)}
        if made and used <= seen:
            break
        seen = used
        made = tuple(_Copy(suppliers, kept.root, used).node() for kept in suppliers.kept)
    properties = (
        text("compatible", "simple-bus"),
        cells("#address-cells", 2, decimal=True),
        cells("#size-cells", 2, decimal=True),
        boolean("ranges"),
    )
    return (DraftNode("firmware", properties, made),)


def _refs(draft: DraftNode) -> Iterator[Ref]:
    for node in draft.walk():
        for prop in node.properties:
            for piece in prop.pieces:
                if isinstance(piece, Cells):
                    yield from (cell for cell in piece.values if isinstance(cell, Ref))


@dataclass(slots=True)
class _Copy:
    """The copy of a firmware's node. ``used``: the labels that the guest's tree refers to."""

    suppliers: ReferenceRewriter
    root: Node
    used: set[str]

    def node(self) -> DraftNode:
        children = tuple(self._below(child, 1) for child in self._wanted(self.root, whole=False))
        return self._draft(self.root, children)

    def _below(self, node: Node, depth: int) -> DraftNode:
        """A child with what is used of it. A pin group or regulator, deeper down, comes whole."""
        whole = depth > 1 and self._named(node)
        below = self._wanted(node, whole)
        return self._draft(node, tuple(self._below(child, depth + 1) for child in below))

    def _wanted(self, node: Node, whole: bool) -> list[Node]:
        return [
            child
            for child in node.children.values()
            if whole or any(self._named(below) for below in child.walk())
        ]

    def _named(self, node: Node) -> bool:
        """Whether a node, or for a part of a pin group what it is a part of, is referred to."""
        lineage = []
        for above in node.lineage():
            if above is self.root or above.parent is self.root:
                break
            lineage.append(above)
        own = self.suppliers.labels
        return own.get(node) in self.used or any(own.get(n) in self.used for n in lineage)

    def _draft(self, node: Node, children: tuple[DraftNode, ...]) -> DraftNode:
        changed, dropped = self.suppliers.rewrite(node)
        function = node.get("arm,smc-id")
        if function is not None:  # a number that people read in hex
            changed[function.name] = DraftProperty(function.name, (Cells(function.cells()),))
        comments = (f"kept from {node.path}",) if node is self.root else ()
        return DraftNode(
            node.name,
            tuple(copies(node, changed, _NOT_COPIED)),
            children,
            self.suppliers.label(node),
            (*comments, *dropped_comments(dropped)),
        )
