"""Rules about an xl domain configuration, alone and against its partial device tree.

The rules with the effect ``rejected`` predict what ``xl create`` answers. Source: parse_config_data
(xl_parse.c), libxl_create.c, libxl__arch_domain_prepare_config and copy_partial_fdt (libxl_arm.c),
XEN_DOMCTL_bind_pt_irq, XEN_DOMCTL_iomem_permission and XEN_DOMCTL_memory_mapping of Xen; messages
as seen on Xen 4.17 and 4.20.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.assign.addresses import TOO_HIGH
from xenassign.assign.protection import IOMMU_REFUSES, STREAMS_OVERLAP
from xenassign.errors import InputError
from xenassign.findings import Finding, rule
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.lint import dom0less, mappings
from xenassign.lint.context import Context
from xenassign.lint.dom0less import (
    ASSIGNED_TWICE,
    DOM0_HOLDS_DEVICE,
    TOO_LARGE,
    TOO_MANY_SPIS,
    UNMAPPABLE,
    too_many_vcpus,
)
from xenassign.lint.mappings import Claim, Entry
from xenassign.lint.view import PartialNode
from xenassign.xen.dom0 import Dom0, dom0_masters
from xenassign.xen.iommu import Iommus, Shield, StreamTable, protection
from xenassign.xen.layout import Guest
from xenassign.xen.releases import (
    GUEST_NR_SPIS_MAX,
    PAGE_SIZE,
    SPI_FIRST_INTID,
    VPL011_INTID,
    XL_MEMORY_DEFAULT_MIB,
    XL_TREE_CAP,
    Release,
    rounded_spis,
)
from xenassign.xen.stage2 import Stage2, pool_pages
from xenassign.xen.xlcfg import Atom, Config, ListValue, Value, parse

XL = ("xl",)

NO_PASSTHROUGH = rule(
    "XA801",
    "no-passthrough",
    "There is no /passthrough node",
    severity="error",
    effect="rejected",
    why="libxl copies /passthrough, compared exactly, and fails without it: 'Can't copy the node"
    ' "/passthrough" from the partial FDT\'. A node passthrough@… before it hides it. dom0less'
    " ignores everything else in silence.",
    fix="put the devices below a node named passthrough in the root",
    routes=XL,
    source="libxl_arm.c copy_partial_fdt",
)
UNKNOWN_KEY = rule(
    "XA601",
    "key-unknown",
    "xl does not know the key",
    severity="error",
    effect="broken",
    why="An unknown key is ignored without a word: a misspelt iomems passes nothing.",
    fix="correct the name, or take a release that knows it",
    routes=XL,
    source="xl_parse.c: keys are looked up, never listed",
)
BAD_IRQ = rule(
    "XA602",
    "irq-not-decimal",
    "An entry of irqs is no decimal INTID",
    severity="error",
    effect="rejected",
    why="xl parses irqs in base 10: 'Invalid argument parsing irq'.",
    fix="write the INTID in decimal",
    routes=XL,
    source="xl_parse.c: strtoul base 10",
)
IRQ_TWICE = rule(
    "XA319",
    "irq-twice",
    "An INTID stands twice in irqs",
    severity="error",
    effect="rejected",
    why="The second mention fails: 'failed give domain access to irq N: Device or resource busy'.",
    fix="name it once",
    routes=XL,
    source="XEN_DOMCTL_bind_pt_irq, vgic_reserve_virq",
)
BAD_IOMEM = rule(
    "XA603",
    "iomem-malformed",
    "An entry of iomem is malformed",
    severity="error",
    effect="rejected",
    why="An entry is PFN,COUNT[@GFN] in hexadecimal: 'Invalid argument parsing iomem'. A count of"
    " 0 is an invalid argument too.",
    fix='write it as "0xff0e0,0x1"',
    routes=XL,
    source="xl_parse.c: sscanf",
)
WRONG_FORM = rule(
    "XA604",
    "list-or-value",
    "A list where one value is wanted, or the reverse",
    severity="error",
    effect="broken",
    why="xl warns and ignores the key: 'is not a list'.",
    fix="write [ … ] around the value of dtdev, irqs and iomem, and only there",
    routes=XL,
    source="libxlu_cfg.c: 'is not a list', 'not a string'",
)
MAPPING_MISSING = rule(
    "XA220",
    "iomem-and-xen-reg-differ",
    "iomem and xen,reg disagree",
    severity="error",
    effect="broken",
    why="On the dom0less route xen,reg maps the pages, on the xl route iomem. What one lacks the"
    " guest does not have there.",
    fix="give both the same pages",
    source="libxl_create.c (iomem), handle_passthrough_prop (xen,reg)",
)
IRQ_MISSING = rule(
    "XA315",
    "irqs-and-tree-differ",
    "irqs and the partial device tree disagree",
    severity="error",
    effect="broken",
    why="xl routes the interrupts of irqs; the guest's nodes must state the same.",
    fix="give both the same interrupts",
    routes=XL,
    source="libxl_create.c: irqs",
)
DTDEV_UNPROTECTED = rule(
    "XA417",
    "dtdev-unprotected",
    "dtdev names a device that Xen does not protect",
    severity="error",
    effect="rejected",
    why="xl create fails for a path in dtdev whose device no active IOMMU protects, and for any"
    ' dtdev or passthrough = "enabled" where Xen has no IOMMU: \'passthrough not supported on'
    " this platform'.",
    fix="leave it out of dtdev; irqs and iomem pass it",
    routes=XL,
    source="iommu_do_dt_domctl; libxl_create.c",
    needs_host=True,
)

SYNTAX = rule(
    "XA605",
    "config-syntax",
    "xl cannot read the configuration",
    severity="error",
    effect="rejected",
    why="xl.cfg has name = value, strings in quotes and lists in [ ]; it is no Python: xl says"
    " 'config parsing error … syntax error' or 'lexical error'.",
    fix="mend the line",
    routes=XL,
    source="libxlu_cfg_l.l, libxlu_cfg_y.y",
)
NO_STRING = rule(
    "XA606",
    "nested-list",
    "An entry of irqs or iomem is a list",
    severity="error",
    effect="rejected",
    why="xl takes strings and numbers in these lists: 'Unable to get element'.",
    fix="take the inner brackets away",
    routes=XL,
    source="xl_parse.c: 'Unable to get element'",
)
VUART_LINE = rule(
    "XA318",
    "interrupt-of-vuart",
    "INTID 32 is passed beside vuart",
    severity="error",
    effect="rejected",
    why="The emulated UART has INTID 32: 'Physical IRQ 32 conflicting with pl011 SPI'.",
    fix="leave vuart out, or INTID 32",
    routes=XL,
    source="libxl_arm.c libxl__arch_domain_prepare_config",
)
BAD_PASSTHROUGH = rule(
    "XA418",
    "passthrough-mode",
    "passthrough does not go with the rest",
    severity="error",
    effect="rejected",
    why="xl knows default, disabled, enabled, sync_pt and share_pt, on Arm not sync_pt; dtdev needs"
    " it enabled, and every value but default and disabled needs an IOMMU: 'passthrough not"
    " supported on this platform', 'passthrough disabled but devices are specified'.",
    fix="leave the key out: xl enables it when dtdev names a device",
    routes=XL,
    source="xl_parse.c, libxl_create.c libxl__domain_config_setdefault",
)
NO_FILE = rule(
    "XA607",
    "partial-unreadable",
    "The partial device tree cannot be read",
    severity="error",
    effect="rejected",
    why="libxl reads the file of device_tree when it builds the domain: 'failed to read the partial"
    " device file'.",
    fix="give the path of the .dtb as dom0 sees it",
    routes=XL,
    source="libxl_arm.c libxl__read_file_contents",
)
NOT_DOM0S_LINE = rule(
    "XA316",
    "interrupt-not-dom0s",
    "dom0 does not have the interrupt",
    severity="error",
    effect="rejected",
    why="xl can give only what dom0 has: the interrupts of the host nodes that Xen does not use"
    " itself. 'failed give domain access to irq N: Operation not permitted'.",
    fix="give the INTIDs of the device's host node (SPI number + 32)",
    routes=XL,
    source="XEN_DOMCTL_irq_permission: irq_access_permitted",
    needs_host=True,
)
DOM0_HOLDS_LINE = rule(
    "XA317",
    "interrupt-held-by-dom0",
    "dom0 holds the interrupt",
    severity="error",
    effect="rejected",
    why="Xen gives dom0 the interrupts of every host node that is not marked: 'failed give domain"
    " access to irq N: Device or resource busy'.",
    fix="mark every host node with this interrupt xen,passthrough (the host overlay does)",
    routes=XL,
    source="XEN_DOMCTL_bind_pt_irq, route_irq_to_guest",
    needs_host=True,
)
NOT_DOM0S_PAGES = rule(
    "XA221",
    "pages-not-dom0s",
    "dom0 does not have the pages",
    severity="error",
    effect="rejected",
    why="xl can give only the registers of host nodes that Xen does not use itself, never RAM:"
    " 'failed give domain access to iomem range …: Operation not permitted'.",
    fix="give page numbers (address / 4096) and a count of pages of the device's host node",
    routes=XL,
    source="XEN_DOMCTL_iomem_permission: iomem_access_permitted",
    needs_host=True,
)
_LISTS = ("dtdev", "irqs", "iomem")
_ATOMS = ("name", "device_tree", "memory", "vcpus", "kernel", "ramdisk", "extra", "passthrough")
#: What strtoul takes whole in base 10, and sscanf in base 16.
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_NUMBER = r"[ \t\n\v\f\r]*([+-]?(?:0[xX][0-9a-fA-F]*|[0-9a-fA-F]+))"
_IOMEM = re.compile(f"{_NUMBER},{_NUMBER}(?:@{_NUMBER})?")
_MODES = ("default", "disabled", "enabled", "sync_pt", "share_pt")
_U64 = (1 << 64) - 1


class Range(NamedTuple):
    """An entry of iomem in pages: host, count, guest."""

    mfn: int
    pages: int
    gfn: int


class Passed(NamedTuple):
    """What a configuration passes: mappings in bytes, and INTIDs."""

    mappings: tuple[Entry, ...]
    intids: tuple[int, ...]


def intid(text: str) -> int | None:
    """An entry of irqs as strtoul reads it, or None where xl stops."""
    found = _DECIMAL.fullmatch(text)
    value = int(found[1]) if found else _U64
    value = value & _U64 if abs(value) <= _U64 else _U64
    return value if value < 0xFFFFFFFF else None


def page_range(text: str) -> Range | None:
    """An entry of iomem as sscanf reads it, or None where xl stops."""
    found = _IOMEM.fullmatch(text)
    if found is None:
        return None
    mfn, count, gfn = (_hexadecimal(text) if text else _U64 for text in found.groups())
    return Range(mfn, count, mfn if gfn == _U64 else gfn)


def _hexadecimal(text: str) -> int:
    """A number as glibc's sscanf reads it: "0x" alone is 0, a sign wraps, too large is all ones."""
    value = int(text + "0", 16) >> 4 if text[-1] in "xX" else int(text, 16)
    return value & _U64 if abs(value) <= _U64 else _U64


