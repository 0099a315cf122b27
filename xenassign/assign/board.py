"""What all decisions about one board look at: its platform, its neighbours, its IOMMUs."""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.host.neighbours import Neighbours, neighbours
from xenassign.host.platform import Platform
from xenassign.xen.iommu import Iommus, iommus
from xenassign.xen.releases import Release


class Board(NamedTuple):
    """A board as one release and build of Xen see it. ``console``: the UART that Xen uses."""

    platform: Platform
    neighbours: Neighbours
    iommus: Iommus
    console: Node | None


def read_board(
    platform: Platform,
    release: Release,
    drivers: frozenset[str] | None = None,
    console: str | None = None,
) -> Board:
    """Builds it. ``console``: a path, ``none``, or None for the UART of stdout-path."""
    uart = platform.console if console is None else platform.tree.find(console)
    return Board(platform, neighbours(platform), iommus(platform, release, drivers), uart)
