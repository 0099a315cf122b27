"""What the user wrote, and where: an error about it states the place without a search.

On the command line an option is written as ``--map NAME=WHERE``; in xenassign.toml the same is a
key of a domain or of one of its devices, and an error begins with file, line and whom it is about.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.formats.toml_text import KeyPath, TomlFile


class Origin(NamedTuple):
    """A place in xenassign.toml. ``about``: what is said there of whom, as ``domain 'net'``."""

    toml: TomlFile
    key: KeyPath
    about: str = ""

    def below(self, *keys: str | int) -> Origin:
        """That of a key, or of an element of a list, in the value here."""
        return self._replace(key=(*self.key, *keys))

    def line(self, text: str) -> str:
        """A line of an error; an option loses its dashes, for here it is a key."""
        who = f"{self.about}: " if self.about else ""
        return f"{self.toml.where(self.key)}: {who}{text.removeprefix('-d ').removeprefix('--')}"


class Written(str):
    """A text that the user wrote, most often the name of a node.

    It is equal to the same text from elsewhere. ``origin`` is None for the command line.
    """

    __slots__ = ("origin",)

    origin: Origin | None

    def __new__(cls, text: str, origin: Origin | None = None) -> Written:
        """The text with its place."""
        self = super().__new__(cls, text)
        self.origin = origin
        return self


def origin_of(text: str) -> Origin | None:
    """Where a text was written; None: on the command line, or by a program."""
    return text.origin if isinstance(text, Written) else None


def mistake(option: str, name: str, why: str, value: str = "") -> str:
    """The line of an error about a name that an option gives: ``--map NAME[VALUE]: WHY``."""
    line = f"{option} {name}{value}: {why}"
    origin = origin_of(name)
    return line if origin is None else origin.line(line)
