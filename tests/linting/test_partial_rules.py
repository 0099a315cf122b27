"""Rules about a partial device tree: each fires on what one change breaks, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.answers import codes
from tests.rows import Rows
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.flat import read_flat
from xenassign.devicetree.tree import Tree
from xenassign.linting.guest.guest_lines import guest_intids
from xenassign.linting.guest.view import partial_nodes
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.guest_tree_size import guest_tree_bytes
from xenassign.xen.releases import DEFAULT, release

from . import trees
from .trees import blob, everything

Board = Callable[[str], Tree]

GOOD = """/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;

	passthrough {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		interrupt-parent = <0xfde8>;

		clk: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1>; };

		rtc: pl031@9010000 {
			compatible = "arm,pl031", "arm,primecell";
			reg = <0x0 0x9010000 0x0 0x1000>;
			interrupts = <0 2 4>;
			clocks = <&clk>;
			clock-names = "apb_pclk";
			xen,path = "/pl031@9010000";
			xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;
			xen,force-assign-without-iommu;
		};
	};
};
"""


def guest_bytes(text: str, asked: Context) -> int:
    root = read_flat(blob(text))
    assert root is not None
    return guest_tree_bytes(root, asked)


def context(board: Board, host: str = "qemu", xen: str = "4.20", vcpus: int = 1) -> Context:
    return trees.context(board(host), xen, vcpus)


REG = "xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x9010000>;"
PATH = 'xen,path = "/pl031@9010000";'
FORCE = "xen,force-assign-without-iommu;"

#: What another mistake brings with it: without its xen properties a node is neither mapped, nor
#: forced, nor has it host interrupts.
CONSEQUENCES = ("XA413", "XA511", "XA215", "XA312", "XA216", "XA802", "XA803")


def test_the_good_tree_is_good(board: Board) -> None:
    for xen in ("4.17", "4.18", "4.20", "4.22"):
        assert codes(everything(GOOD, context(board, xen=xen))) == []


ONE_CHANGE_ONE_FINDING: tuple[tuple[str, str, str], ...] = (
    ("passthrough {", "passthrough@0 {", "XA801"),
    ("passthrough {", "Passthrough {", "XA801"),
    (REG, "", "XA411"),
    (PATH + "\n\t\t\t" + REG + "\n\t\t\t" + FORCE, REG, "XA411"),
    (PATH + "\n\t\t\t" + REG + "\n\t\t\t" + FORCE, PATH, "XA411"),
    (PATH + "\n\t\t\t" + REG + "\n\t\t\t" + FORCE, "xen,reg;", "XA411"),
    (FORCE, FORCE + " child { xen,reg; };", "XA411"),
    (
        FORCE,
        FORCE + " mdio { #address-cells = <1>; #size-cells = <0>;"
        ' phy@1 { reg = <1>; xen,path = "/pl031@9010000"; xen,reg = <1>; }; };',
        "XA211",
    ),
    ("0x0 0x1000 0x0 0x9010000>;\n\t\t\txen,f", "0x0 0x200 0x0 0x9010000>; xen,f", "XA213"),
    ("<0x0 0x9010000 0x0 0x1000 0x0 0x9", "<0x0 0x9010800 0x0 0x1000 0x0 0x9", "XA213"),
    ('path = "/pl031@9010000"', 'path = "/pl031@9010001"', "XA412"),
    ('path = "/pl031@9010000"', 'path = "/pl031@9010000/"', "XA412"),
    ('path = "/pl031@9010000"', 'path = "pl031@9010000"', "XA412"),
    (FORCE, "", "XA413"),
    ("clocks = <&clk>;", "clocks = <0x77>;", "XA511"),
    ("clocks = <&clk>;", "clocks = <&clk>; phy-handle = <0x77>;", "XA511"),
    ("reg = <0x0 0x9010000 0x0 0x1000>;", "reg = <0x0 0x9020000 0x0 0x1000>;", "XA215"),
    ("reg = <0x0 0x9010000 0x0 0x1000>;", "reg = <0x9010000 0x1000>;", "XA818"),
    ("reg = <0x0 0x9010000 0x0 0x1000>;", "reg = <0x0 0x9010000 0x0 0x1000 0x0>;", "XA818"),
    ("reg = <0x0 0x9010000 0x0 0x1000>;", "reg = <0x0 0x9010000 0x0 0x1001>;", "XA215"),
    ("<0 2 4>", "<0 3 4>", "XA312"),
    ("<0 2 4>", "<0 2 4>, <0 3 4>", "XA312"),
    ("interrupts = <0 2 4>", "interrupts-extended = <0xfde8 0 3 4>", "XA312"),
)


def test_one_change_one_finding(board: Board, rows: Rows) -> None:
    for old, new, code in ONE_CHANGE_ONE_FINDING:
        with rows(old, new, code):
            assert GOOD.count(old) == 1, old
            found = set(codes(everything(GOOD.replace(old, new), context(board))))
            assert code in found
            assert found <= {code, *CONSEQUENCES}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('path = "/pl031@9010000"', 'path = "/PL031@9010000"'),
        ('path = "/pl031@9010000"', 'path = "/pl031@9010000", "/nothing"'),
        (FORCE, "xen,force-assign-without-iommu = <0>;"),
        (FORCE, FORCE + " child { xen,force-assign-without-iommu; };"),
        (FORCE, FORCE + ' child { xen,path = "/pl061@9030000"; xen,reg; '
         "xen,force-assign-without-iommu; };"),
        (PATH, ""),
        (REG, REG[:-2] + " 0 0>;"),
        ("clocks = <&clk>;", "clocks = <0>;"),
        ("clocks = <&clk>;", "msi-parent = <0xfde8>;"),
        ("interrupts = <0 2 4>;", "interrupts = <0 2>;"),
        ("interrupts = <0 2 4>;", ""),
    ],
)  # fmt: skip
def test_what_xen_takes_is_no_finding_of_rejection(board: Board, old: str, new: str) -> None:
    """Each was booted. A bare mapping has no host interrupts."""
    found = everything(GOOD.replace(old, new), context(board))
    assert not [f for f in found if f.effect == "rejected"]


def test_interrupts_extended_to_the_guests_gic_is_fine(board: Board) -> None:
    text = GOOD.replace("interrupts = <0 2 4>", "interrupts-extended = <0xfde8 0 2 4>")
    assert codes(everything(text, context(board))) == []


# --- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "size", "reg", "xen_reg", "bad"),
    [
        (1, 1, "0x9010000 0x1000", "0x9010000 0x1000 0x9010000", False),
        (2, 1, "0 0x9010000 0x1000", "0 0x9010000 0x1000 0 0x9010000", False),
        (2, 2, "0 0x9010000 0 0x1000", "0 0x9010000 0 0x1000 0 0x9010000", False),
        (3, 2, "0 0 0x9010000 0 0x1000", "0 0 0x9010000 0 0x1000 0 0 0x9010000", True),
        (1, 0, "0x9010000", "0x9010000 0x9010000", True),
    ],
)
def test_the_cells_of_the_container_count(
    board: Board, address: int, size: int, reg: str, xen_reg: str, bad: bool
) -> None:
    text = (
        GOOD.replace(
            "\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;",
            f"\t\t#address-cells = <{address}>;\n\t\t#size-cells = <{size}>;\n\t\tranges;",
        )
        .replace("reg = <0x0 0x9010000 0x0 0x1000>;", f"reg = <{reg}>;")
        .replace(REG, f"xen,reg = <{xen_reg}>;")
    )
    assert ("XA211" in codes(everything(text, context(board)))) == bad


def test_without_cells_the_default_is_two_and_one(board: Board) -> None:
    text = (
        GOOD.replace("\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;", "ranges;")
        .replace("reg = <0x0 0x9010000 0x0 0x1000>;", "reg = <0 0x9010000 0x1000>;")
        .replace(REG, "xen,reg = <0 0x9010000 0x1000 0 0x9010000>;")
    )
    (one,) = partial_nodes(read_blob(blob(text)), release(DEFAULT))
    assert [entry[:3] for entry in one.entries] == [(0x9010000, 0x1000, 0x9010000)]
    assert "XA211" not in codes(everything(text, context(board)))


def test_a_remainder_shorter_than_an_entry_is_ignored() -> None:
    text = GOOD.replace(REG, REG[:-2] + " 0x1 0x2>;")
    (one,) = partial_nodes(read_blob(blob(text)), release(DEFAULT))
    assert [entry[:3] for entry in one.entries] == [(0x9010000, 0x1000, 0x9010000)]


# --- protection ----------------------------------------------------------------------------------

ETHERNET = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>;
	passthrough { compatible = "simple-bus"; #address-cells = <2>; #size-cells = <2>; ranges;
		interrupt-parent = <0xfde8>;
		ethernet@ff0e0000 { compatible = "acme,gem"; reg = <0 0xff0e0000 0 0x1000>;
			interrupts = <0 63 4>;
			xen,path = "/axi/ethernet@ff0e0000";
			xen,reg = <0 0xff0e0000 0 0x1000 0 0xff0e0000>; };
	};
};
"""


