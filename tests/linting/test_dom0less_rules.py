"""What decides about a dom0less boot: each rule fires on what one change breaks, and only there.

The rules about cells, paths, protection, phandles and size are in test_partial_rules.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.answers import codes
from tests.rows import Rows
from tests.wording import Wording
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.verdict import dom0less
from xenassign.linting.verdict.context import Context, Images
from xenassign.xen.board import read_board
from xenassign.xen.releases import RELEASES, release

from .trees import FORCE, xen_reg
from .trees import blob as compiled

Board = Callable[[str], Tree]
Variant = Callable[[str, str], Tree]

MIB = 1 << 20
GIB = 1 << 30
RAM = 0x40000000
CHECKED = [xen for xen, entry in RELEASES.items() if entry.xen_reg_cells_checked]
UNCHECKED = [xen for xen in RELEASES if xen not in CHECKED]


def blob(*nodes: str, cells: str = "#address-cells = <2>; #size-cells = <2>;") -> bytes:
    return compiled(f"/dts-v1/; / {{ passthrough {{ {cells} ranges; {' '.join(nodes)} }}; }};")


def mapping(name: str, *entries: tuple[int, int, int]) -> str:
    """A node that maps (host, size, guest) and assigns nothing."""
    return f"{name} {{ {xen_reg(*entries)} {FORCE} }};"


def device(name: str, path: str, force: str = FORCE) -> str:
    """A node that assigns a host node and maps nothing."""
    return f'{name} {{ xen,path = "{path}"; xen,reg; {force} }};'


def known(tree: Tree, xen: str = "4.20", **about: Any) -> Context:
    board = read_board(read_platform(tree), release(xen))
    context = Context(release(xen), board, vpl011=False)
    return context._replace(**about)


def unknown(xen: str = "4.20", **about: Any) -> Context:
    """No host is known."""
    return Context(release(xen), None, vpl011=False)._replace(**about)


def findings(data: bytes, context: Context) -> list[Finding]:
    found = list(dom0less.check(data, context))
    assert all(finding.routes == ("dom0less",) for finding in found)
    return found


# --- nothing wrong -------------------------------------------------------------------------------

GOOD = blob(
    'pl031@9010000 { compatible = "arm,pl031"; reg = <0 0x9010000 0 0x1000>;'
    ' interrupts = <0 2 4>; xen,path = "/pl031@9010000"; xen,reg = <0 0x9010000 0 0x1000 0'
    " 0x9010000>; xen,force-assign-without-iommu; };"
)


KNOWN_OF_THE_DOMAIN: tuple[dict[str, Any], ...] = (
    {},
    {"memory": 256 << 10, "vpl011": True, "bootargs": "console=ttyAMA0"},
    {"memory": 256 << 10, "images": Images(20 * MIB, 30 * MIB)},
    {"beside_dom0": True, "marked": frozenset({"/pl031@9010000"})},
    {"gic_lines": 288, "nr_spis": 3},
)


def test_the_good_tree_has_no_finding(board: Board, rows: Rows) -> None:
    for about in KNOWN_OF_THE_DOMAIN:
        for xen in RELEASES:
            with rows(about, xen):
                assert findings(GOOD, known(board("qemu"), xen, **about)) == []


# --- the blob ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" + GOOD[1:],
        GOOD[:39],
        GOOD[:-1],
        GOOD[:24] + struct.pack(">I", 18) + GOOD[28:],
        GOOD.replace(b"passthrough\0" + struct.pack(">I", 3), b"passthrough\0" + bytes(4)),
    ],
)
def test_a_blob_that_is_none_is_found_and_nothing_else(board: Board, data: bytes) -> None:
    (found,) = findings(data, known(board("qemu")))
    assert (found.code, found.effect, found.routes) == ("XA121", "rejected", ("dom0less",))


# --- cells ---------------------------------------------------------------------------------------


OTHER_CELLS: tuple[tuple[int, int, str, str], ...] = (
    (3, 2, "0 0 0x9010000 0 0x1000 0 0 0x9010000", "XA212"),
    (3, 2, "", "XA212"),
    (1, 0, "0x9010000 0x9010000", "XA212"),
    (0, 1, "0x1000", "XA212"),
    (0, 0, "0x1000", "XA211"),
    (0x80000000, 1, "0x1000", "XA211"),
    (0x80000000, 1, "", "XA212"),
)


def test_other_cells_are_refused_by_newer_releases_and_misread_by_older_ones(rows: Rows) -> None:
    for (
        address,
        size,
        values,
        before,
    ) in OTHER_CELLS:
        for xen in RELEASES:
            with rows(address, size, values, before, xen):
                cells = f"#address-cells = <{address:#x}>; #size-cells = <{size}>;"
                reg = f"xen,reg = <{values}>;" if values else "xen,reg;"
                data = blob(f"dev {{ {reg} {FORCE} }};", cells=cells)
                found = findings(data, unknown(xen))
                wanted = "XA211" if xen in CHECKED else before
                assert [finding.code for finding in found] == [wanted]
                assert found[0].effect == ("rejected" if wanted == "XA211" else "broken")


def test_wide_cells_lose_their_upper_part(board: Board) -> None:
    """The pages that a release without the check really maps decide about the rest."""
    cells = "#address-cells = <3>; #size-cells = <2>;"
    reg = "xen,reg = <7 0 0x9010800 0 0x1000 7 0 0x9010000>;"
    data = blob(f"dev {{ {reg} {FORCE} }};", cells=cells)
    assert set(codes(findings(data, unknown("4.19")))) == {"XA212", "XA213"}


# --- stage 2 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guest", "size", "code"),
    [
        ((1 << 48) - 0x1000, 0x1000, None),
        ((1 << 48) - 0x1000, 0x2000, "XA205"),
        (1 << 48, 0x1000, "XA205"),
        (1 << 52, 0x1000, "XA205"),
        (1 << 52, 0, None),
    ],
)
def test_stage_2_ends_at_48_bits(guest: int, size: int, code: str | None) -> None:
    found = set(
        codes(findings(blob(mapping("dev", (0x9010000, size, guest))), unknown(memory=256 << 10)))
    )
    assert found == ({code} if code else set())


ODD_2_GIB = mapping("dev", (0x1000, 2 * GIB, 8 << 40))  # 1024 tables, 768 pages in the pool


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"memory": 256 << 10}, True),
        ({"memory": 256 << 10, "vcpus": 4}, False),  # 1536 pages
        ({"memory": 1 << 20}, False),
        ({"memory": 256 << 10, "pool_mib": 8}, False),
        ({"memory": 1 << 20, "pool_mib": 3}, True),
        ({}, False),
        ({"pool_mib": 3}, True),
    ],
)
def test_a_mapping_needs_tables(about: dict[str, Any], found: bool) -> None:
    assert set(codes(findings(blob(ODD_2_GIB), unknown(**about)))) == (
        {"XA218"} if found else set()
    )


def test_what_is_aligned_needs_hardly_any_tables() -> None:
    aligned = mapping("dev", (0, 2 * GIB, 8 << 40))
    assert codes(findings(blob(aligned), unknown(memory=256 << 10))) == []


def test_the_pool_is_that_of_all_mappings_together() -> None:
    nodes = [mapping(f"dev@{n}", (0x1000, GIB, (8 + n) << 40)) for n in range(2)]
    for one in nodes:
        assert codes(findings(blob(one), unknown(memory=256 << 10))) == []
    assert set(codes(findings(blob(*nodes), unknown(memory=256 << 10)))) == {"XA218"}


LAST = (1 << 64) - 0x1000  # the last page of the address space


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([(LAST, 0x2000, 0x9010000)], False),
        ([(0x9010000, 0x1000, 0x9010000), (LAST, 0x2000, 0x9020000)], True),
        ([(0x9010000, 0x1000, 0x9010000), (LAST, 0x1000, 0x9020000)], True),
        ([(0x9010000, 0x1000, 0x9010000), (LAST - 0x1000, 0x1000, 0x9020000)], False),
        ([(0x0, 0x1000, 0x9010000), (LAST, 0x2000, 0x9020000)], False),
        ([(0x9010000, 0x1000, 0x9010000), (0x9020000, 0x1000, 0x9020000)], False),
    ],
)
def test_the_second_mapping_must_not_wrap_around(
    entries: list[tuple[int, int, int]], found: bool
) -> None:
    assert ("XA214" in codes(findings(blob(mapping("dev", *entries)), unknown()))) == found
    nodes = [mapping(f"dev@{n}", entry) for n, entry in enumerate(entries)]
    assert ("XA214" in codes(findings(blob(*nodes), unknown()))) == found


@pytest.mark.parametrize(
    ("guests", "found"), [((2, 2), True), ((2, 1), False), ((2, 3), False), ((2, 3, 3), False)]
)
def test_an_empty_mapping_at_the_lowest_guest_page(guests: tuple[int, ...], found: bool) -> None:
    """From 4.21 on Xen lists the guest's pages. Only the first mapping is not empty."""
    for version, affected in (("4.20", False), ("4.21", True), ("4.22", True)):
        entries = [(0x9010000, 0 if n else 0x1000, at << 24) for n, at in enumerate(guests)]
        about = unknown(release=release(version))
        wraps = "XA214" in codes(findings(blob(mapping("dev", *entries)), about))
        assert wraps == (found and affected), version


