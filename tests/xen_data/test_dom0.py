"""What Xen gives dom0, and so xl a guest: on fixture boards and on small trees."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rows import Rows
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Tree
from xenassign.host.device import read_device
from xenassign.host.platform import read_platform
from xenassign.xen.dom0 import Dom0, dom0, dom0_masters, lines, map_entries, xens_lines
from xenassign.xen.iommu import iommus
from xenassign.xen.releases import RELEASES, release

Board = Callable[[str], Tree]
Compiled = Callable[[str], Tree]

BEHIND = [xen for xen, entry in RELEASES.items() if entry.dom0_gives_page_after]
NOT_BEHIND = [xen for xen in RELEASES if xen not in BEHIND]


def gives(tree: Tree, *marked: str, xen: str = "4.21") -> Dom0:
    platform = read_platform(tree)
    return dom0(platform, iommus(platform, release(xen))).beside(frozenset(marked))


def small(body: str) -> str:
    """A board with a GIC and what is given, at 64-bit addresses."""
    return (
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;"
        ' gic: intc@8000000 { compatible = "arm,gic-v3"; interrupt-controller;'
        f" #interrupt-cells = <3>; reg = <0 0x8000000 0 0x10000>; }}; {body} }};"
    )


def device(line: str, address: int, more: str = "", size: int = 0x1000) -> str:
    """A node dev@ADDRESS with one interrupt."""
    return (
        f'dev@{address:x} {{ compatible = "x"; reg = <0 {address:#x} 0 {size:#x}>;'
        f" interrupts = <{line}>; {more} }};"
    )


def test_the_releases_differ() -> None:
    assert BEHIND == ["4.17", "4.18", "4.19", "4.20"]
    assert NOT_BEHIND == ["4.21", "4.22", "4.23"]


# --- the board of QEMU ---------------------------------------------------------------------------


def test_pages_of_the_board(board: Board) -> None:
    """Flash, PL031, fw-cfg, PL061, virtio; then registers and windows of the PCI host."""
    assert gives(board("qemu")).pages == (
        Span(0x0, 0x8000),
        Span(0x9010, 0x9011),
        Span(0x9020, 0x9021),
        Span(0x9030, 0x9031),
        Span(0xA000, 0xA004),
        Span(0x10000, 0x3F000),  # 16 MiB to the I/O window's end at 0x3f000000, without a gap
        Span(0x4010000, 0x4020000),
        Span(0x8000000, 0x10000000),
    )


def test_lines_of_the_board(board: Board) -> None:
    """PL031, the PCI host's interrupt-map, PL061, virtio."""
    has = gives(board("qemu"))
    assert has.lines == {34, 35, 36, 37, 38, 39, *range(48, 80)}
    assert has.held == has.lines


@pytest.mark.parametrize(
    ("what", "page"),
    [
        ("console", 0x9000),
        ("GIC", 0x8000),
        ("redistributors", 0x80A0),
        ("ITS, below the GIC", 0x8080),
        ("memory", 0x40000),
    ],
)
def test_pages_that_dom0_does_not_have(board: Board, what: str, page: int) -> None:
    assert not gives(board("qemu")).has_pages(Span.sized(page, 1)), what


@pytest.mark.parametrize("intid", [33, 25, 23, 27, 29, 30])
def test_lines_of_console_gic_pmu_and_timer_are_not_dom0s(board: Board, intid: int) -> None:
    assert intid not in gives(board("qemu")).lines


@pytest.mark.parametrize("host", ["juno", "rcar", "rk3588", "ti", "tricky", "zynqmp"])
def test_on_other_boards_console_iommus_and_ram_are_not_dom0s(board: Board, host: str) -> None:
    platform = read_platform(board(host))
    known = iommus(platform, release("4.21"))
    has = dom0(platform, known)
    assert platform.console is not None
    assert platform.gic is not None
    own = [platform.console, platform.gic.node]
    own += [iommu.node for iommu in platform.iommus if iommu.node in known.nodes]
    for node in own:
        for block in read_device(platform, node).blocks:
            assert not has.has_pages(Span.sized(block.address >> 12, 1)), node.path
    for bank in platform.memory:
        assert not has.has_pages(Span.sized(bank.address >> 12, 1))
    assert has.held <= has.lines
    assert not has.lines & set(range(16, 32))


def test_the_registers_of_a_bus_give_dom0_what_lies_in_them(board: Board) -> None:
    """On the i.MX8 a bus above the console states the whole of its window in reg."""
    console = read_platform(board("imx8")).console
    assert console is not None
    assert console.parent is not None
    assert console.parent.has("reg")
    assert gives(board("imx8")).has_pages(Span.sized(0x30890, 1))


