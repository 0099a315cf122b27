"""The node of a dom0less domain as Xen reads it: a child of /chosen with "xen,domain".

Xen reads the node twice. A scan of the blob, before Xen has a console, lists the boot modules:
every node down to the third level with "multiboot,module", with the address and size of its
``reg`` (:mod:`~xenassign.linting.verdict.module_scan`). An error of the scan stops Xen without a
message. Later Xen builds the domain from the node: it looks up kernel, ramdisk and device tree by
kind and address among the listed modules, and reports no error if one is not listed. The first
pass compares compatible strings exactly, the second without regard to case.

Numbers are read from the first cells of a property, further cells are ignored, and a property that
is too short counts as absent. Source: early_scan_node, process_multiboot_node (bootinfo-fdt.c;
bootfdt.c before 4.20), create_domUs, construct_domU (dom0less-build.c; domain_build.c in 4.17),
kernel_probe.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import Release
from xenassign.xen.sci_agents import BINDING

KINDS = ("kernel", "ramdisk", "device-tree")
CELL_NAMES = (ADDRESS_CELLS, SIZE_CELLS)
#: What the scan treats as a module (early_scan_node).
_MODULES = ("multiboot,module", "xen,multiboot-module")
SHARED_MEMORY = "xen,domain-shared-memory-v1"
_NAME_LIMIT = 40  #: characters: DT_MAX_NAME with its NUL


class BootModule(NamedTuple):
    """A child of the domain's node as a boot module. Bytes; None without ``reg``.

    ``kind``: kernel, ramdisk or device-tree for the domain, None for any other. ``address`` and
    ``size``: as the scan reads them; ``lookup_address``: the address with which the module is
    looked up when the domain is built. ``placed_later``: the address is not known here, because
    Xen's UEFI loader adds the reg, or because the cells are those of an unknown /chosen.
    """

    node: Node
    kind: str | None
    address: int | None = None
    size: int | None = None
    lookup_address: int | None = None
    placed_later: bool = False


class DomainNode:
    """A dom0less domain's node. ``chosen``: the host's /chosen, if the node is in an overlay.

    Numbers that Xen does not find are ``None``. Sizes are bytes, except ``memory`` (KiB) and
    ``pool_mib`` (MiB).
    """

    def __init__(self, node: Node, chosen: Node | None = None) -> None:
        self.node = node
        self.chosen = chosen

    @property
    def name(self) -> str:
        """The name in Xen's messages: without unit address."""
        return self.node.base_name

    @property
    def same_chosen(self) -> Iterator[DomainNode]:
        """The domains of the same /chosen, this one included, in order."""
        parent = self.node.parent
        for node in parent.children.values() if parent is not None else ():
            if is_compatible(node, "xen,domain"):
                yield DomainNode(node, self.chosen)

    @property
    def memory(self) -> int | None:
        """RAM in KiB."""
        return xen_first_number(self.node.value("memory"), 2)

    @property
    def vcpus(self) -> int | None:
        """The number of vCPUs."""
        return xen_first_number(self.node.value("cpus"))

    @property
    def vpl011(self) -> bool:
        """Whether it has an emulated UART."""
        return self.node.has("vpl011")

    @property
    def nr_spis(self) -> int | None:
        """The number of SPIs."""
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
        """Whether guest addresses are host addresses."""
        return self.node.has("direct-map")

    @property
    def static_mem(self) -> bytes | None:
        """xen,static-mem; its cells are those of /chosen."""
        return self.node.value("xen,static-mem")

    @cached_property
    def bank_cells(self) -> BusCells | None:
        """The cells of xen,static-mem, which are /chosen's; None if they are not known.

        The cells that an overlay states replace those of the host's /chosen.
        """
        parent = self.node.parent
        if parent is None or parent.name != CONTENT:
            return xen_bus_cells(*self.lineage[1:])
        if self.chosen is None and not _states_cells(parent):
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
        return tuple((xen_number(entry[:middle]), xen_number(entry[middle:])) for entry in entries)

    @property
    def sci_type(self) -> str | None:
        """The value of xen,sci_type."""
        return string(self.node, "xen,sci_type")

    @property
    def sci_agent(self) -> int | None:
        """The number of its agent of SCMI."""
        return xen_first_number(self.node.value(BINDING.domain_agent))

    @cached_property
    def lineage(self) -> tuple[Node, ...]:
        """The node and its ancestors in the host's tree."""
        above = self.chosen.lineage() if self.chosen else self.node.ancestors()
        return (self.node, *above)

    @property
    def xen_bootargs(self) -> str | None:
        """Xen's command line; None if the tree does not state it."""
        from xenassign.host.boot_arguments import command_line_of

        lines = map(command_line_of, self.lineage[1:])
        return next((line for line in lines if line is not None), None)

    @property
    def cells(self) -> BusCells:
        """Address and size cells of the modules: the node's, or inherited (device_tree_get_u32)."""
        return xen_bus_cells(*self.lineage)

    @property
    def cells_known(self) -> bool:
        """Whether Xen reads the same ``cells``; not if the host's tree decides about them."""
        above = self.lineage[1:2]
        return _states_cells(self.node) or not above or above[0].name != CONTENT

    @property
    def overlaid(self) -> bool:
        """Whether it is in an overlay."""
        return any(node.name == CONTENT for node in self.node.ancestors())

    @property
    def incomplete(self) -> bool:
        """Whether it is in an overlay and has no modules: the boot loader adds them."""
        children = self.node.children.values()
        return self.overlaid and not any(is_compatible(child, *_MODULES) for child in children)

    @cached_property
    def modules(self) -> tuple[BootModule, ...]:
        """Its children as boot modules."""
        return tuple(boot_module(self, child) for child in self.node.children.values())

    @property
    def shared(self) -> tuple[str, ...]:
        """The ids of its regions of static shared memory."""
        nodes = [n for n in self.node.children.values() if is_compatible(n, SHARED_MEMORY)]
        return tuple(string(node, "xen,shm-id") or "" for node in nodes)

    def enhanced(self, release: Release) -> bool:
        """Whether it has PV interfaces: xen,enhanced without a string means "enabled"."""
        value = string(self.node, "xen,enhanced")
        if value is None:
            return self.node.has("xen,enhanced")
        return value in release.enhanced_values - {"disabled"}

    @property
    def bootargs(self) -> str | None:
        """The guest's command line: the first that a module has; None also if Xen does not find it.

        Xen stores it under the node's name, truncated to 40 characters, and looks it up by the name
        without unit address.
        """
        lines = (m.node.get("bootargs") for m in self.modules if is_scanned(m.node))
        first = next((prop.value for prop in lines if prop), None)
        if first is None or self.node.name[:_NAME_LIMIT] != self.name:
            return None
        return first.split(b"\0")[0].decode("utf-8", "replace")


