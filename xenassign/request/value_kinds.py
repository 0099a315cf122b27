"""Kinds of values of a settings file: what each accepts, in words, and as JSON Schema.

A kind judges a value that ``tomllib`` read. ``noun`` completes "KEY is no …".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from xenassign.formats.toml_text import KeyPath


class Wrong(NamedTuple):
    """What is wrong with a value. ``at``: where in it; ``text`` stands behind the key's name.

    ``fix``: what to do, where the key's example does not say it. ``whole``: ``text`` names what it
    is about itself.
    """

    at: KeyPath
    text: str
    fix: str | None = None
    whole: bool = False


class Kind(Protocol):
    """A kind of value."""

    @property
    def noun(self) -> str: ...

    def wrong(self, value: object) -> Wrong | None:
        """What is wrong with a value, None if nothing is."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the values."""


@dataclass(frozen=True, slots=True)
class AnyText:
    """A string. ``pattern``: what all of it matches, and ``rule`` what to do where it does not."""

    pattern: str | None = None
    rule: str | None = None
    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        """A string that the pattern describes."""
        if not isinstance(value, str):
            return Wrong((), f"is no {self.noun}")
        if self.pattern is None or re.fullmatch(self.pattern, value):
            return None
        return Wrong((), f"cannot be {value!r}" if value.strip() else "is empty", self.rule)

    def schema(self) -> dict[str, Any]:
        """With the pattern, which JSON Schema does not anchor."""
        found: dict[str, Any] = {"type": "string"}
        return found if self.pattern is None else {**found, "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer from ``least`` to ``most``. ``unit`` follows the limits in messages."""

    least: int
    most: int
    unit: str = ""
    noun: str = "integer"

    def wrong(self, value: object) -> Wrong | None:
        """An integer within the limits; TOML's booleans are none."""
        if not isinstance(value, int) or isinstance(value, bool):
            return Wrong((), f"is no {self.noun}")
        if self.least <= value <= self.most:
            return None
        most = self.most if self.most < 1 << 20 else hex(self.most)
        fix = f"give {self.least} to {most} {self.unit}".rstrip()
        return Wrong((), f"cannot be {value if abs(value) < 1 << 32 else hex(value)}", fix)

    def schema(self) -> dict[str, Any]:
        """With the limits."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false. ``only``: the one of them that has a meaning."""

    only: bool | None = None
    rule: str | None = None
    noun: str = "boolean"

    def wrong(self, value: object) -> Wrong | None:
        """A boolean."""
        if not isinstance(value, bool):
            return Wrong((), f"is no {self.noun}")
        wrong = self.only is not None and value is not self.only
        return Wrong((), f"cannot be {str(value).lower()}", self.rule) if wrong else None

    def schema(self) -> dict[str, Any]:
        """A boolean, or the one."""
        return {"type": "boolean"} if self.only is None else {"const": self.only}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few strings."""

    values: tuple[str, ...]
    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        """One of them."""
        if not isinstance(value, str):
            return Wrong((), f"is no {self.noun}")
        if value in self.values:
            return None
        *others, last = self.values
        there = f"there are {', '.join(others)} and {last}" if others else f"there is {last}"
        return Wrong((), f"no KEY {value}; {there}", whole=True)

    def schema(self) -> dict[str, Any]:
        """The strings."""
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Many:
    """A list of one kind. ``length``: how many; None: any number, but not none."""

    item: Kind
    length: int | None = None
    empty: bool = False

    @property
    def noun(self) -> str:
        """For messages."""
        return f"list of {_plural(self.item.noun)}"

    def wrong(self, value: object) -> Wrong | None:
        """A list whose elements are all of the kind."""
        if not isinstance(value, list):
            return Wrong((), f"is no {self.noun}")
        if self.length is not None and len(value) != self.length:
            return Wrong((), f"has {len(value)} elements, not {self.length}")
        if not value and not self.empty:
            return Wrong((), "is an empty list")
        for index, item in enumerate(value):
            found = self.item.wrong(item)
            if found is not None:
                own = found.text == f"is no {self.item.noun}" and not found.at
                found = found._replace(text=f"is no {self.noun}") if own else found
                return found._replace(at=(index, *found.at))
        return None

    def schema(self) -> dict[str, Any]:
        """An array."""
        least = self.length if self.length is not None else int(not self.empty)
        limits: dict[str, int] = {"minItems": least} if least else {}
        if self.length is not None:
            limits["maxItems"] = self.length
        return {"type": "array", "items": self.item.schema(), **limits}


@dataclass(frozen=True, slots=True)
class Named:
    """A table with values of one kind; the user chooses its keys, out of ``names`` if given."""

    item: Kind
    names: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """For messages."""
        return f"table of {_plural(self.item.noun)}"

    def wrong(self, value: object) -> Wrong | None:
        """A table whose values are all of the kind."""
        if not isinstance(value, dict):
            return Wrong((), f"is no {self.noun}")
        for name, item in value.items():
            if self.names and name not in self.names:
                return Wrong((name,), "is not known", f"it has {', '.join(self.names)}")
            found = self.item.wrong(item)
            if found is not None:
                return found._replace(at=(name, *found.at))
        return None if value else Wrong((), "is an empty table")

    def schema(self) -> dict[str, Any]:
        """An object."""
        names = {"propertyNames": {"enum": list(self.names)}} if self.names else {}
        return {
            "type": "object",
            "additionalProperties": self.item.schema(),
            **names,
            "minProperties": 1,
        }


@dataclass(frozen=True, slots=True)
class Fixed:
    """A table with exactly these keys."""

    items: Mapping[str, Kind]

    @property
    def noun(self) -> str:
        """For messages."""
        return f"table {{{', '.join(f'{name} = …' for name in self.items)}}}"

    def wrong(self, value: object) -> Wrong | None:
        """A table with all of the keys and no others."""
        if not isinstance(value, dict) or set(value) != set(self.items):
            return Wrong((), f"is no {self.noun}")
        for name, kind in self.items.items():
            found = kind.wrong(value[name])
            if found is not None:
                return found._replace(at=(name, *found.at))
        return None

    def schema(self) -> dict[str, Any]:
        """An object."""
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.items.items()},
            "required": list(self.items),
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds. Strings, numbers, lists and tables tell which one was meant."""

    kinds: tuple[Kind, ...]

    @property
    def noun(self) -> str:
        """For messages."""
        return " or ".join(dict.fromkeys(kind.noun for kind in self.kinds))

    def wrong(self, value: object) -> Wrong | None:
        """Of any of them; else what is wrong for the one whose form fits."""
        told: list[Wrong] = []
        for kind in self.kinds:
            found = kind.wrong(value)
            if found is None:
                return None
            told.append(found)
        deep = [
            one
            for one, kind in zip(told, self.kinds, strict=True)
            if one.at or one.text != f"is no {kind.noun}"
        ]
        return deep[0] if deep else Wrong((), f"is no {self.noun}")

    def schema(self) -> dict[str, Any]:
        """Any of them."""
        return {"anyOf": [kind.schema() for kind in self.kinds]}


def one_or_more(kind: Kind) -> Kind:
    """A list, or its only element without brackets."""
    return Either((kind, Many(kind)))


def as_list(value: object) -> list[Any]:
    """What :func:`one_or_more` accepted, as a list; None is an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _plural(noun: str) -> str:
    """Of "string", "list of strings", "boolean or integer"."""
    return " or ".join(_one_plural(part) for part in noun.split(" or "))


def _one_plural(noun: str) -> str:
    head, of, rest = noun.partition(" ")
    return f"{head}s{of}{rest}"
