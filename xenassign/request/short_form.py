"""The short form of a dom.cfg: one list of all devices, and keys that were proposed for xl.

The devices are those of ``device_assignment``, else of ``dtdev``, whether they do DMA or not. xl
itself requires irqs, iomem and a partial device tree, a dtdev of those devices alone that Xen
protects, and knows none of the proposed keys. What becomes of the text is in
``outputs/domain/base_cfg.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NoReturn

from xenassign.errors import ContradictionError, InputError, UsageError
from xenassign.formats import xlcfg_parser
from xenassign.formats.xlcfg import Atom, ListValue, Value, XlAssignment, XlConfig, tree_beside
from xenassign.request.origin import CfgOrigin, Written
from xenassign.request.own_tree import PartialTree, read_partial_tree
from xenassign.request.request import Accepted
from xenassign.xen.releases import FORCE
from xenassign.xen.sci import SCMI_SMC
from xenassign.xen.xlvalues import IomemRange, page_range, sci_types

DEVICES = "device_assignment"
_FORCE = ("force_assign_without_iommu", "platform_iommu_safe")
_SCI = "sci"
_IOMEM_MAP = "iomem_map"
_PAGE_MAP = re.compile(r"(?:0x)?([0-9a-fA-F]{1,13}):(?:0x)?([0-9a-fA-F]{1,13})")
#: Keys that no release of xl knows. They may be written with - in place of _, with which libxlutil
#: refuses the file.
PROPOSED = (DEVICES, *_FORCE, _SCI, _IOMEM_MAP)
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

#: Strings and comments, and a proposed key, as it is written.
_KEY = "|".join(key.replace("_", "[-_]") for key in PROPOSED)
_PARTS = re.compile(
    rf"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\#[^\n]*|(?<![\w.-])({_KEY})(?=[ \t]*\+?=)"""
)


def read_file(path: str) -> XlConfig:
    """Parses a file that may have proposed keys, as ``parse``. Raises InputError."""
    return xlcfg_parser.read_file(path, parse)


def parse(text: str, file: str) -> XlConfig:
    """Parses a text; proposed keys may have - for _, and are called with _. Raises ConfigError.

    Places are those of the text.
    """
    readable = _PARTS.sub(lambda part: part[0].replace("-", "_") if part[1] else part[0], text)
    return xlcfg_parser.parse(readable, file)._replace(text=text)


def statements(base: XlConfig) -> Iterator[XlAssignment]:
    """The statements with proposed keys."""
    return (statement for statement in base.statements if statement.name in PROPOSED)


def options(base: XlConfig, policy: str | None, typed: bool = False) -> dict[str, Any]:
    """The options of ``Request`` that the configuration states in its short form.

    ``policy``: that of --iommu-policy, if it is given. ``typed``: as of ``page_range``. Raises
    InputError for a value that is invalid, UsageError for one that an option contradicts,
    ContradictionError for two that contradict each other.
    """
    for key in PROPOSED:
        _stated_once(base, key)
    partial = _partial_tree(base)
    stated: dict[str, Any] = {"devices": tuple(_devices(base)), "follows": True}
    if partial is not None:
        stated |= _of_tree(partial, stated["devices"])
    for key in _FORCE:
        if _boolean(base, key):
            stated["policy"] = "trust"
            if policy not in (None, "trust"):
                text = f"assigns devices without an IOMMU, --iommu-policy {policy} does not"
                at, name = base.named(key)[-1], _spelled(base, key)
                raise UsageError(f"{base.place(at)}: {name} {text}; remove one")
    ranges = [page_range(atom.text, typed) for atom in base.texts("iomem")]
    stated["pages"] = (*filter(None, ranges), *iomem_map(base).values())
    sci = _system_control(base)
    if sci is not None:
        stated["sci"] = sci
    return stated


def iomem_map(base: XlConfig) -> dict[Atom, IomemRange]:
    """The guest pages that iomem_map states, each for the block that begins in that host page.

    Raises InputError, and ContradictionError for two entries about one host page.
    """
    pages: dict[Atom, IomemRange] = {}
    entries: dict[int, Atom] = {}
    for atom in _names(base, _IOMEM_MAP).values():
        match = _PAGE_MAP.fullmatch(atom.text)
        if match is None:
            text = f"{atom.text!r} in {_IOMEM_MAP} is not MFN:GFN in hexadecimal; correct it"
            _stop(base, atom, text)
        page = IomemRange(int(match[1], 16), 1, int(match[2], 16))
        first = entries.setdefault(page.mfn, atom)
        if pages.get(first, page).gfn != page.gfn:
            raise ContradictionError(
                f"{base.place(atom)}: {_IOMEM_MAP}: {atom.text} and {first.text}"
                f" ({base.place(first)}) state two places of one host page; remove one"
            )
        pages[atom] = page
    return pages


