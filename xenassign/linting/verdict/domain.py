"""The node of a dom0less domain as Xen reads it: a child of /chosen with "xen,domain".

Xen reads the node twice. A scan of the blob, before Xen has a console, lists the boot modules:
every node down to the third level with "multiboot,module", with the address and size of its
``reg`` (:func:`scan`). What the scan refuses stops Xen without a word. Later the domain is built
from the node; it looks for its kernel, ramdisk and device tree by kind and address among the
modules listed (:func:`found`), and one that was not listed is missing in silence. The first pass
compares compatible strings exactly, the second without regard to case.

Numbers are read from the first cells of a property, a rest is ignored, and a property too short
for them counts as absent. Source: early_scan_node, process_multiboot_node, add_boot_module
(bootinfo-fdt.c, bootinfo.c; bootfdt.c, setup.c before 4.20), create_domUs, construct_domU
(dom0less-build.c; domain_build.c in 4.17), kernel_probe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from xenassign.devicetree.cells import (
    ADDRESS_CELLS,
    DEFAULT_CELLS,
    SIZE_CELLS,
    BusCells,
    xen_bus_cells,
    xen_cell,
    xen_cells,
    xen_first_number,
    xen_number,
)
from xenassign.devicetree.overlay import CONTENT, fragments
from xenassign.devicetree.tree import Node, Tree
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import Release

KINDS = ("kernel", "ramdisk", "device-tree")
CELL_NAMES = (ADDRESS_CELLS, SIZE_CELLS)
#: What else the scan takes for a kind (fdt_node_to_kind).
_SCANNED = {
    "xen,linux-zimage": "kernel",
    "multiboot,kernel": "kernel",
    "xen,linux-initrd": "ramdisk",
    "multiboot,ramdisk": "ramdisk",
    "xen,xsm-policy": "xsm",
    "multiboot,device-tree": "device-tree",
}
_MODULES = ("multiboot,module", "xen,multiboot-module")
SHARED_MEMORY = "xen,domain-shared-memory-v1"
_PATH_LIMIT = 91  #: characters of a module's path: process_multiboot_node has room for no more
_MODULES_LIMIT = 32  #: MAX_MODULES; Xen and its device tree are two of them
_NAME_LIMIT = 40  #: characters: DT_MAX_NAME with its NUL


class BootModule(NamedTuple):
    """A child of the domain's node as a boot module. Bytes; None without ``reg``.

    ``kind``: kernel, ramdisk or device-tree for the domain, None for any other. ``address`` and
    ``size``: as the scan reads them; ``wanted``: the address that the domain then looks for.
    ``later``: its place is not known here, since Xen's UEFI loader gives it a reg, or since the
    cells will be those of a /chosen that is not known.
    """

    node: Node
    kind: str | None
    address: int | None = None
    size: int | None = None
    wanted: int | None = None
    later: bool = False


@dataclass(frozen=True)
class DomainNode:
    """A dom0less domain's node. ``chosen``: the /chosen it will be in, if it is in an overlay.

    Numbers are None where Xen finds none. Sizes in bytes, but for ``memory`` (KiB) and
    ``pool_mib`` (MiB).
    """

    node: Node
    chosen: Node | None = None

    @property
    def name(self) -> str:
        """The name in Xen's messages: without unit address."""
        return self.node.base_name

    @property
    def memory(self) -> int | None:
        """RAM in KiB."""
        return xen_first_number(self.node.value("memory"), 2)

    @property
    def vcpus(self) -> int | None:
        """How many vCPUs."""
        return xen_first_number(self.node.value("cpus"))

    @property
    def vpl011(self) -> bool:
        """Whether it has an emulated UART."""
        return self.node.has("vpl011")

    @property
    def nr_spis(self) -> int | None:
        """How many SPIs."""
        return xen_first_number(self.node.value("nr_spis"))

    @property
    def pool_mib(self) -> int | None:
        """The pool for stage 2 tables, in MiB: Xen counts pages, in 32 bits."""
        mib = xen_first_number(self.node.value("xen,domain-p2m-mem-mb"))
        return None if mib is None else mib & 0xFFFFFF

    @property
    def passthrough(self) -> str | None:
        """The value of passthrough."""
        return string(self.node, "passthrough")

    @property
    def direct_map(self) -> bool:
        """Whether guest addresses are the host's."""
        return self.node.has("direct-map")

    @property
    def static_mem(self) -> bytes | None:
        """xen,static-mem, in the cells of /chosen."""
        return self.node.value("xen,static-mem")

    @cached_property
    def bank_cells(self) -> BusCells | None:
        """The cells of xen,static-mem, /chosen's; None where they are not known.

        Those that an overlay states for /chosen are the ones that it will have.
        """
        parent = self.node.parent
        overlaid = parent is not None and parent.name == CONTENT
        if parent is None or not overlaid:
            return xen_bus_cells(*self.lineage[1:])
        stated = all(xen_cell(parent.value(name)) is not None for name in CELL_NAMES)
        if self.chosen is None and not stated:
            return None
        return xen_bus_cells(parent, *(self.chosen.lineage() if self.chosen else ()))

    @cached_property
    def banks(self) -> tuple[tuple[int, int], ...]:
        """(base, size) in bytes of each whole entry of xen,static-mem, if its cells are known."""
        value, cells = self.static_mem, self.bank_cells
        if value is None or cells is None or not all(cells):
            return ()
        words, width = xen_cells(value), sum(cells)
        starts = range(0, len(words) - width + 1, width)
        entries = [words[at : at + width] for at in starts]
        middle = cells.address
        return tuple((xen_number(one[:middle]), xen_number(one[middle:])) for one in entries)

    @property
    def sci_type(self) -> str | None:
        """The value of xen,sci_type."""
        return string(self.node, "xen,sci_type")

    @cached_property
    def lineage(self) -> tuple[Node, ...]:
        """The node and those above it in the host's tree."""
        above = self.chosen.lineage() if self.chosen else self.node.ancestors()
        return (self.node, *above)

    @property
    def cells(self) -> BusCells:
        """Address and size cells of the modules: stated, or inherited (device_tree_get_u32)."""
        return xen_bus_cells(*self.lineage)

    @property
    def cells_known(self) -> bool:
        """Whether ``cells`` are those that Xen will read: not in an overlay that states none."""
        stated = all(xen_cell(self.node.value(name)) is not None for name in CELL_NAMES)
        above = self.lineage[1:2]
        return stated or not above or above[0].name != CONTENT

    @property
    def incomplete(self) -> bool:
        """Whether it is in an overlay, without modules: the boot loader adds them."""
        overlaid = any(node.name == CONTENT for node in self.node.ancestors())
        return overlaid and not self.node.children

    @cached_property
    def modules(self) -> tuple[BootModule, ...]:
        """Its children, as boot modules."""
        return tuple(_module(self, child) for child in self.node.children.values())

    @property
    def bootargs(self) -> str | None:
        """The guest's command line: the first that a module has, if Xen finds it again."""
        stated = (m.node.get("bootargs") for m in self.modules if scans(m.node))
        first = next((prop.value for prop in stated if prop), None)
        if first is None or self.node.name[:_NAME_LIMIT] != self.name:
            return None
        return first.split(b"\0")[0].decode("utf-8", "replace")


