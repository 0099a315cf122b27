"""Rules about what the assigned devices reach by DMA, and how the guest's processor sees them.

The judgements of plans, asked of the host's devices that the tree assigns, at the domain's memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.containment import containment_findings
from xenassign.checks.dma_reach import reach_findings
from xenassign.checks.memory_type import memory_type_findings
from xenassign.checks.msi import doorbell_findings
from xenassign.checks.protection import dma_in_scope
from xenassign.findings import Finding
from xenassign.host.dma_windows import Translation, dma_ranges, translation
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.iommu import Shield, protection


def reached(view: View) -> Iterator[Finding]:
    """What the DMA of assigned devices reaches and misses, and what outlives the guest."""
    board, inside, context = view.board, view.scope, view.context
    if board is None or inside is None:
        return
    guest, stated = context.guest, _translation(view)
    for one, host in view.assigned:
        shield = protection(board.platform, board.iommus, host)
        found = [*reach_findings(board, host, shield, guest, stated)]
        found += doorbell_findings(board, host, shield, guest)
        yield from (f._replace(node=one.node.path, prop="xen,path") for f in found)
        forced = one.forced and not shield.protected and shield.shield is not Shield.REFUSED
        for finding in containment_findings(host, dma_in_scope(inside, host), forced=forced):
            yield finding._replace(node=one.node.path, prop="xen,path", routes=DOM0LESS)


def _translation(view: View) -> Translation | None:
    """What /passthrough of a direct-map domain states, if it is the translation of the host."""
    if not view.context.direct_map:
        return None
    found = translation(host for _, host in view.assigned)
    return found if found is not None and found.table in map(dma_ranges, view.tops) else None


def as_device_memory(view: View) -> Iterator[Finding]:
    """Memory of the chip that is mapped like registers."""
    for one, host in view.assigned:
        if one.entries:
            for finding in memory_type_findings(host):
                yield finding._replace(node=one.node.path, prop="xen,reg")


CHECKS: tuple[Check, ...] = (reached, as_device_memory)
