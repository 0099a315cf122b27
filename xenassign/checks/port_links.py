"""Graph links: an endpoint is left out if its partner stays with the host.

``remote-endpoint`` connects two endpoints (dt-schema graph.yaml). An endpoint whose partner the
guest does not have is left out, with the port and the group of ports that have nothing else: a
driver would wait for the device of the missing partner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.references import property_references

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node, Tree

_GROUPS = ("ports", "in-ports", "out-ports")


def cut_links(tree: Tree, members: Collection[Node]) -> tuple[tuple[Node, ...], frozenset[Node]]:
    """(endpoints without a partner, all nodes to leave out with them) of the nodes of a domain."""
    partners = dict(_links(tree, members))
    cut: dict[Node, None] = {}
    while True:  # an endpoint may name one that is cut itself
        cut_now = {
            node: None
            for node, partner in partners.items()
            if node not in cut and (partner not in members or partner in cut)
        }
        if not cut_now:
            break
        cut |= cut_now
    left_out = set(cut)
    for names in (("port",), _GROUPS):
        for holder in dict.fromkeys(node.parent for node in members if node in left_out):
            if holder is None or holder not in members or holder.base_name not in names:
                continue
            if all(child in left_out for child in holder.children.values() if child in members):
                left_out.add(holder)
    return tuple(cut), frozenset(left_out)


def _links(tree: Tree, members: Iterable[Node]) -> Iterator[tuple[Node, Node | None]]:
    """(endpoint, its partner) of each endpoint; None if it names no node."""
    for node in members:
        prop = node.get("remote-endpoint")
        group = property_references(tree, node, prop) if prop else None
        if group is not None:
            yield node, group.entries[0].provider if group.entries else None
