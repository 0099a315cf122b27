"""Loops over tables tell of every row that fails, and of a table that is empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from .rows import Rows

CONFTEST = Path(__file__).with_name("conftest.py")


def test_every_row_that_fails_is_shown() -> None:
    rows = Rows()
    for number in (1, 2, 3):
        with rows(number, "x"):
            assert number == 2
    with pytest.raises(pytest.fail.Exception, match=r"^2 of 3 rows:\n1, 'x'\n(.|\n)*\n3, 'x'\n"):
        rows.check()


def test_rows_that_hold_are_fine() -> None:
    rows = Rows()
    with rows(1):
        assert True
    rows.check()


def test_an_error_in_a_row_is_its_failure() -> None:
    rows = Rows()
    with rows("a"):
        int("a")
    with pytest.raises(pytest.fail.Exception, match=r"test_rows\.py:\d+: ValueError: invalid"):
        rows.check()


def test_no_row_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="no row"):
        Rows().check()


def test_the_fixture_is_checked(request: pytest.FixtureRequest, rows: Rows) -> None:
    """By the hook of the conftest, which this test calls around a body that does nothing."""
    with rows("a"):
        assert not "a"
    conftest = request.config.pluginmanager.get_plugin(str(CONFTEST))
    assert conftest is not None
    hook = conftest.pytest_runtest_call(request.node)
    next(hook)
    with pytest.raises(pytest.fail.Exception, match="1 of 1 rows"):
        next(hook)
    rows.failures.clear()
