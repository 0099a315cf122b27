"""Registers, ranges and PCI windows: by hand on the boards, and against a second evaluator."""

from __future__ import annotations

import libfdt
import pytest

from tests.answers import at
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.addresses import (
    Block,
    RangesEntry,
    RegEntry,
    is_pci,
    on_processor_bus,
    pci_windows,
    ranges,
    reg,
    registers,
    translate,
)
from xenassign.devicetree.cells import BusCells, bus_cells, number
from xenassign.devicetree.tree import Node, PropertyError

from .trees import BOARDS, NAMES, board, compiled, needs_dtc


def blocks(node: Node) -> list[tuple[int, int]]:
    return [(block.address, block.size) for block in registers(node).blocks]


# --- by hand ---

MOTHERBOARD = "/bus@8000000/motherboard-bus@8000000"
IOFPGA = f"{MOTHERBOARD}/iofpga-bus@300000000"
FABRIC = "/bus@800000000/fabric@100000"


REGISTER_BLOCKS: tuple[tuple[str, str, list[tuple[int, int]]], ...] = (
    ("tricky", f"{FABRIC}/timer@2000", [(0x8_0010_2000, 0x1000)]),
    ("tricky", f"{FABRIC}/leaf@100001000/uart@9000", [(0x5000_1000, 0x1000)]),
    (
        "tricky",
        "/bus@800000000/dev@200000",
        [(0x8_0020_0000, 0x1000), (0x5080_0000, 0x2000)],
    ),
    ("tricky", "/bus@61000000/dma@0", [(0x6100_0000, 0x1000)]),
    ("tricky", "/pwm@70000010", [(0x7000_0010, 0x10)]),
    ("tricky", "/alt@71000000/i2c@0", [(0x7100_0000, 0x4000)]),
    ("tricky", "/dev@740f0000", [(0x740F_0000, 0x1000), (0x740F_8000, 0x2000)]),
    ("tricky", "/bus@72000000/dev@13000", [(0x7201_3000, 0x1000)]),
    ("tricky", "/dev@100001000", [(0x1_0000_1000, 0x1000)]),
    ("tricky", "/dev@100000000000", [(1 << 44, 0x1000)]),
    ("tricky", "/dev@fffffffff000", [((1 << 48) - 0x1000, 0x1000)]),
    ("tricky", "/interrupt-controller@f1000000/its@f1020000", [(0xF102_0000, 0x2_0000)]),
    ("tricky", "/wrapper@7a000000/glue/core@7a100000", [(0x7A10_0000, 0x1_0000)]),
    (
        "tricky",
        "/memory@80000000",
        [(0x8000_0000, 0x6000_0000), (0x80_0000_0000, 0x1_0000_0000)],
    ),
    ("tricky", "/reserved-memory/pool@91000000", [(0x9100_0000, 0x40_0000)]),
    ("juno-like", f"{MOTHERBOARD}/flash@0", [(0x0800_0000, 0x400_0000)]),
    ("juno-like", f"{MOTHERBOARD}/ethernet@200000000", [(0x1800_0000, 0x1_0000)]),
    ("juno-like", f"{IOFPGA}/rtc@170000", [(0x1C17_0000, 0x1_0000)]),
    ("juno-like", f"{IOFPGA}/apbregs@10000/led@8,1", [(0x1C01_0008, 4)]),
    ("juno-like", "/timer@2a810000/frame@10000", [(0x2A83_0000, 0x1_0000)]),
    ("juno-like", "/interrupt-controller@2c010000/v2m@0", [(0x2C1C_0000, 0x1_0000)]),
    ("juno-like", "/interrupt-controller@2c010000/v2m@30000", [(0x2C1F_0000, 0x1_0000)]),
    ("juno-like", "/sram@2e000000/scp-sram@180", [(0x2E00_0180, 0x80)]),
    ("juno-like", "/tlx-bus@60000000/fpga-block@1000", [(0x6000_1000, 0x1000)]),
    ("rk3588-like", "/sram@fd600000/scmi-shmem@f000", [(0xFD60_F000, 0x100)]),
    (
        "rk3588-like",
        "/pcie@fe190000",
        [(0xA_4100_0000, 0x40_0000), (0xFE19_0000, 0x1_0000), (0xF400_0000, 0x10_0000)],
    ),
    ("rk3588-like", "/pinctrl/gpio@fec50000", [(0xFEC5_0000, 0x100)]),
    (
        "ti-k3-like",
        "/bus@f0000/bus@b00000/target-module@2b300050",
        [(0x2B30_0050, 4), (0x2B30_0054, 4), (0x2B30_0058, 4)],
    ),
    (
        "ti-k3-like",
        "/bus@f0000/bus@b00000/target-module@2b300050/serial@0",
        [(0x2B30_0000, 0x100)],
    ),
    (
        "ti-k3-like",
        "/bus@f0000/bus@b00000/syscon@43000000/chipid@14",
        [(0x4300_0014, 4)],
    ),
    ("ti-k3-like", "/bus@f0000/bus@4000000/serial@4a00000", [(0x04A0_0000, 0x100)]),
    ("ti-k3-like", "/bus@f0000/bus@100000/phy@4044", [(0x10_4044, 8)]),
    (
        "ti-k3-like",
        "/bus@f0000/bus@fc00000/spi@fc40000",
        [(0x0FC4_0000, 0x100), (0x5_0000_0000, 0x1_0000_0000)],
    ),
    ("ti-k3-like", "/bus@f0000/ethernet@8000000/cpts@3d000", [(0x0803_D000, 0x400)]),
    (
        "zynqmp-zcu102",
        "/remoteproc@ffe00000/r5f@100000000",
        [(0xFFE9_0000, 0x1_0000), (0xFFEB_0000, 0x1_0000)],
    ),
    ("zynqmp-zcu102", "/axi/ethernet@ff0e0000", [(0xFF0E_0000, 0x1000)]),
    (
        "zynqmp-zcu102",
        "/axi/spi@ff0f0000",
        [(0xFF0F_0000, 0x1000), (0xC000_0000, 0x800_0000)],
    ),
    ("imx8-board", "/bus@5a000000/serial@5a060000", [(0x5A06_0000, 0x1000)]),
    ("imx8-board", "/soc@0/usb@32f10100", [(0x32F1_0100, 8), (0x381F_0000, 0x20)]),
    ("rcar-gen4-spider", "/soc/chipid@fff00044", [(0xFFF0_0044, 4)]),
    ("qemu-virt-gicv3", "/virtio_mmio@a003e00", [(0x0A00_3E00, 0x200)]),
    ("qemu-virt-gicv3", "/fw-cfg@9020000", [(0x0902_0000, 0x18)]),
)


