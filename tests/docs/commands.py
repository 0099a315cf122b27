"""The commands of a page, run as its reader would: in a copy of the repository, by bash.

    python -m tests.docs PAGE…

writes into each page what its commands print now, where that is not what the page shows. ``…`` has
to be put in again by hand.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..boards.kernels import TREES, tree
from .pages import REPOSITORY, SHELLS, Block, as_shown, blocks

TRY = "try: "


class Ran(NamedTuple):
    """A command of a block, the output that the block shows, and what became of it.

    ``proposed`` is the first ``try:`` line of the command before it on the page.
    """

    block: Block
    command: str
    shown: list[str]
    expected_status: int
    status: int
    printed: str
    proposed: str | None

    @property
    def as_shown(self) -> bool:
        """Whether it printed what the page shows."""
        return as_shown(self.printed, self.shown)

    @property
    def follows(self) -> bool:
        """Whether it is the command that was proposed, to which options may be added."""
        if self.proposed is None:
            return True
        words = shlex.split(self.command.replace("\\\n", " "))
        wanted = shlex.split(self.proposed)
        return words[: len(wanted)] == wanted


def environment(programs: Path) -> dict[str, str]:
    """An environment that has this repository's ``xenassign``, and no width of a terminal."""
    programs.mkdir()
    # A script, so that what Python imports is not the copy in the current folder.
    script = programs / "run.py"
    script.write_text("from xenassign.cli import main\n\nmain()\n")
    command = programs / "xenassign"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    command.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "120"}


def is_shell(block: Block) -> bool:
    """Whether its commands run here."""
    return block.is_run and block.language in SHELLS


def run_page(page: str, here: Path, environment: dict[str, str]) -> Iterator[Ran]:
    """Each command of a page in turn. Raises UnavailableError where a board is not there."""
    proposed = None
    for block in blocks(page):
        if block.board:
            suite = next(suite for suite, linux in TREES.items() if linux == block.board.linux)
            blob = tree(suite, block.board.name)
            (here / PurePosixPath(block.board.name).name).write_bytes(blob)
        elif block.file:
            (here / block.file).write_text(block.text + "\n", encoding="utf-8")
        elif is_shell(block):
            for ran in _run(block, here, environment, proposed):
                yield ran
                proposed = _proposed(ran)


def _run(
    block: Block, here: Path, environment: dict[str, str], proposed: str | None
) -> Iterator[Ran]:
    commands = block.commands()
    for number, (command, shown) in enumerate(commands, 1):
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        status = block.status if number == len(commands) else 0
        ran = Ran(block, command, shown, status, done.returncode, done.stdout, proposed)
        yield ran
        proposed = _proposed(ran)


def _proposed(ran: Ran) -> str | None:
    """The first ``try:`` line that the page shows."""
    lines = (line.removeprefix(TRY) for line in ran.shown if line.startswith(TRY))
    return next(lines, None)


def updated(text: str, runs: Iterator[Ran]) -> str:
    """The text of a page with what its commands print now."""
    lines = text.splitlines()
    new: dict[int, list[str]] = {}
    for ran in runs:
        if ran.block.shows:
            prompt = [f"$ {ran.command}"]
            printed = ran.shown if ran.as_shown else ran.printed.rstrip("\n").splitlines()
            new.setdefault(ran.block.line, []).extend([*prompt, *printed])
    for start in sorted(new, reverse=True):
        end = next(at for at in range(start, len(lines)) if lines[at].strip() == "```")
        fence = lines[start - 1]
        indent = fence[: len(fence) - len(fence.lstrip())]
        inside = "\n".join(new[start]).splitlines()
        lines[start:end] = [indent + line if line else "" for line in inside]
    return "\n".join(lines) + "\n"
