"""Applying an overlay to a tree, as libfdt's ``fdt_overlay_apply`` does (fdtoverlay, U-Boot).

The result is that of libfdt 1.7.2, node for node and in its order: what is new comes before what
its node had. The phandles of the overlay are raised above those of the base, except that a node
of the base keeps its own (before 1.7.1 the overlay's replaced it). A name without unit address also
finds a node that has one (``fdt_nodename_eq_``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.devicetree.blob_writer import write_blob
from xenassign.devicetree.overlay import CONTENT, LOCAL_FIXUPS
from xenassign.devicetree.tree import NO_PHANDLE, DevicetreeError, Node, Tree

SYMBOLS, FIXUPS = "__symbols__", "__fixups__"
_PHANDLES = ("phandle", "linux,phandle")
_PHANDLE_MAX = max(NO_PHANDLE) - 1


class MisfitError(DevicetreeError):
    """An overlay that does not fit its base. ``node``: the path of the node of the overlay."""

    def __init__(self, problem: str, node: str = "/") -> None:
        super().__init__(problem)
        self.problem = problem
        self.node = node


class Applied(NamedTuple):
    """The tree that results, and the path there of each node of the overlay's contents."""

    blob: bytes
    paths: Mapping[str, str]


class _Node:
    """A node whose properties and subnodes can be added to; what is added comes first."""

    def __init__(
        self,
        name: str,
        path: str,
    ) -> None:
        self.name = name
        self.path = path
        self.old_values: dict[str, bytearray] = {}
        self.new_values: dict[str, bytearray] = {}
        self.old_nodes: dict[str, _Node] = {}
        self.new_nodes: dict[str, _Node] = {}
        #: The first subnode of each name without unit address.
        self.first: dict[str, _Node] = {}

    @classmethod
    def of(cls, node: Node) -> _Node:
        """A copy of a node and all below it."""
        root = cls(node.name, "/")
        pairs = [(node, root)]
        while pairs:
            old, copy = pairs.pop()
            copy.old_values = {p.name: bytearray(p.value) for p in old.properties.values()}
            for child in old.children.values():
                made = cls(child.name, _join(copy.path, child.name))
                copy.old_nodes[child.name] = made
                copy.first.setdefault(child.base_name, made)
                pairs.append((child, made))
        return root

    @property
    def children(self) -> list[_Node]:
        """The subnodes in the order of the result."""
        return [*reversed(self.new_nodes.values()), *self.old_nodes.values()]

    @property
    def values(self) -> list[tuple[str, bytearray]]:
        """The properties in the order of the result."""
        return [*reversed(self.new_values.items()), *self.old_values.items()]

    def walk(self) -> Iterator[_Node]:
        """The node and everything below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def value(self, name: str) -> bytearray | None:
        """The bytes of a property, which may be changed in place."""
        old = self.old_values.get(name)
        return old if old is not None else self.new_values.get(name)

    def set(self, name: str, value: bytes) -> None:
        """Sets a property: an existing one keeps its position (fdt_setprop)."""
        values = self.old_values if name in self.old_values else self.new_values
        values[name] = bytearray(value)

    def child(self, name: str) -> _Node | None:
        """The subnode that libfdt finds for a name."""
        if "@" not in name:
            return self.first.get(name)
        return self.old_nodes.get(name) or self.new_nodes.get(name)

    def add(self, name: str) -> _Node:
        """The subnode of a name, added before the others if libfdt finds none."""
        node = self.child(name)
        if node is None:
            node = self.new_nodes[name] = _Node(name, _join(self.path, name))
            self.first[name.partition("@")[0]] = node
        return node

    def find(self, path: str) -> _Node | None:
        """The node that libfdt finds for a full path (fdt_path_offset)."""
        node: _Node | None = self if path.startswith("/") else None
        for name in path.split("/"):
            if node is not None and name:
                node = node.child(name)
        return node

    @property
    def phandle(self) -> int:
        """The phandle; 0 without one."""
        for name in _PHANDLES:
            value = self.value(name)
            if value is not None and len(value) == 4:
                return int.from_bytes(value, "big")
        return 0


def apply_overlay(base: Tree, overlay: Tree) -> Applied:
    """The base with an overlay. Raises MisfitError where libfdt refuses it."""
    merged = _Merge(_Node.of(base.root), _Node.of(overlay.root), base.file)
    merged.run()
    blob = write_blob(
        merged.base,
        lambda node: ((name, bytes(value)) for name, value in node.values),
        base.reservations,
        base.boot_cpu,
    )
    return Applied(blob, merged.paths)


class _Merge:
    """The steps of fdt_overlay_apply, which change both trees. ``file``: the base's name."""

    def __init__(
        self,
        base: _Node,
        overlay: _Node,
        file: str,
    ) -> None:
        self.base = base
        self.overlay = overlay
        self.file = file
        self.paths: dict[str, str] = {}

    def run(self) -> None:
        """All steps, in libfdt's order. Raises MisfitError."""
        highest = max(node.phandle for node in self.base.walk())
        self._raise_phandles(highest)
        for value, offset in self._local_references():
            _put(value, offset, _at(value, offset) + highest)
        self._resolve_labels()
        targets = list(self._targets())
        for target, content in targets:
            self._keep_phandles(target, content)
        for target, content in targets:
            self._merge(target, content)
        self._add_symbols({content.path: target.path for target, content in targets})

    def _raise_phandles(self, highest: int) -> None:
        """overlay_adjust_local_phandles."""
        for node in self.overlay.walk():
            for name in _PHANDLES:
                value = node.value(name)
                if value is None or len(value) != 4:
                    continue
                if _at(value, 0) + highest > _PHANDLE_MAX:
                    raise MisfitError("its phandles and those of the base are too high", node.path)
                _put(value, 0, _at(value, 0) + highest)

    def _local_references(self) -> Iterator[tuple[bytearray, int]]:
        """(value, byte offset) of each cell that names a node of the overlay itself."""
        fixups = self.overlay.old_nodes.get(LOCAL_FIXUPS)
        pairs = [(fixups, self.overlay)] if fixups is not None else []
        while pairs:
            fixup, node = pairs.pop()
            for name, offsets in fixup.values:
                value = node.value(name)
                for (offset,) in struct.iter_unpack(">I", offsets[: len(offsets) & ~3]):
                    if value is None or offset + 4 > len(value) or len(offsets) % 4:
                        raise MisfitError(f"{fixup.path} does not fit its nodes", node.path)
                    yield value, offset
            for below in fixup.children:
                child = node.child(below.name)
                if child is None:
                    raise MisfitError(f"{below.path} does not fit its nodes", node.path)
                pairs.append((below, child))

    def _resolve_labels(self) -> None:
        """References to labels of the base (overlay_fixup_phandles)."""
        fixups = self.overlay.old_nodes.get(FIXUPS)
        for label, places in fixups.values if fixups is not None else ():
            phandle = self._phandle_of(label, _first_path(places))
            for entry in places.decode("utf-8", "replace").rstrip("\0").split("\0"):
                path, name, offset = (*entry.split(":"), "", "")[:3]
                node = self.overlay.find(path)
                value = node.value(name) if node is not None else None
                at = int(offset) if offset.isdigit() and len(offset) < 10 else -1
                if value is None or not 0 <= at <= len(value) - 4:
                    raise MisfitError(f"{FIXUPS} of &{label} names no value: {entry}")
                _put(value, at, phandle)

    def _phandle_of(self, label: str, used_at: str) -> int:
        symbols = self.base.child(SYMBOLS)
        if symbols is None:
            problem = f"&{label} cannot be found: {self.file} has no labels (dtc -@ keeps them)"
            raise MisfitError(problem, used_at)
        path = symbols.value(label)
        node = self.base.find(path.decode("utf-8", "replace").partition("\0")[0]) if path else None
        if node is None:
            raise MisfitError(f"{self.file} has no label {label}", used_at)
        if not node.phandle:
            raise MisfitError(f"&{label} of {self.file} has no phandle", used_at)
        return node.phandle

    def _targets(self) -> Iterator[tuple[_Node, _Node]]:
        """(node of the base, content) of each fragment (fdt_overlay_target_offset)."""
        by_phandle: dict[int, _Node] = {}
        for node in self.base.walk():
            if node.phandle:
                by_phandle.setdefault(node.phandle, node)
        for fragment in self.overlay.children:
            content = fragment.child(CONTENT)
            if content is None:
                continue
            phandle, path = fragment.value("target"), fragment.value("target-path")
            target: _Node | None = None
            problem = "a fragment has no target"
            if phandle is not None:
                number = int.from_bytes(phandle, "big")
                target, problem = by_phandle.get(number), f"{self.file} has no phandle {number:#x}"
            elif path is not None:
                text = path.decode("utf-8", "replace").partition("\0")[0]
                target, problem = self._target(text), f"{self.file} has no node {text}"
            if target is None:
                raise MisfitError(problem, content.path)
            yield target, content

    def _target(self, path: str) -> _Node | None:
        """A target-path, which may begin with an alias."""
        if path.startswith("/"):
            return self.base.find(path)
        alias, slash, below = path.partition("/")
        aliases = self.base.child("aliases")
        value = aliases.value(alias) if aliases is not None else None
        known = value.decode("utf-8", "replace").partition("\0")[0] if value is not None else ""
        return self.base.find(known + slash + below) if known.startswith("/") else None

    def _keep_phandles(self, target: _Node, content: _Node) -> None:
        """Nodes that have a phandle in the base too (overlay_prevent_phandle_overwrites)."""
        pairs = [(target, content)]
        kept: dict[int, int] = {}
        while pairs:
            node, new = pairs.pop()
            if node.phandle and new.phandle:
                kept[new.phandle] = node.phandle
                for name in _PHANDLES:
                    value = new.value(name)
                    if value is not None and len(value) == 4:
                        _put(value, 0, node.phandle)
            below = ((node.child(child.name), child) for child in new.children)
            pairs += [(old, child) for old, child in below if old is not None]
        if kept:
            for value, offset in self._local_references():
                _put(value, offset, kept.get(_at(value, offset), _at(value, offset)))

    def _merge(self, target: _Node, content: _Node) -> None:
        """overlay_apply_node."""
        pairs = [(target, content)]
        while pairs:
            node, new = pairs.pop()
            self.paths[new.path] = node.path
            for name, value in new.values:
                node.set(name, bytes(value))
            pairs += reversed([(node.add(child.name), child) for child in new.children])

    def _add_symbols(self, targets: Mapping[str, str]) -> None:
        """The overlay's labels, as paths of the base (overlay_symbol_update)."""
        symbols = self.overlay.child(SYMBOLS)
        if symbols is None:
            return
        of_base = self.base.add(SYMBOLS)
        for label, value in symbols.values:
            path = value.decode("utf-8", "replace").partition("\0")[0]
            content = "/".join(path.split("/")[:3])
            target = targets.get(content)
            if target is not None:
                below = path.removeprefix(content)
                of_base.set(label, ((target.rstrip("/") + below) or "/").encode() + b"\0")


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def _first_path(places: bytearray) -> str:
    path = places.decode("utf-8", "replace").partition(":")[0]
    return path if path.startswith("/") else "/"


def _at(value: bytes | bytearray, offset: int) -> int:
    return int.from_bytes(value[offset : offset + 4], "big")


def _put(value: bytearray, offset: int, number: int) -> None:
    value[offset : offset + 4] = (number & 0xFFFFFFFF).to_bytes(4, "big")
