"""Cells: numbers, and the counts of a bus as specified and as Xen reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenassign.devicetree.cells import (
    BusCells,
    bus_cells,
    cell_count,
    entries,
    fits,
    number,
    split,
    xen_bus_cells,
    xen_cell,
    xen_cells,
    xen_first_number,
    xen_number,
)
from xenassign.devicetree.flat import FlatNode
from xenassign.devicetree.tree import Node, Property, PropertyError

CELLS = st.lists(st.integers(0, 2**32 - 1), max_size=6)


def node(parent: Node | None = None, /, **properties: bytes) -> Node:
    """A node; ``address``, ``size`` and ``reg`` are values of properties."""
    names = {"address": "#address-cells", "size": "#size-cells", "reg": "reg"}
    stated = {names[key]: Property(names[key], value) for key, value in properties.items()}
    return Node("bus", parent, stated)


@given(CELLS)
def test_a_number_is_split_into_its_cells(cells: list[int]) -> None:
    value = number(cells)
    assert value == int.from_bytes(b"".join(cell.to_bytes(4, "big") for cell in cells), "big")
    assert split(value, len(cells)) == tuple(cells)


@given(st.integers(0, 2**160), st.integers(0, 5))
def test_a_number_without_room_is_refused(value: int, count: int) -> None:
    if value < 1 << 32 * count:
        assert number(split(value, count)) == value
    else:
        with pytest.raises(OverflowError):
            split(value, count)


@given(CELLS)
def test_xen_keeps_64_bits_of_a_number(cells: list[int]) -> None:
    assert xen_number(cells) == number(cells) % (1 << 64)


@given(CELLS, st.binary(max_size=3))
def test_xen_ignores_what_is_no_whole_cell(cells: list[int], rest: bytes) -> None:
    value = b"".join(cell.to_bytes(4, "big") for cell in cells) + rest
    assert xen_cells(value) == tuple(cells)


@given(st.binary(max_size=13), st.integers(1, 2))
def test_xen_reads_the_first_cells_or_nothing(value: bytes, count: int) -> None:
    expected = number(xen_cells(value)[:count]) if len(value) >= 4 * count else None
    assert xen_first_number(value, count) == expected


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (None, None),
        (b"", None),
        (b"\1", 0x01000000),
        (b"\0\0\0\3", 3),
        (b"\0\0\0\1\0\0\0\2", 1),
        (b"\0\0\0\0", 0),
    ],
)
def test_xen_reads_four_bytes_of_a_cell_count(value: bytes | None, count: int | None) -> None:
    assert xen_cell(value) == count


def test_xen_takes_the_first_node_that_states_a_count() -> None:
    inner = node(size=b"\0\0\0\0", address=b"")
    outer = node(size=b"\0\0\0\2", address=b"\0\0\0\3")
    assert xen_bus_cells(inner) == BusCells(2, 0)
    assert xen_bus_cells(inner, outer) == BusCells(3, 0)
    assert xen_bus_cells() == BusCells(2, 1)
    twice = (("#size-cells", b"\0\0\0\2"), ("#size-cells", b"\0\0\0\1"))
    assert xen_bus_cells(FlatNode("", "/", twice, ())) == BusCells(2, 2)


def test_counts_as_specified() -> None:
    bus = node(address=b"\0\0\0\1")
    assert bus_cells(bus) == BusCells(1, 1)  # not inherited: 1 is the default of #size-cells
    assert bus_cells(node(bus)) == BusCells(2, 1)
    assert (cell_count(bus, "#address-cells"), cell_count(node(), "#address-cells", 0)) == (1, 0)


@pytest.mark.parametrize("value", [b"", b"\0\0\0", b"\0\0\0\1\0\0\0\1", b"\0\0\0\5"])
def test_counts_that_are_none_are_refused(value: bytes) -> None:
    with pytest.raises(PropertyError):
        bus_cells(node(size=value))
    with pytest.raises(PropertyError):
        cell_count(node(address=value), "#address-cells")
    with pytest.raises(PropertyError, match="no #clock-cells"):
        cell_count(node(), "#clock-cells")


def test_the_most_that_linux_and_xen_read() -> None:
    """OF_MAX_ADDR_CELLS and MAX_PHANDLE_ARGS. One wording for all."""
    bus = Node("bus", None, {"#size-cells": Property("#size-cells", (5).to_bytes(4, "big"))})
    with pytest.raises(PropertyError, match=r"^#size-cells 5 of /bus is out of range \(0 to 4\)$"):
        bus_cells(Node("bus", Node(""), bus.properties))
    for name in ("#interrupt-cells", "#clock-cells"):
        for count in (16, 17, 0x7FFFFFFF, 0xFFFFFFFF):
            provider = Node("p", None, {name: Property(name, count.to_bytes(4, "big"))})
            if count == 16:
                assert cell_count(provider, name) == 16
                continue
            with pytest.raises(PropertyError, match=r"out of range \(0 to 16\)$"):
                cell_count(provider, name)


@given(st.integers(0, 2**160), st.one_of(st.integers(0, 5), st.just(0xFFFFFFFF)))
def test_whether_a_number_fits(value: int, count: int) -> None:
    """It takes no memory for a count from a tree."""
    assert fits(value, count) == (count > 5 or value < 1 << 32 * count)


def test_entries_are_whole() -> None:
    whole = node(reg=bytes(range(16)))
    assert list(entries(whole, "reg", 2)) == [
        (0x00010203, 0x04050607),
        (0x08090A0B, 0x0C0D0E0F),
    ]
    assert not list(entries(node(), "reg", 2))
    for width in (0, 3):
        with pytest.raises(PropertyError, match="not a multiple"):
            list(entries(whole, "reg", width))
