"""Rules about the DMA of assigned devices, and about the memory type of their mappings.

They are those of plans (``checks``), applied to the host devices that the tree assigns and to the
memory of the domain.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.containment import containment_findings
from xenassign.checks.dma_reach import DMA_OFFSET, reach_findings
from xenassign.checks.memory_type import memory_type_findings
from xenassign.checks.msi import doorbell_findings
from xenassign.checks.protection import dma_in_scope
from xenassign.devicetree.spans import Span, merged
from xenassign.findings import Finding
from xenassign.host.dma_windows import Translation, dma_ranges, translation
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.iommu import Shield, protection


def dma(view: View) -> Iterator[Finding]:
    """Memory and doorbells that DMA can't reach, and DMA that continues after the guest's end."""
    board, inside, context = view.board, view.scope, view.context
    if board is None or inside is None:
        return
    guest, stated = context.guest, _stated_translation(view)
    for partial, host in view.assigned:
        shield = protection(board.platform, board.iommus, host)
        kept = partial.node.has("dma-ranges")
        findings = [*reach_findings(board, host, shield, guest, stated, keeps=kept)]
        findings += doorbell_findings(board, host, shield, guest)
        for finding in findings:
            if not (kept and finding.rule is DMA_OFFSET):
                yield finding._replace(node=partial.node.path, prop=partial.prop)
        forced = partial.forced and not shield.protected and shield.shield is not Shield.REFUSED
        for finding in containment_findings(host, dma_in_scope(inside, host), forced=forced):
            yield finding._replace(node=partial.node.path, prop=partial.prop, routes=DOM0LESS)


def _stated_translation(view: View) -> Translation | None:
    """The dma-ranges of /passthrough of a direct-map domain, if they are those of the host."""
    if not view.context.direct_map:
        return None
    stated = [dma_ranges(node) for node in view.passthrough]
    required = translation(host for _, host in view.assigned)
    return required if required is not None and required.table in stated else None


def device_memory(view: View) -> Iterator[Finding]:
    """Memory of the chip that is mapped as Device-nGnRE."""
    for partial, host in view.assigned:
        if view.mapped(partial):
            mapped = [window for window in host.windows if _is_mapped(view, window.span)]
            prop = partial.reg if partial.entries else "reg"
            blocks = merged(block.span for block in host.blocks)
            own = [e for e in view.mapped(partial) if any(map(e.host_span.overlaps, blocks))]
            normal = bool(own) and all(entry.normal for entry in own)
            judged = host._replace(windows=tuple(mapped))
            for finding in memory_type_findings(judged, view.context.release, normal):
                yield finding._replace(node=partial.node.path, prop=prop)


def _is_mapped(view: View, host_span: Span) -> bool:
    """Whether any of the bytes are mapped."""
    return any(span.overlaps(host_span) for span in view.host_spans)


CHECKS: tuple[Check, ...] = (dma, device_memory)
