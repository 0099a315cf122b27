"""The facts about one board that all decisions use: its platform, neighbours and IOMMUs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.msi import Frame, frames
from xenassign.host.neighbours import Neighbours, neighbours
from xenassign.host.platform import Platform
from xenassign.host.scmi import ScmiUse, ScmiUser, users
from xenassign.host.xl_info import xl_info_of
from xenassign.xen.iommu import Iommus, iommus
from xenassign.xen.releases import Release

if TYPE_CHECKING:  # imported by the properties: completion needs none of them
    from xenassign.host.clock_rates import ClockRates
    from xenassign.host.dma_windows import Inbound
    from xenassign.host.regulator_summary import RegulatorSummary
    from xenassign.xen.dom0 import Dom0, Dom0Masters
    from xenassign.xen.dom0_build import Dom0Build, Obstacle


#: Sets of marks of which a board keeps what is known. While a path is typed in an editor, each key
#: makes another set.
_MOST_MARKS = 64

_Known = TypeVar("_Known")


def _kept(
    known: dict[frozenset[str], _Known], marked: frozenset[str], make: Callable[[], _Known]
) -> _Known:
    """What is known with these marks; that of the marks that were not asked for longest goes."""
    value = known.pop(marked, None)
    known[marked] = value = make() if value is None else value
    if len(known) > _MOST_MARKS:
        del known[next(iter(known))]
    return value


class Board:
    """A board, for one release and build of Xen. The other facts are read when first needed."""

    def __init__(self, platform: Platform, iommus: Iommus) -> None:
        self.platform = platform
        self.iommus = iommus
        self._dom0_beside: dict[frozenset[str], Dom0] = {}
        self._masters: dict[frozenset[str], Dom0Masters] = {}

    @cached_property
    def neighbours(self) -> Neighbours:
        """Who uses which page, interrupt and stream."""
        return neighbours(self.platform)

    @cached_property
    def clock_rates(self) -> ClockRates:
        """The rates of the board's clocks."""
        from xenassign.host.clock_rates import ClockRates
        from xenassign.host.clock_summary import clock_summary_of

        return ClockRates(self.platform.tree, clock_summary_of(self.platform.tree))

    @cached_property
    def voltages(self) -> RegulatorSummary | None:
        """The voltages of the running board, if they were read with its tree."""
        from xenassign.host.regulator_summary import regulator_summary_of

        return regulator_summary_of(self.platform.tree)

    @cached_property
    def dom0(self) -> Dom0:
        """The pages and interrupts of dom0 if only the host tree marks nodes."""
        from xenassign.xen.dom0 import dom0

        return dom0(self.platform, self.iommus)

    def dom0_beside(self, marked: frozenset[str]) -> Dom0:
        """The pages and interrupts of dom0. ``marked``: paths of nodes that overlays mark."""
        return _kept(self._dom0_beside, marked, lambda: self.dom0.beside(marked))

    def dom0_masters(self, marked: frozenset[str]) -> Dom0Masters:
        """The devices that Xen assigns to dom0. ``marked``: paths of nodes that overlays mark."""
        from xenassign.xen.dom0 import dom0_masters

        return _kept(
            self._masters, marked, lambda: dom0_masters(self.platform, self.iommus, marked)
        )

    @cached_property
    def dom0_build(self) -> Dom0Build:
        """How Xen builds dom0 from the host tree."""
        from xenassign.xen.dom0_build import Dom0Build

        return Dom0Build(self.platform, self.iommus)

    @cached_property
    def dom0_obstacles(self) -> tuple[Obstacle, ...]:
        """Why Xen cannot build dom0 if only the host tree marks nodes."""
        return self.dom0_build.obstacles()

    @cached_property
    def inbound(self) -> Inbound:
        """The windows through which devices reach memory."""
        from xenassign.host.dma_windows import Inbound

        return Inbound(self.platform.tree)

    @cached_property
    def msi_frames(self) -> tuple[Frame, ...]:
        """The MSI frames, which no guest may reach."""
        return frames(self.platform.msi)

    @cached_property
    def scmi(self) -> dict[tuple[Node, str, int | None], list[ScmiUser]]:
        """The users of each SCMI id (``ScmiUse.key``), in the order of the tree."""
        by_id: dict[tuple[Node, str, int | None], list[ScmiUser]] = defaultdict(list)
        for user in users(self.platform.tree, self.platform.scmi):
            by_id[user.use.key].append(user)
        return dict(by_id)

    @cached_property
    def region_users(self) -> dict[Node, list[Node]]:
        """By region the available nodes whose ``memory-region`` names it."""
        users: dict[Node, list[Node]] = defaultdict(list)
        for node in self.platform.tree.nodes():
            if node.has("memory-region") and node.available:
                for region in regions_of(self.platform.tree, node):
                    users[region].append(node)
        return dict(users)

    def by_scmi_id(self) -> list[tuple[ScmiUser, list[ScmiUser]]]:
        """(one user, all users) of each SCMI id, by provider, protocol and id."""
        by_id = [(users[0], users) for users in self.scmi.values()]
        return sorted(by_id, key=lambda pair: _sort_key(pair[0].use))


def regions_of(tree: Tree, node: Node) -> list[Node]:
    """The nodes that ``memory-region`` of a node names."""
    prop = node.get("memory-region")
    group = property_references(tree, node, prop) if prop else None
    entries = group.entries if group else ()
    return [entry.provider for entry in entries if entry.provider is not None]


def _sort_key(use: ScmiUse) -> tuple[int, str, int, int]:
    """The order of SCMI ids: by SCMI node, protocol and id; without an id by provider."""
    number = -1 if use.id is None else use.id
    return use.root.offset, use.protocol, number, use.provider.offset


def read_board(
    platform: Platform, release: Release, drivers: frozenset[str] | None = None
) -> Board:
    """The board for a release. ``drivers``: the IOMMU drivers in the build (None: all).

    None are active if ``xl info``, read with the board's tree, has no hvm_directio. It is kept with
    the tree: whoever asks again gets the same board, with the facts that it has so far.
    """
    running = xl_info_of(platform.tree)
    if drivers is None and running is not None and running.iommu is False:
        drivers = frozenset()
    boards = platform.tree.once(_boards, platform.tree.root)
    board = boards.get((release, drivers))
    if board is None or board.platform != platform:
        board = boards[release, drivers] = Board(platform, iommus(platform, release, drivers))
    return board


def _boards(_: Tree, root: Node) -> dict[tuple[Release, frozenset[str] | None], Board]:
    """The boards of a tree by release and drivers, of the platform that was last asked for."""
    del root
    return {}
