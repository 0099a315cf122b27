"""Rules about an xl domain configuration, alone and against its partial device tree.

The rules with the effect ``rejected`` predict that ``xl create`` fails. Source: parse_config_data
(xl_parse.c), libxl_create.c, libxl__arch_domain_prepare_config and copy_partial_fdt (libxl_arm.c),
XEN_DOMCTL_bind_pt_irq, XEN_DOMCTL_iomem_permission and XEN_DOMCTL_memory_mapping of Xen; messages
as seen on Xen 4.17 and 4.20.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.guest_addresses import TOO_HIGH, used_windows
from xenassign.devicetree.addresses import is_pci, registers
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule, some
from xenassign.formats.xlcfg import Atom, ConfigError, XlConfig
from xenassign.linting.verdict import dom0less, mappings
from xenassign.linting.verdict.builds import MPU, NO_MMU
from xenassign.linting.verdict.cfg_builds import builds
from xenassign.linting.verdict.cfg_irqs import check_irqs, has_vuart, read_irqs
from xenassign.linting.verdict.cfg_keys import NOT_A_STRING, XL, keys, list_items, strings
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import (
    TOO_LARGE,
    UNMAPPABLE,
    check_vcpus,
)
from xenassign.linting.verdict.mappings import Claim, MappingEntry
from xenassign.xen.layout import Guest
from xenassign.xen.releases import (
    ESPI_INTIDS,
    SPI_FIRST_INTID,
    XL_MEMORY_DEFAULT_MIB,
    XL_TREE_CAP,
    Release,
)
from xenassign.xen.sci import SCMI_SMC, mediator
from xenassign.xen.sci_agents import BINDING, GUEST_AGENTS, KCONFIG
from xenassign.xen.stage2 import Stage2, pool_pages
from xenassign.xen.xlvalues import IomemRange, page_range, sci_agent, sci_types

if TYPE_CHECKING:
    from xenassign.host.platform import Platform
    from xenassign.xen.dom0 import Dom0

NO_PASSTHROUGH = rule("XA801", "no-passthrough", "error", "rejected", routes=XL)
BAD_IOMEM = rule("XA603", "iomem-malformed", "error", "rejected", routes=XL)
SYNTAX = rule("XA605", "config-syntax", "error", "rejected", routes=XL)
NO_FILE = rule("XA607", "partial-unreadable", "error", "rejected", routes=XL)
ELSEWHERE = rule("XA816", "partial-not-found", "warning", "unknown", routes=XL)
DOM0_HOLDS_LINE = rule(
    "XA317", "interrupt-held-by-dom0", "error", "rejected", routes=XL, needs_host=True
)
SCI_REFUSED = rule(
    "XA614",
    "arm-sci-refused",
    "error",
    "rejected",
    routes=XL,
    applies=lambda xen: xen.knows_key("arm_sci"),
)
SCI_IDLE = rule(
    "XA615",
    "arm-sci-without-effect",
    "error",
    "broken",
    routes=XL,
    applies=lambda xen: xen.knows_key("arm_sci"),
)
IN_BYTES = rule("XA608", "iomem-in-bytes", "error", "broken", routes=XL, needs_host=True)
PCI = rule("XA620", "pci-unsupported", "error", "rejected", routes=XL)
NO_TREE = rule("XA612", "no-device-tree", "warning", "broken", routes=XL)


def read(text: str, file: str) -> XlConfig | Finding:
    """The configuration, or the finding about a syntax error."""
    from xenassign.formats.xlcfg_parser import parse

    try:
        return parse(text, file)
    except ConfigError as error:
        at = Place(file, error.line, error.column, error.line, error.column + 1)
        return SYNTAX(error.problem, place=at)._replace(file=file)


def check_blob(data: bytes | None) -> Iterator[Finding]:
    """Findings of libxl about the file that device_tree names; None: it cannot be read."""
    if data is None:
        yield NO_FILE("the file of device_tree cannot be read", prop="device_tree")
        return
    root = dom0less.read_root(data, XL)
    if isinstance(root, Finding):
        yield root
        return
    # fdt_path_offset returns the first node whose name matches without its unit address.
    names = (child.name for child in root.children)
    first = next((n for n in names if n.partition("@")[0] == "passthrough"), None)
    if first != "passthrough":
        message = f"libxl finds {first}" if first else "the root has no node named passthrough"
        yield NO_PASSTHROUGH(message, node=f"/{first or ''}")
    if len(data) > XL_TREE_CAP // 2:
        message = f"the partial tree has {len(data)} bytes; libxl builds trees of {XL_TREE_CAP}"
        yield TOO_LARGE(message, node="/", routes=XL)


#: Keys of a guest whose kernel finds its devices in the tree. A program for the bare machine, which
#: knows their addresses, has a kernel alone.
_OF_A_SYSTEM = ("ramdisk", "extra", "cmdline", "root", "disk", "vif", "bootloader")


def check_missing(name: str) -> Iterator[Finding]:
    """The finding about a device_tree that names a file which is not here, but may be in dom0."""
    if name.rpartition("/")[2] in ("", ".", ".."):
        yield NO_FILE(f'device_tree = "{name}" does not name a file', prop="device_tree")
    else:
        yield ELSEWHERE(f"{name} is not here, so it is not judged", prop="device_tree")


def check(config: XlConfig, context: Context) -> Iterator[Finding]:
    """Every finding about a configuration, except those about its syntax."""
    yield from keys(config, context.release)
    yield from strings(config)
    passed = [name for name in ("irqs", "iomem", "dtdev") if list_items(config, name)]
    if passed and config.get("device_tree") is None:
        at = config.place(config.named(passed[0])[-1])
        message = f"{passed[0]} is given, but no device_tree"
        severity = None if any(config.get(key) for key in _OF_A_SYSTEM) else "note"
        yield NO_TREE(message, prop=passed[0], place=at, severity=severity)
    if passed and MPU in context.options:
        at = config.place(config.named(passed[0])[-1])
        message = f"{passed[0]} is given, and a build with CONFIG_MPU has no passthrough"
        yield NO_MMU(message, prop=passed[0], place=at, routes=XL)
    yield from _pci(config)
    lines: list[tuple[Atom, int]] = []
    yield from read_irqs(config, lines)
    ranges: list[tuple[Atom, IomemRange]] = []
    yield from _read_iomem(config, context.release, ranges)
    yield from check_irqs(config, context, lines)
    yield from _vcpus(config, context)
    if context.board is not None:
        from xenassign.linting.verdict.cfg_dtdev import assigned_devices

        rights = dom0_rights(config, context)
        if rights is not None and (lines or ranges):
            yield from _rights(config, rights, lines, ranges)
        yield from _in_bytes(config, context.board.platform, ranges)
        yield from assigned_devices(
            config, context.board, context.marked, scmi=requests_agent(config, context)
        )
    yield from _sci(config, context)
    yield from builds(config, context)
    yield from _stage2(config, context, ranges)
    memory = context.memory
    if config.get("memory") is not None:
        memory = _number(config, "memory", XL_MEMORY_DEFAULT_MIB) * 1024
    claims = [
        Claim(MappingEntry.of_iomem(span), None, "iomem", XL, place=config.place(atom))
        for atom, span in ranges
    ]
    of_config = context._replace(
        memory=memory or None, vpl011=has_vuart(config), windows=used_windows(config)
    )
    yield from mappings.check(claims, of_config)


def _pci(config: XlConfig) -> Iterator[Finding]:
    """Devices of a PCI bus, which no guest on Arm gets."""
    for item in list_items(config, "pci")[:1]:
        device = f" ({item.text})" if isinstance(item, Atom) else ""
        message = f"pci is given{device}, and no release of Xen gives a guest on Arm a PCI device"
        yield PCI(message, prop="pci", place=config.place(item))


_NO_TYPE = "leave out the memory type, which only forks of Xen know: the pages are device memory"
_WITH_PAGE = "write PFN,COUNT@GFN,memory: the type, memory or devmem, comes after a guest page"


def _read_iomem(
    config: XlConfig, release: Release, ranges: list[tuple[Atom, IomemRange]]
) -> Iterator[Finding]:
    """Adds the valid entries of iomem to ``ranges``; the findings about the others."""
    typed = release.normal_mappings
    for atom in list_items(config, "iomem"):
        span = page_range(atom.text, typed) if isinstance(atom, Atom) else None
        at = config.place(atom)
        if not isinstance(atom, Atom):
            yield NOT_A_STRING("iomem contains a list", prop="iomem", place=at)
        elif span is None or span.pages == 0:
            message = f"{atom.text!r} is not PFN,COUNT[@GFN{'[,memory]' if typed else ''}]"
            first, _, memory_type = atom.text.rpartition(",")
            ways = _WITH_PAGE if typed else _NO_TYPE
            fix = ways if page_range(first) and memory_type.isidentifier() else None
            yield BAD_IOMEM(message, prop="iomem", place=at, fix=fix)
        else:
            ranges.append((atom, span))


def _vcpus(config: XlConfig, context: Context) -> Iterator[Finding]:
    for finding in check_vcpus(_number(config, "vcpus", 1), context, XL):
        at = config.place(config.named("vcpus")[-1].value)
        yield finding._replace(node=None, prop="vcpus", place=at)


def requests_scmi(config: XlConfig, release: Release) -> bool:
    """Whether arm_sci requests the host's SCMI, in a release that reads the key."""
    return _requested(config, release) == SCMI_SMC


