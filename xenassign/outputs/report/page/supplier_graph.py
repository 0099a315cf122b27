"""The suppliers of each device of a domain: what the guest gets of each, what dom0 must leave on.

Left of the line in the drawing is the host, right of it the guest. What crosses the line is in the
guest's tree: a copy, a stub, or the node itself; what ends before it stays with the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.phandle_properties import lookup
from xenassign.host.supplier_kinds import SUPPLIER_KINDS, HostDuty
from xenassign.outputs.report.page.columns import fit
from xenassign.outputs.report.page.drawing import WIDTH, Parts, Rect, Shape, Words
from xenassign.planning.plan import DomainPlan, HostKeep, PlannedDevice, Supplier

BY_HOST = "host"
"""The action of what a device has from the bus above, or by a provider without hardware."""


class Supply(NamedTuple):
    """What becomes of the references of one property to one provider.

    ``source``: the node with the property, and the property. ``action``: that of ``Supplier``, or
    ``host``: no property of the device names the provider. ``whys``: of the references, each once.
    ``duty``: "leave on", "leave set up", or "" if the host has nothing to do; ``arguments``: the
    cells of what it is about.
    """

    device: str
    property: str
    source: str
    provider: str
    action: str
    whys: tuple[str, ...]
    required: bool
    duty: str
    arguments: tuple[str, ...]


class SupplierGraph(NamedTuple):
    """The drawing of a domain, and its rows. ``owner``: the number of the domain's colour."""

    title: str
    description: str
    owner: int
    drawing: Parts
    supplies: tuple[Supply, ...]


def supplier_graph(number: int, plan: DomainPlan) -> SupplierGraph:
    """The suppliers of a domain's devices. ``number``: of the domain."""
    by_device = [(device, tuple(_supplies(plan, device))) for device in plan.devices]
    drawn = [(device, supplies) for device, supplies in by_device if supplies]
    drawing = _Graph(number, plan.name).drawing(drawn)
    text = (
        f"Left the suppliers of the host, right the properties of the devices of {plan.name}. What"
        " crosses the line is in the guest's tree; what ends before it stays with the host."
    )
    everything = tuple(supply for _, supplies in drawn for supply in supplies)
    return SupplierGraph(plan.name, text, number, drawing, everything)


def _supplies(plan: DomainPlan, device: PlannedDevice) -> Iterator[Supply]:
    """Those of its properties, then those that only the host's duties name."""
    keeps = [keep for keep in plan.host_keeps if device.path in keep.users]
    groups: dict[tuple[str, str, str, str], list[Supplier]] = {}
    for supplier in device.suppliers:
        node = supplier.node or device.path
        key = (node, supplier.property, supplier.provider or "", supplier.action)
        groups.setdefault(key, []).append(supplier)
    named: set[tuple[str, str]] = set()
    for (node, prop, provider, action), suppliers in groups.items():
        rule = lookup(prop)
        kind = rule.kind if rule is not None else ""
        own = [keep for keep in keeps if (keep.kind, keep.provider) == (kind, provider)]
        if prop.startswith("assigned-clock"):  # which state a rate, and use nothing
            own = []
        named.update((keep.kind, keep.provider) for keep in own)
        yield Supply(
            device.path,
            prop,
            f"{node}: {prop}",
            provider,
            action,
            tuple(dict.fromkeys(supplier.why for supplier in suppliers)),
            any(supplier.required for supplier in suppliers),
            _duty(own),
            _arguments(own),
        )
    rest: dict[tuple[str, str], list[HostKeep]] = {}
    for keep in keeps:
        if (keep.kind, keep.provider) not in named:
            rest.setdefault((keep.kind, keep.provider), []).append(keep)
    for (kind, provider), own in rest.items():
        why = "of a bus above the device, or through a supplier without hardware of its own"
        source = f"{device.path}: through another node"
        more = (_duty(own), _arguments(own))
        yield Supply(device.path, kind, source, provider, BY_HOST, (why,), False, *more)


def _duty(keeps: Sequence[HostKeep]) -> str:
    if not keeps:
        return ""
    on = SUPPLIER_KINDS[keeps[0].kind].duty is HostDuty.KEEP_ON
    return "leave on" if on else "leave set up"


def _arguments(keeps: Sequence[HostKeep]) -> tuple[str, ...]:
    return tuple(" ".join(f"{cell:#x}" for cell in keep.args) for keep in keeps if keep.args)


