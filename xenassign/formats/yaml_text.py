"""YAML files, and the line of every value in them.

``ruamel.yaml`` composes the nodes; they are read here, so that no tag constructs an object, aliases
that expand without end are refused, and each value keeps its line. Besides YAML's ``<<``, the
``<<+`` and ``<<*`` of Lopper are read: in a mapping they merge mappings and lists of mappings, in a
list their elements are elements of it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from xenassign.errors import InputError, reason_of
from xenassign.reading import read

#: Bytes of a file: a domains.yaml has some kilobytes, and the parser is slow.
MAX_YAML = 1 << 20
#: Values of a file, with those that aliases repeat.
MAX_VALUES = 100_000
_DEPTH = 64
_MERGES = ("<<", "<<+", "<<*")
_SCALARS = {
    "null": re.compile(r"|~|null|Null|NULL"),
    "true": re.compile(r"true|True|TRUE"),
    "false": re.compile(r"false|False|FALSE"),
    "number": re.compile(r"[-+]?[0-9]{1,40}|0x[0-9a-fA-F]{1,32}|0o[0-7]{1,40}"),
}

Content: TypeAlias = "dict[str, YamlValue] | list[YamlValue] | str | int | bool | None"


class YamlValue(NamedTuple):
    """A value and its line, from 1."""

    content: Content
    line: int

    @property
    def entries(self) -> dict[str, YamlValue]:
        """The entries of a mapping; empty for another value."""
        return self.content if isinstance(self.content, dict) else {}

    @property
    def items(self) -> list[YamlValue]:
        """The elements of a list; another value is a list of itself, and null has none."""
        if isinstance(self.content, list):
            return self.content
        return [] if self.content is None else [self]


def read_yaml(path: str) -> YamlValue:
    """The value of a file with one document. Raises InputError with line and column."""
    try:
        text = read(path, MAX_YAML).decode("utf-8")
    except (OSError, ValueError) as error:
        known = isinstance(error, OSError) or not isinstance(error, UnicodeDecodeError)
        reason = reason_of(error) if known else "is not UTF-8 text"
        raise InputError(f"{path}: {reason}; give a file of YAML") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, file: str) -> YamlValue:
    """The value of a text; ``file`` is its name in messages. Raises InputError."""
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError
    except ImportError:
        raise InputError(
            f"{file}: YAML requires ruamel.yaml; pip install 'xenassign[domains]'"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an anchor that is defined twice
            node = YAML(typ="safe", pure=True).compose(text)
        return _YamlReader(file).value(node, 0) if node is not None else YamlValue(None, 1)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        problem = " ".join(str(error.problem or error.context or "a syntax error").split())
        raise InputError(f"{file}{place}: {problem}; fix the YAML") from None
    except YAMLError as error:
        raise InputError(f"{file}: {' '.join(str(error).split())}; fix the YAML") from None
    except (RecursionError, ValueError, OverflowError):  # of the parser, for absurd texts
        raise InputError(f"{file}: is not YAML that can be read; fix the YAML") from None


class _YamlReader:
    """Reads composed nodes. Aliases are nodes of several parents, and may contain themselves."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def value(self, node: Any, depth: int) -> YamlValue:
        line = node.start_mark.line + 1
        self._count += 1
        if depth > _DEPTH:
            raise InputError(
                f"{self._file}:{line}: nested more than {_DEPTH} deep, or an alias that contains"
                " itself; fix the YAML"
            )
        if self._count > MAX_VALUES:
            raise InputError(
                f"{self._file}:{line}: more than {MAX_VALUES} values, with those that aliases"
                " repeat; shorten the file"
            )
        if isinstance(node.value, str):
            return YamlValue(_scalar(node), line)
        if node.id == "sequence":
            return YamlValue(list(self._elements(node.value, depth + 1)), line)
        return YamlValue(self._mapping(node.value, depth + 1), line)

    def _elements(self, nodes: list[Any], depth: int) -> Iterator[YamlValue]:
        for node in nodes:
            if node.id == "mapping" and [k.value for k, _ in node.value] in (["<<+"], ["<<*"]):
                yield from (part for part in self._merged(node.value[0][1], depth))
            else:
                yield self.value(node, depth)

    def _merged(self, node: Any, depth: int) -> Iterator[YamlValue]:
        """The values that a merge names: an alias, or a list of aliases of values or lists."""
        for part in self.value(node, depth).items:
            yield from part.items

    def _mapping(self, pairs: list[tuple[Any, Any]], depth: int) -> dict[str, YamlValue]:
        entries: dict[str, YamlValue] = {}
        merged: dict[str, YamlValue] = {}
        for key, node in pairs:
            if not isinstance(key.value, str):
                line = key.start_mark.line + 1
                raise InputError(f"{self._file}:{line}: a key that is not a text; fix the YAML")
            if key.value in _MERGES and not key.style:
                for part in self._merged(node, depth):
                    for name, value in part.entries.items():
                        merged.setdefault(name, value)
            elif key.value in entries:
                line = key.start_mark.line + 1
                raise InputError(
                    f"{self._file}:{line}: the key {key.value} is there twice; remove one of them"
                )
            else:
                entries[key.value] = self.value(node, depth)
        return {**merged, **entries}


def _scalar(node: Any) -> Content:
    text: str = node.value
    if node.style:  # in quotes, or a block
        return text
    if _SCALARS["null"].fullmatch(text):
        return None
    for word in ("true", "false"):
        if _SCALARS[word].fullmatch(text):
            return word == "true"
    return int(text, 0 if text[:2] in {"0x", "0o"} else 10) if _number(text) else text


def _number(text: str) -> bool:
    return _SCALARS["number"].fullmatch(text) is not None
