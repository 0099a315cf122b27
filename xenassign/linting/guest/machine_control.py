"""Rules about devices that rule over the machine: those of plans, for what files assign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign.checks.machine_control import (
    SERVES_HOST,
    Control,
    control,
    machine_control_findings,
)
from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.scope import domain_scope
from xenassign.devicetree.spans import Span, covered, merged
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domcfg import requests_scmi
from xenassign.linting.verdict.mappings import MappingEntry
from xenassign.xen.board import Board
from xenassign.xen.sci import COMPATIBLE, SHMEM, shared_memory
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
                    yield finding._replace(node=partial.node.path, prop=partial.prop, own_fix=None)


def without_path(view: View) -> Iterator[Finding]:
    """Devices that rule over the machine in the pages of a xen,reg without xen,path.

    Xen maps these without asking what is there. XA216 is about a xen,reg with xen,path, and the
    memory of a guest's own SCMI channel is required.
    """
    if view.board is None:
        return
    mapped = _Mapped(view.board, view)
    channels = set(_channels(view)) if view.context.release.scmi_smc else set()
    for partial in view.nodes:
        if partial.path is None and partial.node not in channels:
            path = partial.node.path
            for ruled in mapped.rulers(entry.host_span for entry in partial.entries):
                message = f"{path}: {ruled.message}"
                yield ruled.rule(message, node=path, prop="xen,reg", routes=DOM0LESS)


def _channels(view: View) -> Iterator[Node]:
    """The shared memory of the guest's SCMI nodes."""
    for node in view.copied:
        if COMPATIBLE in node.compatible:
            yield from shared_memory(view.tree, node)


def in_iomem(config: XlConfig, context: Context, view: View | None) -> Iterator[Finding]:
    """Devices that rule over the machine in the pages of iomem, besides those that the tree of a
    ``view`` assigns, and their neighbours in a page (XA201).
    """
    board = context.board
    if board is None:
        return
    mapped = _Mapped(board, view)
    scmi = requests_scmi(config, context.release)  # which requires the shared memory
    for atom in config.texts("iomem"):
        pages = page_range(atom.text)
        spans = () if pages is None else (MappingEntry.of_iomem(pages).host_span,)
        for ruled in mapped.rulers(spans):
            if not (scmi and any(SHMEM in part.compatible for part in ruled.node.walk())):
                yield ruled.rule(ruled.message, prop="iomem", place=config.place(atom), routes=XL)


class _Mapped:
    """What is mapped to a guest besides the devices that its tree assigns, if it has one.

    Each device is judged once.
    """

    def __init__(self, board: Board, view: View | None) -> None:
        scope = view.scope if view is not None else None
        own = (view.pages_of(host) for _, host in view.assigned) if view is not None else ()
        self._board, self._scope = board, scope or domain_scope(board.platform, ())
        self._assigned = merged(span for pages in own for span in pages)
        self._judged = set(self._scope.members)

    def rulers(self, spans: Iterable[Span]) -> Iterator[Control]:
        """The devices in host memory (bytes) that rule over the machine."""
        overlapping = self._board.neighbours.overlapping
        for block, node in (pair for span in spans for pair in overlapping(span)):
            if node in self._judged or not node.available or kept_by_xen(self._board, node):
                continue
            self._judged.add(node)
            ruled = control(self._board, self._scope, node)
            if ruled.refused and not covered(block.pages, self._assigned):
                yield ruled


CHECKS: tuple[Check, ...] = (machine_control, without_path)