# ---------------------------------------------------------------------- the drawing

_PROVIDER, _LINE, _PROPERTY = 4, 186, 226  # left edges: providers, the line, properties
_BOX = 10
_ROW, _DUTY = 19, 12  # height of a row, and of its line about the host's duty
_HEADING, _SPACE = 26, 10  # of a device
_PROVIDER_CHARS, _DUTY_CHARS, _PROPERTY_CHARS, _DEVICE_CHARS = 24, 27, 14, 22


class _Graph:
    """The parts of the drawing of a domain, from top to bottom."""

    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name
        self._rects: list[Rect] = []
        self._shapes: list[Shape] = []
        self._words: list[Words] = []
        self._top = 22.0
        self._count = 0

    def drawing(self, devices: Sequence[tuple[PlannedDevice, Sequence[Supply]]]) -> Parts:
        """All of it."""
        self._words.append(Words(_PROVIDER, 12, "start", "head", "host"))
        self._words.append(Words(WIDTH - 2, 12, "end", "head", fit(self._name, _DEVICE_CHARS)))
        for device, supplies in devices:
            self._heading(device)
            for supply in supplies:
                self._row(supply)
            self._top += _SPACE
        height = round(self._top, 1)
        self._shapes.insert(0, Shape(f"M{_LINE},4 V{height - 4:g}", "boundary"))
        return Parts(height, tuple(self._rects), tuple(self._shapes), tuple(self._words))

    def _heading(self, device: PlannedDevice) -> None:
        name = fit(device.path.rpartition("/")[2], _DEVICE_CHARS)
        self._words.append(Words(_LINE + 8, self._top + 14, "start", "head", name))
        self._top += _HEADING

    def _row(self, supply: Supply) -> None:
        key, middle = f"s{self._number}-{self._count}", self._top + _ROW / 2
        self._count += 1
        name = supply.provider.rpartition("/")[2] or "(no node)"
        alarm = " unsafe" if supply.required else ""
        base = middle + 3.5
        box = Rect(
            _PROVIDER,
            middle - _BOX / 2,
            _BOX,
            _BOX,
            f"box {'duty' if supply.duty else 'supplier'}",
            key,
            " · ".join(_facts(supply)),
        )
        self._rects.append(box)
        left = _PROVIDER + _BOX + 5
        provider = fit(name, _PROVIDER_CHARS)
        prop = fit(supply.property, _PROPERTY_CHARS)
        self._words += [
            Words(left, base, "start", "name", provider, key),
            Words(_PROPERTY + _BOX + 5, base, "start", f"name{alarm}", prop, key),
            Words(WIDTH - 2, base, "end", f"address a-{supply.action}", supply.action, key),
        ]
        self._edge(supply, left + 6.1 * len(provider) + 4, middle, key)
        self._top += _ROW
        if supply.duty:
            words = Words(left, self._top + 5, "start", "address on-duty", _duty_line(supply), key)
            self._words.append(words)
            self._top += _DUTY

    def _edge(self, supply: Supply, start: float, middle: float, key: str) -> None:
        """The line to the guest's side, or to the border, and what is there."""
        begin = f"M{min(start, _LINE - 10):g},{middle:g}"
        if supply.action in {"dropped", BY_HOST}:
            self._shapes.append(Shape(f"{begin} H{_LINE - 6:g}", "edge lost", key))
            return
        self._shapes.append(Shape(f"{begin} H{_PROPERTY:g}", f"edge {supply.action}", key))
        style = f"box {'stub' if supply.action == 'stubbed' else f'block d{self._number % 8}'}"
        self._rects.append(Rect(_PROPERTY, middle - _BOX / 2, _BOX, _BOX, style, key))


def _duty_line(supply: Supply) -> str:
    """What dom0 must do, with the cells of each reference, or their number if these are many."""
    text = f"{supply.duty} {', '.join(supply.arguments)}".rstrip()
    return text if len(text) <= _DUTY_CHARS else f"{supply.duty} all {len(supply.arguments)}"


def _facts(supply: Supply) -> Iterator[str]:
    yield f"{supply.source}: {supply.action}"
    if supply.provider:
        yield f"supplier {supply.provider}"
    yield from supply.whys
    if supply.required:
        yield "the driver is known to fail without it"
    if supply.duty:
        yield f"dom0 must {supply.duty} {', '.join(supply.arguments)}".rstrip()
