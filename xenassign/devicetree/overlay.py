"""Overlays: the content and the target of each fragment.

A fragment is a child of the root with a child ``__overlay__``. Its target is a path
(``target-path``), or a phandle that the overlay's ``__fixups__`` name by a label, which the
``__symbols__`` of the base tree know. Source: Linux,
Documentation/devicetree/dynamic-resolution-notes.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.tree import Node, Tree

CONTENT = "__overlay__"
LOCAL_FIXUPS = "__local_fixups__"


class OverlayFragment(NamedTuple):
    """``content`` is merged into the node ``target``.

    ``target``: a path of the base tree; None if that depends on a base tree that is not given.
    ``fixups``: the node of ``__local_fixups__`` for the content; None if it has no references.
    """

    target: str | None
    content: Node
    fixups: Node | None

    def path(self, node: Node, target: str = "/") -> str:
        """The path in the base tree of a node of the content; ``target`` if its own is unknown."""
        below = node.path.removeprefix(self.content.path)
        return (target if self.target is None else self.target).rstrip("/") + below or "/"


def is_overlay(tree: Tree) -> bool:
    """Whether a tree is an overlay: it has a fragment."""
    return any(CONTENT in node.children for node in tree.root.children.values())


def fragments(overlay: Tree, base: Tree | None = None) -> Iterator[OverlayFragment]:
    """The fragments of an overlay, in its order. ``base``: the tree that it is for, if known."""
    labels = _labels(overlay)
    symbols = base.root.children.get("__symbols__") if base is not None else None
    fixups = overlay.root.children.get(LOCAL_FIXUPS)
    for fragment in overlay.root.children.values():
        content = fragment.children.get(CONTENT)
        if content is None:
            continue
        target = fragment.text("target-path")
        label = labels.get(fragment.name)
        if target is None and label is not None and symbols is not None:
            target = symbols.text(label)
        yield OverlayFragment(target, content, child(child(fixups, fragment.name), CONTENT))


def child(node: Node | None, name: str) -> Node | None:
    """The child of that name; None without it or without a node, for walking two trees."""
    return node.children.get(name) if node is not None else None


def _labels(overlay: Tree) -> dict[str, str]:
    """The label of each fragment's target by the fragment's name: /fragment@0:target:0."""
    fixups = overlay.root.children.get("__fixups__")
    if fixups is None:
        return {}
    labels = {}
    for label in fixups.properties:
        for entry in fixups.strings(label):
            node, _, location = entry.partition(":")
            if location == "target:0":
                labels[node.removeprefix("/")] = label
    return labels
