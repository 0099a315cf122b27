"""What a driver does without a supplier that is dropped, and which ones it requires.

:mod:`xenassign.host.driver_needs` has the drivers that are known; for the others it is what Linux'
frameworks do when the property is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.checks.required_suppliers import SUPPLIER_REQUIRED, required
from xenassign.devicetree.phandle_properties import kind_of
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.driver_needs import need, needs
from xenassign.host.supplier_kinds import supplier_kind
from xenassign.planning.kept_firmware import OfferedFirmware
from xenassign.planning.plan import Supplier

DROPPED = rule("XA502", "suppliers-dropped", "note", "broken")


def effect_without(consumer: Node, reference: Reference) -> str:
    """What happens without the supplier, as the end of a sentence; "" if it is unknown."""
    known = need(needs(consumer.compatible), reference.prop, reference.name)
    if known is not None:
        return known.without
    if reference.prop in ("gpio", "gpios"):
        return ""  # of a provider, such as a regulator-fixed
    return supplier_kind(reference.rule.kind).without


class Losses:
    """Collects references that are dropped although the driver requires them."""

    def __init__(self) -> None:
        self._lost: dict[tuple[str, str, str | None], tuple[Node, Reference]] = {}

    def mark_required(self, consumer: Node, reference: Reference, supplier: Supplier) -> Supplier:
        """The supplier, marked as required if it is dropped although the driver requires it."""
        if supplier.action != "dropped" or not required(consumer, reference):
            return supplier
        key = (consumer.path, reference.prop, reference.name)
        self._lost.setdefault(key, (consumer, reference))
        return supplier._replace(required=True)

    def findings(self, proposed: Callable[[Node], Node | None]) -> Iterator[Finding]:
        """One finding for each required supplier that is dropped.

        ``proposed``: from a provider to the device to assign too, None if there is none.
        """
        for consumer, reference in self._lost.values():
            driver = needs(consumer.compatible)
            known = need(driver, reference.prop, reference.name)
            if driver is None or known is None:
                continue
            name = f" ({reference.name})" if reference.name else ""
            path = reference.provider.path if reference.provider else "no node of the host"
            message = (
                f"{consumer.path}: {reference.prop}{name}, which names {path}, is dropped:"
                f" {known.without}; see {driver.driver}, {driver.binding}"
            )
            holder = proposed(reference.provider) if reference.provider is not None else None
            fix = None
            if holder is not None:
                fix = f"assign {holder.path} too (-d {holder.path}), or {SUPPLIER_REQUIRED.fix}"
            others = (holder.path,) if holder is not None else ()
            yield SUPPLIER_REQUIRED(
                message, node=consumer.path, prop=reference.prop, fix=fix, others=others
            )


def supplier_findings(
    path: str, suppliers: tuple[Supplier, ...], offered: OfferedFirmware | None = None
) -> Iterator[Finding]:
    """One finding about the dropped suppliers of a device that have an effect.

    ``path``: of the device. ``offered``: firmware that the guest could get.
    """
    dropped: dict[str, None] = {}
    for supplier in suppliers:
        kind = kind_of(supplier.property)
        if supplier.action != "dropped" or supplier.required or supplier_kind(kind).quiet:
            continue
        if supplier.property == "memory-region" and supplier.provider is not None:
            continue  # reported by planning.memory_regions
        dropped[supplier.property] = None
    if dropped:
        lost = (s.provider for s in suppliers if s.action == "dropped" and s.property in dropped)
        fix = None
        if offered is not None and any(offered.holds(provider) for provider in lost):
            fix = f"{DROPPED.fix}; {offered.option} gives the guest {offered.path}"
        yield DROPPED(f"{path}: {', '.join(dropped)} dropped", node=path, fix=fix)
