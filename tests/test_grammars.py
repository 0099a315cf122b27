"""The cache of parsers: the same result with and without, whatever is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

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
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert works()
    assert not list(cache.iterdir())


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
