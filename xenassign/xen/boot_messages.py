"""What Xen, xl and a guest's Linux print when an assignment fails, and the rules that it is about.

The table is knowledge/boot-messages.txt, whose first comment says how to add a message.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.tables import Table, TableEntry, TableStatement, table_path

#: The facts in a message, by their word in the table.
_FACTS = {
    "INTID": r"(?P<INTID>\d+)",
    "NODE": r"(?P<NODE>\S+)",
    "PAGE": r"(?P<PAGE>[0-9a-f]+)",
    "ADDRESS": r"(?P<ADDRESS>[0-9a-f]+)",
    "DEVICE": r"(?P<DEVICE>[^\s:]+)",
}


class BootMessage(NamedTuple):
    """A message: the lines that are it, alone or (``last``) at the end of a log, and its rules.

    ``codes``: the most frequent first; none if it always follows from another message.
    ``general``: it may follow from an earlier one.
    """

    name: str
    lines: tuple[re.Pattern[str], ...]
    last: tuple[re.Pattern[str], ...]
    codes: tuple[str, ...]
    general: bool


def read_messages(path: Path) -> tuple[BootMessage, ...]:
    """A table like knowledge/boot-messages.txt, in its order. Raises InputError."""
    verbs = ("prints", "ends", "rules", "general", "follows")
    table = Table(path, ("source",), verbs, plain_names=True)
    return tuple(_message(table, entry) for entry in table.entries())


@lru_cache(maxsize=1)
def boot_messages() -> tuple[BootMessage, ...]:
    """The messages of this installation. Raises InputError."""
    return read_messages(table_path("boot-messages"))


def _message(table: Table, entry: TableEntry) -> BootMessage:
    table.heading(entry, "source")
    by_verb: dict[str, list[TableStatement]] = {}
    for statement in entry.statements:
        by_verb.setdefault(statement.verb, []).append(statement)
    codes = [word.text for statement in by_verb.get("rules", ()) for word in statement.words]
    lines, last = (
        tuple(_pattern(table, statement) for statement in by_verb.get(verb, ()))
        for verb in ("prints", "ends")
    )
    if bool(codes) == ("follows" in by_verb) or not (lines or last):
        fix = "write 'prints: TEXT', and 'rules CODE' or 'follows'"
        raise table.error(entry.line, f"{entry.name} lacks its text or its rules", fix)
    return BootMessage(entry.name, lines, last, tuple(codes), "general" in by_verb)


def _pattern(table: Table, statement: TableStatement) -> re.Pattern[str]:
    if statement.words or not statement.text:
        raise table.error(statement.line, "the text is missing", f"write '{statement.verb}: TEXT'")
    text = re.escape(statement.text).replace(r"\*", ".*")
    for word, pattern in _FACTS.items():
        text = text.replace(f"<{word}>", pattern)
    return re.compile(text)
