"""Planned addresses of shared memory and planned ports, which guests may have in their images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.errors import InputError

from ..conftest import FIXTURES

Edit = Callable[[dict[str, Any]], object]

HEAD = f"""host = "{FIXTURES / "zynqmp-zcu102.dtb"}"
xen = "4.22"
route = "dom0less"
"""
NET = """
[[domain]]
name = "net"
memory = 64
kernel = "Image"
device = ["rtc0"]
[[domain.shared-memory]]
id = "ring"
role = "owner"
size = "64K"
[[domain.event-channel]]
to = "log"
"""
LOG = """
[[domain]]
name = "log"
memory = 64
kernel = "Image"
[[domain.shared-memory]]
id = "ring"
role = "borrower"
"""
#: A domain that would have the host memory and the ports if it were planned as the others are.
FIRST = """
[[domain]]
name = "first"
memory = 64
kernel = "Image"
[[domain.shared-memory]]
id = "queue"
role = "owner"
size = "1M"
[[domain.event-channel]]
to = "log"
[[domain.event-channel]]
to = "net"
"""
RING = "shared memory ring"


def generate(folder: Path, text: str, *options: str, head: str = HEAD) -> Result:
    (folder / "xenassign.toml").write_text(head + text)
    of_file = ["-c", str(folder / "xenassign.toml"), "-o", str(folder / "out")]
    return CliRunner().invoke(cli, ["generate", *of_file, "--overwrite", *options])


def numbers(folder: Path, name: str) -> tuple[tuple[int, int], dict[str, list[int]]]:
    """(host and guest address of the ring, ports by the domain at the other end) of a domain."""
    plan = json.loads((folder / f"out/{name}.json").read_text())
    (ring,) = (memory for memory in plan["shared_memory"] if memory["id"] == "ring")
    ports: dict[str, list[int]] = {}
    for end in plan["event_channels"]:
        ports.setdefault(end["remote"], []).append(end["port"])
    return (ring["host"], ring["guest"]), ports


def edited(folder: Path, edit: Edit) -> None:
    """Changes the lock's domain net."""
    path = folder / "xenassign.lock"
    lock = json.loads(path.read_text())
    (net,) = (each for each in lock["hosts"][0]["domains"] if each["name"] == "net")
    edit(net)
    path.write_text(json.dumps(lock))


def block(net: dict[str, Any]) -> dict[str, int]:
    """Of the ring."""
    (ring,) = (region for region in net["regions"] if region["name"] == RING)
    (only,) = ring["blocks"]
    assert isinstance(only, dict)
    return only


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """The folder of a run of the two domains."""
    assert generate(tmp_path, NET + LOG).exit_code == 0
    return tmp_path


def test_numbers_stay_when_a_domain_is_added_before(planned: Path) -> None:
    before = [numbers(planned, name) for name in ("net", "log")]
    assert generate(planned, NET + LOG, "--locked").exit_code == 0
    done = generate(planned, FIRST + NET + LOG)
    assert done.exit_code == 0, done.output
    after = [numbers(planned, name) for name in ("net", "log")]
    for (place, ports), (kept, now) in zip(before, after, strict=True):
        assert kept == place
        assert {name: now[name] for name in ports} == ports
    assert "moved" not in done.output
    shown = CliRunner().invoke(cli, ["plan", "-c", str(planned / "xenassign.toml")]).output
    assert [line.split()[-1] for line in shown.splitlines() if RING in line] == ["pinned"] * 2
    # Without the lock they would be others.
    (planned / "xenassign.lock").unlink()
    assert generate(planned, FIRST + NET + LOG).exit_code == 0
    for (place, ports), name in zip(before, ("net", "log"), strict=True):
        moved, now = numbers(planned, name)
        assert moved != place
        assert {key: now[key] for key in ports} != ports or name == "log"


def test_numbers_stay_on_every_board(tmp_path: Path) -> None:
    board, boards = FIXTURES / "zynqmp-zcu102.dtb", ["rev1", "rev2"]
    for name in boards:
        (tmp_path / f"{name}.dtb").write_bytes(board.read_bytes())
    two = HEAD.replace(f'"{board}"', '["rev1.dtb", "rev2.dtb"]')
    assert generate(tmp_path, NET + LOG, "--per-host", head=two).exit_code == 0
    before = [numbers(tmp_path, f"{board}/net") for board in boards]
    assert generate(tmp_path, FIRST + NET + LOG, "--per-host", head=two).exit_code == 0
    for (place, ports), name in zip(before, boards, strict=True):
        kept, now = numbers(tmp_path, f"{name}/net")
        assert (kept, now["log"]) == (place, ports["log"])


