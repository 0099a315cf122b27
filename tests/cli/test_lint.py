"""`xenassign lint` as its users call it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.wording import Wording

from ..linting.bases import CONFIG, PARTIAL

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "host_dtbs"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in a folder of its own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    Path("domu1.dts").write_text(PARTIAL)
    Path("domu1.cfg").write_text(CONFIG)
    return tmp_path


def lint(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xenassign", "lint", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_good_files(repository: Path) -> None:
    done = lint("domu1.dts", "domu1.cfg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "Xen: boots it on dom0less and xl\nguest: works, as far as is known"
    )


def test_an_error_is_exit_status_1(wording: Wording) -> None:
    Path("domu1.cfg").write_text(CONFIG.replace("34,", "0x22,"))
    done = lint("domu1.dts", "domu1.cfg")
    assert (done.returncode, done.stderr) == (1, "")
    wording(done.stdout)


@pytest.mark.parametrize("selection", [("--select", "XA9"), ("--ignore", "XA602")])
def test_a_selection_does_not_change_the_verdict(selection: tuple[str, str]) -> None:
    Path("domu1.cfg").write_text(CONFIG.replace("34,", "0x22,"))
    done = lint("domu1.dts", "domu1.cfg", *selection)
    assert done.returncode == 1
    verdict = "Xen: boots it on dom0less; refuses it on xl (XA602, not shown)"
    assert done.stdout.startswith(f"{verdict}\nguest: works")
    assert "\n1 error not shown\n" in done.stdout
    made = json.loads(lint("domu1.dts", "domu1.cfg", *selection, "--format", "json").stdout)
    assert made["verdict"] == {"dom0less": "accepted", "xl": "rejected"}
    assert (made["findings"], made["not_shown"]) == ([], {"XA602": 1})
    done = lint("domu1.dts", "domu1.cfg", *selection, "--format", "github")
    assert done.stdout == "::error title=rejected::rejected by XA602, not shown\n"


def test_a_selection_hides_what_xen_accepts_but_not_what_the_guest_gets() -> None:
    Path("domu1.cfg").write_text(f"{CONFIG}foo = 1\n")
    assert lint("domu1.dts", "domu1.cfg", "--route", "xl").returncode == 1
    done = lint("domu1.dts", "domu1.cfg", "--route", "xl", "--ignore", "XA601")
    assert done.returncode == 0
    assert "\nguest: broken (XA601, not shown)\n1 error not shown\n" in done.stdout


def test_standard_input(wording: Wording) -> None:
    done = lint("-", "--format", "json", text=PARTIAL)
    assert done.returncode == 0
    assert json.loads(done.stdout)["findings"] == []
    done = lint("-", text="foo = 1\n")
    wording(done.stdout)


UNREADABLE: tuple[list[str], ...] = (
    [],
    ["no-such"],
    ["domu1.dts", "--xen", "3.0"],
    ["domu1.dts", "--select", "E501"],
    ["domu1.dts", "--host", "domu1.cfg"],
    ["domu1.dts", "--config", "no-such"],
    [str(FIXTURES / "qemu-virt-gicv3.dtb")],
    ["domu1.dts", "--partial", "domu1.cfg"],
    ["domu1.dts", "--route", "xm"],
    ["domu1.dts", "--memory", "0"],
)


def test_what_cannot_be_read_is_exit_status_2(wording: Wording) -> None:
    for arguments in UNREADABLE:
        done = lint(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        wording(done)


def test_settings_of_the_folder(wording: Wording) -> None:
    Path("domu1.cfg").write_text(f"{CONFIG}foo = 1\n")
    Path("xenassign.toml").write_text('[lint]\nignore = ["XA601"]\nroute = ["xl"]\n')
    done = lint("domu1.dts", "domu1.cfg")
    assert done.returncode == 0
    assert "dom0less" not in done.stdout
    Path("xenassign.toml").write_text("[lint]\nroutes = []\n")
    done = lint("domu1.cfg")
    assert done.returncode == 2
    wording(done)


def test_diff_and_fix() -> None:
    Path("domu1.cfg").write_text(CONFIG.replace("34,", "0x22,"))
    done = lint("domu1.dts", "domu1.cfg", "--diff")
    assert done.returncode == 1
    assert done.stdout.startswith("--- a/domu1.cfg\n+++ b/domu1.cfg\n")
    assert "0x22" in Path("domu1.cfg").read_text()
    done = lint("domu1.dts", "domu1.cfg", "--fix", "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["findings"] == []
    assert "+irqs = [34, 39]" in done.stderr
    assert Path("domu1.cfg").read_text() == CONFIG


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_form_is_the_same_twice(form: str) -> None:
    Path("domu1.cfg").write_text("foo = 1\nirqs = [0x22]\n")
    done = [lint("domu1.dts", "domu1.cfg", "--format", form) for _ in range(2)]
    assert done[0].stdout == done[1].stdout
    assert done[0].stdout


def test_the_list_of_rules() -> None:
    done = lint("--list-rules")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert any(line.startswith("XA213  xen-reg-unaligned ") for line in lines)
    assert lines == sorted(lines)


def test_includes_of_the_preprocessor() -> None:
    Path("inc").mkdir()
    Path("inc/addresses.h").write_text("#define RTC 0x9010000\n#define LINE 0x10\n")
    text = PARTIAL.replace("0x9010000>;\n\t\t\txen,force", "RTC>;\n\t\t\txen,force")
    Path("a.dts").write_text(f"#include <addresses.h>\n{text}")
    assert lint("a.dts", "-I", "inc").returncode == 0
    done = lint("a.dts")
    assert done.returncode == 2
    assert done.stderr.startswith("error: a.dts:1:")


def test_the_uart_of_xen_may_be_another(tmp_path: Path, wording: Wording) -> None:
    """What `generate` gives when Xen has no console on a board's UART, `lint` takes as well."""
    host, console = str(FIXTURES / "qemu-virt-gicv3.dtb"), ["--xen-console", "none"]
    asked = ["-d", "/pl011@9000000", *console, "--no-vpl011", "--memory", "256", "--vcpus", "1"]
    command = [sys.executable, "-m", "xenassign", "generate", host, *asked, "-o", "out"]
    subprocess.run(command, capture_output=True, check=True)
    about = ["--host", host, "--host-overlay", "out/domu1.host.dtbo"]
    files = ["out/domu1.dts", "out/domu1.cfg"]
    assert lint(*files, *about).returncode == 1
    done = lint(*files, *about, *console)
    assert (done.returncode, done.stderr) == (0, "")
    done = lint(*files, *about, "--xen-console", "no-such")
    wording(done)


