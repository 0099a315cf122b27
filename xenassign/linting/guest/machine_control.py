"""Rules about devices that rule over the machine: those of plans, for what files assign."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.machine_control import SERVES_HOST, control, machine_control_findings
from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.scope import domain_scope
from xenassign.devicetree.spans import covered, merged
from xenassign.findings import Finding
from xenassign.formats.xlcfg import XlConfig
from xenassign.host.neighbours import neighbours
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domcfg import requests_scmi
from xenassign.linting.verdict.mappings import MappingEntry
from xenassign.xen.board import Board
from xenassign.xen.sci import SHMEM
from xenassign.xen.xlvalues import page_range


def machine_control(view: View) -> Iterator[Finding]:
    """Devices that rule over the machine, supply others, or can reset the machine."""
    board, inside = view.board, view.scope
    if board is None or inside is None:
        return
    for partial, host in view.assigned:
        if kept_by_xen(board, host.node) is None:
            for finding in machine_control_findings(board, inside, host, {}):
                if finding.rule is not SERVES_HOST:
                    yield finding._replace(node=partial.node.path, prop="xen,path", own_fix=None)


def in_iomem(config: XlConfig, context: Context, view: View | None) -> Iterator[Finding]:
    """Devices that rule over the machine in the pages of iomem, besides those that the tree of a
    ``view`` assigns, and their neighbours in a page (XA201).
    """
    platform, iommus = context.platform, context.iommus
    if platform is None or iommus is None:
        return
    board = Board(platform, neighbours(platform), iommus)
    scope = view.scope if view is not None else None
    scope = scope or domain_scope(platform, ())
    own = [span for _, host in view.assigned for span in view.pages_of(host)] if view else []
    scmi = requests_scmi(config, context.release)  # which requires the shared memory
    assigned, judged = merged(own), set(scope.members)
    for atom in config.texts("iomem"):
        pages = page_range(atom.text)
        span = MappingEntry.of_iomem(pages).host_span if pages is not None else None
        for block, node in board.neighbours.overlapping(span) if span is not None else ():
            if node in judged or not node.available or kept_by_xen(board, node) is not None:
                continue
            judged.add(node)
            ruled = control(board, scope, node)
            shared = scmi and any(SHMEM in part.compatible for part in node.walk())
            if ruled.refused and not shared and not covered(block.pages, assigned):
                at = config.place(atom)
                yield ruled.rule(ruled.message, prop="iomem", place=at, routes=XL)


CHECKS: tuple[Check, ...] = (machine_control,)
