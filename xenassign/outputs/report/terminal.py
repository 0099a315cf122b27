"""The output of tables: as wide as the terminal, or with a fixed width and no colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


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