# --- nodes that Xen keeps or passes over ---------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'x@9000000 { compatible = "arm,armv8-timer"; REG };',
        'x@9000000 { compatible = "y", "ARM,ARMV7-Timer-Mem"; REG };',
        'x@9000000 { compatible = "arm,armv8-pmuv3"; REG };',
        'x@9000000 { compatible = "xen,multiboot-module"; REG };',
        'x@9000000 { compatible = "arm,gic-400"; REG };',
        'x@9000000 { device_type = "memory"; REG };',
        'x@9000000 { compatible = "arm,smmu-v2"; REG };',  # not driven, but a driver matches
        'x@9000000 { compatible = "arm,smmu-v3"; status = "disabled"; REG };',
        'chosen { stdout-path = "/x@9000000:115200"; }; x@9000000 { REG };',
        'aliases { s = "/x@9000000"; }; chosen { stdout-path = "s"; }; x@9000000 { REG };',
        "x@9000000 { interrupts = <1 2 4>; reg = <0 0x9000000 0 0x1000>; };",
        "x@9000000 { interrupts = <0 9 4>, <1 2 4>; reg = <0 0x9000000 0 0x1000>; };",
        "x@9000000 { interrupts = <2 2 4>; reg = <0 0x9000000 0 0x1000>; };",  # extended: 16 + 2
    ],
)
def test_a_node_that_dom0_does_not_get_hides_all_below_it(compiled: Compiled, text: str) -> None:
    below = f"#address-cells = <2>; #size-cells = <2>; ranges; {device('0 5 4', 0x9100000)}"
    reg = "reg = <0 0x9000000 0 0x1000>; interrupts = <0 4 4>;"
    inside = text.replace("REG", reg)
    assert inside.endswith("};")
    nested = f"{inside[:-2]}{below} }};"
    has = gives(compiled(small(nested + device("0 6 4", 0x9200000))))
    assert has == Dom0((Span(0x9200, 0x9201),), frozenset({38}), {38: ["/dev@9200000"]})


@pytest.mark.parametrize(
    "text",
    [
        'compatible = "arm,armv8";',
        'device_type = "cpu";',
        'status = "disabled";',
        'compatible = "rockchip,iommu"; #iommu-cells = <0>;',
        "",
    ],
)
def test_every_other_node_is_dom0s(compiled: Compiled, text: str) -> None:
    has = gives(compiled(small(device("0 6 4", 0x9200000).replace('compatible = "x";', text))))
    assert has == Dom0((Span(0x9200, 0x9201),), frozenset({38}), {38: ["/dev@9200000"]})


def test_reserved_memory_is_no_page_of_dom0(compiled: Compiled) -> None:
    body = "#address-cells = <2>; #size-cells = <2>; ranges; a@90000000 { REG };"
    reg = "reg = <0 0x90000000 0 0x1000>; interrupts = <0 4 4>;"
    for name, pages in (("reserved-memory", ()), ("other", (Span(0x90000, 0x90001),))):
        tree = compiled(small(f"{name} {{ {body} }};".replace("REG", reg)))
        assert gives(tree).pages == pages
        assert gives(tree).lines == {36}


def test_a_block_without_size_is_no_page(compiled: Compiled) -> None:
    assert gives(compiled(small(device("0 4 4", 0x9000000, size=0)))).pages == ()


# --- marks ---------------------------------------------------------------------------------------


def test_lines_of_a_marked_node_may_be_given_and_are_not_held(board: Board) -> None:
    has = gives(board("qemu"), "/pl031@9010000")
    assert 34 in has.lines
    assert 34 not in has.held
    assert has.has_pages(Span.sized(0x9010, 1))


def test_a_mark_of_the_host_tree_counts_too(compiled: Compiled) -> None:
    has = gives(compiled(small(device("0 4 4", 0x9000000, "xen,passthrough;"))))
    assert (has.lines, has.held) == (frozenset({36}), frozenset())


def test_a_mark_is_not_inherited(compiled: Compiled) -> None:
    inner = f"#address-cells = <2>; #size-cells = <2>; ranges; {device('0 5 4', 0x9100000)}"
    has = gives(compiled(small(device("0 4 4", 0x9000000, f"xen,passthrough; {inner}"))))
    assert (has.lines, has.held) == (frozenset({36, 37}), frozenset({37}))


def test_a_line_is_held_while_one_of_its_nodes_is_not_marked(compiled: Compiled) -> None:
    tree = compiled(small(device("0 4 4", 0x9000000) + device("0 4 4", 0x9100000)))
    assert gives(tree, "/dev@9000000").held == {36}
    assert gives(tree, "/dev@9000000", "/dev@9100000").held == frozenset()


# --- PCI -----------------------------------------------------------------------------------------

