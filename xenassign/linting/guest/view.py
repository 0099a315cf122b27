"""A partial device tree as the rules read it: its nodes, and the host devices that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import Block, pci_windows, registers
from xenassign.devicetree.cells import DEFAULT_CELLS, BusCells, xen_bus_cells
from xenassign.devicetree.spans import Merged, merged
from xenassign.devicetree.tree import Node, Property, PropertyError, Tree
from xenassign.findings import Finding
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.guest.guest_lines import GuestGic
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.mappings import MappingEntry, entries
from xenassign.xen.releases import CACHEABLE, FORCE, GUEST_PHANDLE_GIC, Release
from xenassign.xen.sci import SHMEM

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.host.device import HostDevice
    from xenassign.host.platform import Platform
    from xenassign.linting.guest.host_nodes import Tie
    from xenassign.xen.board import Board


class PartialNode(NamedTuple):
    """A node below /passthrough that is a device of the host, or that maps pages.

    ``path``: the value of xen,path, ``entries``: the mappings of xen,reg. With xl it may have
    neither. ``reg``: the name of the property with the mappings.
    """

    node: Node
    path: str | None = None
    entries: tuple[MappingEntry, ...] = ()
    reg: str = "xen,reg"

    @property
    def forced(self) -> bool:
        """Whether it has xen,force-assign-without-iommu, whatever its value."""
        return self.node.has(FORCE)

    @property
    def prop(self) -> str | None:
        """The property that ties it to its host node; None: all of its node does."""
        return "xen,path" if self.path is not None else None


@dataclass(frozen=True)
class View:
    """A partial device tree and the context in which it is judged.

    ``config``: the configuration that names it; then it is judged for xl alone, which needs no
    xen,path.
    """

    tree: Tree
    context: Context
    config: XlConfig | None = None

    @cached_property
    def passthrough(self) -> tuple[Node, ...]:
        """The nodes that Xen reads as /passthrough: it compares names without regard to case."""
        return _named(self.tree, "passthrough")

    @cached_property
    def gic(self) -> Node | None:
        """The node /gic, whose phandle dom0less Xen reads; libxl does not read it."""
        return next(iter(_named(self.tree, "gic")), None)

    @cached_property
    def guest_gic(self) -> GuestGic:
        """How nodes refer to the guest's GIC: by the phandle of /gic, and always by 0xfde8."""
        phandle = self.gic.phandle if self.gic is not None else None
        phandles = frozenset({GUEST_PHANDLE_GIC, phandle or GUEST_PHANDLE_GIC})
        return GuestGic(phandles, of_root=self.config is not None)

    @cached_property
    def copied(self) -> tuple[Node, ...]:
        """/passthrough and all below it, which the guest's tree has."""
        return tuple(node for top in self.passthrough for node in top.walk())

    @cached_property
    def _copied(self) -> frozenset[Node]:
        return frozenset(self.copied)

    def has(self, node: Node) -> bool:
        """Whether the guest's tree has a node of the partial tree."""
        return node in self._copied

    @cached_property
    def nodes(self) -> tuple[PartialNode, ...]:
        """Every node below /passthrough with xen,reg or xen,path, as dom0less Xen reads it, and
        those that a configuration ties to a device of the host.
        """
        own = {partial.node for partial in self._with_xen_properties}
        tied = (PartialNode(node) for node in self.ties if node not in own)
        return (*self._with_xen_properties, *tied)

    @cached_property
    def _with_xen_properties(self) -> tuple[PartialNode, ...]:
        return tuple(partial_nodes(self.tree, self.context.release))

    @cached_property
    def ties(self) -> dict[Node, Tie]:
        """The host device of the nodes without xen,path at or above them, by the configuration.

        xl reads no xen,path: one that names no node of the host counts for nothing.
        """
        board, config = self.board, self.config
        if board is None or config is None:
            return {}
        from xenassign.linting.guest.host_nodes import GuestNodes, ties

        find = board.platform.tree.find_as_xen
        named = {p.node for p in self._with_xen_properties if p.path and find(p.path)}
        nodes = [
            node
            for node in self.devices
            if named.isdisjoint(node.lineage()) and SHMEM not in node.compatible
        ]
        guest = GuestNodes(self.tree, nodes, self.guest_gic)
        return ties(guest, config, board, self.context.marked)

    @cached_property
    def devices(self) -> tuple[Node, ...]:
        """The nodes below /passthrough that a driver can bind to: those with ``compatible``."""
        return tuple(n for n in self.copied if n.parent is not self.tree.root and n.compatible)

    @cached_property
    def _hosts(self) -> dict[Node, HostDevice]:
        platform = self.context.platform
        if platform is None:
            return {}
        from xenassign.host.device import read_device

        find = platform.tree.find_as_xen
        named = ((partial.node, find(partial.path)) for partial in self.nodes if partial.path)
        hosts = {node: read_device(platform, host) for node, host in named if host}
        return hosts | {node: tie.host for node, tie in self.ties.items()}

    def host(self, node: Node) -> HostDevice | None:
        """The host device of a node: that of xen,path, else of :attr:`ties`; None if unknown."""
        return self._hosts.get(node)

    @cached_property
    def assigned(self) -> tuple[tuple[PartialNode, HostDevice], ...]:
        """(node, host device) of the nodes that are a device of the host."""
        hosts = ((partial, self.host(partial.node)) for partial in self.nodes)
        return tuple((partial, host) for partial, host in hosts if host is not None)

    @cached_property
    def _by_node(self) -> dict[Node, PartialNode]:
        return {partial.node: partial for partial in self.nodes}

    def _at_or_above(self, node: Node) -> Iterator[PartialNode]:
        return (self._by_node[above] for above in node.lineage() if above in self._by_node)

    def nearest(self, node: Node) -> PartialNode | None:
        """The nearest of the node and its ancestors with xen,reg or xen,path."""
        return next(self._at_or_above(node), None)

    def nearest_assigned(self, node: Node) -> PartialNode | None:
        """The nearest of the node and its ancestors with xen,path, or with a device of the host."""
        partials = self._at_or_above(node)
        return next(
            (partial for partial in partials if partial.path or self.host(partial.node)), None
        )

    def nearest_host(self, node: Node) -> HostDevice | None:
        """The host device of the nearest of the node and its ancestors that may have one."""
        partial = self.nearest_assigned(node)
        return self.host(partial.node) if partial is not None else None

    def mapped(self, partial: PartialNode) -> Sequence[MappingEntry]:
        """What is mapped for a node: its xen,reg, else all of iomem."""
        return partial.entries or self._iomem

    @cached_property
    def _iomem(self) -> tuple[MappingEntry, ...]:
        if self.config is None:
            return ()
        from xenassign.linting.guest.host_nodes import iomem

        return tuple(iomem(self.config, self.context.release))

    def host_node(self, node: Node) -> Node | None:
        """The host's node that a node is a copy of: the device that it assigns, or the node at
        the same place below the device of a node above; None if unknown.
        """
        names: list[str] = []
        for above in node.lineage():
            device = self.host(above)
            if device is not None:
                copied: Node | None = device.node
                for name in reversed(names):
                    copied = copied.children.get(name) if copied is not None else None
                return copied
            names.append(above.name)
        return None

    @cached_property
    def host_spans(self) -> Merged:
        """All that xen,reg and iomem map, by host addresses (bytes)."""
        return merged(entry.host_span for entry in self._mappings)

    @cached_property
    def guest_spans(self) -> Merged:
        """All that xen,reg and iomem map, by guest addresses (bytes)."""
        return merged(entry.guest_span for entry in self._mappings)

    @property
    def _mappings(self) -> Iterator[MappingEntry]:
        for partial in self.nodes:
            yield from partial.entries
        yield from self._iomem

    @cached_property
    def _pages(self) -> dict[str, Merged]:
        return {host.path: _pages(host) for _, host in self.assigned}

    def pages_of(self, host: HostDevice) -> Merged:
        """The whole pages with registers of an assigned device or of a node below it (bytes)."""
        return self._pages[host.path]

    @cached_property
    def board(self) -> Board | None:
        """The board of the context."""
        return self.context.board

    @cached_property
    def scope(self) -> Scope | None:
        """What the partial tree assigns, as the checks of plans require it.

        Its members are the subtrees of the host devices of its nodes, its devices these.
        """
        platform = self.context.platform
        if platform is None:
            return None
        from xenassign.checks.scope import domain_scope

        devices = {host.path: host for _, host in self.assigned}
        named = {host.node: None for host in devices.values()}
        inside = domain_scope(platform, {**named, **dict.fromkeys(self._whole_buses(platform))})
        elsewhere = self.context.elsewhere - inside.members
        return replace(inside, devices=tuple(devices.values()), elsewhere=elsewhere)

    def _whole_buses(self, platform: Platform) -> Iterator[Node]:
        """The host's buses that the guest's tree has with all of their enabled devices.

        The disabled devices on such a bus are left out of the request, as in a plan.
        """
        from xenassign.checks.scope import is_own_device
        from xenassign.host.device import read_device

        assigned = {host.node for _, host in self.assigned}
        judged: set[Node] = set()
        for partial, host in self.assigned:
            for guest, bus in zip(partial.node.ancestors(), host.node.ancestors(), strict=False):
                if bus in judged or guest in self.passthrough or not self._same_bus(guest, bus):
                    break
                judged.add(bus)
                below = bus.walk_where(lambda node: node.available and node not in assigned)
                if any(is_own_device(read_device(platform, node)) for node in below):
                    break
                yield bus

    def _same_bus(self, guest: Node, bus: Node) -> bool:
        return self.has(guest) and bool(guest.compatible) and guest.compatible == bus.compatible


