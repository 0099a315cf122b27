"""The files that a xenassign.toml names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from xenassign.formats.toml_text import KeyPath, TomlFile
from xenassign.request.value_kinds import as_list
from xenassign.server.included import NamedFile

#: The keys whose values are names of files, by the tables that they are in (None: any domain).
_FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "host"),
    ((), "clock-summary"),
    ((), "regulator-summary"),
    (("lint",), "host"),
    (("lint",), "host-overlay"),
    (("domain",), "base-cfg"),
)


def files_of_project(toml: TomlFile) -> Iterator[NamedFile]:
    """The existing files that a xenassign.toml names, with the offsets of their names."""
    starts = [0, *(end.end() for end in re.finditer("\n", toml.text))]
    for tables, key in _FILES:
        for at, table in _tables(toml, tables):
            place = toml.place((*at, key))
            for name in as_list(table.get(key)) if place is not None else ():
                line, column = place or (1, 1)
                start = toml.text.find(name, starts[line - 1] + column - 1 + len(key))
                path = os.path.join(os.path.dirname(toml.file), name)
                if start >= 0 and os.path.isfile(path):
                    yield NamedFile(start, start + len(name), os.path.realpath(path))


def _tables(toml: TomlFile, names: tuple[str, ...]) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    if not names:
        yield (), toml.values
    for name in names:
        value = toml.values.get(name, {})
        if isinstance(value, dict):
            yield (name,), value
        elif isinstance(value, list):
            yield from (((name, n), item) for n, item in enumerate(value) if isinstance(item, dict))
