"""Who else is there: which nodes of a board use a page of registers, a line, or a supplier."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.interrupts import interrupts
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Node
from xenassign.host.device import is_simple_bus
from xenassign.host.gic import GicInterrupt, decode
from xenassign.host.platform import Platform


class Neighbours(NamedTuple):
    """The register blocks of all nodes by address, the lines of all nodes by INTID, and by id() of
    a node the (property, node) of everyone available who names it by phandle.

    A block counts when its node has ``compatible``; the window that a bus states as its own
    ``reg`` does not. ``blocks`` are sorted; ``starts`` are their addresses, and ``reach`` says for
    each the highest end of it and all before, so that looking up a page stays quick. The few huge
    blocks are kept apart, or every look-up would walk back to them.
    """

    starts: list[int]
    reach: list[int]
    blocks: list[tuple[Block, Node]]
    huge: list[tuple[Block, Node]]
    lines: dict[int, list[tuple[GicInterrupt, Node]]]
    consumers: dict[int, list[tuple[str, Node]]]

    def overlapping(self, address: int, size: int) -> Iterator[tuple[Block, Node]]:
        """The blocks that touch a range of processor-physical bytes."""
        last = bisect_left(self.starts, address + size)
        first = last
        while first and self.reach[first - 1] > address:
            first -= 1
        for block, node in (*self.huge, *self.blocks[first:last]):
            if block.address < address + size and address < block.end:
                yield block, node


_HUGE = 1 << 24  # bytes


def neighbours(platform: Platform) -> Neighbours:
    """Builds the index in one pass over the tree."""
    blocks: list[tuple[Block, Node]] = []
    huge: list[tuple[Block, Node]] = []
    lines: dict[int, list[tuple[GicInterrupt, Node]]] = defaultdict(list)
    consumers: dict[int, list[tuple[str, Node]]] = defaultdict(list)
    gic = platform.gic.node if platform.gic else None
    for node in platform.tree.nodes():
        if node.has("reg") and node.has("compatible") and not is_simple_bus(node):
            for block in registers(node).blocks:
                (huge if block.size > _HUGE else blocks).append((block, node))
        if node.has("interrupts") or node.has("interrupts-extended"):
            for line in interrupts(platform.tree, node).entries:
                decoded = decode(line.index, line.specifier) if line.controller is gic else None
                if decoded is not None:
                    lines[decoded.intid].append((decoded, node))
                elif node.available and line.first is not gic:
                    consumers[id(line.first)].append(("interrupts", node))
        if node.available and node.has("compatible"):
            for group in references(platform.tree, node):
                for reference in group.entries if group.rule.kind != "interrupt" else ():
                    consumers[id(reference.provider)].append((group.prop, node))
    blocks.sort(key=lambda entry: entry[0].address)
    return Neighbours(
        starts=[block.address for block, _ in blocks],
        blocks=blocks,
        reach=list(accumulate((block.end for block, _ in blocks), max)),
        huge=huge,
        lines=dict(lines),
        consumers=dict(consumers),
    )
