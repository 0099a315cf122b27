"""What a command says when it restores the files of a run that was killed."""

from __future__ import annotations

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