PCI = (
    'pcie@70000000 { TYPE compatible = "x"; reg = <0 0x70000000 0 0x1000>;'
    " #address-cells = <3>; #size-cells = <2>; #interrupt-cells = <1>;"
    " ranges = <0x2000000 0 0x20000000 0 0x80000000 0 0x2000>;"
    " interrupt-map = <0 0 0 1 &gic 0 7 4>, <0 0 0 2 &other 9>, <0 0 0 3 &gic 0 8 4>; };"
    " other: pic { interrupt-controller; #interrupt-cells = <1>; };"
)


def test_windows_and_interrupt_map_of_a_pci_host_are_dom0s(compiled: Compiled) -> None:
    has = gives(compiled(small(PCI.replace("TYPE", 'device_type = "pci";'))))
    assert has.pages == (Span(0x70000, 0x70001), Span(0x80000, 0x80002))
    assert has.lines == has.held == {39, 40}
    assert gives(compiled(small(PCI.replace("TYPE", "")))).lines == frozenset()


def test_map_entries_are_those_that_end_at_the_gic(compiled: Compiled) -> None:
    platform = read_platform(compiled(small(PCI.replace("TYPE", 'device_type = "pci";'))))
    host = platform.tree.find("/pcie@70000000")
    assert host is not None
    assert list(map_entries(platform, host)) == [(0, 7, 4), (0, 8, 4)]


@pytest.mark.parametrize("map_", ["[01 02 03]", "<1 2 3>", "<0 0 0 1 &gic 0 7 4>, <0 0 0 2 99 0>"])
def test_a_malformed_map_counts_up_to_where_it_ends(compiled: Compiled, map_: str) -> None:
    """It may be of a host nobody asked about: no reason to refuse another device."""
    body = PCI.replace("TYPE", 'device_type = "pci";')
    start, end = body.index("interrupt-map = "), body.index(";", body.index("interrupt-map = "))
    has = gives(compiled(small(body[:start] + f"interrupt-map = {map_}" + body[end:])))
    assert has.lines == ({39} if "&gic" in map_ else set())


def test_a_marked_pci_host_holds_nothing(compiled: Compiled) -> None:
    has = gives(compiled(small(PCI.replace("TYPE", 'device_type = "pci";'))), "/pcie@70000000")
    assert (has.lines, has.held) == (frozenset({39, 40}), frozenset())


# --- the page behind -----------------------------------------------------------------------------


LAST_PAGES: tuple[tuple[int, int, tuple[int, int], tuple[int, int]], ...] = (
    (0x9000000, 0x1000, (0x9000, 0x9001), (0x9000, 0x9000)),
    (0x9000000, 0x10000, (0x9000, 0x9010), (0x9000, 0x900F)),
    (0x9000800, 0x200, (0x9000, 0x9001), (0x9000, 0x9000)),
    (0x9000800, 0x1000, (0x9000, 0x9002), (0x9000, 0x9001)),
    (0x9000000, 1, (0x9000, 0x9000), (0x9000, 0x9000)),  # its last byte starts the page
)


def test_up_to_4_20_the_page_behind_is_dom0s_too(compiled: Compiled, rows: Rows) -> None:
    for address, size, before, since in LAST_PAGES:
        for xen in RELEASES:
            with rows(address, size, before, since, xen):
                tree = compiled(small(device("0 4 4", address, size=size)))
                first, last = before if xen in BEHIND else since
                assert gives(tree, xen=xen).pages == (Span(first, last + 1),)


# --- has_pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "count", "has"),
    [
        (10, 1, True),
        (10, 10, True),
        (19, 1, True),
        (10, 11, False),
        (9, 1, False),
        (9, 2, False),
        (20, 1, False),
        (15, 20, False),
        (30, 1, True),
        (31, 1, False),
        (1 << 63, 1, False),
    ],
)
def test_has_pages_wants_every_page(first: int, count: int, has: bool) -> None:
    held = Dom0((Span(10, 20), Span(30, 31)), frozenset(), {})
    assert held.has_pages(Span.sized(first, count)) == has


def test_adjacent_and_overlapping_blocks_are_one_range(compiled: Compiled) -> None:
    tree = compiled(
        small(
            device("0 6 4", 0x9003000)
            + device("0 4 4", 0x9000000, size=0x2000)
            + device("0 5 4", 0x9002000)
            + device("0 7 4", 0x9001000)
        )
    )
    has = gives(tree)
    assert has.pages == (Span(0x9000, 0x9004),)
    assert has.has_pages(Span.sized(0x9001, 3))
    assert not has.has_pages(Span.sized(0x9001, 4))


# --- lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "intid", "trigger"),
    [
        ("0 0 4", 32, 4),
        ("0 987 1", 1019, 1),
        ("1 13 8", 29, 8),
        ("1 13 0xf08", 29, 8),
        ("2 229 4", 245, 4),  # an extended SPI, which Xen takes for number + 16
        ("3 2 1", 18, 1),
        ("0 3 0", 35, 0),
    ],
)
def test_a_specifier_is_read_as_xen_reads_it(
    compiled: Compiled, stated: str, intid: int, trigger: int
) -> None:
    platform = read_platform(compiled(small(device(stated, 0x9000000))))
    node = platform.tree.find("/dev@9000000")
    assert node is not None
    assert lines(platform, node) == ((intid, trigger),)


