"""generate --base-cfg: the user's own dom.cfg on the shipped boards, through the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.wording import Wording
from xenassign.cli import cli
from xenassign.errors import InputError, UsageError, XenassignError
from xenassign.formats.xlcfg_parser import read_file

PL031 = "/pl031@9010000"
BASE = """\
# The gateway.  Do not touch!
name = 'gw' ; memory = 0x200
vcpus=2
extra = "root=/dev/xvda \\101"   # \u00e9
irqs = [ 36, ]  # the GPIO
iomem = [
\t"9030,1"   # the GPIO
]
on_crash = "restart"
"""
MERGED = """\
# The gateway.  Do not touch!
name = 'gw' ; memory = 0x200
vcpus=2
extra = "root=/dev/xvda \\101"   # \u00e9
irqs = [ 36, 34, ]  # the GPIO
iomem = [
\t"9030,1",   # the GPIO
\t"0x9010,0x1",
]
on_crash = "restart"

# What xenassign set for the devices that are passed.
device_tree = "gw.dtb"
"""

Run = Callable[..., Result]


@pytest.fixture
def run(host_files: dict[str, Path], tmp_path: Path) -> Run:
    """run(text, option…): generate with this base, for QEMU's clock or another ``device``."""

    def call(text: str | bytes, *options: str, host: str = "qemu", device: str = PL031) -> Result:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "mine.cfg").write_bytes(data)
        base = ["--base-cfg", str(tmp_path / "mine.cfg")]
        into = ["-o", str(tmp_path / "out"), "--overwrite"]
        line = ["generate", str(host_files[host]), "-d", device, *base, *into, *options]
        return CliRunner().invoke(cli, line)

    return call


def refused(done: Result, wording: Wording) -> None:
    """One line, exit status 2."""
    error = done.exception
    assert isinstance(error, XenassignError)
    assert error.exit_status == 2
    assert "\n" not in str(error)
    wording(error)


def test_the_file_is_kept_and_completed(run: Run, tmp_path: Path) -> None:
    done = run(BASE)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "gw.cfg").read_text() == MERGED
    plan = json.loads((tmp_path / "out" / "gw.json").read_text())
    assert (plan["name"], plan["memory_mb"]) == ("gw", 512)


def test_running_it_on_its_result_changes_nothing(run: Run, tmp_path: Path) -> None:
    assert run(MERGED).exit_code == 0
    assert (tmp_path / "out" / "gw.cfg").read_text() == MERGED


def test_what_it_had_already_is_only_warned_about(run: Run, wording: Wording) -> None:
    done = run(BASE.replace("36", "90").replace("9030", "f0000"))
    assert done.exit_code == 0
    told = [line for line in done.stderr.splitlines() if "mine.cfg:" in line]
    wording("\n".join(told))
    assert all(line.startswith("warning: ") for line in told)


def test_bytes_that_are_no_utf8_stay(run: Run, tmp_path: Path, wording: Wording) -> None:
    text = b"name = 'n'\ndtdev = [ '/x\xff' ] # \xfe\nirqs = [ '" + b"9" * 5 + b"' ]\n"
    assert run(text).exit_code == 0
    assert b"dtdev = [ '/x\xff' ] # \xfe\n" in (tmp_path / "out" / "n.cfg").read_bytes()
    refused(run(b"irqs = [ '" + b"9" * 5000 + b"' ]"), wording)


def test_protection_on_a_board_with_an_iommu(run: Run, tmp_path: Path) -> None:
    text = 'name = "n"\npassthrough = "disabled"\ndtdev = [ ]\npassthrough += "x"\n'
    done = run(text, "--clock-rate", "ethernet0=1", host="zynqmp", device="ethernet0")
    assert done.exit_code == 0, done.output
    config = read_file(str(tmp_path / "out" / "n.cfg"))
    first = 'name = "n"\npassthrough = "disabled"\ndtdev = ["/axi/ethernet@ff0e0000" ]\n'
    assert config.text.startswith(first)
    assert 'passthrough = "enabled"\n' in config.text
    assert [one.text for one in config.texts("irqs")] == ["95"]


