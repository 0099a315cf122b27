"""Rules about what a guest's driver requires: suppliers, rates of clocks, firmware that answers.

Whether a node lacks something is asked of the host's node too, if it is known: what it lacks as
well, the device works without.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.firmware import (
    denied,
    firmware_users,
    known_to_xen,
    not_forwarded,
    not_owned,
    of_owner,
)
from xenassign.checks.required_suppliers import (
    SUPPLIER_REQUIRED,
    UNKNOWN_RATE,
    Missing,
    missing_suppliers,
)
from xenassign.devicetree.phandle_properties import kind_of
from xenassign.devicetree.references import Reference, property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.host.clock_rates import ClockRates
from xenassign.host.smc_firmware import smc_firmware
from xenassign.linting.guest.view import Check, View


def required(view: View) -> Iterator[Finding]:
    """Suppliers that the driver of a node is known to require, and that the node does not name."""
    for node in view.devices:
        missing = list(missing_suppliers(node)) if node.available else []
        host = view.host_node(node) if missing else None
        on_host = [(m.need, m.names) for m in missing_suppliers(host)] if host is not None else []
        by_property: dict[str, list[Missing]] = {}
        for lacking in missing:
            if (lacking.need, lacking.names) not in on_host:
                by_property.setdefault(lacking.need.property, []).append(lacking)
        for prop, several in by_property.items():
            yield _required(node, prop, several)


def _required(node: Node, prop: str, missing: list[Missing]) -> Finding:
    names = ", ".join(name for lacking in missing for name in lacking.names)
    lacks = f"it has no {prop}{f' ({names})' if names else ''}"
    if node.has(prop):
        lacks = f"its {prop} have no entry named {names}"
    driver = missing[0].driver
    message = (
        f"{node.path}: {lacks}: {missing[0].need.without}; see {driver.driver}, {driver.binding}"
    )
    fix = None
    if kind_of(prop) == "clock":
        fix = "add a fixed-clock with the rate at which the host leaves the clock, and its name"
    return SUPPLIER_REQUIRED(message, node=node.path, fix=fix)


def rates(view: View) -> Iterator[Finding]:
    """Clocks of devices whose rate is 0."""
    clock_rates = ClockRates(view.tree)
    for node in view.devices:
        if not node.available or (node.has("#clock-cells") and not node.has("reg")):
            continue  # the input of a clock controller, which need not be connected
        by_clock: dict[Node, list[str]] = {}
        for entry, provider in _without_rate(view.tree, node, clock_rates):
            if not _same_on_host(view, node, entry):
                by_clock.setdefault(provider, []).append(entry.name or str(entry.index))
        for provider, clocks in by_clock.items():
            yield _rate(node, provider, clocks)


def _rate(node: Node, provider: Node, clocks: list[str]) -> Finding:
    stated = "has 0 Hz" if provider.has("clock-frequency") else "has no clock-frequency"
    message = f"{node.path}: the rate of its clocks ({', '.join(clocks)}) is not known: "
    fix = f"set clock-frequency of {provider.path} to the rate at which the host leaves the clock"
    return UNKNOWN_RATE(
        f"{message}{provider.path} {stated}", node=node.path, prop="clocks", fix=fix
    )


def _without_rate(
    tree: Tree, node: Node, clock_rates: ClockRates
) -> Iterator[tuple[Reference, Node]]:
    """(clock, fixed-clock) of the clocks of a node whose fixed-clock states no rate."""
    prop = node.get("clocks")
    group = property_references(tree, node, prop) if prop is not None else None
    for entry in group.entries if group is not None else ():
        if entry.provider is not None:
            provider = clock_rates.without_rate(entry.provider)
            if provider is not None:
                yield entry, provider


def _same_on_host(view: View, node: Node, clock: Reference) -> bool:
    """Whether the host's node has the same clock without a rate: nothing is connected there."""
    host, platform = view.host_node(node), view.context.platform
    if host is None or platform is None:
        return False
    theirs = (entry for entry, _ in _without_rate(platform.tree, host, ClockRates(platform.tree)))
    same = (clock.name, None if clock.name else clock.index)
    return any((entry.name, None if entry.name else entry.index) == same for entry in theirs)


def firmware(view: View) -> Iterator[Finding]:
    """Firmware whose calls Xen refuses the guest, or does not know."""
    platform = view.context.platform
    board = platform.tree.root if platform is not None else None
    release = view.context.release
    for node in view.devices:
        known = smc_firmware(node.compatible)
        if known is None or not node.available or _inside_firmware(node):
            continue
        if of_owner(node, board, release):
            neighbours = view.board.neighbours if view.board is not None else None
            yield from not_owned(view.tree, node, view.copied, view.host_spans, neighbours)
        elif not known_to_xen(node, board):
            yield not_forwarded(node, known, view.context.release, board)
        elif used_by := firmware_users(view.tree, node, view.devices):
            yield denied(node, used_by)


def _inside_firmware(node: Node) -> bool:
    """Whether a node above is firmware too, which is judged with all that is in it."""
    return any(smc_firmware(above.compatible) is not None for above in node.ancestors())


CHECKS: tuple[Check, ...] = (required, rates, firmware)
