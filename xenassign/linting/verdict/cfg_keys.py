"""Rules about the keys and strings of an xl configuration that xl ignores or misreads.

Source: parse_config_data (xl_parse.c), libxlu_cfg_l.l.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from xenassign.devicetree.places import Place
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, ListValue, Value, XlAssignment, XlConfig
from xenassign.spelling import corrections, did_you_mean
from xenassign.xen.releases import RELEASES, Release
from xenassign.xen.xlvalues import fits_xl_key

XL = ("xl",)
UNKNOWN_KEY = rule("XA601", "key-unknown", "error", "broken", routes=XL)
NOT_A_STRING = rule("XA606", "nested-list", "error", "rejected", routes=XL)
WRONG_FORM = rule("XA604", "list-or-value", "error", "broken", routes=XL)
_LISTS = ("dtdev", "irqs", "iomem", "pci")
_ATOMS = ("name", "device_tree", "memory", "vcpus", "kernel", "ramdisk", "extra", "passthrough")
OTHER_RELEASE = rule("XA609", "key-of-other-release", "error", "broken", routes=XL)
LOST_ESCAPE = rule("XA610", "escape-lost", "warning", "broken", routes=XL)
KEY_TWICE = rule("XA611", "key-twice", "warning", "broken", routes=XL)
#: Keys of Xen's forks: the fork, and what upstream's xl requires instead.
_OF_FORKS = {
    "dt_passthrough_nodes": (
        "xen-troops",
        "put the nodes below /passthrough, of which alone xl copies what is there",
    ),
    "dt_compatible": ("xen-troops", "remove it; the guest's root is xen,xenvm"),
    "vgsx": ("xen-troops", "remove it"),
    "rproc": ("xen-troops", "remove it"),
    "scmi": ("xen-troops", 'write arm_sci = "type=scmi_smc" (Xen 4.21 or newer)'),
    "force_assign_without_iommu": (
        "xen-troops",
        "remove it; without an IOMMU a device is given by irqs and iomem, without dtdev",
    ),
}
#: An octal escape, whose backslash is not itself escaped.
_OCTAL = r"(?<!\\)(?:\\\\)*\\[0-7]"


def strings(config: XlConfig) -> Iterator[Finding]:
    """Octal escapes in any string: xl drops them."""
    for statement in config.statements:
        for atom in _atoms(statement.value):
            raw = config.text[atom.start : atom.end]
            if atom.quoted and re.search(_OCTAL, raw):
                message = f"{raw} is read as {atom.text!r}"
                yield LOST_ESCAPE(message, prop=statement.name, place=config.place(atom))


def _atoms(value: Value) -> Iterator[Atom]:
    stack = [value]
    while stack:  # no recursion: lists nest deep
        value = stack.pop()
        if isinstance(value, Atom):
            yield value
        else:
            stack.extend(reversed(value.items))


def list_items(config: XlConfig, name: str) -> Sequence[Value]:
    """The items of a key that is a list; empty if it is missing or not a list."""
    value = config.get(name)
    return value.items if isinstance(value, ListValue) else ()


def keys(config: XlConfig, release: Release) -> Iterator[Finding]:
    """Keys that are unknown, set twice, or have a list instead of a value or the reverse."""
    statements = enumerate(config.statements)
    last = {statement.name: index for index, statement in statements if not statement.append}
    known = _Keys(config, release)
    for number, statement in enumerate(config.statements):
        name = statement.name
        place = config.place(statement)
        key_place = place._replace(end_line=place.line, end_column=place.column + len(name))
        if not release.knows_key(name):
            yield known.unknown(statement, key_place)
        if number < last.get(name, -1):
            line = config.statements[last[name]].line
            message = f"{name} is set again on line {line}, which has priority"
            yield KEY_TWICE(message, prop=name, place=key_place)
        is_list = not isinstance(statement.value, Atom)
        if (name in _LISTS and not is_list) or (name in _ATOMS and is_list):
            value = config.place(statement.value)
            fix = "remove it: no guest on Arm gets a PCI device" if name == "pci" else None
            yield WRONG_FORM(f"{name} has the wrong form", prop=name, place=value, fix=fix)


class _Keys:
    """The known keys that a configuration does not set, for its unknown keys."""

    def __init__(self, config: XlConfig, release: Release) -> None:
        self._release = release
        times = Counter(statement.name for statement in config.statements)
        self._unset = release.xl_keys - times.keys()
        keys = {}
        for statement in config.statements:
            name = statement.name
            if not release.knows_key(name) and times[name] == 1:
                near = corrections(name, release.xl_keys)
                if len(near) == 1 and near[0] in self._unset and _fits(near[0], statement):
                    keys[name] = near[0]
        wanted = Counter(keys.values())
        #: By unknown key the known one that it certainly is: the only one that is one typing error
        #: away, not set, and with values of that form. The unknown key is set once, and no other
        #: unknown key has the same correction.
        self._corrected = {name: key for name, key in keys.items() if wanted[key] == 1}

    def unknown(self, statement: XlAssignment, place: Place) -> Finding:
        """The finding about an unknown key."""
        name, version = statement.name, self._release.name
        others = [xen.version for xen in RELEASES.values() if xen.knows_key(name)]
        if others:
            message = f"xl of {version} does not know {name}; {', '.join(others)} know it"
            return OTHER_RELEASE(message, prop=name, place=place)
        if name in _OF_FORKS:
            fork, fix = _OF_FORKS[name]
            message = f"xl of {version} does not know {name}, a key of the Xen of {fork}"
            return UNKNOWN_KEY(message, prop=name, place=place, fix=fix)
        question = did_you_mean(name, self._unset, lambda key: _fits(key, statement))
        message = "; ".join(filter(None, [f"xl of {version} does not know {name}", question]))
        fix = "correct the name" if question else "remove it; no release of xl knows it"
        replacement = self._corrected.get(name)
        return UNKNOWN_KEY(message, prop=name, place=place, replacement=replacement, fix=fix)


def _fits(key: str, statement: XlAssignment) -> bool:
    value = statement.value
    return fits_xl_key(key, value.text if isinstance(value, Atom) else None)
