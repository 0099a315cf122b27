"""What commands say about the files of a run that was killed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from xenassign.cli import printing


def recover(folders: Iterable[Path]) -> None:
    """Restores files that a run that was killed left mixed, and prints them. Raises OutputError."""
    from xenassign import journal

    restored = journal.recover(folders)
    if restored:
        names = ", ".join(map(str, restored))
        text = f"warning: {names}: restored, since a run of xenassign was killed"
        printing.lines([text], err=True)


def warn(folders: Iterable[Path]) -> None:
    """Prints a warning for each folder whose files may be of two runs. For commands that read."""
    from xenassign.journal_record import NAME

    for folder in dict.fromkeys(folders):
        if os.path.lexists(folder / NAME):
            problem = (
                "a run of xenassign writes here, or was killed while it did, so that the files"
            )
            fix = "wait for it, or run generate or lint --fix here again"
            printing.lines([f"warning: {folder}: {problem} may be of two runs; {fix}"], err=True)