def read(text: str, file: str) -> Config | Finding:
    """The configuration, or what stops xl."""
    try:
        return parse(text, file)
    except InputError as error:
        return SYNTAX(str(error).removeprefix(f"{file}:"))


def blob(data: bytes | None) -> Iterator[Finding]:
    """What libxl refuses of the file that device_tree names; None: it is not there."""
    if data is None:
        yield NO_FILE("the file of device_tree cannot be read", prop="device_tree")
        return
    root = dom0less.read(data, XL)
    if isinstance(root, Finding):
        yield root
        return
    # fdt_path_offset takes the first node whose name matches without its unit address.
    names = (child.name for child in root.children)
    first = next((n for n in names if n.partition("@")[0] == "passthrough"), None)
    if first != "passthrough":
        seen = f"it finds {first}" if first else "the root has no node named passthrough"
        yield NO_PASSTHROUGH(seen, node="/")
    if len(data) > XL_TREE_CAP // 2:
        message = f"the partial tree has {len(data)} bytes; libxl builds trees of {XL_TREE_CAP}"
        yield TOO_LARGE(message, node="/", routes=XL)


def check(config: Config, context: Context) -> Iterator[Finding]:
    """Every finding about a configuration, its syntax apart."""
    yield from _keys(config, context.release)
    intids, ranges = [], []
    for atom in _items(config, "irqs"):
        number = intid(atom.text) if isinstance(atom, Atom) else None
        if not isinstance(atom, Atom):
            yield NO_STRING("irqs holds a list", prop="irqs")
        elif number is None:
            yield BAD_IRQ(f"{atom.text!r} is no decimal number", prop="irqs")
        else:
            intids.append(number)
    for atom in _items(config, "iomem"):
        span = page_range(atom.text) if isinstance(atom, Atom) else None
        if not isinstance(atom, Atom):
            yield NO_STRING("iomem holds a list", prop="iomem")
        elif span is None or span.pages == 0:
            yield BAD_IOMEM(f"{atom.text!r} is not PFN,COUNT[@GFN]", prop="iomem")
        else:
            ranges.append(span)
    yield from _lines(config, context, intids)
    yield from too_many_vcpus(_number(config, "vcpus", 1), context, XL)
    if context.platform is not None and context.iommus is not None:
        rights = context.dom0()
        if rights is not None and (intids or ranges):
            yield from _rights(rights, intids, ranges)
        yield from _dtdev(config, context.platform, context.iommus, context.marked)
    yield from _stage2(config, context, ranges)
    memory = context.memory
    if config.get("memory") is not None:
        memory = _number(config, "memory", XL_MEMORY_DEFAULT_MIB) * 1024
    claims = [Claim(_bytes(span), None, "iomem", XL) for span in ranges]
    about = context._replace(memory=memory or None, vpl011=_has_vuart(config))
    yield from mappings.check(claims, about)


