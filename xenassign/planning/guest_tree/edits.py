"""The properties that the user sets or drops, on the nodes of the guest's tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from xenassign.checks.scope import Scope
from xenassign.devicetree.draft import DraftProperty
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.request.origin import mistake
from xenassign.request.property_edits import AS_REQUESTED, PropertyEdit

Edits = Mapping[Node, tuple[PropertyEdit, ...]]
"""By node of the host."""


def edits_by_node(scope: Scope, edits: tuple[tuple[PropertyEdit, tuple[Node, ...]], ...]) -> Edits:
    """The edits of each node. Raises UsageError with a line for each that has no effect."""
    by_node: dict[Node, list[PropertyEdit]] = defaultdict(list)
    mistakes: list[str] = []
    for edit, named in edits:
        nodes = [node for node in named if scope.has(node)]
        reason = _no_effect(edit, nodes)
        for node in nodes if reason is None else ():
            if any(other.name == edit.name for other in by_node[node]):
                reason = f"{edit.name} of {node.path} is edited twice; set it or drop it"
            by_node[node].append(edit)
        if reason is not None:
            mistakes.append(mistake(edit.verb, edit.device, reason))
    if mistakes:
        raise UsageError(*mistakes)
    return {node: tuple(its_edits) for node, its_edits in by_node.items()}


def _no_effect(edit: PropertyEdit, nodes: list[Node]) -> str | None:
    """Why an edit has no effect, or None. ``nodes``: those of the guest that it applies to."""
    if not nodes:
        return "it is not assigned; name it as a device too"
    if edit.value is None and not any(node.has(edit.name) for node in nodes):
        return f"{nodes[0].path} has no {edit.name}; take it out of drop"
    return None


def dropped_names(edits: Edits) -> dict[Node, frozenset[str]]:
    """The names of dropped properties, by node."""
    return {
        node: frozenset(edit.name for edit in its_edits if edit.value is None)
        for node, its_edits in edits.items()
    }


def edited(
    tree: Tree, node: Node, properties: list[DraftProperty], edits: tuple[PropertyEdit, ...]
) -> tuple[tuple[DraftProperty, ...], list[str]]:
    """(properties, comments) of a node of the guest. ``properties``: those without edits.

    A property that is set replaces the one of the host, or comes last.
    """
    by_name = {prop.name: prop for prop in properties}
    comments = []
    for edit in edits:
        if edit.value is not None:
            by_name[edit.name] = DraftProperty(edit.name, edit.value, f"set, {AS_REQUESTED}")
            continue
        by_name.pop(edit.name, None)
        prop = node.get(edit.name)
        if prop is None or property_references(tree, node, prop) is None:
            # References are reported as suppliers.
            comments.append(f"{edit.name} dropped: {AS_REQUESTED}")
    return tuple(by_name.values()), comments
