"""The boards, and the figures that the tests gather over them.

Without the boards the corpus tests skip and say what to do. With ``XENASSIGN_REQUIRE=1`` or
``CI=true`` in the environment they fail instead, so that nobody takes a skip for a success.

The figures travel from the tests to the terminal summary as a user property of their reports, which
pytest-xdist carries from its workers to the process that prints.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from .fetch_boards import COMMAND, FetchError, boards, fetch

_PROPERTY = "xenassign-corpus"

Figures = Callable[[Counter[str]], None]


def _required() -> bool:
    return os.environ.get("XENASSIGN_REQUIRE") == "1" or os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def board_directory() -> Path:
    """The directory of the boards, fetched when they are not there yet."""
    try:
        return fetch()
    except FetchError as error:
        reason = f"no boards: {error}. Fetch them with: {COMMAND}"
    if _required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def board_files(board_directory: Path) -> list[Path]:
    """All boards, in a fixed order."""
    return boards(board_directory)


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Hands counts over to the terminal summary, where those of all tests are added up."""

    def record(counts: Counter[str]) -> None:
        record_property(_PROPERTY, json.dumps(counts))

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the sums."""
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                total += _counts(getattr(report, "user_properties", ()))
    if not total:
        return
    terminalreporter.section("corpus figures")
    for line in _lines(total):
        terminalreporter.write_line(line)


def _counts(properties: Iterable[tuple[str, object]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, value in properties:
        if name == _PROPERTY:
            found.update(json.loads(str(value)))
    return found


def _lines(total: Counter[str]) -> Iterable[str]:
    """By name; names with a colon (``refused with: XA401``) in one line, most frequent first."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for name, count in total.items():
        group, colon, what = name.partition(": ")
        if colon:
            groups.setdefault(group, []).append((-count, what))
        else:
            groups.setdefault(group, []).append((-count, ""))
    for group in sorted(groups):
        entries = sorted(groups[group])
        told = [f"{what} {-count}" if what else f"{-count}" for count, what in entries]
        yield f"{group}: {', '.join(told)}"
