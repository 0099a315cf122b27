"""The boot modules that Xen's scan of /chosen lists, and those that a domain uses of them.

Source: early_scan_node, process_multiboot_node, add_boot_module (bootinfo-fdt.c, bootinfo.c;
bootfdt.c, setup.c before 4.20), boot_module_find_by_addr_and_kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

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
#: Of the first modules without a kind, in the order of the tree. Which are XSM is not known here.
_GUESSED = ("kernel", "ramdisk")
_PATH_LIMIT = 91  #: characters of a module's path: the buffer of process_multiboot_node
_MODULES_LIMIT = 32  #: MAX_MODULES; Xen and its device tree are two of them


#: Sizes of modules by (kind, address), in the order of Xen's list, which has the same once. Bytes.
Sizes: TypeAlias = Mapping[tuple[str, int], int]


class Scan(NamedTuple):
    """The result of the scan for a domain. ``ignored``: (module, reason it is not listed).

    ``listed``: the domain's own. ``before``: what was listed before; the same module again keeps
    its first size.
    """

    listed: Sizes
    ignored: tuple[tuple[BootModule, str], ...]
    before: Sizes

    @property
    def sizes(self) -> Sizes:
        """All that is listed."""
        return {**self.before, **self.listed}


def scan(domain: DomainNode, context: Context) -> Scan:
    """Lists the modules of a domain. Other rules report what stops Xen during the scan."""
    chosen = domain.node.parent
    sizes: Sizes = {}
    stopped, guesses = False, iter(_GUESSED)
    for node in chosen.children.values() if chosen is not None else ():
        if node is domain.node:
            break
        if chosen is not None and chosen.name == "chosen":
            # Also a node that is not a domain is read: a dom0 is made of those.
            owner = DomainNode(node)
            modules = owner.modules
            if not is_compatible(node, "xen,domain"):
                modules = (boot_module(DomainNode(chosen), node), *modules)
            sizes = _scan(owner, modules, context, sizes, guesses, stopped).sizes
        stopped |= any(stops_scan(each, context) for each in (node, *node.children.values()))
    return _scan(domain, domain.modules, context, sizes, guesses, stopped)


def stops_scan(node: Node, context: Context) -> bool:
    """Whether the scan fails at a node: shared memory of a Xen that is built without it."""
    shares = is_compatible(node, SHARED_MEMORY) and not is_scanned(node)
    return shares and no_shared_memory(context)


def _scan(
    domain: DomainNode,
    modules: tuple[BootModule, ...],
    context: Context,
    before: Sizes,
    guesses: Iterator[str],
    stopped: bool,
) -> Scan:
    """``before``: what is listed already.

    ``guesses``: the kinds of the next modules without one; Xen counts those of all nodes.
    """
    listed: dict[tuple[str, int], int] = {}
    ignored: list[tuple[BootModule, str]] = []
    for module in modules:
        reason = _unread(domain, module)
        stopped |= stops_scan(module.node, context)
        kind, address = module.kind or "unknown", module.address or 0
        if stopped and (kind, address) not in before:
            reason = f"it is after a node with {SHARED_MEMORY}, where the scan stops"
        if not reason:
            kind = kind if stopped else _kind(module.node, guesses)
            reason = _overlap(domain, module, listed, context.release)
        known = before.keys() | listed.keys()
        if not reason and (kind, address) not in known and len(known) >= _MODULES_LIMIT - 2:
            reason = f"Xen lists {_MODULES_LIMIT} modules, itself and its device tree among them"
        if reason:
            ignored.append((module, reason))
        elif not module.placed_later:
            size = before.get((kind, address), module.size or 0)
            listed.setdefault((kind, address), size)
    return Scan(listed, tuple(ignored), before)


def _kind(node: Node, guesses: Iterator[str]) -> str:
    """The kind that the scan gives a module: that of compatible, else the next guess."""
    kinds = (kind for text, kind in _SCANNED.items() if is_compatible(node, text, exact=True))
    return next(kinds, None) or next(guesses, "unknown")


def _unread(domain: DomainNode, module: BootModule) -> str | None:
    """Why the scan does not read a node."""
    if not is_scanned(module.node):
        return "it has no multiboot,module"
    if len(f"/chosen/{domain.node.name}/{module.node.name}") > _PATH_LIMIT:
        return f"its path has more than {_PATH_LIMIT} characters"
    return None


def _overlap(domain: DomainNode, module: BootModule, listed: Sizes, release: Release) -> str | None:
    """Why a module that overlaps another, or static memory, is not listed."""
    if module.address is None or module.size is None or not release.module_overlap_dropped:
        return None
    taken = [(f"the {kind} at {start:#x}", start, size) for (kind, start), size in listed.items()]
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
    sizes = scan(domain, context).sizes
    for module in domain.modules:
        if module.kind != kind:
            continue
        address = module.lookup_address
        if module.placed_later:
            used = module
        elif address is not None:
            size = sizes.get((kind, address))
            used = None if size is None else module._replace(address=address, size=size)
        elif kind != "device-tree":
            used = None
    return used
