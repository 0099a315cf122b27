"""plan: the guest's address space as a table and as JSON, with generate's options and verdict."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli, generate, plan
from xenassign.cli import options as cli_options
from xenassign.cli.headings import grouped

Invoke = Callable[..., Result]

ETH = "/axi/ethernet@ff0e0000"


@pytest.fixture
def planned(host_files: dict[str, Path]) -> Invoke:
    """planned(board, argument…)."""
    return lambda host, *arguments: CliRunner().invoke(
        cli, ["plan", str(host_files[host]), *arguments]
    )


def test_both_commands_have_the_same_options_of_the_request() -> None:
    def names(command: click.Command) -> set[str]:
        return {parameter.name or "" for parameter in command.params}

    boot = names(click.command()(cli_options.boot_options(lambda: None)))
    own = {"output", "overwrite", "per_host", "locked"} | boot
    assert names(generate.command) - own == names(plan.command) - {"form", "ascii_only"}
    assert own <= names(generate.command)


def test_the_table_shows_the_device_and_the_memory(planned: Invoke) -> None:
    done = planned("zynqmp", "-d", "ethernet0")
    assert done.exit_code == 0
    (row,) = [line.split() for line in done.stdout.splitlines() if f"{ETH} #0" in line]
    assert row == ["0xff0e0000", "0xff0e1000", "4", "KiB", ETH, "#0", "0xff0e0000", "identity"]
    assert "RAM bank 0, size not given" in done.stdout
    *_, memory, more = done.stdout.splitlines()
    at = f"{ETH} is at 0xff0e0000 in RAM bank 0"
    assert memory == f"Memory: not given; at most 3056 MiB: {at}."
    assert more == f"With --map {ETH}=auto: 1043456 MiB."
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout


def test_auto_that_left_a_device_above_the_memory_moves_it_for_more(planned: Invoke) -> None:
    asked = ("zynqmp", "-d", "ethernet0", "--map", "auto", "--route", "dom0less", "--memory")
    done = planned(*asked, "1024")
    assert f"{ETH} is at 0xff0e0000" in done.stdout
    assert done.stdout.endswith("\nauto moves it for a larger --memory: 1043456 MiB.\n")
    for memory in ("3057", "1043456"):
        more = planned(*asked, memory)
        assert more.exit_code == 0
        assert more.stdout.endswith(f"\nMemory: {memory} MiB; at most 1043456 MiB.\n")


def test_nothing_is_written(
    planned: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert planned("zynqmp", "-d", "ethernet0").exit_code == 0
    assert not list(tmp_path.iterdir())


def test_a_refused_plan_shows_the_table_and_the_reasons(planned: Invoke, wording: Wording) -> None:
    done = planned("zynqmp", "-d", "ethernet0", "--memory", "4096")
    assert done.exit_code == 1
    assert "RAM bank 1" in done.stdout
    assert f"{ETH} #0" in done.stdout
    wording(done)


def test_a_block_without_a_place_is_missing_in_the_table(planned: Invoke, wording: Wording) -> None:
    done = planned("zynqmp", "-d", "ethernet0", "--map", "window:0x38000000-0x39000000")
    assert done.exit_code == 1
    assert ETH not in done.stdout.replace(f"--map {ETH}", "")
    wording(done)


def test_json(planned: Invoke) -> None:
    done = planned("zynqmp", "-d", "ethernet0", "--map", "auto", "--format", "json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["schema"] == "xenassign/space/1"
    assert (found["align"], found["memory_mb"], found["memory_limited_by"]) == ("page", None, None)
    (row,) = [row for row in found["rows"] if row["kind"] == "block"]
    assert row == {
        "base": 0x3F0E0000,
        "end": 0x3F0E1000,
        "size": 0x1000,
        "kind": "block",
        "name": ETH,
        "block": {
            "host": 0xFF0E0000,
            "path": ETH,
            "index": 0,
            "window": False,
            "reg_name": None,
            "placed": "auto",
        },
    }
    assert {row["kind"] for row in found["rows"]} == {"window", "optional", "hole", "block"}
    assert all(row["block"] is None for row in found["rows"] if row["kind"] != "block")
    assert found["refusals"] == []


def test_json_of_a_refused_plan(planned: Invoke) -> None:
    arguments = ("-d", "ethernet0", "--memory", "4096", "--format", "json")
    done = planned("zynqmp", *arguments)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["refusals"] == done.stderr.splitlines()
    assert found["memory_limited_by"] == {
        "path": ETH,
        "guest": 0xFF0E0000,
        "bank": 0,
        "memory_mb_max_moved": 1043456,
        "memory_mb_max_auto": 1043456,
    }


@pytest.mark.parametrize("columns", [80, 140])
def test_a_terminal_is_used_as_wide_as_it_is(host_files: dict[str, Path], columns: int) -> None:
    main, other = pty.openpty()
    command = [sys.executable, "-m", "xenassign", "plan", str(host_files["zynqmp"])]
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    done = subprocess.run(
        [*command, "-d", "ethernet0", "--map", "auto"],
        env=environment,
        stdout=other,
        stderr=subprocess.PIPE,
        check=True,
    )
    os.close(other)
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(main)
    assert not done.stderr
    assert b"\x1b[2m" in text  # what is not there is dim
    rule = max(text.decode().splitlines(), key=lambda line: line.count("─"))
    assert 60 <= rule.count("─") <= columns


COLUMN = ("--format", "column", "-d", "ethernet0", "-d", "spi0", "--map", f"{ETH}=auto")


@pytest.mark.parametrize("columns", [20, 60, 80, 120, 200, 500])
def test_a_column_fits_the_terminal(
    planned: Invoke, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    done = planned("zynqmp", *COLUMN, "--memory", "512")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    drawing, _, memory = done.stdout.partition("\n\n")
    assert memory.startswith("Memory: 512 MiB; ")
    top, *rows, bottom = drawing.splitlines()
    assert max(map(len, (top, *rows, bottom))) <= min(max(columns, 60), 200)
    assert (top.strip()[0], bottom.split()[0]) == ("┌", "0x10000000000")
    left, right = top.index("┌"), top.index("┐")
    assert {(row[left], row[right]) for row in rows} == {("│", "│"), ("≈", "≈")}
    addresses = [int(row[:left], 16) for row in rows if row[:left].strip()]
    assert addresses == sorted(set(addresses))
    assert {0x40000000, 0x3F0E0000, 0xC0000000, 0xFF0F0000} <= set(addresses)
    assert "← 0xff0e0000 (auto)" in drawing
    assert drawing.count("← same address") == 2


def test_a_column_in_colours_and_in_ascii(planned: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in planned("zynqmp", *COLUMN).stdout
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR")
    done = planned("zynqmp", *COLUMN, "--ascii")
    assert done.stdout.isascii()
    assert "|##########|" in done.stdout
    assert "~          ~" in done.stdout


def test_ascii_requires_a_column(planned: Invoke, wording: Wording) -> None:
    wording(planned("zynqmp", "-d", "ethernet0", "--ascii"))


@pytest.mark.parametrize("command", [generate.command, plan.command], ids=["generate", "plan"])
def test_every_option_has_its_heading(command: click.Command) -> None:
    """None is lost between the headings, and but for --help none is without. HOST is no option."""
    context = click.Context(command)
    params = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    groups = dict(grouped(params))
    listed = [param.name for own in groups.values() for param in own]
    assert sorted(map(str, listed)) == sorted(str(param.name) for param in params)
    assert [param.opts[-1] for param in groups["Other"]] == ["--help"]
    told = CliRunner().invoke(cli, [str(command.name), "--help"]).output
    for heading, own in groups.items():
        assert f"\n{heading}:\n" in told
        for param in own:
            assert param.opts[-1] in told
