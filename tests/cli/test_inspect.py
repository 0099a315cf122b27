"""inspect: a table in 100 columns without colours, JSON, and its filters."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli

Invoke = Callable[..., Result]
BOARDS = ["imx8", "juno", "qemu", "rcar", "rk3588", "ti", "tricky", "zynqmp"]


@pytest.fixture
def inspect(host_files: dict[str, Path]) -> Invoke:
    """inspect(board, argument…)."""

    def invoke(host: str, *arguments: str) -> Result:
        done = CliRunner().invoke(cli, ["inspect", str(host_files[host]), *arguments])
        assert done.exit_code == 0, done.output
        assert done.stderr == ""
        return done

    return invoke


def parsed(done: Result) -> list[dict[str, Any]]:
    return list(json.loads(done.stdout)["devices"])


@pytest.mark.parametrize("host", BOARDS)
def test_the_table_has_at_most_100_columns_and_no_colours(inspect: Invoke, host: str) -> None:
    text = inspect(host).stdout
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text


@pytest.mark.parametrize("host", BOARDS)
def test_the_table_names_the_platform(inspect: Invoke, host: str) -> None:
    text = inspect(host).stdout
    found = json.loads(inspect(host, "--format", "json").stdout)["host"]
    assert found["model"] in text or found["compatible"][0] in text
    assert f"{found['gic']['path']} (GICv{found['gic']['version']})" in text
    for iommu in found["iommus"]:
        assert iommu["path"] in text


def test_every_device_has_a_row_with_its_verdict(inspect: Invoke) -> None:
    rows = inspect("qemu").stdout.splitlines()
    for device in parsed(inspect("qemu", "--format", "json")):
        (row,) = [r for r in rows if r.strip().startswith(device["path"] + " ")]
        assert (row.split()[-1] == "yes") == device["assignable"]


@pytest.mark.parametrize("host", BOARDS)
def test_the_sum_below_the_table_is_right(inspect: Invoke, host: str) -> None:
    devices = parsed(inspect(host, "--format", "json"))
    good = sum(device["assignable"] for device in devices)
    assert f"{good} of {len(devices)} devices can be assigned" in inspect(host).stdout


def test_paths_choose_devices_in_detail(inspect: Invoke) -> None:
    text = inspect("zynqmp", "ethernet0", "/axi/serial@*").stdout
    assert "/axi/ethernet@ff0e0000" in text
    assert "registers    0xff0e0000, 0x1000 bytes" in text
    assert "INTID 95 (spi, level-high)" in text
    assert "/axi/iommu@fd800000 0x877" in text
    assert "protected    yes" in text
    assert "/axi/serial@ff010000" in text
    assert "/axi/mmc@" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text


def test_paths_choose_devices_in_json(inspect: Invoke) -> None:
    devices = parsed(inspect("zynqmp", "gem3", "--format", "json"))
    assert [device["path"] for device in devices] == ["/axi/ethernet@ff0e0000"]
    (device,) = devices
    assert device["reg"] == [{"address": 0xFF0E0000, "size": 0x1000}]
    assert device["iommus"] == [{"iommu": "/axi/iommu@fd800000", "args": [0x877], "protects": True}]
    assert device["dma"] == "yes"
    assert device["assignable"] is True


def test_assignable_keeps_those_that_are(inspect: Invoke) -> None:
    devices = parsed(inspect("tricky", "--assignable", "--format", "json"))
    every = parsed(inspect("tricky", "--format", "json"))
    assert devices == [device for device in every if device["assignable"]]
    assert devices


def test_a_device_that_is_none_says_why(inspect: Invoke) -> None:
    text = inspect("tricky", "/nothing").stdout
    assert "cannot be assigned as it is" in text
    assert "XA101" in text


def test_the_release_and_the_drivers_count(inspect: Invoke) -> None:
    path = ("/soc/mmc@ee140000", "--format", "json")
    assert parsed(inspect("rcar", *path))[0]["protected"] is True
    assert parsed(inspect("rcar", *path, "--iommu-driver", "smmu"))[0]["protected"] is False


# --- inspect and generate agree ------------------------------------------------------------------

#: Where they don't: (board, path, why).
DISAGREE = [
    *(
        (host, path, "assess.assess asks for no stream_findings (XA407)")
        for host, path in (
            ("imx8", "/soc@0/bus@30800000/mmc@30b50000"),
            ("imx8", "/soc@0/bus@30800000/mmc@30b60000"),
            ("juno", "/usb@7ffb0000"),
            ("juno", "/usb@7ffc0000"),
            ("tricky", "/dma@78000000"),
            ("tricky", "/dma@78010000"),
        )
    ),
    ("qemu", "/flash@0", "assess.assess does not place the blocks: identity clashes (XA203)"),
    *(
        (host, path, "assess.assess judges the node, generate its subtree")
        for host, path in (
            ("ti", "/bus@f0000/dwc3-usb@f900000"),
            ("ti", "/bus@f0000/dwc3-usb@f910000"),
            ("ti", "/bus@f0000/bus@fc00000"),
            ("imx8", "/soc@0/bus@30000000"),
            ("imx8", "/soc@0/bus@30400000"),
            (
                "juno",
                "/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/apbregs@10000",
            ),
        )
    ),
    ("zynqmp", "/pmu", "suppliers.rewrite copies phandles of interrupt-affinity as numbers"),
]


def generated(host: Path, path: str, folder: Path) -> bool:
    arguments = ["generate", str(host), "-d", path, "-q", "-o", str(folder), "--overwrite"]
    return CliRunner().invoke(cli, arguments).exit_code == 0


@pytest.mark.parametrize("host", BOARDS)
def test_what_inspect_calls_assignable_is_what_generate_takes(
    inspect: Invoke, host_files: dict[str, Path], tmp_path: Path, host: str
) -> None:
    known = {path for board, path, _ in DISAGREE if board == host}
    for device in parsed(inspect(host, "--format", "json")):
        if device["path"] not in known:
            done = generated(host_files[host], device["path"], tmp_path)
            assert done == device["assignable"], device["path"]


@pytest.mark.parametrize(
    ("host", "path"),
    [pytest.param(host, path) for host, path, why in DISAGREE],
)
def test_inspect_and_generate_agree(
    inspect: Invoke, host_files: dict[str, Path], tmp_path: Path, host: str, path: str
) -> None:
    (device,) = parsed(inspect(host, path, "--format", "json"))
    assert generated(host_files[host], path, tmp_path) == device["assignable"]


# --- terminals -----------------------------------------------------------------------------------


def test_colours_appear_on_a_terminal(host_files: dict[str, Path]) -> None:
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    command = [
        sys.executable,
        "-m",
        "xenassign",
        "inspect",
        str(host_files["qemu"]),
        "pl031@9010000",
    ]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
    os.close(main)
    assert process.wait() == 0
    assert b"\x1b[" in text


@pytest.mark.usefixtures("dtc")
def test_a_hostile_model_sends_no_control_codes(tmp_path: Path) -> None:
    source = tmp_path / "x.dts"
    source.write_text('/dts-v1/; / { model = "a\\x1b[31mb"; };')
    done = CliRunner().invoke(cli, ["inspect", str(source)])
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout


def test_scmi_lists_the_users_of_each_id(inspect: Invoke) -> None:
    text = inspect("rk3588", "--scmi").stdout
    assert "clock 17 of /firmware/scmi/protocol@14\n    /rng@fe378000: clocks\n" in text
    assert "    /mmc@fe2c0000: clocks (ciu)\n" in text
    assert "    /cpus/cpu@0: clocks\n" in text
    assert text.endswith("6 SCMI ids, 0 of them with more than one user.\n")
    assert inspect("qemu", "--scmi").stdout.startswith("0 SCMI ids")


def test_scmi_in_json(inspect: Invoke) -> None:
    found = json.loads(inspect("rk3588", "--scmi", "--format", "json").stdout)["scmi_users"]
    assert found[3] == {
        "scmi": "/firmware/scmi",
        "protocol": "clock",
        "id": 17,
        "provider": "/firmware/scmi/protocol@14",
        "users": [{"path": "/rng@fe378000", "property": "clocks", "name": None, "available": True}],
    }
    assert "scmi_users" not in json.loads(inspect("rk3588", "--format", "json").stdout)


def test_a_device_shows_what_it_uses_of_scmi(inspect: Invoke) -> None:
    text = inspect("rk3588", "/mmc@fe2c0000").stdout
    assert "SCMI         clock 23 (biu) of /firmware/scmi/protocol@14\n" in text
    (device,) = parsed(inspect("rk3588", "/mmc@fe2c0000", "--format", "json"))
    assert device["scmi"] == [{"protocol": "clock", "id": 23}, {"protocol": "clock", "id": 9}]
    assert [use["name"] for use in device["scmi_uses"]] == ["biu", "ciu"]