def _partial_tree(base: XlConfig) -> PartialTree | None:
    """The partial device tree that device_tree names. Raises InputError, UsageError."""
    value = base.get("device_tree")
    if not isinstance(value, Atom):
        return None
    path = tree_beside(base.file, value.text)
    if path is None:
        text = f"device_tree: {value.text} is not beside this file, as blob or source"
        fix = "put it there, or remove the key, so that it is made of dtdev"
        raise UsageError(f"{base.place(value)}: {text}; {fix}")
    return read_partial_tree(path)


def _of_tree(partial: PartialTree, listed: tuple[Written, ...]) -> dict[str, Any]:
    """The options that follow from a partial tree. ``listed``: the devices of dom.cfg."""
    assigned = [(node, path) for node, path in partial.assigned()]
    devices = dict.fromkeys((*(path for _, path in assigned), *listed))
    forced = dict.fromkeys(path for node, path in assigned if node.has(FORCE))
    return {
        "partial": partial,
        "devices": tuple(devices),
        "forced": tuple(Accepted(path) for path in forced),
    }


def refuse(base: XlConfig) -> None:
    """Raises UsageError if the configuration has a proposed key."""
    for statement in statements(base):
        name = _spelled(base, statement.name)
        text = f"{name} has an effect only where this file lists the devices"
        raise UsageError(f"{base.place(statement)}: {text}; remove it, or omit -d")


def _devices(base: XlConfig) -> Iterator[Written]:
    """The names of the devices, each once, with their places."""
    listed = _different_names(base, DEVICES)
    of_dtdev = _different_names(base, "dtdev")
    if DEVICES in {statement.name for statement in base.statements}:
        for name, atom in of_dtdev.items():
            if name not in listed:
                raise ContradictionError(
                    f"{base.place(atom)}: {name} is in dtdev, and {DEVICES}"
                    f" ({base.place(base.named(DEVICES)[-1])}) does not list it; add it there, or"
                    " remove it here"
                )
        key = DEVICES
    else:
        key, listed = "dtdev", of_dtdev
    for name, atom in listed.items():
        yield Written(name, CfgOrigin(str(base.place(atom)), key))


def _names(base: XlConfig, key: str) -> dict[str, Atom]:
    """The strings of a list, with the first entry that has each."""
    value = base.get(key)
    if value is not None and not isinstance(value, ListValue):
        _stop(base, value, f"{key} is not a list; write [ ] around the value")
    names: dict[str, Atom] = {}
    for item in value.items if value is not None else ():
        if not isinstance(item, Atom):
            _stop(base, item, f"{key} contains a list; remove the inner brackets")
        names.setdefault(item.text, item)
    return names


def _different_names(base: XlConfig, key: str) -> dict[str, Atom]:
    """The strings of a list. Raises InputError if one is in it twice, which Xen refuses."""
    names = _names(base, key)
    for atom in base.texts(key):
        first = names[atom.text]
        if first is not atom:
            where = base.place(first)
            _stop(base, atom, f"{key} has {atom.text!r} twice ({where}); remove one")
    return names


def _stated_once(base: XlConfig, key: str) -> None:
    """Raises ContradictionError if a later statement replaces a proposed key by another value."""
    statements = base.named(key)
    for first, statement in pairwise(statements):
        texts = {base.text[each.value.start : each.value.end] for each in (first, statement)}
        if not statement.append and len(texts) > 1:
            fix = ", or write +=" if isinstance(statement.value, ListValue) else ""
            raise ContradictionError(
                f"{base.place(statement)}: {key} is set again, after {base.place(first)};"
                f" remove one of them{fix}"
            )


def _boolean(base: XlConfig, key: str) -> bool:
    value = base.get(key)
    if value is None:
        return False
    answer = _BOOLEANS.get(value.text.lower()) if isinstance(value, Atom) else None
    if answer is None:
        text = f'{_spelled(base, key)} is neither true nor false; write "true" or "false"'
        _stop(base, value, text)
    return answer


def _system_control(base: XlConfig) -> str | None:
    """The system control interface that sci, or xl's arm_sci, requests."""
    requested: dict[str, Value] = {}
    for key in (_SCI, "arm_sci"):
        value = base.get(key)
        if isinstance(value, ListValue):
            _stop(base, value, f"{key} is a list; write a single value")
        if value is not None:
            kind = (sci_types(value.text) or [value.text])[-1]
            if kind not in ("none", SCMI_SMC):
                _stop(base, value, f'{key}: {kind!r} is unknown; write "type={SCMI_SMC}"')
            requested.setdefault(kind, value)
    if len(requested) > 1:
        first, second = requested.values()
        raise ContradictionError(
            f"{base.place(first)}: sci differs from arm_sci ({base.place(second)}); remove one"
        )
    return SCMI_SMC if SCMI_SMC in requested else None


def _spelled(base: XlConfig, key: str) -> str:
    """The name of a key as the file has it."""
    start = base.named(key)[-1].start
    return base.text[start : start + len(key)]


def _stop(base: XlConfig, at: Value, text: str) -> NoReturn:
    raise InputError(f"{base.place(at)}: {text}")