# --- images --------------------------------------------------------------------------------------

ROOM = 256 << 10  # KiB of memory
TREE = RAM + 128 * MIB  # where Xen puts the device tree of a guest with room enough


@pytest.mark.parametrize(
    ("guest", "images", "covered"),
    [
        (RAM, None, True),
        (RAM + 0x1000, None, False),
        (RAM, Images(MIB, 0), True),
        (RAM + MIB - 0x1000, Images(MIB, 0), True),
        (RAM + MIB, Images(MIB, 0), False),
        (RAM, Images(MIB, 0, 0x80000), False),
        (RAM + MIB + 0x7F000, Images(MIB, 0, 0x80000), True),
        (TREE, Images(MIB, 4 * MIB), True),
        (TREE + 2 * MIB, Images(MIB, 4 * MIB), True),
        (TREE + 6 * MIB - 0x1000, Images(MIB, 4 * MIB), True),
        (TREE + 6 * MIB, Images(MIB, 4 * MIB), False),
        (TREE + 2 * MIB, Images(MIB, 0), False),
        (RAM + 64 * MIB, Images(MIB, 4 * MIB), False),
        (0x9010000, Images(MIB, 4 * MIB), False),
    ],
)
def test_a_mapping_must_not_cover_what_xen_copies_into_ram(
    guest: int, images: Images | None, covered: bool, wording: Wording
) -> None:
    context = unknown(memory=ROOM, images=images)
    found = findings(blob(mapping("dev", (0x9010000, 0x1000, guest))), context)
    assert [finding.code for finding in found] == ["XA219"] * covered
    wording(*found)


