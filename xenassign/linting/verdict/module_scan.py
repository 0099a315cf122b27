"""The boot modules that Xen's scan of /chosen lists, and those that a domain uses of them.

Source: early_scan_node, process_multiboot_node, add_boot_module (bootinfo-fdt.c, bootinfo.c;
bootfdt.c, setup.c before 4.20), boot_module_find_by_addr_and_kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import (
    SHARED_MEMORY,
    BootModule,
    DomainNode,
    boot_module,
    is_compatible,
    is_scanned,
)
from xenassign.xen.releases import Release

#: The kind that the scan gives a module, by compatible string (fdt_node_to_kind).
_SCANNED = {
    "xen,linux-zimage": "kernel",
    "multiboot,kernel": "kernel",
    "xen,linux-initrd": "ramdisk",
    "multiboot,ramdisk": "ramdisk",
    "xen,xsm-policy": "xsm",
    "multiboot,device-tree": "device-tree",
}
_PATH_LIMIT = 91  #: characters of a module's path: the buffer of process_multiboot_node
_MODULES_LIMIT = 32  #: MAX_MODULES; Xen and its device tree are two of them


class Listed(NamedTuple):
    """A module in the list of the scan. Bytes."""

    kind: str
    address: int
    size: int


class Scan(NamedTuple):
    """The result of the scan for a domain. ``ignored``: (module, reason it is not listed).

    ``before``: sizes by (kind, address) of what was listed before; Xen lists the same once.
    """

    listed: tuple[Listed, ...]
    ignored: tuple[tuple[BootModule, str], ...]
    before: Mapping[tuple[str, int], int]


def scan(domain: DomainNode, context: Context) -> Scan:
    """Lists the modules of a domain. Other rules report what stops Xen during the scan."""
    before, stopped = _listed_before(domain, context), _stopped_before(domain, context)
    return _scan(domain, domain.modules, context, before, stopped)


def stops_scan(node: Node, context: Context) -> bool:
    """Whether the scan fails at a node: shared memory of a Xen that is built without it."""
    shares = is_compatible(node, SHARED_MEMORY) and not is_scanned(node)
    return shares and no_shared_memory(context)


def _stopped_before(domain: DomainNode, context: Context) -> bool:
    """Whether the scan fails at a node of /chosen before the domain's, or below such a node."""
    chosen = domain.node.parent
    for node in chosen.children.values() if chosen is not None else ():
        if node is domain.node:
            break
        if any(stops_scan(each, context) for each in (node, *node.children.values())):
            return True
    return False


def _listed_before(domain: DomainNode, context: Context) -> dict[tuple[str, int], int]:
    """Sizes by (kind, address) of what is listed for the nodes of /chosen before the domain's."""
    chosen = domain.node.parent
    sizes: dict[tuple[str, int], int] = {}
    if chosen is None or chosen.name != "chosen":
        return sizes
    for node in chosen.children.values():
        if node is domain.node:
            break
        owner = DomainNode(node)
        modules = owner.modules  # also of a node that is not a domain, of which a dom0 is made
        if not is_compatible(node, "xen,domain"):
            modules = (boot_module(DomainNode(chosen), node), *modules)
        listed = _scan(owner, modules, context, sizes).listed
        sizes |= {(entry.kind, entry.address): entry.size for entry in listed}
    return sizes


def _keys(listed: Iterable[Listed]) -> frozenset[tuple[str, int]]:
    return frozenset((entry.kind, entry.address) for entry in listed)


def _scan(
    domain: DomainNode,
    modules: tuple[BootModule, ...],
    context: Context,
    before: Mapping[tuple[str, int], int],
    stopped: bool = False,
) -> Scan:
    """``before``: what is listed already; the same module again keeps its first size."""
    listed: list[Listed] = []
    ignored: list[tuple[BootModule, str]] = []
    guesses = iter(("kernel", "ramdisk"))
    for module in modules:
        reason = _unlisted(domain, module, listed, context.release)
        stopped |= stops_scan(module.node, context)
        if stopped and (module.kind, module.address or 0) not in before:
            reason = f"it is after a node with {SHARED_MEMORY}, where the scan stops"
        if reason:
            ignored.append((module, reason))
            continue
        if module.placed_later:
            continue
        compatible = [text for text in _SCANNED if is_compatible(module.node, text, exact=True)]
        kind = _SCANNED[compatible[0]] if compatible else next(guesses, "unknown")
        entry = Listed(kind, module.address or 0, module.size or 0)
        key = (entry.kind, entry.address)
        own = _keys(listed)
        if key in before:
            listed.append(entry._replace(size=before[key]))
        elif key in own:
            continue
        elif len(before.keys() | own) < _MODULES_LIMIT - 2:
            listed.append(entry)
        else:
            reason = f"Xen lists {_MODULES_LIMIT} modules, itself and its device tree among them"
            ignored.append((module, reason))
    return Scan(tuple(listed), tuple(ignored), before)


def _unlisted(
    domain: DomainNode, module: BootModule, listed: list[Listed], release: Release
) -> str | None:
    if not is_scanned(module.node):
        return "it has no multiboot,module"
    if len(f"/chosen/{domain.node.name}/{module.node.name}") > _PATH_LIMIT:
        return f"its path has more than {_PATH_LIMIT} characters"
    if module.address is None or module.size is None or not release.module_overlap_dropped:
        return None
    taken = [(f"the {kind} at {start:#x}", start, size) for kind, start, size in listed]
    taken += [(f"static memory at {base:#x}", base, size) for base, size in domain.banks]
    for name, start, size in taken:
        # As bootmodules_overlap_check compares: an empty module overlaps the range around it.
        if module.address < start + size and start < module.address + module.size:
            return f"it overlaps {name}"
    return None


def no_shared_memory(context: Context) -> bool:
    """Whether Xen is built without static shared memory."""
    return "STATIC_SHM" not in context.options


def used_module(domain: DomainNode, kind: str, context: Context) -> BootModule | None:
    """The module that Xen uses as the domain's kernel, ramdisk or device-tree: the last one."""
    used: BootModule | None = None
    listed = scan(domain, context).listed
    for module in domain.modules:
        if module.kind != kind:
            continue
        address = module.lookup_address
        if module.placed_later:
            used = module
        elif address is not None:
            sizes = [e.size for e in listed if (e.kind, e.address) == (kind, address)]
            used = module._replace(address=address, size=sizes[0]) if sizes else None
        elif kind != "device-tree":
            used = None
    return used
