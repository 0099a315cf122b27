"""Following the first ``try:`` leads to accepted files, or to why not, in at most two commands."""

from __future__ import annotations

from statistics import median

import pytest

from ..missing import skip_or_fail
from ..xen.machine import UnavailableError
from .two_commands import follow, pairs

pytestmark = pytest.mark.corpus

CHUNKS = 4


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_two_commands_are_enough(chunk: int) -> None:
    """And every command that was proposed is accepted when it is run."""
    expected = pairs()[chunk::CHUNKS]
    try:
        outcomes = [follow(pair) for pair in expected]
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert [outcome.pair.row for outcome in outcomes] == [pair.row for pair in expected]
    assert [outcome.false for outcome in outcomes if outcome.false] == []
    assert {outcome.pair.end for outcome in outcomes} <= {"accepted", "nothing helps"}


def test_the_page_has_enough_pairs_and_short_outputs() -> None:
    rows = pairs()
    assert len(rows) >= 60
    assert len({row[:4] for row in rows}) == len(rows)
    assert {row.linux for row in rows} == {"6.12", "7.2"}
    assert median(int(row.lines) for row in rows if row.end == "accepted") <= 3
