"""What xenassign says, word by word, in one file for each command: tests/snapshots/COMMAND.txt.

A test asserts what a message is about: its code, its severity, the node and property, or the file
and line and the exit status. It hands the message to the fixture ``wording``, which compares it
with the snapshot::

    def test_a_page(plan: Plan, wording: Wording) -> None:
        wording(*of(plan("tricky", "/timer"), "XA201"))
        with wording.raises(UsageError):
            plan("tricky", "/nowhere")

In the snapshot stands a block for each test: its name, and for each message a line about its place
and, further in, its words. ``pytest --update-snapshots`` writes new words and new tests, and takes
out the blocks of tests that are gone. It does not accept that a message has another code, node or
line, or that there is one more: such a change is a change of behaviour, made by hand in the file.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from click.testing import Result

from xenassign.errors import XenassignError
from xenassign.findings import Finding

REPOSITORY = Path(__file__).resolve().parent.parent
SNAPSHOTS = Path(__file__).resolve().parent / "snapshots"
_HEADER = "# What the tests make xenassign say; see tests/wording.py, pytest --update-snapshots.\n"
_PROPERTY = "xenassign-wording"

#: The command whose words they are, by the beginning of the test's name; ``generate`` else.
_COMMANDS = {
    "tests/cli/test_described_system": "init",
    "tests/cli/test_diff": "diff",
    "tests/cli/test_inspect": "inspect",
    "tests/cli/test_lint": "lint",
    "tests/cli/test_plan": "plan",
    "tests/cli/test_project": "init",
    "tests/devicetree/": "inspect",
    "tests/host/": "inspect",
    "tests/linting/": "lint",
}


Message = Finding | BaseException | str | Result | CompletedProcess[str]


class Said(NamedTuple):
    """A message. ``place``: what it is about, in one line; ``words``: the rest of it."""

    place: str
    words: str


class Blocks(dict[str, list[Said]]):
    """The messages of a snapshot by the names of tests."""

    @classmethod
    def of(cls, text: str) -> Blocks:
        """Those of a file's text."""
        blocks = cls()
        said: list[Said] = []
        for line in text.splitlines():
            if line.startswith("    "):
                place, words = said.pop()
                said.append(Said(place, f"{words}\n{line[4:]}" if words else line[4:]))
            elif line.startswith("  "):
                said.append(Said(line[2:], ""))
            elif line and not line.startswith("#"):
                said = blocks.setdefault(line, [])
        return blocks

    def text(self) -> str:
        """The file, sorted by the names of tests."""
        return _HEADER + "".join(f"\n{test}\n{_shown(self[test])}" for test in sorted(self))


@cache
def read(command: str) -> Blocks:
    """The snapshot of a command; empty if there is none yet."""
    path = SNAPSHOTS / f"{command}.txt"
    return Blocks.of(path.read_text()) if path.exists() else Blocks()


def _shown(messages: Iterable[Said]) -> str:
    lines = (
        line
        for place, words in messages
        for line in (f"  {place}", *(f"    {line}" for line in words.splitlines()))
    )
    return "".join(f"{line}\n" for line in lines)


_LOCATION = r"(?:(?P<file>[^\s:'\"]+(?::\d+){1,2}): )?"
_LINE = re.compile(
    rf"(?P<severity>error|warning|note): {_LOCATION}(?P<words>.*?)(?P<code> \[XA\d+\])?", re.DOTALL
)


def _about(message: Message) -> Iterator[Said]:
    if isinstance(message, Finding):
        cell = None if message.cell is None else f"cell {message.cell}"
        at = message.place and ":".join(map(str, message.place[:3]))
        place = (message.code, message.severity, message.node, message.prop, cell, at)
        own = "" if message.fix == message.rule.fix else f"\nfix: {message.fix}"
        yield Said(" ".join(filter(None, place)), message.message + own)
    elif isinstance(message, BaseException):
        kind = type(message).__name__
        if isinstance(message, XenassignError):
            kind = f"error {message.exit_status}"  # what exit status the command ends with
        match = re.fullmatch(f"{_LOCATION}(?P<words>.*)", str(message), re.DOTALL)
        assert match
        at = f" {match['file']}" if match["file"] else ""
        yield Said(f"{kind}{at}", match["words"])
    elif isinstance(message, Result):
        if isinstance(message.exception, XenassignError):
            yield from _about(message.exception)
        else:
            yield Said(f"exit status {message.exit_code}", "")
            yield from _about(message.stderr)
    elif isinstance(message, CompletedProcess):
        yield Said(f"exit status {message.returncode}", "")
        yield from _about(message.stderr)
    else:
        for line in message.splitlines():
            match = _LINE.fullmatch(line)
            if match is None:
                yield Said("text", line)
                continue
            parts = (match["severity"], match["code"], match["file"])
            yield Said(" ".join(part.strip(" []") for part in parts if part), match["words"])


