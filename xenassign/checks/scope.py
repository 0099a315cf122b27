"""What belongs to the domain: the requested nodes with their subtrees, and the devices in them.

For Xen every node with registers, interrupts or ``iommus`` is a device of its own (it handles
``xen,path``, ``xen,reg`` and the mark of the host tree node by node), so a DWC3 wrapper and the
controller inside of it are two. The other nodes of a subtree (the PHYs of an
MDIO bus, ports, partitions) only describe; they are copied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from xenassign.checks.port_links import cut_links
from xenassign.devicetree.addresses import Block, on_processor_bus
from xenassign.devicetree.tree import Node
from xenassign.host.device import HostDevice, is_simple_bus, read_device

if TYPE_CHECKING:
    from xenassign.checks.machine_control import Control
    from xenassign.host.platform import Platform


@dataclass(frozen=True, eq=False)
class Scope:
    """What belongs to a domain.

    ``roots``: requested nodes that lie below no other. ``devices``: in tree order.

    ``members``: every node that goes into the guest's tree. ``requested``: every
    node named by the user. ``left_out``: disabled devices below a root that were not
    requested; nobody uses them, so they stay with nobody.
    ``inner``: the devices whose registers lie inside of those of an enclosing device.
    ``cut``: endpoints of graphs that are left out, since their partners stay with the host.
    ``elsewhere``: every node of the system's other domains, which ``checks.conflicts`` judges; all
    other checks look at the domain and the host alone.
    """

    roots: tuple[Node, ...]
    devices: tuple[HostDevice, ...]
    members: frozenset[Node]
    requested: frozenset[Node]
    left_out: tuple[Node, ...]
    inner: frozenset[Node]
    cut: tuple[Node, ...] = ()
    elsewhere: frozenset[Node] = frozenset()

    @cached_property
    def device_nodes(self) -> frozenset[Node]:
        """The nodes of the devices."""
        return frozenset(device.node for device in self.devices)

    @cached_property
    def controls(self) -> dict[Node, Control]:
        """What ``checks.machine_control`` knows so far about nodes, as it looks from here."""
        return {}

    def parts(self, device: Node) -> Iterator[Node]:
        """The node of a device and those below it that are copied and are not devices."""
        return device.walk_where(lambda node: self.has(node) and node not in self.device_nodes)

    def has(self, node: Node | None) -> bool:
        """Whether a node goes into the guest's tree."""
        return node is not None and node in self.members

    def stays_with_host(self, node: Node) -> bool:
        """Whether a node stays with the host: no domain of the system has it or leaves it out."""
        return not (node in self.members or node in self.elsewhere or self.leaves_out(node))

    @cached_property
    def _off(self) -> frozenset[Node]:
        return frozenset(self.left_out)

    def leaves_out(self, node: Node) -> bool:
        """Whether a node is a disabled one of the request, or below one."""
        return bool(self._off) and any(above in self._off for above in node.lineage())


def system_scopes(platform: Platform, domains: Iterable[Collection[Node]]) -> tuple[Scope, ...]:
    """The scope of each domain of a system. ``domains``: the requested nodes of each."""
    alone = [domain_scope(platform, requested) for requested in domains]
    together = frozenset[Node]().union(*(scope.members for scope in alone))
    return tuple(replace(own, elsewhere=together - own.members) for own in alone)


def domain_scope(platform: Platform, requested: Collection[Node]) -> Scope:
    """The scope of the only domain: the subtrees of the requested nodes.

    The order of ``requested`` does not matter.
    """
    named = frozenset(requested)
    in_order = sorted(named, key=lambda node: node.offset)
    roots = [n for n in in_order if not any(above in named for above in n.ancestors())]
    members: dict[Node, None] = {}
    left_out: list[Node] = []
    for root in roots:
        for node in _subtree(root, named, left_out):
            members[node] = None
    cut, without = cut_links(platform.tree, members)
    members = {node: None for node in members if node not in without}
    devices: list[HostDevice] = []
    inner: set[Node] = set()
    blocks: dict[Node, tuple[Block, ...]] = {}  # of the members so far, parents first
    for node in members:
        device = read_device(platform, node)
        enclosed = _enclosed(device, blocks)
        blocks[node] = () if is_simple_bus(node) else device.blocks
        if is_own_device(device) and not (enclosed and _only_describes(device)):
            devices.append(device)
            if enclosed:
                inner.add(node)
    return Scope(
        tuple(roots),
        tuple(devices),
        frozenset(members),
        named,
        tuple(left_out),
        frozenset(inner),
        cut,
    )


def scope_of_paths(platform: Platform, paths: Iterable[str]) -> Scope:
    """The scope of the nodes that Xen finds for paths; a path that names no node is left out."""
    nodes = filter(None, map(platform.tree.find_as_xen, paths))
    return domain_scope(platform, frozenset(nodes))


def _subtree(root: Node, named: frozenset[Node], left_out: list[Node]) -> Iterator[Node]:
    """The nodes of a subtree. Disabled devices that were not named go to ``left_out`` instead."""
    stack = [root]
    while stack:
        node = stack.pop()
        if (
            not node.available
            and node not in named
            and node is not root
            and (on_processor_bus(node) and node.has("reg"))
        ):
            left_out.append(node)
            continue
        yield node
        stack.extend(reversed(node.children.values()))


def is_own_device(device: HostDevice) -> bool:
    """Whether Xen can assign something of it: registers, an interrupt of the GIC, or a stream."""
    if is_simple_bus(device.node) and not device.interrupts and not device.iommus:
        return False  # its reg only states the window of its children
    return bool(device.blocks or device.windows or device.interrupts or device.iommus)


def _only_describes(device: HostDevice) -> bool:
    """Whether a node within its parent's registers only names a part of them."""
    return not (device.node.has("compatible") or device.interrupts or device.iommus)


def _enclosed(device: HostDevice, blocks: dict[Node, tuple[Block, ...]]) -> bool:
    """Whether each register block is inside of a block of a member above.

    ``blocks``: those of the members above the device, by their nodes.
    """
    outer = [o for above in device.node.ancestors() for o in blocks.get(above, ())]
    return bool(device.blocks) and all(
        any(wider.span.covers(block.span) for wider in outer) for block in device.blocks
    )
