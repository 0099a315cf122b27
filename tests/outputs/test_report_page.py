"""The text of the report's page: its answer, its commands, and what it says of the lock."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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


def test_only_an_error_states_what_is_certain(host_files: dict[str, Path]) -> None:
    """A warning states what may be, and a note, such as that of a device without DMA, nothing."""
    done = report(host_files["zynqmp"], "-d", "mmc0", "-d", "rtc0", "-d", GPU)
    lines = re.findall(
        r'<b class="severity">(\w+)</b>.*?<p class="fix">(.*?)</p>', done.output, re.DOTALL
    )
    effects: dict[str, set[str]] = {}
    for severity, fix in lines:
        (effect,) = re.findall(r'<span class="effect">\((.*?)\)', fix) or [""]
        effects.setdefault(severity, set()).add(effect)
    assert effects["error"] == {"isolation or memory is at risk"}
    assert "the guest may be unable to use the device" in effects["warning"]
    assert effects["note"] == {""}


def test_intids_are_ranges() -> None:
    assert intids_text((95, 95)) == "95"
    assert intids_text((291, 47, 289, 290, 300, 301)) == "47, 289-291, 300-301"
    assert intids_text(()) == "none"


def test_no_command_helps_but_the_errors_have_fixes(host_files: dict[str, Path]) -> None:
    """--iommu-policy auto would help, which is not tried and which the fix of XA406 names."""
    done = report(host_files["qemu"], "-d", "/pl031@9010000", *STRICT)
    assert "No other options were found that are accepted: " in done.output
    assert "Each error below has its fix." in done.output
    assert "What to try" not in done.output
    assert "--iommu-policy auto also permits" in done.output


def test_the_lock_is_what_the_report_is_of() -> None:
    """Of the places in it, and so of what docs/reports shows."""
    toml = EXAMPLES / "zynqmp" / "xenassign.toml"
    with_lock = report("-c", toml)
    assert "moved to its place of the last run" in with_lock.output
    assert "moved to a free place" not in with_lock.output
    assert "Nothing changed since the lock." in with_lock.output


def test_changes_since_the_lock_are_shown_at_the_top_too(tmp_path: Path) -> None:
    """Of a system from which a device was removed."""
    shutil.copy(EXAMPLES / "zynqmp" / "xenassign.lock", tmp_path)
    text = (EXAMPLES / "zynqmp" / "xenassign.toml").read_text()
    boards = str(EXAMPLES.parents[1] / "fixtures")
    text = text.replace("../../../fixtures", boards).partition('[[domain.device]]\npath = "spi0"')[
        0
    ]
    (tmp_path / "xenassign.toml").write_text(text)
    changed = report("-c", tmp_path / "xenassign.toml").output
    (count,) = re.findall(r'<a href="#changes">(\d+) changes? since the lock</a>', changed)
    _, _, section = changed.partition('<section id="changes">')
    lines = re.findall("<li>(.*?)</li>", section.partition("</section>")[0])
    assert len(lines) == int(count)
    assert "control: spi0: device (/axi/spi@ff0f0000) removed" in lines
    data = json.loads(report("-c", tmp_path / "xenassign.toml", "--format", "json").output)
    assert data["changes"] == [html.unescape(line) for line in lines]
    without = report("-c", EXAMPLES / "zynqmp" / "xenassign.toml", "--xen", "4.19").output
    assert "Xen 4.20 became 4.19" in without


def test_the_cards_state_the_lines_of_the_request() -> None:
    page = report("-c", EXAMPLES / "qemu" / "xenassign.toml").output
    text = (EXAMPLES / "qemu" / "xenassign.toml").read_text().splitlines()
    stated = re.findall(r'<span class="stated">xenassign.toml:(\d+)</span>', page)
    lines = [text[int(line) - 1] for line in stated]
    assert lines == [
        "[[domain]]",
        'device = ["/pl031@9010000"]',
        "[[domain]]",
        'device = ["/pl061@9030000"]',
        "[[domain]]",
        'path = "/fw-cfg@9020000"',
    ]
    (place,) = re.findall(r"is forced to config .*?\(xenassign.toml:(\d+)\)", page)
    assert text[int(place) - 1].startswith("force-assign-without-iommu")


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
    assert create == "cd out && xl create net.cfg"
    assert (tmp_path / "out/net.cfg").exists()


def test_the_picture_has_a_band_for_each_mapping() -> None:
    done = report("-c", EXAMPLES / "zynqmp" / "xenassign.toml", "--format", "svg")
    root = ElementTree.fromstring(done.output)
    svg = "{http://www.w3.org/2000/svg}"
    bands = [p.get("data-k") for p in root.iter(f"{svg}path") if "band" in p.get("class", "")]
    assert sorted(filter(None, bands)) == ["m0-0", "m0-1", "m1-0", "m1-1", "m1-2", "m1-3"]
    texts = [text.text or "" for text in root.iter(f"{svg}text")]
    assert {"ethernet@ff0e0000", "at 0x3f0e0000", "ZynqMP ZCU102 Rev1.0, Xen 4.20"} <= set(texts)
    width, height = (float(root.get(name, "0")) for name in ("width", "height"))
    for part in root.iter(f"{svg}svg"):
        assert float(part.get("x", "0")) + float(part.get("width", "0")) <= width
        assert float(part.get("y", "0")) + float(part.get("height", "0")) <= height


def test_a_board_without_a_plan_is_a_title_in_the_picture(host_files: dict[str, Path]) -> None:
    words = [host_files["zynqmp"], "--host", host_files["qemu"], "-d", ETHERNET, "--format"]
    drawn = report(*words, "svg")
    assert drawn.exit_code == 1
    assert "linux,dummy-virt, Xen 4.20: no plan" in drawn.stdout
    data = json.loads(report(*words, "json").stdout)
    assert [bool(board["problems"]) for board in data["boards"]] == [False, True]


def test_json_is_what_the_page_shows() -> None:
    toml = EXAMPLES / "qemu" / "xenassign.toml"
    data = json.loads(report("-c", toml, "--format", "json").output)
    (board,) = data["boards"]
    assert (data["schema"], data["changes"], board["holds"]) == ("xenassign/report/1", [], True)
    by_owner = {line["owner"]["name"]: line["intids"] for line in board["interrupts"]}
    assert (by_owner["clock"], by_owner["gpio"]) == ([34], [39])
    (forced,) = board["dma"]["unprotected"]
    assert (forced["path"], forced["domain"]) == ("/fw-cfg@9020000", "config")
    assert {each["domain"] for each in board["dma"]["no_dma"]} == {"clock", "gpio"}
    clock = next(each for each in board["suppliers"] if each["device"] == "/pl031@9010000")
    assert (clock["property"], clock["action"]) == ("clocks", "copied")
    assert [space["name"] for space in board["spaces"]] == ["clock", "gpio", "config"]
