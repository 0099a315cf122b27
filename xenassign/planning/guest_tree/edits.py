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
    """The edits of each node. Raises UsageError with a line for each that fits nothing."""
    by_node: dict[Node, list[PropertyEdit]] = defaultdict(list)
    wrong: list[str] = []
    for edit, named in edits:
        nodes = [node for node in named if scope.has(node)]
        why = _idle(edit, nodes)
        for node in nodes if why is None else ():
            if any(other.name == edit.name for other in by_node[node]):
                why = f"{edit.name} of {node.path} is edited twice; set it or drop it"
            by_node[node].append(edit)
        if why is not None:
            wrong.append(mistake(edit.verb, edit.device, why))
    if wrong:
        raise UsageError(*wrong)
    return {node: tuple(some) for node, some in by_node.items()}


def _idle(edit: PropertyEdit, nodes: list[Node]) -> str | None:
    """Why an edit changes nothing. ``nodes``: those of the guest that it is about."""
    if not nodes:
        return "it is not assigned; name it as a device too"
    if edit.value is None and not any(node.has(edit.name) for node in nodes):
        return f"{nodes[0].path} has no {edit.name}; take it out of drop"
    return None


def dropped_names(edits: Edits) -> dict[Node, frozenset[str]]:
    """The names of dropped properties, by node."""
    return {
        key: frozenset(edit.name for edit in some if edit.value is None)
        for key, some in edits.items()
    }


def edited(
    tree: Tree, node: Node, properties: list[DraftProperty], edits: tuple[PropertyEdit, ...]
) -> tuple[tuple[DraftProperty, ...], list[str]]:
    """(properties, comments) of a node of the guest, given what would be without edits.

    What is set takes the place of the host's property, or comes last.
    """
    found = {prop.name: prop for prop in properties}
    comments = []
    for edit in edits:
        if edit.value is not None:
            found[edit.name] = DraftProperty(edit.name, edit.value, f"set, {AS_REQUESTED}")
            continue
        found.pop(edit.name, None)
        prop = node.get(edit.name)
        if prop is None or property_references(tree, node, prop) is None:
            comments.append(f"{edit.name} dropped: {AS_REQUESTED}")  # the others are suppliers'
    return tuple(found.values()), comments
