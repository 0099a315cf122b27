"""Rules about an xl domain configuration, alone and against its partial device tree.

Source: xl_parse.c (parse_config_data) and libxl_arm.c of Xen; messages as in xen-facts, seen on
Xen 4.17 and 4.20.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.findings import Finding, rule
from xenassign.host.device import read_device
from xenassign.lint.partial import Context, PartialNode
from xenassign.xen.iommu import protection
from xenassign.xen.releases import PAGE_SIZE, Release
from xenassign.xen.xlcfg import Atom, Config

XL = ("xl",)

UNKNOWN_KEY = rule(
    "XA701",
    "xl does not know the key",
    severity="error",
    effect="broken",
    why="An unknown key is ignored without a word: a misspelt iomems passes nothing.",
    fix="correct the name, or take a release that knows it",
    routes=XL,
)
BAD_IRQ = rule(
    "XA702",
    "An entry of irqs is no decimal INTID",
    severity="error",
    effect="rejected",
    why="xl parses irqs in base 10: 'Invalid argument parsing irq'.",
    fix="write the INTID in decimal",
    routes=XL,
)
IRQ_TWICE = rule(
    "XA703",
    "An INTID stands twice in irqs",
    severity="error",
    effect="rejected",
    why="The second mention fails: 'failed give domain access to irq N: Device or resource busy'.",
    fix="name it once",
    routes=XL,
)
BAD_IOMEM = rule(
    "XA704",
    "An entry of iomem is malformed",
    severity="error",
    effect="rejected",
    why="An entry is PFN,COUNT[@GFN] in hexadecimal: 'Invalid argument parsing iomem'. A count of"
    " 0 is an invalid argument too.",
    fix='write it as "0xff0e0,0x1"',
    routes=XL,
)
WRONG_FORM = rule(
    "XA705",
    "A list where one value is wanted, or the reverse",
    severity="error",
    effect="broken",
    why="xl warns and ignores the key: 'is not a list'.",
    fix="write [ … ] around the value of dtdev, irqs and iomem, and only there",
    routes=XL,
)
MAPPING_MISSING = rule(
    "XA801",
    "iomem and xen,reg disagree",
    severity="error",
    effect="broken",
    why="On the dom0less route xen,reg maps the pages, on the xl route iomem. What one lacks the"
    " guest does not have there.",
    fix="give both the same pages",
)
IRQ_MISSING = rule(
    "XA802",
    "irqs and the partial device tree disagree",
    severity="error",
    effect="broken",
    why="xl routes the interrupts of irqs; the guest's nodes must state the same.",
    fix="give both the same interrupts",
    routes=XL,
)
DTDEV_UNPROTECTED = rule(
    "XA803",
    "dtdev names a device that Xen does not protect",
    severity="error",
    effect="rejected",
    why="xl create fails for a path in dtdev whose device no active IOMMU protects, and for any"
    ' dtdev or passthrough = "enabled" where Xen has no IOMMU: \'passthrough not supported on'
    " this platform'.",
    fix="leave it out of dtdev; irqs and iomem pass it",
    routes=XL,
)

_LISTS = ("dtdev", "irqs", "iomem")
_ATOMS = ("name", "device_tree", "memory", "vcpus", "kernel", "ramdisk", "extra", "passthrough")
_IOMEM = re.compile(r"(?:0x)?([0-9a-f]+),(?:0x)?([0-9a-f]+)(?:@(?:0x)?([0-9a-f]+))?", re.IGNORECASE)


class Passed(NamedTuple):
    """What a configuration passes: (host, size, guest) in bytes, and INTIDs."""

    mappings: tuple[tuple[int, int, int], ...]
    intids: tuple[int, ...]


def check(config: Config, context: Context) -> Iterator[Finding]:
    """Every finding about a configuration alone (and the host, for dtdev)."""
    yield from _keys(config, context.release)
    seen: set[int] = set()
    for atom in config.texts("irqs"):
        if not re.fullmatch(r"[0-9]+", atom.text):
            yield BAD_IRQ(f"{atom.text!r} is no decimal number", prop="irqs")
            continue
        if int(atom.text) in seen:
            yield IRQ_TWICE(f"{int(atom.text)} stands twice", prop="irqs")
        seen.add(int(atom.text))
    for atom in config.texts("iomem"):
        found = _IOMEM.fullmatch(atom.text)
        if found is None or int(found[2], 16) == 0:
            yield BAD_IOMEM(f"{atom.text!r} is not PFN,COUNT[@GFN]", prop="iomem")
    platform, known = context.platform, context.iommus
    if platform is None or known is None:
        return
    wanted = config.get("passthrough")
    if known.active is None and isinstance(wanted, Atom) and wanted.text == "enabled":
        yield DTDEV_UNPROTECTED("passthrough is enabled, but Xen has no IOMMU", prop="passthrough")
    for atom in config.texts("dtdev"):
        node = platform.tree.find_as_xen(atom.text)
        if node is None or not protection(platform, known, read_device(platform, node)).protected:
            yield DTDEV_UNPROTECTED(f"{atom.text} is not protected", node=atom.text, prop="dtdev")


def _keys(config: Config, release: Release) -> Iterator[Finding]:
    for statement in config.statements:
        if not release.knows_key(statement.name):
            yield UNKNOWN_KEY(
                f"xl of {release.version} does not know {statement.name}", prop=statement.name
            )
        is_list = not isinstance(statement.value, Atom)
        if (statement.name in _LISTS and not is_list) or (statement.name in _ATOMS and is_list):
            yield WRONG_FORM(f"{statement.name} has the wrong form", prop=statement.name)


def passed(config: Config) -> Passed:
    """What the configuration passes; malformed entries are findings of ``check``."""
    mappings = []
    for atom in config.texts("iomem"):
        found = _IOMEM.fullmatch(atom.text)
        if found is not None:
            host, count = int(found[1], 16), int(found[2], 16)
            guest = int(found[3], 16) if found[3] else host
            mappings.append((host * PAGE_SIZE, count * PAGE_SIZE, guest * PAGE_SIZE))
    intids = (int(a.text) for a in config.texts("irqs") if re.fullmatch(r"[0-9]+", a.text))
    return Passed(tuple(mappings), tuple(intids))


def cross(
    config: Config, nodes: list[PartialNode], lines: dict[str, list[int]]
) -> Iterator[Finding]:
    """The configuration against the partial tree. ``lines``: guest path to the INTIDs it states."""
    has = passed(config)
    for one in nodes:
        for entry in one.entries:
            if entry[1] and not _covered(entry, has.mappings):
                message = f"{one.node.path}: {entry[0]:#x} at {entry[2]:#x} is not in iomem"
                yield MAPPING_MISSING(message, node=one.node.path, prop="xen,reg", routes=XL)
    wanted = tuple(entry for one in nodes for entry in one.entries)
    for entry in has.mappings:
        if not _covered(entry, wanted):
            message = f"iomem has {entry[0]:#x} at {entry[2]:#x}, which no xen,reg has"
            yield MAPPING_MISSING(message, prop="iomem", routes=("dom0less",))
    for path, intids in lines.items():
        for intid in intids:
            if intid not in has.intids:
                yield IRQ_MISSING(f"{path}: INTID {intid} is not in irqs", node=path, prop="irqs")


def _covered(entry: tuple[int, int, int], by: tuple[tuple[int, int, int], ...]) -> bool:
    """Whether one of the mappings maps all of ``entry`` to the same place."""
    host, size, guest = entry
    return any(g - h == guest - host and h <= host and host + size <= h + s for h, s, g in by)