def test_register_blocks(rows: Rows) -> None:
    for name, path, expected in REGISTER_BLOCKS:
        with rows(name, path, expected):
            found = registers(at(board(name), path))
            assert [(block.address, block.size) for block in found.blocks] == expected
            assert [block.index for block in found.blocks] == list(range(len(expected)))
            assert found.problems == ()
            assert found.mapped


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tricky", "/bus@60000000/dev@60001000"),
        ("tricky", "/cpus/cpu@0"),
        ("tricky", "/efuse@79010000/mac@10"),
        ("rk3588-like", "/syscon@fd5d8000/usb2phy@8000"),
        ("rk3588-like", "/i2c@fec80000/rtc@51"),
        ("rk3588-like", "/ethernet@fe1c0000/mdio/ethernet-phy@1"),
        ("juno-like", "/firmware/scmi/protocol@11"),
        ("ti-k3-like", "/bus@f0000/bus@fc00000/spi@fc40000/flash@0"),
    ],
)
def test_registers_that_the_processor_cannot_address(name: str, path: str) -> None:
    found = registers(at(board(name), path))
    assert not found.mapped
    assert found.blocks == ()
    assert found.problems == ()


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("tricky", "/bus@800000000/dev@20000000", ("reg entry 0", "0x20000000", "in no entry")),
        ("ti-k3-like", "/bus@f0000/interrupt-controller@a00000", ("0xa00000", "/bus@f0000")),
    ],
)
def test_registers_that_should_be_reachable(name: str, path: str, words: tuple[str, ...]) -> None:
    found = registers(at(board(name), path))
    assert found.mapped
    assert found.blocks == ()
    assert len(found.problems) == 1
    for word in words:
        assert word in found.problems[0]


def test_a_node_without_reg_has_no_blocks_and_no_problem() -> None:
    for path in ("/", "/irq-only", "/psci"):
        found = registers(at(board("tricky"), path))
        assert (found.blocks, found.problems, found.mapped) == ((), (), True)


def test_the_end_of_a_block() -> None:
    assert Block(0x1000, 0x200, 0).end == 0x1200


# --- a second evaluator, on libfdt ---


