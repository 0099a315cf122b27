"""Every device of a board, judged as if it were assigned alone: what ``inspect`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.findings import ROUTES, Finding, errors
from xenassign.host.device import HostDevice, is_device, read_device
from xenassign.host.kinds import kind_of
from xenassign.host.platform import Platform
from xenassign.planning.verdict import ANSWERS, Verdict, judge_alone
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board, read_board
from xenassign.xen.iommu import Protection, protection
from xenassign.xen.releases import Release


class Assessment(NamedTuple):
    """One device: its facts, whether Xen would protect it, and all findings of its plan."""

    device: HostDevice
    protection: Protection
    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def kind(self) -> str:
        """Its kind in a word, such as ``ethernet``."""
        return kind_of(self.device.node)

    @property
    def assignable(self) -> bool:
        """Whether ``generate`` accepts it alone, with its subtree and the default options.

        Its driver may fail in the guest: see ``verdict``.
        """
        return not errors(self.findings)


class Query(NamedTuple):
    """Which devices are shown, in which order. ``kinds``: empty for all; ``sort``: of ``SORTS``."""

    kinds: frozenset[str] = frozenset()
    assignable: bool = False
    sort: str = "tree"


def _first(numbers: Iterable[int]) -> int:
    """The least of the numbers; those without any come last."""
    return min(numbers, default=1 << 64)


SORTS: dict[str, Callable[[Assessment], Any]] = {
    "tree": lambda _: 0,
    "verdict": lambda d: (ANSWERS.index(d.verdict.answer), len(d.verdict.options), d.verdict.why),
    "kind": lambda d: d.kind,
    "path": lambda d: d.device.path,
    "address": lambda d: _first(block.address for block in d.device.blocks),
    "irq": lambda d: _first(line.intid for line in d.device.interrupts),
}
"""By name the key to sort devices by; equal ones stay in the order of the tree."""


class BoardAssessment(NamedTuple):
    """A board and its devices, in the order of its tree."""

    board: Board
    devices: tuple[Assessment, ...]


def assess(
    platform: Platform,
    release: Release,
    only: Sequence[Node] | None = None,
    drivers: frozenset[str] | None = None,
    query: Query | None = None,
) -> BoardAssessment:
    """Judges the devices of a board.

    ``only``: judge these nodes, devices or not, instead of all devices.
    """
    query = query or Query()
    board = read_board(platform, release, drivers)
    nodes = only if only is not None else [n for n in platform.tree.nodes() if is_device(n)]
    kinds = query.kinds
    wanted = [node for node in nodes if not kinds or kind_of(node) in kinds]
    devices = _assessments(board, release, wanted)
    shown = [d for d in devices if d.verdict.answer != "no" or not query.assignable]
    return BoardAssessment(board, tuple(sorted(shown, key=SORTS[query.sort])))


def _assessments(board: Board, release: Release, nodes: Sequence[Node]) -> Iterator[Assessment]:
    routes = ("xl",) if board.platform.dom0_tree is not None else ROUTES
    for node in nodes:
        request = Request(devices=(node.path,), release=release, routes=routes)
        findings, verdict = judge_alone(board, Resolved(request, {node: node.path}))
        device = read_device(board.platform, node)
        by_iommu = protection(board.platform, board.iommus, device)
        yield Assessment(device, by_iommu, findings, verdict)
