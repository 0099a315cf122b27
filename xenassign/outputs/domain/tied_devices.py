"""The devices that a dom.cfg in the long form assigns without naming them.

xl assigns pages and interrupts. Which device of the board they are follows from the guest's tree,
as the lint ties its nodes to the host's, and without such a tree from the pages of iomem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from xenassign.checks.regions import is_shared_memory
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.errors import ContradictionError, UsageError
from xenassign.findings import some
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.cfg_irqs import corrected_intid
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.mappings import iomem_ranges
from xenassign.request.resolve import Resolved, ResolvedSystem
from xenassign.xen.board import Board, read_board


def with_tied_devices(resolved: ResolvedSystem) -> ResolvedSystem:
    """The request; domains in a short or long form have all devices that their files assign.

    Raises ContradictionError for pages of several devices, UsageError if there is no device.
    """
    domains = tuple(_with_devices(domain, resolved) for domain in resolved.domains)
    return resolved._replace(domains=domains)


def _with_devices(domain: Resolved, system: ResolvedSystem) -> Resolved:
    request, base = domain.request, domain.request.base
    if base is None or not request.follows:
        return domain
    board = read_board(system.platform, request.release, request.drivers)
    devices = dict(domain.devices)
    tied = _of_pages(base, board, devices)
    if request.partial is not None:
        context = Context(request.release, board)
        assigned = View(request.partial.tree, context, base).assigned
        tied = iter([host.node for _, host in assigned])
    for node in tied:
        if devices.keys().isdisjoint(node.lineage()):
            devices[node] = node.path
    if not devices:
        raise UsageError(
            f"{base.file}: lists no device in dtdev, and passes nothing that is one of"
            f" {system.platform.tree.file}; list the devices of the guest in dtdev"
        )
    return domain._replace(devices=devices)


def _of_pages(base: XlConfig, board: Board, devices: Collection[Node]) -> Iterator[Node]:
    """The devices whose registers begin in pages of iomem that no listed device has."""
    intids = {corrected_intid(atom) for atom in base.texts("irqs")}
    with_line = {
        node for number in intids for _, node in board.neighbours.lines.get(number or -1, ())
    }
    for atom, pages in iomem_ranges(base, board.iommus.release):
        span = Span.sized(pages.mfn * PAGE_SIZE, pages.pages * PAGE_SIZE)
        blocks = board.neighbours.overlapping(span)
        inside = dict.fromkeys(
            node for own, node in blocks if own.size and span.covers(Span.sized(own.address, 1))
        )
        nodes = [node for node in inside if not is_shared_memory(node)]
        if not nodes or any(above in devices for node in nodes for above in node.lineage()):
            continue
        likely = [node for node in nodes if node in with_line] or nodes
        if len(likely) > 1 and not all(likely[0] in node.lineage() for node in likely):
            raise ContradictionError(
                f"{base.place(atom)}: iomem: {atom.text} has registers of"
                f" {some(node.path for node in likely)}; list those of the guest in dtdev"
            )
        yield likely[0]
