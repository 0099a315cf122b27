"""Conflicts between two domains of one system: they may share nothing of the host.

A domain's plan is compared with the host alone (``Scope.stays_with_host``); here domains are
compared with each other. Plans (:mod:`xenassign.system.system`) and files
(:mod:`xenassign.linting.guest.together`) are given as ``Holding``: a node of the host and what Xen
gives a domain of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding, Rule, rule
from xenassign.host.neighbours import Streams, streams_of

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node
    from xenassign.host.device import HostDevice
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
SCMI_IDS = rule(
    "XA029", "scmi-id-in-two-domains", "error", "unsafe", applies=lambda xen: xen.scmi_smc
)
MEMORY = rule("XA008", "memory-overcommitted", "warning", "broken")
IDLE = rule("XA009", "allowance-idle", "warning", "style")

#: What the user can accept with a reason. Xen refuses the rest, or nothing can isolate it.
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
        """The node and its domain, for a message."""
        return f"{self.path} (of {self.domain})"


class Conflict(NamedTuple):
    """Two domains, the host paths of the two sides, and the message about them.

    ``roots``: the nodes whose subtrees they came with. ``also``: further paths of the second side.
    ``fix``: what to do, if not the rule's. ``accepted``: the user states why he accepts it.
    """

    rule: Rule
    domains: tuple[str, str]
    paths: tuple[str, str]
    message: str
    severity: str | None = None
    roots: tuple[str, str] = ("", "")
    also: tuple[str, ...] = ()
    fix: str | None = None
    accepted: bool = False

    @property
    def sides(self) -> frozenset[tuple[str, str]]:
        """The two nodes that were given to the two domains, in no order."""
        return frozenset(zip(self.domains, self.roots, strict=True))

    @property
    def finding(self) -> Finding:
        """A finding about the first side."""
        node = next((path for path in self.paths if path.startswith("/")), None)
        return self.rule(
            self.message,
            node=node,
            severity=self.severity,
            fix=self.fix,
            accepted=self.accepted,
        )


def known_streams(iommus: Iommus, device: HostDevice) -> tuple[tuple[Node, Streams], ...]:
    """(IOMMU, streams) of a device, for each IOMMU that Xen drives."""
    return tuple(streams for streams in streams_of(device) if streams[0] in iommus.nodes)


def conflicts_between(holdings: Sequence[Holding]) -> list[Conflict]:
    """The conflicts between all pairs of holdings of different domains."""
    twice = list(_nodes(holdings))
    known = {conflict.sides for conflict in twice}
    pages = (conflict for conflict in _pages(holdings) if conflict.sides not in known)
    return [*twice, *pages, *_lines(holdings), *_streams(holdings)]


def _conflict(broken: Rule, first: Holding, second: Holding, message: str) -> Conflict:
    domains, paths = (first.domain, second.domain), (first.path, second.path)
    return Conflict(broken, domains, paths, message, roots=(first.root, second.root))


def _nodes(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    """Nodes that two domains have, once for each pair of nodes that were named."""
    owners: dict[Node, list[Holding]] = defaultdict(list)
    for held in holdings:
        if held.node is not None:
            owners[held.node].append(held)
    reported: set[frozenset[tuple[str, str]]] = set()
    for held in holdings:
        for above in held.node.lineage() if held.node is not None else ():
            for other in owners.get(above, ()):
                pair = frozenset({(held.domain, held.root), (other.domain, other.root)})
                if held.domain != other.domain and pair not in reported:
                    reported.add(pair)
                    yield _node_conflict(held, other)


def _node_conflict(first: Holding, second: Holding) -> Conflict:
    if first.root == second.root:
        message = f"{first.root} is given to {first.domain} and to {second.domain}"
        return _conflict(TWICE, first, second, message)
    outer, inner = sorted((first, second), key=lambda held: len(held.root))
    message = f"{inner.root} (of {inner.domain}) is below {outer.root} (of {outer.domain})"
    return _conflict(NESTED, outer, inner, message)


def _pages(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    """Host pages that two domains have, once for each pair of holdings."""
    spans = sorted(
        (span, number) for number, held in enumerate(holdings) for span in held.pages if span.size
    )
    shared: dict[tuple[int, int], list[Span]] = defaultdict(list)
    reaching: list[tuple[Span, int]] = []  # those that reach the current one
    for span, number in spans:
        reaching = [earlier for earlier in reaching if earlier[0].overlaps(span)]
        for other_span, other in reaching:
            if holdings[other].domain != holdings[number].domain:
                shared[min(other, number), max(other, number)].append(span.common(other_span))
        reaching.append((span, number))
    for (first, second), common in sorted(shared.items()):
        yield _page_conflict(holdings[first], holdings[second], common)


def _page_conflict(first: Holding, second: Holding, common: list[Span]) -> Conflict:
    start, end = common[0]
    pages = f"page {start:#x}" if end - start <= PAGE_SIZE else f"pages {start:#x}-{end - 1:#x}"
    more = f" and {len(common) - 1} more" if len(common) > 1 else ""
    message = f"{first.text} and {second.text} share {pages}{more}"
    conflict = _conflict(PAGES, first, second, message)
    if first.path.startswith("/") and second.path.startswith("/"):
        return conflict
    # Xen gives out a page of static memory once: this cannot be accepted.
    return conflict._replace(fix="give static memory that nothing else has")


def _lines(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    """Interrupts that two domains have, once for each pair of holdings."""
    by_intid: dict[int, list[int]] = defaultdict(list)
    for number, held in enumerate(holdings):
        for intid in dict.fromkeys(held.intids):
            by_intid[intid].append(number)
    shared: dict[tuple[int, int], list[int]] = defaultdict(list)
    for intid, numbers in sorted(by_intid.items()):
        for pair in combinations(numbers, 2):
            shared[pair].append(intid)
    for pair, intids in sorted(shared.items()):
        first, second = (holdings[number] for number in pair)
        if first.domain != second.domain:
            listed = f"INTID{'s' if len(intids) > 1 else ''} {', '.join(map(str, intids))}"
            message = f"{first.text} and {second.text} have the same {listed}"
            yield _conflict(LINES, first, second, message)


def _streams(holdings: Sequence[Holding]) -> Iterator[Conflict]:
    """Streams of one IOMMU that two domains have, once for each pair of nodes."""
    by_iommu: dict[Node, list[Holding]] = defaultdict(list)
    for held in holdings:
        for iommu in dict.fromkeys(iommu for iommu, _ in held.streams):
            by_iommu[iommu].append(held)
    reported: set[tuple[str, str, str, str]] = set()
    for holders in by_iommu.values():
        for first, second in combinations(holders, 2):
            if first.domain == second.domain:
                continue
            stream = _common_stream(first, second)
            key = (first.domain, first.path, second.domain, second.path)
            if stream is not None and key not in reported:
                reported.add(key)
                message = f"{first.text} and {second.text} have the same stream {stream:#x}"
                yield _conflict(STREAMS, first, second, message)


def _common_stream(first: Holding, second: Holding) -> int | None:
    """The first stream of a holding that another has too."""
    for iommu, streams in first.streams:
        for other_iommu, other_streams in second.streams:
            stream = streams.common(other_streams) if iommu is other_iommu else None
            if stream is not None:
                return stream
    return None
