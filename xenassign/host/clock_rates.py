"""The rate of a clock of the host, if the board's tree determines it, and its source.

A rate is known from the clock itself (``fixed-clock`` and similar nodes, through fixed factors and
gates), or from requests (``assigned-clock-rates``), if all requests for the clock have one rate.
Other rates, which a controller sets at run time, are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from xenassign.devicetree.references import Reference, property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.clock_frequency import clock_frequency
from xenassign.host.clock_summary import ClockSummary

#: Clocks between one and the one that states its rate. Boards have five.
_DEEPEST = 32


class Rate(NamedTuple):
    """A rate in Hz. ``source``: where it is stated, as the end of a sentence.

    ``requesters``: the nodes whose assigned-clock-rates request it; empty if the clock states it.
    """

    hz: int
    source: str
    requesters: tuple[Node, ...] = ()


@dataclass(slots=True)
class ClockRates:
    """The rates of a board. The requests of all nodes are collected when they are first needed.

    ``summary``: the rates that the running board has, which count before what the tree states.
    """

    tree: Tree
    summary: ClockSummary | None = None
    _requests: dict[tuple[Node, tuple[int, ...]], list[tuple[Node, int]]] | None = field(
        default=None
    )

    def of(self, consumer: Node, reference: Reference) -> Rate | None:
        """The rate of a clock of a device; None if the tree does not determine it."""
        if reference.provider is None:
            return None
        measured = self.summary.rate(consumer, reference) if self.summary is not None else None
        if measured and self.summary is not None:
            return Rate(measured, f"read from {self.summary.source}")
        return (
            self.provided(reference.provider)
            or self.requested(consumer, reference)
            or _own(consumer, reference)
        )

    def measured(self, summary: ClockSummary | None) -> ClockRates:
        """The rates with those of a running board."""
        return replace(self, summary=summary) if summary is not None else self

    def provided(self, provider: Node) -> Rate | None:
        """The rate of a provider's only clock, from the provider itself; None if unknown."""
        return self._provided(provider, frozenset())

    def _provided(self, provider: Node, met: frozenset[Node]) -> Rate | None:
        """``met``: the providers below, so that a cycle of clocks ends, and a long chain too."""
        if provider in met or len(met) == _DEEPEST:
            return None
        kinds = frozenset(provider.compatible)
        passes = _means(provider, "passes")
        if _means(provider, "provides") or (
            _u32(provider, "#clock-cells") == 0
            and "fixed-factor-clock" not in kinds
            and not provider.has("clocks")
        ):
            hz = _u32(provider, "clock-frequency")
            return Rate(hz, f"clock-frequency of {provider.path}") if hz else None
        if "fixed-factor-clock" not in kinds and not passes:
            return None
        parent = self.parent(provider)
        if parent is None or parent.provider is None:
            return None
        met |= {provider}
        rate = self._provided(parent.provider, met) or self.requested(provider, parent)
        if rate is None or passes:
            return rate
        factor, divisor = _u32(provider, "clock-mult"), _u32(provider, "clock-div")
        if not factor or not divisor:
            return None
        hz = rate.hz * factor // divisor  # as clk_factor_recalc_rate of Linux computes
        source = f"{rate.source}, times {factor} / {divisor} by {provider.path}"
        return Rate(hz, source, rate.requesters) if hz else None

    def without_rate(self, provider: Node) -> Node | None:
        """The fixed-clock that gives a provider's only clock its rate, if it states none or 0."""
        passed: set[Node] = set()
        while provider not in passed:
            passed.add(provider)
            if "fixed-clock" in provider.compatible:
                return None if _u32(provider, "clock-frequency") else provider
            if "fixed-factor-clock" not in provider.compatible and not _means(provider, "passes"):
                return None
            parent = self.parent(provider)
            if parent is None or parent.provider is None:
                return None
            provider = parent.provider
        return None

    def parent(self, provider: Node) -> Reference | None:
        """The first of a provider's ``clocks``: its parent clock."""
        prop = provider.get("clocks")
        group = property_references(self.tree, provider, prop) if prop else None
        return group.entries[0] if group and group.entries else None

    def requested(self, consumer: Node, reference: Reference) -> Rate | None:
        """The rate that assigned-clock-rates request, if all requests have one rate; else None.

        Requests of the device, its ancestors, and every available node count: Linux sets the rates
        when it probes the node (the provider's own when it registers the provider).
        """
        if reference.provider is None:
            return None
        if self._requests is None:
            self._requests = _all_requests(self.tree)
        near = set(consumer.lineage())
        requests = [
            (node, hz)
            for node, hz in self._requests.get((reference.provider, reference.args), ())
            if node in near or node.enabled
        ]
        rates = {hz for _, hz in requests}
        if len(rates) != 1:
            return None
        requesters = tuple(node for node, _ in requests)
        shown = ", ".join(dict.fromkeys(node.path for node in requesters[:3]))
        more = f" and {len(requesters) - 3} more" if len(requesters) > 3 else ""
        return Rate(rates.pop(), f"assigned-clock-rates of {shown}{more}", requesters)


def _all_requests(tree: Tree) -> dict[tuple[Node, tuple[int, ...]], list[tuple[Node, int]]]:
    """(node, Hz) of every requested rate, by the clock. 0 requests nothing (clock.yaml)."""
    requests: dict[tuple[Node, tuple[int, ...]], list[tuple[Node, int]]] = {}
    for node in tree.nodes():
        prop = node.get("assigned-clocks")
        group = property_references(tree, node, prop) if prop else None
        rates = _rates(node) if group else ()
        for entry, hz in zip(group.entries if group else (), rates, strict=False):
            if hz and entry.provider is not None:
                requests.setdefault((entry.provider, entry.args), []).append((node, hz))
    return requests


def _rates(node: Node) -> tuple[int, ...]:
    """assigned-clock-rates in Hz; -u64 counts before it, as in Linux' __set_clk_rates."""
    wide = node.get("assigned-clock-rates-u64")
    try:
        cells = wide.cells() if wide else node.cells("assigned-clock-rates")
    except PropertyError:
        return ()
    if wide is None:
        return cells
    return tuple(high << 32 | low for high, low in zip(cells[::2], cells[1::2], strict=False))


def _own(consumer: Node, reference: Reference) -> Rate | None:
    """The rate that a device states of its own input clock."""
    if reference.prop != "clocks":
        return None
    for _, names in clock_frequency(consumer.compatible, "takes"):
        hz = _u32(consumer, "clock-frequency")
        listed = set(consumer.strings("clock-names")) & set(names)
        input_clock = reference.name in names if listed else reference.index == 0
        if hz and input_clock:
            return Rate(hz, f"clock-frequency of {consumer.path}, which is that of its input clock")
    return None


def _means(provider: Node, meaning: str) -> bool:
    """Whether clock-frequency of a provider is known to have this meaning."""
    return any(clock_frequency(provider.compatible, meaning))


def _u32(node: Node, name: str) -> int | None:
    """The value of a property of one cell; None if it is absent or has another form."""
    try:
        values = node.cells(name)
    except PropertyError:
        return None
    return values[0] if len(values) == 1 else None
