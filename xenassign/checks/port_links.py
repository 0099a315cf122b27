"""Graph links: a port whose other end stays with the host is cut.

``remote-endpoint`` joins two endpoints (dt-schema graph.yaml). An endpoint whose partner the guest
does not have is left out, and with it the port and the group of ports that hold nothing else:
an endpoint without a partner makes drivers wait for a device that never comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree

_GROUPS = ("ports", "in-ports", "out-ports")


def cut_links(tree: Tree, members: Collection[Node]) -> tuple[tuple[Node, ...], frozenset[Node]]:
    """(the endpoints that are cut, all nodes to leave out) of the nodes of a domain."""
    partners = dict(_links(tree, members))
    cut: dict[Node, None] = {}
    while True:  # an endpoint may name one that is cut itself
        more = {
            node: None
            for node, partner in partners.items()
            if node not in cut and (partner not in members or partner in cut)
        }
        if not more:
            break
        cut |= more
    out = set(cut)
    for names in (("port",), _GROUPS):
        for holder in dict.fromkeys(node.parent for node in members if node in out):
            if holder is None or holder not in members or holder.base_name not in names:
                continue
            if all(child in out for child in holder.children.values() if child in members):
                out.add(holder)
    return tuple(cut), frozenset(out)


def _links(tree: Tree, members: Iterable[Node]) -> Iterator[tuple[Node, Node | None]]:
    """Each endpoint and the node at its other end, None where it names nothing."""
    for node in members:
        prop = node.get("remote-endpoint")
        group = property_references(tree, node, prop) if prop else None
        if group is not None:
            yield node, group.entries[0].provider if group.entries else None
