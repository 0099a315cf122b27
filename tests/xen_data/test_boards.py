"""The boards for the real hypervisor, read by xenassign: all is there as it is meant."""

from __future__ import annotations

import struct

import libfdt
import pytest

from tests.xen import boards
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.host.device import HostDevice, devices, read_device
from xenassign.host.platform import read_platform
from xenassign.xen.iommu import iommus, protection
from xenassign.xen.releases import release

#: What the boards' sources refer to of QEMU's tree, without QEMU.
VIRT = """/dts-v1/;
/ {
    interrupt-parent = <0x8003>;
    #address-cells = <2>;
    #size-cells = <2>;
    chosen { stdout-path = "/pl011@9000000"; };
    pl011@9000000 {
        compatible = "arm,pl011", "arm,primecell";
        reg = <0 0x9000000 0 0x1000>;
        interrupts = <0 1 4>;
        clocks = <0x8000 0x8000>;
    };
    pl031@9010000 {
        compatible = "arm,pl031", "arm,primecell";
        reg = <0 0x9010000 0 0x1000>;
        interrupts = <0 2 4>;
        clocks = <0x8000>;
    };
    pl061@9030000 {
        phandle = <0x8005>;
        compatible = "arm,pl061", "arm,primecell";
        reg = <0 0x9030000 0 0x1000>;
        interrupts = <0 7 4>;
        clocks = <0x8000>;
        gpio-controller;
        #gpio-cells = <2>;
    };
    intc@8000000 {
        phandle = <0x8003>;
        compatible = "arm,gic-v3";
        reg = <0 0x8000000 0 0x10000 0 0x80a0000 0 0xf60000>;
        interrupts = <1 9 4>;
        interrupt-controller;
        #interrupt-cells = <3>;
        #address-cells = <2>;
        #size-cells = <2>;
        ranges;
    };
    apb-pclk {
        phandle = <0x8000>;
        compatible = "fixed-clock";
        #clock-cells = <0>;
        clock-frequency = <24000000>;
    };
};
"""


@pytest.fixture(scope="module")
def qemu() -> bytes:
    return boards._dtc("dts", "dtb", VIRT.encode())


def tree(name: str, qemu: bytes) -> Tree:
    return read_blob(boards.board(name, qemu), name)


def device(name: str, qemu: bytes, path: str) -> HostDevice:
    platform = read_platform(tree(name, qemu))
    node = platform.tree.find(path)
    assert node is not None, path
    return read_device(platform, node)


def properties(blob: bytes) -> dict[str, dict[str, bytes]]:
    """By the nodes' paths, as libfdt tells them."""
    fdt = libfdt.Fdt(blob)
    found: dict[str, dict[str, bytes]] = {}
    node, depth = 0, 0
    while node >= 0 and depth >= 0:
        own = found.setdefault(fdt.get_path(node), {})
        offset = fdt.first_property_offset(node, (libfdt.NOTFOUND,))
        while offset >= 0:
            prop = fdt.get_property_by_offset(offset)
            own[prop.name] = bytes(prop)
            offset = fdt.next_property_offset(offset, (libfdt.NOTFOUND,))
        node, depth = fdt.next_node(node, depth, (libfdt.NOTFOUND,))
    return found


@pytest.mark.parametrize("name", boards.BOARDS)
def test_a_board_keeps_all_that_qemu_has(name: str, qemu: bytes) -> None:
    own, more = properties(qemu), properties(boards.board(name, qemu))
    changed = {path for path in own if more[path] != own[path]}
    assert changed == set(boards.BOARDS[name].changed)
    for path in changed:
        assert {**own[path], "clocks": b""}.items() <= {**more[path], "clocks": b""}.items()
    assert set(boards.BOARDS[name].marks) <= set(more)


def test_the_devices_on_the_board_are_those_of_the_table(qemu: bytes) -> None:
    """Every device stands in the module's docstring, by its path or as ``@address`` beside it."""
    text = boards.__doc__ or ""
    own = set(properties(qemu))
    for name in boards.BOARDS:
        for one in devices(read_platform(tree(name, qemu))):
            base, at, address = one.path.rpartition("@")
            if one.path in own or "/intid-" in one.path or one.path.count("/") > 2:
                continue
            told = f"{one.path} " in text or (at and f"{base}@" in text and f"@{address}" in text)
            assert told or one.path.startswith("/outer@"), one.path


