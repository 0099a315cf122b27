"""What all decisions about one board look at: its platform, its neighbours, its IOMMUs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from xenassign.host.neighbours import Neighbours, neighbours
from xenassign.host.platform import Platform
from xenassign.host.scmi import ScmiUse, ScmiUser, users
from xenassign.xen.iommu import Iommus, iommus
from xenassign.xen.releases import Release


class Board(NamedTuple):
    """A board as one release and build of Xen see it.

    ``scmi``: who uses each SCMI id (``ScmiUse.key``), in the order of the tree.
    """

    platform: Platform
    neighbours: Neighbours
    iommus: Iommus
    scmi: Mapping[tuple[int, str, int | None], tuple[ScmiUser, ...]] = {}

    def by_scmi_id(self) -> list[tuple[ScmiUser, tuple[ScmiUser, ...]]]:
        """(one user, all users) of each SCMI id, by provider, protocol and id."""
        found = [(each[0], each) for each in self.scmi.values()]
        return sorted(found, key=lambda pair: _place(pair[0].use))


def _place(use: ScmiUse) -> tuple[int, str, int, int]:
    """Where an id stands among the others; what has none follows the tree."""
    number = -1 if use.id is None else use.id
    return use.root.offset, use.protocol, number, use.provider.offset


def read_board(
    platform: Platform, release: Release, drivers: frozenset[str] | None = None
) -> Board:
    """Builds it."""
    by_id: dict[tuple[int, str, int | None], tuple[ScmiUser, ...]] = {}
    for user in users(platform.tree, platform.scmi):
        by_id[user.use.key] = (*by_id.get(user.use.key, ()), user)
    known = iommus(platform, release, drivers)
    return Board(platform, neighbours(platform), known, by_id)
