"""The report of a real board in docs/boards: ``python -m tests.docs.real_report`` writes it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

from ..boards.kernels import suite_of, tree
from .pages import REPOSITORY, Board

BOARD = Board("7.2", "renesas/r8a77951-salvator-xs.dtb")
SYSTEM = REPOSITORY / "docs" / "boards" / "salvator-xs.toml"
REPORT = SYSTEM.with_suffix(".html")


def report() -> str:
    """What ``xenassign report`` prints for it. Raises UnavailableError without the board's tree."""
    blob = tree(suite_of(BOARD.linux), BOARD.name)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / PurePosixPath(BOARD.name).name).write_bytes(blob)
        (Path(folder) / SYSTEM.name).write_bytes(SYSTEM.read_bytes())
        command = [sys.executable, "-m", "xenassign", "report", "-c", SYSTEM.name]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


if __name__ == "__main__":
    REPORT.write_text(report(), encoding="utf-8")
