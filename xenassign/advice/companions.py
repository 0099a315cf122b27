"""What must or should go to a guest together with a device: the closure of what plans report."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from xenassign.advice.verdict import Verdict, judge_alone
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.planning.decide import decide_on
from xenassign.planning.memory_regions import UNDECIDED
from xenassign.request.request import Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board


class Companion(NamedTuple):
    """A device that goes along with another one.

    ``need``: ``must`` (a plan without it is refused), ``should`` (without it the guest cannot use
    the device) or ``below`` (it is in the subtree of the device, and always comes with it).
    ``reason``: the finding, None for one below.
    """

    need: str
    node: Node
    of: str
    reason: Finding | None = None


class Together(NamedTuple):
    """``devices``: the named one, then those to name with it. ``verdict``: on all of them."""

    devices: tuple[Node, ...]
    companions: tuple[Companion, ...]
    verdict: Verdict


def together(board: Board, device: Node, request: Request) -> Together:
    """The closure for a device. ``request``: release, routes and drivers; its devices are not used.

    Pages, interrupts, streams and suppliers are followed, of what is added too.
    """
    devices: dict[Node, None] = {device: None}
    companions: dict[Node, Companion] = {}
    size = 0
    while size < len(devices):
        size = len(devices)
        resolved = _resolved(request, devices)
        plan = decide_on(board, resolved)
        for member in plan.scope.devices:
            if member.node not in devices:
                root = next(node for node in member.node.lineage() if node in devices)
                companions.setdefault(member.node, Companion("below", member.node, root.path))
        for finding in plan.findings:
            for path in finding.others if finding.rule is not UNDECIDED else ():
                node = board.platform.tree.find(path)
                if node is None or plan.scope.has(node):
                    continue
                need = "must" if finding.severity == "error" else "should"
                companions.setdefault(node, Companion(need, node, finding.node or "", finding))
                devices[node] = None
    verdict = judge_alone(board, _resolved(request, devices), {}).verdict
    return Together(tuple(devices), tuple(companions.values()), verdict)


def _resolved(request: Request, devices: dict[Node, None]) -> Resolved:
    names = {node: node.path for node in devices}
    return Resolved(replace(request, devices=tuple(names.values())), names)
