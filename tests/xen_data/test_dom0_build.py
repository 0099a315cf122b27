"""What stops Xen from building dom0, and the changes with which it can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xenassign.checks.dom0_tree import no_dom0
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.host.platform import read_platform
from xenassign.request.resolve import with_console
from xenassign.xen.board import read_board
from xenassign.xen.dom0_build import Dom0Build, Obstacle
from xenassign.xen.dom0_cures import cures
from xenassign.xen.iommu import iommus
from xenassign.xen.releases import RELEASES

#: A board of two address and size cells, whose console has SPI 1.
_BOARD = """/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>; compatible = "{board}";
    chosen {{ stdout-path = "/uart@9000000"; }};
    gic: gic@8000000 {{ compatible = "arm,gic-v3"; reg = <0 0x8000000 0 0x10000>;
        interrupt-controller; #interrupt-cells = <3>; }};
    timer {{ compatible = "arm,armv8-timer"; interrupts = <1 13 8>, <1 14 8>; }};
    uart@9000000 {{ compatible = "{uart}"; reg = <0 0x9000000 0 0x1000>; interrupts = <0 1 4>; }};
    {nodes}
}};
"""


def tree_of(nodes: str, uart: str = "arm,pl011", board: str = "example,board") -> Tree:
    source = _BOARD.format(nodes=nodes, uart=uart, board=board)
    return read_blob(read_source(source.encode(), "board.dts").blob, "board.dtb")


def obstacles(tree: Tree, *marked: str, xen: str = "4.20") -> tuple[Obstacle, ...]:
    platform = read_platform(tree)
    return Dom0Build(platform, iommus(platform, RELEASES[xen])).obstacles(frozenset(marked))


def found(nodes: str, *marked: str) -> list[tuple[str, str]]:
    """(path, property) of each obstacle."""
    return [(o.node.path, o.prop) for o in obstacles(tree_of(nodes), *marked)]


NARROW = "b { #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0xb000000 0x1000>; %s };"
SAME = NARROW.replace("ranges = <0 ", "ranges = <0xb000000 ")


UNMAPPED = "p { n { ranges; #address-cells = <1>; #size-cells = <1>; d { reg = <1 1>; }; }; };"


@pytest.mark.parametrize(
    ("nodes", "path", "prop"),
    [
        (NARROW % "d@0 { reg = <0 4>, <0x2000 4>; };", "/b/d@0", "reg"),
        (NARROW % 'd@0 { reg = <0x2000 4>; status = "disabled"; };', "/b/d@0", "reg"),
        (UNMAPPED, "/p/n/d", "reg"),
        ("d { interrupts = <0 1 4>; };", "/d", "interrupts"),
        ('d { interrupts = <0 1 4>; status = "disabled"; };', "/d", "interrupts"),
        ("d { interrupts = <0 1 1>; };", "/d", "interrupts"),
        ("d { interrupts = <0 7 1>, <0 7 4>; };", "/d", "interrupts"),
        ("d { interrupts = <0 960 4>; };", "/d", "interrupts"),
        ("d { interrupts = <1 13 4>; };", "/d", "interrupts"),
        ("d { interrupts-extended = <0>; };", "/d", "interrupts-extended"),
        ('d { device_type = "pci"; };', "/d", "ranges"),
        (
            'd { device_type = "pci"; ranges; #address-cells = <3>; #size-cells = <2>;'
            " #interrupt-cells = <1>; interrupt-map = <0 0 0 1 &gic 1 9 4>; };",
            "/d",
            "interrupt-map",
        ),
        (
            "n: n { #interrupt-cells = <1>; #address-cells = <0>;"
            " interrupt-map = <1 &gic 0 7 4>; };"
            " d { interrupt-parent = <&n>; interrupts = <2>; };",
            "/d",
            "interrupts",
        ),
        (
            "n: n { #interrupt-cells = <1>; #address-cells = <0xffffffff>;"
            " interrupt-map = <1 &gic 0 7 4>; };"
            " d { interrupt-parent = <&n>; interrupts = <1>; };",
            "/d",
            "interrupts",
        ),
        ("d@0 { reg = <0x10000 0 0 4>; };", "/d@0", "reg"),
    ],
)
def test_an_obstacle(nodes: str, path: str, prop: str) -> None:
    assert found(nodes) == [(path, prop)]


@pytest.mark.parametrize(
    "nodes",
    [
        NARROW % "d@800 { reg = <0x800 0x10000>; };",  # by its start
        "b { #address-cells = <1>; #size-cells = <0>; ranges; d@1 { reg = <0xff000001>; }; };",
        "b { #address-cells = <1>; #size-cells = <1>; d@1 { reg = <0xff000001 1>; }; };",
        "cpus { " + NARROW % "d@0 { reg = <0x2000 4>; };" + " };",
        "ppi { interrupts = <1 9 4>; " + NARROW % "d@0 { reg = <0x2000 4>; };" + " };",
        'd { compatible = "ARM,psci-1.0"; interrupts = <0 1 4>; };',
        'd { device_type = "memory"; interrupts = <0 1 4>; };',
        "d { interrupts = <0 7 4>, <0 7 4>; }; e { interrupts = <0 7 4>; };",
        "d { interrupt-parent = <0x999>; interrupts = <0 1 4>; };",
        'd { device_type = "pci"; #address-cells = <3>; #size-cells = <2>; ranges;'
        " f@0,0 { reg = <0 0 0 0 0>; }; };",
        "i: i { interrupt-controller; #interrupt-cells = <1>; };"
        " d { interrupt-parent = <&i>; interrupts = <1>; };",
    ],
)
def test_no_obstacle(nodes: str) -> None:
    assert found(nodes) == []


def test_what_a_mark_changes() -> None:
    """Not what Xen reads of the node all the same."""
    assert found("d { interrupts = <0 1 4>; };", "/d") == []
    assert found("d { interrupts = <0 960 4>; };", "/d") == []
    assert found("d { interrupts = <0 1 1>; };", "/d") == [("/d", "interrupts")]
    reg = NARROW % "d@0 { reg = <0x2000 4>; };"
    assert found(reg, "/b/d@0") == [("/b/d@0", "reg")]


def test_only_a_console_that_xen_drives() -> None:
    """The driver of the release; another UART than stdout-path's if the user names one."""
    nodes = "d { interrupts = <0 1 4>; };"
    for uart, xen, count in (
        ("arm,pl011", "4.17", 1),
        ("qcom,geni-debug-uart", "4.20", 0),
        ("arm,sbsa-uart", "4.17", 0),
        ("arm,sbsa-uart", "4.18", 1),
        ("fsl,imx8qm-lpuart", "4.18", 1),
        ("fsl,imx8qm-lpuart", "4.19", 0),
    ):
        assert len(obstacles(tree_of(nodes, uart), xen=xen)) == count, (uart, xen)
    platform = with_console(read_platform(tree_of(nodes)), "none")
    assert Dom0Build(platform, iommus(platform, RELEASES["4.20"])).obstacles() == ()


