"""Tables as loops: a test goes on after a row that fails, and shows all of those at its end."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager

import pytest


class Rows:
    """``for row in TABLE: with rows(row): assert …``. What fails in a row is kept, with the row."""

    def __init__(self) -> None:
        self.count = 0
        self.failures: list[str] = []

    @contextmanager
    def __call__(self, *row: object) -> Generator[None, None, None]:
        self.count += 1
        try:
            yield
        except FileNotFoundError:
            raise  # a tool that is missing: tests/conftest.py
        except Exception as error:
            told = "".join(traceback.format_exception_only(error)).strip()
            *_, line = traceback.extract_tb(error.__traceback__)
            shown = ", ".join(f"{cell!r:.200}" for cell in row)
            self.failures.append(f"{shown}\n  {line.filename}:{line.lineno}: {told}")

    def check(self) -> None:
        """Fails for no row at all too: a table that is empty by mistake."""
        assert self.count, "the table has no row"
        if self.failures:
            shown = "\n".join(self.failures)
            pytest.fail(f"{len(self.failures)} of {self.count} rows:\n{shown}", pytrace=False)


@pytest.fixture
def rows() -> Rows:
    """Takes the rows of a table; tests/conftest.py has it checked when the test has run."""
    return Rows()
