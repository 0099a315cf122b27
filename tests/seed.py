"""The seed of the samples that the real hypervisor is asked about: another one for each commit.

It comes from the checked out commit, and the header of pytest's output has it.
``XENASSIGN_SEED=N python -m pytest …`` repeats a run. A source archive has no commit; its seed is
always the same.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

VARIABLE = "XENASSIGN_SEED"
WITHOUT_COMMIT = 2026
_REPOSITORY = Path(__file__).resolve().parent.parent


class Seed(NamedTuple):
    """A seed, and where it is from."""

    number: int
    origin: str

    def header(self) -> str:
        """A line for the output of pytest."""
        return f"seed of the samples: {self.number} ({self.origin}); again: {VARIABLE}=N pytest …"


@cache
def seed() -> Seed:
    """The seed of this run. Raises ValueError for a variable that is no number."""
    stated = os.environ.get(VARIABLE)
    if stated:
        return Seed(int(stated), VARIABLE)
    commit = commit_of(_REPOSITORY)
    if commit is None:
        return Seed(WITHOUT_COMMIT, "fixed, as there is no commit")
    return Seed(int(commit[:8], 16), f"commit {commit[:12]}")


def commit_of(directory: Path) -> str | None:
    """The commit that is checked out in exactly this directory, in hexadecimal digits."""
    command = ["git", "-C", str(directory), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 2 or Path(lines[0]).resolve() != directory:
        return None
    return lines[1]