def evaluated(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Path to its reachable register blocks, written anew from the specification."""
    blob = libfdt.FdtRo(data)

    def raw(node: int, name: str) -> bytes | None:
        prop = blob.getprop(node, name, libfdt.QUIET_NOTFOUND)
        return None if isinstance(prop, int) else bytes(prop)

    def count(node: int, name: str, default: int) -> int:
        value = raw(node, name)
        return default if value is None else int.from_bytes(value, "big")

    def integers(value: bytes, *widths: int) -> list[list[int]]:
        rows: list[list[int]] = []
        position = 0
        while position < len(value):
            row: list[int] = []
            for width in widths:
                row.append(int.from_bytes(value[position : position + 4 * width], "big"))
                position += 4 * width
            rows.append(row)
        return rows

    def upwards(bus: int, address: int, size: int) -> int | None:
        while bus != 0:
            parent = blob.parent_offset(bus)
            value = raw(bus, "ranges")
            if value is None or raw(bus, "device_type") in (b"pci\0", b"pciex\0"):
                return None
            widths = (
                count(bus, "#address-cells", 2),
                count(parent, "#address-cells", 2),
                count(bus, "#size-cells", 1),
            )
            for child, above, length in integers(value, *widths):
                if child <= address < child + length:
                    address = above + (address - child)
                    break
            else:
                if value:
                    return None
            bus = parent
        return address

    result: dict[str, list[tuple[int, int]]] = {}
    node, depth = 0, 0
    while node >= 0:
        value = raw(node, "reg")
        if node and value is not None:
            bus = blob.parent_offset(node)
            widths = count(bus, "#address-cells", 2), count(bus, "#size-cells", 1)
            found: list[tuple[int, int]] = []
            for address, size in integers(value, *widths) if widths[1] or bus == 0 else ():
                translated = upwards(bus, address, size)
                if translated is not None:
                    found.append((translated, size))
            result[blob.get_path(node)] = found
        node, depth = blob.next_node(node, depth, libfdt.QUIET_NOTFOUND)
        if depth < 0:
            break
    return result


@pytest.mark.parametrize("name", NAMES)
def test_every_node_of_a_board_against_the_second_evaluator(name: str) -> None:
    ours = {node.path: blocks(node) for node in board(name).nodes() if node.has("reg")}
    assert ours == evaluated((BOARDS / f"{name}.dtb").read_bytes())


# --- cells, reg and ranges ---


@needs_dtc
def test_the_defaults_of_cells_are_two_and_one_and_not_inherited() -> None:
    tree = compiled(
        """/ { #address-cells = <1>; #size-cells = <2>;
            bus { ranges; dev { reg = <0x1 0x2 0x3>; }; }; };"""
    )
    assert bus_cells(tree.root) == BusCells(1, 2)
    assert bus_cells(at(tree, "/bus")) == BusCells(2, 1)
    assert reg(at(tree, "/bus/dev")) == (RegEntry(0x1_0000_0002, 3),)


@needs_dtc
def test_a_node_at_the_root_uses_the_cells_of_the_root() -> None:
    tree = compiled("/ { #address-cells = <1>; #size-cells = <1>; dev { reg = <1 2 3 4>; }; };")
    assert blocks(at(tree, "/dev")) == [(1, 2), (3, 4)]


@needs_dtc
def test_the_root_without_cells() -> None:
    tree = compiled("/ { dev { reg = <1 2 3>; }; };")
    assert blocks(at(tree, "/dev")) == [(0x1_0000_0002, 3)]


@needs_dtc
@pytest.mark.parametrize(
    "properties", ["#address-cells = <5>;", "#size-cells = <5>;", "#address-cells = <0xff000002>;"]
)
def test_absurd_cells_are_a_problem(properties: str, wording: Wording) -> None:
    tree = compiled(f"/ {{ {properties} dev {{ reg = <1 2 3>; }}; }};")
    with wording.raises(PropertyError):
        bus_cells(tree.root)
    found = registers(at(tree, "/dev"))
    assert found.blocks == ()
    assert len(found.problems) == 1


@needs_dtc
@pytest.mark.parametrize("value", [" = <1 1>", " = [01]", " = [00 00 00 00 02]", ""])
def test_cells_that_are_no_number(value: str, wording: Wording) -> None:
    tree = compiled(f"/ {{ #address-cells{value}; #size-cells = <1>; dev {{ reg = <1 2 3>; }}; }};")
    with wording.raises(PropertyError):
        bus_cells(tree.root)
    assert len(registers(at(tree, "/dev")).problems) == 1


@needs_dtc
@pytest.mark.parametrize("value", ["<1>", "<1 2 3>", "[01 02]", '"text"'])
def test_a_reg_that_does_not_fit_its_cells(value: str) -> None:
    source = f"/ {{ #address-cells = <1>; #size-cells = <1>; dev {{ reg = {value}; }}; }};"
    node = at(compiled(source), "/dev")
    found = registers(node)
    assert found.blocks == ()
    assert len(found.problems) == 1
    assert found.problems[0].startswith("reg")
    with pytest.raises(PropertyError):
        reg(node)


@needs_dtc
def test_an_empty_reg_has_no_entry() -> None:
    tree = compiled("/ { dev { reg; }; };")
    assert registers(at(tree, "/dev")).blocks == ()
    assert registers(at(tree, "/dev")).problems == ()


@needs_dtc
def test_no_cells_at_all() -> None:
    tree = compiled("/ { #address-cells = <0>; #size-cells = <0>; dev { reg = <1>; }; };")
    assert len(registers(at(tree, "/dev")).problems) == 1


def test_numbers_of_cells() -> None:
    assert number(()) == 0
    assert number((1,)) == 1
    assert number((1, 2)) == 0x1_0000_0002
    assert number((1, 0, 0)) == 1 << 64


RANGES = """/ {
    #address-cells = <2>; #size-cells = <1>;
    absent { #address-cells = <1>; #size-cells = <1>; dev { reg = <0x10 0x10>; }; };
    empty { #address-cells = <1>; #size-cells = <1>; ranges; dev { reg = <0x10 0x10>; }; };
    several {
        #address-cells = <1>; #size-cells = <1>;
        ranges = <0x1000 0x1 0x0 0x1000>, <0x2000 0x2 0x0 0x1000>, <0x2800 0x3 0x0 0x1000>;
        begin { reg = <0x1000 0x10>; };
        last { reg = <0x1ff0 0x10>; };
        across { reg = <0x1ff0 0x20>; };
        twice { reg = <0x2800 0x800>; };
        behind { reg = <0x3000 0x10>; };
        before { reg = <0xfff 0x1>; };
        whole { reg = <0x1000 0x1000>; };
        none { reg = <0x1010 0x0>; };
        good-bad-good { reg = <0x1000 0x4>, <0x9000 0x4>, <0x2000 0x4>; };
    };
    broken { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0x0>; dev { reg = <0 1>; }; };
};"""


@needs_dtc
def test_a_block_beyond_64_bits_is_a_problem() -> None:
    """Xen and Linux read 64 bits of an address and of a size; a wider one is not cut off."""
    tree = compiled(
        """/ { #address-cells = <2>; #size-cells = <3>;
            size { reg = <0 0x1000 1 0 0x1000>, <0 0x2000 0 0 0x1000>; };
            end { reg = <0xffffffff 0xfffff000 0 0 0x1000>, <0xffffffff 0xfffff000 0 0 0x1001>; };
            bus { #address-cells = <3>; #size-cells = <1>; ranges = <1 0 0 0 0 0x1000>;
                dev { reg = <1 0 0 0x1000>; }; };
            wide { #address-cells = <1>; #size-cells = <4>; ranges = <0 0 0 1 0 0 0>;
                dev { reg = <0 0 1 0 0>; }; }; };"""
    )
    size, end = registers(at(tree, "/size")), registers(at(tree, "/end"))
    assert [(block.address, block.size) for block in size.blocks] == [(0x2000, 0x1000)]
    assert [(block.end, block.index) for block in end.blocks] == [(1 << 64, 0)]
    assert size.problems == (
        "reg entry 0: 0x1000-0x10000000000002000 is not in the 64 bits of processor addresses",
    )
    assert len(end.problems) == 1
    assert [(block.address, block.size) for block in registers(at(tree, "/bus/dev")).blocks] == [
        (0, 0x1000)
    ]
    wide = registers(at(tree, "/wide/dev"))
    assert (wide.blocks, len(wide.problems)) == ((), 1)


@needs_dtc
def test_ranges_absent_empty_and_several(wording: Wording) -> None:
    tree = compiled(RANGES)
    assert ranges(tree.root) is None
    assert ranges(at(tree, "/absent")) is None
    assert ranges(at(tree, "/empty")) == ()
    assert ranges(at(tree, "/several")) == (
        RangesEntry(0x1000, 0x1_0000_0000, 0x1000),
        RangesEntry(0x2000, 0x2_0000_0000, 0x1000),
        RangesEntry(0x2800, 0x3_0000_0000, 0x1000),
    )
    with wording.raises(PropertyError):
        ranges(at(tree, "/broken"))


@needs_dtc
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/empty/dev", [(0x10, 0x10)]),
        ("/several/begin", [(0x1_0000_0000, 0x10)]),
        ("/several/last", [(0x1_0000_0FF0, 0x10)]),
        ("/several/whole", [(0x1_0000_0000, 0x1000)]),
        ("/several/twice", [(0x2_0000_0800, 0x800)]),  # of two entries that hold it the first
        ("/several/behind", [(0x3_0000_0800, 0x10)]),
        ("/several/none", [(0x1_0000_0010, 0)]),
    ],
)
def test_translation(path: str, expected: list[tuple[int, int]]) -> None:
    found = registers(at(compiled(RANGES), path))
    assert [(block.address, block.size) for block in found.blocks] == expected
    assert found.problems == ()


@needs_dtc
@pytest.mark.parametrize("path", ["/several/before", "/broken/dev"])
def test_translation_that_fails(path: str) -> None:
    found = registers(at(compiled(RANGES), path))
    assert found.blocks == ()
    assert len(found.problems) == 1


@needs_dtc
@pytest.mark.parametrize(
    ("ranges", "address", "size", "leaves"),
    [
        ("<0 0xa000000 0x1000>", 0x100, 0xF00, False),
        ("<0 0xa000000 0x1000>", 0x100, 0xF01, True),
        ("<0 0xa000000 0x1000>", 0x0, 0x1000, False),
        ("<0 0xa000000 0xf00>", 0x0, 0x1000, True),
        ("<0 0xa000000 0x1000>", 0x800, 0x100000, True),
        ("<0 0xa000000 0x1000>, <0x1000 0xa001000 0x1000>", 0x100, 0x1000, False),
        ("<0 0xa000000 0x1000>, <0x1000 0xb001000 0x1000>", 0x100, 0x1000, True),
        ("<0 0xa000000 0x1000>, <0x1000 0xa001000 0x1000>", 0x100, 0x2000, True),
        ("<0 0xa000000 0x1000>", 0xFFF, 0, False),
    ],
)
def test_a_block_that_leaves_its_window_is_translated_by_its_start(
    ranges: str, address: int, size: int, leaves: bool
) -> None:
    tree = compiled(
        f"""/ {{ #address-cells = <1>; #size-cells = <1>;
            outer {{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0x10000000 0xc000000>;
                bus {{ #address-cells = <1>; #size-cells = <1>; ranges = {ranges};
                    dev {{ reg = <{address:#x} {size:#x}>; }}; }}; }}; }};"""
    )
    found = registers(at(tree, "/outer/bus/dev"))
    left = at(tree, "/outer/bus") if leaves else None
    assert found.blocks == (Block(0x1A000000 + address, size, 0, left),)
    assert found.problems == ()


@needs_dtc
def test_the_innermost_window_that_is_left_is_named() -> None:
    tree = compiled(
        """/ { #address-cells = <1>; #size-cells = <1>;
            outer { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x10000000 0x3000>;
                bus { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x1000 0x1000>;
                    both { reg = <0x800 0x2000>; }; };
                late { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x2000 0x4000>;
                    upper { reg = <0x800 0x2000>; }; }; }; };"""
    )
    for path, bus in (("/outer/bus/both", "/outer/bus"), ("/outer/late/upper", "/outer")):
        (block,) = registers(at(tree, path)).blocks
        assert block.leaves is at(tree, bus)


@needs_dtc
def test_a_bad_entry_does_not_hide_its_neighbours() -> None:
    found = registers(at(compiled(RANGES), "/several/good-bad-good"))
    assert found.blocks == (Block(0x1_0000_0000, 4, 0), Block(0x2_0000_0000, 4, 2))
    assert len(found.problems) == 1
    assert found.problems[0].startswith("reg entry 1:")


@needs_dtc
def test_translate_says_where_it_ends(wording: Wording) -> None:
    with wording.raises(PropertyError):
        translate(at(compiled(RANGES), "/absent"), 0x10, 1, 0)


@needs_dtc
def test_differing_cells_on_the_way() -> None:
    tree = compiled(
        """/ { #address-cells = <1>; #size-cells = <1>;
            a { #address-cells = <3>; #size-cells = <2>;
                ranges = <0x7 0x0 0x100 0x80000000 0x0 0x1000>;
                b { #address-cells = <1>; #size-cells = <1>;
                    ranges = <0x0 0x7 0x0 0x200 0x100>;
                    dev { reg = <0x20 0x8>; }; }; }; };"""
    )
    assert blocks(at(tree, "/a/b/dev")) == [(0x8000_0120, 8)]


def test_dma_ranges_are_read_like_ranges() -> None:
    bus = at(board("tricky"), "/bus@61000000")
    assert ranges(bus, "dma-ranges") == (RangesEntry(0, 0x8000_0000, 0x4000_0000),)
    assert ranges(at(board("ti-k3-like"), "/bus@f0000/bus@48000000"), "dma-ranges") == ()
    assert ranges(at(board("tricky"), "/alt@71000000"), "dma-ranges") is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", False),
        ("/dev@74020000", True),
        ("/bus@800000000/dev@20000000", True),
        ("/bus@60000000/dev@60001000", False),
        ("/cpus/cpu@0", False),
    ],
)
def test_which_buses_the_processor_addresses(path: str, expected: bool) -> None:
    assert on_processor_bus(at(board("tricky"), path)) is expected


# --- PCI ---


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        (
            "qemu-virt-gicv3",
            "/pcie@10000000",
            [
                (0x3EFF_0000, 0x1_0000),
                (0x1000_0000, 0x2EFF_0000),
                (0x80_0000_0000, 0x80_0000_0000),
            ],
        ),
        (
            "juno-like",
            "/pcie@40000000",
            [(0x5F80_0000, 0x80_0000), (0x5000_0000, 0x800_0000), (0x40_0000_0000, 1 << 32)],
        ),
        (
            "rk3588-like",
            "/pcie@fe190000",
            [(0xF410_0000, 0x10_0000), (0xF420_0000, 0xE0_0000), (0xA_0000_0000, 0x4000_0000)],
        ),
        ("tricky", "/pcie@75000000", [(0x7600_0000, 0x100_0000)]),
        ("tricky", "/bus@800000000", []),
    ],
)
def test_pci_windows(name: str, path: str, expected: list[tuple[int, int]]) -> None:
    windows = pci_windows(at(board(name), path))
    assert [(window.address, window.size) for window in windows] == expected
    assert [window.index for window in windows] == list(range(len(expected)))


def test_the_flags_of_a_pci_window_are_no_part_of_its_address() -> None:
    table = ranges(at(board("juno-like"), "/pcie@40000000"))
    assert table is not None
    assert [entry.flags for entry in table] == [0x01000000, 0x02000000, 0x42000000]
    assert [entry.child for entry in table] == [0, 0x5000_0000, 0x40_0000_0000]


PCI = """/ {
    #address-cells = <1>; #size-cells = <1>;
    bus { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0x40000000 0x10000000>;
        pcie@0 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>;
            reg = <0x0 0x1000>;
            ranges = <0x02000000 0x0 0x0 0x1000000 0x0 0x100000>;
            ethernet@0,0 { compatible = "pci1234,5678"; reg = <0x0 0x0 0x0 0x0 0x0>;
                phy@1 { reg = <0x1 0x0 0x0 0x0 0x0>; }; }; };
        far@1000 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>;
            ranges = <0x02000000 0x0 0x0 0x20000000 0x0 0x100000>; };
        odd@2000 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>;
            ranges = <0x02000000 0x0 0x0>; }; };
};"""


@needs_dtc
def test_a_pci_host_below_a_bus() -> None:
    host = at(compiled(PCI), "/bus/pcie@0")
    assert is_pci(host)
    assert blocks(host) == [(0x4000_0000, 0x1000)]
    assert pci_windows(host) == (Block(0x4100_0000, 0x10_0000, 0),)


@needs_dtc
@pytest.mark.parametrize("path", ["/bus/pcie@0/ethernet@0,0", "/bus/pcie@0/ethernet@0,0/phy@1"])
def test_configuration_space_is_no_register_block(path: str) -> None:
    found = registers(at(compiled(PCI), path))
    assert (found.blocks, found.problems, found.mapped) == ((), (), False)


@needs_dtc
@pytest.mark.parametrize("path", ["/bus/far@1000", "/bus/odd@2000"])
def test_pci_windows_that_lead_nowhere(path: str) -> None:
    with pytest.raises(PropertyError):
        pci_windows(at(compiled(PCI), path))
