"""Which nodes: from the names that a user gave to nodes of the host device tree."""

from __future__ import annotations

from fnmatch import fnmatchcase

from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.host.platform import Platform
from xenassign.host.running import dom0_tree


def resolve(tree: Tree, name: str, purpose: str = "-d") -> Node:
    """The node of a full path, alias, label or unique suffix; UsageError names near matches."""
    node = tree.find(name)
    if node is None and not name.startswith("/"):
        path = tree.aliases.get(name) or tree.labels.get(name)
        node = tree.find(path) if path else None
    if node is not None:
        return node
    lost = taken(tree, name)
    if lost is not None:
        raise UsageError(
            f"{purpose} {name}: Xen took {lost} out of dom0's tree, since it keeps it for itself;"
            " leave it to Xen, or give the board's own .dtb"
        )
    found = [n for n in tree.nodes() if n.path.endswith("/" + name.strip("/"))] if name else []
    if len(found) == 1 and not name.startswith("/"):
        return found[0]
    if len(found) > 1 and not name.startswith("/"):
        paths = ", ".join(n.path for n in found[:5]) + (", …" if len(found) > 5 else "")
        raise UsageError(f"{purpose} {name}: fits {len(found)} nodes; give one of {paths}")
    path = tree.aliases.get(name) or tree.labels.get(name)
    if path:
        raise UsageError(
            f"{purpose} {name}: it stands for {path}, which is not in {tree.file}; give a tree that"
            " has it"
        )
    raise UsageError(f"{purpose} {name}: no such node in {tree.file}; {_nearest(tree, name)}")


def taken(tree: Tree, name: str) -> str | None:
    """The path of a node that dom0's tree names in this way, and that Xen left out of it."""
    dom0 = dom0_tree(tree)
    lost = dom0.lost if dom0 is not None else ()
    return next((one.path for one in lost if name == one.path or name in one.names), None)


def absent(tree: Tree, name: str) -> bool:
    """Whether nothing of the board has the name, be it path, alias, label or suffix."""
    known = name in tree.aliases or name in tree.labels or tree.find(name) is not None
    below = "/" + name.strip("/")
    return not known and not any(node.path.endswith(below) for node in tree.nodes())


def select(tree: Tree, names: tuple[str, ...]) -> list[Node]:
    """The nodes that ``-d`` names, in order, each once; as a glob it may be several."""
    chosen: dict[Node, None] = {}
    for name in names:
        exact = tree.find(name)
        if exact is None and _is_glob(name):
            chosen |= dict.fromkeys(_glob(tree, name))
            continue
        node = exact or resolve(tree, name)
        if node in chosen and not any(_is_glob(other) for other in names):
            raise UsageError(f"-d {name}: {node.path} is named twice; name each device once")
        chosen[node] = None
    return list(chosen)


def _is_glob(name: str) -> bool:
    return any(char in name for char in "*?[")


def _glob(tree: Tree, pattern: str) -> list[Node]:
    """The nodes whose path fits, component by component, as a shell matches file names."""
    parts = pattern.strip("/").split("/")
    found = []
    for node in tree.nodes():
        names = node.path.strip("/").split("/")
        if not pattern.startswith("/"):
            names = names[-len(parts) :]
        same = len(names) == len(parts) and node.parent is not None
        if same and all(fnmatchcase(n, p) for n, p in zip(names, parts, strict=True)):
            found.append(node)
    if not found:
        raise UsageError(
            f"-d {pattern}: fits no node in {tree.file}; `xenassign inspect` lists them"
        )
    return found


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


def with_console(platform: Platform, console: str | None) -> Platform:
    """The board with the UART that Xen uses: ``console`` is a name of it, or ``none``.

    None: that of stdout-path. Raises UsageError for a name that nothing has.
    """
    if console is None:
        return platform
    uart = None if console == "none" else resolve(platform.tree, console, "--xen-console")
    return platform._replace(console=uart)
