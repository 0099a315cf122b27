"""--attach-overlay on the command line, and attach-overlay in a xenassign.toml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli

CLOCK = "/pl031@9010000"
NEW = {f"domu1.attach.{end}" for end in ("dtbo", "dtso", "host.dtbo", "host.dtso")}


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["generate", *map(str, arguments), "-q"])


def test_it_writes_four_files_more(host_files: dict[str, Path], tmp_path: Path) -> None:
    asked = (host_files["qemu"], "-d", CLOCK)
    assert generate(*asked, "-o", tmp_path / "usual").exit_code == 0
    assert generate(*asked, "-o", tmp_path / "more", "--attach-overlay").exit_code == 0
    usual, more = ({path.name for path in (tmp_path / n).iterdir()} for n in ("usual", "more"))
    assert more - usual == NEW
    assert usual < more


def test_the_plan_says_what_to_take_out(host_files: dict[str, Path], tmp_path: Path) -> None:
    asked = (host_files["qemu"], "-d", CLOCK, "-o", tmp_path)
    for option, wanted in (
        ((), None),
        (
            ("--attach-overlay", "--overwrite"),
            {
                "targets": [{"target": "/", "nodes": [CLOCK[1:]]}],
                "taken": [CLOCK],
                "marked": True,
            },
        ),
    ):
        assert generate(*asked, *option).exit_code == 0
        assert json.loads((tmp_path / "domu1.json").read_text())["attach_overlay"] == wanted


@pytest.mark.parametrize(("xen", "code"), [("4.18", "XA011"), ("4.19", "XA015")])
def test_what_a_release_cannot_do_is_refused(
    host_files: dict[str, Path], tmp_path: Path, xen: str, code: str
) -> None:
    out = tmp_path / "out"
    done = generate(host_files["qemu"], "-d", CLOCK, "-o", out, "--attach-overlay", "--xen", xen)
    assert done.exit_code == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.endswith(f"[{code}]")
    assert not out.exists()


def test_one_domain_of_a_system_asks_for_it(host_files: dict[str, Path], tmp_path: Path) -> None:
    project = tmp_path / "xenassign.toml"
    project.write_text(f"""host = "{host_files["zynqmp"]}"

[[domain]]
name = "domu1"
device = ["ethernet0"]
attach-overlay = true

[[domain]]
name = "other"
device = ["serial@ff010000"]
""")
    out = tmp_path / "out"
    done = generate("-c", project, "-o", out)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir() if ".attach." in path.name} == NEW
