"""dtc's checks of a whole tree, and the values that follow them: phandles, paths, fixups.

The checks are those that are errors of dtc by default, named and ordered as in checks.c of dtc. Its
warnings are not checked. Each raises SourceError at the first mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from xenassign.devicetree.names import NODE_NAME, NODE_RULE, PROPERTY_NAME, PROPERTY_RULE
from xenassign.devicetree.places import SourceError, TextSpan
from xenassign.devicetree.source.assembly import SourceTree
from xenassign.devicetree.source.nodes import Definition, Piece, SourceNode, SourceProperty
from xenassign.devicetree.tree import NO_PHANDLE


def boot_cpu(root: SourceNode) -> int:
    """boot_cpuid_phys: ``reg`` of the first node below /cpus, if it is one cell.

    A reference there counts as 0xffffffff: dtc reads it before it assigns phandles.
    """
    cpus = root.children.get("cpus")
    first = cpus.children.all[0] if cpus and cpus.children.all else None
    reg = first.properties.get("reg") if first else None
    return int.from_bytes(reg.value, "big") if reg and len(reg.value) == 4 else 0


def complete(tree: SourceTree, symbols: bool) -> None:
    """Checks the tree, resolves its references, and adds what ``dtc -@`` and overlays have."""
    if tree.root.deleted:
        _refuse(tree.root, "the root is deleted", "a tree requires one")
    nodes = list(tree.root.walk())
    _fill_paths(nodes)
    for check in (_node_names, _property_names, _name_properties):
        for node in nodes:
            check(node)
    _labels(nodes)
    phandles = Phandles(tree)
    for node in nodes:
        phandles.take(node)
    _resolve(tree, nodes, phandles)
    _omit_unused(tree.root, symbols)
    if tree.root.deleted:
        _refuse(tree.root, "the root is omitted: nothing refers to it", "a tree requires one")
    if symbols:
        _add_symbols(tree, phandles)
    if tree.overlay:
        _add_fixups(tree)
        _add_local_fixups(tree)


def _refuse(node: SourceNode, problem: str, fix: str) -> NoReturn:
    raise SourceError(node.opened[-1] if node.opened else TextSpan(0, 0), problem, fix)


def _fill_paths(nodes: Sequence[SourceNode]) -> None:
    for node in nodes:
        if node.parent is not None:
            node.path = f"{node.parent.path.rstrip('/')}/{node.name}"


# --- names ---


def _node_names(node: SourceNode) -> None:
    """duplicate_node_names, node_name_chars, node_name_format

    A ``/delete-node/`` after a node in the same pair of braces counts as a second one.
    """
    seen = set()
    for child in node.children.all:
        if child.name in seen:
            problem = f"{node.path.rstrip('/')}/{child.name} is defined twice"
            _refuse(child, problem, "remove one, or delete it in a later / { }")
        if child.deleted:
            continue
        seen.add(child.name)
        if not NODE_NAME.fullmatch(child.name):
            _refuse(child, f"{child.name!r} is not a node name", NODE_RULE)


def _property_names(node: SourceNode) -> None:
    """duplicate_property_names, property_name_chars"""
    seen = set()
    for prop in node.properties:
        if prop.name in seen:
            problem = f"{prop.name} is defined twice in {node.path}"
            raise SourceError(prop.named, problem, "remove one")
        seen.add(prop.name)
        if not PROPERTY_NAME.fullmatch(prop.name):
            problem = f"{prop.name!r} is not a property name"
            raise SourceError(prop.named, problem, PROPERTY_RULE)


def _name_properties(node: SourceNode) -> None:
    """name_is_string, name_properties: ``name`` repeats the node's name, and is left out.

    As in dtc a deleted one is checked as well.
    """
    prop = node.properties.first("name")
    if prop is None:
        return
    base, value = node.base_name.encode(), prop.value
    is_string = prop.deleted or value.endswith(b"\0")
    if not (is_string and value.startswith(base) and len(value) == len(base) + 1):
        problem = f'the property name of {node.path} is not "{node.base_name}"'
        raise SourceError(prop.named, problem, "remove it")
    node.properties.remove(prop)


def _labels(nodes: Sequence[SourceNode]) -> None:
    """duplicate_label: a label names one node, one property or one place in a value."""
    seen = set()
    for node in nodes:
        for label, span in _labels_of(node):
            if label in seen:
                fix = "nodes, properties and values must not share a label"
                raise SourceError(span, f"the label {label} is defined twice", fix)
            seen.add(label)


def _labels_of(node: SourceNode) -> Iterator[tuple[str, TextSpan]]:
    opened = node.opened[-1] if node.opened else TextSpan(0, 0)
    yield from ((label, opened) for label, counts in node.labels.items() if counts)
    for prop in node.properties:
        if prop.labels:
            yield from ((label, prop.named) for label, counts in prop.labels.items() if counts)
        for piece in prop.symbolic:
            if piece.kind == "label":
                yield piece.name, piece.span


# --- references ---


class Phandles:
    """The phandles of a tree: those that the source states, and others, assigned from 1 on."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._owner: dict[int, SourceNode] = {}
        self._next = 1

    def take(self, node: SourceNode) -> None:
        """explicit_phandles: records the phandle that the source states for a node."""
        stated = self._given(node, "phandle")
        legacy = self._given(node, "linux,phandle")
        if stated and legacy and stated != legacy:
            _refuse(node, "phandle and linux,phandle differ", "remove linux,phandle")
        number = stated or legacy
        if not number:
            return
        if number in self._owner:
            problem = f"the phandle {number:#x} is already that of {self._owner[number].path}"
            _refuse(node, problem, "remove it: dtc assigns phandles")
        self._owner[number] = node
        node.phandle = number

    def _given(self, node: SourceNode, name: str) -> int:
        """The number in a property; 0 when it is absent, or is a reference to the node itself."""
        prop = node.properties.get(name)
        if prop is None:
            return 0
        value = prop.value
        if len(value) != 4:
            raise SourceError(prop.named, f"{name} has {len(value)} bytes", "requires one cell")
        for piece in prop.references():
            if self._tree.find(piece.name) is not node:
                raise SourceError(piece.span, f"{name} is that of another node", "remove it")
            return 0
        number = int.from_bytes(value, "big")
        if number in NO_PHANDLE:
            raise SourceError(prop.named, f"{name} {number:#x} is out of range", "remove it")
        return number

    def of(self, node: SourceNode) -> int:
        """The phandle of a node, assigned now if it has none."""
        if node.phandle:
            return node.phandle
        while self._next in self._owner and self._tree.holds(self._owner[self._next]):
            self._next += 1
        node.phandle = self._next
        self._owner[self._next] = node
        if node.properties.get("phandle") is None:
            node.properties.add(_made("phandle", node.phandle.to_bytes(4, "big")))
        return node.phandle