def _states_cells(node: Node) -> bool:
    return all(xen_cell(node.value(name)) is not None for name in CELL_NAMES)


def string(node: Node, name: str) -> str | None:
    """The string of a property; None if the property or its NUL is missing."""
    prop = node.get(name)
    if prop is None or b"\0" not in prop.value:
        return None
    return prop.value.split(b"\0")[0].decode("utf-8", "replace")


def is_compatible(node: Node, *names: str, exact: bool = False) -> bool:
    """Whether ``compatible`` has one of the names. ``exact``: as libfdt compares, else as Xen."""
    prop = node.get("compatible")
    strings = prop.value.decode("latin-1").split("\0") if prop else []
    return any(text in names or (not exact and text.lower() in names) for text in strings)


def domains(tree: Tree, chosen: Node | None = None) -> Iterator[DomainNode]:
    """The domains of a host's tree, or of an overlay's fragments with the target-path /chosen.

    ``chosen``: the host's /chosen that an overlay changes, if it is known.
    """
    own = tree.find_as_xen("/chosen")
    overlaid = (fragment.content for fragment in fragments(tree) if fragment.target == "/chosen")
    for parent in (own, *overlaid):
        for node in parent.children.values() if parent else ():
            if is_compatible(node, "xen,domain"):
                yield DomainNode(node, None if parent is own else chosen)


