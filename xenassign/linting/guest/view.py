"""A partial device tree as the rules look at it: its nodes, and the host's devices they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from xenassign.checks.scope import Scope, domain_scope
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.cells import DEFAULT_CELLS, BusCells, xen_bus_cells
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.host.device import HostDevice, read_device
from xenassign.host.neighbours import neighbours
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.mappings import MappingEntry, entries
from xenassign.xen.board import Board
from xenassign.xen.releases import GUEST_PHANDLE_GIC


class PartialNode(NamedTuple):
    """A node below /passthrough that says something to Xen; ``path`` is the host node's."""

    node: Node
    path: str | None
    entries: tuple[MappingEntry, ...]

    @property
    def forced(self) -> bool:
        """Whether it has xen,force-assign-without-iommu, whatever its value."""
        return self.node.has("xen,force-assign-without-iommu")


@dataclass(frozen=True)
class View:
    """A partial device tree, and what it is asked about."""

    tree: Tree
    context: Context

    @cached_property
    def tops(self) -> tuple[Node, ...]:
        """The nodes that dom0less takes for /passthrough: it compares without regard to case."""
        return _named(self.tree, "passthrough")

    @cached_property
    def gic(self) -> Node | None:
        """The node /gic, of which dom0less reads the phandle; libxl does not look at it."""
        return next(iter(_named(self.tree, "gic")), None)

    @cached_property
    def gic_phandles(self) -> frozenset[int]:
        """What may name the guest's GIC: the phandle of /gic, and 0xfde8 with or without it."""
        stated = self.gic.phandle if self.gic is not None else None
        return frozenset({GUEST_PHANDLE_GIC, stated or GUEST_PHANDLE_GIC})

    @cached_property
    def copied(self) -> tuple[Node, ...]:
        """/passthrough and all below it: what the guest gets."""
        return tuple(node for top in self.tops for node in top.walk())

    @cached_property
    def _copied(self) -> frozenset[Node]:
        return frozenset(self.copied)

    def has(self, node: Node) -> bool:
        """Whether the guest gets a node of the partial tree."""
        return node in self._copied

    @cached_property
    def nodes(self) -> tuple[PartialNode, ...]:
        """Every node below /passthrough with xen,reg or xen,path, read as dom0less reads it."""
        return tuple(partial_nodes(self.tree))

    @cached_property
    def devices(self) -> tuple[Node, ...]:
        """The nodes below /passthrough that a driver of the guest can take: with ``compatible``."""
        return tuple(n for n in self.copied if n.parent is not self.tree.root and n.compatible)

    @cached_property
    def _hosts(self) -> dict[Node, HostDevice]:
        platform = self.context.platform
        if platform is None:
            return {}
        named = ((one, platform.tree.find_as_xen(one.path)) for one in self.nodes if one.path)
        return {one.node: read_device(platform, host) for one, host in named if host}

    def host(self, node: Node) -> HostDevice | None:
        """The host's device that a node's own xen,path names."""
        return self._hosts.get(node)

    @cached_property
    def assigned(self) -> tuple[tuple[PartialNode, HostDevice], ...]:
        """The nodes whose xen,path names a device of the host, which is known, with it."""
        found = ((one, self.host(one.node)) for one in self.nodes)
        return tuple((one, host) for one, host in found if host is not None)

    @cached_property
    def _owners(self) -> dict[Node, PartialNode]:
        return {one.node: one for one in self.nodes if one.path}

    def owner(self, node: Node) -> PartialNode | None:
        """The nearest of the node and those above it that has a xen,path."""
        found = (self._owners.get(above) for above in node.lineage())
        return next((one for one in found if one is not None), None)

    @cached_property
    def _speakers(self) -> dict[Node, PartialNode]:
        return {one.node: one for one in self.nodes}

    def speaker(self, node: Node) -> PartialNode | None:
        """The nearest of the node and those above it that says something to Xen."""
        found = (self._speakers.get(above) for above in node.lineage())
        return next((one for one in found if one is not None), None)

    @cached_property
    def host_spans(self) -> list[Span]:
        """All that is mapped, by host addresses."""
        return sorted(entry.host_span for one in self.nodes for entry in one.entries)

    @cached_property
    def guest_spans(self) -> list[Span]:
        """All that is mapped, by guest addresses."""
        return sorted(entry.guest_span for one in self.nodes for entry in one.entries)

    @cached_property
    def _pages(self) -> dict[str, list[Span]]:
        return {host.path: _pages(host) for _, host in self.assigned}

    def pages_of(self, host: HostDevice) -> list[Span]:
        """The whole pages with registers of an assigned device or of a node below it."""
        return self._pages[host.path]

    @cached_property
    def board(self) -> Board | None:
        """The host as the decisions look at it. Made in a pass over the whole host tree."""
        platform, known = self.context.platform, self.context.iommus
        if platform is None or known is None:
            return None
        return Board(platform, neighbours(platform), known)

    @cached_property
    def scope(self) -> Scope | None:
        """What the partial tree assigns, as the decisions look at it: the subtrees of the nodes
        named by xen,path are its own, and those nodes themselves the devices."""
        if self.context.platform is None:
            return None
        devices = {host.path: host for _, host in self.assigned}
        inside = domain_scope(self.context.platform, [host.node for host in devices.values()])
        elsewhere = self.context.elsewhere - inside.members
        return inside._replace(devices=tuple(devices.values()), elsewhere=elsewhere)


#: A small rule: what it finds in a partial device tree.
Check = Callable[[View], Iterator[Finding]]


def partial_nodes(tree: Tree) -> Iterator[PartialNode]:
    """Every node below /passthrough that says something to Xen, read as dom0less reads it."""
    for node in (below for top in _named(tree, "passthrough") for below in top.walk()):
        reg, path = node.get("xen,reg"), node.get("xen,path")
        if reg is None and path is None:
            continue
        text = path.value.split(b"\0")[0].decode("utf-8", "replace") if path else None
        found = entries(reg.value, *container_cells(node)) if reg else []
        yield PartialNode(node, text, tuple(found))


def _pages(host: HostDevice) -> list[Span]:
    """The whole pages of the registers of a device and of all below it, in order."""
    blocks = [*host.windows]
    for node in host.node.walk():
        blocks += registers(node).blocks if node.has("reg") else ()
    return sorted(block.pages for block in blocks)


def _named(tree: Tree, name: str) -> tuple[Node, ...]:
    """The children of the root that dom0less takes for one of that name."""
    return tuple(node for node in tree.root.children.values() if node.name.lower() == name)


def container_cells(node: Node) -> BusCells:
    """The cells that Xen takes for xen,reg: the container's; for /passthrough the default."""
    container = node.parent
    if container is None or container.parent is None:
        return DEFAULT_CELLS
    return xen_bus_cells(container)
