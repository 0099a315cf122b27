"""Trees written out as directories, as Linux shows the one that it runs with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xenassign.devicetree.tree import Node, Tree


def write(tree: Tree, folder: Path, *, linux: bool = True) -> Path:
    """The directory of a tree. ``linux``: with the ``name`` that Linux adds to each node."""
    _write(tree.root, folder, linux)
    return folder


def _write(node: Node, folder: Path, linux: bool) -> None:
    folder.mkdir(parents=True)
    for prop in node.properties.values():
        (folder / prop.name).write_bytes(prop.value)
    if linux and not node.has("name"):
        base, at, _ = node.name.rpartition("@")
        (folder / "name").write_bytes((base if at else node.name).encode() + b"\0")
    for child in node.children.values():
        # sysfs' safe_name: properties are there before the children.
        taken = (folder / child.name).exists()
        _write(child, folder / (f"{child.name}#1" if taken else child.name), linux)


def content(node: Node, *, names: bool = True) -> Any:
    """A node without the order of what is in it. ``names``: with the properties ``name``."""
    values = {prop.name: prop.value for prop in node.properties.values()}
    if not names:
        values.pop("name", None)
    return values, {name: content(child, names=names) for name, child in node.children.items()}
