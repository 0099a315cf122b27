"""generate and plan with -c: whole systems, several boards, the lock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.devicetree.source.reader import read_source
from xenassign.errors import XenassignError

from ..conftest import FIXTURES

Invoke = Callable[..., Result]

TWO = """\
host = "zynqmp-zcu102.dtb"

[[domain]]
name = "net"
memory = 512
device = ["ethernet0"]

[[domain]]
name = "log"
memory = 256
[[domain.device]]
path = "serial@ff010000"
clock-rate = 100000000
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with boards and a system, in which the commands run."""
    for name in ("zynqmp-zcu102", "rk3588-like"):
        shutil.copy(FIXTURES / f"{name}.dtb", tmp_path)
    (tmp_path / "xenassign.toml").write_text(TWO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def generate(folder: Path) -> Invoke:
    return lambda *arguments: CliRunner().invoke(
        cli, ["generate", "-c", "xenassign.toml", "-o", "out", "--overwrite", *arguments]
    )


def asked_wrongly(done: Result) -> XenassignError:
    """The error of a command that could not be meant: main() prints it, and ends with status 2."""
    assert isinstance(done.exception, XenassignError)
    assert done.exception.exit_status == 2
    return done.exception


def written(folder: Path) -> set[str]:
    return {str(p.relative_to(folder / "out")) for p in (folder / "out").rglob("*") if p.is_file()}


ENDINGS = ("cfg", "dom0less.dtso", "dtb", "dts", "host.dtbo", "host.dtso", "json")


def test_all_domains_are_written_and_locked(
    folder: Path, generate: Invoke, wording: Wording
) -> None:
    done = generate("-v")
    assert done.exit_code == 0, done.output
    assert written(folder) == {f"{name}.{end}" for name in ("net", "log") for end in ENDINGS}
    assert "memory = 256" in (folder / "out/log.cfg").read_text()
    wording(done)
    lock = json.loads((folder / "xenassign.lock").read_text())
    assert lock["schema"] == "xenassign/lock/1"
    assert done.stdout.splitlines()[-2] == "xenassign.lock"


def test_a_second_run_writes_the_same(folder: Path, generate: Invoke) -> None:
    generate()
    first = {name: (folder / "out" / name).read_bytes() for name in written(folder)}
    lock = (folder / "xenassign.lock").read_bytes()
    done = generate("--locked")
    assert done.exit_code == 0, done.output
    assert {name: (folder / "out" / name).read_bytes() for name in written(folder)} == first
    assert (folder / "xenassign.lock").read_bytes() == lock
    assert "xenassign.lock" not in done.stdout


def test_one_domain_is_as_from_the_command_line(folder: Path, generate: Invoke) -> None:
    """The file says the same as the options, and gives the same bytes.

    Only the list of files in the plan differs: that of a system has those of all its domains.
    """
    generate()
    alone = ["generate", "zynqmp-zcu102.dtb", "-d", "serial@ff010000", "--name", "log", "-o", "one"]
    done = CliRunner().invoke(
        cli, [*alone, "--memory", "256", "--clock-rate", "serial@ff010000=100000000"]
    )
    assert done.exit_code == 0, done.output
    for end in ENDINGS:
        name = f"log.{end}"
        texts = [(folder / place / name).read_bytes() for place in ("one", "out")]
        if end == "json":
            plans = [json.loads(text) for text in texts]
            alone, of_system = (plan.pop("files").items() for plan in plans)
            assert alone < of_system
            assert plans[0] == plans[1]
        else:
            assert texts[0] == texts[1], name


def test_only_one_domain_is_written_and_told_of(folder: Path, generate: Invoke) -> None:
    done = generate("--name", "net")
    assert done.exit_code == 0, done.output
    assert written(folder) == {f"net.{end}" for end in ENDINGS}
    assert "domain log" not in done.stderr


SHARING = """\
host = "rk3588-like.dtb"
route = "dom0less"

[[domain]]
name = "a"
memory = 64
device = ["pwm@fd8b0000"]

[[domain]]
name = "b"
memory = 64
device = ["pwm@fd8b0010"]

