"""What must hold for a whole tree, and what is filled in when it does: phandles and paths.

The checks are those of dtc that refuse by default, by the names that they have there and in its
order; its warnings are left to it. Each raises SourceError at the first mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from xenassign.devicetree.places import SourceError, TextSpan
from xenassign.devicetree.source.assembly import SourceTree
from xenassign.devicetree.source.nodes import Piece, SourceNode, SourceProperty
from xenassign.devicetree.tree import NO_PHANDLE

_NODE_NAME = re.compile(r"[a-zA-Z0-9,._+@-]*")
_PROPERTY_NAME = re.compile(r"[a-zA-Z0-9,._+*#?-]*")


def boot_cpu(root: SourceNode) -> int:
    """boot_cpuid_phys: ``reg`` of the first node below /cpus, if it is one cell.

    A reference there counts as 0xffffffff: dtc guesses before it knows phandles.
    """
    cpus = root.children.get("cpus")
    first = cpus.children.all[0] if cpus and cpus.children.all else None
    reg = first.properties.get("reg") if first else None
    return int.from_bytes(reg.value, "big") if reg and len(reg.value) == 4 else 0


def complete(tree: SourceTree, symbols: bool) -> None:
    """Checks the tree, resolves its references, and adds what ``dtc -@`` and overlays have."""
    if tree.root.deleted:
        _refuse(tree.root, "the root is deleted", "a tree needs one")
    _fill_paths(tree.root)
    for check in (_node_names, _property_names, _name_properties):
        for node in tree.root.walk():
            check(node)
    _labels(tree.root)
    phandles = Phandles(tree)
    for node in tree.root.walk():
        phandles.take(node)
    _resolve(tree, phandles)
    _omit_unused(tree.root, symbols)
    if tree.root.deleted:
        _refuse(tree.root, "the root is left out, since nothing refers to it", "a tree needs one")
    if symbols:
        _add_symbols(tree, phandles)
    if tree.overlay:
        _add_fixups(tree)
        _add_local_fixups(tree)


def _refuse(node: SourceNode, what: str, todo: str) -> NoReturn:
    raise SourceError(node.opened[-1] if node.opened else TextSpan(0, 0), what, todo)


def _fill_paths(root: SourceNode) -> None:
    for node in root.walk():
        if node.parent is not None:
            node.path = f"{node.parent.path.rstrip('/')}/{node.name}"


# --- names ---


def _node_names(node: SourceNode) -> None:
    """duplicate_node_names, node_name_chars, node_name_format

    A ``/delete-node/`` behind a node of the same pair of braces counts as a second one.
    """
    seen = set()
    for child in node.children.all:
        if child.name in seen:
            what = f"{node.path.rstrip('/')}/{child.name} stands there twice"
            _refuse(child, what, "remove one, or delete it in a later / { }")
        if child.deleted:
            continue
        seen.add(child.name)
        if not _NODE_NAME.fullmatch(child.name):
            what = f"the node name {child.name} has one of * # ?"
            _refuse(child, what, "take letters, digits and , . _ + - with one @")
        if child.name.count("@") > 1:
            _refuse(child, f"the node name {child.name} has several @", "take one")


def _property_names(node: SourceNode) -> None:
    """duplicate_property_names, property_name_chars"""
    seen = set()
    for prop in node.properties:
        if prop.name in seen:
            what = f"{prop.name} stands in {node.path} twice"
            raise SourceError(prop.named, what, "remove one")
        seen.add(prop.name)
        if not _PROPERTY_NAME.fullmatch(prop.name):
            what = f"the property name {prop.name} has an @"
            raise SourceError(prop.named, what, "only nodes have unit addresses")


def _name_properties(node: SourceNode) -> None:
    """name_is_string, name_properties: it repeats the node's name, and is left out.

    A deleted one is looked at as well, as dtc does.
    """
    prop = node.properties.first("name")
    if prop is None:
        return
    base, value = node.base_name.encode(), prop.value
    is_string = prop.deleted or value.endswith(b"\0")
    if not (is_string and value.startswith(base) and len(value) == len(base) + 1):
        what = f'the property name of {node.path} is not "{node.base_name}"'
        raise SourceError(prop.named, what, "remove it")
    node.properties.remove(prop)


def _labels(root: SourceNode) -> None:
    """duplicate_label: a label names one node, one property or one place in a value."""
    seen = set()
    for node in root.walk():
        for label, span in _labels_of(node):
            if label in seen:
                todo = "labels are unique, on nodes, properties and values together"
                raise SourceError(span, f"the label {label} stands there twice", todo)
            seen.add(label)


def _labels_of(node: SourceNode) -> Iterator[tuple[str, TextSpan]]:
    opened = node.opened[-1] if node.opened else TextSpan(0, 0)
    yield from ((label, opened) for label, counts in node.labels.items() if counts)
    for prop in node.properties:
        yield from ((label, prop.named) for label, counts in prop.labels.items() if counts)
        yield from ((piece.name, piece.span) for piece in prop.pieces if piece.kind == "label")


# --- references ---


class Phandles:
    """The phandles of a tree: those that source gives, and those that are dealt out from 1 on."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._owner: dict[int, SourceNode] = {}
        self._next = 1

    def take(self, node: SourceNode) -> None:
        """explicit_phandles: notes the phandle that source gives to a node."""
        found = self._given(node, "phandle")
        legacy = self._given(node, "linux,phandle")
        if found and legacy and found != legacy:
            _refuse(node, "phandle and linux,phandle differ", "remove linux,phandle")
        number = found or legacy
        if not number:
            return
        if number in self._owner:
            what = f"the phandle {number:#x} is that of {self._owner[number].path} already"
            _refuse(node, what, "remove it: dtc deals them out")
        self._owner[number] = node
        node.phandle = number

    def _given(self, node: SourceNode, name: str) -> int:
        """The number in a property; 0 when it is absent, or is a reference to the node itself."""
        prop = node.properties.get(name)
        if prop is None:
            return 0
        value = prop.value
        if len(value) != 4:
            raise SourceError(prop.named, f"{name} has {len(value)} bytes", "it is one cell")
        for piece in prop.references():
            if self._tree.find(piece.name) is not node:
                raise SourceError(piece.span, f"{name} is that of another node", "remove it")
            return 0
        number = int.from_bytes(value, "big")
        if number in NO_PHANDLE:
            raise SourceError(prop.named, f"{name} is {number:#x}", "that is no phandle; remove it")
        return number

    def of(self, node: SourceNode) -> int:
        """The phandle of a node, dealt out now if it has none."""
        if node.phandle:
            return node.phandle
        while self._next in self._owner and self._tree.holds(self._owner[self._next]):
            self._next += 1
        node.phandle = self._next
        self._owner[self._next] = node
        if node.properties.get("phandle") is None:
            node.properties.add(_made("phandle", node.phandle.to_bytes(4, "big")))
        return node.phandle


