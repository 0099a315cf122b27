"""The content of a journal (:mod:`xenassign.journal`): a line of JSON, and the mark ``written``."""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.escape import json_line

_SCHEMA = "xenassign/journal/1"
_TOKEN = r"[0-9a-f]{16}"

#: The name of a journal.
NAME = ".xenassign-journal"
#: The line that commits the change.
WRITTEN = b"written\n"


class Entry(NamedTuple):
    """A file of a journal. ``digest``: the SHA-256 of its new content; None: it is removed."""

    name: str
    existed: bool
    digest: str | None


class Record(NamedTuple):
    """The content. ``token``: of the change, in the names of its hidden files.

    ``folders``: all that the change concerns; the journal of the first one decides whether it was
    committed. ``here``: the index of this journal's folder. ``entries``: the files in it.
    """

    token: str
    folders: tuple[str, ...]
    here: int
    entries: tuple[Entry, ...]
    written: bool = False


def to_line(record: Record) -> bytes:
    """The line of a record that is not written yet."""
    data = {"schema": _SCHEMA, **record._asdict()}
    del data["written"]
    return json_line(data).encode() + b"\n"


def parsed(data: bytes) -> Record | None:
    """The record of a file; None: the process died before it had written a whole one.

    Raises ValueError, TypeError, KeyError or RecursionError for another file.
    """
    line, end, mark = data.partition(b"\n")
    if not end:
        return None
    import json

    fields = json.loads(line)
    token, folders, here, entries = (fields[k] for k in ("token", "folders", "here", "entries"))
    if fields["schema"] != _SCHEMA or not re.fullmatch(_TOKEN, token):
        raise ValueError
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise ValueError
    if type(here) is not int or not 0 <= here < len(folders) or not isinstance(entries, list):
        raise ValueError
    return Record(token, tuple(folders), here, tuple(map(_entry, entries)), mark == WRITTEN)


def _entry(fields: list[object]) -> Entry:
    """An entry, whose file is in the folder of the journal."""
    name, existed, digest = fields
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError
    if type(existed) is not bool or not isinstance(digest, str | None):
        raise ValueError
    return Entry(name, existed, digest)
