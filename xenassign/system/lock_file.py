"""The lock as a file: JSON of the schema xenassign/lock/1, written sorted, read strictly."""

from __future__ import annotations

import json
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from xenassign.errors import InputError, reason_of
from xenassign.system.lock import Lock

SCHEMA = "xenassign/lock/1"
_FAMILY = "xenassign/lock/"

#: A way into a JSON document: keys and indexes.
_Way = tuple[str | int, ...]

#: Keys whose names no field of a NamedTuple can have.
_KEYS = {"number": "index", "prop": "property"}

_MAX_SIZE = 64 << 20
_REMEDY = "restore the file, or remove it to lock anew"
_BLANKS = " \t\r\n"


def to_text(lock: Lock) -> str:
    """The file. The same decisions give the same bytes."""
    data = {"schema": SCHEMA, **_encoded(lock)}
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def _encoded(value: Any) -> Any:
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is None:
            return [_encoded(one) for one in value]
        return {_key(name): _encoded(one) for name, one in zip(fields, value, strict=True)}
    return value


def _key(field: str) -> str:
    return _KEYS.get(field, field)


class _ShapeError(Exception):
    """What is wrong, and the way to it."""

    def __init__(self, way: _Way, what: str) -> None:
        super().__init__(what)
        self.way, self.what = way, what


def read_lock(path: Path) -> Lock:
    """Reads a lock. Raises InputError with file, line and column for what is none."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MAX_SIZE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = reason_of(error)
        raise InputError(f"{path}: {reason}; give the lock of an earlier build") from None
    if len(data) > _MAX_SIZE:
        raise InputError(f"{path}: larger than {_MAX_SIZE >> 20} MiB; that is no lock")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        raise InputError(f"{_at(path, before, len(before))}: is not UTF-8; {_REMEDY}") from None
    return parse_lock(text, str(path))


def parse_lock(text: str, file: str) -> Lock:
    """The lock of a text. Raises InputError as ``read_lock``."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"{file}:{error.lineno}:{error.colno}: is no JSON ({error.msg}); {_REMEDY}"
        raise InputError(what) from None
    except (RecursionError, ValueError):  # nested too deeply; a number of thousands of digits
        raise InputError(f"{file}:1:1: is no lock; {_REMEDY}") from None
    try:
        _check_schema(data)
        inner = {key: value for key, value in data.items() if key != "schema"}
        lock: Lock = _decoded(Lock, inner, ())
        _check_names(lock)
    except _ShapeError as error:
        at = _at(file, text, _offset(text, error.way))
        raise InputError(f"{at}: {error.what}") from None
    return lock


def _at(file: str | Path, text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return f"{file}:{line}:{column}"


def _check_schema(data: object) -> None:
    if not isinstance(data, dict) or "schema" not in data:
        raise _ShapeError((), f"is no lock of xenassign (no schema {SCHEMA}); {_REMEDY}")
    schema = data["schema"]
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(_FAMILY):
        what = f"the schema {schema} is not known; this xenassign reads {SCHEMA}: take the one that"
        raise _ShapeError(("schema",), f"{what} wrote it, or remove the file to lock anew")
    raise _ShapeError(("schema",), f"is no lock of xenassign; its schema is {SCHEMA}; {_REMEDY}")


def _check_names(lock: Lock) -> None:
    """What is known again by its name has one of its own."""
    for way, names in _named(lock):
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            second = [n for n, name in enumerate(names) if name == twice][1]
            raise _ShapeError((*way, second), f"{twice} is there twice; {_REMEDY}")


def _named(lock: Lock) -> Iterator[tuple[_Way, list[str]]]:
    yield ("hosts",), [host.host for host in lock.hosts]
    for h, host in enumerate(lock.hosts):
        domains: _Way = ("hosts", h, "domains")
        yield domains, [one.name for one in host.domains]
        for d, domain in enumerate(host.domains):
            yield (*domains, d, "devices"), [one.name for one in domain.devices]
            yield (*domains, d, "regions"), [one.name for one in domain.regions]


# ---------------------------------------------------------------------- shapes


def _decoded(kind: Any, value: Any, way: _Way) -> Any:
    """A value of a type: a NamedTuple, tuple[X, ...], X | None, int, str or bool."""
    if get_origin(kind) in (Union, types.UnionType):
        return None if value is None else _decoded(get_args(kind)[0], value, way)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _ShapeError(way, f"{_called(way)} is no list; {_REMEDY}")
        return tuple(_decoded(get_args(kind)[0], v, (*way, n)) for n, v in enumerate(value))
    if hasattr(kind, "_fields"):
        return _object(kind, value, way)
    natural = type(value) is int and 0 <= value < 1 << 64
    good = natural if kind is int else type(value) is kind
    if not good:
        wanted = {int: "number of 64 bits", str: "text", bool: "true or false"}[kind]
        raise _ShapeError(way, f"{_called(way)} is no {wanted}; {_REMEDY}")
    return value


def _object(kind: Any, value: Any, way: _Way) -> Any:
    if not isinstance(value, dict):
        raise _ShapeError(way, f"{_called(way)} is no object; {_REMEDY}")
    fields = {_key(name): hint for name, hint in get_type_hints(kind).items()}
    for name in value:
        if name not in fields:
            raise _ShapeError((*way, name), f"{name} is not known here; {_REMEDY}")
    for name in fields:
        if name not in value:
            raise _ShapeError(way, f"{_called(way)} lacks {name}; {_REMEDY}")
    return kind(*(_decoded(hint, value[name], (*way, name)) for name, hint in fields.items()))


def _called(way: _Way) -> str:
    return next((str(step) for step in reversed(way) if isinstance(step, str)), "the lock")


def _offset(text: str, way: _Way) -> int:
    """Where the value at the end of a way stands in a text that is JSON."""
    decoder = json.JSONDecoder()
    at = _blank(text, 0)
    for step in way:
        found = -1
        at, number = _blank(text, at + 1), 0
        while text[at] not in "]}":
            key: str | int = number
            if isinstance(step, str):
                key, at = decoder.raw_decode(text, at)
                at = _blank(text, _blank(text, at) + 1)
            if key == step:
                found = at  # of a key that is there twice, the last counts
            _, at = decoder.raw_decode(text, at)
            at, number = _blank(text, at), number + 1
            if text[at] == ",":
                at = _blank(text, at + 1)
        at = found
    return at


def _blank(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at
