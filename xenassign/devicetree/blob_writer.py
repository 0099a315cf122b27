"""Writing a devicetree blob: chapter 5 of the Devicetree Specification, version 17.

The bytes are those of dtc: header, reservations, structure and strings follow each other without
gaps, and a property's name is stored once and also serves every name that it ends with
(``phandle`` inside of ``linux,phandle``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from xenassign.devicetree.blob import (
    BEGIN_NODE,
    END,
    END_NODE,
    HEADER,
    MAGIC,
    PROP,
    RESERVATION,
    Header,
)
from xenassign.devicetree.draft import DraftNode, encode, phandles

_PROPERTY = struct.Struct(">III")
_BEGIN_NODE, _END_NODE, _END = (struct.pack(">I", token) for token in (BEGIN_NODE, END_NODE, END))


class _WritableNode(Protocol):
    """What the writer needs of a node, apart from its properties (``Properties``)."""

    @property
    def name(self) -> str: ...
    @property
    def children(self: N) -> Iterable[N]: ...
    def walk(self: N) -> Iterable[N]: ...


N = TypeVar("N", bound=_WritableNode)
#: Names and values of a node's properties, in order.
Properties = Callable[[N], Iterable[tuple[str, bytes]]]


class Strings:
    """A strings block, which grows by the names that it lacks, and the offsets of its names."""

    def __init__(self, block: bytes = b"") -> None:
        self.block = bytearray(block)
        self._offsets: dict[str, int] = {}

    @classmethod
    def of(cls, names: Iterable[str]) -> Strings:
        """The block that results when the offset of each name is asked for, in this order.

        The block is not searched for each name, which would take the square of their number.
        """
        strings = cls()
        within = _first_ends(list(dict.fromkeys(names)))
        for name, longer in within.items():
            if longer == name:
                strings._offsets[name] = len(strings.block)
                strings.block += name.encode("ascii") + b"\0"
            else:
                strings._offsets[name] = strings._offsets[longer] + len(longer) - len(name)
        return strings

    def offset(self, name: str) -> int:
        """The offset of a name: in the first string that ends with it (fdt_find_string_)."""
        offset = self._offsets.get(name)
        if offset is None:
            raw = name.encode("ascii") + b"\0"
            offset = self.block.find(raw)
            if offset < 0:
                offset = len(self.block)
                self.block += raw
            self._offsets[name] = offset
        return offset


def _first_ends(names: Sequence[str]) -> dict[str, str]:
    """For each name the first of the names that ends with it: another one, or itself."""
    order = {name: number for number, name in enumerate(names)}
    first = dict(order)  # the number of the first name that ends with a name
    ending: list[str] = []  # each ends with the one before it
    for backward in (*sorted(name[::-1] for name in names), None):
        name = backward[::-1] if backward is not None else ""
        while ending and (backward is None or not name.endswith(ending[-1])):
            longer = ending.pop()
            if ending:
                first[ending[-1]] = min(first[ending[-1]], first[longer])
        ending.append(name)
    return {name: names[first[name]] for name in names}


def to_blob(root: DraftNode) -> bytes:
    """The blob of a draft, with phandles numbered from 1 and no reservations.

    Raises DevicetreeError for a reference to a label that no node has.
    """
    numbers = phandles(root)

    def properties(node: DraftNode) -> Iterable[tuple[str, bytes]]:
        for prop in node.properties:
            yield prop.name, encode(prop, numbers)
        if node.label in numbers:  # last, where dtc puts the phandles that it makes
            yield "phandle", numbers[node.label].to_bytes(4, "big")

    return write_blob(root, properties)


def write_blob(
    root: N,
    properties: Properties[N],
    reservations: Iterable[tuple[int, int]] = (),
    boot_cpu: int = 0,
) -> bytes:
    """The blob of a tree. ``reservations`` are pairs of address and size in bytes.

    ``boot_cpu`` is the header's boot_cpuid_phys.
    """
    strings = Strings.of(name for node in root.walk() for name, _ in properties(node))
    structure = node_tokens(root, properties, strings) + _END
    return assemble(structure, bytes(strings.block), reservations, boot_cpu)


def assemble(
    structure: bytes, strings: bytes, reservations: Iterable[tuple[int, int]], boot_cpu: int
) -> bytes:
    """The blob of a structure block, FDT_END included, and a strings block."""
    reserved = b"".join(RESERVATION.pack(*entry) for entry in (*reservations, (0, 0)))
    structure_at = HEADER.size + len(reserved)
    strings_at = structure_at + len(structure)
    header = Header(
        magic=MAGIC,
        total=strings_at + len(strings),
        structure=structure_at,
        strings=strings_at,
        reserved=HEADER.size,
        version=17,
        compatible=16,
        boot_cpu=boot_cpu,
        strings_size=len(strings),
        structure_size=len(structure),
    )
    return HEADER.pack(*header) + reserved + structure + strings


def node_tokens(root: N, properties: Properties[N], strings: Strings) -> bytes:
    """A node and everything below it as tokens of the structure block, without FDT_END."""
    tokens = bytearray()
    stack: list[N | None] = [root]  # None ends a node
    while stack:
        node = stack.pop()
        if node is None:
            tokens += _END_NODE
            continue
        tokens += _BEGIN_NODE + padded(node.name.encode("ascii") + b"\0")
        for name, value in properties(node):
            tokens += property_token(strings.offset(name), value)
        stack.append(None)
        stack.extend(reversed(list(node.children)))
    return bytes(tokens)


def property_token(name_offset: int, value: bytes) -> bytes:
    """The FDT_PROP token with its value; ``name_offset`` is that in the strings block."""
    return _PROPERTY.pack(PROP, len(value), name_offset) + padded(value)


def padded(data: bytes) -> bytes:
    """The bytes, and zeros up to the next token (section 5.4.1)."""
    return data + bytes(-len(data) % 4)
