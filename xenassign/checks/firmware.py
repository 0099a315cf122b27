"""Firmware of the host that a guest calls: what Xen does with the calls.

SCMI is judged by :mod:`xenassign.xen.sci`. Of other firmware Xen knows only Xilinx EEMI, on a board
whose root is compatible with "xlnx,zynqmp" (xen/arch/arm/platforms/xilinx-zynqmp.c), and answers a
guest hardly any of its calls (zynqmp_eemi). On some boards of NXP it forwards SiP calls of the
hardware domain (`Release.sip_boards`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from xenassign.devicetree.references import references
from xenassign.findings import Finding, rule, some

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node, Tree
    from xenassign.host.smc_firmware import SmcFirmware
    from xenassign.xen.releases import Release

DENIED = rule("XA526", "firmware-denied", "warning", "broken")
NOT_FORWARDED = rule("XA539", "firmware-not-forwarded", "warning", "broken")

_ZYNQMP = "xlnx,zynqmp"
_EEMI = frozenset({"xlnx,zynqmp-firmware", "xlnx,zynqmp-clk", "xlnx,zynqmp-ipi-mailbox"})


def known_to_xen(firmware: Node, board: Node | None) -> bool:
    """Whether Xen knows the calls of a firmware node. ``board``: the host's root; None: any."""
    on_zynqmp = board is None or _ZYNQMP in map(str.lower, board.compatible)
    return on_zynqmp and not _EEMI.isdisjoint(firmware.compatible)


def firmware_users(tree: Tree, firmware: Node, nodes: Iterable[Node]) -> list[str]:
    """The paths of those of the nodes that refer to a firmware node, or to one below it."""
    inside = set(firmware.walk())
    return [
        node.path
        for node in nodes
        if node not in inside
        and any(
            reference.provider in inside
            for group in references(tree, node)
            for reference in group.entries
        )
    ]


def denied(firmware: Node, used_by: list[str]) -> Finding:
    """What becomes of calls that Xen knows. ``used_by``: as of :func:`firmware_users`."""
    message = (
        f"{firmware.path}: upstream Xen refuses the guest its clocks, power and resets, which"
        f" {some(used_by)} need{'s' * (len(used_by) == 1)}"
    )
    return DENIED(message, node=firmware.path)


def not_forwarded(
    firmware: Node, known: SmcFirmware, release: Release, board: Node | None
) -> Finding:
    """What becomes of calls that Xen does not know, or knows from the hardware domain only.

    ``board``: the host's root; None: any.
    """
    message = f"{firmware.path}: Xen does not forward the calls of {known.driver}"
    if board is not None and not set(release.sip_boards).isdisjoint(board.compatible):
        message = f"{firmware.path}: Xen forwards SiP calls of dom0 only, none of {known.driver}"
    return NOT_FORWARDED(f"{message}: {known.unanswered}", node=firmware.path)