def requests_agent(config: XlConfig, context: Context) -> bool:
    """Whether arm_sci requests an agent of SCMI, of a Xen that is built for them."""
    return KCONFIG in context.options and _requested(config, context.release) == BINDING.type


def _requested(config: XlConfig, release: Release) -> str | None:
    """The type that arm_sci has in the end, in a release that reads the key."""
    value = config.get("arm_sci")
    if not isinstance(value, Atom) or not release.knows_key("arm_sci"):
        return None
    return next(reversed(sci_types(value.text)), None)


def agent_memory(config: XlConfig, context: Context) -> Span | None:
    """The host addresses of the shared memory of the agent that arm_sci requests."""
    value = config.get("arm_sci")
    if context.agents is None or not isinstance(value, Atom):
        return None
    agent = context.agents.find(sci_agent(value.text)) if requests_agent(config, context) else None
    return agent.span if agent is not None else None


def dom0_rights(config: XlConfig, context: Context) -> Dom0 | None:
    """The pages and interrupts that dom0 may give to a guest with this configuration."""
    rights, platform = context.dom0(), context.platform
    memory = agent_memory(config, context)
    if rights is not None and memory is not None:
        from xenassign.xen.dom0 import with_pages

        return with_pages(rights, memory)
    if rights is None or platform is None or not requests_scmi(config, context.release):
        return rights
    from xenassign.xen.dom0 import without_scmi

    return without_scmi(rights, platform, context.marked)


