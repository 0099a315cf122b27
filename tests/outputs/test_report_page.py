"""The text of the report's page: its answer, its commands, and what it says of the lock."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xenassign.cli import cli
from xenassign.outputs.report.who_has_what import intids_text

from ..examples import EXAMPLES

ETHERNET, GPU = "/axi/ethernet@ff0e0000", "/axi/gpu@fd4b0000"
STRICT = ["--iommu-policy", "strict"]


def report(*words: object) -> Result:
    """What the command prints."""
    return CliRunner().invoke(cli, ["report", *map(str, words)])


def headline(done: Result) -> str:
    """The answer of a page."""
    (line,) = re.findall(r"<h1 .*?</span>(.*?)</h1>", done.output)
    return html.unescape(line)


@pytest.mark.parametrize(
    ("devices", "more", "answer"),
    [
        ([ETHERNET], [], "Yes: 1 device can go to a"),
        ([ETHERNET, GPU], [], "No: gpu@fd4b0000 cannot go to a like this (1 error)"),
        (
            [ETHERNET, "rtc0", "serial1"],
            STRICT,
            "No: 2 of 3 devices cannot go to a like this (2 errors)",
        ),
        (["serial1"], STRICT, "No: 1 device cannot go to a like this (1 error)"),
        ([ETHERNET], ["--memory", "1"], "No: generate would refuse a (1 error)"),
    ],
)
def test_the_headline_counts_what_is_refused(
    devices: list[str], more: list[str], answer: str, host_files: dict[str, Path]
) -> None:
    words = [word for device in devices for word in ("-d", device)]
    done = report(host_files["zynqmp"], "--name", "a", *words, *more)
    assert headline(done) == answer


def test_intids_are_ranges() -> None:
    assert intids_text((95, 95)) == "95"
    assert intids_text((291, 47, 289, 290, 300, 301)) == "47, 289-291, 300-301"
    assert intids_text(()) == "none"


def test_no_command_helps_but_the_errors_have_fixes(host_files: dict[str, Path]) -> None:
    """--iommu-policy auto would help, which is not tried and which the fix of XA406 names."""
    done = report(host_files["qemu"], "-d", "/pl031@9010000", *STRICT)
    assert "No other options were found that are accepted: " in done.output
    assert "Each error below has its fix." in done.output
    assert "--iommu-policy auto also permits" in done.output


def test_the_lock_is_what_the_report_is_of() -> None:
    """Of the places in it, and so of what docs/reports shows."""
    toml = EXAMPLES / "zynqmp" / "xenassign.toml"
    with_lock = report("-c", toml)
    assert "moved to its place of the last run" in with_lock.output
    assert "moved to a free place" not in with_lock.output


def test_the_commands_work_where_the_report_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    """``generate`` and ``fdtoverlay``, as the page has them, one after the other."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "a board").mkdir()
    shutil.copy(repository / "fixtures/host_dtbs/zynqmp-zcu102.dtb", tmp_path / "a board/zcu.dtb")
    done = report("a board/zcu.dtb", "-d", ETHERNET, "--name", "net", "--memory", 512, "--vcpus", 1)
    steps = map(html.unescape, re.findall(r'class="step">.*?<code>(.*?)</code>', done.output))
    generate, fdtoverlay, create = steps
    for command in (generate, fdtoverlay):
        subprocess.run(["bash", "-c", command], check=True)
    assert (tmp_path / "zcu-xen.dtb").read_bytes().count(b"xen,passthrough")
    assert create == "xl create out/net.cfg"
    assert (tmp_path / "out/net.cfg").exists()
