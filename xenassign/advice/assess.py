"""Every device of a board, judged as if it were assigned alone: what ``inspect`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from xenassign.advice.verdict import ANSWERS, Decisions, Verdict, judge_alone
from xenassign.devicetree.tree import Node
from xenassign.findings import ROUTES, Finding, errors, some
from xenassign.host.device import HostDevice, is_device, read_device
from xenassign.host.kinds import kind_of
from xenassign.host.platform import Platform
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board, read_board
from xenassign.xen.iommu import Protection, protection
from xenassign.xen.releases import SPI_FIRST_INTID, Release


class Assessment(NamedTuple):
    """One device: its facts, whether Xen would protect it, and all findings of its plan.

    ``request``: with the options of the verdict, but for rates of clocks. ``suggestions``: lines
    with what to try, if it was looked for.
    """

    device: HostDevice
    protection: Protection
    findings: tuple[Finding, ...]
    verdict: Verdict
    request: Request
    suggestions: tuple[str, ...] = ()

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
    """Which devices are shown, in which order.

    ``kinds`` and ``compatibles`` (patterns as in a shell): empty for all. ``intid``: of an
    interrupt at the GIC; ``address``: in a register block or a PCI window. ``sort``: of ``SORTS``.
    """

    kinds: frozenset[str] = frozenset()
    compatibles: tuple[str, ...] = ()
    intid: int | None = None
    address: int | None = None
    assignable: bool = False
    sort: str = "tree"

    def selects(self, platform: Platform, node: Node) -> bool:
        """Whether a node is shown, whatever its verdict is."""
        if self.kinds and kind_of(node) not in self.kinds:
            return False
        if self.compatibles and not any(
            fnmatchcase(text, pattern) for text in node.compatible for pattern in self.compatibles
        ):
            return False
        if self.intid is None and self.address is None:
            return True
        device = read_device(platform, node)
        if self.intid is not None and all(line.intid != self.intid for line in device.lines):
            return False
        at, blocks = self.address, (*device.blocks, *device.windows)
        return at is None or any(block.address <= at < block.end for block in blocks)


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
    wanted = [node for node in nodes if query.selects(platform, node)]
    devices = _assessments(board, wanted)
    shown = [d for d in devices if d.verdict.answer != "no" or not query.assignable]
    return BoardAssessment(board, tuple(sorted(shown, key=SORTS[query.sort])))


def alone(board: Board, node: Node) -> Request:
    """The request for a device without other options."""
    routes = ("xl",) if board.platform.dom0_tree is not None else ROUTES
    return Request(devices=(node.path,), release=board.iommus.release, routes=routes)


def _assessments(board: Board, nodes: Sequence[Node]) -> Iterator[Assessment]:
    together: Decisions = {}
    for node in nodes:
        judged = judge_alone(board, Resolved(alone(board, node), {node: node.path}), together)
        device = read_device(board.platform, node)
        by_iommu = protection(board.platform, board.iommus, device)
        yield Assessment(device, by_iommu, *judged)


def why_nothing(platform: Platform, query: Query) -> str:
    """The message where no device is shown."""
    if query.intid is not None:
        as_spi = query._replace(intid=query.intid + SPI_FIRST_INTID, assignable=False)
        others = [n for n in platform.tree.nodes() if is_device(n) and as_spi.selects(platform, n)]
        if others:
            return (
                f"no device has the INTID {query.intid}; SPI {query.intid} is INTID {as_spi.intid},"
                f" of {some(node.path for node in others)}"
            )
    return "the board has no such device; `xenassign inspect HOST` lists all"