def _resolve(tree: SourceTree, phandles: Phandles) -> None:
    """phandle_references, path_references"""
    for kind in ("phandle", "path"):
        for node in tree.root.walk():
            for piece in [p for prop in node.properties for p in prop.pieces if p.kind == kind]:
                target = tree.find(piece.name)
                if target is not None:
                    target.referenced = True
                    if kind == "phandle":
                        piece.data = phandles.of(target).to_bytes(4, "big")
                    else:
                        piece.data = target.path.encode() + b"\0"
                elif kind == "path" or not tree.overlay:
                    what = f"no node has the label or path {piece.name}"
                    raise SourceError(piece.span, what, "mend the reference, or label the node")


def _omit_unused(root: SourceNode, symbols: bool) -> None:
    """omit_unused_nodes"""
    for node in root.walk():
        if node.optional and not node.referenced and not (symbols and node.labels):
            node.delete()


# --- what dtc adds ---


def _made(name: str, value: bytes) -> SourceProperty:
    """A property that stands nowhere in the source."""
    nowhere = TextSpan(-1, -1)
    return SourceProperty(name, [Piece("string", value, *nowhere)], nowhere, *nowhere)


def _child(node: SourceNode, name: str) -> SourceNode:
    """The subnode of that name, made if there is none."""
    found = node.children.get(name)
    if found is None:
        found = SourceNode(name)
        node.adopt(found)
    return found


def _append(node: SourceNode, name: str, value: bytes) -> None:
    """Adds to the value of a property, made if there is none."""
    made, there = _made(name, value), node.properties.get(name)
    if there is None:
        node.properties.add(made)
    else:
        there.pieces += made.pieces


def _add_symbols(tree: SourceTree, phandles: Phandles) -> None:
    """``/__symbols__``: each label with the path of its node, which gets a phandle."""
    labelled = [node for node in tree.root.walk() if node.labels]
    if not labelled:
        return
    symbols = _child(tree.root, "__symbols__")
    for node in labelled:
        for label in reversed(node.labels):
            if node.labels[label] and symbols.properties.get(label) is None:
                symbols.properties.add(_made(label, node.path.encode() + b"\0"))
        phandles.of(node)


def _cells_of(root: SourceNode) -> Iterator[tuple[SourceNode, SourceProperty, int, Piece]]:
    """Each cell that is a reference: node, property, offset in bytes, piece."""
    for node in root.walk():
        for prop in node.properties:
            offset = 0
            for piece in prop.pieces:
                if piece.kind == "phandle":
                    yield node, prop, offset, piece
                offset += len(piece.data)


def _add_fixups(tree: SourceTree) -> None:
    """``/__fixups__``: where an overlay wants the phandles of nodes that it does not have."""
    wanted = [cell for cell in _cells_of(tree.root) if tree.find(cell[3].name) is None]
    for node, prop, offset, piece in wanted:
        if "/" in piece.name:
            what = f"the node {piece.name} is not part of the overlay"
            raise SourceError(piece.span, what, "name it by a label of the board")
        fixups = _child(tree.root, "__fixups__")
        _append(fixups, piece.name, f"{node.path}:{prop.name}:{offset}".encode() + b"\0")


def _add_local_fixups(tree: SourceTree) -> None:
    """``/__local_fixups__``: where an overlay has phandles of its own, as a tree like its own."""
    for node, prop, offset, piece in list(_cells_of(tree.root)):
        if tree.find(piece.name) is not None:
            there = _child(tree.root, "__local_fixups__")
            for name in [above.name for above in node.lineage()][-2::-1]:
                there = _child(there, name)
            _append(there, prop.name, offset.to_bytes(4, "big"))
