"""The properties that the user sets or drops, on the nodes of the guest's tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from xenassign.checks.scope import Scope
from xenassign.devicetree.draft import DraftProperty
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.request.property_edits import AS_ASKED, PropertyEdit
from xenassign.request.select import select

Edits = Mapping[Node, tuple[PropertyEdit, ...]]
"""By node of the host."""


def edits_by_node(tree: Tree, inside: Scope, edits: tuple[PropertyEdit, ...]) -> Edits:
    """The edits of each node. Raises UsageError for one that fits nothing."""
    found: dict[Node, list[PropertyEdit]] = defaultdict(list)
    for edit in edits:
        verb = "drop" if edit.value is None else "set"
        nodes = [node for node in select(tree, (edit.device,)) if inside.has(node)]
        if not nodes:
            raise UsageError(f"{verb} {edit.device}: it is not assigned; name it as a device too")
        if edit.value is None and not any(node.has(edit.name) for node in nodes):
            path = nodes[0].path
            raise UsageError(f"drop {edit.device}: {path} has no {edit.name}; take it out of drop")
        for node in nodes:
            if any(other.name == edit.name for other in found[node]):
                what = f"{edit.name} of {node.path} is edited twice"
                raise UsageError(f"{verb} {edit.device}: {what}; set it or drop it")
            found[node].append(edit)
    return {key: tuple(some) for key, some in found.items()}


def unwanted(edits: Edits) -> dict[Node, frozenset[str]]:
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
            found[edit.name] = DraftProperty(edit.name, edit.value, f"set, {AS_ASKED}")
            continue
        found.pop(edit.name, None)
        prop = node.get(edit.name)
        if prop is None or property_references(tree, node, prop) is None:
            comments.append(f"{edit.name} dropped: {AS_ASKED}")  # the others are suppliers'
    return tuple(found.values()), comments
