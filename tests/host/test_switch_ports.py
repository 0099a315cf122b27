"""Ports of switches: what a guest requires for them, and what `generate` says and proposes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.conftest import board_directory, board_files, figures
from tests.rows import Rows
from xenassign import Request, plan
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.source.reader import read_source
from xenassign.devicetree.tree import Tree
from xenassign.host.switch_ports import switch_port

__all__ = ["board_directory", "board_files", "figures"]  # fixtures

BOARD = """/dts-v1/;
/ {
	#address-cells = <1>; #size-cells = <1>;
	soc {
		compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;
		mac: ethernet@10000 { compatible = "x,mac"; reg = <0x10000 0x1000>; };
		i2c@20000 {
			compatible = "x,i2c"; reg = <0x20000 0x1000>; #address-cells = <1>; #size-cells = <0>;
			switch@5f {
				compatible = "x,switch"; reg = <0x5f>;
				ethernet-ports {
					#address-cells = <1>; #size-cells = <0>;
					port@0 { reg = <0>; };
					port@5 { reg = <5>; ethernet = <&mac>; };
				};
			};
		};
		several@30000 {
			compatible = "x,several"; reg = <0x30000 0x1000>;
			#address-cells = <1>; #size-cells = <0>;
			ethernet-port@0 { reg = <0>; };
		};
		camera@40000 {
			compatible = "x,camera"; reg = <0x40000 0x1000>;
			ports {
				#address-cells = <1>; #size-cells = <0>;
				port@0 { reg = <0>; endpoint { }; };
			};
		};
	};
};
"""


@pytest.fixture(name="tree", scope="module")
def of_board() -> Tree:
    return read_blob(read_source(BOARD.encode(), "a.dts").blob, "a.dts")


def test_what_a_port_requires(tree: Tree, rows: Rows) -> None:
    for path, switch, holders in (
        ("i2c@20000/switch@5f/ethernet-ports/port@0", "switch@5f", ["ethernet@10000", "i2c@20000"]),
        ("several@30000/ethernet-port@0", "several@30000", ["several@30000"]),
    ):
        with rows(path):
            node = tree.find(f"/soc/{path}")
            assert node is not None
            port = switch_port(tree, node)
            assert port is not None
            assert port.switch.name == switch
            assert [holder.name for holder in port.holders] == holders
    for path in ("camera@40000/ports/port@0", "several@30000", "i2c@20000/switch@5f"):
        with rows(path):
            node = tree.find(f"/soc/{path}")
            assert node is not None
            assert switch_port(tree, node) is None


@pytest.mark.parametrize(
    ("board", "alias", "others"),
    [
        ("imx8mm-venice-gw7901", "ethernet1", ["ethernet@30be0000", "i2c@30a40000"]),
        ("armada-3720-espressobin-emmc", "ethernet1", ["ethernet@30000", "mdio@32004"]),
        ("fsl-ls1028a-rdb", "ethernet2", ["pcie@1f0000000"]),
        ("k3-am642-evm", "ethernet0", ["ethernet@8000000"]),
        ("armada-7040-mochabin", "ethernet0", ["ethernet@0"]),
    ],
)
def test_real_boards(board_files: list[Path], board: str, alias: str, others: list[str]) -> None:
    """The finding names what to ask for, and a plan for that has no such finding."""
    file = next(path for path in board_files if path.stem == board)
    host = read_blob(file.read_bytes(), file.name)
    (finding,) = (f for f in plan(host, Request((alias,))).findings if f.code == "XA101")
    assert [path.rpartition("/")[2] for path in finding.others] == others
    assert all(path in finding.fix for path in finding.others)
    asked = plan(host, Request(finding.others))
    assert "XA101" not in {f.code for f in asked.findings}
