"""Rules about the devices in the pages that a guest gets without a node that names them.

Xen and xl map the pages of iomem, and of a ``xen,reg`` without ``xen,path``, without asking what is
there: a device that rules over the machine, that dom0's driver uses, or that masters DMA.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from xenassign.checks.machine_control import control
from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.protection import (
    FORCED_MASTER,
    MASTER_FORCED,
    dma_in_scope,
    not_protected,
)
from xenassign.checks.regions import is_shared_memory
from xenassign.checks.scope import domain_scope
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Span, covered, merged
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.device import read_device
from xenassign.linting.guest.cfg_additions import CfgAdditions
from xenassign.linting.guest.config_and_tree import NOT_IN_DTDEV, OFF_BY_32
from xenassign.linting.guest.host_nodes import dtdev
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.cfg_irqs import corrected_intid
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.dom0less_host import DOM0_DRIVES_DEVICE
from xenassign.linting.verdict.domcfg import agent_memory, requests_scmi
from xenassign.linting.verdict.mappings import iomem_ranges
from xenassign.xen.board import Board
from xenassign.xen.dom0 import is_marked
from xenassign.xen.iommu import protection
from xenassign.xen.releases import SPI_FIRST_INTID, Release
from xenassign.xen.sci import COMPATIBLE, SHMEM, shared_memory

NOT_IN_IRQS = rule(
    "XA341", "interrupt-not-in-irqs", "warning", "broken", routes=XL, needs_host=True
)


def without_path(view: View) -> Iterator[Finding]:
    """Devices in the pages of a xen,reg without xen,path.

    XA216 is about a xen,reg with xen,path, and the memory of a guest's own SCMI channel is
    required.
    """
    if view.board is None or view.config is not None:
        return
    mapped = _Mapped(view.board, view.context, view)
    channels = set(_channels(view)) if view.context.release.scmi_smc else set()
    for partial in view.nodes:
        if partial.path is None and partial.node not in channels:
            path = partial.node.path
            for judged in mapped.judged(entry.host_span for entry in partial.entries):
                message = f"{path}: {judged.message}"
                yield judged.rule(message, node=path, prop=partial.reg, routes=DOM0LESS)


def _channels(view: View) -> Iterator[Node]:
    """The shared memory of the guest's SCMI nodes."""
    for node in view.copied:
        if COMPATIBLE in node.compatible:
            yield from shared_memory(view.tree, node)


def in_iomem(config: XlConfig, context: Context, view: View | None) -> Iterator[Finding]:
    """Devices in the pages of iomem, besides those that a node of the guest's tree is, and their
    neighbours in a page (XA201). ``view``: that of the tree, if it is known.
    """
    board = context.board
    if board is None:
        return
    mapped = _Mapped(board, context, view, config)
    lacking = CfgAdditions(config, context)
    scmi = requests_scmi(config, context.release)  # which requires the shared memory
    own = agent_memory(config, context)
    for atom, span in _iomem(config, context.release):
        for judged in mapped.judged([span]):
            parts = [part for part in judged.node.walk() if SHMEM in part.compatible]
            if not (parts and (scmi or _is_within(parts, own))):
                at = config.place(atom)
                added = (
                    lacking.of_device(read_device(board.platform, judged.node), safe=False)
                    if judged.rule is NOT_IN_DTDEV
                    else ()
                )
                yield judged.rule(
                    judged.message, prop="iomem", place=at, routes=XL, additions=added
                )
    if view is None:
        yield from _in_irqs(config, board, mapped, lacking)


def _is_within(parts: list[Node], memory: Span | None) -> bool:
    """Whether these nodes are within a span, such as the memory of the domain's SCMI agent."""
    blocks = [block for part in parts for block in registers(part).blocks]
    return memory is not None and all(memory.covers(block.span) for block in blocks)


def _iomem(config: XlConfig, release: Release) -> Iterator[tuple[Atom, Span]]:
    """The entries of iomem with their host addresses (bytes)."""
    for atom, pages in iomem_ranges(config, release):
        yield atom, pages.host.in_bytes


