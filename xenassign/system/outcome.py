"""What was decided about a domain, as plain data: what hosts are compared by, and the lock holds.

A ``DomainPlan`` has nodes, sentences and a tree; an outcome has names, paths and numbers alone, so
that those of two boards, or of two builds, can be set side by side. Addresses and sizes are bytes,
interrupts are INTIDs. Lists that have no order of their own are sorted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Piece, Ref, Text
from xenassign.devicetree.phandle_properties import lookup
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.neighbours import streams_of
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice


class BlockOutcome(NamedTuple):
    """A register block (``window``: a PCI window) and its own address on both sides."""

    number: int
    window: bool
    host: int
    guest: int
    size: int

    @property
    def title(self) -> str:
        """What it is called."""
        return f"{'window' if self.window else 'block'} {self.number}"


class LineOutcome(NamedTuple):
    """An interrupt."""

    intid: int
    trigger: str

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.intid} ({self.trigger})"


class StreamOutcome(NamedTuple):
    """Streams behind an IOMMU: ``size`` from ``first`` on, the bits of ``mask`` taken for any."""

    iommu: str
    first: int
    mask: int
    size: int

    @property
    def text(self) -> str:
        """For people."""
        mask = f" mask {self.mask:#x}" if self.mask else ""
        more = f"-{self.first + self.size - 1:#x}" if self.size > 1 else ""
        return f"{self.first:#x}{more}{mask} of {self.iommu}"


class SupplierOutcome(NamedTuple):
    """What became of a reference. ``node``: who has the property, relative to the device."""

    node: str
    prop: str
    provider: str | None
    action: str

    @property
    def title(self) -> str:
        """Whose reference it is, and to what."""
        below = f"{self.node}: " if self.node else ""
        return f"{below}{self.prop} of {self.provider or 'nothing'}"


class StandInOutcome(NamedTuple):
    """What the guest has for one entry of a property: a clock's rate, a regulator's voltage.

    ``entry``: its name, or its number. ``value`` with its unit.
    """

    node: str
    prop: str
    entry: str
    value: str

    @property
    def title(self) -> str:
        """Which it is."""
        kind = getattr(lookup(self.prop), "kind", self.prop)
        which = self.prop.removesuffix("-supply") if kind == "regulator" else self.entry
        return f"{self.node}: {kind} {which}" if self.node else f"{kind} {which}"


class PropertyOutcome(NamedTuple):
    """A property that the guest's node has as the host's has it; ``value`` as source has it."""

    node: str
    prop: str
    value: str

    @property
    def title(self) -> str:
        """Which it is."""
        return f"{self.node}: {self.prop}" if self.node else self.prop


class DeviceOutcome(NamedTuple):
    """A device. ``name``: as the user named it, with the way down from there for one below it."""

    name: str
    path: str
    blocks: tuple[BlockOutcome, ...]
    interrupts: tuple[LineOutcome, ...]
    streams: tuple[StreamOutcome, ...]
    protected: bool
    forced: bool
    suppliers: tuple[SupplierOutcome, ...]
    stand_ins: tuple[StandInOutcome, ...]
    properties: tuple[PropertyOutcome, ...]

    @property
    def protection(self) -> str:
        """For people."""
        if self.protected:
            return "protected by an IOMMU"
        return "forced without an IOMMU" if self.forced else "not protected"

    @property
    def actions(self) -> dict[str, str]:
        """What became of the references, by their titles."""
        found: dict[str, list[str]] = {}
        for one in self.suppliers:
            found.setdefault(one.title, []).append(one.action)
        return {title: ", ".join(actions) for title, actions in found.items()}


class RegionOutcome(NamedTuple):
    """Pages beside the devices' registers, and the paths of the devices that need them."""

    name: str
    path: str
    blocks: tuple[BlockOutcome, ...]
    users: tuple[str, ...]


class KeepOutcome(NamedTuple):
    """Something that the host must leave on, or set up."""

    kind: str
    provider: str
    args: tuple[int, ...]

    @property
    def text(self) -> str:
        """For people."""
        return " ".join([self.kind, self.provider, *map(hex, self.args)])


class FindingOutcome(NamedTuple):
    """A finding: its code, and the host path that it is about."""

    code: str
    node: str | None

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.code} about {self.node}" if self.node else self.code