def _has_vuart(config: Config) -> bool:
    value = config.get("vuart")
    return isinstance(value, Atom) and value.text == "sbsa_uart"


def _bytes(span: Range) -> Entry:
    return Entry(span.mfn * PAGE_SIZE, span.pages * PAGE_SIZE, span.gfn * PAGE_SIZE)


def _items(config: Config, name: str) -> Sequence[Value]:
    value = config.get(name)
    return value.items if isinstance(value, ListValue) else ()


def _lines(config: Config, context: Context, intids: list[int]) -> Iterator[Finding]:
    """What libxl makes of irqs before it asks Xen for anything."""
    seen: set[int] = set()
    for number in intids:
        if number in seen:
            yield IRQ_TWICE(f"{number} stands twice", prop="irqs")
        seen.add(number)
    if _has_vuart(config) and VPL011_INTID in seen:
        yield VUART_LINE("irqs has 32 and vuart is sbsa_uart", prop="irqs")
    spis = _number(config, "nr_spis", 0) if context.release.knows_key("nr_spis") else 0
    spis = max([spis, *(number - SPI_FIRST_INTID + 1 for number in seen)])
    if rounded_spis(spis) > GUEST_NR_SPIS_MAX:
        yield TOO_MANY_SPIS(f"the guest would need {spis} SPIs", prop="irqs", routes=XL)


