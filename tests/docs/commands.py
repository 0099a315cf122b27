"""The commands of a page, run as its reader would: in a copy of the repository, by bash.

    python -m tests.docs PAGE…

writes into each page what its commands print now, where that is not what the page shows, and the
first ``try:`` line that a command prints as the next command. Long messages get a ``…``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..boards.kernels import suite_of, tree
from .pages import REPOSITORY, SHELLS, Block, as_shown, blocks

TRY = "try: "
_LONG = 150  #: characters of a message that a page shows


class Ran(NamedTuple):
    """A command of a block, the output that the block shows, and what became of it.

    ``proposed`` is the first ``try:`` line that the page shows before it.
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
        return self.proposed is None or _extends(self.command, self.proposed)


def _extends(command: str, proposed: str) -> bool:
    wanted = shlex.split(proposed)
    return shlex.split(command.replace("\\\n", " "))[: len(wanted)] == wanted


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


def run_page(
    page: str, here: Path, environment: dict[str, str], update: bool = False
) -> Iterator[Ran]:
    """Each command of a page in turn; to update it, what was proposed in place of its commands.

    Raises UnavailableError where a board is not there.
    """
    proposed = None
    for block in blocks(page):
        if block.board:
            blob = tree(suite_of(block.board.linux), block.board.name)
            (here / PurePosixPath(block.board.name).name).write_bytes(blob)
        elif block.file:
            (here / block.file).write_text(block.text + "\n", encoding="utf-8")
        elif is_shell(block):
            commands = block.commands()
            for number, (written, shown) in enumerate(commands, 1):
                obsolete = update and block.shows and proposed and not _extends(written, proposed)
                command = str(proposed) if obsolete else written
                done = bash(command, here, environment, 120)
                status, printed = done.returncode, done.stdout
                expected = block.status if number == len(commands) else 0
                yield Ran(block, command, shown, expected, status, printed, proposed)
                proposed = _first_try(printed.splitlines() if update else shown)


def bash(
    command: str, here: Path, environment: dict[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Runs the text of a command in a folder. Its stdout has both outputs."""
    return subprocess.run(
        ["bash", "-euc", command],
        cwd=here,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )


def _first_try(lines: list[str]) -> str | None:
    return next((line.removeprefix(TRY) for line in lines if line.startswith(TRY)), None)


def _shortened(line: str) -> str:
    """A message without its middle, if it is long. What can be run stays whole."""
    if len(line) < _LONG or not re.match(r"\s*(error|warning|note|nothing helps|fix): ", line):
        return line
    code = re.search(r" \[XA\d+\]$", line)
    return f"{line[:_LONG].rpartition(' ')[0]} …{code[0] if code else ''}"


def updated(text: str, runs: Iterator[Ran]) -> str:
    """The text of a page with what its commands print now."""
    lines = text.splitlines()
    new: dict[int, list[str]] = {}
    for ran in runs:
        if ran.block.shows:
            prompt = [f"$ {ran.command}"]
            printed = ran.shown
            if not ran.as_shown:
                printed = [_shortened(line) for line in ran.printed.rstrip("\n").splitlines()]
            new.setdefault(ran.block.line, []).extend([*prompt, *printed])
    for start in sorted(new, reverse=True):
        end = next(at for at in range(start, len(lines)) if lines[at].strip() == "```")
        fence = lines[start - 1]
        indent = fence[: len(fence) - len(fence.lstrip())]
        inside = "\n".join(new[start]).splitlines()
        lines[start:end] = [indent + line if line else "" for line in inside]
    return "\n".join(lines) + "\n"
