"""Regulators: always-on stubs, with a voltage if the host's has only one.

If the property is missing, Linux gives the driver a dummy regulator, which is enough for most
drivers; but not in a dom0less guest. The root of its tree has no ``compatible``, so that Linux 6.9
and newer take it for empty (of_have_populated_dt) and refuse: "incomplete constraints, dummy
supplies not allowed" (_regulator_get). There every supply gets a stub. A dummy has no voltage, so
drivers that read it require a stub on both routes:

* ``vmmc-supply``: MMC hosts take the voltages of a card (OCR) from it (mmc_regulator_get_supply);
  some, like Renesas' SDHI, have no default and defer their probe for ever.
* ``vqmmc-supply``: the signalling voltage. Without it SDHCI assumes that the controller
  switches to 1.8 V by itself.
* ``vref-supply``: ADCs scale by it (regulator_get_voltage), and fail to probe without it.

A voltage is known when the provider states the same for ``regulator-min-microvolt`` and
``regulator-max-microvolt``, or when the running board says it (regulator_summary). Otherwise a stub
would be worse than none: regulator_set_voltage fails without a voltage, and a wrong one may damage
a card. ``vqmmc-supply`` has the voltage of the running board only if nothing can change it: the
host's driver lowers it for a card, and it is another one when the guest starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.checks.required_suppliers import required
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, boolean, cells, text
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.host.driver_needs import needs
from xenassign.host.regulator_summary import RegulatorSummary
from xenassign.planning.plan import Supplier

SIGNAL_VOLTAGE = rule("XA508", "signal-voltage-fixed", "note", "broken")

_VOLTAGE_READ = frozenset({"vmmc-supply", "vqmmc-supply", "vref-supply"})

# Modes of mmc-controller.yaml whose signals are not at 3.3 V.
_LOW_VOLTAGE = frozenset(
    {
        "sd-uhs-sdr12",
        "sd-uhs-sdr25",
        "sd-uhs-sdr50",
        "sd-uhs-sdr104",
        "sd-uhs-ddr50",
        "mmc-ddr-1_8v",
        "mmc-ddr-1_2v",
        "mmc-hs200-1_8v",
        "mmc-hs200-1_2v",
        "mmc-hs400-1_8v",
        "mmc-hs400-1_2v",
        "mmc-hs400-enhanced-strobe",
    }
)


def microvolts(provider: Node) -> int | None:
    """The only voltage (µV) that a regulator may have; None if it may have several."""
    try:
        lowest = provider.cells("regulator-min-microvolt")
        highest = provider.cells("regulator-max-microvolt")
    except PropertyError:
        return None
    return lowest[0] if len(lowest) == 1 and lowest == highest and lowest[0] else None


class Regulators:
    """Creates the stubs, one for each voltage.

    ``free_label``: returns an unused label. ``no_dummies``: whether the guest's Linux has none.
    ``summary``: the voltages of the running board.
    """

    def __init__(
        self,
        free_label: Callable[[str], str],
        no_dummies: bool,
        summary: RegulatorSummary | None = None,
    ) -> None:
        self.free_label = free_label
        self.no_dummies = no_dummies
        self.summary = summary
        self._stubs: dict[int | None, tuple[str, list[str]]] = {}
        self._unswitched: dict[str, str] = {}

    def stub(self, node: Node, reference: Reference) -> tuple[str, str] | None:
        """(label, reason) of the stub for a supply; None if the supply is to be dropped."""
        provider = reference.provider
        reads = reference.prop in _VOLTAGE_READ
        if provider is None or reference.rule.kind != "regulator":
            return None
        if not (reads or self.no_dummies or required(node, reference)):
            return None
        volts, source = self._voltage(node, reference, provider)
        if volts is None and reads:
            return None
        purpose = f"replaces {provider.path}, for {reference.prop} of {node.path}"
        label = self._label(volts, purpose)
        stated = f"{volts} uV, {source}" if volts else "no voltage is stated"
        return label, f"always on here, {stated}; the host must keep it on"

    def add_requested(
        self, node: Node, changed: dict[str, DraftProperty | None]
    ) -> Iterator[Supplier]:
        """Adds stubs for supplies that the driver requests and the host's node does not state.

        ``changed``: the node's changed properties, by name.
        """
        driver = needs(node.compatible) if self.no_dummies else None
        for name in driver.supplies if driver is not None else ():
            if node.has(name) or name in changed:
                continue
            purpose = f"for {name} of {node.path}, which the host's tree does not state"
            label = self._label(None, purpose)
            why = "its driver requests it, and the guest has no dummy regulators"
            changed[name] = DraftProperty(name, (Cells((Ref(label),)),), why)
            yield Supplier(name, None, "stubbed", why)

    def _label(self, volts: int | None, purpose: str) -> str:
        """The label of the stub with a voltage, which gets the purpose as a comment."""
        if volts not in self._stubs:
            label = self.free_label(f"vreg_{volts}" if volts else "vreg")
            self._stubs[volts] = (label, [])
        label, purposes = self._stubs[volts]
        if purpose not in purposes:
            purposes.append(purpose)
        return label

    def _voltage(self, node: Node, reference: Reference, provider: Node) -> tuple[int | None, str]:
        """The voltage (µV) of a supply, and where it is stated; None if it is not known."""
        volts = microvolts(provider)
        if volts is not None or self.summary is None or reference.prop == "vqmmc-supply":
            return volts, f"as {provider.path} states"
        return self.summary.microvolts(node, reference), f"read from {self.summary.source}"

    def dropped(self, reference: Reference) -> str:
        """Why a supply whose voltage a driver reads is dropped; "" for other supplies."""
        if reference.prop not in _VOLTAGE_READ or reference.provider is None:
            return ""
        path = reference.provider.path
        if reference.prop == "vqmmc-supply":
            return f"{path} states no single voltage, and the guest cannot switch it: no-1-8-v"
        return f"{path} states no single voltage that a stub could state"

    def limit_signalling(self, node: Node, changed: dict[str, DraftProperty | None]) -> None:
        """Removes the modes that require a vqmmc-supply, if it is dropped."""
        if not node.has("vqmmc-supply") or changed.get("vqmmc-supply", True) is not None:
            return
        removed = [name for name in node.properties if name in _LOW_VOLTAGE]
        changed.update(dict.fromkeys(removed))
        comment = "the guest cannot switch the host's regulator"
        changed["no-1-8-v"] = boolean("no-1-8-v", comment)
        self._unswitched[node.path] = ", ".join(removed)

    def findings(self) -> Iterator[Finding]:
        """The cards whose signalling voltage the guest cannot switch."""
        for path, removed in self._unswitched.items():
            modes = f" and {removed} removed" if removed else ""
            message = f"{path}: no-1-8-v is added{modes}: vqmmc-supply stays with the host"
            yield SIGNAL_VOLTAGE(message, node=path, prop="vqmmc-supply")

    def nodes(self) -> Iterator[DraftNode]:
        """The fixed regulators, by voltage."""
        for volts, (label, purposes) in sorted(self._stubs.items(), key=lambda item: item[0] or 0):
            properties = [
                text("compatible", "regulator-fixed"),
                text("regulator-name", f"host-{volts}uV" if volts else "host"),
            ]
            if volts:
                properties += [
                    cells("regulator-min-microvolt", volts, decimal=True),
                    cells("regulator-max-microvolt", volts, decimal=True),
                ]
            yield DraftNode(
                f"regulator-{volts}" if volts else "regulator-host",
                (*properties, boolean("regulator-always-on")),
                label=label,
                comments=(*purposes, "the host must keep these on"),
            )
