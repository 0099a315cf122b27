"""Texts and URIs that no one writes on purpose: the server answers, without an internal error."""

from __future__ import annotations

import os
from pathlib import Path

from xenassign.formats.toml_text import TomlFile, read_toml
from xenassign.server import answers, protocol
from xenassign.server.open_files import OpenFiles
from xenassign.server.positions import TextPositions
from xenassign.server.project_files import files_of_project
from xenassign.server.tree_cursor import tree_cursor


def _links(path: Path, text: str) -> list[str]:
    path.write_text(text)
    toml: TomlFile = read_toml(path, "a test")
    return [Path(named.path).name for named in files_of_project(toml, TextPositions(text))]


def test_a_name_of_a_file_that_is_no_string_has_no_link(tmp_path: Path) -> None:
    path = tmp_path / "xenassign.toml"
    assert _links(path, "host = 5\n") == []
    assert _links(path, "[host]\na = 1\n") == []
    assert _links(path, 'host = [1979-05-27, "xenassign.toml"]\n') == ["xenassign.toml"]


def test_a_project_cannot_have_the_server_read_what_the_editor_sends(project: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    (project / "xenassign.toml").write_text(f'host = "/dev/fd/{reading}"\n')
    files, path = OpenFiles(), os.path.realpath(project / "domu1.dts")
    files.set_text(path, Path(path).read_text())
    (line,) = files.analysis(path).errors
    os.close(reading)
    assert "a FIFO, not a regular file" in line


def _hover(path: Path, text: str, value: str) -> str:
    files = OpenFiles()
    files.set_text(str(path), text)
    at = text.index(value)
    place = TextPositions(text).place(str(path), at, at)
    shown = answers.hover(files, files.analysis(str(path)), place, at)
    assert shown is not None
    return shown.text


def test_numbers_are_those_of_xl(tmp_path: Path) -> None:
    path, huge = tmp_path / "d.cfg", "9" * 5000
    text = f'name = "d"\nirqs = [{huge}]\nmemory = {huge}\nmaxmem = 010\n'
    assert _hover(path, text, f"{huge}]").startswith("**irqs**: ")
    assert _hover(path, text, f"{huge}\n").startswith("**memory**: ")
    assert _hover(path, text, "010") == "8 MiB: 2048 pages, 0x2000 KiB"


def test_a_long_word_before_a_node_is_read_once() -> None:
    word = "a" * 200_000
    for text, name in (
        (f"/ {{ {word}! {{", ""),
        (f"/ {{ l1: l2: {word} {{", word),
        ("/ { x&label {", "&label"),
    ):
        assert tree_cursor(text, len(text)).nodes == ("/", name)


def test_a_uri_that_names_no_file_is_of_no_file() -> None:
    for uri in (
        "file://[::1/a.dts",
        "file:///tmp/\ud800.dts",
        "file:///tmp/a%00.dts",
        "untitled:x",
    ):
        assert protocol._path_of(uri) is None
