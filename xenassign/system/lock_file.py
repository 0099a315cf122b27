"""The lock as a file: JSON of the schema xenassign/lock/1, written sorted, read strictly."""

from __future__ import annotations

import json
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from xenassign import escape
from xenassign.errors import InputError, reason_of
from xenassign.reading import read
from xenassign.system.lock import Lock

SCHEMA = "xenassign/lock/1"
_FAMILY = "xenassign/lock/"

#: The keys and indexes that lead to a value of a JSON document.
_Steps = tuple[str | int, ...]

#: Keys that differ from the names of the fields. Some cannot be fields of a NamedTuple.
_KEYS = {"number": "index", "prop": "property", "stubs": "stand_ins"}

_FIX = "restore the file, or remove it to write a new lock"
_BLANKS = " \t\r\n"


def to_text(lock: Lock) -> str:
    """The text of the file. Equal locks give equal texts."""
    data = {"schema": SCHEMA, **_encoded(lock)}
    return escape.json_document(data, sort=True, only_ascii=True)


def _encoded(value: Any) -> Any:
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [_encoded(item) for item in value]
        return {_key(name): _encoded(item) for name, item in zip(fields, value, strict=True)}
    return value


def _key(field: str) -> str:
    return _KEYS.get(field, field)


class _ShapeError(Exception):
    """A value that is invalid, by the steps to it, and the message."""

    def __init__(self, steps: _Steps, message: str) -> None:
        super().__init__(message)
        self.steps = steps


def read_lock(path: Path) -> Lock:
    """Reads a lock. Raises InputError with file, line and column if the file is not a lock."""
    try:
        data = read(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = reason_of(error)
        raise InputError(f"{path}: {reason}; give the lock of an earlier build") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        raise InputError(f"{_place(path, before, len(before))}: is not UTF-8; {_FIX}") from None
    return parse_lock(text, str(path))


def older_lock(path: Path | None, *, required: bool) -> Lock | None:
    """The lock of the last run, if there is one. Raises InputError if not and it is ``required``.

    ``path``: None if the run has no lock.
    """
    return read_lock(path) if path is not None and (required or path.exists()) else None


def parse_lock(text: str, file: str) -> Lock:
    """The lock of a text. Raises InputError as ``read_lock``."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        raise InputError(f"{place}: is not JSON ({error.msg}); {_FIX}") from None
    except (RecursionError, ValueError):  # nested too deeply; a number of thousands of digits
        raise InputError(f"{file}:1:1: is not a lock; {_FIX}") from None
    try:
        _check_schema(data)
        inner = {key: value for key, value in data.items() if key != "schema"}
        lock: Lock = _decoded(Lock, inner, ())
        _check_names(lock)
    except _ShapeError as error:
        place = _place(file, text, _offset(text, error.steps))
        raise InputError(f"{place}: {error}") from None
    return lock


def _place(file: str | Path, text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return f"{file}:{line}:{column}"


def _check_schema(data: object) -> None:
    if not isinstance(data, dict) or "schema" not in data:
        raise _ShapeError((), f"is not a lock of xenassign (no schema {SCHEMA}); {_FIX}")
    schema = data["schema"]
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(_FAMILY):
        problem = f"the schema {schema} is not known; this xenassign reads {SCHEMA}"
        fix = "use the release that wrote it, or remove the file to write a new lock"
        raise _ShapeError(("schema",), f"{problem}: {fix}")
    raise _ShapeError(("schema",), f"is not a lock of xenassign; its schema is {SCHEMA}; {_FIX}")


def _check_names(lock: Lock) -> None:
    """Raises _ShapeError for two hosts, or two of a host or a domain, with the same name."""
    for steps, names in _named(lock):
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            second = [n for n, name in enumerate(names) if name == twice][1]
            raise _ShapeError((*steps, second), f"{twice} is listed twice; {_FIX}")


def _named(lock: Lock) -> Iterator[tuple[_Steps, list[str]]]:
    """(steps to a list, names of its entries) of each list whose entries have names."""
    yield ("hosts",), [host.host for host in lock.hosts]
    for h, host in enumerate(lock.hosts):
        domains: _Steps = ("hosts", h, "domains")
        yield domains, [domain.name for domain in host.domains]
        for d, domain in enumerate(host.domains):
            yield (*domains, d, "devices"), [device.name for device in domain.devices]
            yield (*domains, d, "regions"), [region.name for region in domain.regions]
            yield (*domains, d, "channels"), [channel.title for channel in domain.channels]


# ---------------------------------------------------------------------- shapes


def _decoded(kind: Any, value: Any, steps: _Steps) -> Any:
    """A value of a type: a NamedTuple, tuple[X, ...], X | None, int, str or bool.

    A field with a default is one that older locks lack.
    """
    if get_origin(kind) in (Union, types.UnionType):
        return None if value is None else _decoded(get_args(kind)[0], value, steps)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _ShapeError(steps, f"{_name(steps)} is not a list; {_FIX}")
        return tuple(_decoded(get_args(kind)[0], v, (*steps, n)) for n, v in enumerate(value))
    if hasattr(kind, "_fields"):
        return _object(kind, value, steps)
    if type(value) is not kind or (kind is int and not 0 <= value < 1 << 64):
        required = {int: "a 64-bit integer", str: "a string", bool: "true or false"}[kind]
        raise _ShapeError(steps, f"{_name(steps)} is not {required}; {_FIX}")
    return value


def _object(kind: Any, value: Any, steps: _Steps) -> Any:
    if not isinstance(value, dict):
        raise _ShapeError(steps, f"{_name(steps)} is not an object; {_FIX}")
    fields = {_key(name): hint for name, hint in get_type_hints(kind).items()}
    for name in value:
        if name not in fields:
            raise _ShapeError((*steps, name), f"{name} is not known here; {_FIX}")
    decoded = {_key(name): default for name, default in kind._field_defaults.items()}
    for name, hint in fields.items():
        if name in value:
            decoded[name] = _decoded(hint, value[name], (*steps, name))
        elif name not in decoded:
            raise _ShapeError(steps, f"{_name(steps)} lacks {name}; {_FIX}")
    return kind(*(decoded[name] for name in fields))


def _name(steps: _Steps) -> str:
    return next((str(step) for step in reversed(steps) if isinstance(step, str)), "the lock")


def _offset(text: str, steps: _Steps) -> int:
    """The offset of the value that the steps lead to in a text that is valid JSON."""
    decoder = json.JSONDecoder()
    at = _skip_blanks(text, 0)
    for step in steps:
        start = -1
        at, number = _skip_blanks(text, at + 1), 0
        while text[at] not in "]}":
            key: str | int = number
            if isinstance(step, str):
                key, at = decoder.raw_decode(text, at)
                at = _skip_blanks(text, _skip_blanks(text, at) + 1)
            if key == step:
                start = at  # JSON takes the last of two equal keys
            _, at = decoder.raw_decode(text, at)
            at, number = _skip_blanks(text, at), number + 1
            if text[at] == ",":
                at = _skip_blanks(text, at + 1)
        at = start
    return at


def _skip_blanks(text: str, at: int) -> int:
    """The offset of the next character that is not blank."""
    while text[at] in _BLANKS:
        at += 1
    return at
