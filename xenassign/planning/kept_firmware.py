"""Firmware of the host that the guest may call too, or could with an option."""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.tree import Node


class OfferedFirmware(NamedTuple):
    """Firmware that the guest could get: the host path of its node, and the option for it."""

    path: str
    option: str

    def holds(self, provider: str | None) -> bool:
        """Whether a provider is the firmware or a part of it."""
        return provider is not None and within(provider, self.path)


def within(path: str, root: str) -> bool:
    """Whether a path is that of a node or of one below it."""
    return f"{path}/".startswith(f"{root.rstrip('/')}/")


class Channel(NamedTuple):
    """How a guest reaches SCMI as an agent of its own: ``memory`` is the node of its page."""

    function: int
    memory: Node


class KeptFirmware(NamedTuple):
    """A firmware node that the guest gets too.

    ``why``: the reason that is given for each reference to it. ``memory``: the nodes of its shared
    memory, which are regions of the plan. ``without``: nodes of it that do not answer the guest.
    ``channel``: that of the guest, which replaces the host's.
    """

    root: Node
    why: str
    memory: frozenset[Node] = frozenset()
    without: frozenset[Node] = frozenset()
    channel: Channel | None = None

    def has(self, provider: Node) -> bool:
        """Whether a node is part of the firmware, or its memory."""
        above = tuple(provider.lineage())
        return provider in self.memory or (self.root in above and self.without.isdisjoint(above))
