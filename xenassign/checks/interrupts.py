"""Interrupts of a device in a guest: those that no guest can have, and those that others use.

What dom0less Xen reports about the interrupts of a partial device tree, in its order, is in
:mod:`xenassign.linting.verdict.dom0less`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.ownership import kept_by_xen, proposable
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice, read_device
from xenassign.xen.direct_map import vpl011_intid
from xenassign.xen.releases import (
    ESPI_INTIDS,
    GUEST_SPI_LAST_INTID,
    SPI_FIRST_INTID,
    VIRTIO_MMIO_INTIDS,
    Release,
)

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node
    from xenassign.host.gic import GicInterrupt
    from xenassign.host.platform import Platform
    from xenassign.request.request import Request
    from xenassign.xen.board import Board

PPI = rule("XA301", "ppi-assigned", "error", "rejected")
EXTENDED = rule("XA302", "extended-interrupt", "error", "broken")
INTID_TOO_HIGH = rule("XA303", "intid-too-high", "error", "rejected")
EXTENDED_BUILD = rule(
    "XA748",
    "extended-spi-build",
    "warning",
    "portability",
    applies=lambda xen: xen.extended_spis,
)
LINE_OF_XEN = rule("XA304", "interrupt-of-xen", "error", "rejected")
LINE_SHARED = rule("XA305", "interrupt-shared", "error", "rejected")
LINE_OF_VPL011 = rule("XA306", "interrupt-of-vpl011", "error", "broken")
OTHER_CONTROLLER = rule("XA307", "interrupt-not-at-gic", "warning", "broken")
VIRTIO_INTID = rule("XA308", "interrupt-of-virtio", "note", "portability", routes=("xl",))
TRIGGER_DIFFERS = rule("XA309", "interrupt-two-triggers", "error", "rejected")
BELOW_PPI = rule("XA311", "interrupt-below-ppi-node", "error", "rejected", routes=("xl",))
NO_GIC = rule("XA310", "no-gic", "error", "rejected")


def platform_findings(platform: Platform) -> Iterator[Finding]:
    """What forbids any assignment on this board."""
    if platform.gic is None:
        yield NO_GIC("the host tree has no interrupt controller that Xen drives", node="/")


def other_controller(
    board: Board, scope: Scope, controller: Node, message: str, path: str
) -> Finding:
    """The finding about an interrupt of ``path`` at a controller that stays with the host."""
    holder = proposable(board, scope, controller)
    if holder is None:
        return OTHER_CONTROLLER(message, node=path, prop="interrupts")
    fix = f"assign {holder.path} too (-d {holder.path}) if the driver requires the interrupt"
    return OTHER_CONTROLLER(message, node=path, prop="interrupts", fix=fix, others=(holder.path,))


def interrupt_findings(
    board: Board, scope: Scope, request: Request, device: HostDevice
) -> Iterator[Finding]:
    """What is wrong with the interrupts of a device."""
    kept = kept_by_xen(board, device.node) is not None
    above = ppi_above(board, scope, device) if "xl" in request.routes else None
    if above is not None:
        yield BELOW_PPI(f"{device.path} is below {above.path}", node=device.path)
    for line in device.other_interrupts:
        if not scope.has(line.controller):
            message = f"interrupt {line.index} of {device.path} ends at {line.controller.path}"
            yield other_controller(board, scope, line.controller, message, device.path)
    seen: set[int] = set()
    for gic_line in device.lines:
        if gic_line.intid not in seen:
            yield from line_findings(board, scope, request, device, gic_line, kept)
        seen.add(gic_line.intid)


def ppi_above(board: Board, scope: Scope, device: HostDevice) -> Node | None:
    """The node above the device that has a PPI and is not assigned: xl refuses what is below it.

    An assigned one is refused for its PPI.
    """
    for node in device.node.ancestors():
        if (node.has("interrupts") or node.has("interrupts-extended")) and not scope.has(node):
            lines = read_device(board.platform, node).interrupts
            if any(line.kind == "ppi" for line in lines):
                return node
    return None


def line_findings(
    board: Board,
    scope: Scope,
    request: Request,
    device: HostDevice,
    line: GicInterrupt,
    kept: bool,
) -> Iterator[Finding]:
    """One interrupt at the GIC. ``kept``: whether Xen keeps the device, an error anyway."""
    intid, path = line.intid, device.path
    if line.kind in ("espi", "eppi"):
        yield extended(path, line, request.release)
        return
    if line.kind == "ppi":
        yield PPI(
            f"interrupt {line.index} of {path} is a PPI (INTID {intid})",
            node=path,
            prop="interrupts",
        )
        return
    yield from _above(path, intid, request.release)
    if request.vpl011 and intid == vpl011_intid(board.platform, request.direct_map):
        yield LINE_OF_VPL011(f"{path} has INTID {intid}", node=path, prop="interrupts")
    if intid in VIRTIO_MMIO_INTIDS and "xl" in request.routes:
        yield VIRTIO_INTID(f"{path} has INTID {intid}", node=path, prop="interrupts")
    for other, node in board.neighbours.lines.get(intid, []):
        if node is device.node:
            if other.trigger != line.trigger:
                yield _trigger_differs(path, "itself", intid)
            continue
        if scope.has(node):
            if other.trigger != line.trigger:
                yield _trigger_differs(path, node.path, intid)
        elif not kept and kept_by_xen(board, node):
            yield LINE_OF_XEN(
                f"INTID {intid} of {path} is also that of {node.path}, {kept_by_xen(board, node)}",
                node=path,
                prop="interrupts",
            )
        elif node.available and scope.stays_with_host(node):
            yield LINE_SHARED(
                f"INTID {intid} of {path} is also that of {node.path}, which stays with the host",
                node=path,
                prop="interrupts",
                others=(node.path,),
            )


def extended(path: str, line: GicInterrupt, release: Release) -> Finding:
    """The finding about an interrupt of a type that Xen takes for a PPI."""
    fix = None
    if line.kind == "espi" and EXTENDED_BUILD.applies(release):
        spi, flags = line.intid - SPI_FIRST_INTID, line.cells[2]
        fix = (
            f"write it as <0 {spi} {flags}> in the host tree, for a Xen built with"
            " CONFIG_GICV3_ESPI, or do not assign this device"
        )
    message = f"interrupt {line.index} of {path} is an extended one (INTID {line.intid})"
    return EXTENDED(message, node=path, prop="interrupts", fix=fix)


def _above(path: str, intid: int, release: Release) -> Iterator[Finding]:
    """An INTID above those that every build gives guests."""
    if intid in ESPI_INTIDS and EXTENDED_BUILD.applies(release):
        message = f"INTID {intid} of {path} is an extended SPI"
        yield EXTENDED_BUILD(message, node=path, prop="interrupts")
    elif intid > GUEST_SPI_LAST_INTID:
        message = f"INTID {intid} of {path} is above {GUEST_SPI_LAST_INTID}"
        yield INTID_TOO_HIGH(message, node=path, prop="interrupts")


def _trigger_differs(path: str, other: str, intid: int) -> Finding:
    return TRIGGER_DIFFERS(
        f"INTID {intid} of {path} has another trigger in {other}", node=path, prop="interrupts"
    )