def context_of(domain: DomainNode, context: Context) -> Context:
    """The context for the domain's partial device tree, with the values of its node."""
    ramdisk = any(module.kind == "ramdisk" for module in domain.modules)
    return context._replace(
        memory=domain.memory if domain.memory is not None else context.memory,
        vcpus=domain.vcpus or context.vcpus,
        vpl011=domain.vpl011,
        nr_spis=domain.nr_spis,
        pool_mib=domain.pool_mib,
        bootargs=domain.bootargs,
        sci=domain.sci_type or "none",
        agent=domain.sci_agent,
        direct_map=domain.direct_map,
        static_memory=domain.banks,
        enhanced=domain.enhanced(context.release),
        ramdisk=ramdisk or domain.incomplete,
        shared=domain.shared if "STATIC_SHM" in context.options else (),
        beside_dom0=context.beside_dom0 or scanned_as_dom0(domain, context.release),
    )


def scanned_as_dom0(domain: DomainNode, release: Release) -> bool:
    """Whether the scan starts a dom0 with modules that are not meant for one."""
    return next(kernels_of_dom0(domain, release), None) is not None


def kernels_of_dom0(domain: DomainNode, release: Release) -> Iterator[Node]:
    """The nodes whose kernel the scan treats as dom0's (process_multiboot_node).

    The domain, if the case of its compatible differs, and every other node of the same /chosen that
    is not a domain and has a kernel, unless the scan drops that for an earlier module.
    """
    if not is_compatible(domain.node, "xen,domain", exact=True):
        yield domain.node
    parent = domain.node.parent
    earlier: list[Span] = []
    for node in parent.children.values() if parent is not None else ():
        owner = DomainNode(node, domain.chosen)
        modules = [module for module in owner.modules if is_scanned(module.node)]
        kernels = [_span(module) for module in modules if _is_kernel(module.node)]
        listed = not release.module_overlap_dropped or any(
            not any(span.overlaps(other) for other in earlier) for span in kernels
        )
        if kernels and listed and not is_compatible(node, "xen,domain"):
            yield node
        earlier += map(_span, modules)


def _span(module: BootModule) -> Span:
    return Span.sized(module.address or 0, module.size or 0)


def _is_kernel(node: Node) -> bool:
    """Whether the scan takes a module for a kernel, as it does one of no kind."""
    others = ("multiboot,ramdisk", "multiboot,device-tree", "xen,linux-initrd", "xen,xsm-policy")
    return not is_compatible(node, *others, exact=True)


def _lookup_cells(lineage: tuple[Node, ...]) -> int:
    """#address-cells as the second pass reads it, without checking the length of the value.

    For an empty value it reads the next token of the blob: of a property, a subnode, or the end of
    the node.
    """
    for node in lineage:
        if node.has(ADDRESS_CELLS):
            last = next(reversed(node.properties)) == ADDRESS_CELLS
            token = 3 if not last else 1 if node.children else 2
            count = xen_cell(node.value(ADDRESS_CELLS))
            return token if count is None else count
    return DEFAULT_CELLS.address


def boot_module(domain: DomainNode, node: Node) -> BootModule:
    """A child of the domain's node, or of /chosen, as a boot module."""
    kind = next((k for k in KINDS if is_compatible(node, f"multiboot,{k}")), None)
    reg = node.value("reg")
    if reg is None:
        return BootModule(node, kind, placed_later=node.has("xen,uefi-binary"))
    if not domain.cells_known:
        return BootModule(node, kind, placed_later=True)
    address, size = domain.cells
    cells = xen_cells(reg)
    return BootModule(
        node,
        kind,
        xen_number(cells[:address]),
        xen_number(cells[address : address + size]),
        xen_number(cells[: _lookup_cells(domain.lineage)]),
    )


def is_scanned(node: Node) -> bool:
    """Whether the scan treats a node as a module."""
    return is_compatible(node, *_MODULES)


def reg_too_short(domain: DomainNode, module: BootModule) -> bool:
    """Whether ``reg`` is missing or shorter than an address and a size."""
    prop = module.node.get("reg")
    return prop is None or len(prop.value) < 4 * sum(domain.cells)
