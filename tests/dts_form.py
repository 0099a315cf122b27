"""The form of devicetree source that Linux' coding style and dts-lsp's formatter require.

Read from the text alone: tabs by depth, the lines of a value below its first, at most 100 columns
but for comments and strings, one empty line between children and above the first, ``{};`` for an
empty node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TAB = 8


def misformed(text: str) -> list[str]:
    """What is wrong with the form of a source: lines with their numbers."""
    return list(_lines(text))


def _lines(text: str) -> Iterator[str]:
    in_code = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text).split("\n")
    depth, value, above = 0, _Value(), ""
    for number, (line, code) in enumerate(zip(text.split("\n"), in_code, strict=True), 1):
        words = code.strip()
        width = len(line.expandtabs(_TAB))
        start = width - len(line.lstrip().expandtabs(_TAB))
        depth -= words.startswith("}")
        expected = value.next_column or depth * _TAB
        wrong = [
            text
            for text, is_wrong in (
                ("space at its end", line != line.rstrip()),
                ("indentation", words and start != expected),
                ("spaces instead of a tab", " " * _TAB in line[: len(line) - len(line.lstrip())]),
                ("too long", width > 100 and words and '"' not in code),
                ("{ and } of an empty node", above.endswith("{") and words.startswith("}")),
                ("two empty lines", not line and not above),
                ("no empty line above a node", _is_node(words) and not _may_precede(above)),
            )
            if is_wrong
        ]
        if wrong:
            yield f"{number}: {', '.join(wrong)}: {line}"
        depth += words.endswith("{")
        value.read(code)
        above = line.strip()
    if depth or value.column:
        yield "not closed"


def _is_node(words: str) -> bool:
    return words.endswith(("{", "{};")) and words[0] != "/"


def _may_precede(line: str) -> bool:
    return not line or line.endswith("{") or line.startswith("/*")


class _Value:
    """The value that goes on after a line: its first column, and whether a bracket is open."""

    def __init__(self) -> None:
        self.column = 0
        self._open = 0

    @property
    def next_column(self) -> int:
        """The column of its next line; 0 if there is none."""
        return self.column + 1 if self.column and self._open else self.column

    def read(self, code: str) -> None:
        line = re.sub(r'"(?:[^"\\\\]|\\\\.)*"', lambda match: "x" * len(match[0]), code).expandtabs(
            _TAB
        )
        if not self.column and " = " in line:
            self.column = line.index(" = ") + 3
        self._open += len(re.findall(r"[<\[]", line)) - len(re.findall(r"[>\]]", line))
        if line.rstrip().endswith((";", "{")):
            self.column = self._open = 0