@pytest.mark.parametrize(("text", "kept"), [("", False), ("1", False), ("9999", True)])
def test_a_pool_for_large_mappings(run: Run, tmp_path: Path, text: str, kept: bool) -> None:
    line = f"shadow_memory = {text}\n" if text else ""
    device = "/axi/pcie@fd0e0000"
    options = ("--iommu-policy", "trust", "--allow-shared-page", device)
    done = run(f"name = 'n'\nmemory = 64\n{line}", *options, host="zynqmp", device=device)
    assert done.exit_code == 0, done.output
    pool = read_file(str(tmp_path / "out" / "n.cfg")).integer("shadow_memory") or 0
    assert pool == 9999 if kept else 1 < pool < 9999


def test_options_add_what_the_file_lacks(run: Run, tmp_path: Path) -> None:
    done = run("", "--name", "n", "--memory", "64", "--kernel", "/Image", "--vcpus", "1")
    assert done.exit_code == 0, done.output
    config = read_file(str(tmp_path / "out" / "n.cfg"))
    assert [one.name for one in config.statements] == [
        *("name", "memory", "vcpus", "kernel", "device_tree", "irqs", "iomem"),
    ]


def test_the_same_option_is_no_contradiction(run: Run, tmp_path: Path) -> None:
    assert run(BASE, "--memory", "512", "--name", "gw", "--vcpus", "2").exit_code == 0
    assert (tmp_path / "out" / "gw.cfg").read_text() == MERGED


CONTRADICTIONS = (
    ("--memory", "1024"),
    ("--vcpus", "3"),
    ("--name", "other"),
    ("--extra", "quiet"),
    ("--route", "dom0less"),
)


def test_a_contradiction(run: Run, wording: Wording) -> None:
    for options in CONTRADICTIONS:
        done = run(BASE, *options)
        refused(done, wording)
        assert isinstance(done.exception, UsageError)


UNUSABLE = (
    "a = (1)\n",
    b"a = '\xff'\nb\n",
    "irqs = 34\n",
    "irqs = [ 34,\n '0x22' ]\n",
    "irqs = [ [34] ]\n",
    "iomem = [ '9010' ]\n",
    "device_tree = [ 'x' ]\n",
    "memory = 'much'\n",
    "memory = 1\nmemory += 2\n",
    "memory = 0\n",
    "vcpus = 999\n",
    "name = '1st one'\n",
    "name = 'n'\n(",
)


def test_what_cannot_be_used(run: Run, wording: Wording) -> None:
    for text in UNUSABLE:
        done = run(text)
        refused(done, wording)
        assert isinstance(done.exception, InputError)


def test_pages_that_are_passed_elsewhere(run: Run, wording: Wording) -> None:
    done = run("iomem = [ '0x900f,2@1' ]\n")
    refused(done, wording)


def test_no_such_file(host_files: dict[str, Path], tmp_path: Path, wording: Wording) -> None:
    line = ["generate", str(host_files["qemu"]), "-d", PL031, "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, [*line, "--base-cfg", str(tmp_path / "no.cfg")])
    refused(done, wording)


def test_a_path_of_its_own_device_tree_stays(run: Run, tmp_path: Path) -> None:
    text = "name = 'gw'\ndevice_tree = '/etc/xen/{}.dtb'\n"
    for name, options, expected in (
        ("gw", (), "/etc/xen/gw.dtb"),
        ("old", (), "gw.dtb"),
        ("gw", ("--device-tree-path", "/x.dtb"), "/x.dtb"),
    ):
        assert run(text.format(name), *options).exit_code == 0
        config = read_file(str(tmp_path / "out" / "gw.cfg"))
        assert getattr(config.get("device_tree"), "text", None) == expected


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('arm_sci = "type=none" # no\n', 'arm_sci = "type=scmi_smc" # no\n'),
        ("arm_sci = 'x=1,type=SCMI_SMC'\n", "arm_sci = 'x=1,type=SCMI_SMC'\n"),
        ("", 'arm_sci = "type=scmi_smc"\n'),
    ],
)
def test_scmi_is_asked_for(run: Run, tmp_path: Path, line: str, after: str) -> None:
    text = f"name = 'n'\n{line}extra = 'clk_ignore_unused'\n"
    options = ("--sci", "scmi_smc", "--xen", "4.21")
    done = run(text, *options, host="rk3588", device="/rng@fe378000")
    assert done.exit_code == 0, done.output
    assert after in (tmp_path / "out" / "n.cfg").read_text()
    assert "XA522" in done.stderr
    assert "XA528" not in done.stderr  # the file's own command line says it
