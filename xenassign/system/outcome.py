"""The decisions about a domain as plain data, by which hosts are compared and which the lock has.

A ``DomainPlan`` has nodes, sentences and a tree. An outcome has only names, paths and numbers, so
that those of two boards, or of two runs, can be compared. Addresses and sizes are bytes, interrupts
are INTIDs. Lists that have no order of their own are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign import escape
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Piece, Ref, Text
from xenassign.devicetree.phandle_properties import lookup
from xenassign.devicetree.tree import Tree
from xenassign.host.neighbours import streams_of
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice
from xenassign.request.node_request import ChannelPorts
from xenassign.request.select import Names


class BlockOutcome(NamedTuple):
    """A register block (``window``: a PCI window) with its host and guest address, not rounded."""

    number: int
    window: bool
    host: int
    guest: int
    size: int

    @property
    def title(self) -> str:
        """The block in messages: "block 0"."""
        return f"{'window' if self.window else 'block'} {self.number}"


class LineOutcome(NamedTuple):
    """An interrupt of the GIC."""

    intid: int
    trigger: str

    @property
    def text(self) -> str:
        """The interrupt in messages: "48 (level-high)"."""
        return f"{self.intid} ({self.trigger})"


class StreamOutcome(NamedTuple):
    """``size`` stream IDs of an IOMMU from ``first`` on; the bits of ``mask`` are ignored."""

    iommu: str
    first: int
    mask: int
    size: int

    @property
    def text(self) -> str:
        """The streams in messages: "0x870-0x871 of /smmu@fd800000"."""
        mask = f" mask {self.mask:#x}" if self.mask else ""
        more = f"-{self.first + self.size - 1:#x}" if self.size > 1 else ""
        return f"{self.first:#x}{more}{mask} of {self.iommu}"


class SupplierOutcome(NamedTuple):
    """What becomes of a reference (``action``). ``node``: path of its node below the device."""

    node: str
    prop: str
    provider: str | None
    action: str

    @property
    def title(self) -> str:
        """The reference in messages: "phy0: clocks of /clock-controller"."""
        below = f"{self.node}: " if self.node else ""
        provider = f" of {self.provider}" if self.provider else ""
        return f"{below}{self.prop}{provider}"


class StubOutcome(NamedTuple):
    """The stub for one entry of a property. ``entry``: its name, or its number.

    ``value``: the rate of the clock or the voltage of the regulator, with its unit.
    """

    node: str
    prop: str
    entry: str
    value: str

    @property
    def title(self) -> str:
        """The stub in messages: "clock pclk"."""
        kind = getattr(lookup(self.prop), "kind", self.prop)
        entry = self.prop.removesuffix("-supply") if kind == "regulator" else self.entry
        return f"{self.node}: {kind} {entry}" if self.node else f"{kind} {entry}"


class PropertyOutcome(NamedTuple):
    """A property of the guest's node without references; ``value`` as in device tree source."""

    node: str
    prop: str
    value: str

    @property
    def title(self) -> str:
        """The property in messages: "phy0: reg-io-width"."""
        return f"{self.node}: {self.prop}" if self.node else self.prop


class DeviceOutcome(NamedTuple):
    """A device. ``name``: as the user named it, or the name of a device above it and the path."""

    name: str
    path: str
    blocks: tuple[BlockOutcome, ...]
    interrupts: tuple[LineOutcome, ...]
    streams: tuple[StreamOutcome, ...]
    protected: bool
    forced: bool
    suppliers: tuple[SupplierOutcome, ...]
    stubs: tuple[StubOutcome, ...]
    properties: tuple[PropertyOutcome, ...]

    @property
    def protection(self) -> str:
        """The protection in messages."""
        if self.protected:
            return "protected by an IOMMU"
        return "forced without an IOMMU" if self.forced else "not protected"

    @property
    def actions(self) -> dict[str, str]:
        """What becomes of the references, by their titles."""
        by_title: dict[str, list[str]] = {}
        for supplier in self.suppliers:
            by_title.setdefault(supplier.title, []).append(supplier.action)
        return {title: ", ".join(actions) for title, actions in by_title.items()}


class RegionOutcome(NamedTuple):
    """Mapped pages besides registers of devices. ``users``: paths of devices that need them."""

    name: str
    path: str
    blocks: tuple[BlockOutcome, ...]
    users: tuple[str, ...]


class KeepOutcome(NamedTuple):
    """A clock, regulator, … that the host must leave on, or set up."""

    kind: str
    provider: str
    args: tuple[int, ...]

    @property
    def text(self) -> str:
        """The supply in messages."""
        return " ".join([self.kind, self.provider, *map(hex, self.args)])


class FindingOutcome(NamedTuple):
    """A finding: its code, and the host path that it is about."""

    code: str
    node: str | None

    @property
    def text(self) -> str:
        """The finding in messages: "XA222 about /soc/serial@0"."""
        return f"{self.code} about {self.node}" if self.node else self.code


class DomainOutcome(NamedTuple):
    """A domain. ``memory_mb_max`` and ``pool_mib`` are in MiB.

    ``regions`` has its shared memory too, by its title. ``channels``: those that it states.
    """

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
    channels: tuple[ChannelPorts, ...] = ()


# ---------------------------------------------------------------------- a plan's outcome