def test_a_channel_that_another_domain_states_takes_no_ports(planned: Path) -> None:
    _, ports = numbers(planned, "net")
    first = LOG + '[[domain.event-channel]]\nto = "net"\n'
    assert generate(planned, first + NET).exit_code == 0
    _, now = numbers(planned, "net")
    assert sorted(now["log"]) == [*ports["log"], 3]
    lock = json.loads((planned / "xenassign.lock").read_text())
    channels = {d["name"]: d["channels"] for d in lock["hosts"][0]["domains"]}
    assert channels == {
        "log": [{"index": 0, "port": 3, "remote_port": 3, "to": "net"}],
        "net": [{"index": 0, "port": 2, "remote_port": 2, "to": "log"}],
    }


def test_a_lock_of_before_these_numbers_gets_them(planned: Path) -> None:
    def older(net: dict[str, Any]) -> None:
        del net["channels"]
        net["regions"] = []

    edited(planned, older)
    done = generate(planned, NET + LOG, "-v")
    assert done.exit_code == 0, done.output
    assert f"net: {RING}: region added" in done.stderr
    assert "net: event channel 0 to log added (ports 2 and 2)" in done.stderr
    assert generate(planned, NET + LOG, "--locked").exit_code == 0


def test_a_device_of_auto_leaves_the_place_free(planned: Path) -> None:
    def in_the_way(net: dict[str, Any]) -> None:
        block(net)["guest"] = 0xFF0E0000

    edited(planned, in_the_way)
    device = '[[domain.device]]\npath = "ethernet0"\nmap = "auto"\n'
    net = NET.replace('device = ["rtc0"]\n', "") + device
    done = generate(planned, net + LOG)
    assert done.exit_code == 0, done.output
    (_, guest), _ = numbers(planned, "net")
    assert guest == 0xFF0E0000


def test_numbers_that_are_given_elsewhere_move(planned: Path) -> None:
    (host, _), _ = numbers(planned, "net")
    first = FIRST.replace('size = "1M"', f'size = "1M"\nhost = {host:#x}')
    first = first.replace('to = "log"', 'to = "log"\nremote-port = 2')
    done = generate(planned, first + NET + LOG, "-v")
    assert done.exit_code == 0, done.output
    changed = [line.partition(".lock: ")[2] for line in done.stderr.splitlines() if ".lock" in line]
    (moved, _), _ = numbers(planned, "net")
    assert changed == [
        "first: domain added",
        *(
            f"{name}: {RING}: block 0 moved in the host from {host:#x} to {moved:#x}"
            for name in ("log", "net")
        ),
        "net: event channel 0 to log: ports 2 and 2 became ports 2 and 3",
    ]


@pytest.mark.parametrize("host", [0, 0x77E00001, 0x100000, 0xFF0E0000, (1 << 64) - 4096])
def test_memory_is_never_where_only_the_lock_has_it(planned: Path, host: int) -> None:
    (place, _), _ = numbers(planned, "net")

    def elsewhere(net: dict[str, Any]) -> None:
        block(net).update(host=host, guest=host)

    edited(planned, elsewhere)
    done = generate(planned, NET + LOG)
    assert done.exit_code == 0, done.output
    assert numbers(planned, "net")[0][0] == place


@pytest.mark.parametrize("port", [0, 1, 1024, (1 << 64) - 1])
def test_ports_that_xen_does_not_give_are_planned(planned: Path, port: int) -> None:
    edited(planned, lambda net: net["channels"][0].update(port=port))
    done = generate(planned, NET + LOG)
    assert f"net: event channel 0 to log: ports {port} and 2 became ports 2 and 2" in done.stderr
    assert numbers(planned, "net")[1] == {"log": [2]}


@pytest.mark.parametrize("port", ["2", -1, None, 1 << 64, [2]])
def test_ports_that_are_no_numbers(planned: Path, port: object) -> None:
    edited(planned, lambda net: net["channels"][0].update(port=port))
    done = generate(planned, NET + LOG)
    assert isinstance(done.exception, InputError)
    (line,) = done.exception.lines
    assert "xenassign.lock:1:" in line
    assert "port is not a 64-bit integer" in line
