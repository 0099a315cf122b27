"""The rate of a clock of the host, if the board's tree determines it, and its source.

A rate is known from the clock itself (``fixed-clock`` and similar nodes, through fixed factors and
gates), or from requests (``assigned-clock-rates``), if all requests for the clock have one rate.
Other rates are set at run time. Of some controllers it is known which clocks only switch another
one, and which rate the boot loader leaves a clock at (``knowledge/controller-clocks.txt``).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from xenassign.devicetree.references import Reference, property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host.clock_frequency import clock_frequency
from xenassign.host.controller_clocks import controller_clocks

if TYPE_CHECKING:
    from xenassign.host.clock_summary import ClockSummary

#: Clocks between one and the one that states its rate. Boards have five.
_DEEPEST = 32


class Rate(NamedTuple):
    """A rate in Hz. ``source``: where it is stated, as the end of a sentence.

    ``requesters``: the nodes whose assigned-clock-rates request it; empty if the clock states it.
    ``usual``: whose usual rate it is, if the board's tree does not determine it; else "".
    """

    hz: int
    source: str
    requesters: tuple[Node, ...] = ()
    usual: str = ""


class ClockRates:
    """The rates of a board. The requests of all nodes are collected when they are first needed.

    ``summary``: the rates that the running board has, which count before what the tree states.
    """

    def __init__(self, tree: Tree, summary: ClockSummary | None = None) -> None:
        self.tree = tree
        self.summary = summary
        self._requests: _Requests[int] | None = None
        self._parents: _Requests[Reference] | None = None

    def of(self, consumer: Node, reference: Reference) -> Rate | None:
        """The rate of a clock of a device; None if neither the tree nor a table determines it."""
        if reference.provider is None:
            return None
        measured = self.summary.rate(consumer, reference) if self.summary is not None else None
        if measured and self.summary is not None:
            return Rate(measured, f"read from {self.summary.source}")
        return (
            self.provided(reference.provider)
            or self.requested(consumer, reference)
            or _own(consumer, reference)
            or self._by_number(consumer, reference)
        )

    def measured(self, summary: ClockSummary | None) -> ClockRates:
        """The rates with those of a running board."""
        if summary is None:
            return self
        rates = copy(self)
        rates.summary = summary
        return rates

    @property
    def unread(self) -> str:
        """Why the rates of the running board were not read with its tree, or ""."""
        running = self.tree.running.get("clk_summary")
        return running.problem if running is not None and self.summary is None else ""

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
        return self._requested(consumer, (reference.provider, reference.args))

    def _requested(self, consumer: Node, clock: _Clock) -> Rate | None:
        if self._requests is None:
            self._requests = _all_requests(self.tree)
        requests = _valid(self._requests, consumer, clock)
        rates = {hz for _, hz in requests}
        if len(rates) != 1:
            return None
        requesters = tuple(node for node, _ in requests)
        return Rate(rates.pop(), f"assigned-clock-rates of {_listed(requesters)}", requesters)

    def _by_number(self, consumer: Node, reference: Reference) -> Rate | None:
        """The rate of a clock of which the number is known: of what it switches, or its usual one.

        A clock with a usual rate has the rate of its parent instead, if a request assigns one.
        """
        provider = reference.provider
        known = controller_clocks(provider.compatible) if provider is not None else None
        if provider is None or known is None or len(reference.args) != 1:
            return None
        (number,) = reference.args
        clock = known.gates.get(number, number)
        fixed, usual = known.fixed.get(clock), known.usual.get(clock)
        if fixed is not None:
            return Rate(fixed, f"fixed for clock {clock} of {provider.path}")
        requested = self._requested(consumer, (provider, (clock,))) if clock != number else None
        if requested is not None or usual is None:
            return requested
        if self._parents is None:
            self._parents = _all_parents(self.tree)
        parents = _valid(self._parents, consumer, (provider, (clock,)))
        if not parents:
            source = f"usual for clock {clock} of {provider.path}: {usual.source}"
            return Rate(usual.hz, source, usual=usual.source)
        requesters = tuple(node for node, _ in parents)
        rates = {self._root(parent) for _, parent in parents}
        hz = rates.pop() if len(rates) == 1 else None
        source = f"assigned-clock-parents of {_listed(requesters)}"
        return Rate(hz, source, requesters) if hz is not None else None

    def _root(self, reference: Reference) -> int | None:
        """The rate of a clock that nothing changes: a fixed one of a controller, or a crystal."""
        provider = reference.provider
        known = controller_clocks(provider.compatible) if provider is not None else None
        if known is not None and len(reference.args) == 1:
            return known.fixed.get(reference.args[0])
        rate = self.provided(provider) if provider is not None else None
        return rate.hz if rate is not None else None


#: A clock: its provider and its arguments.
_Clock = tuple[Node, tuple[int, ...]]
_Requested = TypeVar("_Requested")
_Requests = dict[_Clock, list[tuple[Node, _Requested]]]


def _valid(
    requests: _Requests[_Requested], consumer: Node, clock: _Clock
) -> list[tuple[Node, _Requested]]:
    """The requests for a clock that Linux carries out: of available nodes, and of the device."""
    near = set(consumer.lineage())
    return [
        (node, value) for node, value in requests.get(clock, ()) if node in near or node.enabled
    ]


def _listed(requesters: tuple[Node, ...]) -> str:
    shown = ", ".join(dict.fromkeys(node.path for node in requesters[:3]))
    more = f" and {len(requesters) - 3} more" if len(requesters) > 3 else ""
    return f"{shown}{more}"


def _all_requests(tree: Tree) -> _Requests[int]:
    """(node, Hz) of every requested rate, by the clock. 0 requests nothing (clock.yaml)."""
    requests: _Requests[int] = {}
    for node, clocks in _assigned(tree):
        for entry, hz in zip(clocks, _rates(node), strict=False):
            if hz and entry.provider is not None:
                requests.setdefault((entry.provider, entry.args), []).append((node, hz))
    return requests


def _all_parents(tree: Tree) -> _Requests[Reference]:
    """(node, parent clock) of every requested parent, by the clock. 0 requests nothing."""
    requests: _Requests[Reference] = {}
    for node, clocks in _assigned(tree):
        prop = node.get("assigned-clock-parents")
        group = property_references(tree, node, prop) if prop else None
        for entry, parent in zip(clocks, group.entries if group else (), strict=False):
            if entry.provider is not None and parent.provider is not None:
                requests.setdefault((entry.provider, entry.args), []).append((node, parent))
    return requests


def _assigned(tree: Tree) -> Iterator[tuple[Node, tuple[Reference, ...]]]:
    """The nodes with assigned-clocks, and these clocks."""
    for node in tree.nodes():
        prop = node.get("assigned-clocks")
        group = property_references(tree, node, prop) if prop else None
        if group is not None:
            yield node, tuple(group.entries)


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