def string(node: Node, name: str) -> str | None:
    """The string of a property, None without its NUL."""
    prop = node.get(name)
    if prop is None or b"\0" not in prop.value:
        return None
    return prop.value.split(b"\0")[0].decode("utf-8", "replace")


def is_compatible(node: Node, *wanted: str, exact: bool = False) -> bool:
    """Whether ``compatible`` has one of the strings, ``exact`` for libfdt, else for Xen."""
    prop = node.get("compatible")
    strings = prop.value.decode("latin-1").split("\0") if prop else []
    return any(text in wanted or (not exact and text.lower() in wanted) for text in strings)


def domains(tree: Tree, chosen: Node | None = None) -> Iterator[DomainNode]:
    """The domains of a host's tree, or of an overlay's fragments with the target-path /chosen.

    ``chosen``: the host's /chosen that an overlay is for, if it is known.
    """
    own = tree.find_as_xen("/chosen")
    added = (one.content for one in fragments(tree) if one.target == "/chosen")
    for above in (own, *added):
        for node in above.children.values() if above else ():
            if is_compatible(node, "xen,domain"):
                yield DomainNode(node, None if above is own else chosen)


def context_of(domain: DomainNode, context: Context) -> Context:
    """The context for the domain's partial device tree, with what its node says."""
    return context._replace(
        memory=domain.memory if domain.memory is not None else context.memory,
        vcpus=domain.vcpus or context.vcpus,
        vpl011=domain.vpl011,
        nr_spis=domain.nr_spis,
        pool_mib=domain.pool_mib,
        bootargs=domain.bootargs,
        sci=domain.sci_type or "none",
        direct_map=domain.direct_map,
        static_memory=domain.banks,
        beside_dom0=context.beside_dom0 or taken_for_dom0(domain),
    )


def taken_for_dom0(domain: DomainNode) -> bool:
    """Whether the scan takes the domain's modules for those of a dom0."""
    return not is_compatible(domain.node, "xen,domain", exact=True)


def _wanted_cells(lineage: tuple[Node, ...]) -> int:
    """#address-cells for the second pass, which takes an empty value for one too.

    It then reads the next token of the blob: of a property, a subnode, or the node's end.
    """
    for node in lineage:
        if node.has(ADDRESS_CELLS):
            last = next(reversed(node.properties)) == ADDRESS_CELLS
            token = 3 if not last else 1 if node.children else 2
            stated = xen_cell(node.value(ADDRESS_CELLS))
            return token if stated is None else stated
    return DEFAULT_CELLS.address


