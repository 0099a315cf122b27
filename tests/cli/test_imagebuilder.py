"""generate --imagebuilder and --imagebuilder-base, through the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.errors import InputError, UsageError

from ..bash import sourced

CLOCK = ("-d", "/pl031@9010000", "--name", "clock", "--kernel", "Image")
EXAMPLE = Path(__file__).parents[2] / "docs/examples/qemu/xenassign.toml"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["generate", *map(str, arguments)])


@pytest.fixture
def host(host_files: dict[str, Path]) -> Path:
    return host_files["qemu"]


def test_one_domain(host: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(host, *CLOCK, "-o", out, "--imagebuilder", "-v")
    assert done.exit_code == 0, done.output
    assert str(out / "imagebuilder.cfg") in done.output.splitlines()
    assert not (out / "imagebuilder.cmds").exists()
    found = sourced((out / "imagebuilder.cfg").read_bytes(), tmp_path, "DOMU_PASSTHROUGH_DTB")
    assert {(out / value.decode()).exists() for value in found.values()} == {True}
    plain = tmp_path / "plain"
    assert run(host, *CLOCK, "-o", plain).exit_code == 0
    assert {path.name for path in out.iterdir()} - {path.name for path in plain.iterdir()} == {
        "imagebuilder.cfg"
    }


@pytest.mark.parametrize("only", [(), ("--name", "gpio")])
def test_a_system(tmp_path: Path, only: tuple[str, ...], wording: Wording) -> None:
    """All domains of the file, also where the files of one alone are written."""
    out = tmp_path / "out"
    lock = ("--lock", tmp_path / "lock")
    plain = run("-c", EXAMPLE, "-o", out, *lock, *only)
    before = (tmp_path / "lock").read_bytes()
    done = run("-c", EXAMPLE, "-o", out, *lock, *only, "--overwrite", "--imagebuilder", "--locked")
    assert (plain.exit_code, done.exit_code) == (0, 0), done.output
    wording(done)
    assert (tmp_path / "lock").read_bytes() == before
    found = sourced((out / "imagebuilder.cfg").read_bytes(), tmp_path, "DOMU_PASSTHROUGH_DTB")
    assert list(found.values()) == [b"clock.dtb", b"gpio.dtb", b"config.dtb"]
    assert (out / "clock.dtb").exists() == (not only)


def test_a_base(host: Path, tmp_path: Path) -> None:
    base, out = tmp_path / "my.cfg", tmp_path / "out"
    base.write_bytes(b"XEN=xen # \xff\nNUM_DOMUS=0\n")
    done = run(host, *CLOCK, "-o", out, "--imagebuilder-base", base, "--no-vpl011")
    assert done.exit_code == 0, done.output
    text = (out / "imagebuilder.cfg").read_bytes()
    assert text.startswith(b"XEN=xen # \xff\nNUM_DOMUS=1\n")
    assert (out / "imagebuilder.cmds").exists()
    again = ("-o", out, "--overwrite", "--imagebuilder-base", out / "imagebuilder.cfg")
    assert run(host, *CLOCK, *again, "--no-vpl011").exit_code == 0
    assert (out / "imagebuilder.cfg").read_bytes() == text


def test_a_domain_with_the_name_of_the_configuration(
    host: Path, tmp_path: Path, wording: Wording
) -> None:
    done = run(host, *CLOCK[:2], "--name", "imagebuilder", "-o", tmp_path / "o", "--imagebuilder")
    assert isinstance(done.exception, UsageError)
    wording(done.exception)
    assert not (tmp_path / "o").exists()


def test_errors_write_nothing(host: Path, tmp_path: Path, wording: Wording) -> None:
    base, out = tmp_path / "my.cfg", tmp_path / "out"
    base.write_text("LOPPER_PATH=/x\n")
    done = run(host, *CLOCK, "-o", out, "--imagebuilder-base", base)
    assert done.exit_code == 1
    wording(done)
    assert not out.exists()
    base.write_text("NUM_DOMUS+=1\n")
    done = run(host, *CLOCK, "-o", out, "--imagebuilder-base", base)
    assert isinstance(done.exception, InputError)
    wording(done)
    done = run(host, *CLOCK, "-o", out, "--imagebuilder-base", tmp_path)
    assert isinstance(done.exception, InputError)
    assert not out.exists()


def test_one_board_only(host: Path, tmp_path: Path) -> None:
    done = run(host, "--host", host, *CLOCK, "-o", tmp_path / "out", "--imagebuilder")
    assert isinstance(done.exception, UsageError)
