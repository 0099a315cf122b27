"""Whether a guest sees exactly what its DomainPlan says: every difference as a line of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.interrupts import Interrupt, interrupts
from xenassign.devicetree.tree import Node
from xenassign.host.gic import decode
from xenassign.planning.plan import DomainPlan, PlannedDevice
from xenassign.xen.releases import GUEST_PHANDLE_GIC

from .guest import GuestReport

#: What each route keeps for itself of the nodes below /passthrough; libxl copies all of it.
NOT_COPIED = {
    "dom0less": frozenset(
        {"xen,reg", "xen,reg-cacheable", "xen,path", "xen,force-assign-without-iommu"}
    ),
    "xl": frozenset[str](),
}
#: How /proc/interrupts and /sys/kernel/irq call what the GIC's binding tells apart.
TRIGGERS = {
    "edge-rising": "edge",
    "edge-falling": "edge",
    "level-high": "level",
    "level-low": "level",
}

#: For a script: leaves the INTID and the trigger of every line that Linux uses in /out/lines.
#: /proc/interrupts leaves out those that a driver passes on, as a GPIO controller does.
LINES = """
for irq in /sys/kernel/irq/*; do
    [ "$(cat $irq/chip_name)" != GICv3 ] || echo $(cat $irq/hwirq $irq/type)
done >/out/lines
"""


def differences(plan: DomainPlan, seen: GuestReport, route: str) -> Iterator[str]:
    """What the guest's own tree has that the plan has not, and the reverse."""
    planned = read_blob(to_blob(plan.tree), "the plan")
    for name in ("passthrough", "aliases"):
        there = planned.root.children.get(name), seen.tree.root.children.get(name)
        yield from nodes(*there, f"/{name}", NOT_COPIED[route])
    gic = seen.tree.phandles.get(GUEST_PHANDLE_GIC)
    if gic is None or not gic.has("interrupt-controller") or "arm,gic-v3" not in gic.compatible:
        yield f"phandle {GUEST_PHANDLE_GIC:#x} is {gic}, not the GIC"
    yield from _registers(plan, seen)
    for device in plan.devices:
        yield from _interrupts(plan, device, seen, gic)


def nodes(
    one: Node | None, other: Node | None, path: str, ignored: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Where two subtrees differ, in properties (but for the ignored ones) and nodes."""
    if one is None or other is None:
        if one is not other:
            yield f"{path}: {'not there' if other is None else 'not expected'}"
        return
    for name in dict.fromkeys((*one.properties, *other.properties)):
        wanted, found = one.get(name), other.get(name)
        if name in ignored:
            wanted = None
        values = tuple(prop and prop.value for prop in (wanted, found))
        if values[0] != values[1]:
            yield f"{path}: {name} is {values[1]!r}, not {values[0]!r}"
    for name in dict.fromkeys((*one.children, *other.children)):
        yield from nodes(
            one.children.get(name), other.children.get(name), f"{path}/{name}", ignored
        )


def _registers(plan: DomainPlan, seen: GuestReport) -> Iterator[str]:
    """Registers of the devices where they were planned, those of all nodes in what is mapped."""
    mapped = {(m.guest, m.guest + m.size) for d in plan.owners for m in d.mappings}
    top = seen.tree.root.children.get("passthrough")
    for node in top.walk() if top else ():
        for block in registers(node).blocks:
            if not any(start <= block.address and block.end <= end for start, end in mapped):
                yield f"{node.path}: {block.address:#x} is in no mapping"
    for device in plan.devices:
        wanted = [(p.guest, p.block.size) for p in device.placed if not p.window]
        found = seen.tree.find(device.guest_path)
        blocks = [(b.address, b.size) for b in registers(found).blocks] if found else []
        if blocks != wanted:
            yield f"{device.path}: registers {blocks}, not {wanted}"


class Line(NamedTuple):
    """An interrupt of a guest's device. ``what`` is INTID and trigger where it ends at the GIC."""

    controller: str
    what: tuple[object, ...]


def _interrupts(
    plan: DomainPlan, device: PlannedDevice, seen: GuestReport, gic: Node | None
) -> Iterator[str]:
    """The host's interrupts, in their order, of the GIC and of assigned controllers."""
    there = {
        node: each.guest_path + node.path.removeprefix(each.path)
        for each in plan.devices
        for node in each.host.node.walk()
    }
    there |= {each.host.node: each.guest_path for each in plan.devices}
    host = [(i.index, Line("GIC", (i.intid, i.trigger))) for i in device.host.interrupts]
    host += [
        (i.index, Line(there[i.controller], i.specifier))
        for i in device.host.other_interrupts
        if i.controller in there
    ]
    wanted = [line for _, line in sorted(host)]
    node = seen.tree.find(device.guest_path)
    found = [_line(i, gic) for i in interrupts(seen.tree, node).entries] if node else []
    if found != wanted:
        yield f"{device.path}: interrupts {found}, not {wanted}"


def _line(interrupt: Interrupt, gic: Node | None) -> Line:
    if interrupt.controller is not gic:
        return Line(interrupt.controller.path, interrupt.specifier)
    decoded = decode(interrupt.index, interrupt.specifier)
    return Line("GIC", (decoded.intid, decoded.trigger) if decoded else ())


def used(files: dict[str, bytes]) -> set[tuple[int, str]]:
    """(INTID, trigger) of the lines that Linux uses, as :data:`LINES` left them."""
    pairs = (line.split() for line in files["lines"].decode().splitlines())
    return {(int(intid), trigger) for intid, trigger in pairs}


def unused(device: PlannedDevice, seen: GuestReport, lines: set[tuple[int, str]]) -> Iterator[str]:
    """What a device's driver should have taken and has not: ranges and interrupts."""
    ranges = {(memory.start, memory.end + 1) for memory in seen.iomem}
    for placed in device.placed:
        if (placed.guest, placed.guest + placed.block.size) not in ranges:
            yield f"{device.path}: {placed.guest:#x} is not in /proc/iomem"
    for line in device.host.interrupts:
        if (line.intid, TRIGGERS[line.trigger]) not in lines:
            yield f"{device.path}: INTID {line.intid}, {line.trigger}, is not among {lines}"
