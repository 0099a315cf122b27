"""The tree that is built from the statements of a source, and the nodes that references name.

The order of nodes and properties is that of dtc: a member keeps the position at which its name
first occurred, whatever happens to it later. Merging accepts what dtc accepts: content for an
existing node is *merged*, but the members of the pair of braces that creates a node are not, so
that a name can be there twice (an error, unless a later statement deletes one) and a
``/delete-node/`` there deletes nothing.
"""

from __future__ import annotations

from xenassign.devicetree.places import SourceError
from xenassign.devicetree.source.nodes import (
    Content,
    Definition,
    Delete,
    Omit,
    Piece,
    SourceNode,
    SourceProperty,
    Statement,
)
from xenassign.devicetree.source.values import UNKNOWN


class SourceTree:
    """A tree with an index of its labels."""

    def __init__(self, overlay: bool) -> None:
        self.overlay = overlay
        self.root = SourceNode()
        self._labelled: dict[str, dict[SourceNode, None]] = {}
        self._fragments = 0

    # --- references ---

    def find(self, reference: str) -> SourceNode | None:
        """The node that a label, a path, or a path below a label names."""
        if reference == "/":
            return self.root
        if reference.startswith("/"):
            return self.root.below(reference)
        label, slash, path = reference.partition("/")
        node = self._by_label(label)
        return node.below(path) if node is not None and slash else node

    def _by_label(self, label: str) -> SourceNode | None:
        nodes = [node for node in self._labelled.get(label, ()) if self._has(node, label)]
        if len(nodes) < 2:
            return nodes[0] if nodes else None
        return next(node for node in self.root.walk() if node in nodes)

    def _has(self, node: SourceNode, label: str) -> bool:
        return node.labels.get(label, False) and self.holds(node)

    def holds(self, node: SourceNode) -> bool:
        """Whether a node can be reached from the root through nodes that are not deleted."""
        above: SourceNode | None = node
        while above is not self.root:
            if above is None or above.deleted:
                return False
            above = above.parent
        return True

    # --- statements ---

    def begin(self, statement: Statement) -> None:
        """The first statement. Raises SourceError."""
        target = statement.target
        if not isinstance(statement, Content) or statement.label is not None:
            assert target is not None
            raise SourceError(target.span, "syntax error: no root node yet", "begin with / { }")
        if target is None:
            self.root = statement.node
            self._register(self.root)
        elif self.overlay:
            self._fragment(target, statement.node)
        else:
            raise _not_found(target)

    def add(self, statement: Statement) -> None:
        """Any further statement. Raises SourceError."""
        target = statement.target
        if target is None:
            node: SourceNode | None = self.root
        else:
            node = self.find(target.name)
        if isinstance(statement, Content) and target is not None and self.overlay:
            if statement.label is None and (node is None or target.braced):
                return self._fragment(target, statement.node)
            _refuse_relative(target)
        if node is None:
            assert target is not None
            raise _not_found(target)
        if isinstance(statement, Delete):
            node.delete()
        elif isinstance(statement, Omit):
            node.optional = True
        else:
            if statement.label is not None:
                self._label(node, statement.label)
            self._merge(node, statement.node)
        return None

    def _fragment(self, target: Piece, node: SourceNode) -> None:
        """Adds ``fragment@N`` for content that an overlay has for a node of the base tree."""
        _refuse_relative(target)
        if target.name.startswith("/"):
            name = "target-path"
            piece = Piece("string", target.name.encode() + b"\0", *target.span)
        else:
            name = "target"
            piece = Piece("phandle", UNKNOWN, *target.span, target.name)
        fragment = SourceNode(f"fragment@{self._fragments}", opened=[target.span])
        self._fragments += 1
        fragment.properties.add(
            SourceProperty(name, Definition([piece], target.span), *target.span)
        )
        node.name = "__overlay__"
        fragment.adopt(node)
        self.root.adopt(fragment)
        self._register(node)

    def _merge(self, old: SourceNode, new: SourceNode) -> None:
        """Gives a node the labels, properties and subnodes of another, recursively."""
        self._take_over(old, new)
        stack = [(old, iter(new.children.all))]
        while stack:
            old, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                continue
            existing = old.children.first(child.name)
            if child.deleted:
                if existing is not None:
                    existing.delete()
            elif existing is None:
                old.adopt(child)
                self._register(child)
            else:
                self._take_over(existing, child)
                stack.append((existing, iter(child.children.all)))

    def _take_over(self, old: SourceNode, new: SourceNode) -> None:
        """Gives a node the labels and properties of ``new``, without its subnodes."""
        old.deleted = False
        old.opened += new.opened
        for label in reversed(new.labels):
            self._label(old, label)
        for prop in new.properties.all:
            existing = old.properties.first(prop.name)
            if prop.deleted:
                if existing is not None:
                    existing.delete()
            elif existing is None:
                old.properties.add(prop)
            else:
                existing.label(reversed(prop.labels))
                existing.definition = prop.definition
                existing.start, existing.end, existing.deleted = prop.start, prop.end, False

    def _label(self, node: SourceNode, label: str) -> None:
        node.label([label])
        self._labelled.setdefault(label, {})[node] = None

    def _register(self, node: SourceNode) -> None:
        for new in node.walk(deleted=True):
            for label in new.labels:
                self._labelled.setdefault(label, {})[new] = None


def _not_found(target: Piece) -> SourceError:
    fix = "label the node, or fix the reference"
    return SourceError(target.span, f"label or path {target.name} not found", fix)


def _refuse_relative(target: Piece) -> None:
    if "/" in target.name[1:] and not target.name.startswith("/"):
        problem = f"{target.name} is a path below a label"
        fix = "an overlay cannot extend it: label the node itself"
        raise SourceError(target.span, problem, fix)
