"""Regions: pages of the host that a domain gets in addition to the registers of its devices.

A device may need memory that is not part of its registers: the shared memory of a firmware
interface, or a carve-out that ``memory-region`` names. To Xen such pages are a mapping without a
device: ``xen,reg`` with
``xen,force-assign-without-iommu`` and no ``xen,path`` (dom0less), an entry of ``iomem`` (xl).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import Block, registers

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node


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
