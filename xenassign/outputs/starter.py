"""The xenassign.toml to start from: every key explained, and a board's devices in comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap
from typing import NamedTuple

from xenassign.checks.protection import UNPROTECTED
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.outputs.domain.text import render_template
from xenassign.planning.assess import Assessment, BoardAssessment
from xenassign.request.keys import ALLOW, BOOT, DEVICE, DOMAIN, LINT, TOP, Key, Section
from xenassign.xen.releases import Release

#: More devices than these are not listed one by one, unless they have an alias.
LISTED_MAX = 40
_WIDTH = 100
_COLUMN = 40  # where the explanation of a short key begins


class _Listed(NamedTuple):
    """A device as the file shows it. ``name``: an alias where there is one, else the path."""

    name: str
    alias: bool
    kind: str
    facts: str


def starter(
    found: BoardAssessment, host: str, release: Release, drivers: frozenset[str] | None = None
) -> str:
    """The text of the file. ``host``: the board's device tree, as the file is to name it.

    ``release`` and ``drivers`` are what the board was judged for.
    """
    aliases: dict[str, str] = {}
    for alias, path in found.board.platform.tree.aliases.items():
        aliases.setdefault(path, alias)
    ready = [one for one in found.devices if one.assignable]
    unsure = [one for one in found.devices if _needs_a_word(one)]
    route = "xl" if found.board.platform.dom0_tree is not None else None
    said = ("host", "xen", *(("route",) if route else ()), *(("iommu-driver",) if drivers else ()))
    return render_template(
        "xenassign.toml.j2",
        model=_plain(found.board.platform.model),
        host=quoted(host),
        xen=release.version,
        route=route,
        drivers=json.dumps(sorted(drivers)) if drivers else None,
        keys={
            "top": list(_explained(TOP, said)),
            "domain": list(_explained(DOMAIN, ("name",))),
            "device": [line[1:].lstrip() for line in _explained(DEVICE, ("path",))],
            "allow": list(_explained(ALLOW)),
            "boot": list(_explained(BOOT)),
            "lint": list(_explained(LINT)),
        },
        ready=list(_lines([_listed(one, aliases) for one in ready], '"{}",')),
        unsure=list(_lines([_listed(one, aliases) for one in unsure], _FORCED)),
        others=len(found.devices) - len(ready) - len(unsure),
    )


_DMA = {"no": "no DMA", "yes": "masters DMA", "unknown": ""}
_FORCED = '{{ path = "{}", force-assign-without-iommu = "" }},'


def quoted(text: str) -> str:
    """A string of TOML. Raises UsageError for a name that is no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"{text!r} is no UTF-8 text, which TOML has to be; rename it") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(text: str) -> str:
    """Text without what cannot stand in a comment of TOML."""
    return re.sub(r"[^\t\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]", "?", text)


def _explained(section: Section, without: tuple[str, ...] = ()) -> Iterator[str]:
    """Each key with its example and what it is, as commented lines."""
    for key in section.keys:
        if key.name not in without and not isinstance(key.kind, Section):
            yield from _key(key)


def _key(key: Key) -> Iterator[str]:
    line = f"# {key.name} = {key.example}"
    doc = key.doc.replace("`", "")
    told = f"{line:{_COLUMN}}# {doc}"
    if len(line) < _COLUMN and len(told) <= _WIDTH:
        yield told
        return
    yield from (f"## {part}" for part in wrap(doc, _WIDTH - 3, break_on_hyphens=False))
    yield line


def _needs_a_word(one: Assessment) -> bool:
    """Whether all that forbids a device is that it may master DMA, which is not known."""
    refused = errors(one.findings)
    alone = bool(refused) and all(f.rule is UNPROTECTED for f in refused)
    return alone and one.device.dma.answer == "unknown"


def _listed(one: Assessment, aliases: dict[str, str]) -> _Listed:
    device = one.device
    alias = aliases.get(device.path)
    intids = dict.fromkeys(line.intid for line in device.interrupts)
    numbers = ", ".join(map(str, list(intids)[:4])) + (", …" if len(intids) > 4 else "")
    shield = "protected" if one.protection.protected else _DMA[device.dma.answer]
    kind = device.node.compatible[0] if device.node.compatible else device.node.base_name
    facts = [device.path if alias else "", kind, f"INTID {numbers}" if intids else "", shield]
    told = _plain("; ".join(fact for fact in facts if fact))
    return _Listed(alias or device.path, alias is not None, _plain(kind), told)


def _lines(devices: list[_Listed], form: str) -> Iterator[str]:
    """A commented line for each device: those with an alias first, others by their kind."""
    named = [one for one in devices if one.alias]
    others = [one for one in devices if not one.alias]
    yield from (_line(one, form) for one in named)
    if len(devices) <= LISTED_MAX:
        yield from (_line(one, form) for one in others)
        return
    order = list(dict.fromkeys(one.kind for one in others))
    others.sort(key=lambda one: order.index(one.kind))
    for _, some in groupby(others, key=lambda one: one.kind):
        first, *more = some
        yield _line(first, form) + (f"; {len(more)} more of them" if more else "")


def _line(one: _Listed, form: str) -> str:
    entry = form.format(quoted(one.name)[1:-1])
    return f"    # {entry}  # {one.facts}"
