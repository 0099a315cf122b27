"""Writing a tree that was read from source, byte for byte as dtc does.

The format is chapter 5 of the specification, version 17. A property's name is stored once and also
serves every name that it ends with (``phandle`` inside of ``linux,phandle``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from xenassign.devicetree.blob import BEGIN_NODE, END, END_NODE, MAGIC, PROP
from xenassign.devicetree.source_nodes import SourceNode, SourceProperty

_HEADER_SIZE = 40


def to_blob(root: SourceNode, reservations: Iterable[tuple[int, int]], boot_cpu: int) -> bytes:
    """The blob. ``reservations`` are pairs of address and size, ``boot_cpu`` is boot_cpuid_phys."""
    reserved = b"".join(struct.pack(">QQ", *entry) for entry in (*reservations, (0, 0)))
    names = _Names()
    structure = b"".join(_structure(root, names))
    start = _HEADER_SIZE + len(reserved)
    strings = start + len(structure)
    header = struct.pack(
        ">10I",
        MAGIC,
        strings + len(names.block),
        start,
        strings,
        _HEADER_SIZE,
        17,
        16,
        boot_cpu,
        len(names.block),
        len(structure),
    )
    return header + reserved + structure + names.block


class _Names:
    """The strings block."""

    def __init__(self) -> None:
        self.block = bytearray()
        self._at: dict[bytes, int] = {}

    def offset(self, name: str) -> int:
        raw = name.encode()
        if raw not in self._at:
            at = len(self.block)
            self.block += raw + b"\0"
            for skipped in range(len(raw)):
                self._at.setdefault(raw[skipped:], at + skipped)
        return self._at[raw]


def _structure(root: SourceNode, names: _Names) -> Iterator[bytes]:
    stack: list[SourceNode | None] = [root]  # None ends a node
    while stack:
        node = stack.pop()
        if node is None:
            yield struct.pack(">I", END_NODE)
            continue
        yield struct.pack(">I", BEGIN_NODE) + _padded(node.name.encode() + b"\0")
        for prop in node.properties:
            yield _property(prop, names)
        stack.append(None)
        stack.extend(reversed(list(node.children)))
    yield struct.pack(">I", END)


def _property(prop: SourceProperty, names: _Names) -> bytes:
    value = prop.value
    return struct.pack(">III", PROP, len(value), names.offset(prop.name)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
