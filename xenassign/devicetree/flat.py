"""A blob as libfdt walks it: tolerant where the strict reader (:mod:`xenassign.devicetree.blob`)
is not.

Xen and libxl read a partial device tree with libfdt, which accepts two nodes or properties of one
name, and a property after a subnode (which it never finds). Predicting their result requires the
same walk. Source: fdt.c and fdt_ro.c of libfdt: fdt_check_header, fdt_next_tag,
fdt_next_property_offset, fdt_next_subnode.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from xenassign.devicetree.blob import BEGIN_NODE, END_NODE, HEADER, MAGIC, NOP, PROP, Header

#: Versions that libfdt reads: FDT_FIRST_SUPPORTED_VERSION and FDT_LAST_SUPPORTED_VERSION.
_FIRST, _LAST = 2, 17
#: Header sizes in bytes, by the last version that has them (fdt_header_size_).
_HEADERS = ((1, 28), (2, 32), (3, 36), (16, 36))
#: Nesting that is followed: walks are recursive. The strict reader, as Linux, accepts 64.
MAX_DEPTH = 400
_WORD = struct.Struct(">I")
_PROPERTY = struct.Struct(">II")


class FlatNode(NamedTuple):
    """A node as it is in the blob: properties and subnodes in order, repeated ones kept."""

    name: str
    path: str
    properties: tuple[tuple[str, bytes], ...]
    children: tuple[FlatNode, ...]

    def value(self, name: str) -> bytes | None:
        """The value that fdt_getprop finds."""
        return next((value for key, value in self.properties if key == name), None)

    def last(self, name: str) -> bytes | None:
        """The value that a loop over all properties ends with."""
        return next((value for key, value in reversed(self.properties) if key == name), None)

    @property
    def phandle(self) -> int:
        """What fdt_get_phandle returns: 0 without one."""
        for name in ("phandle", "linux,phandle"):
            value = self.value(name)
            if value is not None and len(value) == 4:
                return int.from_bytes(value, "big")
        return 0

    def walk(self) -> Iterator[FlatNode]:
        """The node and all below it, in order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


def header_problem(data: bytes) -> str | None:
    """Why libfdt, or the callers' check of the total size, refuses a blob, or None."""
    if len(data) < 4 or _WORD.unpack_from(data)[0] != MAGIC:
        return "it has no magic d00dfeed"
    if len(data) < HEADER.size:
        return "its header is cut off"
    header = Header.read(data)
    version, compatible, total = header.version, header.compatible, header.total
    if version < _FIRST or compatible > _LAST or version < compatible:
        return f"its version is {version}, last compatible {compatible}"
    header_size = next((size for last, size in _HEADERS if version <= last), 40)
    if not header_size <= total <= 0x7FFFFFFF:
        return f"its total size is {total}"
    for start, size in (
        (header.reserved, 0),
        (header.structure, header.structure_size if version >= 17 else 0),
        (header.strings, header.strings_size),
    ):
        if not header_size <= start <= start + size <= total:
            return f"a block at {start:#x} of {size} bytes lies outside of it"
    if total > len(data):
        return f"its total size is {total} bytes, but there are only {len(data)}"
    return None


@lru_cache(maxsize=1)  # dom0less Xen and libxl are asked about one blob after the other
def read_flat(data: bytes) -> FlatNode | None:
    """The root of a blob with a valid header.

    None if the structure block is damaged, or nodes are nested deeper than ``MAX_DEPTH``.
    """
    try:
        return _Walk(data).root()
    except (struct.error, ValueError):
        return None


class _Walk:
    """The state of one pass: the offset in the structure block."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        header = Header.read(data)
        if header.version < 16:
            raise ValueError("names are whole paths, and values aligned to 8 bytes")
        self.structure, self.strings = header.structure, header.strings
        self.at = self.structure
        self.end = self.structure + header.structure_size if header.version >= 17 else header.total
        self.strings_end = self.strings + header.strings_size
        self.names: dict[int, str] = {}  # by offset

    def root(self) -> FlatNode:
        if self._tag() == NOP:  # the root is not where libfdt looks, so it finds nothing
            return FlatNode("", "/", (), ())
        if self._tag() != BEGIN_NODE:
            raise ValueError("no root node")
        return self._node("", 1)

    def _tag(self) -> int:
        if self.at + 4 > self.end:
            raise ValueError("the structure block ends")
        return int(_WORD.unpack_from(self.data, self.at)[0])

    def _text(self, at: int, end: int) -> str:
        return self.data[at : self.data.index(b"\0", at, end)].decode("latin-1")

    def _skip(self, size: int) -> None:
        """Moves on by ``size`` bytes, rounded up to the next token of the structure block."""
        self.at += size
        self.at += (self.structure - self.at) % 4

    def _node(self, above: str, depth: int) -> FlatNode:
        if depth > MAX_DEPTH:
            raise ValueError(f"deeper than {MAX_DEPTH} nodes")
        name = self._text(self.at + 4, self.end)
        self._skip(4 + len(name) + 1)
        path = f"{above.rstrip('/')}/{name}"
        properties: list[tuple[str, bytes]] = []
        children: list[FlatNode] = []
        while (tag := self._tag()) != END_NODE:
            if tag == NOP:
                self.at += 4
            elif tag == BEGIN_NODE:
                children.append(self._node(path, depth + 1))
            elif tag == PROP:
                prop = self._property()
                if not children:  # libfdt stops looking for properties at the first subnode
                    properties.append(prop)
            else:
                raise ValueError(f"token {tag:#x}")
        self.at += 4
        return FlatNode(name, path, tuple(properties), tuple(children))

    def _property(self) -> tuple[str, bytes]:
        size, name_at = _PROPERTY.unpack_from(self.data, self.at + 4)
        start = self.at + 12
        if start + size > self.end:
            raise ValueError("a property reaches past the end")
        self._skip(12 + size)
        name = self.names.get(name_at)
        if name is None:
            name = self.names[name_at] = self._text(self.strings + name_at, self.strings_end)
        return name, self.data[start : start + size]
