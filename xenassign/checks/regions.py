"""Regions: pages of the host that a domain gets in addition to the registers of its devices.

A device may need memory that is not part of its registers: the shared memory of a firmware
interface, or a carve-out that ``memory-region`` names. To Xen such pages are a mapping without a
device: ``xen,reg`` with
``xen,force-assign-without-iommu`` and no ``xen,path`` (dom0less), an entry of ``iomem`` (xl).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.xen.sci import SHMEM

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node
    from xenassign.host.neighbours import Neighbours


#: On-chip memory: a pool, whose children are its sections.
POOL = "mmio-sram"


def is_shared_memory(node: Node) -> bool:
    """Whether a node of the host describes memory, which is mapped without any device."""
    return SHMEM in node.compatible or any(
        above.name == "reserved-memory" or POOL in above.compatible for above in node.lineage()
    )


class Region(NamedTuple):
    """A node of the host whose ``reg`` the domain gets.

    ``users``: host paths of the assigned devices that need it. ``why``: what for. ``normal``: it
    is mapped as Normal memory.
    """

    node: Node
    users: tuple[str, ...]
    why: str
    normal: bool = False

    @property
    def path(self) -> str:
        """The path in the host device tree."""
        return self.node.path

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The ranges to map: processor-physical addresses in bytes."""
        return registers(self.node).blocks

    @property
    def windows(self) -> tuple[Block, ...]:
        """Empty: only PCI hosts have windows."""
        return ()


def containers(neighbours: Neighbours, region: Region) -> frozenset[Node]:
    """The nodes that contain a region, which are not neighbours of it.

    A pool (mmio-sram) is the memory that the region is a part of; other users of the pool are
    reported by what requests the region. no-map memory that no node refers to belongs to the
    firmware, which put the region there. The node of an agent's page is not part of the board.
    """
    nodes = set(region.node.ancestors())
    for block in region.blocks:
        for other, node in neighbours.overlapping(block.span):
            contains = other.span.covers(block.span)
            reserved = node.parent is not None and node.parent.name == "reserved-memory"
            firmware = reserved and node.has("no-map") and node not in neighbours.consumers
            if contains and (firmware or POOL in node.compatible):
                nodes.add(node)
    return frozenset(nodes)
