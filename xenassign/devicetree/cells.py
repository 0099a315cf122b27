"""Cells: numbers of 32-bit words, and the counts that say how many words a number has.

There are two readings. The strict one is that of the Devicetree Specification: what it does not
allow raises PropertyError. The functions ``xen_…`` read as Xen does, also data that may be
damaged, and never raise. Source: device_tree_get_u32, dt_next_cell, dt_property_read_u32 and
dt_property_read_u64 of Xen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from xenassign.devicetree.tree import Node, PropertyError

ADDRESS_CELLS, SIZE_CELLS = "#address-cells", "#size-cells"
#: Cells of an address or a size: OF_MAX_ADDR_CELLS of Linux, DT_MAX_ADDR_CELLS of Xen. PCI has 3.
_BUS_MOST = 4
#: Cells of any other specifier: MAX_PHANDLE_ARGS of Linux and Xen.
_SPECIFIER_MOST = 16


class BusCells(NamedTuple):
    """#address-cells and #size-cells of a bus: how many cells the numbers of its children have."""

    address: int
    size: int


DEFAULT_CELLS = BusCells(2, 1)
"""The cells of a bus that states none: section 2.3.5 of the specification, without inheritance,
and Xen for a node of a partial tree, and for the tree's root whatever it says
(DT_ROOT_NODE_*_CELLS_DEFAULT of xen/include/xen/device_tree.h; scan_pfdt_node and
domain_handle_dtb_boot_module of xen/common/device-tree/dom0less-build.c)."""


# ---------------------------------------------------------------------------- numbers


def number(cells: Iterable[int]) -> int:
    """Cells, most significant first, as one number."""
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def fits(value: int, count: int) -> bool:
    """Whether a number fits into ``count`` cells, which may be any number of a property."""
    return value.bit_length() <= 32 * count


def split(value: int, count: int) -> tuple[int, ...]:
    """A number as ``count`` cells, most significant first. Raises OverflowError if it is larger."""
    return struct.unpack(f">{count}I", value.to_bytes(4 * count, "big"))


# ---------------------------------------------------------------------------- as specified


def cell_count(node: Node, name: str, default: int | None = None) -> int:
    """The value of a property ``#…-cells``, or the default of one that is absent.

    Raises PropertyError: the value is not one cell or more than Linux and Xen read, or it is absent
    and there is no default.
    """
    prop = node.get(name)
    if prop is not None:
        count = prop.u32()
        most = _BUS_MOST if name in (ADDRESS_CELLS, SIZE_CELLS) else _SPECIFIER_MOST
        if count > most:
            raise PropertyError(f"{name} {count} of {node.path} is out of range (0 to {most})")
        return count
    if default is None:
        raise PropertyError(f"{node.path} has no {name}")
    return default


def bus_cells(bus: Node) -> BusCells:
    """The cells that hold for the children of a node, each at most 4. Raises PropertyError."""
    return BusCells(
        cell_count(bus, ADDRESS_CELLS, DEFAULT_CELLS.address),
        cell_count(bus, SIZE_CELLS, DEFAULT_CELLS.size),
    )


def entries(node: Node, name: str, width: int) -> Iterator[tuple[int, ...]]:
    """The entries of ``width`` cells each of a property; none when it is absent.

    Raises PropertyError: the length of the value is not a multiple of that.
    """
    values = node.cells(name)
    if width == 0 or len(values) % width:
        raise PropertyError(
            f"{name} of {node.path} has {len(values)} cells, not a multiple of {width}"
        )
    for at in range(0, len(values), width):
        yield values[at : at + width]


# ---------------------------------------------------------------------------- as Xen reads


class _CellsNode(Protocol):
    """A node of either reader: of a tree, or of a blob as libfdt walks it."""

    def value(self, name: str) -> bytes | None: ...


def xen_cell(value: bytes | None) -> int | None:
    """A property as one cell, None when it is absent or empty (device_tree_get_u32).

    Xen reads the first four bytes whatever the length: of a shorter value with the padding after
    it, which is zero.
    """
    return int.from_bytes((value + b"\0\0\0")[:4], "big") if value else None


def xen_bus_cells(*lineage: _CellsNode) -> BusCells:
    """The cells that Xen uses: those of the first node that states them, else 2 and 1."""

    def first(name: str, default: int) -> int:
        stated = (xen_cell(node.value(name)) for node in lineage)
        return next((count for count in stated if count is not None), default)

    address, size = DEFAULT_CELLS
    return BusCells(first(ADDRESS_CELLS, address), first(SIZE_CELLS, size))


def xen_cells(value: bytes) -> tuple[int, ...]:
    """The whole cells of a value; Xen ignores the bytes left over."""
    count = len(value) // 4
    return struct.unpack_from(f">{count}I", value)


def xen_number(cells: Sequence[int]) -> int:
    """Cells as one number, of which 64 bits remain: wider ones lose their high part, and no cells
    are 0 (dt_next_cell)."""
    return number(cells[-2:])


def xen_first_number(value: bytes | None, count: int = 1) -> int | None:
    """The number of the first ``count`` cells; None when the property is absent or shorter.

    Cells after them are ignored (dt_property_read_u32, dt_property_read_u64).
    """
    if value is None or len(value) < 4 * count:
        return None
    return int.from_bytes(value[: 4 * count], "big")
