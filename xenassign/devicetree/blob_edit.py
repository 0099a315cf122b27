"""Changing a blob in place: only the bytes of the requested changes differ.

The blob is not rewritten. New bytes are inserted into the structure block, missing property names
are appended to the strings block, and the offsets and sizes of the header are updated. The rest is
copied: order, FDT_NOP tokens, reservations, boot CPU, gaps between the blocks.

Insertions are where libfdt's functions make them, so that `fdtput` gives the same bytes (tests
compare them): a new property is the first of its node (fdt_setprop), several of one change keep
their order; a new subnode comes after the properties and before the other subnodes
(fdt_add_subnode); an existing property keeps its position. A name is the first string of the block
that ends with it, whole or not (`fdt_find_string_`). Unused names are not removed.

Where tools differ, or do not define the result:

- Free space after the blocks (`dtc -p`, U-Boot) is kept, and totalsize grows. (libfdt uses the
  space, `fdtput` cuts it off.) Bytes of the file after totalsize are not part of the tree, and are
  left out.
- Padding of a value is zero, as section 5.4.1 of the Devicetree Specification requires. (libfdt
  leaves the old bytes.)
- A replaced subnode keeps its position. (libfdt cannot replace one; deleted and added again it
  would be the first.)
- Version 16, which does not state the size of the structure block, becomes 17, and blocks in
  another order than reservations, structure, strings are put in that order without gaps, both as
  fdt_open_into does; but only if the blob changes.

Time is linear in the size of blob and changes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

from xenassign.devicetree.blob import (
    HEADER,
    MAX_DEPTH,
    NOP,
    RESERVATION,
    Header,
    read_blob,
)
from xenassign.devicetree.blob_writer import (
    Strings,
    assemble,
    node_tokens,
    padded,
    property_token,
)
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, encode
from xenassign.devicetree.names import MAX_LENGTH, NODE_NAME, PROPERTY_NAME
from xenassign.devicetree.tree import DevicetreeError, Node, Property, Tree
from xenassign.reading import MAX_SIZE


def edited(data: bytes, changes: Sequence[Change], file: str = "<memory>") -> bytes:
    """The blob with these changes; ``data`` up to its totalsize if they change nothing.

    Several changes of one node count as one. ``file`` is the blob's name in errors. Raises
    DevicetreeError: the blob cannot be read, a path does not exist, or changes contradict each
    other.
    """
    tree = read_blob(data, file)
    assert tree.data is not None
    editor = _Editor(tree, tree.data)
    for change in _merged(tree, changes):
        editor.change(change)
    if not editor.splices:
        return tree.data
    if editor.misordered():
        return edited(editor.reordered(), changes, file)
    return editor.result()


# ---------------------------------------------------------------------------- the changes


def _merged(tree: Tree, changes: Sequence[Change]) -> list[Change]:
    """One change for each existing node, in the order in which they are first named."""
    of_nodes = [_of_a_node(tree, change) for change in _joined(changes).values()]
    merged = _joined([change for change in of_nodes if change is not None])
    for change in merged.values():
        _check(tree.file, change)
        _check_above(tree.file, change.path, merged)
    return list(merged.values())


def _joined(changes: Sequence[Change]) -> dict[str, Change]:
    """One change for each path. Equal parts (apart from comments) are kept once."""
    joined: dict[str, Change] = {}
    for change in changes:
        other = joined.get(change.path, Change(change.path))
        properties = {
            (prop.name, prop.pieces): prop for prop in (*other.properties, *change.properties)
        }
        joined[change.path] = Change(
            change.path,
            tuple(properties.values()),
            tuple(dict.fromkeys((*other.children, *change.children))),
            tuple(dict.fromkeys((*other.drop, *change.drop))),
            tuple(dict.fromkeys((*other.remove, *change.remove))),
        )
    return joined


def _of_a_node(tree: Tree, change: Change) -> Change | None:
    """The change itself, or a change of the parent that adds the node; None: nothing to remove."""
    if tree.find(change.path) is not None:
        return change
    written, slash, name = change.path.rpartition("/")
    above = written or "/"
    if not slash or written == "/" or tree.find(above) is None:
        raise DevicetreeError(
            f"{tree.file}: cannot change {change.path}: neither the node nor its parent exists;"
            " give its full path"
        )
    if not change.properties and not change.children and (change.drop or change.remove):
        return None
    return Change(above, children=(DraftNode(name, change.properties, change.children),))


def _check(file: str, change: Change) -> None:
    """Refuses a change that names a property or a subnode twice."""
    _once(file, change.path, [*(prop.name for prop in change.properties), *change.drop])
    _once(file, change.path, [*(node.name for node in change.children), *change.remove])


def _check_above(file: str, path: str, merged: dict[str, Change]) -> None:
    """Refuses a change below a subnode that another change replaces or removes."""
    names = path.split("/")[1:] if path != "/" else []
    for depth, name in enumerate(names):
        above = merged.get("/" + "/".join(names[:depth]))
        if above and name in (*above.remove, *(node.name for node in above.children)):
            raise DevicetreeError(
                f"{file}: cannot change {path}: another change replaces or removes"
                f" {name!r} of {above.path}; request only one of them"
            )


def _once(file: str, path: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DevicetreeError(
                f"{file}: cannot change {path}: {name!r} is named twice; name it once"
            )
        seen.add(name)


# ---------------------------------------------------------------------------- the bytes of drafts


def _readable(name: str, pattern: re.Pattern[str]) -> bool:
    """Whether the reader accepts a name."""
    return len(name) <= MAX_LENGTH and pattern.fullmatch(name) is not None


class _Encoder:
    """Encodes properties and nodes; their names are added to the strings block."""

    def __init__(self, strings: bytes, file: str) -> None:
        self.file = file
        self.strings = Strings(strings)

    def value(self, path: str, prop: DraftProperty) -> bytes:
        for piece in prop.pieces:
            if isinstance(piece, Cells) and any(isinstance(cell, Ref) for cell in piece.values):
                raise DevicetreeError(
                    f"{self.file}: cannot set {prop.name} of {path}: it refers to a label;"
                    " give the number of the phandle"
                )
        return encode(prop, {})

    def property(self, path: str, prop: DraftProperty) -> bytes:
        """The tokens of a new property."""
        name, value = self._named_value(path, prop)
        return property_token(self.strings.offset(name), value)

    def node(self, above: str, draft: DraftNode) -> bytes:
        """The tokens of a new node with its subnodes, below the node of the path ``above``."""
        self._check(above.rstrip("/"), draft)
        return node_tokens(
            draft,
            lambda node: ((prop.name, encode(prop, {})) for prop in node.properties),
            self.strings,
        )

    def _named_value(self, path: str, prop: DraftProperty) -> tuple[str, bytes]:
        value = self.value(path, prop)
        if not _readable(prop.name, PROPERTY_NAME):
            raise DevicetreeError(
                f"{self.file}: cannot set {prop.name!r} of {path}: not a valid property name;"
                " choose another name"
            )
        return prop.name, value

    def _check(self, above: str, draft: DraftNode) -> None:
        """Refuses a node that the reader would refuse, or with two properties of one name."""
        path = f"{above}/{draft.name}"
        if not _readable(draft.name, NODE_NAME):
            raise DevicetreeError(
                f"{self.file}: cannot add {path!r}: {draft.name!r} is not a valid node name;"
                " choose another name"
            )
        if path.count("/") >= MAX_DEPTH:
            raise DevicetreeError(
                f"{self.file}: cannot add {path}: deeper than {MAX_DEPTH} nodes; put it higher"
            )
        _once(self.file, path, [prop.name for prop in draft.properties])
        _once(self.file, path, [child.name for child in draft.children])
        for prop in draft.properties:
            self._named_value(path, prop)
        for child in draft.children:
            self._check(path, child)

    def same(self, path: str, node: Node, draft: DraftNode) -> bool:
        """Whether a node equals a draft: properties and subnodes, in their order."""
        has = [(prop.name, prop.value) for prop in node.properties.values()]
        path = f"{path.rstrip('/')}/{draft.name}"
        return (
            has == [(prop.name, self.value(path, prop)) for prop in draft.properties]
            and list(node.children) == [child.name for child in draft.children]
            and all(self.same(path, node.children[child.name], child) for child in draft.children)
        )


# ---------------------------------------------------------------------------- the blob


class _Splice(NamedTuple):
    """Bytes that replace those from ``start`` to ``end``, byte offsets in the blob."""

    start: int
    end: int
    data: bytes


class _Editor:
    """A blob that the reader accepted, and the splices that changes need."""

    def __init__(self, tree: Tree, blob: bytes) -> None:
        self.tree = tree
        self.blob = blob
        self.splices: list[_Splice] = []
        header = Header.read(blob)
        if header.version < 17:  # it has no such field: the size is that up to FDT_END
            end = self._skip_nops(self._node_end(tree.root)) + 4
            header = header._replace(structure_size=end - header.structure)
        self.header = header
        strings_end = header.strings + header.strings_size
        self.encoder = _Encoder(blob[header.strings : strings_end], tree.file)

    def change(self, change: Change) -> None:
        """Adds the splices for the change of an existing node."""
        node = self.tree.find(change.path)
        assert node is not None
        self._change_properties(node, change)
        self._change_children(node, change)

    def _change_properties(self, node: Node, change: Change) -> None:
        new = []
        for requested in change.properties:
            prop = node.properties.get(requested.name)
            if prop is None:
                new.append(self.encoder.property(change.path, requested))
                continue
            value = self.encoder.value(change.path, requested)
            if value != prop.value:
                named = self.blob[prop.offset - 4 : prop.offset]
                data = struct.pack(">I", len(value)) + named + padded(value)
                self.splices.append(_Splice(prop.offset - 8, self._property_end(prop), data))
        if new:
            at = self._name_end(node)
            self.splices.append(_Splice(at, at, b"".join(new)))
        for name in change.drop:
            prop = node.properties.get(name)
            if prop is not None:
                self.splices.append(_Splice(prop.offset - 12, self._property_end(prop), b""))

    def _change_children(self, node: Node, change: Change) -> None:
        new = []
        for draft in change.children:
            child = node.children.get(draft.name)
            if child is None:
                new.append(self.encoder.node(change.path, draft))
            elif not self.encoder.same(change.path, child, draft):
                data = self.encoder.node(change.path, draft)
                self.splices.append(_Splice(child.offset, self._node_end(child), data))
        if new:
            at = self._skip_nops(self._properties_end(node))
            self.splices.append(_Splice(at, at, b"".join(new)))
        for name in change.remove:
            child = node.children.get(name)
            if child is not None:
                self.splices.append(_Splice(child.offset, self._node_end(child), b""))

    # Offsets of ends. The structure block is 4-byte aligned in the blob, and so are its tokens.

    def _name_end(self, node: Node) -> int:
        return _aligned(node.offset + 4 + len(node.name) + 1)

    def _property_end(self, prop: Property) -> int:
        return _aligned(prop.offset + len(prop.value))

    def _properties_end(self, node: Node) -> int:
        """The end of the last property, or of the name."""
        last = next(reversed(node.properties.values()), None)
        return self._name_end(node) if last is None else self._property_end(last)

    def _node_end(self, node: Node) -> int:
        """The offset after the node's FDT_END_NODE."""
        last, levels = node, 1
        while last.children:
            last = next(reversed(last.children.values()))
            levels += 1
        at = self._properties_end(last)
        for _ in range(levels):
            at = self._skip_nops(at) + 4
        return at

    def _skip_nops(self, at: int) -> int:
        while int.from_bytes(self.blob[at : at + 4], "big") == NOP:
            at += 4
        return at

    def misordered(self) -> bool:
        """Whether the blocks are in another order than libfdt requires for changes."""
        header = self.header
        return (
            header.structure < header.reserved + self._reserved_size()
            or header.strings < header.structure + header.structure_size
        )

    def _reserved_size(self) -> int:
        return (len(self.tree.reservations) + 1) * RESERVATION.size

    def reordered(self) -> bytes:
        """The blob of the same tree with its blocks in order and without gaps."""
        header = self.header
        structure = self.blob[header.structure : header.structure + header.structure_size]
        strings = self.blob[header.strings : header.strings + header.strings_size]
        return assemble(structure, strings, self.tree.reservations, header.boot_cpu)

    def result(self) -> bytes:
        """The blob with all splices. Its blocks must be in order."""
        old = self.header
        added = bytes(self.encoder.strings.block[old.strings_size :])
        grown = sum(len(splice.data) - (splice.end - splice.start) for splice in self.splices)
        header = old._replace(
            total=old.total + grown + len(added),
            strings=old.strings + grown,
            version=17,
            strings_size=old.strings_size + len(added),
            structure_size=old.structure_size + grown,
        )
        if header.total > MAX_SIZE:
            raise DevicetreeError(
                f"{self.tree.file}: the changed tree has {header.total} bytes, more than"
                f" {MAX_SIZE}; change less"
            )
        parts, at = [HEADER.pack(*header)], HEADER.size
        # An insertion at an offset comes before a replacement from there on, and of one node's
        # insertions the properties before the subnodes: sorting keeps the order of equals.
        for splice in sorted(self.splices, key=lambda splice: splice[:2]):
            parts += (self.blob[at : splice.start], splice.data)
            at = splice.end
        strings_end = old.strings + old.strings_size
        parts += (self.blob[at:strings_end], added, self.blob[strings_end:])
        return b"".join(parts)


def _aligned(offset: int) -> int:
    return offset + -offset % 4
