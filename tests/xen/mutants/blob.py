"""A blob that can be what the specification forbids, and its bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from xenassign.devicetree.blob import BEGIN_NODE, END, END_NODE, MAGIC, NOP, PROP, read_blob
from xenassign.devicetree.tree import Node

PAGE = 4096
MIB = 1 << 20


@dataclass
class RawNode:
    """A node that may be what the specification forbids: names repeat, and properties may come
    ``late``, after the subnodes.
    """

    name: str
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    children: list[RawNode] = field(default_factory=list)
    late: list[tuple[str, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, node: Node) -> RawNode:
        """A copy of a node that was read."""
        properties = [(prop.name, prop.value) for prop in node.properties.values()]
        return cls(node.name, properties, [cls.of(child) for child in node.children.values()])

    def get(self, name: str) -> bytes | None:
        """The first property of that name, or None."""
        return next((value for key, value in self.properties if key == name), None)

    def put(self, name: str, value: bytes) -> None:
        """Replaces the first property of that name, or adds one."""
        for at, (key, _) in enumerate(self.properties):
            if key == name:
                self.properties[at] = (name, value)
                return
        self.properties.append((name, value))

    def drop(self, name: str) -> None:
        """Removes every property of that name."""
        self.properties = [prop for prop in self.properties if prop[0] != name]

    def walk(self, path: str = "", parent: RawNode | None = None) -> Iterator[Place]:
        """The node and everything below it; ``path`` is that of the parent, without a slash."""
        own = f"{path}/{self.name}" if parent else ""
        yield Place(own or "/", self, parent)
        for child in self.children:
            yield from child.walk(own, self)


class Place(NamedTuple):
    """A node, and where it is."""

    path: str
    node: RawNode
    parent: RawNode | None


@dataclass
class Blob:
    """A blob: its tree, and what is done to its bytes when it is written.

    ``nops``: numbers of tokens before which an FDT_NOP is put. ``patches`` change the finished
    bytes, in order.
    """

    root: RawNode
    reservations: tuple[tuple[int, int], ...] = ()
    boot_cpu: int = 0
    nops: list[int] = field(default_factory=list)
    patches: list[Callable[[bytes], bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, data: bytes) -> Blob:
        """Reads a blob that is in order."""
        tree = read_blob(data)
        return cls(RawNode.of(tree.root), tree.reservations, tree.boot_cpu)

    def write(self) -> bytes:
        """The bytes: version 17, last compatible 16, the strings behind the structure."""
        offsets: dict[bytes, int] = {}
        tokens = [*_tokens(self.root, offsets), struct.pack(">I", END)]
        for at in self.nops:
            tokens.insert(at % len(tokens), struct.pack(">I", NOP))
        structure = b"".join(tokens)
        strings = b"".join(offsets)
        reserved = b"".join(struct.pack(">QQ", *entry) for entry in (*self.reservations, (0, 0)))
        start = 40 + len(reserved)
        total = start + len(structure) + len(strings)
        places = (MAGIC, total, start, start + len(structure), 40)
        header = struct.pack(">10I", *places, 17, 16, self.boot_cpu, len(strings), len(structure))
        data = header + reserved + structure + strings
        for patch in self.patches:
            data = patch(data)
        return data


def _tokens(node: RawNode, offsets: dict[bytes, int]) -> Iterator[bytes]:
    """The tokens of a node; ``offsets`` collects the names of properties in the strings block."""
    yield struct.pack(">I", BEGIN_NODE) + _padded(_name(node.name))
    for prop in node.properties:
        yield _property_token(prop, offsets)
    for child in node.children:
        yield from _tokens(child, offsets)
    for prop in node.late:
        yield _property_token(prop, offsets)
    yield struct.pack(">I", END_NODE)


def _property_token(prop: tuple[str, bytes], offsets: dict[bytes, int]) -> bytes:
    name, value = prop
    raw = _name(name)
    if raw not in offsets:
        offsets[raw] = sum(map(len, offsets))
    return struct.pack(">III", PROP, len(value), offsets[raw]) + _padded(value)


def _name(text: str) -> bytes:
    """A name with its NUL; surrogates are bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape") + b"\0"


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def string(text: str) -> bytes:
    return text.encode() + b"\0"


def cells_of(number: int, cells: int) -> bytes:
    """A number in 32-bit cells; what does not fit is cut off at the top."""
    return (number % (1 << 32 * cells)).to_bytes(4 * cells, "big")
