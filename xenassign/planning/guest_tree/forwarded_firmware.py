"""Firmware that answers the guest too: its node is kept in the guest's tree, and references to it.

The node is below /passthrough/firmware, a simple-bus, since Linux treats only /firmware as a bus
without this compatible. Of the children of the host's node the guest gets those that its devices
refer to, so that it does not use the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from xenassign.planning.kept_firmware import KeptFirmware

#: Properties of the host's node that are for the host or Xen only.
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
    rewriter: ReferenceRewriter, drafts: Iterable[DraftNode]
) -> tuple[DraftNode, ...]:
    """The node ``firmware`` with every kept firmware; empty if there is none.

    ``drafts``: the guest's nodes so far, whose references decide which children are kept. Rewriting
    the kept nodes may add stubs and copies to ``rewriter``, so they are read afterwards.
    """
    if not rewriter.kept:
        return ()
    others = tuple(drafts)
    kept: tuple[DraftNode, ...] = ()
    used_before: set[str] = set()
    while True:  # a kept node may refer to another: a regulator to its supply
        all_drafts = (*others, *rewriter.copied, *kept)
        used = {ref.label for draft in all_drafts for ref in _refs(draft)}
        if kept and used <= used_before:
            break
        used_before = used
        kept = tuple(_Copy(rewriter, firmware, used).node() for firmware in rewriter.kept)
    properties = (
        text("compatible", "simple-bus"),
        cells("#address-cells", 2, decimal=True),
        cells("#size-cells", 2, decimal=True),
        boolean("ranges"),
    )
    return (DraftNode("firmware", properties, kept),)


def _refs(draft: DraftNode) -> Iterator[Ref]:
    for node in draft.walk():
        for prop in node.properties:
            for piece in prop.pieces:
                if isinstance(piece, Cells):
                    yield from (cell for cell in piece.values if isinstance(cell, Ref))


class _Copy:
    """Copies a firmware node. ``used``: the labels that the guest's tree refers to."""

    def __init__(self, rewriter: ReferenceRewriter, kept: KeptFirmware, used: set[str]) -> None:
        self.rewriter = rewriter
        self.root = kept.root
        self.channel = kept.channel
        self.used = used

    def node(self) -> DraftNode:
        children = tuple(
            self._below(child, 1) for child in self._kept_children(self.root, whole=False)
        )
        return self._draft(self.root, children)

    def _below(self, node: Node, depth: int) -> DraftNode:
        """A child with the used nodes below it; pin groups and regulators are copied as a whole."""
        whole = depth > 1 and self._is_used(node)
        below = self._kept_children(node, whole)
        return self._draft(node, tuple(self._below(child, depth + 1) for child in below))

    def _kept_children(self, node: Node, whole: bool) -> list[Node]:
        """The children to copy: all if ``whole``, else those with a node that is referred to."""
        return [
            child
            for child in node.children.values()
            if whole or any(self._is_used(below) for below in child.walk())
        ]

    def _is_used(self, node: Node) -> bool:
        """Whether a node is referred to, or a node above it within the same child of the root."""
        lineage = []
        for above in node.lineage():
            if above is self.root or above.parent is self.root:
                break
            lineage.append(above)
        labels = self.rewriter.labels
        return any(labels.get(n) in self.used for n in (node, *lineage))

    def _draft(self, node: Node, children: tuple[DraftNode, ...]) -> DraftNode:
        changed, dropped = self.rewriter.rewrite(node)
        smc_id = node.get("arm,smc-id")
        if smc_id is not None:  # written in hexadecimal, as in Arm's documents
            changed[smc_id.name] = DraftProperty(smc_id.name, (Cells(smc_id.cells()),))
        if node is self.root and self.channel is not None:
            memory = Ref(self.rewriter.label(self.channel.memory))
            changed |= {
                "arm,smc-id": DraftProperty("arm,smc-id", (Cells((self.channel.function,)),)),
                "shmem": DraftProperty("shmem", (Cells((memory,)),)),
            }
            dropped = [supplier for supplier in dropped if supplier.property != "shmem"]
        comments = (f"kept from {node.path}",) if node is self.root else ()
        return DraftNode(
            node.name,
            tuple(copies(node, changed, _NOT_COPIED)),
            children,
            self.rewriter.label(node),
            (*comments, *dropped_comments(dropped)),
        )
