"""Kinds of values of a settings file: what each accepts, in words, and as JSON Schema.

A kind checks a value that ``tomllib`` read. ``noun`` names its values in messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from xenassign.formats.toml_text import KeyPath


class Wrong(NamedTuple):
    """What is wrong with a value. ``at``: where in it; ``text`` follows the key's name.

    ``fix``: what to do, where the key's example does not show it. ``other_type``: the value is of
    another type than those of the kind.
    """

    at: KeyPath
    text: str
    fix: str | None = None
    other_type: bool = False


class Kind(Protocol):
    """A kind of value."""

    @property
    def noun(self) -> str:
        """The values in messages, singular, without an article."""

    def wrong(self, value: object) -> Wrong | None:
        """What is wrong with a value, None if nothing is. Never raises."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the values: what :meth:`wrong` accepts."""


def _other_type(kind: Kind) -> Wrong:
    article = "an" if kind.noun[0] in "aeiou" else "a"
    return Wrong((), f"is not {article} {kind.noun}", other_type=True)


class AnyText(NamedTuple):
    """A string that ``pattern`` matches from end to end. ``rule``: the fix where it does not."""

    pattern: str | None = None
    rule: str | None = None
    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, str):
            return _other_type(self)
        if self.pattern is None or re.fullmatch(self.pattern, value):
            return None
        return Wrong((), f"{value!r} is invalid" if value.strip() else "is empty", self.rule)

    def schema(self) -> dict[str, Any]:
        if self.pattern is None:
            return {"type": "string"}
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}  # JSON Schema has no anchors


#: A number, or a range. With a leading zero Xen takes it as octal, xl as decimal.
_RANGE = "(0|[1-9][0-9]{0,4})(-(0|[1-9][0-9]{0,4}))?"
_LIST = AnyText(f"{_RANGE}(,{_RANGE})*", 'write it as "0-3,6"')


class Ranges(NamedTuple):
    """A string that lists CPUs or colors: numbers and ranges, as ``0-3,6``."""

    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        if (wrong := _LIST.wrong(value)) is not None:
            return wrong
        parts = [part.split("-") for part in str(value).split(",")]
        empty = next(("-".join(part) for part in parts if int(part[0]) > int(part[-1])), None)
        if empty is None:
            return None
        return Wrong((), f"has the range {empty}, which is empty", "write the lower number first")

    def schema(self) -> dict[str, Any]:
        return _LIST.schema()


class Integer(NamedTuple):
    """An integer from ``least`` to ``most``. ``unit`` follows the limits in messages."""

    least: int
    most: int
    unit: str = ""
    noun: str = "integer"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, int) or isinstance(value, bool):  # bool is an int in Python
            return _other_type(self)
        if self.least <= value <= self.most:
            return None
        shown = value if abs(value) < 1 << 32 else hex(value)
        most = self.most if self.most < 1 << 32 else hex(self.most)
        limits = f"{self.least} to {most} {self.unit}".rstrip()
        return Wrong((), f"{shown} is out of range ({limits})")

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag(NamedTuple):
    """True or false. ``only``: the one that is valid; ``rule``: the fix for the other one."""

    only: bool | None = None
    rule: str | None = None
    noun: str = "boolean"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, bool):
            return _other_type(self)
        wrong = self.only is not None and value is not self.only
        return Wrong((), f"cannot be {str(value).lower()}", self.rule) if wrong else None

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"} if self.only is None else {"const": self.only}