[[allow]]
code = "XA003"
nodes = ["pwm@fd8b0000", "pwm@fd8b0010"]
reason = "both are
ours */"
"""


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_the_lint_is_told_of_what_was_accepted(folder: Path, generate: Invoke, names: str) -> None:
    text = SHARING.replace("both are\n", "both are\\n")
    (folder / "xenassign.toml").write_text(text)
    assert generate().exit_code == 0
    files = [str(folder / "out" / f"{name}.dts") for name in names]
    marks = [f"--host-overlay=out/{name}.host.dtbo" for name in names]
    lint = ["lint", "--together", "--host", "rk3588-like.dtb", "--route", "dom0less"]
    done = CliRunner().invoke(cli, [*lint, *marks, "--select", "XA0,XA2", *files])
    assert done.exit_code == 0, done.output
    assert "waived" in done.output


def test_a_shared_device_refuses_all(folder: Path, generate: Invoke, wording: Wording) -> None:
    text = TWO.replace('"serial@ff010000"\nclock-rate = 100000000', '"ethernet0"')
    (folder / "xenassign.toml").write_text(text)
    done = generate()
    assert done.exit_code == 1
    wording(done)
    assert not (folder / "out").exists()
    assert not (folder / "xenassign.lock").exists()


def test_a_refused_domain_is_named(folder: Path, generate: Invoke, wording: Wording) -> None:
    (folder / "xenassign.toml").write_text(TWO.replace("ethernet0", "gpu@fd4b0000"))
    done = generate()
    assert done.exit_code == 1
    wording(done)


def test_a_mistake_has_its_line(folder: Path, generate: Invoke, wording: Wording) -> None:
    (folder / "xenassign.toml").write_text(TWO.replace('path = "serial@', 'path = "cereal@'))
    error = asked_wrongly(generate())
    assert "\n" not in str(error)
    wording(error)


def test_a_board_that_is_not_there_has_its_line(
    folder: Path, generate: Invoke, wording: Wording
) -> None:
    (folder / "xenassign.toml").write_text(TWO.replace("zynqmp-zcu102", "nope"))
    wording(asked_wrongly(generate()))


# ---------------------------------------------------------------------- options beside the file


def plan_of(folder: Path, name: str) -> dict[str, object]:
    plan: dict[str, object] = json.loads((folder / f"out/{name}.json").read_text())
    return plan


def test_an_option_is_for_all_domains(folder: Path, generate: Invoke) -> None:
    done = generate("--memory", "128", "--xen", "4.17", "-q")
    assert done.exit_code == 0, done.output
    for name in ("net", "log"):
        assert (plan_of(folder, name)["memory_mb"], plan_of(folder, name)["xen"]) == (128, "4.17")


def test_an_option_is_for_the_domain_that_is_named(folder: Path, generate: Invoke) -> None:
    generate("-q")
    done = generate("--name", "net", "--memory", "128", "-q")
    assert done.exit_code == 0, done.output
    assert plan_of(folder, "net")["memory_mb"] == 128
    assert plan_of(folder, "log")["memory_mb"] == 256


def test_the_command_line_comes_first(folder: Path, generate: Invoke) -> None:
    rate = "serial@ff010000=50000000"
    done = generate("--name", "log", "--clock-rate", rate, "--map", "serial@ff010000=0x5000000")
    assert done.exit_code == 0, done.output
    text = (folder / "out/log.dts").read_text()
    assert "clock-frequency = <50000000>;" in text
    assert "serial@5000000" in text


INVALID = (
    ("-d", "serial1"),
    ("--base-cfg", "x"),
    ("--name", "nix"),
    ("--locked",),
)


def test_what_cannot_be_meant(generate: Invoke, wording: Wording) -> None:
    for arguments in INVALID:
        wording(asked_wrongly(generate(*arguments)))


def test_a_board_is_needed(folder: Path, generate: Invoke, wording: Wording) -> None:
    (folder / "xenassign.toml").write_text(TWO.partition("\n")[2])
    wording(asked_wrongly(generate()))
    assert generate("zynqmp-zcu102.dtb").exit_code == 0
    assert not (folder / "xenassign.lock").exists()  # which is about the file's own boards
    done = CliRunner().invoke(cli, ["generate", "-d", "serial1", "-o", "out"])
    wording(asked_wrongly(done))


# ---------------------------------------------------------------------- the lock


def revised(folder: Path) -> None:
    """The board's next revision, in the place of the first."""
    text = (FIXTURES / "zynqmp-zcu102.dts").read_text()
    changed = text.replace("serial@ff010000", "serial@ff810000").replace("0xff010000", "0xff810000")
    assert changed.count("ff810000") > 1
    source = read_source(changed.encode(), "board.dts", symbols=True)
    (folder / "zynqmp-zcu102.dtb").write_bytes(source.blob)


