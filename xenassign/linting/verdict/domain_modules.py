"""Rules about the boot modules of a dom0less domain: which the scan of /chosen lists, and where.

Source: the scan of the boot modules (bootinfo-fdt.c; bootfdt.c before 4.20), kernel_probe
(kernel.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import xen_cell
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import (
    CELL_NAMES,
    KINDS,
    SHARED_MEMORY,
    is_compatible,
    is_scanned,
    reg_too_short,
)
from xenassign.linting.verdict.domain_properties import NOT_BUILT
from xenassign.linting.verdict.domain_view import DomainView, round_up
from xenassign.linting.verdict.event_channels import EVENT_CHANNEL
from xenassign.linting.verdict.module_scan import scan, stops_scan, used_module

NO_KERNEL = rule("XA701", "no-kernel-module", "error", "rejected", routes=DOM0LESS)
NO_REG = rule("XA704", "module-reg-short", "error", "rejected", routes=DOM0LESS)
IGNORED = rule("XA707", "module-ignored", "error", "broken", routes=DOM0LESS)
NOTHING_THERE = rule(
    "XA713", "module-outside-memory", "error", "rejected", routes=DOM0LESS, needs_host=True
)
BOOTARGS_LOST = rule("XA719", "bootargs-lost", "error", "broken", routes=DOM0LESS)
BOOTARGS_LONG = rule("XA720", "bootargs-too-long", "error", "rejected", routes=DOM0LESS)
CELLS = rule("XA721", "module-cells", "warning", "portability", routes=DOM0LESS)
OVERLAP = rule(
    "XA724",
    "modules-overlap",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: not xen.module_overlap_dropped,
)
#: Other nodes that Xen reads below a domain's; whether they are valid is not checked here.
_OTHERS = (SHARED_MEMORY, EVENT_CHANNEL)
_BOOTARGS_LIMIT = 1024  #: bytes: BOOTMOD_MAX_CMDLINE
_IMAGE_MIN = 0x40  #: bytes: the header of a kernel (kernel_zimage64_probe)


def kernel(view: DomainView) -> Iterator[Finding]:
    """No kernel module that Xen finds, or one that is too small for a kernel."""
    module = used_module(view.domain, "kernel", view.context)
    path = view.node.path
    if module is None:
        kernels = [candidate for candidate in view.domain.modules if candidate.kind == "kernel"]
        if kernels and not kernels[-1].node.has("reg"):
            return  # XA704 reports it
        if view.domain.incomplete:
            return
        if kernels:
            message = f"{path} has a kernel module that Xen does not find"
            yield NO_KERNEL(message, node=kernels[-1].node.path, prop="compatible")
        else:
            yield NO_KERNEL(f"{path} has no kernel module", node=path)
    elif module.size is not None and module.size < _IMAGE_MIN:
        message = f"{module.node.path} has {module.size} bytes, too few for a kernel"
        yield NO_KERNEL(message, node=module.node.path, prop="reg")


def module_registers(view: DomainView) -> Iterator[Finding]:
    """reg is missing, too short, or has more than one address and size."""
    for module in view.domain.modules:
        path = module.node.path
        scanned = is_scanned(module.node)
        if module.placed_later or not (scanned or module.kind in ("kernel", "ramdisk")):
            continue
        prop = module.node.get("reg")
        if prop is None or (scanned and reg_too_short(view.domain, module)):
            cells = sum(view.domain.cells)
            problem = "is missing"
            if prop is not None:
                problem = f"has {len(prop.value)} bytes; {cells} cells are required"
            yield NO_REG(f"{path}: reg {problem}", node=path, prop="reg")
        elif len(prop.value) > 4 * sum(view.domain.cells):
            size = len(prop.value)
            message = f"{path}: reg has {size} bytes, but Xen reads only one address and size"
            yield CELLS(message, node=path, prop="reg", cell=sum(view.domain.cells))


def cells(view: DomainView) -> Iterator[Finding]:
    """The domain's node does not state its cells."""
    for name in CELL_NAMES:
        if xen_cell(view.node.value(name)) is None and view.domain.modules:
            message = f"{view.node.path} does not state {name}"
            yield CELLS(message, node=view.node.path, prop=name)


