"""Firmware of the host that answers a guest too, or could."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from xenassign.devicetree.tree import Node


class OfferedFirmware(NamedTuple):
    """Firmware that the guest could have too: the path of its node, and how to ask for it."""

    path: str
    option: str

    def holds(self, provider: str | None) -> bool:
        """Whether a provider is the firmware or a part of it."""
        return provider is not None and within(provider, self.path)


def within(path: str, root: str) -> bool:
    """Whether a path is that of a node or of one below it."""
    return f"{path}/".startswith(f"{root.rstrip('/')}/")


@dataclass(frozen=True, slots=True)
class KeptFirmware:
    """A node of the host's firmware that the guest gets too. ``why``: said of each reference.

    ``memory``: the nodes that it names as its memory, regions of the plan.
    """

    root: Node
    why: str
    memory: frozenset[Node] = frozenset()

    def answers(self, provider: Node) -> bool:
        """Whether a reference to a node is one to the firmware, or to its memory."""
        return provider in self.memory or any(n is self.root for n in provider.lineage())
