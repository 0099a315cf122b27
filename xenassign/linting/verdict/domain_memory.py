"""Rules about the memory of a dom0less domain: its amount, static memory, the P2M pool.

Amounts are KiB unless stated otherwise.
Source: construct_domU, allocate_memory, assign_static_memory_11, place_modules of Xen.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding, rule
from xenassign.linting.verdict import static_memory as static_memory_rules
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import DomainNode
from xenassign.linting.verdict.domain_properties import FORM
from xenassign.linting.verdict.domain_view import DomainView, round_up
from xenassign.linting.verdict.module_scan import scan, used_module
from xenassign.xen.layout import MIB, Guest
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB
from xenassign.xen.stage2 import UNKNOWN_POOL, Stage2, pool_pages

NO_MEMORY = rule("XA702", "memory-missing", "error", "rejected", routes=DOM0LESS)
DIRECT_MAP = rule("XA706", "direct-map-without-static-memory", "error", "rejected", routes=DOM0LESS)
MEMORY = rule("XA712", "memory-impossible", "error", "rejected", routes=DOM0LESS)
STATIC_MEMORY = rule("XA714", "static-memory-malformed", "error", "rejected", routes=DOM0LESS)
POOL = rule("XA725", "pool-impossible", "error", "rejected", routes=DOM0LESS)


def memory(view: DomainView) -> Iterator[Finding]:
    """memory is missing, or not an amount that Xen can allocate."""
    kib, path = view.domain.memory, view.node.path
    if kib is None:
        prop = view.node.get("memory")
        problem = f"has {len(prop.value)} bytes; 8 are required" if prop else "is missing"
        yield NO_MEMORY(f"{path}: memory {problem}", node=path, prop="memory")
        return
    reason = _impossible(view, kib)
    if reason:
        yield MEMORY(f"{path}: memory is {kib} KiB: {reason}", node=path, prop="memory")


def _impossible(view: DomainView, kib: int) -> str | None:
    """Why Xen can't allocate this amount of memory; None if it can."""
    if kib % (PAGE_SIZE // 1024):
        return "not a multiple of 4"
    limit = GUEST_MEMORY_MAX_MIB * 1024
    if kib > limit:
        return f"a guest can have at most {limit}"
    host = _host_kib(view)
    if host is not None and kib > host:
        hint = "; is it in bytes?" if kib <= host * 1024 else ""
        return f"the host has {host} beside the modules{hint}"
    left = None if host is None else host - _earlier_kib(view)
    if left is not None and kib > left:
        return f"the domains before it leave {max(0, left)} of the host's memory"
    if not _images_fit(view, kib):
        hint = "; is it in MiB?" if kib < 8192 else ""
        return f"kernel, ramdisk and device tree do not fit{hint}"
    return None


def _host_kib(view: DomainView) -> int | None:
    """The host's memory except the modules, which Xen keeps until all domains are built."""
    banks = view.context.host_memory
    if not banks:
        return None
    free = sum(block.size for block in banks)
    for (_, address), size in scan(view.domain, view.context).listed.items():
        for block in banks:
            end = min(block.end, address + size)
            free -= max(0, end - max(block.address, address))
    return max(0, free) // 1024


def _earlier_kib(view: DomainView) -> int:
    """The memory and the tables of the domains that Xen builds before this one."""
    total = 0
    for domain in view.domain.same_chosen:
        if domain.node is view.node:
            break
        if domain.memory is not None and domain.static_mem is None:
            total += domain.memory + _pool_kib(domain)
    return total


def _pool_kib(domain: DomainNode) -> int:
    """The pool for the tables of a domain with memory."""
    if domain.pool_mib is not None:
        return domain.pool_mib * 1024
    return pool_pages(domain.memory or 0, domain.vcpus or 1) * (PAGE_SIZE // 1024)


def _images_fit(view: DomainView, kib: int) -> bool:
    """Whether kernel, device tree and ramdisk fit into the first bank (place_modules)."""
    ram = Guest(view.release, 0, False, kib * 1024).ram()
    if view.domain.direct_map and view.domain.static_mem is not None:
        ram = tuple(Span.sized(*bank) for bank in view.domain.banks) or ram
    bank = ram[0].size if ram else 0
    images = view.context.images
    offset = images.text_offset if images else 0
    kernel, ramdisk = (_module_size(view, kind) for kind in ("kernel", "ramdisk"))
    end = offset + max(kernel, PAGE_SIZE)
    kernel_end = round_up(end, 2 * MIB)
    modules = round_up(ramdisk, 2 * MIB) + 2 * MIB
    if modules + kernel_end - offset > bank:
        return False
    at_128_mib = bank >= 128 * MIB + modules and end < 128 * MIB
    return at_128_mib or bank - modules > kernel_end or offset > modules


def _module_size(view: DomainView, kind: str) -> int:
    """In bytes; 0 if it is not known or there is no such module."""
    module = used_module(view.domain, kind, view.context)
    return (module.size if module else None) or 0


def direct_map(view: DomainView) -> Iterator[Finding]:
    """direct-map without static memory."""
    if not view.domain.direct_map:
        return
    path = view.node.path
    if view.domain.static_mem is None:
        yield DIRECT_MAP(f"{path} has no static memory", node=path, prop="direct-map")
    elif "STATIC_MEMORY" not in view.context.options:
        message = f"{path}: a Xen without CONFIG_STATIC_MEMORY does not read xen,static-mem"
        fix = "build Xen with STATIC_MEMORY=y, and state that with --kconfig STATIC_MEMORY"
        yield DIRECT_MAP(message, node=path, prop="direct-map", fix=fix)


def static_memory(view: DomainView) -> Iterator[Finding]:
    """xen,static-mem is malformed, its sizes do not add up to memory, or its banks are unusable."""
    value, kib = view.domain.static_mem, view.domain.memory
    if value is None or "STATIC_MEMORY" not in view.context.options:
        return
    cells_of_chosen = view.domain.bank_cells
    if cells_of_chosen is None:
        return
    width, banks, path = sum(cells_of_chosen), view.domain.banks, view.node.path
    if not banks or len(banks) * width * 4 != len(value):
        problem = f"has {len(value)} bytes, entries have {width} cells"
    elif kib is not None and sum(size for _, size in banks) != kib * 1024:
        problem = f"has {sum(size for _, size in banks)} bytes, memory has {kib * 1024}"
    elif any(base % PAGE_SIZE for base, _ in banks):
        problem = "has an address that is not a multiple of 0x1000"
    else:
        yield from static_memory_rules.check(view.domain, view.context)
        if any(size % PAGE_SIZE for _, size in banks):
            message = f"{path}: xen,static-mem has a size that is not a multiple of 0x1000"
            yield FORM(message, node=path, prop="xen,static-mem")
        return
    yield STATIC_MEMORY(f"{path}: xen,static-mem {problem}", node=path, prop="xen,static-mem")


def pool(view: DomainView) -> Iterator[Finding]:
    """The P2M pool is too small for the RAM, or the host too small for both."""
    kib, mib = view.domain.memory, view.domain.pool_mib
    host = _host_kib(view)
    if host is not None:
        host -= _earlier_kib(view)
    if kib is None or kib > GUEST_MEMORY_MAX_MIB * 1024 or view.domain.static_mem is not None:
        return
    path = view.node.path
    if mib is not None:
        ram = Guest(view.release, 0, False, kib * 1024).ram()
        if UNKNOWN_POOL - Stage2(UNKNOWN_POOL, ram=ram).free > mib << 8:
            message = f"{path}: {mib} MiB are too few for the tables of {kib} KiB"
            yield POOL(message, node=path, prop="xen,domain-p2m-mem-mb")
    if host is not None and kib <= host < kib + _pool_kib(view.domain):
        message = f"{path}: the host's {host} KiB are too few for memory and tables"
        prop = "memory" if mib is None else "xen,domain-p2m-mem-mb"
        yield POOL(message, node=path, prop=prop)