def _rights(
    config: XlConfig,
    rights: Dom0,
    lines: list[tuple[Atom, int]],
    ranges: list[tuple[Atom, IomemRange]],
) -> Iterator[Finding]:
    """Interrupts and pages that dom0 can't give."""
    from xenassign.checks.dom0_rights import NOT_DOM0S_LINE, NOT_DOM0S_PAGES

    for atom, number in lines:
        at = config.place(atom)
        if number not in rights.lines or number < SPI_FIRST_INTID:
            message, fix = f"dom0 does not have INTID {number}", None
            if number in ESPI_INTIDS:
                spi = number - SPI_FIRST_INTID
                fix = f"write it as <0 {spi} flags> in the host tree: Xen takes type 2 for a PPI"
            yield NOT_DOM0S_LINE(message, prop="irqs", place=at, fix=fix)
        elif number in rights.holders:
            message = f"dom0 uses INTID {number} of {some(rights.holders[number])}"
            yield DOM0_HOLDS_LINE(message, prop="irqs", place=at)
    for atom, span in ranges:
        if not rights.has_pages(span.host):
            message = f"dom0 does not have {span.pages:#x} pages from {span.mfn:#x} on"
            yield NOT_DOM0S_PAGES(message, prop="iomem", place=config.place(atom))