@pytest.mark.parametrize(
    ("path", "blocks", "lines"),
    [
        ("/irq-only", [], [(212, 4)]),
        ("/soc/half@1200", [(0xF001200, 0x200)], [(216, 4)]),
        ("/soc/alone@2400", [(0xF002400, 0x100)], [(217, 4)]),
        (
            "/soc/blocks@3000",
            [(0xF003000, 0x1000), (0xF005000, 0x2000)],
            [(218, 1), (219, 4), (220, 2), (221, 8)],
        ),
        ("/soc/glue@8000/core@1000", [(0xF00A000, 0x1000)], [(224, 1)]),
        ("/soc/ppi@1a000", [(0xF01A000, 0x1000)], [(20, 4)]),
        ("/soc/both@1e000", [(0xF01E000, 0x1000)], [(232, 4)]),
        ("/soc/nexus@1f000", [(0xF01F000, 0x1000)], [(213, 4), (214, 1)]),
        ("/soc/last@20000", [(0xF020000, 0x1000)], [(255, 4)]),
        ("/soc/quiet@22000", [(0xF022000, 0x1000)], []),
        ("/soc/none@26000", [(0xF026000, 0x1000)], [(237, 0)]),
        ("/soc/extended@28000", [(0xF028000, 0x1000)], [(4096 + 229, 4)]),
        ("/soc/second-window@40001000", [(0xA101000, 0x1000)], [(241, 4)]),
        ("/wide/huge@40000000", [(0x10040000000, 0x40000000)], [(243, 4)]),
        ("/soc/clash@402000", [(0xF402000, 0x1000)], [(247, 4), (247, 1)]),
        ("/soc/intid-4096@417000", [(0xF417000, 0x1000)], [(4096, 4)]),
    ],
)
def test_registers_and_interrupts(
    path: str, blocks: list[tuple[int, int]], lines: list[tuple[int, int]], qemu: bytes
) -> None:
    found = device("odd", qemu, path)
    assert [(one.address, one.size) for one in found.blocks] == blocks
    assert [(one.intid, one.cells[2]) for one in found.interrupts] == lines
    assert not found.problems


def test_the_intids_in_names_are_true(qemu: bytes) -> None:
    named = [one for one in devices(read_platform(tree("odd", qemu))) if "/intid-" in one.path]
    assert named
    for one in named:
        assert [line.intid for line in one.interrupts] == [
            int(one.path.rpartition("/intid-")[2].partition("@")[0])
        ]


@pytest.mark.parametrize(
    ("path", "shield"),
    [
        ("/single@a200000", "PROTECTED"),
        ("/legacy@a204000", "PROTECTED"),
        ("/masked@a205000", "PROTECTED"),
        ("/behind-off@a207000", "UNPROTECTED"),
        ("/bare@a20a000", "UNPROTECTED"),
        ("/streams-only", "PROTECTED"),
        ("/outer@a20c000/plain@a20e000", "UNPROTECTED"),
        ("/dangling@a211000", "UNPROTECTED"),
        ("/behind-foreign@a212000", "REFUSED"),
        ("/behind-broken@a213000", "REFUSED"),
        ("/two-smmus@a214000", "REFUSED"),
    ],
)
def test_protection_as_the_real_xen_has_it(path: str, shield: str, qemu: bytes) -> None:
    platform = read_platform(tree("smmu-odd", qemu))
    node = platform.tree.find(path)
    assert node is not None
    known = iommus(platform, release("4.20"), frozenset({"smmu"}))
    assert protection(platform, known, read_device(platform, node)).shield.name == shield


@pytest.mark.parametrize("name", [name for name, one in boards.BOARDS.items() if one.smmus])
def test_the_register_pages_fit_the_nodes(name: str, qemu: bytes) -> None:
    """As the driver checks them: the size by IDR1, an interrupt for each context bank."""
    pages = {address: page for page, address in boards.loads(name)}
    reserved = [block for _, block in read_platform(tree(name, qemu)).reserved]
    for address, page in pages.items():
        found = device(name, qemu, f"/iommu@{address:x}")
        assert [(one.address, one.size) for one in found.blocks] == [(address, len(page))]
        assert any(one.address <= address and address + len(page) <= one.end for one in reserved)
        (idr1,) = struct.unpack_from("<I", page, 0x24)
        assert 2 * 4096 << ((idr1 >> 28 & 7) + 1) == len(page)
        assert len(found.interrupts) == 1 + (idr1 & 0xFF)


def test_marks_change_nothing_else(qemu: bytes) -> None:
    host = boards.board("devices", qemu)
    paths = ["/soc/half@1200", "/irq-only", "/irq-only"]
    want = properties(host)
    for path in paths:
        want[path]["xen,passthrough"] = b""
    assert properties(boards.marked(host, paths)) == want
    assert properties(boards.marked(qemu, [])) == properties(qemu)


@pytest.mark.parametrize("path", ["/soc/half", "/soc/half@9", "spare", "soc", "", "/soc/"])
def test_only_whole_paths_can_be_marked(path: str, qemu: bytes) -> None:
    with pytest.raises(KeyError):
        boards.marked(boards.board("devices", qemu), [path])
