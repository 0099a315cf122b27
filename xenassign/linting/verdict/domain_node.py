"""Rules about the node of a dom0less domain, which :mod:`xenassign.linting.verdict.domain` reads.

Those with the effect ``rejected`` foretell what Xen says. Source: create_domUs, construct_domU
(dom0less-build.c; domain_build.c in 4.17), kernel_probe, place_modules (kernel.c), and the scan of
the boot modules (bootinfo-fdt.c; bootfdt.c before 4.20).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import xen_cell, xen_first_number
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule
from xenassign.linting.verdict import static_memory as static_memory_rules
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS, limits
from xenassign.linting.verdict.domain import (
    CELL_NAMES,
    KINDS,
    SHARED_MEMORY,
    DomainNode,
    context_of,
    domains,
    found,
    is_compatible,
    no_shared_memory,
    scan,
    scans,
    short,
    string,
    taken_for_dom0,
)
from xenassign.xen.layout import MIB, Guest
from xenassign.xen.releases import GUEST_MEMORY_MAX_MIB, RELEASES, Release
from xenassign.xen.sci import OPTION, SCMI_SMC, mediator
from xenassign.xen.stage2 import UNKNOWN_POOL, Stage2, pool_pages

NO_KERNEL = rule("XA701", "no-kernel-module", "error", "rejected", routes=DOM0LESS)
NO_MEMORY = rule("XA702", "memory-missing", "error", "rejected", routes=DOM0LESS)
NO_CPUS = rule("XA703", "cpus-missing", "error", "rejected", routes=DOM0LESS)
NO_REG = rule("XA704", "module-reg-short", "error", "rejected", routes=DOM0LESS)
PASSTHROUGH = rule(
    "XA705",
    "passthrough-without-effect",
    "warning",
    "style",
    routes=DOM0LESS,
    applies=lambda xen: "passthrough" in xen.domain_properties,
)
DIRECT_MAP = rule("XA706", "direct-map-without-static-memory", "error", "rejected", routes=DOM0LESS)
IGNORED = rule("XA707", "module-ignored", "error", "broken", routes=DOM0LESS)
SCI_TYPE = rule(
    "XA708",
    "sci-type-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: "xen,sci_type" in xen.domain_properties,
)
SCI_IDLE = rule(
    "XA728",
    "sci-type-without-effect",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)
SCI_TAKEN = rule(
    "XA729",
    "scmi-not-given",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
    needs_host=True,
)
FORM = rule("XA709", "value-misread", "warning", "broken", routes=DOM0LESS)
UNKNOWN = rule("XA710", "property-unknown", "warning", "broken", routes=DOM0LESS)
MISPLACED = rule("XA711", "domain-misplaced", "error", "broken", routes=DOM0LESS)
MEMORY = rule("XA712", "memory-impossible", "error", "rejected", routes=DOM0LESS)
NOTHING_THERE = rule(
    "XA713", "module-outside-memory", "error", "rejected", routes=DOM0LESS, needs_host=True
)
STATIC_MEMORY = rule("XA714", "static-memory-malformed", "error", "rejected", routes=DOM0LESS)
XENSTORE = rule("XA715", "xenstore-without-dom0", "error", "rejected", routes=DOM0LESS)
REFUSED = rule(
    "XA716",
    "value-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: "max_grant_version" in xen.domain_properties,
)
NOT_BUILT = rule("XA717", "option-not-built", "error", "rejected", routes=DOM0LESS)
VCPU_NODE = rule(
    "XA718",
    "vcpu-node-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.vcpu_nodes,
)
BOOTARGS_LOST = rule("XA719", "bootargs-lost", "error", "broken", routes=DOM0LESS)
BOOTARGS_LONG = rule("XA720", "bootargs-too-long", "error", "rejected", routes=DOM0LESS)
CELLS = rule("XA721", "module-cells", "warning", "portability", routes=DOM0LESS)
TAKEN_FOR_DOM0 = rule("XA722", "modules-taken-for-dom0", "error", "unsafe", routes=DOM0LESS)
STATUS = rule("XA723", "status-ignored", "warning", "unsafe", routes=DOM0LESS)
OVERLAP = rule(
    "XA724",
    "modules-overlap",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: not xen.module_overlap_dropped,
)
POOL = rule("XA725", "pool-impossible", "error", "rejected", routes=DOM0LESS)
UNTERMINATED = rule("XA726", "compatible-unterminated", "error", "rejected", routes=DOM0LESS)

#: Other nodes that Xen reads below a domain's; whether it can make use of them is not asked here.
_OTHERS = (SHARED_MEMORY, "xen,evtchn-v1")
_BOOTARGS_LIMIT = 1024  #: bytes: BOOTMOD_MAX_CMDLINE
_IMAGE_LEAST = 0x40  #: bytes: no header of a kernel is smaller (kernel_zimage64_probe)
_CAPABILITIES, _HARDWARE, _XENSTORE = 0b111, 0b010, 0b100
#: Numbers of cells, by property. Those that a release does not know are unknown to it first.
_CELLS = {
    "cpus": 1,
    "memory": 2,
    "nr_spis": 1,
    "xen,domain-p2m-mem-mb": 1,
    "max_grant_version": 1,
    "max_grant_frames": 1,
    "max_maptrack_frames": 1,
    "capabilities": 1,
    "trap-unmapped-accesses": 1,
}
_BOOLEANS = ("vpl011", "direct-map")
_STRINGS = ("passthrough", "xen,enhanced", "xen,sci_type", "llc-colors")
#: What any node may have; Xen reads the cells, and of the rest nothing.
_STANDARD = frozenset(
    {"compatible", "#address-cells", "#size-cells", "ranges", "phandle", "linux,phandle", "status"}
)


def misplaced(tree: Tree) -> Iterator[Finding]:
    """Domains that Xen does not see."""
    seen = {domain.node for domain in domains(tree)}
    for node in tree.nodes():
        if is_compatible(node, "xen,domain") and node not in seen:
            yield MISPLACED(f"{node.path} is no child of /chosen", node=node.path)


# ---------------------------------------------------------------------------- the rules


class DomainView(NamedTuple):
    """A domain's node, and what it is asked about."""

    domain: DomainNode
    context: Context

    @property
    def node(self) -> Node:
        """The domain's node."""
        return self.domain.node

    @property
    def release(self) -> Release:
        """The release of Xen."""
        return self.context.release

    def reads(self, name: str) -> bool:
        """Whether the node has a property that the release reads."""
        return self.node.has(name) and name in self.release.domain_properties