def outcome(tree: Tree, plan: DomainPlan) -> DomainOutcome:
    """The outcome of a plan. ``tree``: the board's."""
    names = Names(plan.called)
    nodes = _guest_nodes(plan)
    by_label = {node.label: node for _, node in _paths(plan.tree) if node.label is not None}
    devices = [_device(names, d, nodes[d.guest_path], by_label) for d in plan.devices]
    regions = [
        RegionOutcome(_name_of(tree, names, r.path), r.path, _blocks(r.placed), _sorted(r.users))
        for r in (*plan.regions, *(share.region for share in plan.shares))
    ]
    channels = (
        ChannelPorts(str(channel.to), nth, channel.port or 0, channel.remote_port or 0)
        for nth, channel in plan.request.node.numbered_channels
    )
    keeps = {KeepOutcome(keep.kind, keep.provider, keep.args) for keep in plan.host_keeps}
    findings = {FindingOutcome(finding.code, finding.node) for finding in plan.findings}
    return DomainOutcome(
        name=plan.name,
        devices=tuple(sorted(devices, key=_name_and_path)),
        regions=tuple(sorted(regions, key=_name_and_path)),
        marks=_sorted(mark.path for mark in plan.marks),
        memory_mb_max=plan.memory_mb_max,
        pool_mib=plan.pool_mib,
        host_keeps=tuple(sorted(keeps)),
        kept_on=_sorted(plan.kept_on),
        firmware=_sorted(plan.firmware),
        findings=tuple(sorted(findings, key=lambda finding: (finding.code, finding.node or ""))),
        channels=tuple(sorted(channels)),
    )


def _name_and_path(owner: DeviceOutcome | RegionOutcome) -> tuple[str, str]:
    return owner.name, owner.path


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts sorted, without repetitions."""
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
        StreamOutcome(iommu.path, ids.first, ids.mask, ids.size)
        for iommu, ids in streams_of(device.host)
    }
    lines = {line.intid: LineOutcome(line.intid, line.trigger) for line in device.host.lines}
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
        stubs=tuple(s for below, node in nodes for s in _stubs(below, node, by_label)),
        properties=tuple(sorted(p for below, node in nodes for p in _properties(below, node))),
    )


def _below(device: PlannedDevice, path: str | None) -> str:
    return (path or device.path).removeprefix(device.path).lstrip("/")


def _blocks(placed: tuple[PlacedBlock, ...]) -> tuple[BlockOutcome, ...]:
    return tuple(
        BlockOutcome(p.block.index, p.window, p.block.address, p.guest, p.block.size)
        for p in sorted(placed, key=lambda p: (p.window, p.block.index))
    )


# ---------------------------------------------------------------------- the guest's nodes


def _guest_nodes(plan: DomainPlan) -> dict[str, list[tuple[str, DraftNode]]]:
    """By guest path of a device (path below it, node) of its node and the copied ones below."""
    nodes: dict[str, list[tuple[str, DraftNode]]] = {d.guest_path: [] for d in plan.devices}
    for path, node in _paths(plan.tree):
        owner = path
        while owner and owner not in nodes:
            owner = owner.rpartition("/")[0]
        if owner:
            nodes[owner].append((path[len(owner) + 1 :], node))
    return nodes


def _paths(root: DraftNode, path: str = "") -> Iterator[tuple[str, DraftNode]]:
    """(path, node) of a draft, parents first."""
    yield path, root
    for child in root.children:
        yield from _paths(child, f"{path}/{child.name}")


def _stubs(below: str, node: DraftNode, by_label: dict[str, DraftNode]) -> Iterator[StubOutcome]:
    """The stubs that a node refers to."""
    for prop in node.properties:
        names = _names(node, prop)
        for number, label in _entries(prop):
            value = _value(by_label.get(label)) if label is not None else None
            if value is not None:
                entry = names[number] if number < len(names) else str(number)
                yield StubOutcome(below, prop.name, entry, value)


#: Properties without a ``PropertyOutcome``: blocks, interrupts and paths say the same, or they are
#: equal for every guest.
ELSEWHERE = frozenset({"reg", "ranges", "interrupts", "interrupts-extended", "interrupt-parent"})


def _properties(below: str, node: DraftNode) -> Iterator[PropertyOutcome]:
    """The properties of a node without references; those are in ``DeviceOutcome.suppliers``."""
    for prop in node.properties:
        cells = [c for p in prop.pieces if isinstance(p, Cells) for c in p.values]
        elsewhere = prop.name in ELSEWHERE or prop.name.startswith("xen,")
        if not elsewhere and not any(isinstance(cell, Ref) for cell in cells):
            yield PropertyOutcome(below, prop.name, source_text(prop))


def source_text(prop: DraftProperty) -> str:
    """The value of a property without references, as in device tree source; "": there is none."""
    return " ".join(map(_source, prop.pieces))


def _source(piece: Piece) -> str:
    """A piece of a property as in device tree source."""
    if isinstance(piece, Cells):
        form = "{}" if piece.decimal else "{:#x}"
        return f"<{' '.join(form.format(cell) for cell in piece.values)}>"
    return escape.dts_string(piece.value) if isinstance(piece, Text) else f"[{piece.value.hex()}]"


def _entries(prop: DraftProperty) -> Iterator[tuple[int, str | None]]:
    """(number, label) of the entries of a property; without a label if the entry is empty.

    A group of cells without a reference is an empty entry if the property has references.
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
    prop = node.get("compatible")
    compatible = {p.value for p in prop.pieces if isinstance(p, Text)} if prop else set()
    if "fixed-clock" in compatible:
        return f"{_number(node, 'clock-frequency')} Hz"
    if "regulator-fixed" in compatible and node.get("regulator-min-microvolt"):
        least, most = (_number(node, f"regulator-{end}-microvolt") for end in ("min", "max"))
        return f"{least} uV" if least == most else f"{least} to {most} uV"
    return None


def _number(node: DraftNode, name: str) -> int:
    prop = node.get(name)
    cells = [c for p in prop.pieces if isinstance(p, Cells) for c in p.values] if prop else []
    return next((cell for cell in cells if isinstance(cell, int)), 0)