def test_a_protected_device_needs_no_force(board: Board) -> None:
    assert set(codes(everything(ETHERNET, context(board, "zynqmp")))) == set()


@pytest.mark.parametrize("path", ["/dma@78030000", "/vpu@78060000"])
def test_a_device_that_xens_iommu_driver_refuses_is_found(board: Board, path: str) -> None:
    unit = path.partition("@")[2]
    text = (
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; passthrough {"
        " #address-cells = <2>; #size-cells = <2>; ranges; interrupt-parent = <0xfde8>;"
        f' dev@{unit} {{ compatible = "x"; reg = <0 0x{unit} 0 0x1000>; xen,path = "{path}";'
        f" xen,reg = <0 0x{unit} 0 0x1000 0 0x{unit}>; {FORCE} }}; }}; }};"
    )
    found = everything(text, context(board, "tricky"))
    assert [f for f in found if f.effect == "rejected" and "dom0less" in f.routes]


# --- phandles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phandle", "xen", "found"),
    [
        (0xFDE6, "4.22", False),
        (0xFDE7, "4.22", True),
        (0xFDE8, "4.22", True),
        (0xFFFFFFFD, "4.22", True),
        (0xFFFFFFFF, "4.22", False),
        (0xFDE7, "4.21", False),
        (0xFDE8, "4.17", False),
        (0xFFFFFFFF, "4.17", False),
    ],
)
def test_high_phandles_matter_from_4_22_on(
    board: Board, phandle: int, xen: str, found: bool
) -> None:
    text = GOOD.replace("clocks = <&clk>;", "").replace(
        "clk: clock {", f"clock {{ phandle = <{phandle:#x}>;"
    )
    assert ("XA512" in codes(everything(text, context(board, xen=xen)))) == found


