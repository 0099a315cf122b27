"""``lint --together``: whether two domains of one system have the same resources of the host.

The rules are those of plans (:mod:`xenassign.checks.conflicts`), applied to the files. A domain is
a partial device tree, a configuration, or both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.checks.conflicts import (
    PAGES,
    TWICE,
    Conflict,
    Holding,
    conflicts_between,
    known_streams,
)
from xenassign.devicetree.places import Place
from xenassign.findings import ROUTES, Finding, Rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.cfg_irqs import corrected_intid
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import ASSIGNED_TWICE
from xenassign.linting.verdict.mappings import iomem_ranges
from xenassign.xen.dom0 import lines
from xenassign.xen.iommu import Iommus, protection


class Domain(NamedTuple):
    """A domain: the file that the findings are about, and its tree and configuration if known."""

    file: str
    view: View | None = None
    config: XlConfig | None = None


def holdings(domain: str, view: View) -> Iterator[Holding]:
    """The resources that a partial device tree gives a domain, as dom0less Xen reads it.

    The path of a node without xen,path is that in the partial tree.
    """
    platform, iommus = view.context.platform, view.context.iommus
    for partial in view.nodes:
        host = view.host(partial.node)
        path = host.path if host is not None else partial.path or partial.node.path
        routed = lines(platform, host.node) if platform is not None and host is not None else ()
        yield Holding(
            domain=domain,
            path=path,
            node=host.node if host is not None else None,
            root=path,
            pages=tuple(entry.host_span.rounded() for entry in partial.entries),
            intids=tuple(line.intid for line in routed),
            streams=known_streams(iommus, host) if host is not None and iommus is not None else (),
        )


def of_config(
    domain: str, config: XlConfig, platform: Platform, iommus: Iommus
) -> Iterator[tuple[Holding, Atom]]:
    """The resources that a configuration gives its domain, one for each entry with the entry."""
    for atom in config.texts("dtdev"):
        node = platform.tree.find(atom.text)
        if node is not None:
            streams = known_streams(iommus, read_device(platform, node))
            yield Holding(domain, node.path, node, node.path, (), (), streams), atom
    for atom in config.texts("irqs"):
        number = corrected_intid(atom)
        if number is not None:
            yield Holding(domain, f"irqs {number}", None, "", (), (number,)), atom
    for atom, pages in iomem_ranges(config):
        yield Holding(domain, f"iomem {pages.text}", None, "", (pages.host.in_bytes,)), atom


def check(domains: Sequence[Domain], context: Context) -> Iterator[tuple[str, Finding]]:
    """(file, finding) about the resources that a domain shares with an earlier one.

    They are read from the tree if it has xen,reg or xen,path, else from the configuration. The host
    has to be known.
    """
    platform, iommus = context.platform, context.iommus
    assert platform is not None
    assert iommus is not None
    held: list[Holding] = []
    nodes: dict[tuple[str, str], str] = {}
    places: dict[tuple[str, str], Place] = {}
    for domain in domains:
        if domain.view is not None and domain.view.nodes:
            of_tree = list(holdings(domain.file, domain.view))
            for partial, holding in zip(domain.view.nodes, of_tree, strict=True):
                nodes[holding.domain, holding.path] = partial.node.path
            held += of_tree
        elif domain.config is not None:
            for holding, atom in of_config(domain.file, domain.config, platform, iommus):
                places[holding.domain, holding.path] = domain.config.place(atom)
                held.append(holding)
    for conflict in conflicts_between(held):
        file, path = conflict.domains[1], conflict.paths[1]
        node, place = nodes.get((file, path)), places.get((file, path))
        yield file, _finding(conflict.rule, conflict, node, place)
        host = platform.tree.find(path) if conflict.rule is TWICE else None
        if host is not None and protection(platform, iommus, read_device(platform, host)).believed:
            yield file, _finding(ASSIGNED_TWICE, conflict, node, place)


def _finding(violated: Rule, conflict: Conflict, node: str | None, place: Place | None) -> Finding:
    prop = "xen,reg" if violated is PAGES else "xen,path"
    return violated(
        conflict.message,
        node=node,
        prop=prop if node is not None else None,
        place=place,
        routes=ROUTES,
    )