def _resolve(tree: SourceTree, nodes: Sequence[SourceNode], phandles: Phandles) -> None:
    """phandle_references, path_references: fills in the bytes of references."""
    pieces = [piece for node in nodes for prop in node.properties for piece in prop.symbolic]
    for kind in ("phandle", "path"):
        for piece in [piece for piece in pieces if piece.kind == kind]:
            target = tree.find(piece.name)
            if target is not None:
                target.referenced = True
                if kind == "phandle":
                    piece.data = phandles.of(target).to_bytes(4, "big")
                else:
                    piece.data = target.path.encode() + b"\0"
            elif kind == "path" or not tree.overlay:
                problem = f"no node has the label or path {piece.name}"
                raise SourceError(piece.span, problem, "fix the reference, or label the node")


def _omit_unused(root: SourceNode, symbols: bool) -> None:
    """omit_unused_nodes: deletes nodes marked /omit-if-no-ref/ that nothing refers to."""
    for node in root.walk():
        if node.optional and not node.referenced and not (symbols and node.labels):
            node.delete()


# --- what dtc adds ---


def _made(name: str, value: bytes) -> SourceProperty:
    """A property that is not in the source, without a place."""
    nowhere = TextSpan(-1, -1)
    made = Definition([Piece("string", value, *nowhere)], nowhere)
    return SourceProperty(name, made, *nowhere)


def _child(node: SourceNode, name: str) -> SourceNode:
    """The subnode of that name, added if there is none."""
    child = node.children.get(name)
    if child is None:
        child = SourceNode(name)
        node.adopt(child)
    return child


def _append(node: SourceNode, name: str, value: bytes) -> None:
    """Appends to the value of a property, which is added if there is none."""
    added, existing = _made(name, value), node.properties.get(name)
    if existing is None:
        node.properties.add(added)
        return
    if not isinstance(existing.definition, Definition):
        existing.definition = Definition(existing.pieces, existing.named)
    existing.definition.pieces.extend(added.pieces)


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
    """Each cell that is a reference: node, property, byte offset in its value, piece."""
    for node in root.walk():
        for prop in node.properties:
            offset = 0
            for piece in prop.pieces:
                if piece.kind == "phandle":
                    yield node, prop, offset, piece
                offset += len(piece.data)


def _add_fixups(tree: SourceTree) -> None:
    """``/__fixups__``: the cells of an overlay that need phandles of nodes of the base tree."""
    external = [cell for cell in _cells_of(tree.root) if tree.find(cell[3].name) is None]
    for node, prop, offset, piece in external:
        if "/" in piece.name:
            problem = f"the node {piece.name} is not part of the overlay"
            raise SourceError(piece.span, problem, "name it by a label of the board")
        fixups = _child(tree.root, "__fixups__")
        _append(fixups, piece.name, f"{node.path}:{prop.name}:{offset}".encode() + b"\0")


def _add_local_fixups(tree: SourceTree) -> None:
    """``/__local_fixups__``: the cells that are phandles of the overlay's own nodes."""
    for node, prop, offset, piece in list(_cells_of(tree.root)):
        if tree.find(piece.name) is not None:
            fixups = _child(tree.root, "__local_fixups__")
            for name in [above.name for above in node.lineage()][-2::-1]:
                fixups = _child(fixups, name)
            _append(fixups, prop.name, offset.to_bytes(4, "big"))
