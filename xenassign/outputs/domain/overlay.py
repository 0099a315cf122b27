"""Overlays: the marks on the host's nodes, and the domain's node under /chosen."""

from __future__ import annotations

from collections.abc import Sequence

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, DraftProperty, text
from xenassign.outputs.boot import host_changes
from xenassign.planning.plan import DomainPlan


def host_marks(plan: DomainPlan) -> DraftNode:
    """NAME.host.dtbo: a fragment for each host node that changes."""
    changes = enumerate(host_changes.marks(plan))
    fragments = tuple(_changed(n, change, change in plan.added) for n, change in changes)
    return DraftNode("", (), fragments)


def _changed(number: int, change: Change, added: bool) -> DraftNode:
    """A fragment with a change. ``added``: the node is a new one of the root."""
    if not added:
        return _fragment(number, change.path, change.properties)._replace(comments=(change.why,))
    node = DraftNode(change.path.removeprefix("/"), change.properties)
    return _fragment(number, "/", (node,))._replace(comments=(change.why,))


def domain_node(plan: DomainPlan) -> DraftNode:
    """The overlay with /chosen/NAME, without its modules.

    With static memory it has the cells of /chosen too, so that no boot loader adds others to a
    /chosen without cells. Of event channels it has both ends if the other domain comes before this
    one, since only nodes of one overlay can refer to each other.
    """
    later = [end for end in plan.channels if end.later]
    node = host_changes.domain_node(plan, channels=later)
    first = _fragment(0, "/chosen", (*_cells((plan,)), node))
    more = (
        _fragment(number, f"/chosen/{end.remote}", (host_changes.channel_node(end.other(plan)),))
        for number, end in enumerate(later, 1)
    )
    return DraftNode("", (), (first, *more))


def _fragment(number: int, target: str, content: Sequence[DraftProperty | DraftNode]) -> DraftNode:
    properties = tuple(part for part in content if isinstance(part, DraftProperty))
    nodes = tuple(part for part in content if isinstance(part, DraftNode))
    overlay = DraftNode("__overlay__", properties, nodes)
    return DraftNode(f"fragment@{number}", (text("target-path", target),), (overlay,))


def domain_nodes(plans: Sequence[DomainPlan]) -> DraftNode:
    """The overlay of :func:`domain_node` with the nodes of several domains."""
    nodes = tuple(map(host_changes.domain_node, plans))
    return DraftNode("", (), (_fragment(0, "/chosen", (*_cells(plans), *nodes)),))


def _cells(plans: Sequence[DomainPlan]) -> tuple[DraftProperty, ...]:
    stated = [plan.chosen_cells for plan in plans if plan.request.static_memory]
    comment = "xen,static-mem is written in these cells"
    return host_changes.chosen_cells(stated[0], comment) if stated else ()
