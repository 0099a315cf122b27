"""The files that a xenassign.toml names."""

from __future__ import annotations

import os
from collections.abc import Iterator

from xenassign.formats.toml_text import KeyPath, TomlFile, as_list
from xenassign.server.included import NamedFile
from xenassign.server.positions import TextPositions

#: The keys whose values are names of files, by the tables that they are in (None: any domain).
_FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "host"),
    ((), "clock-summary"),
    ((), "regulator-summary"),
    (("lint",), "host"),
    (("lint",), "host-overlay"),
    (("lint",), "base"),
    (("domain",), "base-cfg"),
)


def files_of_project(toml: TomlFile, lines: TextPositions) -> Iterator[NamedFile]:
    """The existing files that a xenassign.toml names, with the offsets of their names."""
    for tables, key in _FILES:
        for at, table in _tables(toml, tables):
            place = toml.place((*at, key))
            if place is None:
                continue
            for name in as_list(table.get(key)):
                if not isinstance(name, str):  # it is a mistake, which is a diagnostic
                    continue
                start = lines.text.find(name, lines.offset_of(*place) + len(key))
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
