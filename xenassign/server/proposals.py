"""What an editor proposes while one types: names of Xen's, devices of the host, keys, codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.host.device import devices
from xenassign.host.platform import Platform
from xenassign.linting.catalogue import rules
from xenassign.request.keys.section import Key
from xenassign.request.value_kinds import Choice, Either, Many
from xenassign.server.project_words import Cursor
from xenassign.server.tree_cursor import TreeCursor
from xenassign.server.words import CFG, names_at
from xenassign.xen.releases import Release

#: Properties whose value is the path of a host's node.
_PATHS = ("xen,path", "target-path")
#: Keys of xenassign.toml whose values are names of devices, and codes of rules.
_DEVICES = ("device", "path", "companion", "nodes")
_CODES = ("code", "select", "ignore")


class Proposal(NamedTuple):
    """A word. ``kind``: ``property``, ``value``, ``device`` or ``rule``; ``text``: what is written.

    ``start``: the characters before the cursor that it replaces.
    """

    label: str
    kind: str
    about: str = ""
    text: str | None = None
    start: int = 0


def in_tree(
    cursor: TreeCursor, platform: Platform | None, release: Release, reported: Iterable[str]
) -> Iterator[Proposal]:
    """What can stand at a place of devicetree source. ``reported``: codes, which come first."""
    if cursor.waiver:
        yield from codes(reported)
    elif cursor.text is not None:
        if cursor.prop in _PATHS and platform is not None:
            yield from host_paths(platform, len(cursor.text), names=False)
    elif cursor.prop is None and cursor.place is not None:
        for name, about in names_at(cursor.place, release).items():
            yield Proposal(name, "property", about)


def in_config(text: str, release: Release, reported: Iterable[str]) -> Iterator[Proposal]:
    """What can stand at the end of a text of a dom.cfg."""
    line = text[text.rfind("\n") + 1 :]
    if re.search(r"#.*xenassign:\s*allow\s[\sXA0-9,]*\Z", line):
        yield from codes(reported)
    elif re.fullmatch(r"[ \t]*[\w.]*", line) and not _in_list(text):
        for name, about in names_at(CFG, release).items():
            yield Proposal(name, "property", about)


def _in_list(text: str) -> bool:
    """Whether a list of a dom.cfg is open at the end of a text."""
    bare = re.sub(r"""#[^\n]*|"[^"\n]*"|'[^'\n]*'""", "", text)
    return bare.count("[") > bare.count("]")


def in_project(cursor: Cursor, platform: Platform | None) -> Iterator[Proposal]:
    """What can stand at a place of a xenassign.toml."""
    if cursor.value is None:
        for known in cursor.section.keys:
            yield Proposal(known.name, "property", known.doc)
        return
    key = cursor.section.get(cursor.key)
    if key is None or cursor.text is None:
        return
    length = len(cursor.text)
    if cursor.key in _DEVICES and platform is not None:
        yield from host_paths(platform, length, names=True)
    elif cursor.key in _CODES:
        yield from codes(())
    for value in _choices(key):
        yield Proposal(value, "value", start=length)


def _choices(key: Key) -> Iterator[str]:
    """The texts that a key can have, if they can be listed."""
    kinds: list[object] = [key.kind]
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, Choice):
            yield from kind.values
        elif isinstance(kind, Either):
            kinds += kind.kinds
        elif isinstance(kind, Many):
            kinds.append(kind.item)


def host_paths(platform: Platform, length: int, *, names: bool) -> Iterator[Proposal]:
    """The devices of a host by path, and by alias and label.

    ``length``: of what is written already. ``names``: an alias or label can stand for the path.
    """
    called = _called(platform.tree)
    for device in devices(platform):
        about = ", ".join(device.node.compatible[:1])
        yield Proposal(device.path, "device", about, start=length)
        for name in called.get(device.path, ()):
            written = name if names else device.path
            yield Proposal(name, "device", device.path, written, start=length)


def _called(tree: Tree) -> dict[str, list[str]]:
    """The aliases and labels of nodes, by path."""
    names: dict[str, list[str]] = {}
    for name, path in (*tree.aliases.items(), *tree.labels.items()):
        if name not in names.setdefault(path, []):
            names[path].append(name)
    return names


def codes(reported: Iterable[str]) -> Iterator[Proposal]:
    """The codes of all rules; those that are reported come first."""
    first = dict.fromkeys(reported)
    by_code = {rule.code: rule for rule in rules()}
    for code in (*first, *(code for code in by_code if code not in first)):
        if code in by_code:
            yield Proposal(code, "rule", by_code[code].title)
