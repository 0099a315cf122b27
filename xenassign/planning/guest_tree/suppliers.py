"""Suppliers: what becomes of every phandle of an assigned device.

A phandle of the host is not valid in the guest. Each reference is

* ``copied``: the provider is assigned too, or needs no hardware (fixed clocks and regulators) and
  is copied with its own suppliers;
* ``stubbed``: a clock becomes a fixed-clock (:mod:`xenassign.planning.guest_tree.clocks`), a
  regulator switched by a GPIO or read by its driver an always-on one
  (:mod:`xenassign.planning.guest_tree.regulators`);
* ``kept``: firmware that answers the guest too (SCMI with --sci, EEMI with --keep-firmware);
* ``dropped``: with the reason.

Lists of names stay aligned: the name of a dropped entry is dropped too. In a list without names a
dropped entry that is not the last becomes the empty entry of the bindings, phandle 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from xenassign.checks.required_suppliers import required
from xenassign.checks.scope import Scope
from xenassign.devicetree.draft import (
    Cells,
    DraftNode,
    DraftProperty,
    Ref,
    boolean,
    from_bytes,
    text,
)
from xenassign.devicetree.phandle_properties import phandle_properties
from xenassign.devicetree.references import (
    INTERRUPT_TREE,
    Reference,
    References,
    property_references,
    references,
)
from xenassign.devicetree.tree import Node, Property, Tree
from xenassign.findings import Finding
from xenassign.host.clock_rates import ClockRates
from xenassign.host.regulator_summary import RegulatorSummary
from xenassign.host.supplier_kinds import supplier_kind
from xenassign.planning.guest_tree.clocks import Clocks
from xenassign.planning.guest_tree.copies import copies
from xenassign.planning.guest_tree.lines import msi_range
from xenassign.planning.guest_tree.losses import Losses, effect_without
from xenassign.planning.guest_tree.regulators import Regulators
from xenassign.planning.kept_firmware import KeptFirmware, OfferedFirmware
from xenassign.planning.plan import Supplier
from xenassign.request.property_edits import AS_REQUESTED
from xenassign.request.request import ClockRate

#: Providers without hardware of their own, which are copied to the guest's tree.
_VIRTUAL = frozenset({"fixed-clock", "fixed-factor-clock", "regulator-fixed", "usb-nop-xceiv"})
_DEEPEST = 32  # copies are followed so far; boards have three


@dataclass(slots=True)
class ReferenceRewriter:
    """Rewrites references, and collects the providers that the guest's tree needs for them.

    ``kept``: the firmware that answers the guest. ``offered``: firmware that could. ``dropped``:
    properties that the user drops. ``labels``: of host nodes in the guest's tree. ``copied``:
    copies of virtual providers, to add below /passthrough.
    """

    tree: Tree
    clock_rates: ClockRates
    scope: Scope
    rate_options: tuple[tuple[ClockRate, Node], ...]
    regions: frozenset[Node] = frozenset()
    kept: tuple[KeptFirmware, ...] = ()
    offered: OfferedFirmware | None = None
    dropped: Mapping[Node, frozenset[str]] = field(default_factory=dict)
    no_dummies: bool = False
    voltages: RegulatorSummary | None = None
    clocks: Clocks = field(init=False)
    regulators: Regulators = field(init=False)
    losses: Losses = field(default_factory=Losses)
    labels: dict[Node, str] = field(default_factory=dict)
    copied: list[DraftNode] = field(default_factory=list)
    _used_labels: set[str] = field(default_factory=set)
    _copies: dict[Node, str | None] = field(default_factory=dict)
    _depth: int = 0

    def __post_init__(self) -> None:
        self.clocks = Clocks(
            self.clock_rates,
            self.scope.has,
            self.rate_options,
            self.free_label,
            lambda reference: self._firmware(reference) is not None,
            self.offered,
        )
        self.regulators = Regulators(self.free_label, self.no_dummies, self.voltages)

    def label(self, node: Node) -> str:
        """The label of a host node in the guest's tree: that of the host, else from its name."""
        if node not in self.labels:
            self.labels[node] = self.free_label(self.tree.labels_of.get(node.path) or node.name)
        return self.labels[node]

    def free_label(self, name: str) -> str:
        """A label made from a name that no other node has."""
        base = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
        base = f"n{base}" if base[:1].isdigit() or not base else base
        label, number = base, 2
        while label in self._used_labels:
            label, number = f"{base}_{number}", number + 1
        self._used_labels.add(label)
        return label

    def findings(self, proposed: Callable[[Node], Node | None]) -> Iterator[Finding]:
        """The findings about the suppliers of all nodes that were rewritten.

        ``proposed``: from a provider to the device to assign too, None if there is none.
        """
        yield from (*self.clocks.findings(), *self.losses.findings(proposed))
        yield from self.regulators.findings()

    # ------------------------------------------------------------------ one node

    def rewrite(self, node: Node) -> tuple[dict[str, DraftProperty | None], list[Supplier]]:
        """(changed properties, suppliers) of a node: its properties with phandles, and those with
        names and parallel lists of these.

        Changed properties are by name; None: the property is dropped.
        """
        changed: dict[str, DraftProperty | None] = {}
        suppliers: list[Supplier] = []
        groups = [g for g in references(self.tree, node) if g.prop not in INTERRUPT_TREE]
        states = [g for g in groups if g.rule.kind == "pinctrl" and g.prop[8:].isdigit()]
        pins_lost = any(self._outcome(node, r)[0] is None for g in states for r in g.entries)
        # Linux makes a dummy state of an empty property (pinctrl_dt_to_map): enough for the driver.
        driver_requires = any(required(node, r) for g in states for r in g.entries)
        for group in groups:
            if group.prop in changed:
                if changed[group.prop] is None:  # dropped with the list that it belongs to
                    suppliers += self._dropped(node, group, group.entries)
                continue
            if group.prop in self.dropped.get(node, ()):
                self._dropped_by_user(node, group, changed, suppliers)
            elif group.prop.startswith("assigned-clock"):
                self._assigned_clocks(node, group, changed, suppliers)
            elif pins_lost and group in states and driver_requires:
                changed[group.prop] = boolean(group.prop, "no pins: the host's do not change")
                why = "the driver requires this state: it is empty"
                suppliers += [
                    Supplier(group.prop, _path((entry,)), "stubbed", why) for entry in group.entries
                ]
            elif pins_lost and group in states:
                changed[group.prop] = changed["pinctrl-names"] = None
                suppliers += self._dropped(node, group, group.entries)
            else:
                self._group(node, group, changed, suppliers)
        self.regulators.limit_signalling(node, changed)
        suppliers += self.regulators.add_requested(node, changed)
        return changed, suppliers

    def _group(
        self,
        node: Node,
        group: References,
        changed: dict[str, DraftProperty | None],
        suppliers: list[Supplier],
    ) -> None:
        """Rewrites a property entry by entry. It is dropped if no entry is left."""
        kept: list[tuple[Reference, tuple[int | Ref, ...] | None]] = []
        for reference in group.entries:
            new, supplier = self._outcome(node, reference)
            kept.append((reference, new))
            if supplier is not None:
                suppliers.append(self.losses.mark_required(node, reference, supplier))
        if group.problem is not None:
            why = f"the host's own property is malformed: {group.problem}"
            suppliers.append(Supplier(group.prop, None, "dropped", why))
        if group.rule.entries_per_name > 1 and any(new is None for _, new in kept):
            kept = [(reference, None) for reference, _ in kept]
        complete = group.problem is None and all(new is not None for _, new in kept)
        if not any(new is not None and not r.empty for r, new in kept):
            changed[group.prop] = None
            if group.rule.names and group.prop != "pinctrl-names":
                changed[group.rule.names] = None
            for name in group.rule.parallel:
                changed[name] = None
            return
        named = bool(group.rule.names and node.has(group.rule.names))
        if named and not complete:
            kept = [(r, new) for r, new in kept if new is not None]
            self._realign(node, group, [r.index for r, _ in kept], changed)
        while kept and kept[-1][1] is None:
            kept.pop()
        pieces = tuple(Cells(new if new is not None else (0,)) for _, new in kept)
        changed[group.prop] = DraftProperty(group.prop, pieces)

    def _realign(
        self,
        node: Node,
        group: References,
        indexes: list[int],
        changed: dict[str, DraftProperty | None],
    ) -> None:
        """Drops the names and the elements of parallel lists of all entries except ``indexes``."""
        each = group.rule.entries_per_name
        names = node.strings(group.rule.names or "")
        kept = [names[i // each] for i in indexes[::each] if i // each < len(names)]
        if group.rule.names:
            changed[group.rule.names] = text(group.rule.names, *kept) if kept else None
        for name in group.rule.parallel:
            prop, width = node.get(name), phandle_properties().parallel_bytes(name)
            if prop is None or name in changed:
                continue
            if width is None:
                changed[name] = None
                continue
            value = b"".join(prop.value[i * width : (i + 1) * width] for i in indexes)
            changed[name] = from_bytes(Property(name, value)) if value else None

    def _assigned_clocks(
        self,
        node: Node,
        group: References,
        changed: dict[str, DraftProperty | None],
        suppliers: list[Supplier],
    ) -> None:
        """Requests to set up clocks: kept if the guest has every clock controller itself."""
        for name in (group.prop, *group.rule.parallel):
            prop = node.get(name)
            other = property_references(self.tree, node, prop) if prop else None
            if other and not all(r.empty or self._guest_has(r) for r in other.entries):
                break
        else:
            self._group(node, group, changed, suppliers)
            return
        for name in (group.prop, *group.rule.parallel):
            if node.has(name):
                changed[name] = None
        why = "clocks are set up by the host"
        suppliers.append(Supplier(group.prop, _path(group.entries), "dropped", why))

    def _dropped_by_user(
        self,
        node: Node,
        group: References,
        changed: dict[str, DraftProperty | None],
        suppliers: list[Supplier],
    ) -> None:
        """A property that the user drops, with the names and parallel lists of its entries."""
        for name in (group.prop, group.rule.names, *group.rule.parallel):
            if name is not None and name != "pinctrl-names":
                changed[name] = None
        for reference in (entry for entry in group.entries if not entry.empty):
            supplier = Supplier(group.prop, _path((reference,)), "dropped", AS_REQUESTED)
            suppliers.append(self.losses.mark_required(node, reference, supplier))

    def _dropped(
        self, node: Node, group: References, entries: tuple[Reference, ...]
    ) -> Iterator[Supplier]:
        for reference in (entry for entry in entries if not entry.empty):
            why = _reason(node, reference)
            supplier = Supplier(group.prop, _path((reference,)), "dropped", why)
            yield self.losses.mark_required(node, reference, supplier)

    # ------------------------------------------------------------------ one reference

    def _outcome(
        self, node: Node, reference: Reference
    ) -> tuple[tuple[int | Ref, ...] | None, Supplier | None]:
        """(the cells that replace an entry, or None if it is dropped; the supplier to report)."""
        provider = reference.provider
        if reference.empty:
            return (0,), None
        name = reference.prop
        if provider is None:
            why = f"phandle {reference.phandle:#x} refers to no node of the host tree"
            return None, Supplier(name, None, "dropped", why)
        if (at_gic := msi_range(self.tree, reference)) is not None:
            return at_gic, None
        if name == "iommu-addresses":
            return None, Supplier(name, provider.path, "dropped", supplier_kind("iommu").dropped)
        available = self._in_guest(node, reference, provider)
        if available is not None and (reference.rule.lead or reference.rule.trail):
            return None, Supplier(name, provider.path, "dropped", "no meaning in the guest")
        if available is not None:
            return (Ref(self.label(provider)), *reference.args), available
        if reference.rule.kind == "clock":
            return self._clock(node, reference, provider)
        if _VIRTUAL.intersection(provider.compatible) and not reference.args:
            label = self._copy(provider)
            if label is not None:
                action, why = "copied", "needs no hardware"
                if self._loses_gpio(provider):
                    action, why = "stubbed", "always on here: the host drives its GPIO"
                return (Ref(label),), Supplier(name, provider.path, action, why)
        stub = self.regulators.stub(node, reference)
        if stub is not None:
            return (Ref(stub[0]),), Supplier(name, provider.path, "stubbed", stub[1])
        why = self.regulators.dropped(reference) or _reason(node, reference)
        return None, Supplier(name, provider.path, "dropped", why)

    def _in_guest(self, node: Node, reference: Reference, provider: Node) -> Supplier | None:
        """The supplier to report for a provider that the guest has or can call; None for others."""
        name = reference.prop
        if self.scope.has(provider) and reference.rule.shape == "list":
            return Supplier(name, provider.path, "copied", "assigned to this domain")
        firmware = self._firmware(reference)
        if firmware is not None and self.clocks.given(node, reference) is None:
            return Supplier(name, provider.path, "kept", firmware.why)
        if provider in self.regions:
            return Supplier(name, provider.path, "copied", "its pages are mapped")
        return None

    def _firmware(self, reference: Reference) -> KeptFirmware | None:
        """The kept firmware that a reference is to, or None."""
        provider, rule = reference.provider, reference.rule
        if provider is None or rule.shape != "list" or rule.lead or rule.trail:
            return None
        return next((firmware for firmware in self.kept if firmware.has(provider)), None)

    def _guest_has(self, reference: Reference) -> bool:
        """Whether the guest has the provider of a reference, or can call it."""
        return self.scope.has(reference.provider) or self._firmware(reference) is not None

    def _clock(
        self, node: Node, reference: Reference, provider: Node
    ) -> tuple[tuple[int | Ref, ...] | None, Supplier | None]:
        """As ``_outcome``. A clock is not dropped: it is copied, or replaced by a fixed-clock."""
        fixed = _VIRTUAL.intersection(provider.compatible) and not reference.args
        if self.clocks.copyable(node, reference) and fixed:
            label = self._copy(provider)
            if label is not None:
                copied = Supplier(reference.prop, provider.path, "copied", "needs no hardware")
                return (Ref(label),), copied
        label, why = self.clocks.stub(node, reference)
        return (Ref(label),), Supplier(reference.prop, provider.path, "stubbed", why)

    # ------------------------------------------------------------------ nodes for the guest

    def stubs(self) -> Iterator[DraftNode]:
        """The nodes that replace suppliers of the host."""
        yield from self.clocks.nodes()
        yield from self.regulators.nodes()

    def _loses_gpio(self, provider: Node) -> bool:
        """Whether a regulator is switched by a GPIO whose controller is not assigned."""
        props = (provider.get(name) for name in ("gpio", "gpios"))
        groups = (property_references(self.tree, provider, prop) for prop in props if prop)
        return any(g and not all(self.scope.has(r.provider) for r in g.entries) for g in groups)

    def _copy(self, provider: Node) -> str | None:
        """The label of the copy of a virtual provider below /passthrough.

        None if the provider refers to itself, or is too far away.
        """
        if provider in self._copies:
            return self._copies[provider]
        if self._depth == _DEEPEST:
            return None
        self._copies[provider] = None
        label = self.label(provider)
        self._depth += 1
        changed, suppliers = self.rewrite(provider)
        self._depth -= 1
        comments = [f"copied from {provider.path}", *dropped_comments(suppliers)]
        switched = self._loses_gpio(provider)
        left_out = {"status", "reg"}
        if switched:
            left_out |= {"gpio", "gpios", "enable-active-high", "gpio-open-drain"}
        properties = list(copies(provider, changed, left_out))
        if switched and not provider.has("regulator-always-on"):
            properties.append(boolean("regulator-always-on"))
        self.copied.append(
            DraftNode(provider.base_name, tuple(properties), label=label, comments=tuple(comments))
        )
        self._copies[provider] = label
        return label


def dropped_comments(suppliers: list[Supplier]) -> list[str]:
    """Comments about dropped properties, each reason once."""
    dropped = (f"{s.property} dropped: {s.why}" for s in suppliers if s.action == "dropped")
    return list(dict.fromkeys(dropped))


def _path(entries: tuple[Reference, ...]) -> str | None:
    provider = entries[0].provider if entries else None
    return provider.path if provider else None


def _reason(node: Node, reference: Reference) -> str:
    """Why a reference is dropped, and what the driver does without it."""
    path = reference.provider.path if reference.provider else "nothing"
    if reference.prop == "sfp":
        return f"the cage {path} stays with the host, with its I2C bus and GPIOs"
    reason = supplier_kind(reference.rule.kind).dropped.format(path)
    consequence = effect_without(node, reference)
    return f"{reason}; {consequence}" if consequence else reason
