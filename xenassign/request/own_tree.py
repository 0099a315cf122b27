"""The user's own partial device tree, which his dom.cfg names: its place, and what it assigns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import InputError
from xenassign.host.load import read_file, read_tree
from xenassign.request.origin import CfgOrigin, Written


class PartialTree(NamedTuple):
    """A partial device tree, and the bytes of its file: a blob or source."""

    tree: Tree
    data: bytes

    @property
    def file(self) -> str:
        """The name of its file."""
        return self.tree.file

    def assigned(self) -> Iterator[tuple[Node, Written]]:
        """The nodes with ``xen,path``, and its value with its place."""
        for top in self.tree.root.children.values():
            if top.name.lower() == "passthrough":
                for node in top.walk():
                    path = node.text("xen,path")
                    if path is not None:
                        yield node, Written(path, CfgOrigin(self.place(node), "xen,path"))

    def place(self, node: Node) -> str:
        """The place of a node for messages."""
        return f"{self.file}: {node.path}"


def read_partial_tree(path: str) -> PartialTree:
    """A partial device tree. Raises InputError for a file that is not one."""
    tree = read_tree(path)
    if not any(top.name.lower() == "passthrough" for top in tree.root.children.values()):
        text = "has no /passthrough; give a partial device tree, or remove device_tree of dom.cfg"
        raise InputError(f"{path}: {text}")
    return PartialTree(tree, read_file(path, path))
