"""Overlays: the marks on the host's nodes, and the domain's node under /chosen."""

from __future__ import annotations

from collections.abc import Sequence

from xenassign.devicetree.draft import DraftNode, text
from xenassign.outputs.boot import host_changes
from xenassign.planning.plan import DomainPlan


def host_marks(plan: DomainPlan) -> DraftNode:
    """NAME.host.dtbo: a fragment for each host node that changes."""
    fragments = tuple(
        DraftNode(
            f"fragment@{number}",
            (text("target-path", change.path),),
            (DraftNode("__overlay__", change.properties),),
            comments=(change.why,),
        )
        for number, change in enumerate(host_changes.marks(plan))
    )
    return DraftNode("", (), fragments)


def domain_node(plan: DomainPlan) -> DraftNode:
    """The overlay with /chosen/NAME, without its modules.

    With static memory it has the cells of /chosen too, so that no boot loader adds others to a
    /chosen without cells.
    """
    return domain_nodes((plan,))


def domain_nodes(plans: Sequence[DomainPlan]) -> DraftNode:
    """The overlay of :func:`domain_node` with the nodes of several domains."""
    stated = [plan.chosen_cells for plan in plans if plan.request.static_memory]
    comment = "xen,static-mem is written in these cells"
    cells = host_changes.chosen_cells(stated[0], comment) if stated else ()
    chosen = DraftNode("__overlay__", cells, tuple(map(host_changes.domain_node, plans)))
    return DraftNode(
        "", (), (DraftNode("fragment@0", (text("target-path", "/chosen"),), (chosen,)),)
    )
