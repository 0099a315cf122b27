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
from xenassign.linting.verdict.dom0less_host import ASSIGNED_TWICE
from xenassign.linting.verdict.mappings import iomem_ranges
from xenassign.xen.dom0 import lines
from xenassign.xen.iommu import Iommus, protection


class Domain(NamedTuple):
    """A domain: the file that the findings are about, and its tree and configuration if known."""

    file: str
    view: View | None = None
    config: XlConfig | None = None


class SharedPart(NamedTuple):
    """Where a domain states what it shares: a property of its tree, or a place of dom.cfg."""

    file: str
    prop: str
    node: str | None
    place: Place | None


class Shared(NamedTuple):
    """What two domains have, and where each of them states it."""

    rule: Rule
    message: str
    first: SharedPart
    second: SharedPart

    def finding(self, part: SharedPart) -> Finding:
        """The finding about one of the parts."""
        return self.rule(
            self.message,
            node=part.node,
            prop=part.prop if part.node is not None else None,
            place=part.place,
            routes=ROUTES,
        )


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
    for atom, pages in iomem_ranges(config, iommus.release):
        yield Holding(domain, f"iomem {pages.text}", None, "", (pages.host.in_bytes,)), atom


def check(domains: Sequence[Domain], context: Context) -> Iterator[Shared]:
    """The resources that two of the domains share.

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
        first, second = (
            SharedPart(
                file,
                "xen,reg" if conflict.rule is PAGES else "xen,path",
                nodes.get(key),
                places.get(key),
            )
            for file, path in zip(conflict.domains, conflict.paths, strict=True)
            for key in [(file, path)]
        )
        yield Shared(conflict.rule, conflict.message, first, second)
        host = platform.tree.find(conflict.paths[1]) if conflict.rule is TWICE else None
        if host is not None and protection(platform, iommus, read_device(platform, host)).believed:
            yield Shared(ASSIGNED_TWICE, conflict.message, first, second)
