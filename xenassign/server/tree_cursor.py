"""Where an offset is in devicetree source that need not be complete, for completion."""

from __future__ import annotations

import re
from typing import NamedTuple

from xenassign.server.words import DEVICE, DOMAIN, HOST

_TOKEN = re.compile(r'/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)|[{};]', re.DOTALL)
_WAIVER = re.compile(r"xenassign:\s*allow\s[\sXA0-9,]*\Z")
#: The last word; the search does not begin inside of one, else a long one would be read repeatedly.
_NAME = re.compile(r"&?(?<![\w,.+?#@/-])[\w,.+?#@/-]*\Z")


class TreeCursor(NamedTuple):
    """The names of the nodes around an offset, and what it is in.

    ``prop``: the property whose value it is in. ``text``: the string so far, None outside of one.
    ``waiver``: whether a waiver's code is written there.
    """

    nodes: tuple[str, ...]
    prop: str | None = None
    text: str | None = None
    waiver: bool = False

    @property
    def place(self) -> str | None:
        """Which properties of Xen's a node there can have; None: none."""
        names = [name.lower() for name in self.nodes]
        if "passthrough" in names:
            return DEVICE if names[-1] != "passthrough" else None
        if "chosen" in names and names[-1] != "chosen":
            return DOMAIN
        return HOST if names else None


def tree_cursor(text: str, offset: int) -> TreeCursor:
    """Where an offset is."""
    nodes: list[str] = []
    start = 0
    before = text[:offset]
    for match in _TOKEN.finditer(before):
        token = match[0]
        if token[0] == "/" and match.end() == offset and not token.endswith("*/"):
            return TreeCursor(tuple(nodes), waiver=bool(_WAIVER.search(token)))
        if token == "{":
            opened = _NAME.search(before[start : match.start()].strip())
            nodes.append(opened[0] if opened is not None else "")
        elif token == "}":
            del nodes[-1:]
        if token in ("{", "}", ";"):
            start = match.end()
    statement = re.sub(r"/\*.*?\*/|//[^\n]*", " ", before[start:], flags=re.DOTALL)
    name, equals, value = statement.partition("=")
    if not equals:
        return TreeCursor(tuple(nodes))
    quoted = re.findall(r'"(?:[^"\\\n]|\\.)*"?', value)
    inside = bool(quoted) and not (len(quoted[-1]) > 1 and quoted[-1].endswith('"'))
    in_text = quoted[-1][1:] if inside and value.endswith(quoted[-1]) else None
    return TreeCursor(tuple(nodes), name.split(":")[-1].strip(), in_text)
