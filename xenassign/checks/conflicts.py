"""What two domains of one system do to each other: they may share nothing of the host.

A domain's plan is judged against the host alone (``Scope.leaves``); here domain is set against
domain. Plans (:mod:`xenassign.system.system`) and files (:mod:`xenassign.linting.guest.together`)
are stated as ``Holding``: a node of the host and what Xen gives a domain of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, rule
from xenassign.host.device import HostDevice
from xenassign.host.neighbours import Streams, streams_of
from xenassign.xen.iommu import Iommus

TWICE = rule("XA001", "device-in-two-domains", "error", "unsafe")
NESTED = rule("XA002", "subtree-in-two-domains", "error", "unsafe")
PAGES = rule("XA003", "page-in-two-domains", "error", "unsafe")
LINES = rule("XA004", "interrupt-in-two-domains", "error", "rejected")
STREAMS = rule("XA005", "stream-in-two-domains", "error", "unsafe")
SUPPLIES = rule("XA006", "supply-of-another-domain", "error", "unsafe")
FIRMWARE = rule(
    "XA007", "firmware-in-two-domains", "error", "rejected", applies=lambda xen: xen.scmi_smc
)
MEMORY = rule("XA008", "memory-overcommitted", "warning", "broken")
IDLE = rule("XA009", "allowance-idle", "warning", "style")

#: What can be accepted with a reason; the rest Xen refuses, or nothing can isolate.
ALLOWABLE = frozenset({PAGES.code, SUPPLIES.code})


class Holding(NamedTuple):
    """One node of the host that a domain has, and what Xen gives the domain of it.

    ``node``: None for pages that no node of the host states. ``root``: the path of the node whose
    subtree it came with, which is its own if it was named itself. ``pages``: bytes of host
    memory, whole pages. ``streams``: with the IOMMU that they are of.
    """

    domain: str
    path: str
    node: Node | None
    root: str
    pages: tuple[Span, ...]
    intids: tuple[int, ...] = ()
    streams: tuple[tuple[Node, Streams], ...] = ()

    @property
    def text(self) -> str:
        """What it is, and whose."""
        return f"{self.path} (of {self.domain})"


class Conflict(NamedTuple):
    """Two domains, the host paths of the two sides, and what is said about them.

    ``roots``: the nodes whose subtrees they came with. ``also``: further paths of the second side.
    ``fix``: what to do, if not the rule's.
    """

    rule: Rule
    domains: tuple[str, str]
    paths: tuple[str, str]
    message: str
    severity: str | None = None
    roots: tuple[str, str] = ("", "")
    also: tuple[str, ...] = ()
    fix: str | None = None

    @property
    def sides(self) -> frozenset[tuple[str, str]]:
        """The two nodes that were given to the two domains, in no order."""
        return frozenset(zip(self.domains, self.roots, strict=True))

    @property
    def finding(self) -> Finding:
        """As a finding about the first side."""
        node = next((path for path in self.paths if path.startswith("/")), None)
        return self.rule(self.message, node=node, severity=self.severity, fix=self.fix)


def known_streams(known: Iommus, device: HostDevice) -> tuple[tuple[Node, Streams], ...]:
    """The streams by which an IOMMU that Xen runs tells a device's DMA from others'."""
    return tuple(one for one in streams_of(device) if one[0] in known.nodes)


def between(holdings: Sequence[Holding]) -> list[Conflict]:
    """Everything that two domains hold together."""
    twice = list(_nodes(holdings))
    known = {conflict.sides for conflict in twice}
    pages = (conflict for conflict in _pages(holdings) if conflict.sides not in known)
    return [*twice, *pages, *_lines(holdings), *_streams(holdings)]


def _conflict(broken: Rule, one: Holding, other: Holding, message: str) -> Conflict:
    domains, paths = (one.domain, other.domain), (one.path, other.path)
    return Conflict(broken, domains, paths, message, roots=(one.root, other.root))


def _nodes(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    """Nodes that two domains have, once for each pair of nodes that were named."""
    owners: dict[Node, list[Holding]] = defaultdict(list)
    for one in holdings:
        if one.node is not None:
            owners[one.node].append(one)
    told: set[frozenset[tuple[str, str]]] = set()
    for one in holdings:
        for above in one.node.lineage() if one.node is not None else ():
            for other in owners.get(above, ()):
                pair = frozenset({(one.domain, one.root), (other.domain, other.root)})
                if one.domain != other.domain and pair not in told:
                    told.add(pair)
                    yield _both_have(one, other)


def _both_have(one: Holding, other: Holding) -> Conflict:
    if one.root == other.root:
        message = f"{one.root} is given to {one.domain} and to {other.domain}"
        return _conflict(TWICE, one, other, message)
    inner, outer = (one, other) if len(one.root) > len(other.root) else (other, one)
    message = f"{inner.root} (of {inner.domain}) is below {outer.root} (of {outer.domain})"
    return _conflict(NESTED, outer, inner, message)


def _pages(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    spans = sorted(
        (span, number) for number, held in enumerate(holdings) for span in held.pages if span.size
    )
    shared: dict[tuple[int, int], list[Span]] = defaultdict(list)
    reaching: list[tuple[Span, int]] = []  # those that reach the current one
    for span, number in spans:
        reaching = [earlier for earlier in reaching if earlier[0].overlaps(span)]
        for its_span, its in reaching:
            if holdings[its].domain != holdings[number].domain:
                shared[min(its, number), max(its, number)].append(span.common(its_span))
        reaching.append((span, number))
    for (first, second), found in sorted(shared.items()):
        one, other = holdings[first], holdings[second]
        start, end = found[0]
        one_page = found[0].size <= PAGE_SIZE
        what = f"page {start:#x}" if one_page else f"pages {start:#x}-{end - 1:#x}"
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        made = _conflict(PAGES, one, other, f"{one.text} and {other.text} share {what}{more}")
        banks = [held for held in (one, other) if not held.path.startswith("/")]
        # Xen gives out a page of static memory once: nothing to accept.
        yield made._replace(fix="give static memory that nothing else has") if banks else made


def _lines(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    by_intid: dict[int, list[int]] = defaultdict(list)
    for number, held in enumerate(holdings):
        for intid in dict.fromkeys(held.intids):
            by_intid[intid].append(number)
    shared: dict[tuple[int, int], list[int]] = defaultdict(list)
    for intid, holders in sorted(by_intid.items()):
        for pair in combinations(holders, 2):
            shared[pair].append(intid)
    for (first, second), intids in sorted(shared.items()):
        one, other = holdings[first], holdings[second]
        if one.domain != other.domain:
            what = f"INTID{'s' if len(intids) > 1 else ''} {', '.join(map(str, intids))}"
            message = f"{one.text} and {other.text} have the same {what}"
            yield _conflict(LINES, one, other, message)


def _streams(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    behind: dict[Node, list[Holding]] = defaultdict(list)
    for one in holdings:
        for iommu in dict.fromkeys(iommu for iommu, _ in one.streams):
            behind[iommu].append(one)
    told: set[tuple[str, str, str, str]] = set()
    for holders in behind.values():
        for one, other in combinations(holders, 2):
            if one.domain == other.domain:
                continue
            common = _common(one, other)
            key = (one.domain, one.path, other.domain, other.path)
            if common is not None and key not in told:
                told.add(key)
                message = f"{one.text} and {other.text} have the same stream {common:#x}"
                yield _conflict(STREAMS, one, other, message)


def _common(one: Holding, other: Holding) -> int | None:
    """The first stream of one that the other has too."""
    for iommu, mine in one.streams:
        for same, its in other.streams:
            both = mine.common(its) if iommu is same else None
            if both is not None:
                return both
    return None
