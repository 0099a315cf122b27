"""Suppliers that a driver requires, and clocks without a rate, in a guest's tree.

:mod:`xenassign.host.driver_needs` has the drivers that are known; of others nothing is concluded.
Plans ask about references of the host that are dropped, the lint about what a node of a file lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.phandle_properties import lookup
from xenassign.findings import rule
from xenassign.host.driver_needs import DriverNeeds, Need, need, needs
from xenassign.tables import fits

if TYPE_CHECKING:
    from xenassign.devicetree.references import Reference
    from xenassign.devicetree.tree import Node

UNKNOWN_RATE = rule("XA501", "clock-rate-unknown", "warning", "broken")
SUPPLIER_REQUIRED = rule("XA506", "supplier-required", "warning", "broken")


def required(consumer: Node, reference: Reference) -> bool:
    """Whether the driver is known to fail without the supplier, and nothing else replaces it."""
    known = need(needs(consumer.compatible), reference.prop, reference.name)
    return known is not None and known.required and not _replaced(consumer, known)


def _replaced(consumer: Node, known: Need) -> bool:
    return any(consumer.has(other) or other in consumer.children for other in known.instead)


class Missing(NamedTuple):
    """A supplier that the driver of a node requires, and the node does not name.

    ``names``: of the entries that are missing; empty if the property is, or needs no names.
    """

    need: Need
    driver: DriverNeeds
    names: tuple[str, ...]


def missing_suppliers(consumer: Node) -> Iterator[Missing]:
    """What the driver of a node is known to require, and the node does not name."""
    driver = needs(consumer.compatible)
    for known in driver.needs if driver is not None else ():
        if driver is None or not known.required or _replaced(consumer, known):
            continue
        names = _missing_names(consumer, known)
        if names is not None:
            yield Missing(known, driver, names)


def _missing_names(consumer: Node, known: Need) -> tuple[str, ...] | None:
    """The names of a need that a node lacks; () if it lacks the property; None if it lacks nothing.

    Of alternative names one is enough.
    """
    pattern = known.property.split("*")
    held = [
        prop for prop in consumer.properties.values() if fits(pattern, prop.name) and prop.value
    ]
    if not held:
        return known.names if known.count > 1 or len(known.names) == 1 else ()
    rule_of = lookup(known.property)
    if not known.names or rule_of is None or rule_of.names is None:
        return None
    named = consumer.strings(rule_of.names)
    lacking = tuple(name for name in known.names if name not in named)
    alternatives = known.count == 1
    return lacking if lacking and not (alternatives and len(lacking) < len(known.names)) else None