def check(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """What becomes of a domain with this node."""
    view = DomainView(domain, context)
    for rule_of in CHECKS:
        yield from rule_of(view)


def kernel(view: DomainView) -> Iterator[Finding]:
    """A kernel, of a size that one can have."""
    module = found(view.domain, "kernel", view.context)
    path = view.node.path
    if module is None:
        named = [one for one in view.domain.modules if one.kind == "kernel"]
        if named and not named[-1].node.has("reg"):
            return  # XA704 says so
        if view.domain.incomplete:
            return
        if named:
            message = f"{path} has a kernel module that Xen does not find"
            yield NO_KERNEL(message, node=named[-1].node.path, prop="compatible")
        else:
            yield NO_KERNEL(f"{path} has no kernel module", node=path)
    elif module.size is not None and module.size < _IMAGE_LEAST:
        message = f"{module.node.path} has {module.size} bytes, too few for a kernel"
        yield NO_KERNEL(message, node=module.node.path, prop="reg")


def memory(view: DomainView) -> Iterator[Finding]:
    """memory is there, and an amount that Xen can give."""
    kib, path = view.domain.memory, view.node.path
    if kib is None:
        prop = view.node.get("memory")
        what = f"has {len(prop.value)} bytes, 8 are wanted" if prop else "is missing"
        yield NO_MEMORY(f"{path}: memory {what}", node=path, prop="memory")
        return
    why = _impossible(view, kib)
    if why:
        yield MEMORY(f"{path}: memory is {kib} KiB: {why}", node=path, prop="memory")


def _impossible(view: DomainView, kib: int) -> str | None:
    """Why Xen can't give so much memory, or so little."""
    if kib % (PAGE_SIZE // 1024):
        return "no multiple of 4"
    limit = GUEST_MEMORY_MAX_MIB * 1024
    if kib > limit:
        return f"a guest has {limit} at most"
    host = _host_kib(view)
    if host is not None and kib > host:
        hint = "; is it in bytes?" if kib <= host * 1024 else ""
        return f"the host has {host} beside the modules{hint}"
    if not _images_fit(view, kib):
        hint = "; is it in MiB?" if kib < 8192 else ""
        return f"kernel, ramdisk and device tree do not fit{hint}"
    return None


def _host_kib(view: DomainView) -> int | None:
    """The host's memory but for the modules, which Xen keeps until all domains are built."""
    banks = view.context.host_memory
    if not banks:
        return None
    free = sum(block.size for block in banks)
    for one in scan(view.domain, view.context).listed:
        for block in banks:
            end = min(block.end, one.address + one.size)
            free -= max(0, end - max(block.address, one.address))
    return max(0, free) // 1024


def _images_fit(view: DomainView, kib: int) -> bool:
    """place_modules: the device tree and the ramdisk beside the kernel, in the first bank."""
    ram = Guest(view.release, 0, False, kib * 1024).ram()
    if view.domain.direct_map and view.domain.static_mem is not None:
        ram = tuple(Span.sized(*bank) for bank in view.domain.banks) or ram
    bank = ram[0].size if ram else 0
    sizes = {kind: found(view.domain, kind, view.context) for kind in ("kernel", "ramdisk")}
    images = view.context.images
    offset = images.text_offset if images else 0
    kernel, ramdisk = ((one.size if one else None) or 0 for one in sizes.values())
    end = offset + max(kernel, PAGE_SIZE)
    behind = _round(end, 2 * MIB)
    modules = _round(ramdisk, 2 * MIB) + 2 * MIB
    if modules + behind - offset > bank:
        return False
    roomy = bank >= 128 * MIB + modules and end < 128 * MIB
    return roomy or bank - modules > behind or offset > modules


def _round(size: int, step: int) -> int:
    return -(-size // step) * step


def vcpus(view: DomainView) -> Iterator[Finding]:
    """cpus is there, and not 0."""
    if not view.domain.vcpus:
        what = "is 0" if view.domain.vcpus == 0 else "has no cell" if view.node.has("cpus") else ""
        message = f"{view.node.path}: cpus {what or 'is missing'}"
        yield NO_CPUS(message, node=view.node.path, prop="cpus")


def numbers(view: DomainView) -> Iterator[Finding]:
    """vCPUs and lines are no more than a guest can have."""
    asked = context_of(view.domain, view.context)
    for finding in limits(asked):
        yield finding._replace(node=view.node.path)


def registers_of_modules(view: DomainView) -> Iterator[Finding]:
    """reg has the cells that Xen reads."""
    for module in view.domain.modules:
        path = module.node.path
        scanned = scans(module.node)
        if module.later or not (scanned or module.kind in ("kernel", "ramdisk")):
            continue
        prop = module.node.get("reg")
        if prop is None or (scanned and short(view.domain, module)):
            cells = sum(view.domain.cells)
            has = f"has {len(prop.value)} bytes, {cells} cells are wanted" if prop else "is missing"
            yield NO_REG(f"{path}: reg {has}", node=path, prop="reg")
        elif len(prop.value) > 4 * sum(view.domain.cells):
            message = f"{path}: reg has {len(prop.value)} bytes, but one address and size count"
            yield CELLS(message, node=path, prop="reg", cell=sum(view.domain.cells))


def cells(view: DomainView) -> Iterator[Finding]:
    """The domain's node states its cells."""
    for name in CELL_NAMES:
        if xen_cell(view.node.value(name)) is None and view.domain.modules:
            message = f"{view.node.path} does not state {name}"
            yield CELLS(message, node=view.node.path, prop=name)


def ignored(view: DomainView) -> Iterator[Finding]:
    """Every child is something to Xen."""
    reasons = {module.node: why for module, why in scan(view.domain, view.context).ignored}
    for module in view.domain.modules:
        node = module.node
        if is_compatible(node, "xen,vcpu", *_OTHERS) and not scans(node):
            if is_compatible(node, "xen,vcpu") and not view.release.vcpu_nodes:
                what = f"Xen {view.release.version} does not know xen,vcpu"
                yield IGNORED(f"{node.path}: {what}", node=node.path, prop="compatible")
        elif node in reasons and not module.later:
            yield IGNORED(f"{node.path}: {reasons[node]}", node=node.path, prop="compatible")
        elif module.kind is None:
            message = f"{node.path} is no kernel, ramdisk or device tree"
            yield IGNORED(message, node=node.path, prop="compatible")
        elif found(view.domain, module.kind, view.context) is None:
            message = f"{node.path} is not found where the domain looks for it"
            yield IGNORED(message, node=node.path, prop="reg")


def shadowed(view: DomainView) -> Iterator[Finding]:
    """One module of each kind."""
    for kind in KINDS:
        for module in [one for one in view.domain.modules if one.kind == kind][:-1]:
            message = f"{module.node.path}: a later {kind} takes its place"
            yield IGNORED(message, node=module.node.path)


def shared_memory(view: DomainView) -> Iterator[Finding]:
    """Nodes that the scan of a default build can't take."""
    if not (view.release.boot_scan_failure_is_panic and no_shared_memory(view.context)):
        return
    for module in view.domain.modules:
        if is_compatible(module.node, SHARED_MEMORY) and not scans(module.node):
            message = f"{module.node.path} needs a Xen with CONFIG_STATIC_SHM"
            yield NOT_BUILT(message, node=module.node.path, prop="compatible")


def passthrough(view: DomainView) -> Iterator[Finding]:
    """passthrough does what it says."""
    value, path = view.domain.passthrough, view.node.path
    if not view.reads("passthrough") or value in (None, "enabled"):
        return
    if value != "disabled":
        yield PASSTHROUGH(f"{path}: passthrough is {value!r}", node=path, prop="passthrough")
    elif any(module.kind == "device-tree" for module in view.domain.modules):
        message = f"{path}: the device-tree module turns the IOMMU on"
        yield PASSTHROUGH(message, node=path, prop="passthrough")


def direct_map(view: DomainView) -> Iterator[Finding]:
    """direct-map goes with static memory."""
    static = view.domain.static_mem is not None and "STATIC_MEMORY" in view.context.options
    if view.domain.direct_map and not static:
        path = view.node.path
        yield DIRECT_MAP(f"{path} has no static memory", node=path, prop="direct-map")


def not_built(view: DomainView) -> Iterator[Finding]:
    """Properties that need an option of the build."""
    for name, option in view.release.domain_options.items():
        if not view.node.has(name) or option in view.context.options:
            continue
        if name == "llc-colors" and string(view.node, name) is None:
            continue  # it counts as absent
        message = f"{view.node.path}: {name} needs a Xen with CONFIG_{option}"
        yield NOT_BUILT(message, node=view.node.path, prop=name)


def static_memory(view: DomainView) -> Iterator[Finding]:
    """xen,static-mem has whole entries, whose sizes add up to memory."""
    value, kib = view.domain.static_mem, view.domain.memory
    if value is None or "STATIC_MEMORY" not in view.context.options:
        return
    cells_of_chosen = view.domain.bank_cells
    if cells_of_chosen is None:
        return
    width, banks, path = sum(cells_of_chosen), view.domain.banks, view.node.path
    if not banks or len(banks) * width * 4 != len(value):
        what = f"has {len(value)} bytes, entries have {width} cells"
    elif kib is not None and sum(size for _, size in banks) != kib * 1024:
        what = f"has {sum(size for _, size in banks)} bytes, memory has {kib * 1024}"
    elif any(base % PAGE_SIZE for base, _ in banks):
        what = "has an address that is no multiple of 0x1000"
    else:
        yield from static_memory_rules.check(view.domain, view.context)
        if any(size % PAGE_SIZE for _, size in banks):
            message = f"{path}: xen,static-mem has a size that is no multiple of 0x1000"
            yield FORM(message, node=path, prop="xen,static-mem")
        return
    yield STATIC_MEMORY(f"{path}: xen,static-mem {what}", node=path, prop="xen,static-mem")


def sci_type(view: DomainView) -> Iterator[Finding]:
    """xen,sci_type is one that Xen knows; it is built with scmi_smc unless that is switched off."""
    value, path = view.domain.sci_type, view.node.path
    if not view.reads("xen,sci_type") or value == "none":
        return
    if value != "scmi_smc":
        message = f"{path}: xen,sci_type is {value!r}" if value else f"{path}: it is no string"
        yield SCI_TYPE(message, node=path, prop="xen,sci_type")
        return
    platform = view.context.platform
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        message = f"{path}: Xen forwards no SCMI: {host.why}"
        yield SCI_IDLE(message, node=path, prop="xen,sci_type")
    elif _granted(view.domain) is False:
        message = f"{path}: xen,xen-bootargs has no {OPTION}"
        yield SCI_TAKEN(message, node=path, prop="xen,sci_type")
    else:
        before = _first_with_scmi(view.domain)
        if before is not view.node:
            message = f"{path}: {before.path} has the SCMI already"
            yield SCI_TAKEN(message, node=path, prop="xen,sci_type")


def _first_with_scmi(domain: DomainNode) -> Node:
    """The first domain beside it, or it itself, that asks for SCMI: Xen builds them in order."""
    beside = domain.node.parent.children.values() if domain.node.parent else ()
    asking = (n for n in beside if is_compatible(n, "xen,domain") and _asks(n))
    return next(asking, domain.node)


def _asks(node: Node) -> bool:
    return string(node, "xen,sci_type") == SCMI_SMC


def _granted(domain: DomainNode) -> bool | None:
    """Whether Xen's command line gives SCMI away; None where the tree does not state it."""
    for node in domain.lineage[1:]:
        line = string(node, "xen,xen-bootargs")
        if line is not None:
            return _option(line)
    return None


_NO = ("0", "no", "off", "false", "disable")


def _option(line: str) -> bool:
    """A boolean of Xen's command line, the last one counts (parse_params, parse_boolean)."""
    given = False
    for word in line.split():
        name, _, value = word.partition("=")
        if name == OPTION and value in ("", "1", "yes", "on", "true", "enable"):
            given = True
        elif name == f"no-{OPTION}" or (name == OPTION and value in _NO):
            given = False
    return given


def xenstore(view: DomainView) -> Iterator[Finding]:
    """xen,enhanced has a value with a meaning, and a domain to serve it."""
    prop, path = view.node.get("xen,enhanced"), view.node.path
    if prop is None:
        return
    value = string(view.node, "xen,enhanced")
    if value is not None and value not in view.release.enhanced_values:
        known = ", ".join(sorted(view.release.enhanced_values))
        message = f"{path}: xen,enhanced is {value!r}; Xen {view.release.version} knows {known}"
        yield FORM(message, node=path, prop="xen,enhanced")
    elif value not in ("no-xenstore", "disabled") and not _xenstore_served(view):
        message = f"{path}: xen,enhanced asks for Xenstore, and there is no dom0"
        yield XENSTORE(message, node=path, prop="xen,enhanced")


def _xenstore_served(view: DomainView) -> bool:
    """By a dom0, or by a domain with the capability."""
    if view.context.beside_dom0 or taken_for_dom0(view.domain):
        return True
    if "capabilities" not in view.release.domain_properties or view.node.parent is None:
        return False
    beside = view.node.parent.children.values()
    return any((xen_first_number(node.value("capabilities")) or 0) & _XENSTORE for node in beside)


def values(view: DomainView) -> Iterator[Finding]:
    """Numbers that Xen refuses."""
    stated = {name: xen_first_number(view.node.value(name)) for name in _CELLS if view.reads(name)}
    version = stated.get("max_grant_version")
    refused = {
        "max_grant_version": version is not None and version & 0xF != 1,
        "max_grant_frames": stated.get("max_grant_frames") == 0,
        "trap-unmapped-accesses": (stated.get("trap-unmapped-accesses") or 0) > 1,
        "capabilities": _capabilities_refused(view, stated.get("capabilities") or 0),
    }
    for name in ("max_grant_frames", "max_maptrack_frames"):
        refused[name] = refused.get(name, False) or (stated.get(name) or 0) > 0x7FFFFFFF
    for name, bad in refused.items():
        if bad:
            message = f"{view.node.path}: {name} is {stated[name]}"
            yield REFUSED(message, node=view.node.path, prop=name)


def _capabilities_refused(view: DomainView, value: int) -> bool:
    """Bits that nobody knows, or a hardware domain with what only others can have."""
    if not value & _HARDWARE:
        return bool(value & ~_CAPABILITIES)
    trees = any(module.kind == "device-tree" for module in view.domain.modules)
    others = view.domain.passthrough is not None or view.domain.nr_spis is not None
    return bool(value & ~_CAPABILITIES) or view.context.beside_dom0 or trees or others


def forms(view: DomainView) -> Iterator[Finding]:
    """Values have the form that Xen reads."""
    for name, prop in view.node.properties.items():
        what = _odd(view.node, name, prop.value) if view.reads(name) else None
        if what:
            message = f"{view.node.path}: {name} {what}"
            yield FORM(message, node=view.node.path, prop=name, cell=_CELLS.get(name))


def _odd(node: Node, name: str, value: bytes) -> str | None:
    """What is odd about a value; cpus and memory have rules of their own."""
    wanted, size = 4 * _CELLS.get(name, 0), len(value)
    if wanted < size and wanted:
        return f"has {size} bytes; Xen reads {wanted}"
    if wanted > size and name not in ("cpus", "memory"):
        return f"has {size} bytes; Xen wants {wanted}, and takes it for absent"
    if name in _BOOLEANS and size and not any(value):
        return "is 0; that it is there means yes"
    # xen,enhanced without value means "enabled".
    text = name in _STRINGS and (size or name != "xen,enhanced")
    return "is no string" if text and string(node, name) is None else None


def properties(view: DomainView) -> Iterator[Finding]:
    """The release reads every property."""
    known = view.release.domain_properties
    for name in view.node.properties:
        if name in known or name in _STANDARD:
            continue
        message = f"{view.node.path}: Xen {view.release.version} does not read {name}"
        since = next((r.version for r in RELEASES.values() if name in r.domain_properties), None)
        near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.75)
        if since is not None:
            fix = f"take Xen {since}, or leave it out"
        elif name == "bootargs":
            fix = "move bootargs into the kernel's module"
        else:
            fix = f"did you mean {near[0]}?" if near else "leave it out"
        yield UNKNOWN(message, node=view.node.path, prop=name, fix=fix)


def places(view: DomainView) -> Iterator[Finding]:
    """Modules lie in the host's memory."""
    platform, banks = view.context.platform, view.context.host_memory
    if platform is None or not banks:
        return
    for kind in KINDS:
        module = found(view.domain, kind, view.context)
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
            message = f"{module.node.path}: {address:#x} is no address of the host's memory"
            yield NOTHING_THERE(message, node=module.node.path, prop="reg")


def overlaps(view: DomainView) -> Iterator[Finding]:
    """No page belongs to two modules: where the scan does not mind, freeing it twice does."""
    if not OVERLAP.applies(view.release):
        return
    freed: list[Span] = []
    for one in scan(view.domain, view.context).listed:
        start = _round(one.address, PAGE_SIZE)
        end = (one.address + _round(one.size, PAGE_SIZE)) // PAGE_SIZE * PAGE_SIZE
        pages = Span(start, end)
        if any(pages.overlaps(other) for other in freed):
            path = next(m.node.path for m in view.domain.modules if m.address == one.address)
            message = f"{path}: the {one.kind} at {one.address:#x} overlaps another module"
            yield OVERLAP(message, node=path, prop="reg")
        freed.append(pages)


def vcpu_nodes(view: DomainView) -> Iterator[Finding]:
    """Nodes with xen,vcpu name vCPUs of the domain."""
    for node in view.node.children.values():
        if not VCPU_NODE.applies(view.release) or not is_compatible(node, "xen,vcpu"):
            continue
        value = xen_first_number(node.value("id"))
        if value is None or value >= (view.domain.vcpus or 0):
            what = "has no id" if value is None else f"has id {value}"
            yield VCPU_NODE(f"{node.path} {what}", node=node.path, prop="id")


def bootargs(view: DomainView) -> Iterator[Finding]:
    """The guest gets its command line."""
    for module in view.domain.modules:
        prop = module.node.get("bootargs")
        if prop is None or not scans(module.node):
            continue
        path = module.node.path
        if len(prop.value.split(b"\0")[0]) > _BOOTARGS_LIMIT:
            yield BOOTARGS_LONG(f"{path}: bootargs is too long", node=path, prop="bootargs")
        elif view.domain.bootargs is None:
            message = f"{path}: Xen does not find it for a domain {view.node.name}"
            yield BOOTARGS_LOST(message, node=path, prop="bootargs")


def compatible(view: DomainView) -> Iterator[Finding]:
    """compatible is made of whole strings."""
    for node in (view.node, *view.node.children.values()):
        prop = node.get("compatible")
        if prop is not None and prop.value and not prop.value.endswith(b"\0"):
            message = f"{node.path}: compatible has no NUL at its end"
            yield UNTERMINATED(message, node=node.path, prop="compatible")


def as_dom0(view: DomainView) -> Iterator[Finding]:
    """The scan knows the domain for one."""
    if taken_for_dom0(view.domain):
        path = view.node.path
        message = f"{path}: compatible has another case than xen,domain"
        yield TAKEN_FOR_DOM0(message, node=path, prop="compatible")


def status(view: DomainView) -> Iterator[Finding]:
    """Nothing is disabled."""
    for node in (view.node, *view.node.children.values()):
        if not node.available:
            message = f"{node.path}: status is {node.status!r}"
            yield STATUS(message, node=node.path, prop="status")


def pool(view: DomainView) -> Iterator[Finding]:
    """The pool maps the RAM, and the host has both."""
    kib, mib = view.domain.memory, view.domain.pool_mib
    host = _host_kib(view)
    if kib is None or kib > GUEST_MEMORY_MAX_MIB * 1024 or view.domain.static_mem is not None:
        return
    path = view.node.path
    if mib is not None:
        ram = Guest(view.release, 0, False, kib * 1024).ram()
        if UNKNOWN_POOL - Stage2(UNKNOWN_POOL, ram=ram).free > mib << 8:
            message = f"{path}: {mib} MiB are too few for the tables of {kib} KiB"
            yield POOL(message, node=path, prop="xen,domain-p2m-mem-mb")
    pages = pool_pages(kib, view.domain.vcpus or 1) if mib is None else mib << 8
    if host is not None and kib <= host < kib + pages * (PAGE_SIZE // 1024):
        message = f"{path}: the host's {host} KiB are too few for memory and tables"
        prop = "memory" if mib is None else "xen,domain-p2m-mem-mb"
        yield POOL(message, node=path, prop=prop)


CHECKS: tuple[Callable[[DomainView], Iterator[Finding]], ...] = (
    kernel,
    memory,
    vcpus,
    numbers,
    registers_of_modules,
    cells,
    ignored,
    shadowed,
    shared_memory,
    passthrough,
    direct_map,
    not_built,
    static_memory,
    sci_type,
    xenstore,
    values,
    forms,
    properties,
    places,
    overlaps,
    vcpu_nodes,
    bootargs,
    compatible,
    as_dom0,
    status,
    pool,
)
