"""The cache of parsers: the same result with and without, whatever is wrong with it."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from xenassign import grammars
from xenassign.devicetree.places import SourceMap
from xenassign.devicetree.source.lexer import DtsLexer, Sources
from xenassign.devicetree.source.syntax import Syntax
from xenassign.formats.toml_text import places
from xenassign.grammars import parser

SOURCE = "/dts-v1/; / { a = <1 (2 + 3)>; };"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xenassign"


def works() -> bool:
    """Whether the parser of source parses."""
    options = {"lexer": DtsLexer, "transformer": Syntax(), "maybe_placeholders": False}
    sources = Sources(SOURCE, "a.dts", (), SourceMap())
    file = parser("dts", **options).parse(sources)
    (prop,) = file.statements[0].node.properties  # type: ignore[attr-defined]
    return bool(prop.value == bytes([0, 0, 0, 1, 0, 0, 0, 5]))


def test_a_parser_is_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert works()
    (path,) = cache.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(grammars, "_save", None)  # nothing is written any more
    assert works()
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\0" * 40])
def test_a_damaged_file_is_replaced(cache: Path, damage: bytes) -> None:
    assert works()
    (path,) = cache.iterdir()
    good = path.read_bytes()
    path.write_bytes(damage or good[:-1])
    assert works()
    assert path.read_bytes() != damage
    assert [one.name for one in cache.iterdir()] == [path.name]
    assert works()


def test_a_whole_file_that_is_no_parser_is_replaced(cache: Path) -> None:
    assert works()
    (path,) = cache.iterdir()
    path.write_bytes(sha256(b"rubbish").digest() + b"rubbish")
    assert works()
    assert path.stat().st_size > 1000


def test_a_folder_that_cannot_be_made(cache: Path) -> None:
    cache.parent.write_text("a file")
    assert works()
    assert cache.parent.read_text() == "a file"


def test_a_file_that_cannot_be_written(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: str, flags: int, *mode: int, **options: Any) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert works()
    assert not list(cache.iterdir())


def test_a_disk_that_is_full(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is half written is written again."""
    assert works()
    (path,) = cache.iterdir()
    size = path.stat().st_size
    os.truncate(path, size // 2)
    assert works()
    assert path.stat().st_size > 0.9 * size


def _open_to_all(path: Path) -> None:
    path.chmod(0o666)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [_open_to_all, _link, _fifo])
def test_a_file_that_others_may_have_written_is_not_read(
    cache: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[Path], None]
) -> None:
    """It is replaced, so that the next run is fast."""
    assert works()
    (path,) = cache.iterdir()
    plant(path)
    monkeypatch.setattr(grammars, "_by_number", None)  # nothing is loaded
    assert works()
    assert path.lstat().st_mode == stat.S_IFREG | 0o600
    monkeypatch.undo()
    assert works()


def test_files_of_another_user_are_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert works()
    (path,) = cache.iterdir()
    before = path.stat().st_ino
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    monkeypatch.setattr(grammars, "_by_number", None)
    assert works()
    assert path.stat().st_ino == before


def test_a_folder_that_is_a_link_is_not_used(cache: Path, tmp_path: Path) -> None:
    """Otherwise files would be written where somebody else says."""
    (tmp_path / "other").mkdir(mode=0o700)
    cache.parent.mkdir()
    cache.symlink_to(tmp_path / "other")
    assert works()
    assert not list((tmp_path / "other").iterdir())


def test_nothing_of_a_file_is_run(cache: Path, tmp_path: Path) -> None:
    """A pickle says what is run when it is loaded."""
    assert works()
    (path,) = cache.iterdir()
    hostile = pickle.dumps(_Hostile(tmp_path / "planted"))
    path.write_bytes(sha256(hostile).digest() + hostile)
    assert works()
    assert not (tmp_path / "planted").exists()


class _Hostile:
    """Makes a folder when its pickle is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_a_folder_that_is_open_to_others_is_not_used(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert works()
    assert not list(cache.iterdir())


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("no home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert works()


def test_other_options_are_another_parser(cache: Path) -> None:
    for positions in (True, False):
        parser("xlcfg", lexer="basic", propagate_positions=positions)
    assert len(list(cache.iterdir())) == 2


def test_the_parser_of_toml_is_kept(cache: Path) -> None:
    for _ in range(2):
        assert places("a = [1]") == {("a",): (1, 1), ("a", 0): (1, 6)}
        (path,) = cache.iterdir()
        assert path.name.startswith("toml-")


def test_several_processes_at_once(cache: Path, repository: Path) -> None:
    code = "from xenassign.devicetree.source.reader import read_source as r;"
    code += f"print(r({SOURCE.encode()!r}, 'a').blob.hex())"
    command = [sys.executable, "-c", code]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=repository)
        for _ in range(4)
    ]
    said = {process.communicate(timeout=60)[0] for process in started}
    assert len(said) == 1
    assert all(process.returncode == 0 for process in started)
    assert len(list(cache.iterdir())) == 1
