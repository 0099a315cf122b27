"""The tree that grows from the statements of a source, and what its references name.

The order of nodes and properties is that of dtc: a member keeps the place at which its name first
stood, whatever happens to it later. Merging follows dtc to the letter, where that matters for what
is accepted: content for a node that is there already is *merged*, but the members of one pair of
braces that makes a node are taken as they are, so that a name can stand there twice (an error,
unless a later statement deletes one) and a ``/delete-node/`` there deletes nothing.
"""

from __future__ import annotations

from xenassign.devicetree.places import SourceError
from xenassign.devicetree.source.nodes import (
    Content,
    Delete,
    Omit,
    Piece,
    SourceNode,
    SourceProperty,
    Statement,
)


class SourceTree:
    """A tree with an index of its labels."""

    def __init__(self, overlay: bool) -> None:
        self.overlay = overlay
        self.root = SourceNode()
        self._labelled: dict[str, dict[SourceNode, None]] = {}
        self._fragments = 0

    # --- what references name ---

    def find(self, reference: str) -> SourceNode | None:
        """The node that a label, a path, or a path below a label names."""
        if reference == "/":
            return self.root
        if reference.startswith("/"):
            return _below(self.root, reference)
        label, slash, path = reference.partition("/")
        node = self._by_label(label)
        return _below(node, path) if node is not None and slash else node

    def _by_label(self, label: str) -> SourceNode | None:
        found = [node for node in self._labelled.get(label, ()) if self._has(node, label)]
        if len(found) < 2:
            return found[0] if found else None
        return next(node for node in self.root.walk() if node in found)

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

    # --- how it grows ---

    def begin(self, statement: Statement) -> None:
        """The first statement. Raises SourceError."""
        target = statement.target
        if not isinstance(statement, Content) or statement.label is not None:
            assert target is not None
            raise SourceError(target.span, "syntax error: no node is there yet", "begin with / { }")
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
        """What an overlay adds to a node that is not its own."""
        _refuse_relative(target)
        if target.name.startswith("/"):
            name = "target-path"
            piece = Piece("string", target.name.encode() + b"\0", *target.span)
        else:
            name = "target"
            piece = Piece("phandle", b"\xff\xff\xff\xff", *target.span, target.name)
        fragment = SourceNode(f"fragment@{self._fragments}", opened=[target.span])
        self._fragments += 1
        fragment.properties.add(SourceProperty(name, [piece], target.span, *target.span))
        node.name = "__overlay__"
        fragment.adopt(node)
        self.root.adopt(fragment)
        self._register(node)

    def _merge(self, old: SourceNode, new: SourceNode) -> None:
        """Gives a node the content of another, and its subnodes that of the other's subnodes."""
        self._take_over(old, new)
        stack = [(old, iter(new.children.all))]
        while stack:
            old, children = stack[-1]
            child = next(children, None)
            if child is None:
                stack.pop()
                continue
            there = old.children.first(child.name)
            if child.deleted:
                if there is not None:
                    there.delete()
            elif there is None:
                old.adopt(child)
                self._register(child)
            else:
                self._take_over(there, child)
                stack.append((there, iter(child.children.all)))

    def _take_over(self, old: SourceNode, new: SourceNode) -> None:
        """Labels and properties of ``new``."""
        old.deleted = False
        old.opened += new.opened
        for label in reversed(new.labels):
            self._label(old, label)
        for prop in new.properties.all:
            there = old.properties.first(prop.name)
            if prop.deleted:
                if there is not None:
                    there.delete()
            elif there is None:
                old.properties.add(prop)
            else:
                there.labels.update(dict.fromkeys(reversed(prop.labels), True))
                there.pieces, there.named = prop.pieces, prop.named
                there.start, there.end, there.deleted = prop.start, prop.end, False

    def _label(self, node: SourceNode, label: str) -> None:
        node.labels[label] = True
        self._labelled.setdefault(label, {})[node] = None

    def _register(self, node: SourceNode) -> None:
        for new in node.walk(deleted=True):
            for label in new.labels:
                self._labelled.setdefault(label, {})[new] = None


def _below(node: SourceNode, path: str) -> SourceNode | None:
    """The node of a path below another. Slashes may be doubled, and one may stand at the end."""
    while path:
        name, slash, path = path.lstrip("/").partition("/")
        child = node.children.get(name)
        if child is None or not slash:
            return child
        node = child
    return None if node.deleted else node


def _not_found(target: Piece) -> SourceError:
    todo = "label a node so, or mend the reference"
    return SourceError(target.span, f"label or path {target.name} not found", todo)


def _refuse_relative(target: Piece) -> None:
    if "/" in target.name[1:] and not target.name.startswith("/"):
        what = f"{target.name} is a path below a label"
        raise SourceError(target.span, what, "an overlay cannot extend it: label the node itself")
