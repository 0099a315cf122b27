"""Static memory and direct-map: what a domain gets of the host's memory by its address.

Xen reserves xen,static-mem in its first scan of the host's tree, before it has a console, and gives
it to the domain later. What it compares there, and what not, differs between releases; the same
findings are made of a request and, by :mod:`xenassign.linting.verdict.static_memory`, of a domain's
node.
Source: process_domain_node, device_tree_get_meminfo, check_reserved_regions_overlap,
init_staticmem_pages, acquire_static_memory_bank, assign_static_memory_11, allocate_static_memory.
All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import Block, is_pci, registers
from xenassign.devicetree.cells import xen_bus_cells
from xenassign.devicetree.spans import Span, covered
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, Rule, rule
from xenassign.host.device import is_simple_bus, read_device
from xenassign.host.platform import Platform
from xenassign.request.request import Request
from xenassign.xen.direct_map import Banks, redistributors, vuart
from xenassign.xen.layout import MIB
from xenassign.xen.releases import Release

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
TOO_MANY_VCPUS = rule(
    "XA736", "direct-map-vcpus", "error", "broken", routes=_ROUTES, needs_host=True
)


class StaticMemory(NamedTuple):
    """A domain with static memory. ``node`` and ``prop`` are where the findings stand.

    ``live``: the host's tree states the memory that Xen will have.
    """

    release: Release
    banks: Banks
    direct_map: bool
    vcpus: int
    vpl011: bool
    node: str | None = None
    prop: str | None = None
    live: bool = False


def static_memory_of_request(request: Request) -> StaticMemory:
    """What a request asks for."""
    banks, vcpus = request.static_memory, request.vcpus or 1
    return StaticMemory(request.release, banks, request.direct_map, vcpus, request.vpl011)


def static_memory_findings(platform: Platform | None, domain: StaticMemory) -> Iterator[Finding]:
    """Everything about the static memory, and the rest of a direct-map domain's address space."""
    yield from _bank_findings(domain)
    if platform is None:
        return
    for base, size in domain.banks:
        yield from _bank(platform, domain, Span.sized(base, size))
    if domain.direct_map:
        yield from _direct_map_findings(platform, domain)


def _finding(domain: StaticMemory, broken: Rule, message: str, prop: str | None = None) -> Finding:
    return broken(message, node=domain.node, prop=prop or domain.prop)


def _text(bank: Span) -> str:
    return f"static memory {bank}"


def _bank_findings(domain: StaticMemory) -> Iterator[Finding]:
    """What needs no host."""
    banks = [Span.sized(*bank) for bank in domain.banks]
    for number, bank in enumerate(banks):
        for other in banks[:number]:
            if bank.overlaps(other):
                yield _finding(domain, TWICE, f"{_text(bank)} overlaps that of {other}")
        if not bank.is_aligned(2 * MIB):
            yield _finding(domain, UNALIGNED, f"{_text(bank)} is not of whole 2 MiB")


def _bank(platform: Platform, domain: StaticMemory, bank: Span) -> Iterator[Finding]:
    """One bank against the host's memory, what it reserves, and its devices."""
    where = _text(bank)
    if platform.memory and not covered(bank, (block.span for block in platform.memory)):
        made = NOT_THERE if domain.live else NOT_STATED
        stated = ", ".join(str(block.span) for block in platform.memory if block.size)
        message = f"{where} is not within the memory of the host's tree ({stated or 'none'})"
        yield _finding(domain, made, message)
    scans = _scan_refuses(platform, domain.release)
    for node, block in platform.reserved:
        if bank.overlaps(block.span):
            made = SCAN_REFUSES if scans and node.available else RESERVED
            text = f"{where} covers {node.path} ({block.span})"
            yield _finding(domain, made, text)
    for reserved in (Span.sized(*entry) for entry in platform.tree.reservations):
        if bank.overlaps(reserved):
            seen = domain.release.boot_scan_failure_is_panic and not reserved.covers(bank)
            text = f"{where} covers the memory reservation {reserved}"
            yield _finding(domain, SCAN_REFUSES if seen else RESERVED, text)
    for node, block in _devices(platform):
        if bank.overlaps(block.span):
            text = f"{where} covers registers of {node.path} ({block.span})"
            yield _finding(domain, DEVICES, text)


def _scan_refuses(platform: Platform, release: Release) -> bool:
    """Whether the first scan stops a domain with a bank that /reserved-memory has a part of.

    4.18 stops the scan at the second of the two, and with the bank listed the domain comes up; the
    comparison came with ``module_overlap_dropped``.
    """
    if release.boot_scan_failure_is_panic or not release.module_overlap_dropped:
        return release.boot_scan_failure_is_panic
    order = [*platform.tree.root.children]
    names = ("chosen", "reserved-memory")
    chosen, reserved = (order.index(n) if n in order else len(order) for n in names)
    return reserved < chosen


def _devices(platform: Platform) -> Iterator[tuple[Node, Block]]:
    """The register blocks of the board and the windows of PCI hosts, those of nodes that reserve
    memory apart."""
    for node in platform.tree.nodes():
        if is_pci(node):
            yield from ((node, block) for block in read_device(platform, node).windows)
        reserves = node.parent is not None and node.parent.name == "reserved-memory"
        if node.has("reg") and node.has("compatible") and not reserves and _is_registers(node):
            for block in registers(node).blocks:
                if block.size:
                    yield node, block


def _is_registers(node: Node) -> bool:
    """Not a node that states memory, as boot modules in /chosen do, nor the window of a bus."""
    in_chosen = any(above.name == "chosen" for above in node.ancestors())
    return node.text("device_type") != "memory" and not in_chosen and not is_simple_bus(node)


def _direct_map_findings(platform: Platform, domain: StaticMemory) -> Iterator[Finding]:
    """The vPL011 and the GIC of a direct-map domain."""
    uart = vuart(platform) if domain.vpl011 else None
    # What 4.17 accepts is no rejection; a request is refused all the same.
    if isinstance(uart, str) and (domain.release.vpl011_failure_refused or domain.node is None):
        yield _finding(domain, NO_UART, uart, domain.prop and "vpl011")
    room = redistributors(platform)
    if room is not None and domain.vcpus > room:
        text = f"{domain.vcpus} vCPUs, and the host's redistributors have room for {room}"
        yield _finding(domain, TOO_MANY_VCPUS, text, domain.prop and "cpus")


def chosen_cells(tree: Tree, request: Request) -> tuple[int, int]:
    """#address-cells and #size-cells of /chosen for the banks of the domain.

    xen,static-mem is written in them (process_domain_node, dt_n_addr_cells), from 4.17 on without
    a property that states them. The host's own stay, for what else is in /chosen; where they are
    too narrow for a bank, 2 and 2.
    """
    chosen = tree.find_as_xen("/chosen") or tree.root
    address, size = xen_bus_cells(*chosen.lineage())
    fits = all(
        base < 1 << 32 * address and length < 1 << 32 * size
        for base, length in request.static_memory
    )
    return (address, size) if fits and {address, size} <= {1, 2} else (2, 2)
