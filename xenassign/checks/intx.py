"""The legacy interrupts of PCI devices: which of them a domain gets with the PCI host.

Xen routes the interrupts that ``interrupts`` of the host's node states, and does not follow its
``interrupt-map`` for a guest (map_device_irqs_to_domain; dt_for_each_irq_map is for dom0). Stated
there by the marks, they reach the guest, whose tree keeps the map. Booted: tests/xen/test_pci.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from xenassign.checks.interrupts import line_findings
from xenassign.checks.msi import full_interrupts
from xenassign.findings import Finding, rule
from xenassign.host.intx import Intx, read_intx

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.host.device import HostDevice
    from xenassign.host.gic import GicInterrupt
    from xenassign.request.request import Request
    from xenassign.xen.board import Board

DROPPED = rule("XA327", "pci-interrupts-dropped", "warning", "broken")
BY_MARKS = rule("XA331", "pci-interrupts-added", "note", "broken", needs_host=True)


def with_intx(board: Board, scope: Scope, request: Request) -> tuple[Scope, list[Finding]]:
    """The scope without the legacy interrupts that the domain cannot have, and the findings."""
    devices, findings = [], []
    for device in scope.devices:
        lost = next(_lost(board, scope, request, device), None)
        if lost is not None:
            message = f"interrupt-map of {device.path} is dropped: {lost}"
            findings.append(DROPPED(message, node=device.path, prop="interrupt-map"))
        elif added := _unstated(device):
            numbers = ", ".join(str(line.intid) for line in added)
            message = f"{device.path}: interrupt-map leads to INTID {numbers}, not in interrupts"
            findings.append(BY_MARKS(message, node=device.path, prop="interrupt-map"))
        devices.append(device if lost is None else device._replace(intx=Intx()))
    return replace(scope, devices=tuple(devices)), findings


def _unstated(device: HostDevice) -> tuple[GicInterrupt, ...]:
    """The legacy interrupts at the GIC that ``interrupts`` of the node does not state."""
    return device.unstated[len(device.msi_lines) :]


def _lost(board: Board, scope: Scope, request: Request, device: HostDevice) -> Iterator[str]:
    """Why the domain cannot have the legacy interrupts of a PCI host; nothing if it can."""
    intx, gic = device.intx, board.platform.gic
    if intx.problem:
        yield intx.problem
    for entry, line in intx.entries:
        controller = entry.controller
        if gic is not None and controller is gic.node:
            if line is None:
                yield f"the GIC has no interrupt {entry.specifier}"
        elif controller is not None and not scope.has(controller):
            yield f"it leads to {controller.path}, which is not assigned"
    if _unstated(device) and full_interrupts(board.platform, device) is None:
        yield "interrupts of the node cannot state where it leads"
    cells: dict[int, tuple[int, ...]] = {line.intid: line.cells for line in device.interrupts}
    for routed in intx.lines:
        if cells.setdefault(routed.intid, routed.cells) != routed.cells:
            yield f"INTID {routed.intid} has two triggers"
        for finding in line_findings(board, scope, request, device, routed, kept=False):
            if finding.severity == "error":
                yield finding.message
        yield from _other_hosts(board, scope, routed.intid)


def _other_hosts(board: Board, scope: Scope, intid: int) -> Iterator[str]:
    """Other PCI hosts whose map leads to an interrupt: with them dom0 has it, also disabled."""
    for node in board.neighbours.nexuses:
        lines = read_intx(board.platform, node).lines if not scope.has(node) else ()
        if any(line.intid == intid for line in lines):
            yield f"INTID {intid} is also that of {node.path}"
