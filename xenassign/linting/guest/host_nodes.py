"""Which node of the host a node of the guest is, if it has no ``xen,path``.

xl reads no ``xen,path``: dom.cfg passes pages, interrupts and IOMMU streams, and the partial tree
only describes them (the form of Xen's docs/misc/arm/passthrough.txt). What ties a node of it to the
host's are the host registers that iomem maps to its ``reg``, the paths of dtdev, and its INTIDs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from xenassign.checks.regions import is_shared_memory
from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.spans import Intervals, Span, covered, merged
from xenassign.devicetree.tree import Node, Tree
from xenassign.formats.xlcfg import XlConfig
from xenassign.linting.guest.guest_lines import GuestGic, guest_intids
from xenassign.linting.verdict.mappings import MappingEntry, iomem_ranges
from xenassign.xen.releases import Release

if TYPE_CHECKING:
    from xenassign.host.device import HostDevice
    from xenassign.xen.board import Board


class Tie(NamedTuple):
    """The host device of a guest's node.

    ``others``: the nodes of the host that fit as well. ``foreign``: the register blocks of the
    guest's node to which iomem maps other pages than the device's, each with the host address.
    ``mapped``: whether the registers tie it.
    """

    host: HostDevice
    others: tuple[Node, ...] = ()
    foreign: tuple[tuple[Block, int], ...] = ()
    mapped: bool = False


class GuestNodes(NamedTuple):
    """A guest's nodes that are to be tied, and how they name the guest's GIC."""

    tree: Tree
    nodes: Sequence[Node]
    gic: GuestGic


def ties(
    guest: GuestNodes, config: XlConfig, board: Board, marked: frozenset[str]
) -> dict[Node, Tie]:
    """The host device of each of the guest's nodes for which there is one.

    What speaks for a device: dtdev lists it, iomem maps its registers to the node's, it has one of
    the node's INTIDs, it has a ``compatible`` of the node. The one for which most speaks is taken;
    where as much speaks for two, this order decides.
    """
    return dict(_Ties(guest, config, board, marked).tied())


def iomem(config: XlConfig, release: Release) -> list[MappingEntry]:
    """The ranges of iomem in bytes; xl of the release refuses the other entries."""
    ranges = iomem_ranges(config, release)
    return [MappingEntry.of_iomem(pages) for _, pages in ranges if pages.pages]


def dtdev(config: XlConfig, tree: Tree) -> list[Node]:
    """The nodes of the host that dtdev lists."""
    return [*filter(None, (tree.find_as_xen(atom.text) for atom in config.texts("dtdev")))]


class _Ties:
    def __init__(
        self, guest: GuestNodes, config: XlConfig, board: Board, marked: frozenset[str]
    ) -> None:
        self._guest, self._board, self._marked = guest, board, marked
        self._mappings = iomem(config, board.iommus.release)
        self._mapped = Intervals(entry.guest_span for entry in self._mappings)
        self._dtdev = frozenset(dtdev(config, board.platform.tree))
        self._intids = {node: guest_intids(guest.tree, node, guest.gic) for node in guest.nodes}

    def tied(self) -> Iterator[tuple[Node, Tie]]:
        untied: list[Node] = []
        left = dict.fromkeys(sorted(self._dtdev, key=lambda host: host.offset))
        for node in self._guest.nodes:
            mapped = Counter(host for block in _blocks(node) for host in self._at(block))
            if mapped:
                alike = (host for host in self._dtdev if _alike(node, host))
                tie = self._tie(node, [*mapped, *self._of_lines(node), *alike], mapped)
                left.pop(tie.host.node, None)
                yield node, tie
            elif self._intids[node] or _blocks(node):
                untied.append(node)
        alone = len(untied) == len(left) == 1
        for node in untied:
            of_lines = [*self._of_lines(node)]
            listed = [h for h in left if alone or _alike(node, h) or h in of_lines]
            if listed or of_lines:
                yield node, self._tie(node, listed or of_lines, Counter())

    def _mapped_to(self, block: Block) -> Iterator[Span]:
        """The host addresses that iomem maps to a block, one span for each entry of iomem."""
        for number in self._mapped.overlapping(block.span):
            entry = self._mappings[number]
            part = entry.guest_span.common(block.span)
            yield part.moved(part.start - entry.guest + entry.host)

    def _at(self, block: Block) -> list[Node]:
        """The devices whose registers iomem maps to a block: those that begin there, else all."""
        hosts: dict[Node, bool] = {}  # whether its registers begin where the block does
        for span in self._mapped_to(block):
            for own, host in self._board.neighbours.overlapping(span):
                if own.size and not is_shared_memory(host):
                    exact = own.address == span.start
                    hosts[host] = hosts.get(host, False) or exact
        return [host for host, exact in hosts.items() if exact] or [*hosts]

    def _of_lines(self, node: Node) -> Iterator[Node]:
        """The devices with one of the interrupts of a guest's node."""
        lines = self._board.neighbours.lines
        return (host for intid in self._intids[node] for _, host in lines.get(intid, ()))

    def _tie(self, node: Node, candidates: Iterable[Node], mapped: Counter[Node]) -> Tie:
        """The tie to the host node for which most speaks. ``mapped``: its number of blocks."""
        from xenassign.host.device import read_device
        from xenassign.xen.dom0 import is_marked

        of_lines = {*self._of_lines(node)}

        def evidence(host: Node) -> tuple[int, ...]:
            signs = (host in self._dtdev, mapped[host] > 0, host in of_lines, _alike(node, host))
            likely = (is_marked(host, self._marked), host.available)
            return sum(signs), mapped[host], *signs, *likely

        ranked = {host: evidence(host) for host in candidates}
        first = max(ranked, key=lambda host: ranked[host])
        others = [host for host, e in ranked.items() if e == ranked[first] and host is not first]
        pages = merged(block.pages for part in first.walk() for block in _blocks(part))
        foreign = [
            (block, span.start)
            for block in _blocks(node)
            for span in [*self._mapped_to(block)][:1]
            if pages and not covered(Span.sized(span.start, 1), pages)
        ]
        device = read_device(self._board.platform, first)
        return Tie(device, tuple(others), tuple(foreign), mapped[first] > 0)


def _alike(node: Node, host: Node) -> bool:
    """Whether a driver of one may bind to the other."""
    return not set(node.compatible).isdisjoint(host.compatible)


def _blocks(node: Node) -> tuple[Block, ...]:
    return registers(node).blocks if node.has("reg") else ()