def _rights(has: Dom0, intids: list[int], ranges: list[Range]) -> Iterator[Finding]:
    """What dom0 can't give."""
    for number in intids:
        if number not in has.lines or number < SPI_FIRST_INTID:
            yield NOT_DOM0S_LINE(f"dom0 does not have INTID {number}", prop="irqs")
        elif number in has.held:
            yield DOM0_HOLDS_LINE(f"dom0 holds INTID {number}", prop="irqs")
    for span in ranges:
        if not has.has_pages(span.mfn, span.pages):
            what = f"{span.pages:#x} pages from {span.mfn:#x} on"
            yield NOT_DOM0S_PAGES(f"dom0 does not have {what}", prop="iomem")


def _dtdev(
    config: Config, platform: Platform, known: Iommus, marked: frozenset[str]
) -> Iterator[Finding]:
    """dtdev and passthrough: xl takes the strings up to the first list."""
    items = _items(config, "dtdev")
    stop = next((i for i, item in enumerate(items) if not isinstance(item, Atom)), len(items))
    paths = [item.text for item in items[:stop] if isinstance(item, Atom)]
    wanted = config.get("passthrough")
    mode = wanted.text if isinstance(wanted, Atom) else "default"
    if mode not in _MODES or mode == "sync_pt":
        yield BAD_PASSTHROUGH(f"passthrough is {mode!r}", prop="passthrough")
    elif mode == "disabled" and paths:
        yield BAD_PASSTHROUGH("passthrough is disabled, but dtdev is given", prop="passthrough")
    elif mode not in ("default", "disabled") and known.active is None:
        yield DTDEV_UNPROTECTED(f"passthrough is {mode}, but Xen has no IOMMU", prop="passthrough")
    seen: set[int] = set()
    held = dom0_masters(platform, known, marked) if paths else []
    owned = {id(device.node) for device in held}
    streams = StreamTable(known, held)
    for path in paths:
        node = platform.tree.find_as_xen(path)
        device = read_device(platform, node) if node else None
        shield = protection(platform, known, device) if device else None
        if node is None or device is None or shield is None:
            yield DTDEV_UNPROTECTED(f"{path} is no node of the host tree", node=path, prop="dtdev")
        elif shield.shield is Shield.REFUSED:
            yield IOMMU_REFUSES(f"{path}: {shield.why}", node=path, prop="dtdev", routes=XL)
        elif not shield.believed:
            yield DTDEV_UNPROTECTED(f"{path} is not protected", node=path, prop="dtdev")
        elif id(node) in owned:
            yield DOM0_HOLDS_DEVICE(f"{path} is not marked", node=path, prop="dtdev", routes=XL)
        elif id(node) in seen:
            yield ASSIGNED_TWICE(f"{path} stands twice", node=path, prop="dtdev", routes=XL)
        elif clash := streams.take(device):
            yield STREAMS_OVERLAP(f"{path}: {clash}", node=path, prop="dtdev", routes=XL)
        seen.add(id(node))


