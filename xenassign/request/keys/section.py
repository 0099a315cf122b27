"""A section of xenassign.toml as data: its keys, and the kinds of values of several sections."""

from __future__ import annotations

from typing import Any, NamedTuple

from xenassign.escape import toml_key
from xenassign.findings import ROUTES
from xenassign.request import units
from xenassign.request.boot_request import WHERE
from xenassign.request.request import CLOCK_RATE_MAX, DOMAIN_NAME_RULE, MEMORY_ACTIONS
from xenassign.request.value_kinds import (
    AnyText,
    Choice,
    Either,
    Fixed,
    Integer,
    Kind,
    Many,
    Ranges,
    one_or_more,
)
from xenassign.xen.releases import DOMAIN_NAME


class Key(NamedTuple):
    """A key. ``example``: a value as TOML; ``field``: the field of ``Request`` that it sets."""

    name: str
    kind: Kind | Section
    doc: str
    example: str = ""
    field: str | None = None
    required: bool = False

    @property
    def hint(self) -> str:
        """The fix for a key that is missing, or whose value has another type."""
        name = toml_key(self.name)
        if isinstance(self.kind, Section):
            short = f"{name} = {self.example}, or " if self.example else ""
            return f"write {short}{self.kind.header}"
        return f"write {name} = {self.example}"

    def schema(self) -> dict[str, Any]:
        """JSON Schema of its value, with its meaning."""
        if not isinstance(self.kind, Section):
            return {"description": self.doc, **self.kind.schema()}
        table = self.kind.schema()
        if self.kind.short is not None:
            table = {"anyOf": [self.kind.short.schema(), table]}
        form = {"type": "array", "items": table} if self.kind.repeated else table
        return {"description": self.doc, **form}


class Section(NamedTuple):
    """A table with keys. ``repeated``: it is a list of such tables.

    ``short``: a value that may replace one of the tables. ``title``: the noun of one of them in
    messages, and the key with its name.
    """

    header: str
    keys: tuple[Key, ...]
    repeated: bool = False
    title: tuple[str, str] | None = None
    short: Kind | None = None

    @property
    def noun(self) -> str:
        """The type of the value in messages, without an article."""
        return "list of tables" if self.repeated else "section"

    def get(self, name: str) -> Key | None:
        """The key with a name, None if there is no such key."""
        return next((key for key in self.keys if key.name == name), None)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of one of the tables."""
        return {
            "type": "object",
            "properties": {key.name: key.schema() for key in self.keys},
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": False,
        }


# Kinds of values of several sections.

TEXT = AnyText()
NODE = AnyText(r"[\s\S]*\S[\s\S]*", "name a device")
FILE = AnyText(r"[\s\S]*\S[\s\S]*", "name a file")
REASON = AnyText(r"[\s\S]*\S[\s\S]*", "write the reason")
NAME = AnyText(DOMAIN_NAME, DOMAIN_NAME_RULE)
ROUTE = one_or_more(Choice(ROUTES))
LOAD = AnyText(WHERE, 'write "ADDRESS:SIZE", "ADDRESS:FILE" or "FILE"')
ADDRESS = Integer(0, (1 << 48) - 1)
SIZE = Either((ADDRESS, AnyText(units.SIZE, 'give bytes, or a text as "64K"')))
WINDOW = Fixed({"window": Many(ADDRESS, 2)})
RATE = Either(
    (Integer(1, CLOCK_RATE_MAX, "Hz"), AnyText(units.RATE, 'give Hz, or a text as "125MHz"'))
)
MEMORY_ACTION = Choice(MEMORY_ACTIONS)

RANGES = Ranges()
