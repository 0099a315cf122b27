"""The output of tables: as wide as the terminal, or with a fixed width and no colours.

NO_COLOR (not empty) forbids colours, FORCE_COLOR (not empty) treats any output as a terminal, and
COLUMNS is its width.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


def is_terminal(stream: TextIO) -> bool:
    """Whether people read the stream."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def width() -> int:
    """The columns of the terminal."""
    from shutil import get_terminal_size

    return get_terminal_size((WIDTH, 25)).columns


def coloured(stream: TextIO) -> bool:
    """Whether to colour what is printed to the stream."""
    dumb = os.environ.get("TERM") == "dumb" and not os.environ.get("FORCE_COLOR")
    return is_terminal(stream) and not dumb and not os.environ.get("NO_COLOR")


def console(stream: TextIO) -> Console:
    """A console of rich that interprets no markup; its text is that of ``escape.terminal``."""
    from rich.console import Console

    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        force_terminal=None if terminal else False,
    )
