"""Regions: pages of the host that a domain gets beside the registers of its devices.

A device may need memory that is no register of its own: the shared memory of a firmware interface,
a carve-out that ``memory-region`` names. To Xen such pages are a bare mapping: ``xen,reg`` with
``xen,force-assign-without-iommu`` and no ``xen,path`` (dom0less), an entry of ``iomem`` (xl).
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.tree import Node


class Region(NamedTuple):
    """A node of the host whose ``reg`` the domain gets.

    ``users``: host paths of the assigned devices that need it. ``why``: one sentence.
    """

    node: Node
    users: tuple[str, ...]
    why: str

    @property
    def path(self) -> str:
        """The path in the host device tree."""
        return self.node.path

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is mapped: processor-physical bytes."""
        return registers(self.node).blocks

    @property
    def windows(self) -> tuple[Block, ...]:
        """None: only PCI hosts have windows."""
        return ()
