"""What is in the wheel and the sdist beside the code: where man and the shells look."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from .missing import skip_or_fail

#: Files of the source tree, and where an installation has them below its prefix.
SHELLS = {
    "completions/xenassign.bash": "share/bash-completion/completions/xenassign",
    "completions/_xenassign": "share/zsh/site-functions/_xenassign",
    "completions/xenassign.fish": "share/fish/vendor_completions.d/xenassign.fish",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The folder with an sdist, and the wheel that is made of it."""
    if importlib.util.find_spec("build") is None:
        skip_or_fail("build is missing: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    told = [sys.executable, "-m", "build", "-q", "--outdir", str(folder), str(repository)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def wanted(repository: Path) -> dict[str, str]:
    pages = {f"man/{path.name}": f"share/man/man1/{path.name}" for path in repository.glob("man/*")}
    assert "man/xenassign.1" in pages
    return {**pages, **SHELLS}


@pytest.mark.slow
def test_the_sdist_has_the_pages_and_the_scripts(built: Path, repository: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*wanted(repository)} <= names


def test_the_wheel_installs_the_pages_and_the_scripts(built: Path, repository: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        data = {
            name.partition(".data/data/")[2]: archive.read(name)
            for name in archive.namelist()
            if ".data/data/" in name
        }
        printed = [name for name in archive.namelist() if name.startswith("xenassign/completions/")]
        folder = "xenassign/docs/rules/"
        pages = {name: archive.read(name) for name in archive.namelist() if folder in name}
    assert data == {
        to: (repository / source).read_bytes() for source, to in wanted(repository).items()
    }
    assert {Path(name).name for name in printed} == {Path(name).name for name in SHELLS}
    assert pages == {
        f"xenassign/{path.relative_to(repository)}": path.read_bytes()
        for path in (repository / "docs" / "rules").rglob("*.*")
        if path.is_file()
    }


def test_the_wheel_has_the_tables(built: Path, repository: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        packed = {
            name.rpartition("/")[2]: archive.read(name)
            for name in archive.namelist()
            if name.startswith("xenassign/knowledge/")
        }
    assert packed == {path.name: path.read_bytes() for path in repository.glob("knowledge/*")}
