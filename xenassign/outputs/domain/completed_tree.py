"""The user's partial device tree with what dom0less Xen requires, and xl does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xenassign.devicetree.cells import BusCells
from xenassign.devicetree.draft import DraftNode, DraftProperty, boolean, cells, from_bytes, text
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import ContradictionError
from xenassign.linting.guest.view import container_cells
from xenassign.planning.plan import Mapping as Pages
from xenassign.planning.plan import PlannedDevice, PlannedRegion
from xenassign.xen.releases import CACHEABLE, FORCE, GUEST_PHANDLE_GIC, Release

Owners = Mapping[Node, PlannedDevice | PlannedRegion]


def completed(tree: Tree, owners: Owners, release: Release) -> DraftNode:
    """The tree; each owner's node has xen,path, xen,reg and, if it is to be forced, that.

    ``owners``: by the node of the tree. xl puts the guest's GIC as interrupt-parent on the root;
    here it is on /passthrough, if no node of the tree has one. Raises ContradictionError.
    """
    return _node(tree.root, owners, tree.file, release.reg_properties)


def _node(node: Node, owners: Owners, file: str, names: tuple[str, ...]) -> DraftNode:
    """``names``: of the properties with pages that Xen reads."""
    properties = [from_bytes(prop) for prop in node.properties.values()]
    owner = owners.get(node)
    if owner is not None:
        properties += _added(node, owner, file, names)
    top = node.parent is not None and node.parent.parent is None
    if top and node.name.lower() == "passthrough" and not _has_interrupt_parent(node):
        properties.append(cells("interrupt-parent", GUEST_PHANDLE_GIC))
    below = (child for child in node.children.values() if child.name != "__symbols__")
    children = tuple(_node(child, owners, file, names) for child in below)
    return DraftNode(node.name, tuple(properties), children)


def _has_interrupt_parent(passthrough: Node) -> bool:
    nodes = (*passthrough.walk(), *passthrough.ancestors())
    return any(node.has("interrupt-parent") for node in nodes)


def _added(
    node: Node, owner: PlannedDevice | PlannedRegion, file: str, names: tuple[str, ...]
) -> Iterator[DraftProperty]:
    """The properties that a node lacks."""
    if isinstance(owner, PlannedDevice):
        if not node.has("xen,path"):
            yield text("xen,path", owner.path)
        if owner.forced and not node.has(FORCE):
            yield boolean(FORCE)
    if not any(map(node.has, names)):
        if len({mapping.normal for mapping in owner.mappings}) > 1:
            raise ContradictionError(
                f"{file}: {node.path}: some of its pages are Normal memory, and Xen reads one of"
                f" xen,reg and {CACHEABLE}; give each kind of pages a node of its own"
            )
        normal = any(mapping.normal for mapping in owner.mappings)
        numbers = _number(owner.mappings, container_cells(node), node, file)
        yield cells(CACHEABLE if normal else "xen,reg", *numbers)


def _number(mappings: tuple[Pages, ...], bus: BusCells, node: Node, file: str) -> Iterator[int]:
    """The cells of xen,reg, in the widths that Xen reads. Raises ContradictionError."""
    for mapping in mappings:
        for number, width in (
            (mapping.host, bus.address),
            (mapping.size, bus.size),
            (mapping.guest, bus.address),
        ):
            if number >> (32 * width):
                raise ContradictionError(
                    f"{file}: {node.path}: {number:#x} does not fit in {width} cells of xen,reg;"
                    " give the node above it more #address-cells and #size-cells"
                )
            for place in reversed(range(width)):
                yield number >> (32 * place) & 0xFFFFFFFF
