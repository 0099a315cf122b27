"""diff: what differs between two plans or two boards."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.tree import Tree
from xenassign.errors import XenassignError

Variant = Callable[[str, str], Tree]

ETH, SERIAL = "/axi/ethernet@ff0e0000", "/axi/serial@ff010000"
WATCHDOG = "/axi/watchdog@ff150000"
SYSTEM = f"""host = "zynqmp.dtb"
[[domain]]
name = "net"
memory = 512
map = "auto"
[[domain.device]]
path = "{ETH}"
clock-rate = {{ pclk = "100MHz" }}
[[domain]]
name = "log"
memory = 256
device = ["{SERIAL}"]
"""


@pytest.fixture
def diff() -> Callable[..., Result]:
    """diff(argument…)."""
    return lambda *words: CliRunner().invoke(cli, ["diff", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host_files: dict[str, Path]) -> Path:
    """The working directory, with a board and a xenassign.toml for it."""
    (tmp_path / "zynqmp.dtb").write_bytes(host_files["zynqmp"].read_bytes())
    (tmp_path / "xenassign.toml").write_text(SYSTEM)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def changed(folder: Path, variant: Variant) -> Path:
    """Another revision of the board, in the same folder."""
    data = variant(
        "zynqmp",
        """
        &{/axi/ethernet@ff0e0000} { interrupts = <0 64 4>, <0 64 4>; phy-mode = "sgmii"; };
        &{/axi/serial@ff010000} { status = "disabled"; };
        &{/axi} {
            new@fe000000 { compatible = "x"; reg = <0 0xfe000000 0 0x1000>; };
            /delete-node/ watchdog@ff150000;
            moved: bus { compatible = "simple-bus"; ranges; #address-cells = <2>;
                         #size-cells = <2>;
                         can@ff070000 { compatible = "xlnx,zynq-can-1.0";
                                        reg = <0 0xff070000 0 0x1000>; interrupts = <0 24 4>; }; };
            /delete-node/ can@ff070000;
        };
        """,
    ).data
    assert data is not None
    path = folder / "new.dtb"
    path.write_bytes(data)
    return path


def of_json(result: Result) -> dict[tuple[Any, ...], tuple[Any, Any]]:
    """The differences of a document, by (domain, device, what, which)."""
    document = json.loads(result.stdout)
    assert document["schema"] == "xenassign/diff/1"
    assert document["same"] == (not document["differences"]) == (result.exit_code == 0)
    keys = ("domain", "device", "what", "which")
    differences = document["differences"]
    return {tuple(each[key] for key in keys): (each["old"], each["new"]) for each in differences}


def test_a_board_is_the_same_as_itself(diff: Callable[..., Result], folder: Path) -> None:
    done = diff("zynqmp.dtb", "zynqmp.dtb")
    assert (done.exit_code, done.stdout) == (0, "zynqmp.dtb and zynqmp.dtb are the same.\n")
    assert of_json(diff("zynqmp.dtb", "zynqmp.dtb", "--format", "json")) == {}


def test_boards(diff: Callable[..., Result], changed: Path) -> None:
    found = of_json(diff("zynqmp.dtb", "new.dtb", "--format", "json"))
    old, new = found[None, ETH, "interrupts", None]
    assert (old, new) == (["95 (level-high)", "95 (level-high)"], ["96 (level-high)"] * 2)
    assert found[None, ETH, "property", "phy-mode"] == ('"rgmii-id"', '"sgmii"')
    assert found[None, SERIAL, "status", None] == ("enabled", "disabled")
    assert found[None, "/axi/new@fe000000", "device", None] == (None, "/axi/new@fe000000")
    assert found[None, WATCHDOG, "device", None] == (WATCHDOG, None)
    moved = "/axi/bus/can@ff070000"
    assert found[None, moved, "path", None] == ("/axi/can@ff070000", moved)
    assert (None, moved, "device", None) not in found, "the same registers are the same device"


def test_boards_for_people(diff: Callable[..., Result], changed: Path) -> None:
    done = diff("zynqmp.dtb", "new.dtb")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert "  INTID 95 (level-high) became 96 (level-high)" in lines
    assert "1 device: path /axi/can@ff070000 became /axi/bus/can@ff070000" in lines
    assert not any("phy-mode" in line for line in lines), "properties are counted"
    assert any("phy-mode" in line for line in diff("zynqmp.dtb", "new.dtb", "-v").stdout.split())


def test_an_assigned_device_comes_first_and_in_full(
    diff: Callable[..., Result], changed: Path
) -> None:
    done = diff("zynqmp.dtb", "new.dtb", "-d", "ethernet0")
    assert done.exit_code == 1
    head, heading, *rest = [line for line in done.stdout.splitlines() if line]
    assert head == "The boards of zynqmp.dtb and new.dtb differ."
    assert heading == ETH
    assert '  phy-mode: "rgmii-id" became "sgmii"' in rest
    assert not any(SERIAL in line for line in rest)
    assert rest[-1].startswith("Of the other devices ")
    done = diff("zynqmp.dtb", "new.dtb", "-d", "ethernet0", "--format", "json")
    document = json.loads(done.stdout)
    devices = [each["device"] for each in document["differences"] if each["assigned"]]
    assert set(devices) == {ETH}
    assert [each["assigned"] for each in document["differences"]].index(False) == len(devices)


def test_an_assigned_device_that_is_the_same(diff: Callable[..., Result], changed: Path) -> None:
    done = diff("zynqmp.dtb", "new.dtb", "-d", "spi0")
    assert done.exit_code == 1, "other devices differ"
    assert done.stdout.splitlines()[1] == "What is assigned is the same."


def test_a_device_that_one_board_lacks(diff: Callable[..., Result], changed: Path) -> None:
    done = diff("zynqmp.dtb", "new.dtb", "-d", WATCHDOG)
    assert f"{WATCHDOG}\n  device removed\n" in done.stdout


def test_plans_of_a_system_on_two_boards(diff: Callable[..., Result], changed: Path) -> None:
    done = diff("zynqmp.dtb", "new.dtb", "-c", "xenassign.toml")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert f"net: {ETH}" in lines
    for line in ("INTID 95 (level-high) became 96 (level-high)", 'phy-mode: "rgmii-id" became'):
        assert sum(line in other for other in lines) == 1, "the plan and the board say it once"
    assert not any("host" in line and "new.dtb" in line for line in lines[1:])


def test_settings_and_their_plans(diff: Callable[..., Result], folder: Path) -> None:
    text = SYSTEM.replace('"100MHz"', '"99MHz"').replace("memory = 512", "memory = 768")
    (folder / "new.toml").write_text(text)
    assert diff("xenassign.toml", "xenassign.toml").exit_code == 0
    done = diff("xenassign.toml", "new.toml", "--format", "json")
    assert done.exit_code == 1
    assert of_json(done) == {
        ("net", None, "setting", "memory"): ("512", "768"),
        ("net", None, "setting", f"device {ETH}"): (
            ['clock-rate.pclk = "100MHz"'],
            ['clock-rate.pclk = "99MHz"'],
        ),
        ("net", ETH, "stand-in", "clock pclk"): ("100000000 Hz", "99000000 Hz"),
    }


def test_a_lock_is_compared_with_its_file(diff: Callable[..., Result], folder: Path) -> None:
    done = CliRunner().invoke(cli, ["generate", "-c", "xenassign.toml", "-o", "out"])
    assert done.exit_code == 0
    assert diff("xenassign.lock", "xenassign.toml").exit_code == 0
    (folder / "xenassign.toml").write_text(SYSTEM.replace("100MHz", "99MHz"))
    done = diff("xenassign.lock", "xenassign.toml")
    assert done.exit_code == 1
    line = "  clock pclk: stub 100000000 Hz became 99000000 Hz"
    assert done.stdout.splitlines()[-2:] == [f"net: {ETH}", line]
    assert diff("xenassign.lock", "xenassign.toml", "-q").stdout == ""


def test_a_lock_may_be_a_pipe(diff: Callable[..., Result], folder: Path) -> None:
    CliRunner().invoke(cli, ["generate", "-c", "xenassign.toml", "-o", "out"])
    reader, writer = os.pipe()
    os.write(writer, (folder / "xenassign.lock").read_bytes())
    os.close(writer)
    done = diff(f"/dev/fd/{reader}", "xenassign.lock")
    os.close(reader)
    assert done.exit_code == 0, done.output


def test_a_plan_that_is_refused_says_why(diff: Callable[..., Result], folder: Path) -> None:
    (folder / "gone.toml").write_text(SYSTEM.replace(SERIAL, "/axi/serial@0"))
    done = diff("xenassign.toml", "gone.toml")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[1] == "verdict accepted became refused"
    assert lines[2].startswith("  gone.toml: error: gone.toml:12: ")


@pytest.mark.parametrize(
    "words",
    [
        ("zynqmp.dtb", "xenassign.toml"),
        ("xenassign.toml", "xenassign.toml", "-d", "ethernet0"),
        ("xenassign.toml", "xenassign.toml", "-c", "xenassign.toml"),
        ("zynqmp.dtb", "zynqmp.dtb", "-d", "/nowhere"),
        ("zynqmp.dtb", "nowhere.dtb"),
        ("plan.json", "xenassign.toml"),
        ("bad.lock", "xenassign.toml"),
        ("nowhere", "xenassign.toml"),
    ],
)
def test_what_cannot_be_compared(
    words: tuple[str, ...], diff: Callable[..., Result], folder: Path, wording: Wording
) -> None:
    (folder / "plan.json").write_text('{"schema": "xenassign/plan/1"}')
    (folder / "bad.lock").write_text('{"schema": "xenassign/lock/1"}')
    done = diff(*words)
    assert isinstance(done.exception, XenassignError)
    assert (done.exception.exit_status, done.stdout) == (2, "")
    wording(done)
