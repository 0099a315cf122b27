"""The rates of a running board: the formats of kernels, and which clock of the tree a line is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import BOARDS
from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.references import property_references
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError
from xenassign.host.clock_summary import parse_clock_summary, read_clock_summary

#: As Linux 6.7 and newer print it: the user of a clock and its connection id are at the end.
NEW = """\
                                 enable  prepare  protect                                duty  hardware                            connection
   clock                          count    count    count        rate   accuracy phase  cycle    enable   consumer                         id
---------------------------------------------------------------------------------------------------------------------------------------------
 osc                                 4        4        0        24000000    0     0  50000         Y   deviceless                      no_connection_id
    uart_root                        2        2        0        80000000    0     0  50000         Y      1000.serial                     per
                                                                                                          1000.serial                     ipg
    unused                           0        0        0        100000000   0     -----  50000     N      deviceless                      no_connection_id
    timer                            1        1        0        8000000     0     0  50000         ?      2000.timer                      no_connection_id
    other                            1        1        0        7000000     0     0  50000         Y      3000.other                      no_connection_id
       third                         1        1        0        3000000     0     0  50000         Y      3000.other                      no_connection_id
"""  # noqa: E501 (as the kernel prints it)
#: 5.x: no users.
OLD = """\
                                 enable  prepare  protect                                duty
   clock                          count    count    count        rate   accuracy phase  cycle
---------------------------------------------------------------------------------------------
 osc                                  1        1        0    24000000          0     0  50000
    second                            2        2        0    50000000          0     0  50000
    first                             0        0        0    10000000          0     0  50000
"""
#: 4.9: neither a protect count nor a duty cycle.
OLDEST = """\
   clock                         enable_cnt  prepare_cnt        rate   accuracy   phase
----------------------------------------------------------------------------------------
 second                                   1            1    50000000          0 0
"""
BOARD = """/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>;
    clk: clocks { #clock-cells = <1>; clock-output-names = "first", "second"; };
    some: some { #clock-cells = <1>; clock-output-names = "first", "second";
        clock-indices = <7 9>; };
    osc: osc { compatible = "fixed-clock"; #clock-cells = <0>; };
    serial@1000 { reg = <0x1000 0x100>; clocks = <&clk 0>, <&clk 0>; clock-names = "ipg", "per"; };
    timer@2000 { reg = <0x2000 0x100>; clocks = <&clk 1>, <&some 9>, <&osc>, <&some 1>, <&clk 5>; };
    other@3000 { reg = <0x3000 0x100>; clocks = <&some 8>; };
};
"""


@pytest.fixture(name="tree", scope="module")
def tree_of_the_board() -> Tree:
    return read_blob(read_source(BOARD.encode(), "board.dts").blob, "board.dts")


def rates(tree: Tree, path: str, text: str) -> list[int | None]:
    """The rate of each clock of a node."""
    node = tree.find(path)
    assert node is not None
    prop = node.get("clocks")
    group = property_references(tree, node, prop) if prop else None
    summary = parse_clock_summary(text, "clk.txt")
    return [summary.rate(node, reference) for reference in (group.entries if group else ())]


def test_the_user_and_its_connection_id_name_the_clock(tree: Tree) -> None:
    assert rates(tree, "/serial@1000", NEW) == [80_000_000, 80_000_000]


def test_a_clock_without_a_connection_id_is_the_first(tree: Tree) -> None:
    assert rates(tree, "/timer@2000", NEW)[:2] == [8_000_000, None]


def test_two_rates_for_one_use_are_none(tree: Tree) -> None:
    assert rates(tree, "/other@3000", NEW) == [None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OLD, [50_000_000, 50_000_000, 24_000_000, None, None]),
        (OLDEST, [50_000_000, 50_000_000, None, None, None]),
    ],
)
def test_older_kernels_name_the_outputs_of_controllers(
    tree: Tree, text: str, expected: list[int | None]
) -> None:
    assert rates(tree, "/timer@2000", text) == expected


def test_line_ends_of_a_serial_log_do_not_matter(tree: Tree) -> None:
    assert rates(tree, "/serial@1000", NEW.replace("\n", "\r\n")) == [80_000_000, 80_000_000]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clk.txt"
    path.write_text("[    0.000000] Booting Linux on physical CPU 0x0\n")
    with pytest.raises(InputError, match=r"clk\.txt: has no line of .*clk_summary; print"):
        read_clock_summary(str(path))
    with pytest.raises(InputError, match=r"missing: No such file.*; give what `cat "):
        read_clock_summary(str(tmp_path / "missing"))
    with pytest.raises(InputError, match="has no line"):
        parse_clock_summary("", "empty")


def test_an_address_is_that_of_the_processor() -> None:
    """As Linux names a device; the bus of the ZCU102 has ranges of its own."""
    tree = read_blob_file(BOARDS["zynqmp"])
    line = " x   1  1  0  99990000  0  0  50000  Y  ff010000.serial  uart_clk\n"
    node = next(n for n in tree.nodes() if n.name == "serial@ff010000")
    assert rates(tree, node.path, line) == [99_990_000, None]


# --- what real kernels print (parts of what QEMU's imx8mp-evk printed, booted with Debian's) -----

KERNELS = pytest.mark.parametrize("kernel", ["6.12", "7.2"])
_CCM = """/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; ccm: ccm { #clock-cells = <1>; };
serial@30880000 { reg = <0x30880000 0x10000>;
    clocks = <&ccm 253>, <&ccm 253>; clock-names = "ipg", "per"; };
serial@30890000 { reg = <0x30890000 0x10000>;
    clocks = <&ccm 252>, <&ccm 252>; clock-names = "ipg", "per"; };
i2c@30a40000 { reg = <0x30a40000 0x10000>; clocks = <&ccm 207>; };
ethernet@30be0000 { reg = <0x30be0000 0x10000>;
    clocks = <&ccm 192>, <&ccm 242>, <&ccm 132>, <&ccm 131>, <&ccm 133>;
    clock-names = "ipg", "ahb", "ptp", "enet_clk_ref", "enet_out"; };
};"""


def real(name: str, kernel: str) -> str:
    return (Path(__file__).parent / f"{name}-{kernel}.txt").read_text()


@KERNELS
def test_every_line_of_a_real_file_is_read(kernel: str) -> None:
    """Also where a long name moves the columns. The first three are the heading."""
    lines = real("clk_summary", kernel).splitlines()
    summary = parse_clock_summary("\n".join(lines), "clk.txt")
    clocks = {line.split()[0] for line in lines[3:] if not line.startswith(" " * 60)}
    assert summary.clocks.keys() == clocks
    users = [line for line in lines[3:] if "deviceless" not in line]
    connections = {tuple(line.split()[-2:]) for line in users if line.split()[-1].isidentifier()}
    named = {use for use in summary.users if use[0] != "deviceless"}
    assert named == connections
    assert summary.clocks["media_disp2_pix_root_clk"] == 1_039_500_000


@KERNELS
def test_the_rates_of_real_devices(kernel: str) -> None:
    tree = read_blob(read_source(_CCM.encode(), "board.dts").blob, "board.dts")
    text = real("clk_summary", kernel)
    assert rates(tree, "/serial@30880000", text) == [80_000_000, 80_000_000]
    assert rates(tree, "/serial@30890000", text) == [24_000_000, 24_000_000]
    assert rates(tree, "/i2c@30a40000", text) == [24_000_000]
    assert rates(tree, "/ethernet@30be0000", text) == [
        *(266_666_666, 266_666_666, 100_000_000, 125_000_000, None)
    ]
