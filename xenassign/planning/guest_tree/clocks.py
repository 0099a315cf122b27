"""Clocks: the stubs in the guest's tree for clocks that stay with the host.

Of what a driver requests of a clock, a guest can have the rate only, so a ``fixed-clock`` with the
rate at which the host leaves the clock replaces it. There is one for each rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from xenassign.checks.required_suppliers import UNKNOWN_RATE
from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.host.clock_rates import ClockRates, Rate
from xenassign.host.driver_needs import needs
from xenassign.planning.kept_firmware import OfferedFirmware
from xenassign.request.origin import mistake
from xenassign.request.request import ClockRate

ONLY_REQUESTED = rule("XA509", "clock-rate-only-asked", "note", "broken")
USUAL_RATE = rule("XA510", "clock-rate-usual", "note", "broken")

_RATE_MAX = (1 << 32) - 1  # clock-frequency of fixed-clock is one cell


class Clocks:
    """Creates the stubs and reports clocks whose rate is not known.

    ``options``: --clock-rate with its node. ``free_label``: returns an unused label. ``assigned``:
    whether a node is assigned, so that dom0 does not probe it. ``answered``: whether firmware
    answers the guest about a clock. ``offered``: firmware that could.
    """

    def __init__(
        self,
        rates: ClockRates,
        assigned: Callable[[Node], bool],
        options: tuple[tuple[ClockRate, Node], ...],
        free_label: Callable[[str], str],
        answered: Callable[[Reference], bool],
        offered: OfferedFirmware | None,
    ) -> None:
        self.rates = rates
        self.assigned = assigned
        self.options = options
        self.free_label = free_label
        self.answered = answered
        self.offered = offered
        self._clocks: list[tuple[Node, Reference]] = []
        self._unknown: dict[Node, list[Reference]] = {}
        self._only_requested: dict[str, list[str]] = {}
        self._usual: dict[Node, list[tuple[Reference, Rate]]] = {}
        self._stubs: dict[int, tuple[str, list[str]]] = {}

    def copyable(self, node: Node, reference: Reference) -> bool:
        """Whether the guest gets the rate from a copy of the provider, and not from --clock-rate.

        The provider states the rate, or firmware answers the guest about its parent clock.
        """
        self._clocks.append((node, reference))
        provider = reference.provider
        if provider is None or self.given(node, reference) is not None:
            return False
        return self.rates.provided(provider) is not None or self._has_answered_parent(provider)

    def _has_answered_parent(self, provider: Node) -> bool:
        """Whether firmware answers about a clock above."""
        passed: set[Node] = set()
        parent = self.rates.parent(provider)
        while parent is not None and parent.provider is not None and provider not in passed:
            if self.answered(parent):
                return True
            passed.add(provider)
            provider = parent.provider
            parent = self.rates.parent(provider)
        return False

    def stub(self, node: Node, reference: Reference) -> tuple[str, str]:
        """(label, reason for the rate) of the fixed-clock for a clock of a node."""
        rate = self.given(node, reference) or self.rates.of(node, reference)
        if rate is not None and rate.hz > _RATE_MAX:
            rate = None
        if rate is None:
            self._unknown.setdefault(node, []).append(reference)
        elif rate.usual:
            self._usual.setdefault(node, []).append((reference, rate))
        elif rate.requesters and not any(self._probed_by_dom0(node) for node in rate.requesters):
            clock = f"{_clock(reference)} at {rate.hz} Hz"
            self._only_requested.setdefault(node.path, []).append(clock)
        path = reference.provider.path if reference.provider else "nothing"
        provider = " ".join([path, *(f"{arg:#x}" for arg in reference.args)])
        replaced = f"{provider}, for {_clock(reference)} of {node.path}"
        label = self._stub(rate.hz if rate else 0, replaced)
        return label, f"{rate.hz} Hz: {rate.source}" if rate else "rate not known: 0 Hz is written"

    def _probed_by_dom0(self, node: Node) -> bool:
        """Whether dom0 probes the node: it is not assigned to this or (marked) another domain."""
        marked = any(above.has("xen,passthrough") for above in node.lineage())
        return node.enabled and not marked and not self.assigned(node)

    def given(self, node: Node, reference: Reference) -> Rate | None:
        """The rate of the most specific --clock-rate that applies to the clock, or None."""
        fitting = [
            (option.clock is None, target is not node, option.rate)
            for option, target in self.options
            if _fits(option, target, node, reference)
        ]
        return Rate(min(fitting)[2], "--clock-rate") if fitting else None

    def check(self) -> None:
        """Raises UsageError with a line for each --clock-rate that fits no clock of the domain."""
        mistakes: list[str] = []
        for option, target in self.options:
            if not any(_fits(option, target, node, reference) for node, reference in self._clocks):
                clock = f"#{option.clock}" if option.clock is not None else ""
                known = [_clock(r) for node, r in self._clocks if node is target]
                hint = "name an assigned device that has clocks, or the controller of one of them"
                if known:
                    hint = f"its clocks are {', '.join(dict.fromkeys(known))}"
                why = f"fits no clock; {hint}"
                mistakes.append(mistake("--clock-rate", option.node, why, clock))
        if mistakes:
            raise UsageError(*mistakes)

    def findings(self) -> Iterator[Finding]:
        """Clocks whose rate is not known, or that dom0 does not set: one finding for each node."""
        for node, clocks in self._unknown.items():
            path, names = node.path, [*dict.fromkeys(map(_clock, clocks))]
            message = f"{path}: the rates of its clocks ({', '.join(names)}) are not known"
            effects = [*_effects_of_zero(node, clocks)]
            message += "; 0 is written" + "".join(effects)
            fix = f"give {' '.join(f'--clock-rate {path}#{name}=HZ' for name in names)}"
            if self.rates.unread:
                fix = f"{fix}, or the rates of the board, which were not read: {self.rates.unread}"
            if self.offered is not None and any(map(self._offers, clocks)):
                fix = f"{fix}, or let the firmware answer with {self.offered.option}"
            fails = bool(effects)
            yield UNKNOWN_RATE(message, node=node.path, prop="clocks", fix=fix, fails=fails)
        for node, usual in self._usual.items():
            yield _usual_rates(node, usual)
        for path, rates in self._only_requested.items():
            listed = ", ".join(dict.fromkeys(rates))
            message = f"{path}: dom0 does not set the rates that the guest gets ({listed})"
            yield ONLY_REQUESTED(message, node=path, prop="assigned-clock-rates")

    def _offers(self, reference: Reference) -> bool:
        provider = reference.provider
        return self.offered is not None and self.offered.holds(provider.path if provider else None)

    def _stub(self, rate: int, replaced: str) -> str:
        """The label of the fixed-clock of a rate (Hz). ``replaced``: the clock, for a comment."""
        if rate not in self._stubs:
            label = self.free_label(f"clk_{rate}" if rate else "clk_unknown")
            self._stubs[rate] = (label, [])
        label, clocks = self._stubs[rate]
        if replaced not in clocks:
            clocks.append(replaced)
        return label

    def nodes(self) -> Iterator[DraftNode]:
        """The fixed-clocks, by rate."""
        for rate, (label, clocks) in sorted(self._stubs.items()):
            comments = [f"replaces {clock}" for clock in clocks]
            if rate:
                comments.append("the host must keep these running at this rate")
            else:
                comments.append("rate not known: give it with --clock-rate")
            yield DraftNode(
                f"clock-{rate}" if rate else "clock-unknown",
                (
                    text("compatible", "fixed-clock"),
                    cells("#clock-cells", 0, decimal=True),
                    cells("clock-frequency", rate, decimal=True),
                ),
                label=label,
                comments=tuple(comments),
            )


def _usual_rates(node: Node, clocks: Sequence[tuple[Reference, Rate]]) -> Finding:
    listed = ", ".join(dict.fromkeys(f"{_clock(clock)} {rate.hz} Hz" for clock, rate in clocks))
    sources = ", ".join(dict.fromkeys(rate.usual for _, rate in clocks))
    message = f"{node.path}: the usual rates of its clocks are used: {listed} ({sources})"
    fix = "if the board has others, read them with --clock-summary FILE, or give --clock-rate"
    fix += f" {node.path}#{_clock(clocks[0][0])}=HZ"
    return USUAL_RATE(message, node=node.path, prop="clocks", fix=fix)


def _effects_of_zero(node: Node, clocks: Sequence[Reference]) -> Iterator[str]:
    """What the driver of a node does with a rate of 0, for each clock of which that is known."""
    driver = needs(node.compatible)
    for clock in clocks:
        effect = driver.without_rate(clock.name) if driver is not None else ""
        if driver is not None and effect:
            yield f"; 0 for {clock.name}: {effect} ({driver.driver})"


def _clock(reference: Reference) -> str:
    """A clock as its device refers to it: by name, else by index."""
    return reference.name or str(reference.index)


def _fits(option: ClockRate, target: Node, node: Node, reference: Reference) -> bool:
    """Whether a --clock-rate applies to a clock: its node is the device, or the controller."""
    if target is node and reference.prop == "clocks":
        return option.clock in (None, reference.name, str(reference.index))
    args = ",".join(str(arg) for arg in reference.args)
    return target is reference.provider and option.clock in (None, args)
