"""Chains and cycles of suppliers that no board has: an answer, and no recursion without end."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from xenassign import Request, api
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.errors import InputError
from xenassign.formats import imagebuilder_cfg

RTC = "/pl031@9010000"
FIRST = 0x10000


def cells(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def clock(phandle: int, above: int) -> Mapping[str, bytes]:
    return {
        "compatible": b"fixed-factor-clock\0",
        "#clock-cells": cells(0),
        "clock-mult": cells(0xFFFFFFFF),
        "clock-div": cells(1),
        "clocks": cells(above),
        "phandle": cells(phandle),
    }


def regulator(phandle: int, above: int) -> Mapping[str, bytes]:
    return {
        "compatible": b"regulator-fixed\0",
        "vin-supply": cells(above),
        "phandle": cells(phandle),
    }


def interrupt_parent(phandle: int, above: int) -> Mapping[str, bytes]:
    return {
        "interrupt-parent": cells(above),
        "interrupts": cells(1),
        "#interrupt-cells": cells(1),
        "phandle": cells(phandle),
    }


Link = Callable[[int, int], Mapping[str, bytes]]
CONSUMERS: dict[Link, Mapping[str, bytes]] = {
    clock: {"clocks": cells(FIRST), "clock-names": b"apb_pclk\0"},
    regulator: {"vdd-supply": cells(FIRST)},
    interrupt_parent: {"interrupt-parent": cells(FIRST), "interrupts": cells(1)},
}


@pytest.fixture
def board(host_files: dict[str, object]) -> Tree:
    return read_blob_file(str(host_files["qemu"]))


@pytest.mark.parametrize("cycle", [False, True])
@pytest.mark.parametrize("length", [5, 1500])
@pytest.mark.parametrize("link", CONSUMERS)
def test_a_chain_of_suppliers(link: Link, length: int, cycle: bool, board: Tree) -> None:
    for number in range(length):
        last = number + 1 == length
        above = FIRST if last and cycle else FIRST + number + 1
        node = Node(f"link-{number}", board.root)
        for name, value in link(FIRST + number, above).items():
            node.properties[name] = Property(name, value)
        if last and not cycle:
            for name in ("clocks", "vin-supply", "interrupt-parent"):
                node.properties.pop(name, None)
        board.root.children[node.name] = node
    device = board.find(RTC)
    assert device is not None
    for name, value in CONSUMERS[link].items():
        device.properties[name] = Property(name, value)
    result = api.generate(board, Request((RTC,), memory=64, vcpus=1))
    assert result.refused or result.files
    copied = [node for node in result.plan.tree.walk() if node.name.startswith("link-")]
    if link is regulator and length == 5 and not cycle:
        assert len(copied) == 5
    assert len(copied) < 40


def test_suppliers_that_are_reached_in_many_ways(board: Tree) -> None:
    """Two supplies at each of 60 levels: 2^60 ways."""
    for number in range(60):
        node = board.root.children[f"link-{number}"] = Node(f"link-{number}", board.root)
        for name, value in regulator(FIRST + number, FIRST + number + 1).items():
            node.properties[name] = Property(name, value)
        node.properties["b-supply"] = Property("b-supply", cells(FIRST + number + 1))
    device = board.find(RTC)
    assert device is not None
    device.properties["vdd-supply"] = Property("vdd-supply", cells(FIRST))
    assert api.generate(board, Request((RTC,), memory=64, vcpus=1)).files


def test_expansions_nested_without_end() -> None:
    for text in ("$(" * 50000, '"$(' * 50000, '"${' * 50000):
        with pytest.raises(InputError, match=r"^a\.cfg:1: "):
            imagebuilder_cfg.parse(f"XEN={text}", "a.cfg")
    assert imagebuilder_cfg.parse('XEN="$(a "$(b "$(c)")")"', "a.cfg").get("XEN") is not None