def _stage2(config: Config, context: Context, ranges: list[Range]) -> Iterator[Finding]:
    """Whether the guest's stage 2 takes the mappings; libxl maps 64 pages at a time."""
    memory = _number(config, "memory", XL_MEMORY_DEFAULT_MIB)
    most = _number(config, "maxmem", memory)
    pool = _number(config, "shadow_memory", 0) << 8
    pool = pool or pool_pages(most * 1024, _number(config, "vcpus", 1))
    tables = Stage2(pool, ram=Guest(context.release, 0, False, memory * 1024 * 1024).ram())
    for span in ranges:
        what = f"{span.pages:#x} pages at guest page {span.gfn:#x}"
        if span.gfn + span.pages > tables.limit:
            yield TOO_HIGH(f"{what} reach beyond stage 2", prop="iomem", routes=XL)
        elif not tables.map_small(span.gfn, span.pages):
            yield UNMAPPABLE(f"{what} need too many tables", prop="iomem", routes=XL)


def _number(config: Config, name: str, default: int) -> int:
    value = config.get(name)
    try:
        number = int(value.text, 0) if isinstance(value, Atom) else -1
    except ValueError:
        return default
    return number if number >= 0 else default


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
    spans = [page_range(atom.text) for atom in config.texts("iomem")]
    mapped = tuple(_bytes(span) for span in spans if span is not None)
    numbers = (intid(atom.text) for atom in config.texts("irqs"))
    return Passed(mapped, tuple(n for n in numbers if n is not None))


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


def _covered(entry: Entry, by: tuple[Entry, ...]) -> bool:
    """Whether one of the mappings maps all of ``entry`` to the same place."""
    host, size, guest = entry
    return any(g - h == guest - host and h <= host and host + size <= h + s for h, s, g in by)