class DomainOutcome(NamedTuple):
    """A domain. ``memory_mb_max`` and ``pool_mib`` are in MiB."""

    name: str
    devices: tuple[DeviceOutcome, ...]
    regions: tuple[RegionOutcome, ...]
    marks: tuple[str, ...]
    memory_mb_max: int
    pool_mib: int | None
    host_keeps: tuple[KeepOutcome, ...]
    kept_on: tuple[str, ...]
    firmware: tuple[str, ...]
    findings: tuple[FindingOutcome, ...]


# ---------------------------------------------------------------------- names


class Names:
    """What nodes of one board are called for one domain, alike on boards that are alike.

    A device is called what the user called it (``Resolved.devices``); one below it by the way down
    from there, without the unit addresses that tell nothing (a bus with one ``phy@…``), since these
    are what differs.
    """

    def __init__(self, called: Mapping[Node, str]) -> None:
        self._roots = called

    def of(self, node: Node) -> str:
        """The name of a node; of one that the user did not name, its way from the root."""
        steps: list[str] = []
        for above in node.lineage():
            named = self._roots.get(above)
            if named is not None or above.parent is None:
                return "/".join([named or "", *reversed(steps)])
            alike = [n for n in above.parent.children.values() if n.base_name == above.base_name]
            steps.append(above.base_name if len(alike) == 1 else above.name)
        raise AssertionError("a lineage ends at the root")


# ---------------------------------------------------------------------- a plan's outcome


def outcome(tree: Tree, plan: DomainPlan) -> DomainOutcome:
    """The outcome of a plan for the board of that tree."""
    names = Names(plan.called)
    nodes = _guest_nodes(plan)
    by_label = {node.label: node for _, node in _paths(plan.tree) if node.label is not None}
    devices = [_device(names, d, nodes[d.guest_path], by_label) for d in plan.devices]
    regions = [
        RegionOutcome(_name_of(tree, names, r.path), r.path, _blocks(r.placed), _sorted(r.users))
        for r in plan.regions
    ]
    keeps = {KeepOutcome(one.kind, one.provider, one.args) for one in plan.host_keeps}
    findings = {FindingOutcome(one.code, one.node) for one in plan.findings}
    return DomainOutcome(
        name=plan.name,
        devices=tuple(sorted(devices, key=_place)),
        regions=tuple(sorted(regions, key=_place)),
        marks=_sorted(mark.path for mark in plan.marks),
        memory_mb_max=plan.memory_mb_max,
        pool_mib=plan.pool_mib,
        host_keeps=tuple(sorted(keeps)),
        kept_on=_sorted(plan.kept_on),
        firmware=_sorted(plan.firmware),
        findings=tuple(sorted(findings, key=lambda one: (one.code, one.node or ""))),
    )


def _place(one: DeviceOutcome | RegionOutcome) -> tuple[str, str]:
    return one.name, one.path


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(sorted(set(texts)))


def _name_of(tree: Tree, names: Names, path: str) -> str:
    node = tree.find(path)
    return path if node is None else names.of(node)


def _device(
    names: Names,
    device: PlannedDevice,
    nodes: list[tuple[str, DraftNode]],
    by_label: dict[str, DraftNode],
) -> DeviceOutcome:
    suppliers = {
        SupplierOutcome(_below(device, s.node), s.property, s.provider, s.action)
        for s in device.suppliers
    }
    streams = {
        StreamOutcome(iommu.path, some.first, some.mask, some.size)
        for iommu, some in streams_of(device.host)
    }
    lines = {line.intid: LineOutcome(line.intid, line.trigger) for line in device.host.interrupts}
    return DeviceOutcome(
        name=names.of(device.host.node),
        path=device.path,
        blocks=_blocks(device.placed),
        interrupts=tuple(lines[intid] for intid in device.irqs),
        streams=tuple(sorted(streams)),
        protected=device.protection.protected,
        forced=device.forced,
        suppliers=tuple(
            sorted(suppliers, key=lambda s: (s.node, s.prop, s.provider or "", s.action))
        ),
        stand_ins=tuple(s for below, node in nodes for s in _stand_ins(below, node, by_label)),
        properties=tuple(sorted(p for below, node in nodes for p in _properties(below, node))),
    )


def _below(device: PlannedDevice, path: str | None) -> str:
    return (path or device.path).removeprefix(device.path).lstrip("/")