#: A function that reports the findings of a rule in a partial device tree.
Check = Callable[[View], Iterator[Finding]]


def partial_nodes(tree: Tree, release: Release) -> Iterator[PartialNode]:
    """Every node below /passthrough with xen,reg or xen,path, as dom0less Xen reads it."""
    for node in (below for top in _named(tree, "passthrough") for below in top.walk()):
        reg, path = mapping_property(node, release), node.get("xen,path")
        if reg is None and path is None:
            continue
        text = path.value.split(b"\0")[0].decode("utf-8", "replace") if path else None
        if reg is None:
            yield PartialNode(node, text)
            continue
        normal = maps_normal(node, release)
        mappings = entries(reg.value, *container_cells(node), normal=normal)
        yield PartialNode(node, text, tuple(mappings), reg.name)


def mapping_property(node: Node, release: Release) -> Property | None:
    """The property whose pages Xen maps for a node: of xen,reg and xen,reg-cacheable the last."""
    names = release.reg_properties
    return next((prop for prop in reversed(node.properties.values()) if prop.name in names), None)


def maps_normal(node: Node, release: Release) -> bool:
    """Whether Xen maps a node's pages as Normal memory: all of them, even if it has xen,reg too."""
    return release.normal_mappings and node.has(CACHEABLE)


