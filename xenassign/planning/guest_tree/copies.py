"""A host node's properties in the guest's copy of it: as they are, rewritten, or left out."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from xenassign.devicetree.draft import DraftProperty, from_bytes
from xenassign.devicetree.tree import Node, Property

#: What replaces properties by name, as ``Suppliers.rewrite`` gives it; None: dropped.
Changed = Mapping[str, DraftProperty | None]


def only_for_host(name: str) -> bool:
    """Whether a property is for the host's tree only: phandles, and what boot loaders read."""
    return name in ("phandle", "linux,phandle") or name.startswith("bootph-")


def copy(prop: Property, changed: Changed) -> tuple[DraftProperty, ...]:
    """A property or what replaces it; empty if it is dropped."""
    new = changed[prop.name] if prop.name in changed else from_bytes(prop)
    return () if new is None else (new,)


def added(node: Node, changed: Changed) -> Iterator[DraftProperty]:
    """The new properties, which the host's node does not have."""
    yield from (new for name, new in changed.items() if new is not None and not node.has(name))


def copies(node: Node, changed: Changed, left_out: Container[str]) -> Iterator[DraftProperty]:
    """All properties of a copy, in the order of the host's node, without those ``left_out``."""
    for prop in node.properties.values():
        if prop.name not in left_out and not only_for_host(prop.name):
            yield from copy(prop, changed)
    yield from added(node, changed)
