"""The seed of the samples: the commit's, a stated one, or always the same without a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from . import seed as seeds

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(seeds.VARIABLE, raising=False)
    monkeypatch.setattr(seeds, "seed", seeds.seed.__wrapped__)


def test_each_commit_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path.resolve()
    monkeypatch.setattr(seeds, "_REPOSITORY", top)
    subprocess.run([*GIT, str(top), "init", "-q"], check=True)
    assert seeds.seed().number == seeds.WITHOUT_COMMIT
    found = set()
    for text in ("first", "second"):
        subprocess.run([*GIT, str(top), "commit", "-q", "--allow-empty", "-m", text], check=True)
        commit = subprocess.check_output([*GIT, str(top), "rev-parse", "HEAD"], text=True)
        assert seeds.seed() == (int(commit[:8], 16), f"commit {commit[:12]}")
        found.add(seeds.seed().number)
    assert len(found) == 2


def test_a_source_archive_in_a_repository_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([*GIT, str(tmp_path), "init", "-q"], check=True)
    command = [*GIT, str(tmp_path), "commit", "-q", "--allow-empty", "-m", "first"]
    subprocess.run(command, check=True)
    archive = tmp_path.resolve() / "archive"
    archive.mkdir()
    assert seeds.commit_of(archive) is None
    assert seeds.commit_of(tmp_path.resolve()) is not None
    monkeypatch.setattr(seeds, "_REPOSITORY", archive)
    assert seeds.seed().number == seeds.WITHOUT_COMMIT


def test_it_can_be_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(seeds.VARIABLE, "77")
    assert seeds.seed() == (77, seeds.VARIABLE)
    assert "77" in seeds.seed().header()