def test_a_platform_withholds_nodes() -> None:
    nodes = 'd { compatible = "brcm,bcm2835-aux-spi"; interrupts = <0 1 4>; };'
    assert len(obstacles(tree_of(nodes))) == 1
    assert obstacles(tree_of(nodes, board="brcm,bcm2711")) == ()


CURED = (
    NARROW % "d@0 { reg = <0 4>, <0x2000 4>; };",
    NARROW % 'd@0 { reg = <0x2000 4>; status = "disabled"; };',
    SAME % "d@c000000 { reg = <0xc000000 0x1000>; };",
    UNMAPPED,
    "d { interrupts = <0 1 4>; };",
    "d { interrupts = <0 7 1>; }; e { interrupts-extended = <&gic 0 8 4>, <&gic 0 7 4>; };",
    "d { interrupts = <0 960 4>; };",
    "i: i { #interrupt-cells = <2>; }; d { interrupt-parent = <&i>; interrupts = <1 2>; };",
)


@pytest.mark.parametrize("nodes", CURED)
def test_cures(nodes: str) -> None:
    """The changed tree has no obstacle, and differs in one property."""
    tree = tree_of(nodes)
    changes, rest = cures(read_platform(tree), obstacles(tree))
    assert rest == ()
    assert tree.data is not None
    changed = read_blob(edited(tree.data, [cure.change for cure in changes]), "changed.dtb")
    assert obstacles(changed) == ()
    assert len(changes) == 1


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        (SAME % "d { reg = <0xc000000 0x1000>; };", "append <0xc000000 0x0 0xc000000 0x1000>"),
        (NARROW % "d { reg = <0 4>, <0x2000 4>; };", "set reg of /b/d to <0x0 0x4>"),
        (
            "d { interrupts = <0 7 1>, <0 7 4>; };",
            "of /d to <0x0 0x7 0x1 0x0 0x7 0x1>",
        ),
        (
            UNMAPPED,
            "delete ranges of /p/n",
        ),
        ("d { interrupts = <0 1 4>; };", "mark /d xen,passthrough"),
    ],
)
def test_the_fix_says_what_to_do(nodes: str, text: str) -> None:
    board = read_board(read_platform(tree_of(nodes)), RELEASES["4.20"])
    (finding,) = no_dom0(board, board.dom0_obstacles)
    assert text in finding.fix


@pytest.mark.parametrize(
    "nodes",
    [
        NARROW % "d@0 { reg = <0x2000 4>, <0 4>; };",  # the second would become the first
        NARROW % "d@0 { reg = <0x2000 4>; };",  # all that an enabled device has
        'd { device_type = "pci"; };',
    ],
)
def test_nothing_is_cured_by_guessing(nodes: str) -> None:
    tree = tree_of(nodes)
    changes, rest = cures(read_platform(tree), obstacles(tree))
    assert changes == ()
    assert len(rest) == 1


def test_the_shipped_boards(board: Callable[[str], Tree]) -> None:
    for name, count in (("zynqmp", 0), ("qemu", 0), ("ti", 1), ("imx8", 1)):
        assert len(obstacles(board(name))) == count, name
