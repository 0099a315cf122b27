"""Writing: all files or none, whatever fails and wherever."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wording import Wording
from xenassign.errors import OutputError
from xenassign.files import write

NEW = {"d.dtb": b"new blob", "d.cfg": b"new text", "d.json": b"{}"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing_at(nth: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose nth call (from 1) fails as on a full disk."""
    count = 0

    def call(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return full() if count == nth else real(*args, **options)

    return call


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A directory with older files of the same names and one of another."""
    for name in NEW:
        (tmp_path / name).write_bytes(b"old " + name.encode())
    (tmp_path / "mine.txt").write_bytes(b"mine")
    return tmp_path


def test_files_are_written_and_their_paths_returned(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert write(NEW, folder, overwrite=False) == [folder / name for name in NEW]
    assert content(folder) == NEW


def test_existing_files_are_left_alone_without_overwrite(old: Path, wording: Wording) -> None:
    before = content(old)
    with wording.raises(OutputError):
        write(NEW, old, overwrite=False)
    assert content(old) == before


def test_one_existing_file_is_enough(tmp_path: Path, wording: Wording) -> None:
    (tmp_path / "d.json").write_bytes(b"old")
    with wording.raises(OutputError):
        write(NEW, tmp_path, overwrite=False)
    assert content(tmp_path) == {"d.json": b"old"}


def test_a_dangling_link_counts_as_existing(tmp_path: Path, wording: Wording) -> None:
    (tmp_path / "d.json").symlink_to(tmp_path / "nowhere")
    with wording.raises(OutputError):
        write(NEW, tmp_path, overwrite=False)
    assert not (tmp_path / "nowhere").exists()


def test_overwrite_replaces_them_and_no_others(old: Path) -> None:
    write(NEW, old, overwrite=True)
    assert content(old) == {**NEW, "mine.txt": b"mine"}


def test_overwrite_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "d.dtb").symlink_to(target)
    write(NEW, folder, overwrite=True)
    assert target.read_bytes() == b"precious"
    assert content(folder) == NEW


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("step", ["open", "fsync"])
def test_a_full_disk_while_writing_leaves_everything_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, wording: Wording
) -> None:
    before = content(old)
    if step == "open":
        monkeypatch.setattr("builtins.open", failing_at(number, open))
    else:
        monkeypatch.setattr(os, "fsync", failing_at(number, os.fsync))
    with wording.raises(OutputError):
        write(NEW, old, overwrite=True)
    monkeypatch.undo()
    assert content(old) == before


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("links", [True, False])
def test_a_failure_before_or_between_the_renames_leaves_the_old_files(
    old: Path, monkeypatch: pytest.MonkeyPatch, number: int, links: bool
) -> None:
    before = content(old)
    if not links:  # as on FAT
        monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "rename", failing_at(number, os.rename))
    with pytest.raises(OutputError):
        write(NEW, old, overwrite=True)
    monkeypatch.undo()
    assert content(old) == before


def test_a_file_blocked_by_a_directory_leaves_everything_as_it_was(
    tmp_path: Path, wording: Wording
) -> None:
    (tmp_path / "d.json").mkdir()
    with wording.raises(OutputError):
        write(NEW, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["d.json"]


def test_a_fifo_a_device_or_a_link_to_one_is_not_replaced(tmp_path: Path, wording: Wording) -> None:
    fifo, link = tmp_path / "d.json", tmp_path / "d.cfg"
    os.mkfifo(fifo)
    with wording.raises(OutputError):
        write({"d.json": b"{}"}, tmp_path, overwrite=True)
    link.symlink_to(fifo)
    with wording.raises(OutputError):
        write({"d.cfg": b""}, tmp_path, overwrite=True)
    assert fifo.is_fifo()
    assert link.is_symlink()


def test_a_directory_that_was_made_is_removed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        write(NEW, tmp_path / "out", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_all_directories_that_were_made_are_removed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        write(NEW, tmp_path / "a" / "b" / "c", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_of_the_user_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        write(NEW, folder, overwrite=False)
    assert folder.is_dir()


def test_an_interruption_leaves_everything_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def interrupted(*names: Path) -> None:
        if names[0].name.endswith("-1.new"):
            raise KeyboardInterrupt
        real(*names)

    before = content(old)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(NEW, old, overwrite=True)
    assert content(old) == before


@pytest.mark.parametrize("below", ["file", "file/deep/er"])
def test_a_path_below_a_regular_file_cannot_be_written(
    tmp_path: Path, below: str, wording: Wording
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with wording.raises(OutputError):
        write(NEW, tmp_path / below, overwrite=True)
    assert content(tmp_path) == {"file": b"mine"}


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write(NEW, tmp_path / ("a" * 300), overwrite=False)
