"""What an overlay does to the host's tree, as far as Xen's flows need it: marks and domains.

A fragment's target is a path (``target-path``), or a label that the overlay's ``__fixups__`` name
and the host's ``__symbols__`` know (overlays of the Devicetree compiler, Linux
Documentation/devicetree/dynamic-resolution-notes.rst).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.domain import DomainNode, domains, is_compatible

if TYPE_CHECKING:
    from xenassign.linting.documents import TreeFile


RESERVED_MARKED = rule("XA538", "reserved-memory-marked", "warning", "broken")


def reserved_marks(overlay: Tree, host: Tree | None) -> Iterator[Finding]:
    """Regions of /reserved-memory that an overlay marks xen,passthrough."""
    for target, content in fragments(overlay, host):
        for node in content.walk() if target is not None else ():
            path = (target or "").rstrip("/") + node.path.removeprefix(content.path)
            if node.has("xen,passthrough") and path.lower().startswith("/reserved-memory/"):
                message = f"{path} is marked: dom0 loses it and uses it as RAM"
                yield RESERVED_MARKED(message, node=node.path, prop="xen,passthrough")


def fragments(overlay: Tree, host: Tree | None) -> Iterator[tuple[str | None, Node]]:
    """(path of the target, content); the path is None where the host does not tell it."""
    labels = _labels(overlay)
    for fragment in overlay.root.children.values():
        content = fragment.children.get("__overlay__")
        if content is None:
            continue
        path = fragment.text("target-path")
        label = labels.get(fragment.name)
        if path is None and label is not None and host is not None:
            symbols = host.root.children.get("__symbols__")
            path = symbols.text(label) if symbols is not None else None
        yield path, content


def _labels(overlay: Tree) -> dict[str, str]:
    """Fragment's name to the label of its target, from entries /fragment@0:target:0."""
    fixups = overlay.root.children.get("__fixups__")
    found = {}
    for label in fixups.properties if fixups is not None else ():
        for entry in fixups.strings(label) if fixups is not None else ():
            node, _, where = entry.partition(":")
            if where == "target:0":
                found[node.removeprefix("/")] = label
    return found


def marks(host: Tree | None, overlays: Iterable[Tree]) -> frozenset[str]:
    """Paths of the host nodes that overlays mark xen,passthrough, below their targets too."""
    found = set()
    for overlay in overlays:
        for path, content in fragments(overlay, host):
            for node in content.walk() if path is not None else ():
                if node.has("xen,passthrough"):
                    below = node.path.removeprefix(content.path)
                    found.add((path or "").rstrip("/") + below or "/")
    return frozenset(found)


def domain_nodes(
    host: Tree | None, files: Sequence[TreeFile]
) -> Iterator[tuple[TreeFile | None, DomainNode]]:
    """The domains of a board's tree, and of the files; None stands for the host's own tree."""
    if host is not None:
        yield from ((None, domain) for domain in domains(host))
    chosen = host.find_as_xen("/chosen") if host is not None else None
    for file in dict.fromkeys(files):
        tree = file.tree
        if tree is None:
            continue
        if not file.overlay:
            yield from ((file, domain) for domain in domains(tree))
            continue
        for target, content in fragments(tree, host):
            for node in content.walk():
                below = node.path.removeprefix(content.path)
                path = (target if target is not None else "/chosen").rstrip("/") + below
                in_chosen = path.lower().rpartition("/")[0] == "/chosen"
                if in_chosen and is_compatible(node, "xen,domain"):
                    yield file, DomainNode(node, chosen)
