"""Overlays: the marks on the host's nodes, and the domain's node under /chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode, DraftProperty, text
from xenassign.outputs.boot import host_changes
from xenassign.outputs.boot.cpu_pools import (
    cpu_label,
    pool_node,
    pool_property,
    pools_of,
    without_phandle,
)
from xenassign.planning.plan import DomainPlan, PlannedPool


def host_marks(plan: DomainPlan) -> DraftNode:
    """NAME.host.dtbo: a fragment for each host node that changes."""
    return _overlay([_changed(change, change in plan.added) for change in host_changes.marks(plan)])


def _changed(change: Change, added: bool) -> DraftNode:
    """A fragment with a change. ``added``: the node is a new one of the root."""
    fragment = _fragment(change.path, change.properties)
    if added:
        node = DraftNode(change.path.removeprefix("/"), change.properties)
        fragment = _fragment("/", (node,))
    return fragment._replace(comments=(change.why,))


def domain_node(plan: DomainPlan) -> DraftNode:
    """The overlay with /chosen/NAME, without its modules.

    With static memory it has the cells of /chosen too, so that no boot loader adds others to a
    /chosen without cells. Of event channels it has both ends if the other domain comes before this
    one, since only nodes of one overlay can refer to each other; the same holds for its CPU pool.
    """
    later = [end for end in plan.channels if end.later]
    pool = plan.pool if plan.pool is not None and plan.pool.users[-1] == plan.name else None
    node = host_changes.domain_node(plan, channels=later, pooled=pool is not None)
    fragments = [
        _fragment("/chosen", (*_cells((plan,)), *([pool_node(pool)] if pool else ()), node)),
        *(
            _fragment(f"/chosen/{end.remote}", (host_changes.channel_node(end.other(plan)),))
            for end in later
        ),
    ]
    if pool is not None:
        for user in pool.users[:-1]:
            fragments.append(_fragment(f"/chosen/{user}", (pool_property(pool),)))
        fragments += _cpus([pool])
    return _overlay(fragments)


def _cpus(pools: Sequence[PlannedPool]) -> Iterator[DraftNode]:
    """Fragments that give CPUs a phandle."""
    for cpu in without_phandle(pools):
        yield _fragment(cpu.path, (), cpu_label(cpu))


def _overlay(fragments: Sequence[DraftNode]) -> DraftNode:
    numbers = enumerate(fragments)
    return DraftNode("", (), tuple(f._replace(name=f"fragment@{n}") for n, f in numbers))


def _fragment(
    target: str, content: Sequence[DraftProperty | DraftNode], label: str | None = None
) -> DraftNode:
    properties = tuple(part for part in content if isinstance(part, DraftProperty))
    nodes = tuple(part for part in content if isinstance(part, DraftNode))
    overlay = DraftNode("__overlay__", properties, nodes, label)
    return DraftNode("fragment", (text("target-path", target),), (overlay,))


def domain_nodes(plans: Sequence[DomainPlan]) -> DraftNode:
    """The overlay of :func:`domain_node` with the nodes of several domains."""
    nodes = tuple(map(host_changes.domain_node, plans))
    pools = pools_of(plans)
    content: list[DraftProperty | DraftNode] = [*_cells(plans)]
    content += [*(pool_node(pool) for pool in pools), *nodes]
    return _overlay([_fragment("/chosen", content), *_cpus(pools)])


def _cells(plans: Sequence[DomainPlan]) -> tuple[DraftProperty, ...]:
    stated = [plan.chosen_cells for plan in plans if plan.request.static_memory]
    comment = "xen,static-mem is written in these cells"
    return host_changes.chosen_cells(stated[0], comment) if stated else ()
