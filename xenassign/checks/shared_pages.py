"""Shared pages: Xen maps whole pages, so the guest gets whatever else is in them.

For the devices of a plan and for those that a partial device tree assigns. Addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from xenassign.findings import rule
from xenassign.host.device import block_of
from xenassign.host.machine_control import machine_control
from xenassign.host.platform import is_kept_iommu

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.addresses import Block
    from xenassign.devicetree.tree import Node
    from xenassign.host.neighbours import Neighbours

SHARED_PAGE = rule("XA201", "page-shared", "error", "unsafe")
SHARED_ALLOWED = rule("XA202", "page-shared-allowed", "warning", "unsafe")


class SharedPage(NamedTuple):
    """A node of the host in a page of an assigned device.

    ``page``: address of the first shared page. ``text``: what is shared, for a message. ``same``:
    they are the same registers.
    """

    node: Node
    page: int
    text: str
    same: bool


def shared_pages(
    scope: Scope,
    neighbours: Neighbours,
    blocks: Iterable[Block],
    own: Collection[Node] = frozenset(),
) -> Iterator[SharedPage]:
    """The host's nodes in the pages of the blocks of an assigned device, once for each block.

    Nodes that are assigned with it or to another domain are left out, and so are those of ``own``:
    the nodes whose pages the domain gets as regions. What rules over the machine is not left out
    for being disabled.
    """
    for block in blocks:
        for other, node in neighbours.overlapping(block.pages) if block.size else ():
            same = other.span.overlaps(block.span)
            foreign = scope.stays_with_host(node) or (scope.leaves_out(node) and _rules(node))
            if not foreign or node in own or not other.size:
                continue
            if same and not node.available and not _rules(node):
                continue  # a disabled node at the same registers is another description of them
            if _message_address(block, other, node):
                continue
            page = max(block.pages.start, other.pages.start)
            text = "the same registers" if same else f"page {page:#x}"
            text = text if node.available else f"{text}, disabled"
            yield SharedPage(node, page, text, same)
        yield from _pci_windows(scope, neighbours, block)


def _pci_windows(scope: Scope, neighbours: Neighbours, block: Block) -> Iterator[SharedPage]:
    """The PCI hosts that stay with the host, whose devices may be in the pages of a block."""
    for window, node in neighbours.windows if block.size else ():
        if window.pages.overlaps(block.pages) and scope.stays_with_host(node):
            page = max(block.pages.start, window.pages.start)
            yield SharedPage(node, page, "a window of PCI", same=False)


def _message_address(block: Block, other: Block, node: Node) -> bool:
    """Whether a block is the address of messages that two MSI controllers state alike.

    It is where PCI devices write to, through the host that catches the writes, and no registers.
    Source: bindings/interrupt-controller/brcm,bcm2712-msix.yaml (the second entry of reg).
    """
    return block.index > 0 and other.span == block.span and node.has("msi-controller")


def _rules(node: Node) -> bool:
    """Whether a node rules over the machine, also where the tree disables it."""
    if is_kept_iommu(node):
        return True
    known = machine_control(block_of(node).compatible)
    return known is not None and known.level == "control"


#: As many neighbours of a device are looked at, so that the time is linear where a page has
#: thousands of nodes.
MOST = 32


def sharing_message(path: str, others: Mapping[Node, str]) -> str:
    """That a device shares pages. ``others``: what is shared, by the other node of the host; if
    they are more than ``MOST``, not all of them.
    """
    groups = (
        f"{', '.join(node.path for node, _ in several)} ({text})"
        for text, several in groupby(others.items(), key=lambda item: item[1])
    )
    names = ", ".join(groups)
    if len(others) > MOST:
        names = f"more than {MOST} nodes, for example {next(iter(others)).path}"
    verb = "is" if len(others) == 1 else "are"
    return f"{path} shares pages with {names}, which {verb} not assigned"
