"""What properties of Xen's and keys of dom.cfg mean: the table knowledge/words.txt."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xenassign.tables import Table, table_path
from xenassign.xen.releases import Release

DEVICE, HOST, DOMAIN, CFG = "device", "host", "domain", "cfg"
PLACES = (DEVICE, HOST, DOMAIN, CFG)


def read_words(path: Path) -> dict[str, dict[str, str]]:
    """The texts by place and name. Raises InputError."""
    table = Table(path, (), PLACES, plain_names=True)
    words: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    for entry in table.entries():
        for statement in entry.statements:
            words[statement.verb][entry.name] = statement.text
    return words


@cache
def _words() -> dict[str, dict[str, str]]:
    return read_words(table_path("words"))


def meaning(place: str, name: str) -> str | None:
    """What a name means at a place."""
    return _words()[place].get(name)


def names_at(place: str, release: Release) -> dict[str, str]:
    """The names that a release knows at a place, with their meanings ("" if there is no text)."""
    words = _words()[place]
    if place == CFG:
        return {name: words.get(name, "") for name in sorted(release.xl_keys)}
    if place == DOMAIN:
        return {name: words.get(name, "") for name in sorted(release.domain_properties)}
    return words
