"""Every device of a board, judged as if it were assigned alone: what ``inspect`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.findings import ROUTES, Finding, errors
from xenassign.host.device import HostDevice, is_device, read_device
from xenassign.host.platform import Platform
from xenassign.planning.decide import judge_request
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board, read_board
from xenassign.xen.iommu import Protection, protection
from xenassign.xen.releases import Release


class Assessment(NamedTuple):
    """One device: its facts, whether Xen would protect it, and all that was found."""

    device: HostDevice
    protection: Protection
    findings: tuple[Finding, ...]

    @property
    def assignable(self) -> bool:
        """Whether nothing forbids to assign it alone, with its subtree and the default options."""
        return not errors(self.findings)


class BoardAssessment(NamedTuple):
    """A board and its devices, in the order of its tree."""

    board: Board
    devices: tuple[Assessment, ...]


def assess(
    platform: Platform,
    release: Release,
    only: Sequence[Node] | None = None,
    drivers: frozenset[str] | None = None,
    assignable: bool = False,
) -> BoardAssessment:
    """Judges the devices of a board.

    ``only``: these nodes, whether devices or not; ``assignable``: keep those that may be assigned.
    """
    board = read_board(platform, release, drivers)
    wanted = only if only is not None else [n for n in platform.tree.nodes() if is_device(n)]
    found = (one for one in _judged(board, release, wanted) if one.assignable or not assignable)
    return BoardAssessment(board, tuple(found))


def _judged(board: Board, release: Release, wanted: Sequence[Node]) -> Iterator[Assessment]:
    routes = ("xl",) if board.platform.dom0_tree is not None else ROUTES
    for node in wanted:
        asked = Request(devices=(node.path,), release=release, routes=routes)
        judged = judge_request(board, Resolved(asked, {node: node.path}))
        device = next((d for d in judged.scope.devices if d.node is node), None)
        device = device or read_device(board.platform, node)
        shield = protection(board.platform, board.iommus, device)
        yield Assessment(device, shield, judged.findings)
