"""From a name that a user gave to nodes of the host device tree."""

from __future__ import annotations

from fnmatch import fnmatchcase

from xenassign.devicetree.tree import Node, Tree
from xenassign.host.running import dom0_tree


def find(tree: Tree, name: str) -> Node | None:
    """The node of a full path, alias, label or unique suffix; None if there is no such node."""
    node = tree.find(name)
    if node is not None or name.startswith("/"):
        return node
    path = tree.aliases.get(name) or tree.labels.get(name)
    node = tree.find(path) if path else None
    if node is not None or taken(tree, name) is not None:
        return node
    fitting = _by_suffix(tree, name)
    return fitting[0] if len(fitting) == 1 else None


def find_all(tree: Tree, name: str) -> list[Node]:
    """The nodes of a name as :func:`find` takes it, or of a pattern; empty if there is none."""
    if is_pattern(tree, name):
        return [node for node in tree.nodes() if node.parent is not None and _fits(node, name)]
    node = find(tree, name)
    return [node] if node is not None else []


def is_pattern(tree: Tree, name: str) -> bool:
    """Whether a name is a pattern; a node whose path has one of the signs is named all the same."""
    return any(char in name for char in "*?[") and tree.find(name) is None


def why_none(tree: Tree, name: str) -> str:
    """Why :func:`find` and :func:`find_all` find no node, and what the user may have meant."""
    lost = taken(tree, name)
    if lost is not None:
        return (
            f"Xen took {lost} out of dom0's tree, since it keeps it for itself; leave it to Xen, or"
            " give the board's own .dtb"
        )
    fitting = [] if name.startswith("/") else [node.path for node in _by_suffix(tree, name)]
    if len(fitting) > 1:
        paths = ", ".join(fitting[:5]) + (", …" if len(fitting) > 5 else "")
        return f"fits {len(fitting)} nodes; give one of {paths}"
    path = tree.aliases.get(name) or tree.labels.get(name)
    if path:
        return f"it stands for {path}, which is not in {tree.file}; give a tree that has it"
    return f"no such node in {tree.file}; {_nearest(tree, name)}"


def why_no_match(tree: Tree) -> str:
    """Why a pattern gives no node."""
    return f"fits no node in {tree.file}; `xenassign inspect` lists them"


def taken(tree: Tree, name: str) -> str | None:
    """The path of a node that dom0's tree names in this way, and that Xen left out of it."""
    dom0 = dom0_tree(tree)
    lost = dom0.lost if dom0 is not None else ()
    return next((node.path for node in lost if name == node.path or name in node.names), None)


def absent(tree: Tree, name: str) -> bool:
    """Whether nothing of the board has the name, be it path, alias, label or suffix."""
    known = name in tree.aliases or name in tree.labels or tree.find(name) is not None
    return not known and not _by_suffix(tree, name)


def _by_suffix(tree: Tree, name: str) -> list[Node]:
    below = "/" + name.strip("/")
    return [node for node in tree.nodes() if node.path.endswith(below)] if name else []


def _fits(node: Node, pattern: str) -> bool:
    """Whether a path fits a pattern, component by component, as a shell matches file names."""
    parts = pattern.strip("/").split("/")
    names = node.path.strip("/").split("/")
    if not pattern.startswith("/"):
        names = names[-len(parts) :]
    same = len(names) == len(parts)
    return same and all(fnmatchcase(n, p) for n, p in zip(names, parts, strict=True))


def _nearest(tree: Tree, name: str) -> str:
    """What the user may have meant."""
    import difflib

    wanted = name.rsplit("/", 1)[-1].lower()
    by_name: dict[str, list[str]] = {}
    for node in tree.nodes():
        by_name.setdefault(node.name.lower(), []).append(node.path)
    names = difflib.get_close_matches(wanted, [n for n in by_name if n], n=3, cutoff=0.5)
    paths = [path for near in names for path in by_name[near]]
    paths.sort(key=lambda path: difflib.SequenceMatcher(None, path, name).ratio(), reverse=True)
    others = difflib.get_close_matches(name, [*tree.aliases, *tree.labels], n=2, cutoff=0.7)
    near = [*others, *paths[:3]]
    return f"did you mean {', '.join(near)}?" if near else "`xenassign inspect` lists the devices"