def _module(domain: DomainNode, node: Node) -> BootModule:
    kind = next((k for k in KINDS if is_compatible(node, f"multiboot,{k}")), None)
    reg = node.value("reg")
    if reg is None:
        return BootModule(node, kind, later=node.has("xen,uefi-binary"))
    if not domain.cells_known:
        return BootModule(node, kind, later=True)
    address, size = domain.cells
    cells = xen_cells(reg)
    return BootModule(
        node,
        kind,
        xen_number(cells[:address]),
        xen_number(cells[address : address + size]),
        xen_number(cells[: _wanted_cells(domain.lineage)]),
    )


def scans(node: Node) -> bool:
    """Whether the scan looks at a node as a module (early_scan_node)."""
    return is_compatible(node, *_MODULES)


def short(domain: DomainNode, module: BootModule) -> bool:
    prop = module.node.get("reg")
    return prop is None or len(prop.value) < 4 * sum(domain.cells)


class Listed(NamedTuple):
    """An entry in the scan's list."""

    kind: str
    address: int
    size: int


class Scan(NamedTuple):
    """What the scan makes of a domain's modules. ``ignored``: (module, why it is not listed)."""

    listed: tuple[Listed, ...]
    ignored: tuple[tuple[BootModule, str], ...]


def scan(domain: DomainNode, context: Context) -> Scan:
    """Lists the modules of a domain. What stops Xen here is found by rules of its own."""
    return _scan(domain, domain.modules, context, _listed_before(domain, context))


def _listed_before(domain: DomainNode, context: Context) -> frozenset[tuple[str, int]]:
    """(kind, address) of the modules that the nodes of /chosen before the domain's have listed."""
    chosen = domain.node.parent
    found: frozenset[tuple[str, int]] = frozenset()
    if chosen is None or chosen.name != "chosen":
        return found
    for node in chosen.children.values():
        if node is domain.node:
            break
        above = DomainNode(node if is_compatible(node, "xen,domain") else chosen)
        own = above.modules if above.node is node else (_module(above, node),)
        found |= {(one.kind, one.address) for one in _scan(above, own, context, found).listed}
    return found


def _scan(
    domain: DomainNode,
    modules: tuple[BootModule, ...],
    context: Context,
    before: frozenset[tuple[str, int]],
) -> Scan:
    listed: list[Listed] = []
    ignored: list[tuple[BootModule, str]] = []
    guesses = iter(("kernel", "ramdisk"))
    stopped = False
    for module in modules:
        why = _unlisted(domain, module, listed, context.release)
        stopped |= is_compatible(module.node, SHARED_MEMORY) and no_shared_memory(context)
        if stopped:
            why = f"it stands behind a node with {SHARED_MEMORY}, where the scan stops"
        if why:
            ignored.append((module, why))
            continue
        if module.later:
            continue
        compatible = [text for text in _SCANNED if is_compatible(module.node, text, exact=True)]
        kind = _SCANNED[compatible[0]] if compatible else next(guesses, "unknown")
        known = before | {(one.kind, one.address) for one in listed}
        if (kind, module.address or 0) in known - before:
            continue
        if len(known) < _MODULES_LIMIT - 2 or (kind, module.address or 0) in before:
            listed.append(Listed(kind, module.address or 0, module.size or 0))
        else:
            why = f"Xen lists {_MODULES_LIMIT} modules, itself and its device tree among them"
            ignored.append((module, why))
    return Scan(tuple(listed), tuple(ignored))


def _unlisted(
    domain: DomainNode, module: BootModule, listed: list[Listed], release: Release
) -> str | None:
    if not scans(module.node):
        return "it has no multiboot,module"
    if len(f"/chosen/{domain.node.name}/{module.node.name}") > _PATH_LIMIT:
        return f"its path has more than {_PATH_LIMIT} characters"
    if module.address is None or module.size is None or not release.module_overlap_dropped:
        return None
    taken = [(f"the {one.kind} at {one.address:#x}", one.address, one.size) for one in listed]
    taken += [(f"static memory at {base:#x}", base, size) for base, size in domain.banks]
    for what, start, size in taken:
        # As bootmodules_overlap_check compares: a module of no bytes overlaps what is around it.
        if module.address < start + size and start < module.address + module.size:
            return f"it overlaps {what}"
    return None


def no_shared_memory(context: Context) -> bool:
    return "STATIC_SHM" not in context.options


def found(domain: DomainNode, kind: str, context: Context) -> BootModule | None:
    """The module that the domain takes for its kernel, ramdisk or device-tree; the last counts."""
    taken: BootModule | None = None
    listed = scan(domain, context).listed
    for module in domain.modules:
        if module.kind != kind:
            continue
        if module.later:
            taken = module
        elif module.wanted is not None:
            sizes = [o.size for o in listed if (o.kind, o.address) == (kind, module.wanted)]
            taken = module._replace(address=module.wanted, size=sizes[0]) if sizes else None
        elif kind != "device-tree":
            taken = None
    return taken
