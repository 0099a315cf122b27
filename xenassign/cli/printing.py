"""What the commands print: lines for people, and documents that a renderer has escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from xenassign.errors import UsageError

Wording = Callable[[str], str]
_Done = TypeVar("_Done")


def wording(config: str | None) -> Wording:
    """How messages name options: as on the command line, or with -c as keys of xenassign.toml."""
    from xenassign.request.option_names import in_toml

    return str if config is None else in_toml


def naming(config: str | None, work: Callable[[], _Done]) -> _Done:
    """What is done, whose errors name options as ``wording`` does."""
    try:
        return work()
    except UsageError as error:
        error.lines = tuple(map(wording(config), error.lines))
        raise


def lines(texts: Iterable[str], *, err: bool = False) -> None:
    """Prints each text as one line, which nothing in it can end or colour."""
    from xenassign import escape  # with its patterns and json, for --help too if it were above

    for text in texts:
        click.echo(escape.terminal(text), err=err)


def document(text: str, *, err: bool = False, colour: bool | None = None) -> None:
    """Prints the text of a renderer, which has its own line ends.

    ``colour``: whether its colours stay; None: on a terminal.
    """
    click.echo(text, nl=False, err=err, color=colour)
