"""The pages and interrupts that Xen permits dom0 to give, so that xl can assign them to a guest.

Xen permits dom0 the registers and interrupts of every node of the host tree that Xen does not use
itself. Those of a node with ``xen,passthrough`` are for a guest: dom0 neither maps the pages nor
holds the interrupts. Source: handle_node, handle_device, map_device_irqs_to_domain,
map_range_to_domain, map_device_children of Xen (domain_build.c, device.c). The GIC's pages are not
permitted, but where a register block ends right before them they are not denied either
(gic_iomem_deny_access is for ACPI). Pages are host page numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.devicetree import interrupts
from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.cells import cell_count
from xenassign.devicetree.spans import PAGE_SIZE, Span, covered, merged
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.host.device import read_device
from xenassign.host.gic import COMPATIBLE as GICS
from xenassign.host.gic import decode
from xenassign.host.platform import Platform
from xenassign.xen.iommu import Iommus, StreamTable, protection
from xenassign.xen.releases import SPI_FIRST_INTID, TRIGGER_MASK
from xenassign.xen.sci import dom0_gives

#: Nodes that dom0 does not get, with all below them (skip_matches, timer_matches, the GICs).
SKIPPED = frozenset(
    {
        *GICS,
        "xen,domain",
        "xen,domain-shared-memory-v1",
        "xen,evtchn-v1",
        "xen,xen",
        "xen,multiboot-module",
        "multiboot,module",
        "arm,psci",
        "arm,psci-0.2",
        "arm,psci-1.0",
        "arm,cortex-a7-pmu",
        "arm,cortex-a15-pmu",
        "arm,cortex-a53-edac",
        "arm,armv8-pmuv3",
        "arm,armv7-timer-mem",
        "arm,armv7-timer",
        "arm,armv8-timer",
    }
)


class Line(NamedTuple):
    """An interrupt as Xen reads it from a host node: INTID, and the trigger bits of its cell."""

    intid: int
    trigger: int


class Dom0(NamedTuple):
    """The pages and interrupts that dom0 may give to a guest.

    ``pages``: the numbers of host pages, in order and apart from one another. ``lines``: the INTIDs
    that it may give; ``holders``: those that it uses itself, so that no guest can have them, with
    the paths of the nodes that are not marked.
    """

    pages: tuple[Span, ...]
    lines: frozenset[int]
    holders: Mapping[int, Sequence[str]]

    @property
    def held(self) -> frozenset[int]:
        """The INTIDs that dom0 uses itself."""
        return frozenset(self.holders)

    def beside(self, marked: frozenset[str]) -> Dom0:
        """The same if overlays mark more nodes, given by their paths: dom0 uses them no longer."""
        if not marked:
            return self
        others = (
            (intid, [path for path in paths if path not in marked])
            for intid, paths in self.holders.items()
        )
        return self._replace(holders={intid: paths for intid, paths in others if paths})

    def has_pages(self, pages: Span) -> bool:
        """Whether dom0 may give every one of the pages."""
        return covered(pages, self.pages)


def line_of(specifier: tuple[int, ...]) -> Line:
    """A specifier of three cells or more as gic_irq_xlate reads it, in 32 bits.

    Every type other than 0 is a PPI for Xen (number + 16), also the extended types.
    """
    kind, number, flags = specifier[:3]
    base = SPI_FIRST_INTID if kind == 0 else 16
    return Line((number + base) & 0xFFFFFFFF, flags & TRIGGER_MASK)


def lines(platform: Platform, node: Node) -> tuple[Line, ...]:
    """The interrupts of a node that reach the primary GIC, as Xen reads them."""
    if platform.gic is None or not (node.has("interrupts") or node.has("interrupts-extended")):
        return ()
    routed = []
    for line in interrupts.interrupts(platform.tree, node).entries:
        if line.controller is platform.gic.node and decode(line.index, line.specifier) is not None:
            routed.append(line_of(line.specifier))
    return tuple(routed)


def xens_lines(platform: Platform, iommus: Iommus) -> dict[int, str]:
    """The INTIDs that Xen uses itself, with the path of the node of each."""
    own = [platform.console] if platform.console is not None else []
    own += [iommu.node for iommu in platform.iommus if iommu.node in iommus.nodes]
    return {line.intid: node.path for node in own for line in lines(platform, node)}


def dom0(platform: Platform, iommus: Iommus) -> Dom0:
    """The pages and interrupts of dom0: walks the host tree as Xen does when it builds dom0.

    The nodes that overlays mark are those of ``Dom0.beside``.
    """
    pages: list[Span] = []
    allowed: set[int] = set()
    holders: dict[int, list[str]] = {}
    for node in given(platform, iommus, platform.tree.root):
        intids = {line.intid for line in lines(platform, node)}
        blocks = list(registers(node).blocks) if node.has("reg") else []
        if node.text("device_type") == "pci":
            intids |= _map_lines(platform, node)
            blocks += read_device(platform, node).windows
        allowed |= intids
        if not node.has("xen,passthrough"):
            for intid in intids:
                holders.setdefault(intid, []).append(node.path)
        if not node.path.lower().startswith("/reserved-memory/"):
            pages += [_pages(b, iommus.release.dom0_gives_page_after) for b in blocks if b.size]
    return Dom0(merged(pages), frozenset(allowed), holders)


def with_pages(has: Dom0, span: Span) -> Dom0:
    """``has`` for a dom0 that may give further host addresses, whole pages in bytes."""
    return has._replace(pages=merged([*has.pages, span.in_pages]))


def without_scmi(has: Dom0, platform: Platform, marked: frozenset[str]) -> Dom0:
    """``has`` for a dom0 whose SCMI is assigned to a guest: it may also give the shared memory.

    Source: scmi_smc_dt_handle_node of Xen 4.21, which permits it even in reserved memory.
    """
    memory = dom0_gives(platform.tree, marked)
    if memory is None or not memory.size:
        return has
    return has._replace(pages=merged([*has.pages, _pages(memory, rounds_twice=False)]))


class Dom0Masters(NamedTuple):
    """The devices that Xen assigns to dom0, and the table of IOMMUs with their streams alone."""

    nodes: frozenset[Node]
    streams: StreamTable


def dom0_masters(platform: Platform, iommus: Iommus, marked: frozenset[str]) -> Dom0Masters:
    """The devices that Xen assigns to dom0: those that it protects, unless they are marked."""
    devices = []
    for node in given(platform, iommus, platform.tree.root) if iommus.active else ():
        if (node.has("iommus") or node in platform.masters) and not is_marked(node, marked):
            device = read_device(platform, node)
            if protection(platform, iommus, device).believed:
                devices.append(device)
    nodes = frozenset(device.node for device in devices)
    return Dom0Masters(nodes, StreamTable(iommus, devices))


def is_marked(node: Node, marked: frozenset[str]) -> bool:
    """Whether a node is marked with xen,passthrough, by the tree or an overlay."""
    return node.has("xen,passthrough") or (bool(marked) and node.path in marked)


def is_withheld(platform: Platform, iommus: Iommus, node: Node, skipped: frozenset[str]) -> bool:
    """Whether Xen withholds a node from dom0, with all below it, whatever its interrupts are.

    ``skipped``: the ``compatible`` of such nodes, in lower case.
    """
    if node is platform.console or node is platform.tree.root.children.get("cpus"):
        return True
    if node.text("device_type") == "memory":
        return True
    if not node.has("compatible"):
        return False
    if not skipped.isdisjoint(text.lower() for text in node.compatible):
        return True
    return iommus.driver(node) is not None


def given(platform: Platform, iommus: Iommus, node: Node) -> Iterator[Node]:
    """The nodes that dom0 gets, in the order of the tree."""
    if is_withheld(platform, iommus, node, SKIPPED):
        return
    if any(16 <= line.intid < SPI_FIRST_INTID for line in lines(platform, node)):
        return
    yield node
    for child in node.children.values():
        yield from given(platform, iommus, child)


def _map_lines(platform: Platform, node: Node) -> set[int]:
    """The INTIDs of a PCI host's interrupt-map (dt_for_each_irq_map)."""
    intids: set[int] = set()
    for specifier in map_entries(platform, node):
        line = decode(0, specifier)
        if line is not None:
            intids.add(line.intid)
    return intids


def map_entries(platform: Platform, nexus: Node) -> Iterator[tuple[int, ...]]:
    """The specifiers of an ``interrupt-map`` that end at the primary GIC itself.

    A malformed map counts up to the mistake, which may not concern the device in question.
    """
    if platform.gic is None or not nexus.has("interrupt-map"):
        return
    try:
        width = cell_count(nexus, "#address-cells", 2) + cell_count(nexus, "#interrupt-cells", 1)
        for entry in interrupts.map_entries(platform.tree, nexus, width):
            if entry.controller is platform.gic.node:
                yield entry.specifier
    except PropertyError:
        return


def _pages(block: Block, rounds_twice: bool) -> Span:
    """The pages of a block. ``rounds_twice``: with the page after it, unless its last byte is
    the first of a page."""
    pages = block.span.in_pages
    return Span(pages.start, -(-(block.end - 1) // PAGE_SIZE) + 1) if rounds_twice else pages