@pytest.mark.parametrize(
    ("memory_mib", "kernel", "at"),
    [
        (256, MIB, TREE),
        (134, MIB, TREE),  # exactly up to the end of the modules
        (132, MIB, RAM + 126 * MIB),  # at the end of the RAM: tree and ramdisk are 6 MiB
        (64, MIB, RAM + 58 * MIB),
        (256, 140 * MIB, RAM + 250 * MIB),  # the kernel reaches behind 128 MiB
    ],
)
def test_tree_and_ramdisk_go_128_mib_up_or_to_the_end(
    memory_mib: int, kernel: int, at: int
) -> None:
    context = unknown(memory=memory_mib << 10, images=Images(kernel, 4 * MIB))
    for guest in (at, at + 2 * MIB, at + 6 * MIB - 0x1000):
        data = blob(mapping("dev", (0x9010000, 0x1000, guest)))
        assert set(codes(findings(data, context))) == {"XA219"}, hex(guest)
    assert codes(findings(blob(mapping("dev", (0x9010000, 0x1000, at - 0x1000))), context)) == []


@pytest.mark.parametrize(
    ("guest", "images"),
    [
        (RAM, None),
        (RAM, Images(MIB, 4 * MIB)),
        (TREE, Images(MIB, 4 * MIB)),
        (0, None),
        (0, Images(MIB, 4 * MIB)),
    ],
)
def test_without_the_memory_nothing_is_said_about_ram(guest: int, images: Images | None) -> None:
    data = blob(mapping("dev", (0x9010000, 0x1000, guest)))
    assert codes(findings(data, unknown(images=images))) == []


# --- the domain ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "vcpus", "found"),
    [
        ("qemu", 128, False),
        ("qemu", 129, True),
        ("zynqmp", 8, False),  # a GICv2
        ("zynqmp", 9, True),
    ],
)
def test_the_vcpus_of_a_gic(board: Board, host: str, vcpus: int, found: bool) -> None:
    """On 4.22, whose buffer has room for all of them."""
    context = known(board(host), "4.22", vcpus=vcpus)
    assert set(codes(findings(blob(mapping("dev")), context))) == ({"XA108"} if found else set())


def test_without_the_host_the_vcpus_are_not_judged() -> None:
    assert "XA108" not in codes(findings(blob(mapping("dev")), unknown("4.22", vcpus=129)))


@pytest.mark.parametrize(
    ("nr_spis", "vpl011", "wanted"),
    [
        (None, True, set()),
        (960, True, set()),
        (961, True, {"XA314"}),
        (1 << 31, True, {"XA314"}),
        (1, True, set()),
        (0, True, {"XA313"}),
        (0, False, set()),
    ],
)
def test_nr_spis_of_the_domain(nr_spis: int | None, vpl011: bool, wanted: set[str]) -> None:
    assert (
        set(codes(findings(blob(mapping("dev")), unknown(nr_spis=nr_spis, vpl011=vpl011))))
        == wanted
    )


