"""Nodes that Xen keeps or that are not devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.free_memory import added_page_findings
from xenassign.checks.live_tree import DISABLED_OR_MARKED
from xenassign.checks.machine_control import control, is_listed
from xenassign.devicetree.addresses import on_processor_bus, registers
from xenassign.findings import Finding, rule, some
from xenassign.host.device import HostDevice, is_simple_bus, read_device
from xenassign.host.kinds import kind_of
from xenassign.host.platform import is_kept_iommu
from xenassign.host.switch_ports import SwitchPort, switch_port

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node
    from xenassign.host.neighbours import Neighbours
    from xenassign.host.platform import Platform
    from xenassign.request.request import Request
    from xenassign.xen.board import Board

NOTHING_TO_ASSIGN = rule("XA101", "nothing-to-assign", "error", "broken")
OF_XEN = rule("XA102", "device-of-xen", "error", "rejected")
MSI_FRAME = rule("XA109", "msi-frame", "error", "unsafe")
DISABLED = rule("XA103", "disabled-assigned", "note", "portability")
NOT_A_DEVICE = rule("XA104", "memory-assigned", "error", "broken")
BUS_NOT_ASSIGNED = rule("XA110", "behind-another", "error", "broken")
LEFT_OUT = rule("XA105", "disabled-left-out", "note", "portability")
HOST_PROBLEM = rule("XA106", "host-node-unusable", "warning", "broken")


def selection_findings(
    platform: Platform, scope: Scope, requested: list[Node]
) -> Iterator[Finding]:
    """What is wrong with the requested nodes: memory, nothing to assign, disabled."""
    own = scope.device_nodes
    for node in requested:
        has_device = any(below in own for below in node.walk())
        if node.text("device_type") == "memory" or _in_reserved_memory(node):
            yield NOT_A_DEVICE(f"{node.path} is memory", node=node.path)
        elif not has_device:
            port = switch_port(platform.tree, node)
            yield _of_port(node, port) if port else _nothing(platform, node)
        if not node.available and platform.dom0_tree is not None:
            yield DISABLED_OR_MARKED(
                f"{node.path} is disabled in dom0's tree: marked xen,passthrough when Xen booted,"
                " or disabled on the board",
                node=node.path,
            )
        elif node.text("status") == "reserved":
            yield DISABLED(
                f"{node.path} is assigned although its status is reserved: the firmware or another"
                " processor uses it",
                node=node.path,
                severity="warning",
                fix="leave it to them, unless you know that they do not use it on your board",
            )
        elif not node.available:
            yield DISABLED(
                f"{node.path} is assigned although it is disabled in the host tree",
                node=node.path,
            )
    for node in scope.left_out if platform.dom0_tree is not None else ():
        yield DISABLED_OR_MARKED(
            f"{node.path} is disabled in dom0's tree, and left out",
            node=node.path,
            severity="warning",
            fix="if it was marked, and not disabled on the board, name it with a -d of its own",
        )
    for node in scope.left_out if platform.dom0_tree is None else ():
        yield LEFT_OUT(f"{node.path} is disabled in the host tree and left out", node=node.path)


def _nothing(platform: Platform, node: Node) -> Finding:
    return NOTHING_TO_ASSIGN(_why_nothing(platform, node), node=node.path)


def _of_port(node: Node, port: SwitchPort) -> Finding:
    """An Ethernet port: what has it, and what to ask for instead."""
    switch, asked = port.switch.path, " and ".join(holder.path for holder in port.holders)
    message = f"{node.path} is a port of {switch}, and no device"
    fix = f"name {asked} instead, which has all of its ports"
    if port.conduits:
        through = some(conduit.path for conduit in port.conduits)
        message = f"{node.path} is a port of the switch {switch}, whose frames go through {through}"
        control = "the bus of the switch" if len(port.holders) > 1 else "the switch on it"
        fix = f"name {asked} instead: the controller of its frames, and {control}"
    others = (holder.path for holder in port.holders)
    return NOTHING_TO_ASSIGN(message, node=node.path, fix=fix if asked else None, others=others)


def _why_nothing(platform: Platform, node: Node) -> str:
    device = read_device(platform, node)
    if node.has("reg") and not device.registers.mapped and node.parent is not None:
        reason = (
            f"its registers are on the bus {node.parent.path}, which the processor does not address"
        )
        return f"{node.path} has nothing that Xen could assign: {reason}"
    if device.problems:
        return f"{node.path} has nothing that Xen could assign: {device.problems[0]}"
    return f"{node.path} has no registers, interrupts or iommus"


def _in_reserved_memory(node: Node) -> bool:
    return any(n.name == "reserved-memory" for n in node.lineage() if n.parent)


def device_findings(
    board: Board, scope: Scope, request: Request, device: HostDevice
) -> Iterator[Finding]:
    """Devices that Xen keeps, that cannot be accessed, or that may be none."""
    yield from added_page_findings(board.platform, request, device)
    kept = kept_by_xen(board, device.node)
    if kept:
        broken = MSI_FRAME if kept == _FRAME else OF_XEN
        yield broken(f"{device.path} is {kept}", node=device.path)
    parent = device.node.parent
    if not device.registers.mapped and not scope.has(parent):
        bus = parent.path if parent else "/"
        message = f"the registers of {device.path} are on {bus}, which is not assigned"
        fix = f"assign {bus}, which includes it"
        if parent is not None and control(board, scope, parent).refused:
            fix = f"leave it to the host, which must keep {bus}"
        yield BUS_NOT_ASSIGNED(message, node=device.path, prop="reg", fix=fix)
    elif not device.node.has("reg"):
        yield from _no_registers(board, scope, device.node)
    unreachable = bool(device.registers.problems) and not device.blocks
    for problem in device.problems:
        lost = unreachable and problem in device.registers.problems
        yield HOST_PROBLEM(
            f"{device.path}: {problem}",
            node=device.path,
            severity="error" if lost else None,
            fix="fix the host tree: a device requires registers" if lost else None,
        )


def _no_registers(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """A device with interrupts or streams only: what its driver accesses is elsewhere."""
    if kind_of(node) == "pmu":
        message = f"{node.path} has nothing that Xen could assign but interrupts"
        yield NOTHING_TO_ASSIGN(
            f"{message}: its counters are registers of the CPU cores, which Xen traps",
            node=node.path,
            severity="warning",
            fix="leave it to the host; vpmu = 1 of dom.cfg gives a guest the counters of the cores",
        )
    holder = next(filter(_has_registers, node.ancestors()), None)
    if holder is None or is_simple_bus(holder) or scope.has(holder):
        return
    fix = f"assign {holder.path}, which includes it"
    if control(board, scope, holder).refused:
        fix = f"leave it to the host, which must keep {holder.path}"
    message = f"{node.path} has no registers: its driver uses those of {holder.path}"
    yield BUS_NOT_ASSIGNED(f"{message}, which is not assigned", node=node.path, fix=fix)


_FRAME = "an MSI frame: writes to it raise interrupts of other domains"


def kept_by_xen(board: Board, node: Node) -> str | None:
    """What Xen uses a node for, as the end of a sentence; None if Xen does not keep it."""
    platform = board.platform
    if platform.gic is not None and node is platform.gic.node:
        return "the interrupt controller"
    if any(node is msi.node and msi.frame for msi in platform.msi):
        return _FRAME
    if node is platform.console:
        return "Xen's console UART; if Xen uses another, give --xen-console PATH"
    if is_kept_iommu(node):
        return "an IOMMU, which Xen keeps"
    if any(c.startswith(("arm,armv7-timer", "arm,armv8-timer")) for c in node.compatible):
        return "a timer that Xen keeps"
    return None


def proposable(
    board: Board, scope: Scope, node: Node | None, *, serving: bool = False
) -> Node | None:
    """The device that a node is or belongs to, if a message may propose to assign it too.

    It is enabled and stays with the host, Xen does not keep it, and it does not rule over the
    machine. No device that would stay uses it, unless with ``serving`` it is proposed with these.
    It is not a bus with other devices, as an I2C controller may be: the host would lose them.
    """
    holder = next(filter(_has_registers, node.lineage()), None) if node is not None else None
    if holder is None or is_simple_bus(holder):
        return None
    below = any(scope.has(inner) for inner in holder.walk())
    if not (
        holder.enabled
        and scope.stays_with_host(holder)
        and not below
        and kept_by_xen(board, holder) is None
        and not any(_other_devices(holder, node))
        and not is_listed(scope, holder)
    ):
        return None
    ruled = control(board, scope, holder)
    return None if ruled.refused or (ruled.served and not serving) else holder


def _other_devices(bus: Node, target: Node | None) -> Iterator[Node]:
    """The enabled devices on a bus, except ``target`` and those above and below it."""
    above = set(target.lineage()) if target is not None else set()
    for node in bus.children.values():
        if node is target or not node.available:
            continue
        if node in above:
            yield from _other_devices(node, target)
        elif node.has("compatible"):
            yield node


def _has_registers(node: Node) -> bool:
    return node.has("compatible") and on_processor_bus(node) and bool(registers(node).blocks)


def marks(scope: Scope, neighbours: Neighbours) -> Iterator[tuple[str, str]]:
    """(path, reason) of every host node that gets xen,passthrough, the devices first.

    Xen looks at each node by itself (handle_device), nested ones included. It gives dom0 the
    interrupts of disabled nodes too (handle_node ignores status), so a disabled node with an
    interrupt of an assigned device is marked as well.
    """
    marked: set[Node] = set()
    for device in scope.devices:
        marked.add(device.node)
        yield device.path, "assigned"
    for device in scope.devices:
        for line in device.lines:
            for _, node in neighbours.lines.get(line.intid, []):
                if node not in marked and not node.available:
                    marked.add(node)
                    yield node.path, f"disabled, but dom0 would keep INTID {line.intid}"
