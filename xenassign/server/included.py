"""The files that a text names, with the place of each name: what is included, and what is given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_COMMENT_OR = r"/\*.*?(?:\*/|\Z)|//[^\n]*|"
_INCLUDE = re.compile(
    _COMMENT_OR
    + r'(?:^[ \t]*\#[ \t]*include[ \t]*["<]|/include/[ \t]*"|/incbin/[ \t]*\([ \t]*")'
    + r'([^">\n]+)[">]',
    re.DOTALL | re.MULTILINE,
)


class NamedFile(NamedTuple):
    """The offsets of a name in a text, and the path of the file."""

    start: int
    end: int
    path: str


def includes(text: str, path: str, folders: Sequence[str]) -> Iterator[NamedFile]:
    """The existing files that a source includes."""
    for match in _INCLUDE.finditer(text):
        if match[1] is None:
            continue
        for folder in (os.path.dirname(path), *folders):
            named = os.path.join(folder, match[1])
            if "\0" not in named and os.path.isfile(named):
                yield NamedFile(*match.span(1), os.path.realpath(named))
                break


def include_of(text: str, path: str, included: str) -> tuple[int, int] | None:
    """The offsets of the name by which a source includes a file; None if it is not in the text."""
    base = os.path.basename(included)
    for match in _INCLUDE.finditer(text):
        if match[1] is not None and os.path.basename(match[1]) == base:
            return match.span(1)
    return None
