"""The marks and the domains that overlays add to the host's tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.overlay import OverlayFragment, fragments
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.domain import DomainNode, domains, is_compatible

if TYPE_CHECKING:
    from xenassign.host.platform import Platform
    from xenassign.linting.documents import TreeFile


RESERVED_MARKED = rule("XA538", "reserved-memory-marked", "warning", "broken")


def reserved_marks(overlay: Tree, host: Tree | None) -> Iterator[Finding]:
    """Regions of /reserved-memory that an overlay marks xen,passthrough."""
    for fragment in _placed(overlay, host):
        for node in fragment.content.walk():
            path = fragment.path(node)
            if node.has("xen,passthrough") and path.lower().startswith("/reserved-memory/"):
                message = f"{path} is marked: dom0 does not get the region and uses it as RAM"
                yield RESERVED_MARKED(message, node=node.path, prop="xen,passthrough")


def with_interrupts(platform: Platform, overlays: Iterable[Tree]) -> Platform:
    """The board as Xen reads it: with the ``interrupts`` that overlays state, and their nodes.

    An overlay that does not fit the board changes nothing; what it lacks is reported elsewhere.
    """
    from xenassign.devicetree.overlay_apply import MisfitError, apply_overlay

    for overlay in overlays:
        contents = [fragment.content for fragment in _placed(overlay, platform.tree)]
        nodes = [node for content in contents for node in content.walk()]
        added = [node for node in nodes if node not in contents]
        if not any(n.has("interrupts") for n in nodes) and not any(n.has("reg") for n in added):
            continue
        from xenassign.host.platform import read_platform

        with suppress(MisfitError):
            tree = read_blob(apply_overlay(platform.tree, overlay).blob, platform.tree.file)
            console = platform.console.path if platform.console is not None else ""
            platform = read_platform(tree)._replace(console=tree.find(console))
    return platform


def marks(host: Tree | None, overlays: Iterable[Tree]) -> frozenset[str]:
    """Paths of the host nodes that overlays mark xen,passthrough, at and below their targets."""
    return frozenset(
        fragment.path(node)
        for overlay in overlays
        for fragment in _placed(overlay, host)
        for node in fragment.content.walk()
        if node.has("xen,passthrough")
    )


def _placed(overlay: Tree, host: Tree | None) -> Iterator[OverlayFragment]:
    """The fragments whose target is known."""
    return (fragment for fragment in fragments(overlay, host) if fragment.target is not None)


def domain_nodes(
    host: Tree | None, files: Sequence[TreeFile]
) -> Iterator[tuple[TreeFile | None, DomainNode]]:
    """(file, domain) of the domains of a board's tree and of the files; None for the host's tree.

    The domains of an overlay are the nodes that it adds to /chosen.
    """
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
        for fragment in fragments(tree, host):
            for node in fragment.content.walk():
                path = fragment.path(node, target="/chosen")
                in_chosen = path.lower().rpartition("/")[0] == "/chosen"
                if in_chosen and is_compatible(node, "xen,domain"):
                    yield file, DomainNode(node, chosen)