def test_quiet_shows_errors_alone() -> None:
    Path("domu1.cfg").write_text(CONFIG.replace("34,", "0x22,"))
    done = lint("domu1.dts", "domu1.cfg", "-q")
    assert (done.returncode, done.stdout.count("error: ")) == (1, 1)
    assert "Xen: " not in done.stdout
    Path("domu1.cfg").write_text(CONFIG)
    done = lint("domu1.dts", "domu1.cfg", "-q")
    assert (done.returncode, done.stdout) == (0, "")


WARNED = 'name = "a"\nname = "a"\n'  # XA611


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 0), (("--fail-on", "warning"), 1), (("--fail-on", "warning", "--exit-zero"), 0)],
)
def test_the_status_is_that_of_the_chosen_severity(options: tuple[str, ...], status: int) -> None:
    Path("twice.cfg").write_text(WARNED)
    done = lint("twice.cfg", *options)
    assert (done.returncode, done.stdout.count("[XA611]")) == (status, 1)


def test_exit_zero_is_for_findings_alone() -> None:
    Path("domu1.cfg").write_text(CONFIG.replace("34,", "0x22,"))
    assert lint("domu1.cfg", "--exit-zero").returncode == 0
    assert lint("missing.cfg", "--exit-zero").returncode == 2


def test_standard_input_has_a_name_and_a_kind() -> None:
    done = lint(
        "-", "--stdin-filename", "xen/guest.dts", text=PARTIAL.replace("xen,path", "xen,pth")
    )
    assert done.stdout.startswith("warning: xen/guest.dts:28:")
    done = lint("-", "--stdin-filename", "guest.cfg", "--format", "concise", text="foo = 1\n")
    assert done.stdout.startswith("guest.cfg:1:1: XA601 error: ")
    fixed = lint("-", "--stdin-filename", "domu1.cfg", "--fix", text="irqs = [0x22]\n")
    assert (fixed.returncode, Path("domu1.cfg").read_text()) == (2, CONFIG)


def test_a_pattern_is_its_files() -> None:
    Path("other.cfg").write_text('name = "b"\n')
    named = lint("domu1.cfg", "other.cfg", "--format", "json")
    assert lint("*.cfg", "--format", "json").stdout == named.stdout
    done = lint("*.nothing")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    Path("[a].cfg").write_text("foo = 1\n")
    assert "[a].cfg:1:1" in lint("[a].cfg").stdout


def test_statistics_are_counts_by_rule() -> None:
    Path("some.cfg").write_text("foo = 1\nbar = 1\nirqs = [0x22]\n")
    done = lint("some.cfg", "--statistics")
    assert done.returncode == 1
    assert next(line.split()[:2] for line in done.stdout.splitlines()) == ["2", "XA601"]


@pytest.mark.parametrize(
    ("variables", "colours"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours(variables: dict[str, str], colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Path("some.cfg").write_text("foo = 1\n")
    assert ("\x1b[1;31merror:" in lint("some.cfg").stdout) is colours


def test_the_hook_takes_no_configuration_of_other_tools(repository: Path) -> None:
    (hook,) = YAML(typ="safe").load((repository / ".pre-commit-hooks.yaml").read_text())

    def takes(name: str) -> bool:
        return bool(re.search(hook["files"], name)) and not re.search(hook["exclude"], name)

    assert all(map(takes, ("dom.cfg", "xen/guest.cfg", "xen/guest.dts", "xen/guest.dtso")))
    others = ("setup.cfg", "sub/tox.cfg", "mypy.cfg", ".bumpversion.cfg", "src/pylint.cfg", "a.py")
    assert not any(map(takes, others))
