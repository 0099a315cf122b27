"""The boards, and the figures that the tests gather over them.

Without the boards the corpus tests skip and say what to do. With ``XENASSIGN_REQUIRE=1`` or
``CI=true`` in the environment they fail instead, so that nobody takes a skip for a success.

The figures travel to the terminal summary (tests/conftest.py) as a user property of the reports,
which pytest-xdist carries from its workers to the process that prints.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ..debian import FetchError
from ..missing import skip_or_fail
from .fetch_boards import COMMAND, boards, fetch

_PROPERTY = "xenassign-figures"  # tests/conftest.py prints it

Figures = Callable[[Counter[str]], None]


@pytest.fixture(scope="session")
def board_directory() -> Path:
    """The directory of the boards, fetched when they are not there yet."""
    try:
        return fetch()
    except FetchError as error:
        skip_or_fail(f"no boards: {error}. Fetch them with: {COMMAND}")


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