def test_a_phandle_outside_of_what_is_copied_counts_too(board: Board) -> None:
    text = GOOD.replace("\n\tpassthrough {", "\n\tgic { phandle = <0xfde8>; };\n\tpassthrough {")
    assert "XA512" in codes(everything(text, context(board, xen="4.22")))
    assert "XA512" not in codes(everything(text, context(board, xen="4.20")))


# --- size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vcpus", "vpl011", "expected"),
    [(1, False, 994), (1, True, 994 + 154), (2, True, 994 + 154 + 96), (4, False, 994 + 3 * 96)],
)
def test_xens_own_nodes_have_the_counted_size(
    board: Board, vcpus: int, vpl011: bool, expected: int
) -> None:
    asked = Context(release("4.17"), None, vcpus, vpl011)
    assert guest_bytes("/dts-v1/; / { };", asked) == expected


def test_what_xen_leaves_out_takes_no_room() -> None:
    asked = Context(release("4.17"), None)
    bare = GOOD.replace(PATH, "").replace(REG, "").replace(FORCE, "")
    sizes = [guest_bytes(text, asked) for text in (GOOD, bare)]
    assert sizes[0] == sizes[1]
    more = GOOD.replace("\n\tpassthrough {", '\n\tgic { model = "not copied"; };\n\tpassthrough {')
    assert guest_bytes(more, asked) == sizes[0]


def padded(size: int) -> str:
    return GOOD.replace("clocks = <&clk>;", f'clocks = <&clk>; pad = "{"x" * size}";')


@pytest.mark.parametrize(
    ("xen", "size", "found"),
    [
        ("4.17", 100, False),
        ("4.17", 3400, True),
        ("4.18", 3400, False),
        ("4.22", 3400, False),
        ("4.22", 300_000, False),
    ],
)
def test_a_tree_that_does_not_fit_is_found(board: Board, xen: str, size: int, found: bool) -> None:
    """Xen 4.17 does not even notice what has no room below /passthrough."""
    code = "XA123" if xen == "4.17" else "XA122"
    assert (code in codes(everything(padded(size), context(board, xen=xen)))) == found


def test_too_large_is_told_for_each_route(board: Board) -> None:
    (small,) = everything(padded(2600), context(board, xen="4.17")._replace(vcpus=4))
    assert (small.code, small.routes) == ("XA122", ("dom0less",))
    huge = [f for f in everything(padded(600_000), context(board)) if f.code == "XA122"]
    assert [f.routes for f in huge] == [("xl",)]
    vast = [f for f in everything(padded(2_200_000), context(board)) if f.code == "XA122"]
    assert {f.routes for f in vast} == {("xl",), ("dom0less",)}


# --- interrupts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("interrupts = <0 2 4>;", [34]),
        ("interrupts = <0 2 4>, <1 2 4>;", [34, 18]),
        ("interrupts = <0 2>;", []),
        ("interrupts = [01 02];", []),
        ("interrupts-extended = <0xfde8 0 2 4>, <0xfde8 0 3 4>;", [34, 35]),
        ("interrupts-extended = <&other 1 2>, <0xfde8 0 3 4>;", [35]),
        ("interrupts-extended = <0xfde8 0 3 4>; interrupts = <0 9 4>;", [35]),
        ("interrupts-extended = <0x77 1>, <0xfde8 0 3 4>;", []),
        ("interrupts-extended = <0xfde8 0 3>;", []),
        ("interrupt-parent = <&other>; interrupts = <0 2 4>;", []),
        ("", []),
    ],
)
def test_the_intids_that_a_guest_node_states(properties: str, expected: list[int]) -> None:
    text = (
        "/dts-v1/; / { passthrough { interrupt-parent = <0xfde8>;"
        " other: pic { interrupt-controller; #interrupt-cells = <2>; };"
        f" dev {{ {properties} }}; }}; }};"
    )
    tree = read_blob(blob(text))
    node = tree.find("/passthrough/dev")
    assert node is not None
    assert guest_intids(tree, node) == expected


def test_without_a_host_only_the_tree_itself_is_judged() -> None:
    asked = Context(release("4.20"), None)
    text = GOOD.replace(PATH, 'xen,path = "/anything";').replace("<0 2 4>", "<0 99 4>")
    assert codes(everything(text, asked)) == []
