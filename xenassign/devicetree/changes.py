"""What is to be changed in a devicetree that is otherwise kept as it is.

Changes name nodes by path and say what is to be there afterwards, not how to get there: what is
there already is left as it is, so the same changes asked for a second time change nothing.
:func:`xenassign.devicetree.blob_edit.edited` makes them in a blob.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.draft import DraftNode, DraftProperty
from xenassign.devicetree.tree import Tree


class Change(NamedTuple):
    """What one node is to have, and what not.

    ``path`` is an absolute path, compared exactly. Where there is no such node its parent has to be
    there, and the node is made; a change that only takes things out makes none.

    ``properties`` are set: replaced in their place where they are there, else put first in the
    node. ``children`` are subnodes, complete: one of the same name is replaced whole in its place,
    others are put before the node's other subnodes. ``drop`` names properties and ``remove``
    subnodes (with all below them) that are taken out where they are there.

    Values are those of a blob: no cell may be a reference, and labels mean nothing. ``why`` is for
    readers.
    """

    path: str
    properties: tuple[DraftProperty, ...] = ()
    children: tuple[DraftNode, ...] = ()
    drop: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    why: str = ""


def taken_for(tree: Tree, path: str) -> str | None:
    """The node that libfdt takes a path for, where that is another; so do fdtoverlay and U-Boot.

    To libfdt a name without unit address is also that of a node which has one (fdt_nodename_eq_),
    and it takes the first.
    """
    node = tree.root
    for name in path.strip("/").split("/") if path != "/" else ():
        called = (f"{name}@",) if "@" not in name else ()
        for child in node.children.values():
            if child.name == name:
                node = child
                break
            if child.name.startswith(called):
                return child.path
        else:
            return None
    return None
