"""The nodes that the path of a missing node probably means.

A kernel renames a bus (/amba became /axi) or a node (gem became ethernet) and keeps the rest; a
person mistypes one character. All are found in indexes, so that a file with thousands of missing
paths costs no more than their number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from xenassign.devicetree.tree import Node, Tree
from xenassign.spelling import TypingErrors, one_typing_error, question

_MOST = 3  # paths in a message; more would be a guess
_COMPARED = 32  # nodes that are compared with a path; more have a generic name
_COMPONENTS = 3  # of the end of a path that is looked up as a whole
_ADDRESS = 4  # hexadecimal digits; shorter unit addresses number the ports and cells of any device


def near_paths(tree: Tree, path: str) -> list[str]:
    """At most three paths of nodes near a path that the tree does not have, the best first.

    ``path``: a full path, the end of one, an alias or a label; case does not matter in a path.
    Nodes with the same last components are nearer than those with the same unit address, and
    these than a name with a typing error.
    """
    named = tree.find(tree.aliases.get(path) or tree.labels.get(path.lstrip("&")) or "")
    if named is not None:
        return [named.path]
    missing = path.lower().strip("/")
    for nodes in _index(tree).candidates(missing):
        near = _nearest(missing, nodes)
        if near:
            return near
    return []


def near_names(tree: Tree, name: str) -> list[str]:
    """At most two aliases and labels of a tree that are one typing error away from a name."""
    return _index(tree).names.near(name)[:2]


def path_question(tree: Tree, path: str) -> str:
    """ "did you mean …?" with the paths near a missing one; "" if none is near."""
    return question(near_paths(tree, path))


class _PathIndex:
    """The nodes of a tree by the ends of their paths, all in lower case."""

    def __init__(self, tree: Tree) -> None:
        self._named = sorted({*tree.aliases, *tree.labels})
        self._ends: dict[str, list[Node]] = defaultdict(list)  # one to three components
        self._nodes: dict[str, list[Node]] = defaultdict(list)  # by address, else by name
        for node in (node for node in tree.nodes() if node.parent is not None):
            parts = node.path.lower().strip("/").split("/")
            for count in range(1, min(len(parts), _COMPONENTS) + 1):
                self._ends["/".join(parts[-count:])].append(node)
            self._nodes[_searched(parts[-1])].append(node)

    @cached_property
    def _mistyped(self) -> TypingErrors:
        return TypingErrors(self._nodes)

    @cached_property
    def names(self) -> TypingErrors:
        """The aliases and labels."""
        return TypingErrors(self._named)

    def candidates(self, path: str) -> Iterator[list[Node]]:
        """The probable nodes, in groups, the most probable one first."""
        parts = path.split("/")
        for count in range(min(len(parts), _COMPONENTS), 0, -1):
            yield self._ends.get("/".join(parts[-count:]), [])
        searched = _searched(parts[-1])
        yield self._nodes.get(searched, [])
        similar = (self._nodes[text] for text in self._mistyped.near(searched))
        few = (nodes for nodes in similar if len(nodes) <= _COMPARED)
        yield [n for nodes in few for n in nodes if _one_error_each(parts[-1], n.name.lower())]


def _index(tree: Tree) -> _PathIndex:
    return tree.once(_read_index, tree.root)


def _read_index(tree: Tree, _: Node) -> _PathIndex:
    return _PathIndex(tree)


def _parts(name: str) -> tuple[str, str]:
    """The name without its unit address, and the unit address."""
    base, _, unit = name.partition("@")
    return base, unit


def _searched(name: str) -> str:
    """The part of a name that few others have."""
    unit = _parts(name)[1]
    return unit if len(unit) >= _ADDRESS else name


def _one_error_each(first: str, second: str) -> bool:
    """Whether two names and their unit addresses differ by at most one typing error each."""
    pairs = zip(_parts(first), _parts(second), strict=True)
    return all(a == b or one_typing_error(a, b) for a, b in pairs)


def _nearest(missing: str, nodes: list[Node]) -> list[str]:
    """The paths that have the most components of a path; none if too many have them."""
    parts = set(missing.split("/"))
    if len(nodes) > _COMPARED:
        return []
    common = {node: len(parts.intersection(node.path.lower().split("/"))) for node in nodes}
    best = max(common.values(), default=0)
    paths = [node.path for node, number in common.items() if number == best]
    return paths if len(paths) <= _MOST else []