def test_a_new_board_file_shows_what_changed(
    folder: Path, generate: Invoke, wording: Wording
) -> None:
    text = TWO.replace('"serial@ff010000"', '"serial1"')
    (folder / "xenassign.toml").write_text(text)
    assert generate("-q").exit_code == 0
    before = (folder / "xenassign.lock").read_bytes()
    revised(folder)
    done = generate("--locked", "-o", "new")
    assert done.exit_code == 1
    wording(done)
    assert all(line.endswith("[XA021]") for line in done.stderr.splitlines())
    assert not (folder / "new").exists()
    assert (folder / "xenassign.lock").read_bytes() == before
    done = generate()
    assert done.exit_code == 0
    wording(done)
    assert (folder / "xenassign.lock").read_bytes() != before
    assert generate("--locked").exit_code == 0


@pytest.mark.parametrize("name", ["zynqmp-zcu102.dtb", "rev2.dtb"])
def test_auto_leaves_a_device_that_is_known_by_its_name(
    folder: Path, generate: Invoke, name: str, wording: Wording
) -> None:
    """Its node has another path on the new board, whose file may have another name."""
    text = TWO.replace('"serial@ff010000"', '"serial1"\nmap = "auto"')
    (folder / "xenassign.toml").write_text(text)
    assert generate("-q").exit_code == 0
    revised(folder)
    (folder / "zynqmp-zcu102.dtb").rename(name)
    lock = ("--lock", "xenassign.lock")
    line = ["plan", "-c", "xenassign.toml", name, "--name", "log", *lock]
    shown = CliRunner().invoke(cli, line)
    assert "/axi/serial@ff810000 #0" in shown.stdout
    assert " 0x3f010000 " in shown.stdout
    done = generate(name, *lock)
    wording(done)


def test_static_memory_of_two_domains_cannot_be_accepted(
    folder: Path, generate: Invoke, wording: Wording
) -> None:
    banks = {"512": "[[0x50000000, 0x20000000]]", "256": "[[0x60000000, 0x10000000]]"}
    text = 'route = "dom0less"\n' + TWO
    for memory, bank in banks.items():
        text = text.replace(f"memory = {memory}", f"static-memory = {bank}")
    allow = '[[allow]]\ncode = "XA003"\nnodes = ["/"]\nreason = "please"\n'
    for more in ("", allow):
        (folder / "xenassign.toml").write_text(text + more)
        done = generate("-q")
        assert done.exit_code == 1
        wording(done)


def test_the_files_of_one_domain_and_no_other(folder: Path, generate: Invoke) -> None:
    (folder / "xenassign.toml").write_text(TWO.replace('"log"', '"net.host"'))
    assert generate("-q", "--name", "net").exit_code == 0
    assert written(folder) == {f"net.{ending}" for ending in ENDINGS}
    shutil.rmtree(folder / "out")
    assert generate("-q", "--name", "net.host").exit_code == 0
    assert written(folder) == {f"net.host.{ending}" for ending in ENDINGS}


def test_nothing_is_written_where_the_lock_cannot_be(
    folder: Path, generate: Invoke, wording: Wording
) -> None:
    (folder / "file").write_text("")
    done = generate("--lock", "file/x.lock")
    wording(asked_wrongly(done))
    assert not (folder / "out").exists()


