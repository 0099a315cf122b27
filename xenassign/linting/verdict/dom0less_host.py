"""What dom0less Xen does with the host's nodes that a partial device tree assigns.

Source: handle_passthrough_prop, map_device_irqs_to_domain and route_irq_to_guest of Xen
(dom0less-build.c, device.c, irq.c), iommu_add_dt_device.
"""

from __future__ import annotations

from collections.abc import Callable

from xenassign.checks.connection import connection
from xenassign.checks.interrupts import (
    LINE_OF_VPL011,
    LINE_OF_XEN,
    LINE_SHARED,
    PPI,
    TRIGGER_DIFFERS,
)
from xenassign.checks.protection import (
    IOMMU_REFUSES,
    STREAMS_OVERLAP,
    Unprotected,
    dma_in_scope,
    not_protected,
)
from xenassign.checks.scope import Scope, scope_of_paths
from xenassign.devicetree.flat import FlatNode
from xenassign.devicetree.tree import Node
from xenassign.findings import Addition, Finding, Rule, rule
from xenassign.host.device import read_device
from xenassign.host.near_paths import path_question
from xenassign.host.platform import Platform
from xenassign.linting.verdict.builds import guest_intids
from xenassign.linting.verdict.context import Context
from xenassign.xen.board import Board
from xenassign.xen.dom0 import is_marked, lines, xens_lines
from xenassign.xen.iommu import Shield, StreamTable, protection
from xenassign.xen.releases import FORCE, SPI_FIRST_INTID

DOM0LESS = ("dom0less",)
_WAYS = Unprotected(f"add {FORCE}", FORCE)
NO_SUCH_PATH = rule(
    "XA412", "no-such-host-node", "error", "rejected", routes=DOM0LESS, needs_host=True
)
NOT_PROTECTED = rule(
    "XA413", "unprotected-not-forced", "error", "rejected", routes=DOM0LESS, needs_host=True
)
ASSIGNED_TWICE = rule("XA414", "assigned-twice", "error", "rejected", needs_host=True)
DOM0_HOLDS_DEVICE = rule("XA415", "dom0-owns-device", "error", "rejected", needs_host=True)
DOM0_DRIVES_DEVICE = rule("XA416", "dom0-drives-device-too", "error", "unsafe", needs_host=True)
LINE_TOO_HIGH = rule(
    "XA313", "interrupt-beyond-guest", "error", "rejected", routes=DOM0LESS, needs_host=True
)


