"""The layer, and a stand-in for openembedded-core to read and run it with.

``core`` has classes of the same names, written for these tests: what the layer asks of the real
ones, and no more.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.missing import skip_or_fail

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LAYER = REPOSITORY / "yocto" / "meta-xenassign"
CORE = Path(__file__).resolve().parent / "core"
RECIPES = sorted(LAYER.rglob("*.bb"))

VARIABLES = (
    *("PN", "PV", "DEPENDS", "PACKAGE_ARCH", "SRC_URI", "S", "B", "PACKAGES", "LICENSE"),
    *("LIC_FILES_CHKSUM", "BBCLASSEXTEND", "FILESPATH", "COMMON_LICENSE_DIR", "PYPI_PACKAGE"),
    *("XENASSIGN_HOST", "XENASSIGN_HOST_DEPENDS", "XENASSIGN_FILES", "XENASSIGN_LOCK"),
    *("D", "DEPLOYDIR", "DEPLOY_DIR_IMAGE", "PYTHON_SITEPACKAGES_DIR", "IMAGE_INSTALL"),
    *("WORKDIR", "SUMMARY", "UNPACKDIR"),
)


class Variant(NamedTuple):
    """A recipe as BitBake's parser has it."""

    variables: dict[str, str | None]
    tasks: dict[str, dict[str, Any]]
    scripts: dict[str, str]
    skipped: str | None

    def words(self, name: str) -> list[str]:
        """The words of a variable."""
        return (self.variables[name] or "").split()

    def path(self, name: str) -> Path:
        """A variable that is a path."""
        return Path(self.variables[name] or "")


def parse(
    recipe: Path,
    topdir: Path,
    conf: str = "",
    *,
    variables: tuple[str, ...] = (),
    functions: tuple[str, ...] = (),
    more: tuple[Path, ...] = (),
) -> dict[str, Variant]:
    """The variants of a recipe, in a build folder ``topdir`` whose local.conf is ``conf``."""
    if find_spec("bb") is None:
        skip_or_fail("BitBake's parser is missing: pip install bitbake-setup")
    (topdir / "conf").mkdir(parents=True, exist_ok=True)
    (topdir / "conf" / "local.conf").write_text(conf)
    asked = {
        "bbpath": [str(CORE), str(topdir), str(LAYER), *map(str, more)],
        "topdir": str(topdir),
        "recipe": str(recipe),
        "variables": [*VARIABLES, *variables],
        "functions": functions,
    }
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("parser.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # BitBake's warnings
    return {name: Variant(**told) for name, told in json.loads(done.stdout).items()}


def shell(script: str, task: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a task's script as BitBake does, in ``folder``, with nothing of our environment."""
    return subprocess.run(
        ["sh", "-e", "-c", f"{script}\ncd {folder}\n{task}\n"],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8", **env},
    )


def nativepython(folder: Path, packages: Path) -> None:
    """An interpreter called nativepython3, with our dependencies and ``packages``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nativepython3"
    path.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def recipe(name: str) -> Path:
    """The file of the recipe."""
    (found,) = (path for path in RECIPES if path.name.partition("_")[0] == name)
    return found


def unpack(source: Path) -> None:
    """What do_unpack makes of SRC_URI, with leftovers of a developer."""
    for name in ("xenassign", "grammar", "knowledge", "templates", "completions", "man", "LICENSE"):
        subprocess.run(["cp", "-R", REPOSITORY / name, _folder(source)], check=True)
    subprocess.run(
        ["cp", "-R", REPOSITORY / "docs" / "rules", _folder(source / "docs")], check=True
    )
    (source / "xenassign" / "__pycache__").mkdir(exist_ok=True)
    (source / "xenassign" / "__pycache__" / "stale.pyc").touch()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
