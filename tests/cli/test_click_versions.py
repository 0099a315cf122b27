"""click 8.1, which the Yocto releases kirkstone and scarthgap have, is no reason to fail."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

from xenassign.cli.group import run as main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of a command."""
    monkeypatch.setattr(sys, "argv", ["xenassign", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    status = ended.value.code
    assert isinstance(status, int)
    return status


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """click without what 8.2 brought."""
    monkeypatch.delattr(click.exceptions, "NoArgsIsHelpError", raising=False)


@pytest.mark.usefixtures("older")
def test_an_older_click_has_the_same_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    host_files: dict[str, Path],
) -> None:
    board = str(host_files["zynqmp"])
    good = ("generate", board, "-d", "rtc0", "-o", str(tmp_path))
    assert run(monkeypatch, "--version") == 0
    assert run(monkeypatch, *good) == 0
    assert run(monkeypatch, "generate", board, "-d", "serial0", "-o", str(tmp_path)) == 1
    capsys.readouterr()
    assert run(monkeypatch, "generate", "--nonsense") == 2
    assert re.fullmatch(r"error: No such option.*\n", capsys.readouterr().err)


def test_no_arguments_are_told_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    assert "generate" in capsys.readouterr().out
