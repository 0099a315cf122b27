"""What xl cannot assign, since dom0 does not have it: Xen withholds the node from dom0.

The lint asks the same about ``irqs`` and ``iomem`` of a dom.cfg (``linting/verdict/domcfg.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.interrupts import ppi_above
from xenassign.checks.ownership import kept_by_xen
from xenassign.findings import Finding, rule, some

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.host.device import HostDevice
    from xenassign.request.request import Request
    from xenassign.xen.board import Board

_XL = ("xl",)
NOT_DOM0S_LINE = rule(
    "XA316", "interrupt-not-dom0s", "error", "rejected", routes=_XL, needs_host=True
)
NOT_DOM0S_PAGES = rule("XA221", "pages-not-dom0s", "error", "rejected", routes=_XL, needs_host=True)


def dom0_rights_findings(
    board: Board, scope: Scope, request: Request, device: HostDevice
) -> Iterator[Finding]:
    """The SPIs and pages of a device that dom0 may not give.

    Without those of a device that Xen uses, and of one below a node with a PPI, which have rules of
    their own.
    """
    path = device.path
    if "xl" not in request.routes or kept_by_xen(board, device.node) is not None:
        return
    if ppi_above(board, scope, device) is not None:
        return
    fix = f"assign {path} without xl: --route dom0less"
    spis = dict.fromkeys(line.intid for line in device.interrupts if line.kind == "spi")
    withheld = [str(intid) for intid in spis if intid not in board.dom0.lines]
    if withheld:
        message = f"Xen withholds {path} from dom0, which does not have INTID {some(withheld)}"
        yield NOT_DOM0S_LINE(message, node=path, prop="interrupts", fix=fix)
    blocks = [*device.blocks, *device.windows]
    lost = [str(b.pages) for b in blocks if b.size and not board.dom0.has_pages(b.span.in_pages)]
    if lost:
        message = f"Xen withholds {path} from dom0, which does not have the pages {some(lost)}"
        yield NOT_DOM0S_PAGES(message, node=path, prop="reg", fix=fix)
