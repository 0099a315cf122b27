"""The size of a dom0less guest's device tree: the copy of the partial tree and what Xen adds."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.flat import FlatNode
from xenassign.linting.verdict.context import Context
from xenassign.xen.releases import Release
from xenassign.xen.tree_buffer import OwnNodes, TreeBuffer


def copied_nodes(root: FlatNode) -> Iterator[tuple[FlatNode, bool]]:
    """(node, assigning): the nodes that Xen copies into the guest's tree.

    ``assigning``: whether Xen reads its own properties there, and does not copy them.
    """
    for child in root.children:
        name = child.name.lower()
        if name in ("aliases", "passthrough"):
            yield child, name == "passthrough"


def mapped_pages(node: FlatNode, release: Release) -> tuple[str, bytes | None]:
    """(name, value) of the property with the pages that Xen maps: the last of those it reads."""
    pairs = (pair for pair in reversed(node.properties) if pair[0] in release.reg_properties)
    return next(pairs, ("xen,reg", None))


def tree_buffer(context: Context, size: int) -> TreeBuffer:
    """The buffer in which Xen builds the guest's tree, for a partial tree of ``size`` bytes."""
    guest = context.guest._replace(extended=("dom0less",))
    banks = context.static_memory if context.direct_map else guest.ram()
    own = OwnNodes(
        context.platform,
        context.vcpus,
        context.vpl011,
        context.bootargs,
        context.ramdisk,
        len(banks),
        context.shared,
        len(guest.extended_regions()) if context.enhanced else None,
    )
    return TreeBuffer(context.release, size, own)


def too_large(root: FlatNode | None, context: Context, limit: int) -> str:
    """The message about a guest's tree that does not fit into ``limit`` bytes."""
    size = guest_tree_bytes(root, context)
    return f"the guest's tree has {size} bytes; Xen {context.release.name} allows {limit}"


def guest_tree_bytes(root: FlatNode | None, context: Context) -> int:
    """The bytes of the guest's whole tree, without a limit. ``root``: of its partial tree."""
    buffer = tree_buffer(context, 0)
    buffer.limit = 1 << 62
    for child, assigning in copied_nodes(root) if root is not None else ():
        for node in child.walk():
            buffer.node(node.name)
            buffer.take(4)
            for name, value in node.properties:
                if not (assigning and name in context.release.passthrough_properties):
                    buffer.prop(name, len(value))
    buffer.finish()
    return buffer.used
