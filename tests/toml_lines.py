"""Puts the lines after ``try: in FILE:`` into the file, as a user does who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def blocks(lines: Iterable[str]) -> list[list[str]]:
    """The lines of each ``try: in FILE:`` of an output, without their indent."""
    proposed: list[list[str]] = []
    inside = False
    for line in lines:
        if line.startswith("try: in "):
            proposed.append([])
        elif inside and line.startswith("  "):
            proposed[-1].append(line[2:])
        inside = line.startswith("try: in ") or (inside and line.startswith("  "))
    return proposed


def put(text: str, block: list[str]) -> str:
    """A file with the lines of a block. A key that is there already is replaced."""
    rows: list[list[str]] = [[line] for line in text.splitlines()]  # with what follows each line
    for header, keys in _tables(block):
        if header.startswith("# above"):
            rows = [*([key] for key in _set(rows, range(_table_end(rows, -1)), keys)), *rows]
        elif line := re.search(r"# line (\d+)$", header):
            at = int(line[1]) - 1
            assert rows[at][0].strip() == header.split("  #")[0]
            rows[at] += _set(rows, range(at + 1, _table_end(rows, at)), keys)
        else:
            name = re.fullmatch(r"\[\[domain.device\]\]  # new, after the others of (.+)", header)
            assert name is not None, header
            start = next(at for at, row in enumerate(rows) if row[0] == f'name = "{name[1]}"')
            end = next(
                (at for at in range(start, len(rows)) if rows[at][0] == "[[domain]]"), len(rows)
            )
            rows[end - 1] += ["[[domain.device]]", *keys]
    return "\n".join(line for row in rows for line in row) + "\n"


def _tables(block: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each header with the keys below it."""
    starts = [at for at, line in enumerate(block) if line.startswith(("[[", "# above"))]
    assert starts[:1] == [0], block
    for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
        yield block[start], block[start + 1 : end]


def _table_end(rows: list[list[str]], start: int) -> int:
    """The line after the last one of a table."""
    after = range(start + 1, len(rows))
    return next((at for at in after if rows[at][0].startswith("[")), len(rows))


def _set(rows: list[list[str]], table: range, keys: list[str]) -> Iterator[str]:
    """Replaces the keys that a table has, and returns the others."""
    for key in keys:
        name = key.partition(" = ")[0]
        at = next((at for at in table if rows[at][0].startswith(f"{name} = ")), None)
        if at is None:
            yield key
        else:
            rows[at][0] = key
