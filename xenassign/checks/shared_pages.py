"""Shared pages: Xen maps whole pages, and whatever else is in them is handed over with a device.

Asked of a plan's devices and of those that a partial device tree assigns. All addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.tree import Node
from xenassign.findings import rule
from xenassign.host.neighbours import Neighbours

SHARED_PAGE = rule("XA201", "page-shared", "error", "unsafe")
SHARED_ALLOWED = rule("XA202", "page-shared-allowed", "warning", "unsafe")


class SharedPage(NamedTuple):
    """A node of the host in a page of an assigned device. ``page``: the first such address."""

    node: Node
    page: int
    text: str


def shared_pages(
    scope: Scope,
    neighbours: Neighbours,
    blocks: Iterable[Block],
    own: Collection[Node] = frozenset(),
) -> Iterator[SharedPage]:
    """The host's nodes in the pages of the blocks of an assigned device, one a block and node.

    Those that are assigned with it, or to another domain, are left out, and so are those of
    ``own``: the nodes whose pages the domain has without the node, as regions.
    """
    for block in blocks:
        for other, node in neighbours.overlapping(block.pages) if block.size else ():
            same = other.span.overlaps(block.span)
            if not scope.stays_with_host(node) or node in own or not other.size:
                continue
            if same and not node.available:
                continue  # a disabled node at the same registers describes them in another way
            page = max(block.pages.start, other.pages.start)
            text = "the same registers" if same else f"page {page:#x}"
            yield SharedPage(node, page, text if node.available else f"{text}, disabled")


def sharing_message(path: str, others: Mapping[str, str]) -> str:
    """What a device shares pages with. ``others``: by host path what is shared."""
    names = ", ".join(f"{other} ({text})" for other, text in others.items())
    verb = "is" if len(others) == 1 else "are"
    return f"{path} shares pages with {names}, which {verb} not assigned"
