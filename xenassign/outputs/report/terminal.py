"""Where tables go: a terminal as wide as it is, else a fixed width and no colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


def console(stream: TextIO) -> Console:
    """A console of rich that prints text as it stands."""
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


def printable(text: str) -> str:
    """Text of the board without what a terminal would act upon."""
    return "".join(char if char.isprintable() else "?" for char in text)
