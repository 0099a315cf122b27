"""The pages of the documentation: their fenced blocks, what is to be done with each, their links.

A comment directly before the fence of a block of a shell, or of ``pycon``, says what the tests do
with it:

- ``<!-- run -->``: its commands run, and succeed. The blocks ``pycon`` of a page are one session of
  Python, which prints what they show.
- ``<!-- shows -->``: they print what the block shows (blocks ``console``). A line ``…`` stands for
  any lines, ``…`` in a line for any text. ``python -m tests.docs PAGE`` writes what they print.
- ``<!-- fails N -->``: the last one ends with status N; ``<!-- shows, fails N -->`` too.
- ``<!-- file: NAME -->``: a block of any language; it is written to that file.
- ``<!-- run: NAME -->``: something else runs it (``ELSEWHERE``).
- ``<!-- not run: REASON -->``.

``<!-- setup: COMMANDS -->`` anywhere makes what the commands behind it need, unseen by readers, and
``<!-- board: LINUX VENDOR/BOARD.dtb -->`` puts the tree that this release of Linux has of a real
board there, as BOARD.dtb. All blocks of a page run in one copy of the repository, in their order.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
SHELLS = ("sh", "bash", "console")
SESSION = "pycon"

#: What runs the blocks that are marked with a name.
ELSEWHERE = {
    "example": ".ci/run",
    "tests": ".ci/run",
    "quickstart": "tests/docs/test_quickstart.py",
}

#: The pages of rules, whose examples tests/linting/test_examples.py runs.
_RULES = ("docs/rules/",)
_IGNORED = (".git", ".venv", "out", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_MARK = re.compile(
    r"(?P<shows>shows)?(?:, )?(?:fails (?P<status>\d+))?|run(?:: (?P<name>\w+))?"
    r"|file: (?P<file>[\w./-]+)|not run: (?P<why>.+)"
)
_BOARD = re.compile(r"<!-- board: (?P<linux>[\d.]+) (?P<name>[\w+./-]+\.dtb) -->")
_PROMPT = "$ "


class Board(NamedTuple):
    """The tree of a real board: a release of Linux, and the path below its device trees."""

    linux: str
    name: str


class Block(NamedTuple):
    """A fenced block, the commands of a setup, or a board. ``line``: where it begins, from 1."""

    page: str
    line: int
    language: str
    mark: str | None
    text: str
    board: Board | None = None

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}"

    @property
    def parsed(self) -> re.Match[str] | None:
        """The mark's parts; None where there is none that means something."""
        return _MARK.fullmatch(self.mark) if self.mark else None

    @property
    def is_run(self) -> bool:
        """Whether the tests of this folder run it."""
        found = self.parsed
        return found is not None and not (found["name"] or found["why"] or found["file"])

    @property
    def file(self) -> str | None:
        """What the block is written to."""
        return self.parsed["file"] if self.parsed else None

    @property
    def status(self) -> int:
        """What its last command ends with."""
        found = self.parsed
        return int(found["status"]) if found is not None and found["status"] else 0

    @property
    def shows(self) -> bool:
        """Whether the block has its commands' output."""
        return bool(self.parsed and self.parsed["shows"])

    def commands(self) -> list[tuple[str, list[str]]]:
        """Each command with the lines that the block shows behind it."""
        if self.language != "console":
            return [(self.text, [])]
        found: list[tuple[str, list[str]]] = []
        goes_on = False
        for line in self.text.splitlines():
            if goes_on:
                found[-1] = (found[-1][0] + "\n" + line, [])
            elif line.startswith(_PROMPT):
                found.append((line.removeprefix(_PROMPT), []))
            else:
                assert found, f"{self.place}: output before the first command"
                found[-1][1].append(line)
            goes_on = line.endswith("\\") and (goes_on or line.startswith(_PROMPT))
        return found


def pages() -> list[str]:
    """All of them, by path in the repository."""
    found = (path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*.md"))
    hidden = (".", "out", "build", "dist")
    return sorted(str(path) for path in found if not path.parts[0].startswith(hidden))


def written(page: str) -> bool:
    """Whether a page is none of a rule."""
    return not page.startswith(_RULES)


def text_of(page: str) -> str:
    """The text of a page."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """Setups and fenced blocks of a page, in their order."""
    return blocks_of(page, text_of(page))


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Those of a text, which is called ``page`` in messages."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        start, at = at, at + 1
        if lines[start].lstrip().startswith("<!-- setup:"):
            while "-->" not in lines[at - 1]:
                at += 1
            comment = "\n".join(lines[start:at]).lstrip()
            commands = comment.removeprefix("<!-- setup:").partition("-->")[0]
            yield Block(page, start + 1, "sh", "run", commands.strip())
        elif board := _BOARD.fullmatch(lines[start]):
            yield Block(page, start + 1, "", None, "", Board(board["linux"], board["name"]))
        elif fence := _FENCE.match(lines[start]):
            end = next(i for i in range(at, len(lines)) if lines[i].strip() == "```")
            inside = "\n".join(line.removeprefix(fence["indent"]) for line in lines[at:end])
            mark = re.fullmatch(r"\s*<!-- (.*) -->", lines[start - 1]) if start else None
            yield Block(page, start + 1, fence["language"], mark and mark[1], inside)
            at = end + 1


def prose(page: str) -> str:
    """A page without its fenced blocks and comments."""
    text = re.sub(r"^ *```.*?^ *```\s*$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def anchors(page: str) -> set[str]:
    """What can be linked to in a page: its headings, as GitHub makes anchors of them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ +(.*?)\s*$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def links(page: str) -> Iterator[str]:
    """Relative links of a page, with their anchors."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


def copy_repository(to: Path) -> Path:
    """A copy of this repository as it is, without what programs have left in it."""
    shutil.copytree(REPOSITORY, to, ignore=shutil.ignore_patterns(*_IGNORED), symlinks=True)
    return to


def as_shown(printed: str, shown: list[str]) -> bool:
    """Whether a command printed what the page shows, blanks at ends and what is left out aside."""
    return re.fullmatch(_pattern(shown), _trimmed(printed)) is not None


def _trimmed(text: str) -> str:
    """Without blanks at the ends of lines, and empty lines at the ends."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _pattern(shown: list[str]) -> str:
    lines = _trimmed("\n".join(shown)).splitlines()
    parts = []
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if line == "…":
            parts.append(r"(?:.*\n)*.*" if last else r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line).replace("…", ".*") + ("" if last else r"\n"))
    return "".join(parts)
