"""A process that is killed while it writes leaves the old files or the new ones, or a journal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.kills import Set, killed, moments, steps
from tests.wording import Wording
from xenassign.cli import cli
from xenassign.errors import OutputError
from xenassign.files import replace_files, write
from xenassign.journal import recover
from xenassign.journal_record import NAME

SEED, KILLS = 20261129, 30


@pytest.mark.parametrize("links", [True, False])
def test_a_kill_at_any_step_leaves_old_or_new_files(tmp_path: Path, links: bool) -> None:
    *failures, number = steps(tmp_path, again=False, links=links)
    assert not failures
    assert int(number.split()[0]) > 80


@pytest.mark.slow
def test_a_recovery_that_is_killed_at_any_step_is_done_again(repository: Path) -> None:
    """In a process of its own: each of the thousands of forks copies the page tables."""
    command = [sys.executable, "-m", "tests.kills", "--steps"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert int(done.stdout.split()[0]) > 2000


@pytest.mark.slow
def test_kills_of_generate_at_random_moments(tmp_path: Path) -> None:
    failures = list(moments(tmp_path, SEED, KILLS))[:-1]
    assert not failures


@pytest.fixture
def mixed(tmp_path: Path) -> Set:
    """A set of which one file is new and the others are old, of a process that is dead."""
    for at in range(100):
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        place = Set(tmp_path / "set")
        assert killed(place.change, at), "no step leaves a mixed set"
        if (place.out / "a.cfg").read_bytes() != (place.out / "a.dtb").read_bytes()[:3] + b" a.cfg":
            return place
    raise AssertionError


def test_commands_say_what_they_restore_and_read(mixed: Set, wording: Wording) -> None:
    """lint warns, since it does not change files; lint --fix and init restore."""
    (mixed.out / "b.cfg").write_text('name = "b"\n')
    wording(CliRunner().invoke(cli, ["lint", str(mixed.out / "b.cfg"), "--select", "XA301"]))
    assert (mixed.out / NAME).exists()
    fixed = ["lint", str(mixed.out / "b.cfg"), "--select", "XA301", "--fix"]
    wording(CliRunner().invoke(cli, fixed))
    assert not (mixed.out / NAME).exists()
    assert (mixed.out / "a.dtb").read_bytes() == b"old a.dtb"


def test_what_was_restored_is_returned(mixed: Set) -> None:
    restored = recover([mixed.out])
    assert mixed.out / "a.dtb" in restored
    assert (mixed.out / "a.dtb").read_bytes() == b"old a.dtb"
    assert recover([mixed.out]) == []


def test_the_next_run_first_restores(mixed: Set) -> None:
    """The link, which the next run does not replace, is back."""
    write({"a.dtb": b"newer"}, mixed.out, overwrite=True)
    assert (mixed.out / "a.dts").is_symlink()
    assert (mixed.out / "stale.cfg").exists()
    assert not [path for path in mixed.out.iterdir() if path.name.startswith(".")]


def test_a_file_that_was_changed_since_is_kept(mixed: Set) -> None:
    """All others are restored. The advice works: the old content is there, the journal may go."""
    (mixed.out / "a.dtb").write_bytes(b"mine")
    with pytest.raises(
        OutputError, match="was changed after a run of xenassign was killed"
    ) as error:
        recover([mixed.out])
    assert (mixed.out / "a.cfg").read_bytes() == b"old a.cfg"
    assert (mixed.out / "a.dtb").read_bytes() == b"mine"
    (hidden,) = (word.rstrip(";") for word in str(error.value).split() if word.endswith(".old;"))
    assert Path(hidden).read_bytes() == b"old a.dtb"
    (mixed.out / NAME).unlink()
    assert recover([mixed.out, mixed.lock]) == []


def test_a_folder_that_was_moved_is_restored(mixed: Set) -> None:
    moved = mixed.out.with_name("moved")
    mixed.out.rename(moved)
    assert moved / "a.dtb" in recover([moved])
    assert (moved / "a.dtb").read_bytes() == b"old a.dtb"


def _writing(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock of a folder."""
    code = "import sys, time; from pathlib import Path; from xenassign.journal import locked\n"
    code += "with locked([Path(sys.argv[1])]): print('locked', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_two_at_once(tmp_path: Path, wording: Wording) -> None:
    with _writing(tmp_path) as process:
        with wording.raises(OutputError):
            write({"a": b""}, tmp_path, overwrite=False)
        with pytest.raises(OutputError):
            recover([tmp_path])
        assert [path.name for path in tmp_path.iterdir()] == [NAME]
        process.communicate("")
    write({"a": b""}, tmp_path, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def _hostile(**fields: object) -> bytes:
    data = {
        "schema": "xenassign/journal/1",
        "token": "0123456789abcdef",
        "folders": ["/"],
        "here": 0,
        "entries": [["precious", False, "0" * 64]],
        **fields,
    }
    return json.dumps(data).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"rubbish\n",
        b"[]\n",
        b"[" * 100000 + b"\n",
        _hostile(schema="other"),
        _hostile(token="../x"),
        _hostile(folders="/"),
        _hostile(here=1),
        _hostile(here=True),
        _hostile(entries=[["../precious", False, "0"]]),
        _hostile(entries=[["..", False, "0"]]),
        _hostile(entries=[["a", 1, "0"]]),
        _hostile(entries=["abc"]),
        _hostile(entries=[["a"]]),
    ],
)
def test_a_journal_of_another_form_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(OutputError, match="is not a journal"):
        recover([tmp_path])
    assert path.read_bytes() == data