# --- interrupts ----------------------------------------------------------------------------------

LINES = (
    "/ { interrupt-parent = <&gic>;"
    ' a@1000 { compatible = "x"; interrupts = <0 100 4>; };'
    ' edge@2000 { compatible = "x"; interrupts = <0 100 1>; };'
    ' same@3000 { compatible = "x"; interrupts = <0 100 4>; };'
    ' self@4000 { compatible = "x"; interrupts = <0 101 4>, <0 101 1>; };'
    ' vuart@5000 { compatible = "x"; interrupts = <0 0 4>; };'
    ' ppi@6000 { compatible = "x"; interrupts = <1 2 4>; };'
    ' extended@7000 { compatible = "x"; interrupts = <2 2 4>; };'
    ' console-line@8000 { compatible = "x"; interrupts = <0 1 4>; };'
    ' last@9000 { compatible = "x"; interrupts = <0 959 4>; };'
    ' beyond@a000 { compatible = "x"; interrupts = <0 960 4>; };'
    ' plain@b000 { compatible = "x"; };'
    " };"
)


@pytest.fixture
def host(variant: Variant) -> Tree:
    """QEMU's board with interrupts of every kind."""
    return variant("qemu", LINES)


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["/a@1000"], set()),
        (["/a@1000", "/same@3000"], set()),
        (["/a@1000", "/a@1000"], set()),  # without an IOMMU nothing owns it
        (["/a@1000", "/edge@2000"], {"XA309"}),
        (["/self@4000"], {"XA309"}),
        (["/ppi@6000"], {"XA301"}),
        (["/timer"], {"XA301"}),
        (["/extended@7000"], {"XA301"}),
        (["/console-line@8000"], {"XA304"}),
        (["/pl011@9000000"], {"XA304"}),
        (["/last@9000"], set()),
        (["/beyond@a000"], {"XA313"}),
        (["/plain@b000"], set()),
        (["/A@1000"], set()),
    ],
)
def test_interrupts_of_the_node_that_xen_path_names(
    host: Tree, paths: list[str], wanted: set[str]
) -> None:
    nodes = [device(f"dev@{n}", path) for n, path in enumerate(paths)]
    found = findings(blob(*nodes), known(host))
    assert {finding.code for finding in found} == wanted
    assert all(f.effect == "rejected" and f.routes == ("dom0less",) for f in found)


def test_intid_32_is_that_of_the_vpl011(host: Tree) -> None:
    data = blob(device("dev", "/vuart@5000"))
    assert set(codes(findings(data, known(host, vpl011=True)))) == {"XA306"}
    assert codes(findings(data, known(host, vpl011=False))) == []


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"nr_spis": 100}, False),  # rounded up to 128: INTID 32 to 159
        ({"nr_spis": 97}, False),
        ({"nr_spis": 96}, True),  # INTID 132 is SPI 100
        ({"nr_spis": 0}, True),
        ({"gic_lines": 133}, False),
        ({"gic_lines": 132}, True),
        ({"gic_lines": 132, "nr_spis": 128}, True),
    ],
)
def test_the_lines_of_guest_and_host_end_somewhere(
    host: Tree, about: dict[str, Any], found: bool
) -> None:
    data = blob(device("dev", "/a@1000"))
    assert set(codes(findings(data, known(host, **about)))) == ({"XA313"} if found else set())


@pytest.mark.parametrize(
    ("beside", "marks", "wanted"),
    [
        (False, set(), set()),
        (True, set(), {"XA305", "XA416"}),
        (True, {"/a@1000"}, {"XA305"}),  # others have the line, too
        (True, {"/a@1000", "/same@3000", "/edge@2000"}, set()),
    ],
)
def test_beside_a_dom0_its_lines_are_not_free(
    host: Tree, beside: bool, marks: set[str], wanted: set[str]
) -> None:
    context = known(host, beside_dom0=beside, marked=frozenset(marks))
    assert set(codes(findings(blob(device("dev", "/a@1000")), context))) == wanted


def test_a_device_that_nothing_holds_is_driven_twice(host: Tree) -> None:
    """A node without interrupts or streams: Xen accepts what is unsafe."""
    (found,) = findings(blob(device("dev", "/plain@b000")), known(host, beside_dom0=True))
    assert (found.code, found.effect) == ("XA416", "unsafe")
    marks = known(host, beside_dom0=True, marked=frozenset({"/plain@b000"}))
    assert codes(findings(blob(device("dev", "/plain@b000")), marks)) == []


