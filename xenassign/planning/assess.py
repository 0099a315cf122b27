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
    """One device: its facts, whether Xen would protect it, and all findings about it."""

    device: HostDevice
    protection: Protection
    findings: tuple[Finding, ...]

    @property
    def assignable(self) -> bool:
        """Whether it can be assigned alone, with its subtree and the default options."""
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

    ``only``: judge these nodes, devices or not, instead of all devices. ``assignable``: leave out
    devices that cannot be assigned.
    """
    board = read_board(platform, release, drivers)
    nodes = only if only is not None else [n for n in platform.tree.nodes() if is_device(n)]
    devices = _assessments(board, release, nodes)
    return BoardAssessment(board, tuple(d for d in devices if d.assignable or not assignable))


def _assessments(board: Board, release: Release, nodes: Sequence[Node]) -> Iterator[Assessment]:
    routes = ("xl",) if board.platform.dom0_tree is not None else ROUTES
    for node in nodes:
        request = Request(devices=(node.path,), release=release, routes=routes)
        judged = judge_request(board, Resolved(request, {node: node.path}))
        device = next((d for d in judged.scope.devices if d.node is node), None)
        device = device or read_device(board.platform, node)
        by_iommu = protection(board.platform, board.iommus, device)
        yield Assessment(device, by_iommu, judged.findings)
