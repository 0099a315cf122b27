"""The commands: help, versions, explain, what generate prints."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import xenassign
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.cli.group import _COMMANDS
from xenassign.cli.short_help import _COMMON
from xenassign.errors import UsageError
from xenassign.linting.catalogue import rules

Invoke = Callable[..., Result]


GUEST = ("--memory", "512", "--vcpus", "1")


@pytest.fixture
def invoke() -> Invoke:
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_an_example(
    invoke: Invoke, command: tuple[str, ...], flag: str
) -> None:
    done = invoke(*command, flag)
    assert done.exit_code == 0
    assert "Example:" in done.output
    assert "xenassign " in done.output.partition("Example:")[2]
    assert max(map(len, done.output.splitlines())) <= 100


def test_the_list_of_commands_has_whole_sentences(invoke: Invoke) -> None:
    lines = invoke("--help").output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == [*_COMMANDS]
    assert all(line.endswith(".") and "..." not in line for line in lines)


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_lists_each_option_once_and_no_words_are_cut(invoke: Invoke, command: str) -> None:
    """Arguments are in the text above. A column is as wide as the longest word of the texts."""
    shown = invoke(command, "--help").output
    output = re.split("^(?:Options|Boards and Xen):$", shown, flags=re.MULTILINE)[1]
    options = importlib.import_module(_COMMANDS[command]).command.params
    listed = re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", output, re.MULTILINE)
    flags = [p.opts[-1] for p in options if isinstance(p, click.Option)]
    assert sorted(listed) == sorted([*flags, "--help"])
    assert not re.search(r"^  \[?[A-Z]", output, re.MULTILINE)
    for option in options:
        words = (getattr(option, "help", None) or "").split()
        assert all(len(word) <= 44 for word in words), option


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
def test_short_help_is_a_screen(invoke: Invoke, command: tuple[str, ...]) -> None:
    """With the usage, what the command is for, its most used options, and where the others are."""
    lines = invoke(*command, "-h").output.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Usage: ")
    assert lines[2].strip()
    assert lines[-1].endswith(" --help" if command else " COMMAND -h")


def test_short_help_has_options_that_exist() -> None:
    """Under their names: a renamed option would be left out."""
    for name, options in _COMMON.items():
        command = importlib.import_module(_COMMANDS[name]).command
        assert {*options} <= {param.name for param in command.params}


def test_the_version(invoke: Invoke) -> None:
    done = invoke("--version")
    assert done.exit_code == 0
    assert xenassign.__version__ in done.output


def test_explain_lists_every_code(invoke: Invoke) -> None:
    done = invoke("explain")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()] == [r.code for r in rules()]


def test_explain_takes_a_code_in_any_case(invoke: Invoke) -> None:
    done = invoke("explain", "xa401")
    assert done.exit_code == 0
    assert done.output.startswith("XA401 (unprotected-dma-master): ")
    assert "What Xen does: " in done.output
    assert "Fix: " in done.output


def test_explain_of_an_unknown_code_fails(invoke: Invoke, wording: Wording) -> None:
    done = invoke("explain", "XA999")
    wording(done)


def test_generate_prints_the_files(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """With -v; without, their number, and that of the notes."""
    words = ("generate", host_files["qemu"], "-d", "/pl031@9010000", "-o", tmp_path)
    closing = f"wrote 7 files to {tmp_path} (1 warning, 2 notes"
    assert invoke(*words).stdout == f"{closing}; -v shows all)\n"
    done = invoke(*words, "-v", "--overwrite")
    assert done.exit_code == 0
    names = ["dtb", "dts", "cfg", "host.dtbo", "host.dtso", "dom0less.dtso", "json"]
    *files, last = done.stdout.splitlines()
    assert {Path(line).name for line in files} == {f"domu1.{n}" for n in names}
    assert all(Path(line).is_file() for line in files)
    assert last == f"{closing})"
    assert "warning: " in done.stderr
    assert "note: " in done.stderr
    assert "error: " not in done.stderr


def test_quiet_prints_nothing_about_accepted_files(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    done = invoke("generate", host_files["qemu"], "-d", "/pl031@9010000", "-o", tmp_path, "-q")
    assert done.output == ""
    assert (tmp_path / "domu1.dtb").is_file()


def test_ignored_warnings_are_not_reported(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    words = ("generate", host_files["qemu"], "-d", "/pl031@9010000", "-o", tmp_path)
    done = invoke(*words, "--ignore", "XA817,XA3", "-v")
    assert done.exit_code == 0
    assert "XA817" not in done.stderr
    assert "XA308" not in done.stderr
    assert "[XA402]" in done.stderr
    assert isinstance(invoke(*words, "--ignore", "XA999").exception, UsageError)


def test_strict_refuses_with_warnings(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    words = ("generate", host_files["qemu"], "-d", "/pl031@9010000", "-o", tmp_path, "--strict")
    done = invoke(*words)
    assert done.exit_code == 1
    assert "[XA817]" in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[-1].endswith("--memory 512 --vcpus 1 --strict")
    assert not list(tmp_path.iterdir())
    assert invoke(*words, "--ignore", "XA817").exit_code == 0


def test_every_finding_ends_with_its_code(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    host = host_files["zynqmp"]
    done = invoke("generate", host, *GUEST, "-d", "ethernet0", "-o", tmp_path, "-v")
    for line in done.stderr.splitlines():
        assert re.fullmatch(rf"(warning|note): {re.escape(str(host))}: .*; .* \[XA\d\d\d\]", line)


def test_a_board_from_standard_input(host_files: dict[str, Path], tmp_path: Path) -> None:
    arguments = ["generate", "-", "-d", "/pl031@9010000", "-o", str(tmp_path), "-q"]
    done = CliRunner().invoke(cli, arguments, input=host_files["qemu"].read_bytes())
    assert done.exit_code == 0
    assert (tmp_path / "domu1.dtb").is_file()


@pytest.mark.usefixtures("dtc")
def test_a_board_as_source(invoke: Invoke, host_files: dict[str, Path], tmp_path: Path) -> None:
    dts = host_files["zynqmp"].with_suffix(".dts")
    for host, folder in ((dts, "a"), (host_files["zynqmp"], "b")):
        done = invoke("generate", host, "-d", "gem3", "-o", tmp_path / folder)
        assert done.exit_code == 0
    same = [(tmp_path / folder / "domu1.dtb").read_bytes() for folder in "ab"]
    assert same[0] == same[1]


def test_globs_and_several_devices(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path
) -> None:
    arguments = ("-d", "/pl06*", "-d", "/pl031@9010000", "-o", tmp_path)
    done = invoke("generate", host_files["qemu"], *arguments)
    assert done.exit_code == 0
    plan = json.loads((tmp_path / "domu1.json").read_text())
    assert {d["path"] for d in plan["devices"]} == {"/pl061@9030000", "/pl031@9010000"}


def test_all_options_together(invoke: Invoke, host_files: dict[str, Path], tmp_path: Path) -> None:
    eth = "/axi/ethernet@ff0e0000"
    done = invoke(
        *("generate", host_files["zynqmp"], "-d", eth, "-o", tmp_path, "--name", "net"),
        *("--xen", "4.21.1", "--route", "xl", "--map", f"{eth}=auto", "--memory", "512"),
        *("--vcpus", "2", "--kernel", "/k", "--ramdisk", "/r", "--extra", "a b"),
        *("--device-tree-path", "/d/net.dtb", "--no-vpl011", "--xen-console", "none"),
        *("--iommu-driver", "smmu", "--clock-rate", f"{eth}=125000000", "--iommu-policy", "strict"),
    )
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "net.dom0less.dtso").exists()
    text = (tmp_path / "net.cfg").read_text()
    for part in ("memory = 512", 'kernel = "/k"', 'extra = "a b"', '"/d/net.dtb"'):
        assert part in text


def test_scmi_for_the_guest(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path, wording: Wording
) -> None:
    line = ("generate", host_files["rk3588"], "-d", "rng@fe378000", "-o", tmp_path)
    refused = invoke(*line, "--sci", "scmi_smc")
    assert refused.exit_code == 1
    wording(refused)
    assert list(tmp_path.iterdir()) == []
    done = invoke(*line, "--sci", "scmi_smc", "--xen", "4.21")
    assert done.exit_code == 0, done.output
    plan = json.loads((tmp_path / "domu1.json").read_text())
    assert plan["sci"] == "scmi_smc"
    assert [region["path"] for region in plan["regions"]] == ["/sram@fd600000/scmi-shmem@f000"]
    assert {s["action"] for s in plan["devices"][0]["suppliers"]} == {"kept"}
    assert invoke(*line, "--sci", "scmi").exit_code == 2


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (
            "generate {host} -d ethernet0 -o out -q",
            "rich lark jinja2 xenassign.linting.linter xenassign.request.project"
            " xenassign.formats.imagebuilder_cfg xenassign.outputs.attach.decide"
            " xenassign.outputs.boot.write xenassign.outputs.domain.own_tree"
            " xenassign.request.keys.section xenassign.request.value_kinds"
            " xenassign.request.device_part xenassign.system.common_placement",
        ),
        (
            "lint {host} -q",
            "json hashlib textwrap pkgutil xenassign.journal xenassign.linting.fixes"
            " xenassign.linting.catalogue xenassign.formats.xlcfg_parser"
            " xenassign.host.clock_summary xenassign.request.units",
        ),
        ("inspect {host}", "rich lark jinja2 xenassign.outputs.generated xenassign.linting.linter"),
        ("plan {host} -d ethernet0", "lark jinja2 xenassign.linting.linter"),
        ("lint {host} --format json", "rich lark jinja2 xenassign.planning.plan"),
    ],
)
def test_a_command_imports_what_it_uses(
    command: str, absent: str, host_files: dict[str, Path], tmp_path: Path
) -> None:
    """Half of the time of most commands is imports."""
    program = (
        "import sys; from xenassign.cli.group import cli; import atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "cli.main(sys.argv[1:], prog_name='xenassign')"
    )
    words = command.format(host=host_files["zynqmp"]).split()
    run = [sys.executable, "-c", program, *words]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    imported = done.stderr.splitlines()[-1].split()
    assert "xenassign.cli.group" in imported
    assert {*absent.split()}.isdisjoint(imported)


def test_keeping_firmware(
    invoke: Invoke, host_files: dict[str, Path], tmp_path: Path, wording: Wording
) -> None:
    line = ("generate", host_files["zynqmp"], "-d", "ethernet0", "-o", tmp_path)
    done = invoke(*line, "--keep-firmware")
    assert done.exit_code == 0, done.output
    wording(done)
    assert "xlnx,zynqmp-firmware" in (tmp_path / "domu1.dts").read_text()
