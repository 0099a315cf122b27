"""The voltages of a running board, as regulator_summary states them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rows import Rows
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.references import property_references
from xenassign.devicetree.source.reader import read_source
from xenassign.errors import InputError
from xenassign.host.regulator_summary import parse_regulator_summary, read_regulator_summary

BOARD = """/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;
    vsd: regulator-vsd { regulator-name = "VSD_3V3"; };
    ldo: regulator-ldo { regulator-name = "LDO 5"; };
    none: regulator-none { };
    mmc@30b50000 { reg = <0x30b50000 0x1000>; vmmc-supply = <&vsd>; vqmmc-supply = <&ldo>;
        vref-supply = <&none>; };
};"""
HEAD = " regulator                      use open bypass  opmode voltage current     min     max\n"


def voltage(text: str, supply: str) -> int | None:
    tree = read_blob(read_source(BOARD.encode(), "board.dts").blob, "board.dts")
    node = tree.find("/mmc@30b50000")
    assert node is not None
    group = property_references(tree, node, node.properties[f"{supply}-supply"])
    assert group is not None
    return parse_regulator_summary(text, "reg.txt").microvolts(node, group.entries[0])


def line(indent: int, name: str, millivolts: int) -> str:
    return f"{' ' * indent}{name} 1 1 0 normal {millivolts}mV 0mA 800mV 3400mV\n"


def user(indent: int, name: str) -> str:
    return f"{' ' * indent}{name} 1 0mA 3300mV 3400mV\n"


@pytest.mark.parametrize("kernel", ["6.12", "7.2"])
def test_a_real_file(kernel: str) -> None:
    """Of QEMU's imx8mp-evk, booted with Debian's kernel. The first two lines are the heading."""
    text = (Path(__file__).parent / f"regulator_summary-{kernel}.txt").read_text()
    summary = parse_regulator_summary(text, "reg.txt")
    assert summary.users["30b50000.mmc-vmmc"] == 3_300_000
    names = {row.split()[0] for row in text.splitlines()[2:] if row[:2] != "  "}
    assert summary.regulators.keys() == names - {"regulator-dummy"}
    assert voltage(text, "vmmc") == 3_300_000


def test_which_regulator_a_line_is_about(rows: Rows) -> None:
    nested = line(1, "in", 5000) + line(4, "LDO 5", 1800) + user(7, "30b50000.mmc-vqmmc")
    for text, supply, expected in (
        (line(1, "VSD_3V3", 3300), "vmmc", 3_300_000),
        (line(1, "other", 1200) + user(4, "30b50000.mmc-vmmc"), "vmmc", 1_200_000),
        (nested, "vqmmc", 1_800_000),
        (nested + user(4, "30b50000.mmc-vmmc"), "vmmc", 5_000_000),  # back to the outer one
        (line(1, "LDO 5", 1800), "vqmmc", 1_800_000),
        (line(1, "VSD_3V3", 0), "vmmc", None),
        (line(1, "VSD_3V3", -22), "vmmc", None),
        (line(1, "VSD_3V3", 3300) + line(1, "VSD_3V3", 1800), "vmmc", None),
        (line(1, "VSD_3V3", 3300), "vref", None),
        (line(1, "VSD_3V3", 3300).replace("\n", "\r\n"), "vmmc", 3_300_000),
    ):
        with rows(text):
            assert voltage(HEAD + text, supply) == expected


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reg.txt"
    path.write_text("[    0.000000] Booting Linux\n")
    with pytest.raises(InputError, match=r"reg\.txt: has no line of .*regulator_summary; print"):
        read_regulator_summary(str(path))
    with pytest.raises(InputError, match=r"missing: No such file.*; give what `cat "):
        read_regulator_summary(str(tmp_path / "missing"))
