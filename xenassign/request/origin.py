"""Texts of the user with their place, so that an error about a text can state the place.

On the command line an option is written as ``--map NAME=WHERE``. In xenassign.toml it is a key of a
domain or of one of its devices, and an error begins with file, line and the domain and device. A
dom.cfg lists devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from xenassign.errors import OptionError, UsageError
from xenassign.formats.toml_text import KeyPath, TomlFile


class Origin(NamedTuple):
    """A place in xenassign.toml. ``about``: the domain and device of it, as ``domain 'net'``."""

    toml: TomlFile
    key: KeyPath
    about: str = ""

    def below(self, *keys: str | int) -> Origin:
        """The place of a key, or of an element of a list, within the value at this place."""
        return self._replace(key=(*self.key, *keys))

    @property
    def place(self) -> str:
        """File and line."""
        return self.toml.where(self.key)

    def line(self, text: str) -> str:
        """The line of an error with this place. An option loses its dashes: here it is a key."""
        from xenassign.request.option_names import in_toml

        who = f"{self.about}: " if self.about else ""
        named = in_toml(text.removeprefix("-d ").removeprefix("--"))
        return f"{self.toml.where(self.key)}: {who}{named}"


class CfgOrigin(NamedTuple):
    """The place of a name in the user's dom.cfg, as file, line and column, and the key it is in."""

    place: str
    key: str

    def line(self, text: str) -> str:
        """The line of an error with this place. The key takes the place of -d."""
        return f"{self.place}: {self.key}: {text.removeprefix('-d ')}"


class Written(str):
    """A text that the user wrote, most often the name of a node; it compares as any ``str``.

    ``origin``: its place; None on the command line.
    """

    __slots__ = ("origin",)

    origin: Origin | CfgOrigin | None

    def __new__(cls, text: str, origin: Origin | CfgOrigin | None = None) -> Written:
        self = super().__new__(cls, text)
        self.origin = origin
        return self


class PlacedError(UsageError):
    """An error about a text of the user, whose line has the place already."""


def origin_of(text: str) -> Origin | CfgOrigin | None:
    """The place of a text in xenassign.toml or dom.cfg; None if it is not from there."""
    return text.origin if isinstance(text, Written) else None


def mistake(option: str, name: str, why: str, value: str = "") -> str:
    """The line of an error about a name that an option gives: ``--map NAME[VALUE]: WHY``."""
    line = f"{option} {name}{value}: {why}"
    origin = origin_of(name)
    return line if origin is None else origin.line(line)


def stop(name: Written, text: str) -> NoReturn:
    """Raises PlacedError with the place of what the user wrote."""
    raise PlacedError(name.origin.line(text) if name.origin is not None else text)


@contextmanager
def located(origin: Origin) -> Iterator[None]:
    """Adds a place to a UsageError: that of the option's key in the domain, else the domain's."""
    try:
        yield
    except PlacedError:
        raise
    except OptionError as error:
        at = origin.below(error.option.removeprefix("--"))
        raise UsageError(at.line(str(error))) from None
    except UsageError as error:
        raise UsageError(origin.line(str(error))) from None
