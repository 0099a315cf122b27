"""Clocks: the fixed-clocks that stand in the guest's tree for clocks that stay with the host.

A driver asks for a clock's rate and for nothing else that a guest could have, so a ``fixed-clock``
of the rate at which the host leaves the clock will do. There is one for each rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from xenassign.devicetree.draft import DraftNode, cells, text
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.host.clock_rates import ClockRates, Rate
from xenassign.planning.kept_firmware import OfferedFirmware
from xenassign.request.origin import mistake
from xenassign.request.request import ClockRate

UNKNOWN_RATE = rule("XA501", "clock-rate-unknown", "warning", "broken")
ONLY_ASKED = rule("XA509", "clock-rate-only-asked", "note", "broken")

_RATE_MAX = (1 << 32) - 1  # clock-frequency of fixed-clock is one cell


@dataclass(slots=True)
class Clocks:
    """Makes the stubs. ``options``: --clock-rate with its node; ``free_label``: a label nobody has.

    ``assigned``: whether a node is given to the guest, so that dom0 never probes it. ``answered``:
    whether firmware answers the guest about a clock; ``offered``: firmware that could.
    """

    rates: ClockRates
    assigned: Callable[[Node], bool]
    options: tuple[tuple[ClockRate, Node], ...]
    free_label: Callable[[str], str]
    answered: Callable[[Reference], bool]
    offered: OfferedFirmware | None
    _met: list[tuple[Node, Reference]] = field(default_factory=list)
    _unknown: dict[str, list[Reference]] = field(default_factory=dict)
    _only_asked: dict[str, list[str]] = field(default_factory=dict)
    _stubs: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def copyable(self, node: Node, reference: Reference) -> bool:
        """Whether the provider tells its rate by itself and no --clock-rate says another.

        Or the firmware tells it: it answers the guest about the clock that feeds the provider.
        """
        self._met.append((node, reference))
        provider = reference.provider
        if provider is None or self.given(node, reference) is not None:
            return False
        return self.rates.provided(provider) is not None or self._fed(provider, frozenset())

    def _fed(self, provider: Node, met: frozenset[Node]) -> bool:
        parent = self.rates.parent(provider)
        if parent is None or parent.provider is None or provider in met:
            return False
        return self.answered(parent) or self._fed(parent.provider, met | {provider})

    def stub(self, node: Node, reference: Reference) -> tuple[str, str]:
        """The label of the fixed-clock for a clock of a node, and why it is that one."""
        rate = self.given(node, reference) or self.rates.of(node, reference)
        if rate is not None and rate.hz > _RATE_MAX:
            rate = None
        if rate is None:
            self._unknown.setdefault(node.path, []).append(reference)
        elif rate.requesters and not any(self._probed_by_dom0(node) for node in rate.requesters):
            asked = f"{_clock(reference)} at {rate.hz} Hz"
            self._only_asked.setdefault(node.path, []).append(asked)
        path = reference.provider.path if reference.provider else "nothing"
        what = " ".join([path, *(f"{arg:#x}" for arg in reference.args)])
        label = self._stub(
            rate.hz if rate else 0, f"{what}, for {_clock(reference)} of {node.path}"
        )
        why = f"{rate.hz} Hz: {rate.source}" if rate else "rate not known: 0 Hz is written"
        return label, why

    def _probed_by_dom0(self, node: Node) -> bool:
        """Whether dom0 sees the node; one of another domain may bear its mark already."""
        around = list(node.lineage())
        marked = any(above.has("xen,passthrough") for above in around)
        return not (marked or self.assigned(node)) and all(above.available for above in around)

    def given(self, node: Node, reference: Reference) -> Rate | None:
        """The rate of --clock-rate: the option that says most about the clock counts."""
        fitting = [
            (option.clock is None, target is not node, option.rate)
            for option, target in self.options
            if _fits(option, target, node, reference)
        ]
        return Rate(min(fitting)[2], "--clock-rate") if fitting else None

    def check(self) -> None:
        """Raises UsageError with a line for each --clock-rate that fits no clock of the domain."""
        idle: list[str] = []
        for option, target in self.options:
            if not any(_fits(option, target, node, reference) for node, reference in self._met):
                clock = f"#{option.clock}" if option.clock is not None else ""
                some = [_clock(r) for node, r in self._met if node is target]
                hint = "name an assigned device that has clocks, or the controller of one of them"
                if some:
                    hint = f"its clocks are {', '.join(dict.fromkeys(some))}"
                why = f"fits no clock; {hint}"
                idle.append(mistake("--clock-rate", option.node, why, clock))
        if idle:
            raise UsageError(*idle)

    def findings(self) -> Iterator[Finding]:
        """The clocks whose rate nobody told or nobody sets, in one line for each node."""
        for path, lost in self._unknown.items():
            some = ", ".join(dict.fromkeys(_clock(one) for one in lost))
            message = f"{path}: the rates of its clocks ({some}) are not known; 0 is written"
            fix = f"give each with --clock-rate {path}#{_clock(lost[0])}=HZ"
            if self.offered is not None and any(self._offers(one) for one in lost):
                fix = f"{fix}, or leave them to the firmware with {self.offered.option}"
            yield UNKNOWN_RATE(message, node=path, prop="clocks", fix=fix)
        for path, clocks in self._only_asked.items():
            some = ", ".join(dict.fromkeys(clocks))
            message = f"{path}: dom0 does not set the rates that the guest is told ({some})"
            yield ONLY_ASKED(message, node=path, prop="assigned-clock-rates")

    def _offers(self, reference: Reference) -> bool:
        provider = reference.provider
        return self.offered is not None and self.offered.holds(provider.path if provider else None)

    def _stub(self, rate: int, what: str) -> str:
        """The label of the fixed-clock of a rate, one for each rate."""
        if rate not in self._stubs:
            label = self.free_label(f"clk_{rate}" if rate else "clk_unknown")
            self._stubs[rate] = (label, [])
        label, stands_for = self._stubs[rate]
        if what not in stands_for:
            stands_for.append(what)
        return label

    def nodes(self) -> Iterator[DraftNode]:
        """The fixed-clocks, by rate."""
        for rate, (label, stands_for) in sorted(self._stubs.items()):
            comments = [f"stands for {what}" for what in stands_for]
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


def _clock(reference: Reference) -> str:
    """What the device calls a clock: its name, else its index."""
    return reference.name or str(reference.index)


def _fits(option: ClockRate, target: Node, node: Node, reference: Reference) -> bool:
    """Whether a --clock-rate is about a clock: by its device, or by its controller."""
    if target is node and reference.prop == "clocks":
        return option.clock in (None, reference.name, str(reference.index))
    args = ",".join(str(arg) for arg in reference.args)
    return target is reference.provider and option.clock in (None, args)