def _sci(config: XlConfig, context: Context) -> Iterator[Finding]:
    """arm_sci has an unknown type, or no effect."""
    value = config.get("arm_sci")
    if not isinstance(value, Atom) or not SCI_REFUSED.applies(context.release):
        return
    at, types = config.place(value), sci_types(value.text)
    known = {"none", SCMI_SMC, *([BINDING.type] if KCONFIG in context.options else [])}
    unknown = [kind for kind in types if kind not in known]
    if not unknown and types[-1:] == [BINDING.type]:
        agents, number = context.agents, sci_agent(value.text)
        if number not in GUEST_AGENTS:
            message = f"arm_sci is {value.text!r}, without a valid {BINDING.xl_agent}"
            yield SCI_REFUSED(message, prop="arm_sci", place=at)
        elif agents is not None and agents.find(number) is None:
            message = f"the host's tree has no agent {number}"
            fix = f"give one of those that it has in {BINDING.xl_agent}"
            yield SCI_REFUSED(message, prop="arm_sci", place=at, fix=fix)
    elif unknown:
        yield SCI_REFUSED(f"arm_sci has the type {unknown[0]!r}", prop="arm_sci", place=at)
    elif not types:
        yield SCI_IDLE(f"arm_sci is {value.text!r}, without type=", prop="arm_sci", place=at)
    elif types[-1] == SCMI_SMC and context.platform is not None:
        host = mediator(context.platform.tree, context.marked)
        if host.node is None:
            yield SCI_IDLE(f"Xen forwards no SCMI: {host.why}", prop="arm_sci", place=at)


def _in_bytes(
    config: XlConfig, platform: Platform, ranges: list[tuple[Atom, IomemRange]]
) -> Iterator[Finding]:
    """Addresses and sizes that are in bytes: they match a device in bytes, but not in pages."""
    if not ranges:
        return
    sizes = platform.tree.once(_block_sizes, platform.tree.root)
    for atom, span in ranges:
        at = config.place(atom)
        page = span.mfn * PAGE_SIZE
        in_bytes = sizes.get(page, set())
        if page not in sizes and span.mfn in sizes and span.mfn >= PAGE_SIZE:
            message = f"{span.mfn:#x} is a device's address in bytes"
            fix = f"write its page, {span.mfn // PAGE_SIZE:#x}"
            yield IN_BYTES(message, prop="iomem", place=at, fix=fix)
        elif span.pages in in_bytes - {1, *(-(-size // PAGE_SIZE) for size in in_bytes)}:
            message = f"{span.pages:#x} is the device's size in bytes"
            fix = f"write the number of its pages, {-(-span.pages // PAGE_SIZE):#x}"
            yield IN_BYTES(message, prop="iomem", place=at, fix=fix)


def _block_sizes(tree: Tree, _: Node) -> dict[int, set[int]]:
    """The sizes of the board's register blocks by their addresses."""
    from xenassign.host.device import is_device, read_device
    from xenassign.host.platform import read_platform

    sizes: dict[int, set[int]] = defaultdict(set)
    for node in tree.nodes():
        if is_device(node):
            windows = read_device(read_platform(tree), node).windows if is_pci(node) else ()
            for block in (*registers(node).blocks, *windows):
                sizes[block.address].add(block.size)
    return sizes


def _stage2(
    config: XlConfig, context: Context, ranges: list[tuple[Atom, IomemRange]]
) -> Iterator[Finding]:
    """Mappings that the guest's stage 2 can't hold; libxl maps 64 pages at a time."""
    memory = _number(config, "memory", XL_MEMORY_DEFAULT_MIB)
    max_memory = _number(config, "maxmem", memory)
    pool = _number(config, "shadow_memory", 0) << 8
    pool = pool or pool_pages(max_memory * 1024, _number(config, "vcpus", 1))
    tables = Stage2(pool, ram=Guest(context.release, 0, False, memory * 1024 * 1024).ram())
    for atom, span in ranges:
        at = config.place(atom)
        pages = f"{span.pages:#x} pages at guest page {span.gfn:#x}"
        if span.gfn + span.pages > tables.limit:
            yield TOO_HIGH(f"{pages} reach beyond stage 2", prop="iomem", place=at, routes=XL)
        elif not tables.map_small(span.gfn, span.pages):
            yield UNMAPPABLE(f"{pages} require too many tables", prop="iomem", place=at, routes=XL)


def _number(config: XlConfig, name: str, default: int) -> int:
    """The number of a key; ``default`` if it is missing, negative or not a number."""
    number = config.integer(name)
    return default if number is None or number < 0 else number