def test_a_bare_mapping_has_no_interrupts(host: Tree) -> None:
    assert codes(findings(blob(mapping("dev", (0x9000000, 0x1000, 0x9000000))), known(host))) == []


def test_what_cannot_be_mapped_gets_no_interrupts_either(host: Tree) -> None:
    """Xen stops at the first error of a node."""
    node = device("dev", "/ppi@6000").replace("xen,reg;", "xen,reg = <0 0x800 0 0x1000 0 0>;")
    assert set(codes(findings(blob(node), known(host)))) == {"XA213"}


# --- behind an IOMMU -----------------------------------------------------------------------------

NET = "/axi/ethernet@ff0e0000"
MMC = "/axi/mmc@ff170000"


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        ([NET], set()),
        ([NET, MMC], set()),
        ([NET, NET], {"XA414"}),
        ([NET, NET.upper()], {"XA414"}),
        ([NET, MMC, NET], {"XA414"}),
    ],
)
@pytest.mark.parametrize("force", ["", FORCE])
def test_a_protected_device_has_one_owner(
    board: Board, paths: list[str], wanted: set[str], force: str
) -> None:
    nodes = [device(f"dev@{n}", path, force) for n, path in enumerate(paths)]
    assert set(codes(findings(blob(*nodes), known(board("zynqmp"))))) == wanted


@pytest.mark.parametrize(("marked", "wanted"), [([], {"XA305", "XA416", "XA415"}), ([NET], set())])
def test_dom0_owns_the_protected_devices_that_are_not_marked(
    board: Board, marked: list[str], wanted: set[str]
) -> None:
    context = known(board("zynqmp"), beside_dom0=True, marked=frozenset(marked))
    assert set(codes(findings(blob(device("dev", NET, "")), context))) == wanted


STREAMS = (
    '/ { narrow@1000 { compatible = "x"; iommus = <&wide_smmu 0x15 0>; };'
    ' wide@2000 { compatible = "x"; iommus = <&wide_smmu 0x10 0xf>; };'
    ' apart@3000 { compatible = "x"; iommus = <&wide_smmu 0x20 0xf>; };'
    ' wide_smmu: smmu@f0000000 { compatible = "arm,smmu-v2"; reg = <0 0xf0000000 0 0x1000>;'
    " #global-interrupts = <1>; #iommu-cells = <2>; }; };"
)


@pytest.mark.parametrize("xen", RELEASES)
@pytest.mark.parametrize(
    ("paths", "clash"),
    [
        (["/wide@2000", "/narrow@1000"], False),
        (["/narrow@1000", "/wide@2000"], True),
        (["/narrow@1000", "/apart@3000"], False),
    ],
)
def test_streams_that_overlap_in_part(
    variant: Variant, xen: str, paths: list[str], clash: bool
) -> None:
    data = blob(*(device(f"dev@{n}", path, "") for n, path in enumerate(paths)))
    wanted = {"XA408"} if clash and release(xen).smmu_masks_count else set()
    assert set(codes(findings(data, known(variant("qemu", STREAMS), xen)))) == wanted


def test_streams_of_dom0_are_taken_first(variant: Variant) -> None:
    data = blob(device("dev", "/wide@2000", ""))
    tree = variant("qemu", STREAMS)
    mine = frozenset({"/wide@2000"})
    assert set(codes(findings(data, known(tree, beside_dom0=True, marked=mine)))) == {"XA408"}
    both = mine | {"/narrow@1000"}
    assert codes(findings(data, known(tree, beside_dom0=True, marked=both))) == []


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("xen", RELEASES)
def test_4_17_alone_drops_in_silence(xen: str) -> None:
    nodes = [f'n{i} {{ pad = "{"x" * 500}"; }};' for i in range(9)]
    wanted = {"XA123"} if xen == "4.17" else set()
    assert {c for c in codes(findings(blob(*nodes), unknown(xen))) if c != "XA122"} == wanted


def test_a_property_name_that_does_not_fit_ends_4_17() -> None:
    node = f"n {{ {'x' * 4000}; }};"
    assert "XA122" in codes(findings(blob(node), unknown("4.17")))


def test_the_nodes_behind_a_dropped_one_count_nevertheless(host: Tree) -> None:
    pads = f'pad {{ pad = "{"x" * 4000}"; }};'
    found = set(codes(findings(blob(pads, device("dev", "/ppi@6000")), known(host, "4.17"))))
    assert {"XA123", "XA301"} <= found
