"""From a name that a user gave to nodes of the host device tree, and names by what a user gave."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from xenassign.devicetree.tree import Node, Tree
from xenassign.host.near_paths import near_names, near_paths
from xenassign.host.running import dom0_tree
from xenassign.spelling import question

#: Characters of a name for which names that begin with it are searched.
_SHORTEST = 2


def find(tree: Tree, name: str) -> Node | None:
    """The node of a full path, alias, label or unique suffix.

    None if there is no such node, or several have the suffix.
    """
    node = tree.find(name)
    if node is not None or name.startswith("/"):
        return node
    path = tree.aliases.get(name) or tree.labels.get(name)
    node = tree.find(path) if path else None
    if node is not None or removed_by_xen(tree, name) is not None:
        return node
    matches = _by_suffix(tree, name)
    return matches[0] if len(matches) == 1 else None


def find_all(tree: Tree, name: str) -> list[Node]:
    """The node of a name as in :func:`find`, or the nodes of a pattern; empty if there is none."""
    if is_pattern(tree, name):
        return [node for node in tree.nodes() if node.parent is not None and matches(node, name)]
    node = find(tree, name)
    return [node] if node is not None else []


def is_pattern(tree: Tree, name: str) -> bool:
    """Whether a name is a pattern; one that is the path of a node is not."""
    return any(char in name for char in "*?[") and tree.find(name) is None


def why_not_found(tree: Tree, name: str) -> str:
    """Why :func:`find` finds no node, and what to do: the end of a message about the name."""
    removed = removed_by_xen(tree, name)
    if removed is not None:
        return (
            f"Xen uses {removed} itself and removed it from dom0's tree; omit it, or give the"
            " board's own .dtb"
        )
    matches = [] if name.startswith("/") else [node.path for node in _by_suffix(tree, name)]
    if len(matches) > 1:
        paths = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")
        return f"matches {len(matches)} nodes; give one of {paths}"
    path = tree.aliases.get(name) or tree.labels.get(name)
    if path:
        return f"it is a name of {path}, which is not in {tree.file}; give a tree that has it"
    return f"no such node in {tree.file}; {_nearest(tree, name)}"


def why_no_match(tree: Tree) -> str:
    """The end of a message about a pattern that matches no node."""
    return f"matches no node in {tree.file}; `xenassign inspect` lists them"


def removed_by_xen(tree: Tree, name: str) -> str | None:
    """The path of the node with a name that Xen removed from dom0's tree, if it did."""
    dom0 = dom0_tree(tree)
    lost = dom0.lost if dom0 is not None else ()
    return next((node.path for node in lost if name == node.path or name in node.names), None)


def absent(tree: Tree, name: str) -> bool:
    """Whether no path, alias, label or suffix of the tree is the name."""
    known = name in tree.aliases or name in tree.labels or tree.find(name) is not None
    return not known and not _by_suffix(tree, name)


def _by_suffix(tree: Tree, name: str) -> list[Node]:
    below = "/" + name.strip("/")
    return [node for node in tree.nodes() if node.path.endswith(below)] if name else []


def matches(node: Node, pattern: str) -> bool:
    """Whether a pattern matches a path, component by component, as a shell matches file names."""
    parts = pattern.strip("/").split("/")
    names = node.path.strip("/").split("/")
    if not pattern.startswith("/"):
        names = names[-len(parts) :]
    return len(names) == len(parts) and all(map(fnmatchcase, names, parts))


def _nearest(tree: Tree, name: str) -> str:
    """The nearest names of the tree, as a question."""
    near = [*near_names(tree, name), *near_paths(tree, name)] or _beginning(tree, name)
    return question(near) or "`xenassign inspect` lists the devices"


def _beginning(tree: Tree, name: str) -> list[str]:
    """At most three aliases, or else names of nodes, that begin with a name: ``eth``."""
    if len(name) < _SHORTEST or "/" in name:
        return []
    names = (node.name for node in tree.nodes() if "@" in node.name)
    for known in (sorted(tree.aliases), list(dict.fromkeys(names))):
        if beginning := [other for other in known if other.startswith(name)]:
            return beginning[:3]
    return []


class Names:
    """Names for the nodes of a domain that are the same on similar boards.

    A device has the name that the user gave it (``Resolved.devices``). A node below it has this
    name and its path from there, without the unit addresses that distinguish nothing (of the only
    ``phy@…`` of a bus), since these differ between boards.
    """

    def __init__(self, devices: Mapping[Node, str]) -> None:
        self._devices = devices

    def of(self, node: Node) -> str:
        """The name of a node; its path, shortened, if it is not below a named device."""
        steps: list[str] = []
        for above in node.lineage():
            named = self._devices.get(above)
            if named is not None or above.parent is None:
                return "/".join([named or "", *reversed(steps)])
            alike = [n for n in above.parent.children.values() if n.base_name == above.base_name]
            steps.append(above.base_name if len(alike) == 1 else above.name)
        raise AssertionError("a lineage ends at the root")
