"""Graph links: a port whose other end stays with the host is cut.

``remote-endpoint`` joins two endpoints (dt-schema graph.yaml). An endpoint whose partner the guest
does not have is left out, and with it the port and the group of ports that hold nothing else:
an endpoint without a partner makes drivers wait for a device that never comes.
"""

from __future__ import annotations

from collections.abc import Mapping

from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree

_GROUPS = ("ports", "in-ports", "out-ports")


def cut_links(tree: Tree, members: Mapping[int, Node]) -> tuple[tuple[Node, ...], frozenset[int]]:
    """(the endpoints that are cut, id() of all nodes to leave out) of the nodes of a domain."""
    partners = {key: _partner(tree, node) for key, node in members.items()}
    joined = {key: partner for key, partner in partners.items() if partner is not _NONE}
    cut: dict[int, Node] = {}
    while True:  # an endpoint may name one that is cut itself
        more = {
            key: members[key]
            for key, partner in joined.items()
            if key not in cut and (partner not in members or partner in cut)
        }
        if not more:
            break
        cut |= more
    out = set(cut)
    for names in (("port",), _GROUPS):
        holders = {id(n.parent): n.parent for k, n in members.items() if k in out and n.parent}
        for key, holder in holders.items():
            inside = [child for child in holder.children.values() if id(child) in members]
            if key in members and holder.base_name in names and all(id(c) in out for c in inside):
                out.add(key)
    return tuple(cut.values()), frozenset(out)


_NONE = -1


def _partner(tree: Tree, node: Node) -> int | None:
    """id() of the node at the other end; None where it names nothing, _NONE without a link."""
    prop = node.get("remote-endpoint")
    group = property_references(tree, node, prop) if prop else None
    if group is None:
        return _NONE
    provider = group.entries[0].provider if group.entries else None
    return id(provider) if provider is not None else None
