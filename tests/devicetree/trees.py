"""Trees for tests: the fixture boards, and what dtc makes of source."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob, read_blob_file
from xenassign.devicetree.tree import Tree

BOARDS = Path(__file__).parents[2] / "fixtures" / "host_dtbs"
NAMES = sorted(path.stem for path in BOARDS.glob("*.dtb"))

needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


@cache
def board(name: str) -> Tree:
    """The tree of a fixture board."""
    return read_blob_file(BOARDS / f"{name}.dtb")


def _dtc(source: str, *options: str) -> Tree:
    command = ["dtc", "-q", *options, "-I", "dts", "-O", "dtb", "-"]
    text = f"/dts-v1/;\n{source}".encode()
    return read_blob(subprocess.run(command, input=text, capture_output=True, check=True).stdout)


@cache
def compiled(source: str) -> Tree:
    """The tree of source that dtc accepts."""
    return _dtc(source)


def forced(source: str) -> Tree:
    """A new tree of source that dtc complains about; tests may change it."""
    return _dtc(source, "-f")
