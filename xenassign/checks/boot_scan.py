"""What Xen's first scan of the board's tree, before it has a console, makes of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.interrupts import platform_findings
from xenassign.findings import Finding, rule, some

if TYPE_CHECKING:
    from xenassign.host.platform import Platform
    from xenassign.xen.releases import Release

NOT_RAM = rule(
    "XA127",
    "node-taken-for-ram",
    "warning",
    "portability",
    applies=lambda xen: xen.memory_by_name,
)


def board_findings(platform: Platform, release: Release) -> Iterator[Finding]:
    """What a board means for every assignment."""
    yield from platform_findings(platform)
    yield from boot_scan_findings(platform, release)


def boot_scan_findings(platform: Platform, release: Release) -> Iterator[Finding]:
    """Nodes called "memory" below another than the root, which Xen adds to its RAM.

    On Linux 7.2's boards they are carve-outs of /reserved-memory. Xen does not start where one lies
    in a bank of RAM, as a carve-out does. A UEFI loader tells Xen the memory itself.
    """
    if not NOT_RAM.applies(release):
        return
    nodes = [
        node
        for node in platform.tree.nodes()
        if node.base_name == "memory" and node.parent is not platform.tree.root and node.has("reg")
    ]
    if nodes:
        names = some([node.path for node in nodes])
        message = f"Xen {release.name} takes {names} for RAM, and does not start"
        yield NOT_RAM(message, node=nodes[0].path)