def test_a_journal_does_not_reach_other_folders(tmp_path: Path) -> None:
    """It names a folder that has no journal of the same change."""
    other, folder = tmp_path / "other", tmp_path / "out"
    for place in (other, folder):
        place.mkdir()
    (other / "precious").write_bytes(b"")
    path = folder / NAME
    path.write_bytes(_hostile(folders=[str(other), str(folder)], here=1))
    path.chmod(0o600)
    (other / ".xenassign-0123456789abcdef-0.old").write_bytes(b"planted")
    assert recover([folder]) == []
    assert (other / "precious").read_bytes() == b""


def _link(path: Path) -> None:
    path.with_name("elsewhere").touch()
    path.symlink_to("elsewhere")


def _open_to_all(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


@pytest.mark.parametrize("plant", [_link, _open_to_all, os.mkfifo, Path.mkdir])
def test_a_journal_that_others_could_have_planted_is_refused(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    plant(tmp_path / NAME)
    with pytest.raises(OutputError, match=f"{NAME}: .*; remove it"):
        write({"a": b""}, tmp_path, overwrite=False)
    assert not (tmp_path / "a").exists()


def test_a_journal_of_another_user_is_left_to_that_user(
    mixed: Set, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    before = mixed.content()
    monkeypatch.setattr(os, "geteuid", lambda: mixed.out.stat().st_uid + 1)
    with wording.raises(OutputError):
        recover([mixed.out])
    assert mixed.content() == before


def test_an_empty_or_half_written_journal_is_nothing(tmp_path: Path) -> None:
    for data in (b"", b'{"schema": "xenassign/jou'):
        (tmp_path / NAME).write_bytes(data)
        (tmp_path / NAME).chmod(0o600)
        write({"a": data}, tmp_path, overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the process that creates the journal writes."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    write({"a": b""}, tmp_path, overwrite=False)
    (tmp_path / NAME).touch(0o600)
    with pytest.raises(OutputError, match="remove it if no other"):
        write({"b": b""}, tmp_path, overwrite=False)


def test_replaced_files_keep_their_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "a.cfg", tmp_path / "link.cfg"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to("a.cfg")
    replace_files({link: b"new"})
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_a_restore_that_fails_keeps_the_backups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    """The next run restores."""
    place, real = Set(tmp_path), os.rename
    before = place.content()

    def broken(old: Path, new: Path) -> None:
        if old.name.endswith(("-3.new", ".old")):
            raise OSError(5, "Input/output error")
        real(old, new)

    monkeypatch.setattr(os, "rename", broken)
    with wording.raises(OutputError):
        place.change()
    monkeypatch.undo()
    assert place.content() != before
    recover([place.out])
    assert place.content() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_all_is_written(tmp_path: Path, number: signal.Signals) -> None:
    place = Set(tmp_path)
    seen: list[int] = []
    before = signal.signal(number, lambda *_: seen.append(len(place.content())))
    real = os.link

    def interrupted(*arguments: Path, **options: Any) -> None:
        signal.pthread_kill(threading.get_ident(), number)  # pytest-xdist has another thread
        real(*arguments, **options)

    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "link", interrupted)
            place.change()
    finally:
        signal.signal(number, before)
    assert seen == [len(place.content())]
    assert (place.out / "a.cfg").read_bytes() == b"new a.cfg"
