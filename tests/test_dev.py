"""What is generated in the source tree is what the code makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xenassign import dev

REGENERATE = "run python -m xenassign.dev regenerate"


def test_every_generated_file_is_up_to_date(repository: Path) -> None:
    old = [
        path.relative_to(repository).as_posix()
        for path, text in dev.generated(repository).items()
        if (path.read_text(encoding="utf-8") if path.exists() else None) != text
    ]
    assert not old, REGENERATE


def test_what_is_old_is_written_and_what_is_gone_is_removed(
    repository: Path, tmp_path: Path, dtc: str
) -> None:
    for name in ("man", "docs/rules", "fixtures/host_dtbs"):
        shutil.copytree(repository / name, tmp_path / name)
    shutil.copy(repository / "docs" / "system.md", tmp_path / "docs")
    (tmp_path / "man" / "xenassign-old.1").write_text("")
    (tmp_path / "man" / "xenassign.1").write_text("")
    (tmp_path / "docs" / "rules" / "README.md").unlink()
    dev.regenerate(tmp_path)
    made = {path.relative_to(tmp_path): text for path, text in dev.generated(tmp_path).items()}
    assert {path.name for path in (tmp_path / "man").iterdir()} == {
        path.name for path in made if path.parts[0] == "man"
    }
    assert all((tmp_path / path).read_text(encoding="utf-8") == text for path, text in made.items())


def test_other_words_are_answered_with_the_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dev", "generate"])
    assert dev.main() == 2
    assert capsys.readouterr().err == f"{dev.USAGE}\n"