class Choice(NamedTuple):
    """One of a few strings."""

    values: tuple[str, ...]
    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, str):
            return _other_type(self)
        if value in self.values:
            return None
        *others, last = self.values
        choices = f"{', '.join(others)} or {last}" if others else last
        return Wrong((), f"{value!r} is invalid", f"give {choices}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


class DeviceKind(NamedTuple):
    """A kind of device of knowledge/kinds.txt, which is read when the first value is checked."""

    noun: str = "string"

    def wrong(self, value: object) -> Wrong | None:
        return self._choice().wrong(value)

    def schema(self) -> dict[str, Any]:
        return self._choice().schema()

    def _choice(self) -> Choice:
        from xenassign.host.kinds import kind_table

        return Choice(kind_table().kinds())


class Many(NamedTuple):
    """A list of one kind. ``length``: the number of elements; None: one or more.

    ``empty``: whether an empty list is valid too.
    """

    item: Kind
    length: int | None = None
    empty: bool = False

    @property
    def noun(self) -> str:
        return f"list of {_plural(self.item.noun)}"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, list):
            return _other_type(self)
        if self.length is not None and len(value) != self.length:
            return Wrong((), f"has {len(value)} elements, not {self.length}")
        if not value and not self.empty:
            return Wrong((), "is an empty list")
        for index, item in enumerate(value):
            wrong = self.item.wrong(item)
            if wrong is not None:
                if wrong.other_type and not wrong.at:  # the message names the type of the list
                    wrong = _other_type(self)
                return wrong._replace(at=(index, *wrong.at))
        return None

    def schema(self) -> dict[str, Any]:
        least = self.length if self.length is not None else int(not self.empty)
        limits: dict[str, int] = {"minItems": least} if least else {}
        if self.length is not None:
            limits["maxItems"] = self.length
        return {"type": "array", "items": self.item.schema(), **limits}


class Named(NamedTuple):
    """A table with values of one kind; the user chooses its keys, out of ``names`` if given."""

    item: Kind
    names: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        return f"table of {_plural(self.item.noun)}"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, dict):
            return _other_type(self)
        for name, item in value.items():
            if self.names and name not in self.names:
                return Wrong((name,), "is unknown", f"give {', '.join(self.names)}")
            wrong = self.item.wrong(item)
            if wrong is not None:
                return wrong._replace(at=(name, *wrong.at))
        return None if value else Wrong((), "is an empty table")

    def schema(self) -> dict[str, Any]:
        names = {"propertyNames": {"enum": list(self.names)}} if self.names else {}
        return {
            "type": "object",
            "additionalProperties": self.item.schema(),
            **names,
            "minProperties": 1,
        }


class Fixed(NamedTuple):
    """A table with exactly these keys."""

    items: Mapping[str, Kind]

    @property
    def noun(self) -> str:
        return f"table {{{', '.join(f'{name} = …' for name in self.items)}}}"

    def wrong(self, value: object) -> Wrong | None:
        if not isinstance(value, dict) or set(value) != set(self.items):
            return _other_type(self)
        for name, kind in self.items.items():
            wrong = kind.wrong(value[name])
            if wrong is not None:
                return wrong._replace(at=(name, *wrong.at))
        return None

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.items.items()},
            "required": list(self.items),
            "additionalProperties": False,
        }


class Either(NamedTuple):
    """One of several kinds, which differ in the types of their values."""

    kinds: tuple[Kind, ...]

    @property
    def noun(self) -> str:
        return " or ".join(dict.fromkeys(kind.noun for kind in self.kinds))

    def wrong(self, value: object) -> Wrong | None:
        """What is wrong for the kind whose type the value has."""
        mistakes: list[Wrong] = []
        for kind in self.kinds:
            wrong = kind.wrong(value)
            if wrong is None:
                return None
            mistakes.append(wrong)
        of_type = [wrong for wrong in mistakes if wrong.at or not wrong.other_type]
        return of_type[0] if of_type else _other_type(self)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


def one_or_more(kind: Kind) -> Kind:
    """The kind of a list that may be written without brackets if it has one element."""
    return Either((kind, Many(kind)))


def _plural(noun: str) -> str:
    """The plural of "string", "list of strings" or "boolean or integer"."""
    return " or ".join(_plural_of_word(part) for part in noun.split(" or "))


def _plural_of_word(noun: str) -> str:
    head, space, rest = noun.partition(" ")
    return f"{head}s{space}{rest}"
