"""Boards in source with dt-bindings: -I of every command that reads HOST, and include of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.rows import Rows
from xenassign.cli import cli

CLOCK = "/pl031@9010000"
DOMAIN = f'[[domain]]\nname = "a"\nmemory = 256\nvcpus = 1\nmap = "auto"\ndevice = ["{CLOCK}"]\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture(autouse=True)
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """boards/board.dts, whose header is in b/dt-bindings."""
    monkeypatch.chdir(tmp_path)
    text = (repository / "fixtures/host_dtbs/qemu-virt-gicv3.dts").read_text()
    head = "/dts-v1/;\n#include <dt-bindings/gic.h>\n"
    line = "interrupts = <0 2 4>;"
    assert line in text
    text = text.replace("/dts-v1/;\n", head, 1).replace(line, "interrupts = <GIC_SPI 2 4>;")
    Path("boards").mkdir()
    Path("boards/board.dts").write_text(text)
    Path("b/dt-bindings").mkdir(parents=True)
    Path("b/dt-bindings/gic.h").write_text("#define GIC_SPI 0\n")


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "boards/board.dts", "--format", "json", CLOCK),
        ("plan", "boards/board.dts", "-d", CLOCK, "--map", "auto"),
        ("generate", "boards/board.dts", "-d", CLOCK, "--map", "auto", "-o", "out"),
        ("init", "boards/board.dts"),
    ],
)
def test_every_command(command: tuple[str, ...]) -> None:
    without = run(*command)
    assert without.exception is not None
    assert "-I" in str(without.exception)
    assert run(*command, "-I", "b").exit_code == 0


def test_what_inspect_proposes_has_the_folder() -> None:
    made = json.loads(
        run("inspect", "boards/board.dts", "-I", "b", "--format", "json", CLOCK).output
    )
    assert made["devices"][0]["interrupts"]
    shown = run("inspect", "boards/board.dts", "-I", "b", CLOCK)
    assert "boards/board.dts -I b" in shown.output


def test_a_file_names_the_folders(rows: Rows) -> None:
    """For generate, plan and lint; they are relative to the file."""
    Path("boards/xenassign.toml").write_text(f'host = "board.dts"\ninclude = "../b"\n{DOMAIN}')
    for command in (
        ("plan", "-c", "boards/xenassign.toml"),
        ("lint", "-c", "boards/xenassign.toml"),
        ("generate", "-c", "boards/xenassign.toml", "-o", "out"),
        ("lint", "-c", "boards/xenassign.toml", "out"),
    ):
        with rows(*command):
            assert run(*command).exit_code == 0


def test_init_writes_the_folders() -> None:
    assert run("init", "boards/board.dts", "-I", "b", "-o", "x/xenassign.toml").exit_code == 0
    assert 'include = ["../b"]\n' in Path("x/xenassign.toml").read_text()


def test_explain_reads_the_board() -> None:
    Path("log").write_text("(XEN) nothing\n")
    done = run("explain", "--log", "log", "--host", "boards/board.dts", "-I", "b")
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit)
