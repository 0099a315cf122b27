"""Rules about the keys and strings of an xl configuration: what xl reads of them.

Source: parse_config_data (xl_parse.c), libxlu_cfg_l.l.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from xenassign.devicetree.places import Place
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, ListValue, Value, XlConfig
from xenassign.xen.releases import (
    RELEASES,
    Release,
)

XL = ("xl",)
UNKNOWN_KEY = rule("XA601", "key-unknown", "error", "broken", routes=XL)
WRONG_FORM = rule("XA604", "list-or-value", "error", "broken", routes=XL)
_LISTS = ("dtdev", "irqs", "iomem")
_ATOMS = ("name", "device_tree", "memory", "vcpus", "kernel", "ramdisk", "extra", "passthrough")
OTHER_RELEASE = rule("XA609", "key-of-other-release", "error", "broken", routes=XL)
LOST_ESCAPE = rule("XA610", "escape-lost", "warning", "broken", routes=XL)
KEY_TWICE = rule("XA611", "key-twice", "warning", "broken", routes=XL)
#: An octal escape; a backslash that escapes itself is no beginning of one.
_OCTAL = re.compile(r"(?<!\\)(?:\\\\)*\\[0-7]")


def strings(config: XlConfig) -> Iterator[Finding]:
    """Escapes that store nothing, wherever a string stands."""
    for statement in config.statements:
        for atom in _atoms(statement.value):
            raw = config.text[atom.start : atom.end]
            if atom.quoted and _OCTAL.search(raw):
                message = f"{raw} is read as {atom.text!r}"
                yield LOST_ESCAPE(message, prop=statement.name, place=config.place(atom))


def _atoms(value: Value) -> Iterator[Atom]:
    if isinstance(value, Atom):
        yield value
    else:
        for item in value.items:
            yield from _atoms(item)


def list_items(config: XlConfig, name: str) -> Sequence[Value]:
    value = config.get(name)
    return value.items if isinstance(value, ListValue) else ()


def keys(config: XlConfig, release: Release) -> Iterator[Finding]:
    last = {one.name: at for at, one in enumerate(config.statements) if not one.append}
    for number, statement in enumerate(config.statements):
        name = statement.name
        at = config.place(statement)
        named = at._replace(end_line=at.line, end_column=at.column + len(name))
        if not release.knows_key(name):
            yield _unknown(name, release, named)
        if number < last.get(name, -1):
            again = config.statements[last[name]].line
            message = f"{name} is set again on line {again}, and that one counts"
            yield KEY_TWICE(message, prop=name, place=named)
        is_list = not isinstance(statement.value, Atom)
        if (name in _LISTS and not is_list) or (name in _ATOMS and is_list):
            value = config.place(statement.value)
            yield WRONG_FORM(f"{name} has the wrong form", prop=name, place=value)


def _unknown(name: str, release: Release, place: Place) -> Finding:
    others = [each.version for each in RELEASES.values() if each.knows_key(name)]
    if others:
        message = f"xl of {release.version} does not know {name}; {', '.join(others)} know it"
        return OTHER_RELEASE(message, prop=name, place=place)
    near = difflib.get_close_matches(name, sorted(release.xl_keys), n=3, cutoff=0.8)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return UNKNOWN_KEY(
        f"xl of {release.version} does not know {name}{hint}",
        prop=name,
        place=place,
        replacement=near[0] if len(near) == 1 else None,
    )
