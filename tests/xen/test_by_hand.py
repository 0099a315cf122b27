"""The table of what was run by hand stays as it was written, and the command counts all answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .by_hand import Key, Result, Tally, parsed, rendered, section
from .machine import Machine, UnavailableError, point_release
from .machine import machine as prepared

RESULTS = {
    Key("agreement", "4.22.0", "STATIC_MEMORY, STATIC_SHM"): Result(650, "2026-11-30"),
    Key("rejections", "4.21.2", "default"): Result(2000, "2026-11-29", ("test_x[4.21]: a: b",)),
}


def test_what_is_written_is_read_again() -> None:
    text = rendered(RESULTS)
    assert parsed(f"# What Xen says{text}") == RESULTS
    assert rendered(parsed(text)) == section(text) == text
    assert "| 650 | 100 % | 2026-11-30 |" in text
    assert "| 2000 | 99.9 % | 2026-11-29 |" in text
    assert "- rejections, 4.21.2, default: test_x[4.21]: a: b" in text


def test_the_document_has_only_what_the_command_writes(repository: Path) -> None:
    written = (repository / "docs" / "xen-verdicts.md").read_text()
    assert parsed(written)
    assert section(written) == rendered(parsed(written))


#: A file of tests: two answers agree and one does not, and one test fails.
SOURCE = """
import pytest
from tests.xen.conftest import compared

@pytest.fixture(params=["{release}", "other"])
def ready(request):
    return request.param

def test_several(ready, compared):
    compared(3, ["a\\nb"])

def test_single(ready):
    assert not ready

def test_without_a_release():
    assert False
"""


def test_answers_are_counted(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a hypervisor that was built by hand alone."""
    monkeypatch.setenv(f"XENASSIGN_XEN_{machine.release.replace('.', '_')}", str(machine.xen))
    (tmp_path / "test_words.py").write_text(SOURCE.format(release=machine.release))
    key = Key("words", point_release(machine.xen), "default")
    different = (
        f"test_several[{machine.release}]: a\nb",
        f"test_single[{machine.release}]: failed",
    )
    for words, results in (([], {key: Result(4, "today", different)}), (["other"], {})):
        tally = Tally(words)
        options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib")
        # pytest keeps a module by its path from its root: each release has a path of its own.
        root = f"--rootdir={tmp_path.parent}"
        pytest.main([*options, root, str(tmp_path)], plugins=[tally])
        assert tally.results("today") == results


def test_a_hypervisor_of_another_release(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENASSIGN_XEN_4_99", str(machine.xen))
    with pytest.raises(UnavailableError, match=rf"is Xen {machine.release}\S+, not 4.99"):
        prepared("4.99")