class HostSide:
    """The host's nodes that were assigned so far, and what Xen and dom0 use.

    ``paths``: those of all xen,path of the tree, asked for when they are needed.
    """

    def __init__(self, context: Context, board: Board, paths: Callable[[], list[str]]) -> None:
        self._context = context
        self._board = board
        self._paths = paths
        self._findings: list[Finding] = []
        self._assigned: set[Node] = set()  # host nodes assigned behind an IOMMU
        self._triggers: dict[int, tuple[int, str]] = {}  # INTID to trigger and host path
        self._xen_lines = xens_lines(board.platform, board.iommus)  # INTID to the user
        self._dom0_lines: frozenset[int] = frozenset()  # INTIDs
        self._dom0_devices: frozenset[Node] = frozenset()  # host nodes behind an IOMMU
        self._streams = StreamTable(board.iommus)
        self._scope_of_tree: Scope | None = None
        if context.beside_dom0:
            self._dom0_lines = board.dom0_beside(context.marked).held
            masters = board.dom0_masters(context.marked)
            self._dom0_devices = masters.nodes
            self._streams = masters.streams.copy()

    def assign(self, node: FlatNode, path: str, *, forced: bool) -> list[Finding]:
        """Routes the interrupts of the host node of xen,path and assigns it."""
        self._findings = []
        self._assign(node, path, forced)
        return self._findings

    def _assign(self, node: FlatNode, path: str, forced: bool) -> None:
        platform, iommus = self._board.platform, self._board.iommus
        host = platform.tree.find_as_xen(path)
        if host is None:
            message = f"{node.path}: no node {path!r} in the host tree"
            fix = path_question(platform.tree, path) or None
            self._add(NO_SUCH_PATH(message, node=node.path, prop="xen,path", fix=fix))
            return
        dom0 = self._context.beside_dom0
        if dom0 and host.has("compatible") and not is_marked(host, self._context.marked):
            self._add(_at(DOM0_DRIVES_DEVICE, node, f"{path} is not marked"))
        for line in lines(platform, host):
            self._line(node, host, line.intid, line.trigger)
        device = read_device(platform, host)
        shield = protection(platform, iommus, device)
        if shield.shield is Shield.REFUSED:
            self._add(_at(IOMMU_REFUSES, node, f"{path}: {shield.why}"))
        elif not shield.believed and not forced:
            dma = dma_in_scope(self._scope(platform), device)
            lacking = connection(platform, iommus, device, shield, dma)
            fix = _WAYS.advice(dma, self._context.direct_map, lacking)
            message = f"{node.path}: {not_protected(path, shield, dma)}"
            may = dma.answer != "yes" and not (lacking and lacking.certain)
            added = (Addition(FORCE, "", node.path, safe=False),) if may else ()
            self._add(_at(NOT_PROTECTED, node, message)._replace(own_fix=fix, additions=added))
        elif shield.believed and host in self._dom0_devices:
            self._add(_at(DOM0_HOLDS_DEVICE, node, f"{path} is not marked"))
        elif shield.believed and host in self._assigned:
            self._add(_at(ASSIGNED_TWICE, node, f"{path} is assigned already"))
        elif shield.believed:
            self._assigned.add(host)
            clash = self._streams.take(device)
            if clash is not None:
                message = f"{node.path}: {path}: {clash}"
                self._add(STREAMS_OVERLAP(message, node=node.path, routes=DOM0LESS))

    def _scope(self, platform: Platform) -> Scope:
        """What the partial tree assigns."""
        if self._scope_of_tree is None:
            self._scope_of_tree = scope_of_paths(platform, self._paths())
        return self._scope_of_tree

    def _line(self, node: FlatNode, host: Node, intid: int, trigger: int) -> None:
        """route_irq_to_guest, and the trigger that platform_get_irq sets before."""
        line = f"INTID {intid} of {host.path}"
        first_trigger, first_path = self._triggers.setdefault(intid, (trigger, host.path))
        if first_trigger != trigger:
            self._add(_at(TRIGGER_DIFFERS, node, f"{line} has another trigger in {first_path}"))
        elif intid < SPI_FIRST_INTID:
            self._add(_at(PPI, node, f"{line} is a PPI"))
        elif not any(intid in numbers for numbers in guest_intids(self._context)):
            ranges = (f"{n[0]} to {n[-1]}" for n in guest_intids(self._context))
            message = (
                f"{line} is not one of the guest's ({' and '.join(ranges) or 'it has no SPIs'})"
            )
            self._add(_at(LINE_TOO_HIGH, node, message))
        elif intid in self._xen_lines:
            owner = self._xen_lines[intid]
            used = f"is that of {owner}" if owner != host.path else "is used by Xen itself"
            self._add(_at(LINE_OF_XEN, node, f"{line} {used}"))
        elif intid in self._dom0_lines:
            fix = "mark its host nodes xen,passthrough (a host overlay does): dom0 loses them"
            self._add(_at(LINE_SHARED, node, f"{line} is used by dom0")._replace(own_fix=fix))
        elif intid == self._context.vpl011_intid:
            self._add(_at(LINE_OF_VPL011, node, f"{line} is also that of the vPL011"))

    def _add(self, finding: Finding) -> None:
        self._findings.append(finding)


def _at(violated: Rule, node: FlatNode, message: str) -> Finding:
    return violated(message, node=node.path, prop="xen,path", routes=DOM0LESS)
