"""A partial device tree as the rules look at it: its nodes, and the host's devices they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from xenassign.devicetree.addresses import DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.host.device import HostDevice, read_device
from xenassign.lint.context import Context
from xenassign.lint.dom0less import cells, entries
from xenassign.lint.mappings import Entry


class PartialNode(NamedTuple):
    """A node below /passthrough that says something to Xen; ``path`` is the host node's."""

    node: Node
    path: str | None
    entries: tuple[Entry, ...]

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
        children = self.tree.root.children.values()
        return tuple(node for node in children if node.name.lower() == "passthrough")

    @cached_property
    def nodes(self) -> tuple[PartialNode, ...]:
        """Every node below /passthrough with xen,reg or xen,path, read as dom0less reads it."""
        return tuple(partial_nodes(self.tree))

    @cached_property
    def devices(self) -> tuple[Node, ...]:
        """The nodes below /passthrough that a driver of the guest can take: with ``compatible``."""
        return tuple(n for top in self.tops for n in top.walk() if n is not top and n.compatible)

    @cached_property
    def _hosts(self) -> dict[str, HostDevice]:
        platform = self.context.platform
        if platform is None:
            return {}
        named = ((one, platform.tree.find_as_xen(one.path)) for one in self.nodes if one.path)
        return {one.node.path: read_device(platform, host) for one, host in named if host}

    def host(self, node: Node) -> HostDevice | None:
        """The host's device that a node's own xen,path names."""
        return self._hosts.get(node.path)

    def owner(self, node: Node) -> PartialNode | None:
        """The nearest of the node and those above it that has a xen,path."""
        by_path = {one.node.path: one for one in self.nodes if one.path}
        return next((by_path[n.path] for n in node.lineage() if n.path in by_path), None)


#: A small rule: what it finds in a partial device tree.
Check = Callable[[View], Iterator[Finding]]


def partial_nodes(tree: Tree) -> Iterator[PartialNode]:
    """Every node below /passthrough that says something to Xen, read as dom0less reads it."""
    tops = [n for n in tree.root.children.values() if n.name.lower() == "passthrough"]
    for node in (below for top in tops for below in top.walk()):
        reg, path = node.get("xen,reg"), node.get("xen,path")
        if reg is None and path is None:
            continue
        text = path.value.split(b"\0")[0].decode("utf-8", "replace") if path else None
        found = entries(reg.value, *container_cells(node)) if reg else []
        yield PartialNode(node, text, tuple(found))


def container_cells(node: Node) -> tuple[int, int]:
    """The cells that Xen takes for xen,reg: the container's; for /passthrough the default."""
    container = node.parent
    if container is None or container.parent is None:
        return DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS
    return cells([(prop.name, prop.value) for prop in container.properties.values()])
