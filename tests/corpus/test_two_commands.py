"""Following the first ``try:`` leads to accepted files, or to why not, in at most two commands."""

from __future__ import annotations

from statistics import median

import pytest

from ..missing import skip_or_fail
from ..xen.machine import UnavailableError
from .two_commands import false_lines, follow, pairs

pytestmark = pytest.mark.corpus

CHUNKS = 4


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_two_commands_are_enough(chunk: int) -> None:
    """And every command that was proposed is accepted when it is run, and nothing hinders then."""
    expected = pairs()[chunk::CHUNKS]
    try:
        outcomes = [follow(pair) for pair in expected]
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert [outcome.pair.row for outcome in outcomes] == [pair.row for pair in expected]
    assert [outcome.false for outcome in outcomes if outcome.false] == []
    assert {outcome.pair.end for outcome in outcomes} <= {"accepted", "nothing helps"}
    assert [outcome.disagrees for outcome in outcomes if outcome.disagrees] == []


def test_lines_for_a_file_are_accepted() -> None:
    """As the commands are, with the same device in a xenassign.toml: every eighth pair."""
    try:
        false = [(pair.device, false_lines(pair)) for pair in pairs()[::8]]
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert [each for each in false if each[1]] == []


def test_the_page_has_enough_pairs_and_short_outputs() -> None:
    rows = pairs()
    assert len(rows) >= 60
    assert len({row[:4] for row in rows}) == len(rows)
    assert {row.linux for row in rows} == {"6.12", "7.2"}
    assert median(int(row.lines) for row in rows if row.end == "accepted") <= 3
