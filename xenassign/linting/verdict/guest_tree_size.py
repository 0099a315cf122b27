"""The size of a dom0less guest's tree: what Xen copies of a partial device tree and adds."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.flat import FlatNode
from xenassign.linting.verdict.context import Context
from xenassign.xen.tree_buffer import TreeBuffer

XENS_PROPERTIES = ("xen,reg", "xen,path", "xen,force-assign-without-iommu")


def copied_nodes(root: FlatNode) -> Iterator[tuple[FlatNode, bool]]:
    """The nodes that Xen copies into the guest, and whether it heeds its own properties there."""
    for child in root.children:
        name = child.name.lower()
        if name in ("aliases", "passthrough"):
            yield child, name == "passthrough"


def tree_buffer(context: Context, size: int) -> TreeBuffer:
    """The buffer in which Xen builds the guest's tree, for a partial tree of ``size`` bytes."""
    release, platform = context.release, context.platform
    return TreeBuffer(release, size, platform, context.vcpus, context.vpl011, context.bootargs)


def guest_tree_bytes(root: FlatNode, context: Context) -> int:
    """The bytes that the guest's tree would take with room enough, as far as the context knows."""
    room = tree_buffer(context, 0)
    room.limit = 1 << 62
    for child, scan in copied_nodes(root):
        for node in child.walk():
            room.node(node.name)
            room.take(4)
            for name, value in node.properties:
                if not (scan and name in XENS_PROPERTIES):
                    room.prop(name, len(value))
    room.finish()
    return room.used
