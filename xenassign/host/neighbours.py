"""An index of a board: the nodes that use a page of registers, an interrupt, or a supplier."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from xenassign.devicetree.addresses import Block, is_pci, registers
from xenassign.devicetree.interrupts import interrupts
from xenassign.devicetree.references import INTERRUPT_TREE, Reference, References, references
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.device import HostDevice, block_of, is_simple_bus, read_device
from xenassign.host.gic import GicInterrupt, decode
from xenassign.host.platform import SMMU_V2, Platform, read_platform


class Streams(NamedTuple):
    """Stream IDs: ``size`` of them from ``first`` on; the bits of ``mask`` have any value."""

    first: int
    mask: int = 0
    size: int = 1

    def overlap(self, other: Streams) -> bool:
        """Whether an ID is in both. A mask and a range together are compared as ranges."""
        if self.size == other.size == 1:
            return not (self.first ^ other.first) & ~(self.mask | other.mask)
        return self.low <= other.high and other.low <= self.high

    def common(self, other: Streams) -> int | None:
        """An ID that is in both, or None."""
        if not self.overlap(other):
            return None
        if self.size == other.size == 1:
            return (self.first & ~self.mask) | (other.first & self.mask)
        return max(self.low, other.low)

    @property
    def low(self) -> int:
        """The lowest ID."""
        return self.first & ~self.mask

    @property
    def high(self) -> int:
        """The highest ID."""
        return (self.first | self.mask) + self.size - 1


class Masters(NamedTuple):
    """The masters behind an IOMMU: nodes by single stream ID, and those with masks or ranges."""

    single: dict[int, list[Node]]
    wide: list[tuple[Streams, Node]]

    def add(self, streams: Streams, node: Node) -> None:
        """Adds a node with some of its streams."""
        if streams.mask or streams.size > 1:
            self.wide.append((streams, node))
        else:
            self.single.setdefault(streams.first, []).append(node)

    def sharing(self, streams: Streams) -> Iterator[Node]:
        """The nodes that have a stream in common with these."""
        if streams.mask or streams.size > 1:
            for first, nodes in self.single.items():
                if streams.overlap(Streams(first)):
                    yield from nodes
        else:
            yield from self.single.get(streams.first, ())
        yield from (node for other, node in self.wide if streams.overlap(other))


def streams(iommu: Node, args: tuple[int, ...]) -> Streams | None:
    """The streams that the arguments of an entry of ``iommus`` name; None without arguments.

    One cell: the ID (with the SMMU's own stream-match-mask); two: ID and mask (arm,smmu.yaml). An
    SMMUv1 or v2 compares the low 15 bits of each, and Xen uses only these (SMR_ID_MASK).
    """
    if not args:
        return None
    mask = args[1] if len(args) > 1 else 0
    prop = iommu.get("stream-match-mask")
    if len(args) == 1 and prop is not None and len(prop.value) == 4:
        mask = prop.u32()
    return Streams(_compared(iommu, args[0]), _compared(iommu, mask))


def _compared(iommu: Node, number: int) -> int:
    """The bits of an ID, or of a mask, that an IOMMU compares."""
    return number & _SMR_BITS if SMMU_V2.intersection(iommu.compatible) else number


#: The bits of an ID in a stream match register of an SMMUv1 or v2 (SMR_ID_MASK of Xen's smmu.c).
_SMR_BITS = 0x7FFF


def streams_of(device: HostDevice) -> Iterator[tuple[Node, Streams]]:
    """Every (IOMMU, streams) of a device's DMA, including those of ``iommu-map``."""
    for group in device.suppliers:
        for reference in group.entries:
            own = _streams_of(reference)
            if own is not None and reference.provider is not None:
                yield reference.provider, own
    for use in device.iommus:
        if use.legacy and use.node is not None:
            yield from ((use.node, Streams(stream)) for stream in use.args)


class Neighbours(NamedTuple):
    """The index. ``blocks`` are those of all nodes with ``compatible``, and of their parts without,
    sorted by address, without the windows that a bus states as its own ``reg``, and with those of
    one node that overlap as one; ``lines`` the interrupts of nodes by INTID; ``consumers`` by
    provider the (property, node) of available nodes that name it by phandle, parts of devices (a
    key of gpio-keys) included, and ``users`` those of them above which nothing is disabled;
    ``streams`` by IOMMU the streams of available nodes behind the IOMMU; ``nexuses`` the nodes with
    an interrupt-map; ``windows`` the windows of enabled PCI hosts, where the PCI devices are.

    ``starts`` are the addresses of ``blocks``, and ``reach`` has for each the highest end of it and
    all before, so that looking up a page is fast. Blocks of more than 16 MiB are in ``huge``, or
    every look-up would walk back to them.
    """

    starts: list[int]
    reach: list[int]
    blocks: list[tuple[Block, Node]]
    huge: list[tuple[Block, Node]]
    lines: dict[int, list[tuple[GicInterrupt, Node]]]
    consumers: dict[Node, list[tuple[str, Node]]]
    users: dict[Node, list[tuple[str, Node]]]
    streams: dict[Node, Masters]
    nexuses: tuple[Node, ...]
    windows: tuple[tuple[Block, Node], ...]

    def overlapping(self, span: Span) -> Iterator[tuple[Block, Node]]:
        """The blocks that have a part of a span of processor-physical bytes."""
        last = bisect_left(self.starts, span.end)
        first = last
        while first and self.reach[first - 1] > span.start:
            first -= 1
        for block, node in (*self.huge, *self.blocks[first:last]):
            if block.span.overlaps(span):
                yield block, node


_HUGE = 1 << 24  # bytes


def neighbours(platform: Platform) -> Neighbours:
    """The index of a board's tree, which is built once."""
    return platform.tree.once(_index, platform.tree.root)


def _joined(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """The blocks of a node, with those that overlap as one, so that it is looked up once.

    An empty block stays: it marks where it is.
    """
    last: Block | None = None
    for block in sorted(blocks, key=lambda block: block.address):
        if last is not None and last.size and block.size and block.address < last.end:
            end = max(last.end, block.end)
            last = Block(last.address, end - last.address, last.index)
            continue
        if last is not None:
            yield last
        last = block
    if last is not None:
        yield last


def _index(tree: Tree, _: Node) -> Neighbours:
    """Builds the index in one pass over the tree."""
    platform = read_platform(tree)
    blocks: list[tuple[Block, Node]] = []
    huge: list[tuple[Block, Node]] = []
    lines: dict[int, list[tuple[GicInterrupt, Node]]] = defaultdict(list)
    consumers: dict[Node, list[tuple[str, Node]]] = defaultdict(list)
    masters: dict[Node, Masters] = defaultdict(lambda: Masters({}, []))
    gic = platform.gic.node if platform.gic else None
    for node in platform.tree.nodes():
        if node.has("reg") and block_of(node).has("compatible") and not is_simple_bus(node):
            for block in _joined(registers(node).blocks):
                (huge if block.size > _HUGE else blocks).append((block, node))
        if node.has("interrupts") or node.has("interrupts-extended"):
            for line in interrupts(platform.tree, node).entries:
                decoded = decode(line.index, line.specifier) if line.controller is gic else None
                if decoded is not None:
                    lines[decoded.intid].append((decoded, node))
                elif node.available and line.first is not gic:
                    consumers[line.first].append(("interrupts", node))
        if node.available:
            for reference, provider in _references(platform, node):
                consumers[provider].append((reference.prop, node))
                own = _streams_of(reference)
                if own is not None:
                    masters[provider].add(own, node)
            for iommu, ids in platform.masters.get(node, ()):
                for stream in ids:
                    masters[iommu.node].add(Streams(stream), node)
    blocks.sort(key=lambda entry: entry[0].address)
    return Neighbours(
        starts=[block.address for block, _ in blocks],
        reach=list(accumulate((block.end for block, _ in blocks), max)),
        blocks=blocks,
        huge=huge,
        lines=dict(lines),
        consumers=dict(consumers),
        users=_enabled(platform.tree, consumers),
        streams=dict(masters),
        nexuses=tuple(node for node in platform.tree.nodes() if node.has("interrupt-map")),
        windows=tuple(_windows(platform)),
    )


def _windows(platform: Platform) -> Iterator[tuple[Block, Node]]:
    for node in platform.tree.nodes():
        if is_pci(node) and node.enabled:
            yield from ((block, node) for block in read_device(platform, node).windows)


def _enabled(
    tree: Tree, consumers: dict[Node, list[tuple[str, Node]]]
) -> dict[Node, list[tuple[str, Node]]]:
    """The consumers that are available as all nodes above them are."""
    enabled: set[Node] = set()
    for node in tree.nodes():
        if node.available and (node.parent is None or node.parent in enabled):
            enabled.add(node)
    return {
        provider: [use for use in uses if use[1] in enabled] for provider, uses in consumers.items()
    }


def _references(platform: Platform, node: Node) -> Iterator[tuple[Reference, Node]]:
    """The references of a node that name a node, with the node, except interrupts."""
    for group in references(platform.tree, node):
        if group.prop not in INTERRUPT_TREE and _is_use(node, group):
            for reference in group.entries:
                if reference.provider is not None:
                    yield reference, reference.provider


def _is_use(node: Node, group: References) -> bool:
    """Whether a property says that the node uses what it names.

    In a node without compatible, a part of another (a key, a thermal zone, a link of a sound card),
    some only describe: endpoints, CPUs of a map, operating points, what cools a zone, and the
    clocks of a sound card's link, which are those of its codec. An IOMMU with ``mmu-masters`` lists
    whom it serves.
    """
    if group.prop == "mmu-masters":
        return False
    if node.has("compatible"):
        return True
    if group.rule.kind in ("cpu", "graph", "opp") or group.prop in ("cooling-device", "trip"):
        return False
    return group.prop == "sound-dai" or not node.has("sound-dai")


def _streams_of(reference: Reference) -> Streams | None:
    """The streams of an entry of ``iommus`` or ``iommu-map``."""
    iommu = reference.provider
    if iommu is None or not reference.args:
        return None
    if reference.prop == "iommu-map" and len(reference.args) == 1:
        return Streams(_compared(iommu, reference.args[0]), size=max(*reference.trail, 1))
    if reference.prop in ("iommus", "iommu-map"):  # an entry of a map with a mask is of one ID
        return streams(iommu, reference.args)
    return None
