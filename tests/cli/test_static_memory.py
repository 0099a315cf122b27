"""``generate --static-memory`` and ``--direct-map`` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xenassign.cli import cli
from xenassign.errors import UsageError

from ..conftest import FIXTURES

HOST = str(FIXTURES / "qemu-virt-gicv3.dtb")
BANK = ("--static-memory", "0x80000000:256M")


def generate(folder: Path, *options: str) -> None:
    """Runs the command; its errors are what ``main`` prints in one line."""
    arguments = ["generate", HOST, "-d", "/pl031@9010000", "-o", str(folder / "out"), *options]
    done = CliRunner().invoke(cli, arguments)
    if done.exception is not None:
        raise done.exception


def test_a_direct_map_domain_is_for_dom0less(tmp_path: Path) -> None:
    generate(tmp_path, *BANK, "--direct-map", "--vcpus", "1")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {
        *(".dtb", ".dts", ".dtbo", ".dtso", ".json")
    }
    node = (tmp_path / "out" / "domu1.dom0less.dtso").read_text()
    assert "xen,static-mem = <0x0 0x80000000 0x0 0x10000000>;" in node
    assert "direct-map;" in node


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*BANK, "--direct-map", "--route", "xl"), "--direct-map: xl has no such thing"),
        ((*BANK, "--route", "xl", "--route", "dom0less"), "--static-memory: xl has no such thing"),
        (("--direct-map",), "--direct-map needs --static-memory BASE:SIZE"),
        ((*BANK, "--memory", "512"), "--memory 512 is not the 256 MiB of --static-memory"),
        (("--static-memory", "256M"), "--static-memory '256M' is malformed"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        generate(tmp_path, *options)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()