class Wording:
    """Takes the messages of one test; ``check`` compares them with its block of the snapshot."""

    def __init__(self, test: str, folder: Path) -> None:
        self.test = test
        self.command = next(
            (name for start, name in _COMMANDS.items() if test.startswith(start)), "generate"
        )
        self.asked = False
        self.said: list[Said] = []
        self._temporary = re.compile(rf"{re.escape(str(folder))}(/[\w.-]+)?")

    def __call__(self, *messages: Message) -> None:
        """Findings, errors, lines of standard error, or what a command ended with; none too."""
        self.asked = True
        for message in messages:
            for said in _about(message):
                self.said.append(Said(self._stable(said.place), self._stable(said.words)))

    @contextmanager
    def raises(
        self, kind: type[Exception]
    ) -> Generator[pytest.ExceptionInfo[Exception], None, None]:
        """``pytest.raises``, whose error is handed over."""
        with pytest.raises(kind) as caught:
            yield caught
        self(caught.value)

    def _stable(self, text: str) -> str:
        """Without the folders of this machine and this run."""
        return self._temporary.sub("TMP", text).replace(f"{REPOSITORY}/", "")

    def check(self, *, update: bool) -> None:
        """Compares. ``update``: other words will be written, so the places alone count."""
        old = read(self.command).get(self.test, [])
        if update and (not old or [s.place for s in old] == [s.place for s in self.said]):
            return
        if old != self.said:
            before, after = (_shown(said).splitlines() for said in (old, self.said))
            diff = difflib.unified_diff(before, after, "snapshot", "said", lineterm="", n=9)
            shown = "\n".join(diff)
            pytest.fail(f"tests/snapshots/{self.command}.txt, {self.test}:\n{shown}", pytrace=False)


@pytest.fixture
def wording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wording:
    """Takes messages, which are compared with tests/snapshots when the test has passed."""
    return Wording(request.node.nodeid, tmp_path_factory.getbasetemp())


class Snapshots:
    """The plugin: the option, and what it writes when all tests have run."""

    def __init__(self, update: bool) -> None:
        self.update = update
        self.new: dict[str, Blocks] = {}
        self.collected: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Before any test is deselected."""
        if not any("::" in argument for argument in config.args):
            self.collected = {item.nodeid for item in items}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Compares at the end of a test that has passed so far."""
        yield
        taken = getattr(item, "funcargs", {}).get("wording")
        if isinstance(taken, Wording):
            assert taken.asked, "the fixture wording was never called"
            taken.check(update=self.update)
            if self.update and taken.said:
                value = json.dumps([taken.command, taken.test, taken.said])
                item.user_properties.append((_PROPERTY, value))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of each test, in the process that runs or distributes them."""
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    command, test, said = json.loads(str(value))
                    blocks = self.new.setdefault(command, Blocks())
                    blocks[test] = [Said(*pair) for pair in said]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes what was said, and leaves out the tests that are gone."""
        if not self.update or hasattr(session.config, "workerinput"):
            return
        for command in {*self.new, *(path.stem for path in SNAPSHOTS.glob("*.txt"))}:
            blocks = Blocks(read(command))
            for test in gone(blocks, self.collected):
                del blocks[test]
            blocks.update(self.new.get(command, {}))
            (SNAPSHOTS / f"{command}.txt").write_text(blocks.text())


def gone(tests: Iterable[str], collected: set[str]) -> list[str]:
    """Those whose file is no more, or was collected without them."""
    files = {name.partition("::")[0] for name in collected}
    return [
        test
        for test in tests
        if not (REPOSITORY / test.partition("::")[0]).exists()
        or (test.partition("::")[0] in files and test not in collected)
    ]
