"""Files of one system set against each other: what two domains would share of the host.

What plans are judged by (:mod:`xenassign.checks.conflicts`), told from the bytes of the files. A
domain is a partial device tree, a configuration, or both together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.checks.conflicts import PAGES, TWICE, Conflict, Holding, between, known_streams
from xenassign.devicetree.places import Place
from xenassign.findings import ROUTES, Finding, Rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import ASSIGNED_TWICE
from xenassign.linting.verdict.domcfg import corrected_intid
from xenassign.xen.dom0 import lines
from xenassign.xen.iommu import Iommus, protection
from xenassign.xen.xlvalues import page_range


class Domain(NamedTuple):
    """One domain: the name of its file, and what speaks for it."""

    file: str
    view: View | None = None
    config: XlConfig | None = None


def holdings(domain: str, view: View) -> Iterator[Holding]:
    """What a domain's partial device tree gives it, as dom0less Xen reads it.

    A node without xen,path is told by its path in the partial tree.
    """
    platform, known = view.context.platform, view.context.iommus
    for one in view.nodes:
        host = view.host(one.node)
        path = host.path if host is not None else one.path or one.node.path
        own = lines(platform, host.node) if platform is not None and host is not None else ()
        yield Holding(
            domain=domain,
            path=path,
            node=host.node if host is not None else None,
            root=path,
            pages=tuple(entry.host_span.rounded() for entry in one.entries),
            intids=tuple(line.intid for line in own),
            streams=known_streams(known, host) if host is not None and known is not None else (),
        )


def of_config(
    domain: str, config: XlConfig, platform: Platform, known: Iommus
) -> Iterator[tuple[Holding, Atom]]:
    """What a configuration gives its domain: an entry of dtdev, irqs or iomem each."""
    for atom in config.texts("dtdev"):
        node = platform.tree.find(atom.text)
        if node is not None:
            streams = known_streams(known, read_device(platform, node))
            yield Holding(domain, node.path, node, node.path, (), (), streams), atom
    for atom in config.texts("irqs"):
        number = corrected_intid(atom)
        if number is not None:
            yield Holding(domain, f"irqs {number}", None, "", (), (number,)), atom
    for atom in config.texts("iomem"):
        span = page_range(atom.text)
        if span is not None:
            yield Holding(domain, f"iomem {span.text}", None, "", (span.host.in_bytes,)), atom


def check(domains: Sequence[Domain], context: Context) -> Iterator[tuple[str, Finding]]:
    """(file, finding): what each domain shares with one before it.

    A tree that speaks to dom0less Xen tells all; else the configuration tells. The host has to be
    known.
    """
    platform, known = context.platform, context.iommus
    assert platform is not None
    assert known is not None
    held: list[Holding] = []
    nodes: dict[tuple[str, str], str] = {}
    places: dict[tuple[str, str], Place] = {}
    for domain in domains:
        if domain.view is not None and domain.view.nodes:
            found = list(holdings(domain.file, domain.view))
            for partial, one in zip(domain.view.nodes, found, strict=True):
                nodes[one.domain, one.path] = partial.node.path
            held += found
        elif domain.config is not None:
            for one, atom in of_config(domain.file, domain.config, platform, known):
                places[one.domain, one.path] = domain.config.place(atom)
                held.append(one)
    for conflict in between(held):
        side = conflict.domains[1], conflict.paths[1]
        yield side[0], _placed(conflict.rule, conflict, nodes.get(side), places.get(side))
        host = platform.tree.find(conflict.paths[1]) if conflict.rule is TWICE else None
        if host is not None and protection(platform, known, read_device(platform, host)).believed:
            again = _placed(ASSIGNED_TWICE, conflict, nodes.get(side), places.get(side))
            yield side[0], again


def _placed(which: Rule, conflict: Conflict, node: str | None, place: Place | None) -> Finding:
    prop = "xen,reg" if which is PAGES else "xen,path"
    return which(
        conflict.message,
        node=node,
        prop=prop if node is not None else None,
        place=place,
        routes=ROUTES,
    )
