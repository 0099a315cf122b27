"""Static memory and direct-map: host memory that a domain gets by its address.

Xen reserves xen,static-mem in its first scan of the host's tree, before it has a console, and gives
it to the domain later. What it compares in this scan differs between releases. The functions judge
a request and, for :mod:`xenassign.linting.verdict.static_memory`, the node of a domain.
Source: process_domain_node, device_tree_get_meminfo, check_reserved_regions_overlap,
init_staticmem_pages, acquire_static_memory_bank, assign_static_memory_11, allocate_static_memory.
All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from xenassign.devicetree.addresses import Block, is_pci, registers
from xenassign.devicetree.cells import fits, xen_bus_cells
from xenassign.devicetree.spans import Span, covered
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, Rule, rule
from xenassign.host.device import is_simple_bus, read_device
from xenassign.host.platform import read_platform
from xenassign.xen.console import console_of_xen
from xenassign.xen.direct_map import Banks, redistributors, vuart
from xenassign.xen.layout import MIB
from xenassign.xen.releases import Release, since_point

if TYPE_CHECKING:
    from xenassign.host.platform import Platform
    from xenassign.request.request import Request

_ROUTES = ("dom0less",)

NOT_STATED = rule(
    "XA229", "static-memory-not-stated", "warning", "portability", routes=_ROUTES, needs_host=True
)
RESERVED = rule(
    "XA230", "static-memory-of-the-firmware", "error", "unsafe", routes=_ROUTES, needs_host=True
)
DEVICES = rule(
    "XA231", "static-memory-over-registers", "error", "unsafe", routes=_ROUTES, needs_host=True
)
NOT_THERE = rule(
    "XA731", "static-memory-not-there", "error", "rejected", routes=_ROUTES, needs_host=True
)
SCAN_REFUSES = rule(
    "XA732",
    "static-memory-reserved",
    "error",
    "rejected",
    routes=_ROUTES,
    applies=lambda xen: xen.module_overlap_dropped,
    needs_host=True,
)
TWICE = rule("XA733", "static-memory-twice", "error", "rejected", routes=_ROUTES)
NO_UART = rule("XA734", "direct-map-vpl011", "error", "rejected", routes=_ROUTES, needs_host=True)
UNALIGNED = rule("XA735", "static-memory-unaligned", "note", "style", routes=_ROUTES)
COLORED = rule(
    "XA737",
    "static-memory-colored",
    "error",
    "rejected",
    routes=_ROUTES,
    applies=lambda xen: "llc-colors" in xen.domain_properties,
)
NO_OWNER = rule("XA746", "shared-memory-without-owner", "warning", "unsafe", routes=_ROUTES)
VCPUS_BROKEN = rule(
    "XA736",
    "direct-map-vcpus",
    "error",
    "broken",
    routes=_ROUTES,
    applies=lambda xen: not xen.vcpu_failure_refused,
    needs_host=True,
)
VCPUS_REFUSED = rule(
    "XA741",
    "direct-map-vcpus-refused",
    "error",
    "rejected",
    routes=_ROUTES,
    applies=lambda xen: xen.vcpu_failure_refused,
    needs_host=True,
)


class StaticMemory(NamedTuple):
    """The static memory of a domain, and what it depends on.

    ``node`` and ``prop``: what the findings are about; None for a request. ``live``: the memory of
    the platform is what Xen will have, not only what the host's tree states. ``noun``: the kind of
    memory; shared memory has no banks of a domain. ``bootargs``: of Xen, as far as they are known.
    """

    release: Release
    banks: Banks
    direct_map: bool
    vcpus: int
    vpl011: bool
    node: str | None = None
    prop: str | None = None
    live: bool = False
    noun: Literal["static memory", "shared memory"] = "static memory"
    bootargs: str = ""


def static_memory_of_request(request: Request) -> StaticMemory:
    """The static memory of a request."""
    banks, vcpus = request.static_memory, request.vcpus or 1
    return StaticMemory(request.release, banks, request.direct_map, vcpus, request.vpl011)


def static_memory_findings(platform: Platform | None, domain: StaticMemory) -> Iterator[Finding]:
    """What is wrong with the static memory, and with vPL011 and GIC of a direct-map domain."""
    yield from _bank_findings(domain)
    if platform is None:
        return
    for base, size in domain.banks:
        yield from bank_findings(platform, domain, Span.sized(base, size))
    if domain.direct_map:
        yield from _direct_map_findings(platform, domain)


def _finding(domain: StaticMemory, broken: Rule, message: str, prop: str | None = None) -> Finding:
    return broken(message, node=domain.node, prop=prop or domain.prop)


def _text(domain: StaticMemory, bank: Span) -> str:
    return f"{domain.noun} {bank}"


def _bank_findings(domain: StaticMemory) -> Iterator[Finding]:
    """Banks that overlap or are not aligned; this needs no host."""
    banks = [Span.sized(*bank) for bank in domain.banks]
    for number, bank in enumerate(banks):
        for other in banks[:number]:
            if bank.overlaps(other):
                yield _finding(domain, TWICE, f"{_text(domain, bank)} overlaps that of {other}")
        if not bank.is_aligned(2 * MIB):
            yield _finding(domain, UNALIGNED, f"{_text(domain, bank)} is not of whole 2 MiB")


def bank_findings(platform: Platform, domain: StaticMemory, bank: Span) -> Iterator[Finding]:
    """A bank compared with the memory of the host, its reservations and its devices."""
    text = _text(domain, bank)
    if platform.memory and not covered(bank, (block.span for block in platform.memory)):
        broken = NOT_THERE if domain.live else NOT_STATED
        stated = ", ".join(str(block.span) for block in platform.memory if block.size)
        message = f"{text} is not within the memory of the host's tree ({stated or 'none'})"
        yield _finding(domain, broken, message)
    scan_refuses = _scan_refuses(platform, domain.release)
    for node, block in platform.reserved:
        if bank.overlaps(block.span):
            broken = SCAN_REFUSES if scan_refuses and node.available else RESERVED
            yield _finding(domain, broken, f"{text} covers {node.path} ({block.span})")
    for reserved in (Span.sized(*entry) for entry in platform.tree.reservations):
        if bank.overlaps(reserved):
            within = reserved.covers(bank) and domain.noun == "static memory"
            compared = domain.release.boot_scan_failure_is_panic and not within
            broken = SCAN_REFUSES if compared else RESERVED
            yield _finding(domain, broken, f"{text} covers the memory reservation {reserved}")
    for node, span in register_spans(platform):
        if bank.overlaps(span):
            message = f"{text} covers registers of {node.path} ({span})"
            yield _finding(domain, DEVICES, message)


def _scan_refuses(platform: Platform, release: Release) -> bool:
    """Whether the first scan stops a domain with a bank that overlaps /reserved-memory.

    4.18 stops the scan at the second of the two nodes: the domain starts if its bank is registered
    by then. Releases before ``module_overlap_dropped`` do not compare the two.
    """
    if release.boot_scan_failure_is_panic or not release.module_overlap_dropped:
        return release.boot_scan_failure_is_panic
    order = [*platform.tree.root.children]
    names = ("chosen", "reserved-memory")
    chosen, reserved = (order.index(n) if n in order else len(order) for n in names)
    return reserved < chosen


def register_spans(platform: Platform) -> tuple[tuple[Node, Span], ...]:
    """The register blocks of the board and the windows of PCI hosts, without those of
    /reserved-memory. They are read once."""
    return platform.tree.once(_register_spans, platform.tree.root)


def _register_spans(tree: Tree, _: Node) -> tuple[tuple[Node, Span], ...]:
    return tuple((node, block.span) for node, block in _register_blocks(read_platform(tree)))


def _register_blocks(platform: Platform) -> Iterator[tuple[Node, Block]]:
    for node in platform.tree.nodes():
        if is_pci(node):
            yield from ((node, block) for block in read_device(platform, node).windows)
        reserves = node.parent is not None and node.parent.name == "reserved-memory"
        if node.has("reg") and node.has("compatible") and not reserves and _is_registers(node):
            for block in registers(node).blocks:
                if block.size:
                    yield node, block


def _is_registers(node: Node) -> bool:
    """Whether ``reg`` is registers, not memory (boot modules in /chosen) or the window of a bus."""
    in_chosen = any(above.name == "chosen" for above in node.ancestors())
    return node.text("device_type") != "memory" and not in_chosen and not is_simple_bus(node)


def _direct_map_findings(platform: Platform, domain: StaticMemory) -> Iterator[Finding]:
    """The vPL011 and the GIC of a direct-map domain."""
    console = console_of_xen(platform, domain.release, domain.bootargs) if domain.vpl011 else None
    uart = vuart(platform) if isinstance(console, Node) else console
    # 4.17 accepts it, so a file is not rejected for it; a request is refused anyway.
    if isinstance(uart, str) and (domain.release.vpl011_failure_refused or domain.node is None):
        yield _finding(domain, NO_UART, uart, domain.prop and "vpl011")
    limit = redistributors(platform)
    if limit is not None and domain.vcpus > limit:
        message = f"{domain.vcpus} vCPUs, and the host's redistributors have room for {limit}"
        refused = VCPUS_REFUSED.applies(domain.release)
        since = since_point(domain.release, "vcpu_failure_refused")
        if since is not None:
            message += f" (Xen {since} refuses the domain; before, the vCPU is broken)"
        broken = VCPUS_REFUSED if refused else VCPUS_BROKEN
        yield _finding(domain, broken, message, domain.prop and "cpus")


def chosen_cells(tree: Tree, request: Request) -> tuple[int, int]:
    """#address-cells and #size-cells of /chosen for the banks of the domain.

    xen,static-mem is written in them (process_domain_node, dt_n_addr_cells), from 4.17 on without
    a property that states them. They are those of the host, for what else is in /chosen, or 2 and 2
    if a bank does not fit into these.
    """
    chosen = tree.find_as_xen("/chosen") or tree.root
    address, size = xen_bus_cells(*chosen.lineage())
    banks = request.static_memory
    hold_banks = all(fits(base, address) and fits(length, size) for base, length in banks)
    return (address, size) if hold_banks and {address, size} <= {1, 2} else (2, 2)