def test_interrupts_at_another_controller_are_no_lines(compiled: Compiled) -> None:
    pic = "other: pic { interrupt-controller; #interrupt-cells = <3>; };"
    more = f"interrupt-parent = <&other>; {pic}"
    has = gives(compiled(small(device("0 4 4", 0x9000000, more))))
    assert has.lines == frozenset()


def test_an_extended_spi_is_given_under_the_intid_that_xen_takes(compiled: Compiled) -> None:
    has = gives(compiled(small(device("2 229 4", 0x9000000))))
    assert has.lines == has.held == {245}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("qemu", {33: "/pl011@9000000"}),
        ("zynqmp", {53: "/axi/serial@ff000000", 187: "/axi/iommu@fd800000"}),
        ("tricky", {64: "/serial@f5000000", 333: "/iommu@f3100000", 334: "/iommu@f3200000"}),
        ("rk3588", {365: "/serial@feb50000"}),  # its SMMUv3 is disabled
    ],
)
def test_xens_own_lines_are_of_console_and_driven_iommus(
    board: Board, host: str, expected: dict[int, str]
) -> None:
    platform = read_platform(board(host))
    assert xens_lines(platform, iommus(platform, release("4.20"))) == expected


# --- streams -------------------------------------------------------------------------------------


def masters(tree: Tree, *marked: str, xen: str = "4.20") -> list[str]:
    """The paths of what Xen assigns to dom0."""
    platform = read_platform(tree)
    known = iommus(platform, release(xen))
    masters = dom0_masters(platform, known, frozenset(marked))
    return [node.path for node in platform.tree.nodes() if node in masters.nodes]


def clashes(tree: Tree, *marked: str) -> bool:
    """Whether a stream that dom0 has in the way keeps /w@7e000000 from being assigned."""
    platform = read_platform(tree)
    known = iommus(platform, release("4.20"))
    node = tree.find("/w@7e000000")
    assert node is not None
    held = dom0_masters(platform, known, frozenset({"/w@7e000000", *marked}))
    return held.streams.copy().take(read_device(platform, node)) is not None


def overlapping(compiled: Compiled, more: str = "") -> Tree:
    body = (
        'smmu: iommu@f0000000 { compatible = "arm,smmu-v2"; reg = <0 0xf0000000 0 0x1000>;'
        " #global-interrupts = <1>; #iommu-cells = <2>; };"
        f' n@7d000000 {{ compatible = "x"; iommus = <&smmu 0x15 0>; {more} }};'
        ' w@7e000000 { compatible = "x"; iommus = <&smmu 0x10 0xf>; };'
    )
    return compiled(small(body))


def test_dom0_has_the_streams_of_what_is_not_marked(compiled: Compiled) -> None:
    tree = overlapping(compiled)
    assert clashes(tree)
    assert not clashes(tree, "/n@7d000000")


@pytest.mark.parametrize("more", ["xen,passthrough;", "interrupts = <1 3 4>;"])
def test_dom0_has_no_streams_of_what_it_does_not_get(compiled: Compiled, more: str) -> None:
    assert not clashes(overlapping(compiled, more))


def test_dom0_has_the_streams_of_mmu_masters(compiled: Compiled) -> None:
    body = (
        'smmu: iommu@f0000000 { compatible = "arm,smmu-v2"; reg = <0 0xf0000000 0 0x1000>;'
        " #global-interrupts = <1>; #iommu-cells = <2>; mmu-masters = <&n 0x15>; };"
        ' n: n@7d000000 { compatible = "x"; #stream-id-cells = <1>; };'
        ' w@7e000000 { compatible = "x"; iommus = <&smmu 0x10 0xf>; };'
    )
    assert clashes(compiled(small(body)))
    assert not clashes(compiled(small(body)), "/n@7d000000")


def test_dom0s_devices_are_those_that_xen_believes_protected(board: Board) -> None:
    found = masters(board("tricky"))
    assert "/dma@78000000" in found
    assert "/dma@78050000" in found  # its second IOMMU is disabled: of no matter up to 4.20
    assert "/dma@78050000" not in masters(board("tricky"), xen="4.21")
    assert "/dma@78030000" not in found  # names two IOMMUs: refused
    assert "/dma@78000000" not in masters(board("tricky"), "/dma@78000000")


def test_without_an_iommu_dom0_has_no_devices(board: Board) -> None:
    assert masters(board("qemu")) == []
    assert masters(board("ti")) == []
