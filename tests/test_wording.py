"""The snapshots of wording, and that the comparison with them can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from xenassign.devicetree.places import Place
from xenassign.errors import InputError
from xenassign.linting.catalogue import find

from .wording import SNAPSHOTS, Blocks, Said, Snapshots, Wording, gone, read

TEST = "tests/planning/test_x.py::test_y"


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wording:
    """Of a test whose snapshot has one message, a in place A."""
    monkeypatch.setattr("tests.wording.read", lambda _: Blocks({TEST: [Said("error 2", "a")]}))
    return Wording(TEST, tmp_path)


def test_the_same_words(said: Wording) -> None:
    said(InputError("a"))
    said.check(update=False)


@pytest.mark.parametrize("error", [InputError("b"), ValueError("a"), InputError("f:1: a")])
def test_other_words_or_another_place(said: Wording, error: Exception) -> None:
    said(error)
    with pytest.raises(pytest.fail.Exception, match=r"snapshots/generate\.txt.*\n.*snapshot"):
        said.check(update=False)


@pytest.mark.parametrize("error", [ValueError("a"), InputError("f:1: a")])
def test_another_place_is_not_accepted_by_the_flag(said: Wording, error: Exception) -> None:
    said(error)
    with pytest.raises(pytest.fail.Exception):
        said.check(update=True)


def test_other_words_are_accepted_by_the_flag(said: Wording) -> None:
    said(InputError("b"))
    said.check(update=True)


def test_one_message_more_is_not_accepted_by_the_flag(said: Wording) -> None:
    said(InputError("a"), InputError("a"))
    with pytest.raises(pytest.fail.Exception):
        said.check(update=True)


def test_a_new_test_needs_the_flag(tmp_path: Path) -> None:
    new = Wording("tests/linting/test_new.py::test_new", tmp_path)
    new(InputError(f"{tmp_path}/a/x.dtb: b"))
    assert (new.command, new.said) == ("lint", [Said("error 2", "TMP/x.dtb: b")])
    new.check(update=True)
    with pytest.raises(pytest.fail.Exception):
        new.check(update=False)


def test_places(tmp_path: Path) -> None:
    """Of lines of standard error, of errors and of other text."""
    said = Wording(TEST, tmp_path)
    said("error: x.cfg:1:2: a; b [XA203]\nwarning: c\n")
    said(InputError("x.cfg:3: d"), "e")
    assert said.said == [
        Said("error XA203 x.cfg:1:2", "a; b"),
        Said("warning", "c"),
        Said("error 2 x.cfg:3", "d"),
        Said("text", "e"),
    ]


def test_places_of_findings(tmp_path: Path) -> None:
    rule = find("XA201")
    said = Wording(TEST, tmp_path)
    said(
        rule("a", node="/x", prop="reg", cell=2),
        rule("b", place=Place("x.cfg", 3, 4, 3, 5), severity="note", fix="another fix"),
    )
    assert said.said == [
        Said("XA201 error /x reg cell 2", "a"),
        Said("XA201 note x.cfg:3:4", "b\nfix: another fix"),
    ]


def test_a_file_is_read_as_it_is_written() -> None:
    blocks = Blocks({"a::b": [Said("p", "w\n\nx"), Said("q", "")], "a::a": [Said("p", "w")]})
    assert Blocks.of(blocks.text()) == blocks
    assert list(Blocks.of(blocks.text())) == ["a::a", "a::b"]


def test_tests_that_are_gone() -> None:
    here = "tests/test_wording.py::"
    collected = {f"{here}a"}
    assert gone([f"{here}a", f"{here}b", "tests/x.py::a"], collected) == [
        f"{here}b",
        "tests/x.py::a",
    ]
    assert gone([f"{here}b"], set()) == []


@pytest.mark.parametrize("path", sorted(SNAPSHOTS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_block_is_of_a_test(path: Path, request: pytest.FixtureRequest) -> None:
    """Of one that is there: pytest --update-snapshots takes out the others."""
    blocks = read(path.stem)
    assert path.read_text() == blocks.text()
    plugin = request.config.pluginmanager.get_plugin("snapshots")
    assert isinstance(plugin, Snapshots)
    assert plugin.update or gone(blocks, plugin.collected) == []