def _pages(host: HostDevice) -> Merged:
    """The whole pages with registers of a device or of a node below it."""
    blocks = [*host.windows]
    for node in host.node.walk():
        blocks += registers(node).blocks if node.has("reg") else ()
    return merged(block.pages for block in blocks)


def _named(tree: Tree, name: str) -> tuple[Node, ...]:
    """The children of the root with this name in any case, as dom0less Xen compares."""
    return tuple(node for node in tree.root.children.values() if node.name.lower() == name)


def container_cells(node: Node) -> BusCells:
    """The cells with which Xen reads xen,reg: the container's; for /passthrough the default."""
    container = node.parent
    if container is None or container.parent is None:
        return DEFAULT_CELLS
    return xen_bus_cells(container)


def windows_of(node: Node) -> tuple[Block, ...]:
    """The windows of a PCI host of the guest; none if its ranges are invalid (bytes)."""
    try:
        return pci_windows(node)
    except PropertyError:
        return ()


def nodes_of_xen(board: Board) -> Iterator[tuple[Node, str]]:
    """(node, role) of the host nodes that Xen uses itself."""
    platform = board.platform
    if platform.gic is not None:
        yield platform.gic.node, "the interrupt controller"
    for iommu in platform.iommus:
        if iommu.node in board.iommus.nodes:
            yield iommu.node, "an IOMMU that Xen drives"
    if platform.console is not None:
        yield platform.console, "Xen's console UART"
