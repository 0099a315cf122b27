"""Who shares a page, a line or a supplier, on the boards and against a plain search."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.blob import read_blob_file
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.host.device import is_simple_bus
from xenassign.host.neighbours import Neighbours, neighbours
from xenassign.host.platform import Platform, read_platform

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))


@cache
def platform(name: str) -> Platform:
    return read_platform(read_blob_file(BOARDS / f"{name}.dtb"))


@cache
def index(name: str) -> Neighbours:
    return neighbours(platform(name))


def sharing(name: str, address: int, size: int = 0x1000) -> list[str]:
    return sorted(node.path for _, node in index(name).overlapping(Span.sized(address, size)))


@pytest.mark.parametrize(
    ("name", "page", "expected"),
    [
        (
            "tricky",
            0x7000_0000,
            ["/pwm@70000000", "/pwm@70000010", "/timer@70000f00"],
        ),
        ("tricky", 0x7000_1000, ["/timer@70000f00", "/watchdog@70001800"]),
        ("tricky", 0x7000_2000, []),
        (
            "tricky",
            0x7100_0000,
            ["/alt@71000000/i2c@0", "/alt@71000000/serial@0", "/alt@71000000/spi@0"],
        ),
        ("rk3588-like", 0xFD8B_0000, ["/pwm@fd8b0000", "/pwm@fd8b0010"]),
        ("rk3588-like", 0xFDB5_0000, ["/iommu@fdb50800", "/video-codec@fdb50000"]),
        (
            "qemu-virt-gicv3",
            0x0A00_3000,
            [f"/virtio_mmio@a003{n:x}00" for n in range(0, 16, 2)],
        ),
        (
            "ti-k3-like",
            0x2B30_0000,
            [
                *["/bus@f0000/bus@b00000/target-module@2b300050"] * 3,
                "/bus@f0000/bus@b00000/target-module@2b300050/serial@0",
            ],
        ),
        # The windows of the buses around it are no neighbours.
        (
            "imx8-board",
            0x30B5_0000,
            ["/soc@0/bus@30800000/mmc@30b50000"],
        ),
        ("ti-k3-like", 0x0FC4_0000, ["/bus@f0000/bus@fc00000/spi@fc40000"]),
        # A block of 4 GiB is found in its middle.
        ("ti-k3-like", 0x5_8000_0000, ["/bus@f0000/bus@fc00000/spi@fc40000"]),
    ],
)
def test_who_shares_a_page(name: str, page: int, expected: list[str]) -> None:
    assert sharing(name, page) == expected


def test_touching_is_not_overlapping() -> None:
    assert sharing("tricky", 0x7000_0000, 0x10) == ["/pwm@70000000"]
    assert sharing("tricky", 0x7000_0020, 0xEE0) == []
    assert sharing("tricky", 0x7000_001F, 1) == ["/pwm@70000010"]
    assert sharing("tricky", 0x7000_1100, 0x700) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_block_finds_itself(name: str) -> None:
    for block, node in (*index(name).blocks, *index(name).huge):
        found = list(index(name).overlapping(block.span))
        assert (block, node) in found


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_those_of_nodes_with_compatible_that_are_no_bus(name: str) -> None:
    expected = {
        (node.path, block)
        for node in platform(name).tree.nodes()
        if node.has("compatible") and not is_simple_bus(node)
        for block in registers(node).blocks
    }
    entries = (*index(name).blocks, *index(name).huge)
    assert {(node.path, block) for block, node in entries} == expected


def board_of(blocks: list[tuple[int, int]]) -> Tree:
    root = Node("")
    for number, (address, size) in enumerate(blocks):
        reg = address.to_bytes(8, "big") + size.to_bytes(8, "big")
        node = Node(f"dev@{number}", root)
        node.properties["compatible"] = Property("compatible", b"x\0")
        node.properties["reg"] = Property("reg", reg)
        root.children[node.name] = node
    root.properties["#address-cells"] = Property("#address-cells", b"\0\0\0\2")
    root.properties["#size-cells"] = Property("#size-cells", b"\0\0\0\2")
    return Tree(root)


ADDRESSES = st.one_of(st.integers(0, 200), st.integers(0, 1 << 26), st.integers(0, (1 << 64) - 1))
SIZES = st.one_of(st.integers(1, 40), st.integers(1 << 23, 1 << 26))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(ADDRESSES, SIZES), max_size=12), ADDRESSES, SIZES)
def test_overlapping_finds_what_a_plain_search_finds(
    blocks: list[tuple[int, int]], address: int, size: int
) -> None:
    found = neighbours(read_platform(board_of(blocks))).overlapping(Span.sized(address, size))
    expected = [
        (Block(start, length, 0), f"/dev@{number}")
        for number, (start, length) in enumerate(blocks)
        if start < address + size
        and address < start + length
        and start + length <= 1 << 64  # a longer one is a problem of its node (XA106)
    ]
    key = str
    assert sorted(((b, n.path) for b, n in found), key=key) == sorted(expected, key=key)


@pytest.mark.parametrize(
    ("name", "intid", "expected"),
    [
        ("tricky", 112, ["/dev@740a0000", "/dev@740b0000"]),
        ("tricky", 113, ["/dev@740c0000", "/dev@740d0000"]),
        (
            "tricky",
            72,
            ["/alt@71000000/i2c@0", "/alt@71000000/spi@0", "/alt@71000000/serial@0"],
        ),
        ("tricky", 4100, ["/dev@74060000"]),
        ("zynqmp-zcu102", 67, ["/zynqmp-ipi", "/firmware/zynqmp-firmware/power-management"]),
        (
            "juno-like",
            197,
            [
                f"/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/kmi@{n}0000"
                for n in (6, 7)
            ],
        ),
    ],
)
def test_who_shares_a_line(name: str, intid: int, expected: list[str]) -> None:
    assert [node.path for _, node in index(name).lines[intid]] == expected


def test_the_triggers_of_a_shared_line_are_kept() -> None:
    lines = index("tricky").lines[113]
    assert [line.trigger for line, _ in lines] == ["level-high", "edge-rising"]


def test_a_line_that_nobody_has() -> None:
    assert 1000 not in index("tricky").lines


def test_a_board_without_a_gic_has_no_lines() -> None:
    assert neighbours(read_platform(board_of([(0, 16)]))).lines == {}


def consumers(name: str, path: str) -> list[tuple[str, str]]:
    supplier = platform(name).tree.find(path)
    found = index(name).consumers.get(supplier, []) if supplier is not None else []
    return [(prop, node.path) for prop, node in found]


def test_who_names_a_supplier() -> None:
    assert consumers("tricky", "/regulator-vcc") == [
        ("vin-supply", "/regulator-vcc-gpio"),
        ("vcc-supply", "/dev@79040000"),
    ]
    assert ("interrupts", "/touch@74010000") in consumers("tricky", "/gpio@74000000")
    assert consumers("tricky", "/nothing") == []


def test_nobody_is_no_supplier() -> None:
    assert None not in index("tricky").consumers


def test_overlapping_blocks_of_one_node_are_one() -> None:
    tree = board_of([(0x1000, 0x100)])
    cells = [0x1000, 0x100, 0x2000, 0, 0x1080, 0x100, 0x1180, 0x10, 0x1000, 0x100]
    reg = b"".join(cell.to_bytes(8, "big") for cell in cells)
    tree.root.children["dev@0"].properties["reg"] = Property("reg", reg)
    spans = [block.span for block, _ in neighbours(read_platform(tree)).blocks]
    assert spans == [Span(0x1000, 0x1180), Span(0x1180, 0x1190), Span(0x2000, 0x2000)]