def _in_irqs(
    config: XlConfig, board: Board, mapped: _Mapped, lacking: CfgAdditions
) -> Iterator[Finding]:
    """Interrupts that irqs lacks, of the devices that iomem and dtdev pass without a tree."""
    spans = (span for _, span in _iomem(config, board.iommus.release))
    nodes = {**mapped.marked(spans), **mapped.listed}
    devices = [read_device(board.platform, node) for node in nodes]
    owners = {
        line.intid: device for device in devices for line in device.interrupts if line.kind == "spi"
    }
    irqs = {corrected_intid(atom): atom for atom in config.texts("irqs")}
    missing = {intid: device for intid, device in owners.items() if intid not in irqs}
    for intid, device in missing.items():
        spi = intid - SPI_FIRST_INTID
        if spi in irqs and spi not in owners:
            message = f"{device.path} has INTID {intid}, that is SPI {spi}; irqs has {spi}"
            yield OFF_BY_32(message, prop="irqs", place=config.place(irqs[spi]))
        else:
            at = config.place(config.named("irqs")[-1]) if config.named("irqs") else None
            message = f"INTID {intid} of {device.path} is not in irqs"
            added = lacking.of_interrupt(device, intid)
            yield NOT_IN_IRQS(message, prop="irqs", place=at, additions=added)


class Judged(NamedTuple):
    """A device of the host in the pages, and the rule that it violates."""

    node: Node
    rule: Rule
    message: str


class _Mapped:
    """What is mapped to a guest besides the devices that its tree assigns, if it has one.

    Each device is judged once. ``config``: that of xl; None for dom0less.
    """

    def __init__(
        self, board: Board, context: Context, view: View | None, config: XlConfig | None = None
    ) -> None:
        scope = view.scope if view is not None else None
        own = (view.pages_of(host) for _, host in view.assigned) if view is not None else ()
        self._board, self._context = board, context
        self._assigned = merged(span for pages in own for span in pages)
        self._judged = set(scope.members if scope is not None else ())
        self._xl = config is not None
        tree = board.platform.tree
        self.listed = dict.fromkeys(dtdev(config, tree)) if config is not None else {}
        requested = scope.requested if scope is not None else frozenset()
        if config is not None:
            requested |= self._whole([span for _, span in _iomem(config, context.release)])
        inside = domain_scope(board.platform, requested)
        elsewhere = context.elsewhere - inside.members
        self._scope = replace(inside, elsewhere=elsewhere)

    def _whole(self, spans: Sequence[Span]) -> frozenset[Node]:
        """The marked devices of which host memory (bytes) has all registers.

        They are the guest's, so that it alone depends on what they supply to one another.
        """
        mapped = merged(spans)
        return frozenset(
            node
            for node in self.marked(spans)
            if all(covered(block.span, mapped) for block in registers(node).blocks)
        )

    def marked(self, spans: Iterable[Span]) -> dict[Node, None]:
        """The devices with registers in host memory (bytes) that are for guests."""
        overlapping = self._board.neighbours.overlapping
        nodes = (node for span in spans for _, node in overlapping(span))
        return {node: None for node in nodes if is_marked(node, self._context.marked)}

    def judged(self, spans: Iterable[Span]) -> Iterator[Judged]:
        """What is wrong with the devices in host memory (bytes)."""
        overlapping = self._board.neighbours.overlapping
        for span, block, node in ((s, *pair) for s in spans for pair in overlapping(s)):
            if node in self._judged or not node.available or kept_by_xen(self._board, node):
                continue
            common = block.pages.common(span)
            neighbour = not common.size or covered(common, self._assigned)
            if not neighbour:
                self._judged.add(node)
            ruled = control(self._board, self._scope, node)
            if ruled.refused:
                self._judged.add(node)
                if not covered(block.pages, self._assigned):
                    yield Judged(node, ruled.rule, ruled.message)
            elif not neighbour and not is_shared_memory(node):
                yield from self._of_dom0(node)
                yield from self._dma(node)

    def _of_dom0(self, node: Node) -> Iterator[Judged]:
        beside_dom0 = self._xl or self._context.beside_dom0
        if beside_dom0 and not is_marked(node, self._context.marked):
            message = f"these are registers of {node.path}, which is not marked"
            yield Judged(node, DOM0_DRIVES_DEVICE, message)

    def _dma(self, node: Node) -> Iterator[Judged]:
        if node in self.listed:
            return
        device = read_device(self._board.platform, node)
        shield = protection(self._board.platform, self._board.iommus, device)
        dma = dma_in_scope(self._scope, device)
        if shield.protected and self._xl:
            yield Judged(node, NOT_IN_DTDEV, f"{node.path} is not in dtdev")
        elif shield.protected and dma.answer == "yes":
            message = f"{node.path} masters DMA ({dma.evidence})"
            yield Judged(node, FORCED_MASTER, f"{message}, and no xen,path assigns its streams")
        elif dma.answer == "yes":
            direct = self._context.direct_map and not self._xl
            message = f"{not_protected(node.path, shield, dma)}; {MASTER_FORCED[direct]}"
            yield Judged(node, FORCED_MASTER, message)


CHECKS: tuple[Check, ...] = (without_path,)
