"""Where something stands in a text file, for carets and for edits."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """From a line and column up to, not including, another; all count from 1, a tab as one."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
