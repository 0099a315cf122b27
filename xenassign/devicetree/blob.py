"""Reading a devicetree blob: one strict, linear pass that keeps raw bytes.

The layout is chapter 5 of the Devicetree Specification. Every offset and size is checked before it
is used, every error names the byte offset and the node, and nothing is repaired. Bytes after the
tree (padding of U-Boot) are ignored. Versions: 17, and others that a reader of 17 or 16 is allowed
to read by their last-compatible version.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.names import (
    MAX_LENGTH,
    NODE_NAME,
    NODE_RULE,
    PROPERTY_NAME,
    PROPERTY_RULE,
)
from xenassign.devicetree.tree import DevicetreeError, Node, Property, Tree
from xenassign.errors import InputError, reason_of
from xenassign.reading import MAX_SIZE, read

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9

#: Nesting that Linux' unflattener accepts (FDT_MAX_DEPTH in drivers/of/fdt.c).
MAX_DEPTH = 64

HEADER = struct.Struct(">10I")
_WORD = struct.Struct(">I")
_PROP = struct.Struct(">II")
RESERVATION = struct.Struct(">QQ")


class Header(NamedTuple):
    """The fields of the header, version 17 (section 5.2): offsets and sizes are in bytes.

    Version 16 has no ``structure_size``: the word may have any value.
    """

    magic: int
    total: int
    structure: int
    strings: int
    reserved: int
    version: int
    compatible: int
    boot_cpu: int
    strings_size: int
    structure_size: int

    @classmethod
    def read(cls, data: bytes) -> Header:
        """The header of a blob of at least 40 bytes."""
        return cls._make(HEADER.unpack_from(data))


def read_blob_file(path: str | Path) -> Tree:
    """The tree of a .dtb file. Raises InputError (a DevicetreeError where the blob is invalid)."""
    name = str(path)
    try:
        data = read(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = reason_of(error)
        raise InputError(f"{name}: {reason}; give a .dtb or .dts file") from None
    return read_blob(data, name)


def read_blob(data: bytes, file: str = "<memory>") -> Tree:
    """The tree of a blob. ``file`` is its name in errors. Raises DevicetreeError."""
    return _BlobReader(data, file).read()


class _BlobReader:
    """The state of one pass: where it is, and which node it is in."""

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.file = file
        self.node: Node | None = None
        self.names: dict[int, str] = {}
        self.structure = self.strings = self.reserved = 0  # byte offsets of the blocks
        self.structure_end = self.strings_end = self.total = self.boot_cpu = 0

    def fail(self, offset: int, problem: str, fix: str = "the file is damaged") -> DevicetreeError:
        location = f" in node {self.node.path}" if self.node is not None else ""
        return DevicetreeError(f"{self.file}: byte {offset:#x}{location}: {problem}; {fix}")

    def read(self) -> Tree:
        self._header()
        reservations = self._reservations()
        root = self._structure()
        return Tree(root, self.file, reservations, self.boot_cpu, self.data[: self.total])

    def _header(self) -> None:
        data = self.data
        if len(data) < 4 or _WORD.unpack_from(data)[0] != MAGIC:
            fix = "give the .dtb that the board boots with"
            raise DevicetreeError(f"{self.file}: not a devicetree blob (no magic d00dfeed); {fix}")
        if len(data) < HEADER.size:
            raise self.fail(len(data), "the header of 40 bytes is cut off")
        header = Header.read(data)
        total, version = header.total, header.version
        self.structure, self.strings = header.structure, header.strings
        self.reserved, self.boot_cpu = header.reserved, header.boot_cpu
        if version < 16 or header.compatible > 17:
            raise self.fail(
                20,
                f"version {version} (last compatible {header.compatible}) is not supported",
                "version 17 is (dtc -V 17)",
            )
        if total > len(data):
            raise self.fail(4, f"totalsize is {total} bytes but the file has {len(data)}")
        if total < (36 if version < 17 else 40):
            raise self.fail(4, f"totalsize {total} is smaller than the header")
        if total > MAX_SIZE:
            raise self.fail(4, f"totalsize {total} is more than {MAX_SIZE} bytes", "is it a board?")
        self.total = total
        self.strings_end = self._block(12, self.strings, header.strings_size, "strings", 1)
        structure_size = header.structure_size
        if version < 17:  # the size of the structure block is not stored
            structure_size = total - self.structure
            structure_size -= structure_size % 4
        self.structure_end = self._block(8, self.structure, structure_size, "structure", 4)
        self._block(16, self.reserved, 16, "memory reservation", 8)

    def _block(self, field: int, offset: int, size: int, block: str, alignment: int) -> int:
        """Checks that a block lies in the blob, aligned; the offset of its end."""
        if offset % alignment:
            raise self.fail(
                field, f"the {block} block at {offset:#x} is not {alignment}-byte aligned"
            )
        if offset < 36 or offset + size > self.total:
            end = offset + size
            raise self.fail(
                field,
                f"the {block} block {offset:#x}-{end:#x} lies outside of {self.total:#x} bytes",
            )
        return offset + size

    def _reservations(self) -> tuple[tuple[int, int], ...]:
        reservations: list[tuple[int, int]] = []
        offset = self.reserved
        while True:
            if offset + RESERVATION.size > self.total:
                raise self.fail(offset, "the memory reservation block has no end")
            entry = RESERVATION.unpack_from(self.data, offset)
            if entry == (0, 0):
                return tuple(reservations)
            reservations.append(entry)
            offset += RESERVATION.size

    def _structure(self) -> Node:
        data, end = self.data, self.structure_end
        unpack = _WORD.unpack_from
        offset = self.structure
        root: Node | None = None
        depth = 0
        while True:
            if offset + 4 > end:
                raise self.fail(offset, "the structure block ends without FDT_END")
            (token,) = unpack(data, offset)
            if token == PROP:
                offset = self._property(offset)
            elif token == BEGIN_NODE:
                depth += 1
                if depth > MAX_DEPTH or (root is not None and depth == 1):
                    problem = (
                        "a second root node" if depth == 1 else f"deeper than {MAX_DEPTH} nodes"
                    )
                    raise self.fail(offset, problem)
                offset = self._begin(offset)
                root = root or self.node
            elif token == END_NODE:
                if self.node is None:
                    raise self.fail(offset, "FDT_END_NODE without a node")
                self.node = self.node.parent
                depth -= 1
                offset += 4
            elif token == NOP:
                offset += 4
            elif token == END:
                if self.node is not None:
                    raise self.fail(offset, "FDT_END inside of a node")
                if root is None:
                    raise self.fail(offset, "no root node")
                return root
            else:
                raise self.fail(offset, f"unknown token {token:#x}")

    def _begin(self, start: int) -> int:
        at = start + 4
        stop = self.data.find(b"\0", at, self.structure_end)
        if stop < 0:
            raise self.fail(start, "a node name without its NUL")
        raw, parent = self.data[at:stop], self.node
        if parent is None:
            if raw:
                shown = raw[:40].decode("latin-1")
                raise self.fail(start, f"the root node has the name {shown!r} instead of none")
            name = ""
        else:
            name = self._name(raw, start, NODE_NAME, "node name", NODE_RULE)
            other = parent.children.get(name)
            if other is not None:
                raise self.fail(
                    start, f"a second node {name!r} (the first is at {other.offset:#x})"
                )
        node = Node(name, parent, offset=start)
        if parent is not None:
            parent.children[name] = node
        self.node = node
        return self._padded(stop + 1)

    def _property(self, start: int) -> int:
        node = self.node
        if node is None:
            raise self.fail(start, "a property outside of every node")
        if start + 12 > self.structure_end:
            raise self.fail(start, "a property is cut off")
        size, name_at = _PROP.unpack_from(self.data, start + 4)
        name = self.names.get(name_at)
        if name is None:
            name = self.names[name_at] = self._property_name(start, name_at)
        value_at = start + 12
        if value_at + size > self.structure_end:
            raise self.fail(start, f"property {name} of {size} bytes reaches past the end")
        other = node.properties.get(name)
        if other is not None:
            first = other.offset - 12
            raise self.fail(start, f"a second property {name!r} (the first is at {first:#x})")
        if node.children:
            raise self.fail(start, f"property {name!r} comes after a subnode")
        value = self.data[value_at : value_at + size]
        node.properties[name] = Property(name, value, value_at)
        return self._padded(value_at + size)

    def _property_name(self, start: int, name_at: int) -> str:
        at = self.strings + name_at
        if at >= self.strings_end:
            raise self.fail(start, f"the property's name at {name_at:#x} is outside of the strings")
        stop = self.data.find(b"\0", at, self.strings_end)
        if stop < 0:
            raise self.fail(start, "a property name without its NUL")
        raw = self.data[at:stop]
        if not raw:
            raise self.fail(start, "a property without a name")
        return self._name(raw, start, PROPERTY_NAME, "property name", PROPERTY_RULE)

    def _name(self, raw: bytes, start: int, pattern: re.Pattern[str], kind: str, rule: str) -> str:
        """A name that the pattern matches (:mod:`xenassign.devicetree.names`)."""
        if len(raw) > MAX_LENGTH:
            raise self.fail(start, f"the {kind} has {len(raw)} characters")
        name = raw.decode("latin-1")
        if not pattern.fullmatch(name):
            raise self.fail(start, f"{name[:40]!r} is not a {kind}", rule)
        return name

    def _padded(self, offset: int) -> int:
        """The offset of the next token, counted from the start of the structure block."""
        return offset + (self.structure - offset) % 4
