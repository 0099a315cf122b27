"""From a device to accepted files in two commands: the pairs of docs/two-commands.md, and runs.

    python -m tests.corpus.two_commands

runs the pairs of the page and prints its rows as they are now.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner, Result

from xenassign.cli import cli

from ..boards.kernels import TREES, suite_of, tree
from ..toml_lines import blocks, put

PAGE = Path(__file__).resolve().parents[2] / "docs/two-commands.md"


class Pair(NamedTuple):
    """A row of the page. ``before``: as it was before there were ``try:`` lines."""

    linux: str
    board: str
    kind: str
    device: str
    before: str
    commands: str
    end: str
    lines: str

    @property
    def row(self) -> str:
        """The row as Markdown."""
        return f"| {' | '.join(self)} |"

    def blob(self) -> bytes:
        """The board's tree. Raises UnavailableError."""
        return tree(suite_of(self.linux), f"{self.board}.dtb")


def pairs() -> list[Pair]:
    """The rows of the page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [Pair(*row) for row in rows if row[0] in TREES.values()]


class Run(NamedTuple):
    """A command in this process, and what it printed."""

    result: Result

    @property
    def lines(self) -> list[str]:
        """Both streams."""
        return [*self.result.stdout.splitlines(), *self.result.stderr.splitlines()]

    @property
    def accepted(self) -> bool:
        """Whether there are files."""
        return self.result.exit_code == 0

    @property
    def works(self) -> bool:
        """Whether there are files, and nothing to try or to say against them."""
        advice = ("try: ", "nothing helps: ")
        return self.accepted and not any(line.startswith(advice) for line in self.lines)

    def tries(self) -> list[list[str]]:
        """The proposed commands, without their first word."""
        return [shlex.split(line)[2:] for line in self.lines if line.startswith("try: ")]


def run(words: list[str]) -> Run:
    """Runs xenassign."""
    return Run(CliRunner().invoke(cli, words))


class Outcome(NamedTuple):
    """A pair as it is now, and its commands that were proposed and are not accepted.

    ``disagrees``: how the verdict of ``inspect`` differs, or "".
    """

    pair: Pair
    false: list[list[str]]
    disagrees: str


def follow(pair: Pair) -> Outcome:
    """Runs ``generate -d DEVICE``, then every command that it proposes."""
    with tempfile.TemporaryDirectory() as folder:
        host, out = Path(folder, "board.dtb"), str(Path(folder, "out"))
        host.write_bytes(pair.blob())
        first = run(["generate", str(host), "-d", pair.device, "-o", out])
        runs = [(words, run([*words, *_overwriting(words)])) for words in first.tries()]
        shown = run(["inspect", str(host), pair.device, "--format", "json"])
    false = [words for words, done in runs if not done.works]
    last = runs[0][1] if runs else first
    end = "accepted" if last.works else "refused"
    if not runs and first.lines[-1].startswith("nothing helps: "):
        end = "nothing helps"
    lines = str(len(last.lines)) if end == "accepted" else "-"
    as_now = pair._replace(commands=str(1 + bool(runs)), end=end, lines=lines)
    (device,) = json.loads(shown.result.stdout)["devices"]
    with_device = not runs or pair.device in runs[0][0]
    return Outcome(as_now, false, _disagreement(end, device, with_device))


def _disagreement(end: str, device: Any, with_device: bool) -> str:
    """How the verdict on a device differs from the end of the commands, or "".

    ``with_device``: the last command assigns it, and not what it is on, which no verdict is about.
    """
    verdict = device["verdict"]
    works = verdict["answer"] != "no"
    if end == "accepted":
        agrees = works or not with_device
    else:
        agrees = not works or "--clock-rate" in verdict["options"]
    return "" if agrees else f"{device['path']}: {end}, and the verdict is {verdict}"


def false_lines(pair: Pair) -> list[str]:
    """What ``generate -c`` proposes for the file of a pair and does not accept afterwards."""
    false = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "board.dtb").write_bytes(pair.blob())
        file, out = Path(folder, "xenassign.toml"), str(Path(folder, "out"))
        text = f'host = "board.dtb"\n\n[[domain]]\nname = "net"\ndevice = ["{pair.device}"]\n'
        file.write_text(text)
        words = ["generate", "-c", str(file), "-o", out, "--overwrite"]
        first = run(words)
        if not (first.accepted or first.lines[-1].startswith(("  ", "nothing helps: "))):
            false.append(first.lines[-1])
        for block in blocks(first.lines):
            file.write_text(put(text, block))
            done = run(words)
            if not done.works or blocks(done.lines):
                false.append("\n".join(block))
    return false


def _overwriting(words: list[str]) -> Iterator[str]:
    """The option for the files of the command before, if it is not there."""
    if "--overwrite" not in words:
        yield "--overwrite"


if __name__ == "__main__":
    for each in pairs():
        print(follow(each).pair.row)
