"""Changes of a devicetree that is otherwise kept as it is.

Changes name nodes by path and state the result: making them a second time changes nothing.
:func:`xenassign.devicetree.blob_edit.edited` makes them in a blob.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.draft import DraftNode, DraftProperty
from xenassign.devicetree.tree import Tree


class Change(NamedTuple):
    """What one node has after the change, and what it no longer has.

    ``path`` is an absolute path, compared exactly. If the node does not exist it is added to its
    parent, which must exist; a change that only removes does not add a node.

    ``properties`` are set: an existing one keeps its position, others become the first of the node.
    ``children`` are complete subnodes: an existing one of the same name is replaced in its
    position, others are added before the node's other subnodes. ``drop`` names properties and
    ``remove`` subnodes (with all below them) that are removed if they exist.

    Values are those of a blob: no cell may be a reference, and labels have no effect. ``why`` is
    the reason, for readers.
    """

    path: str
    properties: tuple[DraftProperty, ...] = ()
    children: tuple[DraftNode, ...] = ()
    drop: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    why: str = ""


def libfdt_finds_instead(tree: Tree, path: str) -> str | None:
    """The path of the node that libfdt finds for ``path``, if that is another node; else None.

    For libfdt a name without unit address also matches a node that has one (fdt_nodename_eq_), and
    the first match counts. fdtoverlay and U-Boot use libfdt.
    """
    node = tree.root
    for name in path.strip("/").split("/") if path != "/" else ():
        prefixes = (f"{name}@",) if "@" not in name else ()
        for child in node.children.values():
            if child.name == name:
                node = child
                break
            if child.name.startswith(prefixes):
                return child.path
        else:
            return None
    return None
