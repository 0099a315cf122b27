"""The page of a board alone in a real browser: what it shows, where labels are, its filter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from xenassign.advice.assess import assess
from xenassign.advice.verdict import ANSWERS
from xenassign.devicetree.tree import Tree
from xenassign.host.load import read_host
from xenassign.host.neighbours import streams_of
from xenassign.host.platform import read_platform
from xenassign.outputs.report.who_has_what import stream_text
from xenassign.xen.releases import DEFAULT, release

from .. import hostile
from ..boards.kernels import suite_of, tree
from ..missing import skip_or_fail
from ..xen.machine import UnavailableError
from .test_report import _FOREIGN, _MISPLACED, load_axe, opened, serious_violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: The largest blob of Linux 7.2.
BIG = "qcom/hamoa-iot-evk.dtb"


@pytest.fixture(scope="module")
def boards(
    tmp_path_factory: pytest.TempPathFactory,
    variant: Callable[[str, str], Tree],
    host_files: dict[str, Path],
) -> dict[str, Path]:
    """By name the board and its page: a small one, the largest of Linux, a hostile one."""
    folder = tmp_path_factory.mktemp("boards")
    try:
        big = tree(suite_of("7.2"), BIG)
    except UnavailableError as error:
        skip_or_fail(str(error))
    hostile_board = variant("qemu", hostile.BOARD).data
    assert hostile_board is not None
    small = host_files["zynqmp"].read_bytes()
    for name, data in (("small", small), ("big", big), ("hostile", hostile_board)):
        (folder / f"{name}.dtb").write_bytes(data)
        words = ["inspect", f"{name}.dtb", "--html", f"{name}.html"]
        command = [sys.executable, "-m", "xenassign", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, f"wrote {name}.html\n"), done.stderr
    return {name: folder / f"{name}.html" for name in ("small", "big", "hostile")}


def test_all_devices_are_there_and_the_filter_finds_them(
    browser: Browser, boards: dict[str, Path]
) -> None:
    platform = read_platform(read_host(boards["small"].with_suffix(".dtb")))
    board = assess(platform, release(DEFAULT))
    with opened(browser, boards["small"]) as page:
        listed = page.evaluate(
            """() => [...document.querySelectorAll('.board tbody')].flatMap(group =>
                 [...group.querySelectorAll('tr:not(.group)')].map(row =>
                   [row.cells[0].querySelector('code').textContent, group.dataset.kind]))"""
        )
        expected = [[d.device.path, d.verdict.answer] for d in board.devices]
        assert listed == sorted(expected, key=lambda row: ANSWERS.index(row[1]))
        masters = page.locator("#iommus tbody tr:not(.group)").all_inner_texts()
        streams = [
            (d.device.path, stream_text(own))
            for d in board.devices
            for _, own in streams_of(d.device)
        ]
        assert streams
        for path, text in streams:
            assert any(path in line and text in line for line in masters)
        page.keyboard.press("/")
        page.keyboard.type("serial ff010000")
        shown = page.locator(".board tbody tr:not(.group):visible")
        assert shown.count() == 1
        assert page.locator(".filter output").inner_text() == f"1 of {len(listed)}"
        page.locator(".filter input").fill("")
        page.locator(".filter button[data-kind=no]").press("Enter")
        counts = [each[1] for each in expected]
        assert shown.count() == len(counts) - counts.count("no")
        page.locator("svg.map rect.block").first.focus()
        facts = page.locator("#facts").inner_text().splitlines()
        assert facts[:2] == ["/axi/spi@ff0f0000, reg 1", "0xc0000000 to 0xc7ffffff"]
        (verdict,) = [d.verdict for d in board.devices if d.device.path == "/axi/spi@ff0f0000"]
        assert facts[-1] == str(verdict)


@pytest.mark.parametrize("name", ["small", "big", "hostile"])
def test_no_label_is_in_the_way_of_another(
    name: str, browser: Browser, boards: dict[str, Path]
) -> None:
    with opened(browser, boards[name]) as page:
        for width in (1280, 768, 400):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(_MISPLACED) == [], width
        page.set_viewport_size({"width": 760, "height": 1000})
        page.emulate_media(media="print")
        assert page.evaluate(_MISPLACED) == [], "print"


def test_axe_finds_nothing_serious(browser: Browser, boards: dict[str, Path]) -> None:
    with opened(browser, boards["small"]) as page:
        load_axe(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert serious_violations(page) == []


def test_a_hostile_board_is_text(browser: Browser, boards: dict[str, Path]) -> None:
    with opened(browser, boards["small"]) as page:
        known = page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)")
    with opened(browser, boards["hostile"]) as page:
        wrong, text, title = page.evaluate(_FOREIGN % sorted(set(known)))
        assert wrong == []
        assert "<b>|](x)" in text, "it is shown as it is"
        assert text.replace("\n", "").replace("\t", "").isprintable()
        assert not {"\u202e", "\u200b", "\ufeff", "\x1b"} & set(text + title)


def test_the_largest_board_is_small_and_opens_at_once(
    browser: Browser, boards: dict[str, Path]
) -> None:
    assert boards["big"].stat().st_size < 1_500_000
    seconds = []
    for _ in range(3):  # the least of three: other work on the machine only adds to it
        with opened(browser, boards["big"]) as page:
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            metrics = session.send("Performance.getMetrics")["metrics"]
            seconds.append(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))
            assert page.locator(".board tbody tr:not(.group)").count() > 200
    assert min(seconds) < 1