def ignored(view: DomainView) -> Iterator[Finding]:
    """Children that have no effect in Xen."""
    reasons = {module.node: reason for module, reason in scan(view.domain, view.context).ignored}
    for module in view.domain.modules:
        node = module.node
        if is_compatible(node, "xen,vcpu", *_OTHERS) and not is_scanned(node):
            if is_compatible(node, "xen,vcpu") and not view.release.vcpu_nodes:
                message = f"{node.path}: Xen {view.release.name} does not know xen,vcpu"
                yield IGNORED(message, node=node.path, prop="compatible")
        elif node in reasons and not module.placed_later:
            yield IGNORED(f"{node.path}: {reasons[node]}", node=node.path, prop="compatible")
        elif module.kind is None:
            message = f"{node.path} is not a kernel, ramdisk or device tree"
            yield IGNORED(message, node=node.path, prop="compatible")
        elif used_module(view.domain, module.kind, view.context) is None:
            message = f"{node.path} is not at the address where Xen looks for it"
            yield IGNORED(message, node=node.path, prop="reg")


def replaced(view: DomainView) -> Iterator[Finding]:
    """Modules that a later one of the same kind replaces."""
    for kind in KINDS:
        for module in [module for module in view.domain.modules if module.kind == kind][:-1]:
            message = f"{module.node.path}: a later {kind} replaces it"
            yield IGNORED(message, node=module.node.path)


def shared_memory_not_built(view: DomainView) -> Iterator[Finding]:
    """Nodes for which the scan of a default build stops Xen; dom0's with the first domain."""
    if not view.release.boot_scan_failure_is_panic:
        return
    first, chosen = next(view.domain.same_chosen, view.domain), view.node.parent
    of_dom0 = chosen.children.values() if chosen is not None and first.node is view.node else ()
    for node in (*of_dom0, *view.node.children.values()):
        if stops_scan(node, view.context):
            message = f"{node.path} requires a Xen with CONFIG_STATIC_SHM"
            yield NOT_BUILT(message, node=node.path, prop="compatible")


def module_addresses(view: DomainView) -> Iterator[Finding]:
    """Modules outside of the host's memory."""
    platform, banks = view.context.platform, view.context.host_memory
    if platform is None or not banks:
        return
    for kind in KINDS:
        module = used_module(view.domain, kind, view.context)
        if module is None or module.address is None:
            continue
        address = module.address
        if any(block.span.holds(address) for block in banks):
            continue
        devices = [
            node
            for node in platform.tree.nodes()
            if node.text("device_type") != "memory"
            for block in registers(node).blocks
            if block.span.holds(address)
        ]
        if kind == "kernel" or not devices:
            message = f"{module.node.path}: {address:#x} is not in the host's memory"
            yield NOTHING_THERE(message, node=module.node.path, prop="reg")


def overlaps(view: DomainView) -> Iterator[Finding]:
    """Pages of two modules. The scan accepts them; Xen stops when it frees a page twice."""
    if not OVERLAP.applies(view.release):
        return
    modules = scan(view.domain, view.context)
    freed = [_freed(address, size) for (_, address), size in modules.before.items()]
    for (kind, address), size in modules.listed.items():
        if (kind, address) in modules.before:
            continue
        pages = _freed(address, size)
        if any(pages.overlaps(span) for span in freed):
            path = next(m.node.path for m in view.domain.modules if m.address == address)
            message = f"{path}: the {kind} at {address:#x} overlaps another module"
            yield OVERLAP(message, node=path, prop="reg")
        freed.append(pages)


def _freed(address: int, size: int) -> Span:
    """The pages of a module that Xen frees after the boot, in bytes."""
    end = (address + round_up(size, PAGE_SIZE)) // PAGE_SIZE * PAGE_SIZE
    return Span(round_up(address, PAGE_SIZE), end)


def bootargs(view: DomainView) -> Iterator[Finding]:
    """A command line that is too long, or that Xen does not find for the domain."""
    for module in view.domain.modules:
        prop = module.node.get("bootargs")
        if prop is None or not is_scanned(module.node):
            continue
        path = module.node.path
        if len(prop.value.split(b"\0")[0]) > _BOOTARGS_LIMIT:
            yield BOOTARGS_LONG(f"{path}: bootargs is too long", node=path, prop="bootargs")
        elif view.domain.bootargs is None:
            message = f"{path}: Xen does not find it for the domain {view.node.name}"
            yield BOOTARGS_LOST(message, node=path, prop="bootargs")
