"""``generate --static-memory`` and ``--direct-map`` on the command line."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from tests.wording import Wording
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


INVALID = (
    (*BANK, "--direct-map", "--route", "xl"),
    (*BANK, "--route", "xl", "--route", "dom0less"),
    ("--direct-map",),
    (*BANK, "--memory", "512"),
    ("--static-memory", "256M"),
)


def test_what_cannot_be_meant(tmp_path: Path, wording: Wording) -> None:
    for options in INVALID:
        with wording.raises(UsageError):
            generate(tmp_path, *options)
        assert not (tmp_path / "out").exists()