def _blocks(placed: tuple[PlacedBlock, ...]) -> tuple[BlockOutcome, ...]:
    return tuple(
        BlockOutcome(p.block.index, p.window, p.block.address, p.guest, p.block.size)
        for p in sorted(placed, key=lambda p: (p.window, p.block.index))
    )


# ---------------------------------------------------------------------- what stands in


def _guest_nodes(plan: DomainPlan) -> dict[str, list[tuple[str, DraftNode]]]:
    """By guest path of a device its node and the copied ones below it, each with the way there."""
    found: dict[str, list[tuple[str, DraftNode]]] = {one.guest_path: [] for one in plan.devices}
    for path, node in _paths(plan.tree):
        owner = path
        while owner and owner not in found:
            owner = owner.rpartition("/")[0]
        if owner:
            found[owner].append((path[len(owner) + 1 :], node))
    return found


def _paths(root: DraftNode, path: str = "") -> Iterator[tuple[str, DraftNode]]:
    """(path, node) of a draft, parents first."""
    yield path, root
    for child in root.children:
        yield from _paths(child, f"{path}/{child.name}")


def _stand_ins(
    below: str, node: DraftNode, by_label: dict[str, DraftNode]
) -> Iterator[StandInOutcome]:
    """What stands for the entries of a node's properties."""
    for prop in node.properties:
        names = _names(node, prop)
        for number, label in _entries(prop):
            value = _value(by_label.get(label)) if label is not None else None
            if value is not None:
                entry = names[number] if number < len(names) else str(number)
                yield StandInOutcome(below, prop.name, entry, value)


#: Told as blocks, interrupts and paths, or the same for every guest.
_TOLD = frozenset({"reg", "ranges", "interrupts", "interrupts-extended", "interrupt-parent"})


def _properties(below: str, node: DraftNode) -> Iterator[PropertyOutcome]:
    """What the guest reads of a node, without what refers to others, which suppliers tell."""
    for prop in node.properties:
        cells = [c for p in prop.pieces if isinstance(p, Cells) for c in p.values]
        told = prop.name in _TOLD or prop.name.startswith("xen,")
        if not told and not any(isinstance(cell, Ref) for cell in cells):
            yield PropertyOutcome(below, prop.name, " ".join(map(_written, prop.pieces)))


def _written(piece: Piece) -> str:
    if isinstance(piece, Cells):
        form = "{}" if piece.decimal else "{:#x}"
        return f"<{' '.join(form.format(cell) for cell in piece.values)}>"
    return json.dumps(piece.value) if isinstance(piece, Text) else f"[{piece.value.hex()}]"


def _entries(prop: DraftProperty) -> Iterator[tuple[int, str | None]]:
    """(number, label or None for an empty entry) of a list of references.

    A group of cells that begins with no reference is an empty entry, or no reference at all.
    """
    groups = [piece.values for piece in prop.pieces if isinstance(piece, Cells)]
    refs = [[value.label for value in group if isinstance(value, Ref)] for group in groups]
    number = 0
    for labels in refs:
        for label in labels or (None,):
            yield number, label
            number += 1


def _names(node: DraftNode, prop: DraftProperty) -> tuple[str, ...]:
    rule = lookup(prop.name)
    names = node.get(rule.names) if rule is not None and rule.names else None
    return tuple(p.value for p in names.pieces if isinstance(p, Text)) if names else ()


def _value(node: DraftNode | None) -> str | None:
    """The rate of a fixed-clock, the voltage of a fixed regulator."""
    if node is None:
        return None
    kind = node.get("compatible")
    known = {p.value for p in kind.pieces if isinstance(p, Text)} if kind else set()
    if "fixed-clock" in known:
        return f"{_number(node, 'clock-frequency')} Hz"
    if "regulator-fixed" in known and node.get("regulator-min-microvolt"):
        least, most = (_number(node, f"regulator-{one}-microvolt") for one in ("min", "max"))
        return f"{least} uV" if least == most else f"{least} to {most} uV"
    return None


def _number(node: DraftNode, name: str) -> int:
    prop = node.get(name)
    cells = [c for p in prop.pieces if isinstance(p, Cells) for c in p.values] if prop else []
    return next((cell for cell in cells if isinstance(cell, int)), 0)