def test_a_lock_where_it_is_asked_for(folder: Path, wording: Wording) -> None:
    alone = ["generate", "zynqmp-zcu102.dtb", "-d", "serial@ff010000", "-q", "--overwrite"]
    assert CliRunner().invoke(cli, [*alone, "-o", "a"]).exit_code == 0
    assert not list(folder.glob("*.lock"))
    nowhere = CliRunner().invoke(cli, [*alone, "-o", "a", "--locked"])
    wording(asked_wrongly(nowhere))
    assert CliRunner().invoke(cli, [*alone, "-o", "a", "--lock", "x.lock"]).exit_code == 0
    assert (folder / "x.lock").exists()
    locked = [*alone, "-o", "a", "--lock", "x.lock", "--locked"]
    assert CliRunner().invoke(cli, locked).exit_code == 0
    assert CliRunner().invoke(cli, [*locked, "--map", "identity"]).exit_code == 0
    other = CliRunner().invoke(cli, [*locked, "--map", "serial@ff010000=0x5000000"])
    assert other.exit_code == 1


# ---------------------------------------------------------------------- several boards

BOTH = """\
host = ["rev1.dtb", "rev2.dtb"]
[[domain]]
name = "log"
memory = 256
map = "auto"
device = ["serial1"]
"""


@pytest.fixture
def boards(folder: Path) -> Path:
    """Two revisions of a board."""
    (folder / "zynqmp-zcu102.dtb").rename(folder / "rev1.dtb")
    shutil.copy(FIXTURES / "zynqmp-zcu102.dtb", folder)
    revised(folder)
    (folder / "zynqmp-zcu102.dtb").rename(folder / "rev2.dtb")
    (folder / "xenassign.toml").write_text(BOTH)
    return folder


def test_boards_that_differ_need_folders(boards: Path, generate: Invoke) -> None:
    done = generate()
    assert done.exit_code == 1
    assert "[XA022]" in done.stderr
    assert "log: serial1" in done.stderr  # the table
    assert not (boards / "out").exists()
    done = generate("--per-host")
    assert done.exit_code == 0, done.output
    assert written(boards) == {f"{h}/log.{end}" for h in ("rev1", "rev2") for end in ENDINGS}
    places = {
        json.loads((boards / f"out/{h}/log.json").read_text())["devices"][0]["mappings"][0]["guest"]
        for h in ("rev1", "rev2")
    }
    assert len(places) == 1


def test_one_set_of_files_for_boards_that_are_alike(boards: Path, generate: Invoke) -> None:
    shutil.copy(boards / "rev1.dtb", boards / "rev2.dtb")
    done = generate()
    assert done.exit_code == 0, done.output
    ends = (*ENDINGS[:-1], "rev1.json", "rev2.json")
    assert written(boards) == {f"log.{end}" for end in ends}


def test_one_more_board_on_the_command_line(folder: Path, wording: Wording) -> None:
    line = ["generate", "zynqmp-zcu102.dtb", "--host", "rk3588-like.dtb", "-d", "serial1"]
    done = CliRunner().invoke(cli, [*line, "-o", "out", "--per-host"])
    assert done.exit_code == 1
    wording(done)
    assert not (folder / "out").exists()


# ---------------------------------------------------------------------- plan


def test_plan_shows_each_domain(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "-c", "xenassign.toml"])
    assert done.exit_code == 0, done.output
    assert "net on zynqmp-zcu102" in done.stdout
    assert "log on zynqmp-zcu102" in done.stdout
    assert done.stdout.count("RAM bank 0") >= 2
    assert not (folder / "xenassign.lock").exists()


def test_plan_in_json(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "-c", "xenassign.toml", "--format", "json"])
    data = json.loads(done.stdout)
    assert data["schema"] == "xenassign/hosts/1"
    assert [(one["host"], one["name"]) for one in data["spaces"]] == [
        ("zynqmp-zcu102", "net"),
        ("zynqmp-zcu102", "log"),
    ]
    one = CliRunner().invoke(
        cli, ["plan", "-c", "xenassign.toml", "--name", "log", "--format", "json"]
    )
    assert json.loads(one.stdout)["schema"] == "xenassign/space/1"


def test_plan_of_boards_shows_what_differs(boards: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "-c", "xenassign.toml"])
    assert done.exit_code == 0, done.output
    assert "log on rev1" in done.stdout
    assert "host address" in done.stdout
