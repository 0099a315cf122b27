"""The xenassign.toml of ``init``: every key explained, and the board's devices as comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from textwrap import wrap
from typing import NamedTuple

from xenassign import escape
from xenassign.advice.assess import Assessment, BoardAssessment
from xenassign.checks.protection import UNPROTECTED
from xenassign.findings import errors
from xenassign.outputs.domain.text import joined
from xenassign.request.keys import domain_devices, domain_section, whole_file
from xenassign.request.keys.section import Key, Section
from xenassign.xen.releases import Release

#: If there are more devices, those without an alias are listed by kind.
LISTED_MAX = 40
_WIDTH = 100
_COLUMN = 40  # where the explanation of a short key begins


class _Listed(NamedTuple):
    """A device as the file shows it. ``name``: its alias, or the path if it has none."""

    name: str
    alias: bool
    kind: str
    facts: str


def starter(
    board: BoardAssessment,
    host: str,
    release: Release,
    drivers: frozenset[str] | None = None,
    include: Sequence[str] = (),
) -> str:
    """The text of the file. ``host``: the file name of the board's device tree, ``include``: the
    folders for the #include of its source.

    ``release`` and ``drivers``: those that the board was judged for.
    """
    aliases: dict[str, str] = {}
    for alias, path in board.board.platform.tree.aliases.items():
        aliases.setdefault(path, alias)
    ready = [device for device in board.devices if device.assignable]
    unsure = [device for device in board.devices if _needs_dma_reason(device)]
    route = "xl" if board.board.platform.dom0_tree is not None else None
    given = {"host": escape.toml_string(host)}
    if include:
        given["include"] = escape.toml_value([*include])
    given["xen"] = f'"{release.version}"'
    if route is not None:
        given["route"] = f'"{route}"  # HOST is the tree that Xen made for dom0'
    if drivers:
        given["iommu-driver"] = escape.toml_value(sorted(drivers))
    rest = len(board.devices) - len(ready) - len(unsure)
    return joined(
        (
            *_HEADER.format(model=escape.hash_comment(board.board.platform.model)).splitlines(),
            *(f"{key} = {value}" for key, value in given.items()),
            *_explained(whole_file.TOP, given.keys()),
            *_DOMAIN.splitlines(),
            *_explained(domain_section.DOMAIN, {"name"}),
            *_DEVICES.splitlines(),
            *(f"#   {line[1:].lstrip()}" for line in _explained(domain_devices.DEVICE, {"path"})),
            "device = [",
            *(_READY.splitlines() if ready else ()),
            *_lines([_listed(device, aliases) for device in ready], "{},"),
            *(_UNSURE.splitlines() if unsure else ()),
            *_lines([_listed(device, aliases) for device in unsure], _FORCED),
            "]",
            *([_REST.format(number=rest, s="" if rest == 1 else "s")] if rest else ()),
            *_offered(domain_section.DOMAIN),
            *_offered(whole_file.TOP),
        )
    )


_HEADER = """\
# The domains of a system with Xen on {model}, for `xenassign generate -c`.
# Written by `xenassign init`. A line after "# " takes effect when the "# " is removed.
# All keys: docs/system.md, and `xenassign schema` for editors.

"""
_DOMAIN = """
[[domain]]
name = "domu1"
"""
_DEVICES = """
# The devices: alias, path, label or unique suffix. One with options is a table in the list,
#   { path = "ethernet0", map = "auto" },
# or all are tables of their own below, [[domain.device]] with path = "ethernet0" and so on:
"""
_READY = """\
    # Devices that can be assigned alone: behind an IOMMU, or not a DMA master.
"""
_UNSURE = """\
    # Xen cannot protect these, and whether they do DMA is not known. Between the quotes write the
    # reason why they do no DMA.
"""
_REST = "# {number} more device{s} cannot be assigned alone; `xenassign inspect` shows why."


#: The sections that have a place of their own.
_SHOWN = (domain_section.DOMAIN, domain_devices.DEVICE)
_DMA = {"no": "no DMA", "yes": "masters DMA", "unknown": ""}
_FORCED = '{{ path = {}, force-assign-without-iommu = "" }},'


def _offered(section: Section) -> Iterator[str]:
    """The sections in one, at any depth, as commented lines with all of their keys."""
    for key in section.keys:
        if isinstance(key.kind, Section) and key.kind not in _SHOWN:
            yield from ("", f"# {key.doc.rstrip('.')}:", f"# {key.kind.header}")
            yield from _explained(key.kind)
            yield from _offered(key.kind)


def _explained(section: Section, without: Set[str] = frozenset()) -> Iterator[str]:
    """Each key with an example and its explanation, as commented lines."""
    for key in section.keys:
        if key.name not in without and not isinstance(key.kind, Section):
            yield from _key(key)


def _key(key: Key) -> Iterator[str]:
    line = f"# {escape.toml_key(key.name)} = {key.example}"
    doc = key.doc.replace("`", "")
    explained = f"{line:{_COLUMN}}# {doc}"
    if len(line) < _COLUMN and len(explained) <= _WIDTH:
        yield explained
        return
    yield from (f"## {part}" for part in wrap(doc, _WIDTH - 3, break_on_hyphens=False))
    yield line


def _needs_dma_reason(assessment: Assessment) -> bool:
    """Whether the only error of a device is that it may be a DMA master, which is not known."""
    rules = {finding.rule for finding in errors(assessment.findings)}
    return rules == {UNPROTECTED} and assessment.device.dma.answer == "unknown"


def _listed(assessment: Assessment, aliases: dict[str, str]) -> _Listed:
    device = assessment.device
    alias = aliases.get(device.path)
    facts = [device.path] if alias else []
    text = "; ".join([*facts, facts_of(assessment)])
    return _Listed(alias or device.path, alias is not None, _kind(assessment), text)


def facts_of(assessment: Assessment) -> str:
    """What a comment says of a device: its kind, interrupts, and whether it is safe from DMA."""
    device = assessment.device
    intids = dict.fromkeys(line.intid for line in device.interrupts)
    numbers = ", ".join(map(str, list(intids)[:4])) + (", …" if len(intids) > 4 else "")
    dma = "protected" if assessment.protection.protected else _DMA[device.dma.answer]
    facts = [_kind(assessment), f"INTID {numbers}" if intids else "", dma]
    return "; ".join(fact for fact in facts if fact)


def _kind(assessment: Assessment) -> str:
    node = assessment.device.node
    return node.compatible[0] if node.compatible else node.base_name


def _lines(devices: list[_Listed], form: str) -> Iterator[str]:
    """A commented line for each device with an alias, then for each other device.

    With more than LISTED_MAX devices, it is one line for each kind of the others. ``form``: the
    entry, with ``{}`` for the name.
    """
    yield from (_line(device, form) for device in devices if device.alias)
    others = [device for device in devices if not device.alias]
    if len(devices) <= LISTED_MAX:
        yield from (_line(device, form) for device in others)
        return
    by_kind: dict[str, list[_Listed]] = {}
    for device in others:
        by_kind.setdefault(device.kind, []).append(device)
    for first, *more in by_kind.values():
        yield _line(first, form) + (f"; {len(more)} more of them" if more else "")


def _line(device: _Listed, form: str) -> str:
    entry = form.format(escape.toml_string(device.name))
    return f"    # {escape.hash_comment(f'{entry}  # {device.facts}')}"
