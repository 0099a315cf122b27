"""What hangs on assigned devices and is no device for Xen: PHYs, chips on I2C and SPI, their wires.

Such nodes are copied with the bus that they are on. Here is what they miss in the guest: interrupts
and chip selects of a GPIO controller that stays with the host, a PHY on a bus that does; and which
providers could come along, because nothing else uses them.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.interrupts import OTHER_CONTROLLER
from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import on_processor_bus, registers
from xenassign.devicetree.phandle_properties import lookup
from xenassign.devicetree.references import Reference, property_references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.findings import Finding, rule
from xenassign.host.device import is_simple_bus, read_device
from xenassign.host.supplier_kinds import supplier_kind
from xenassign.planning.plan import PlannedDevice
from xenassign.xen.board import Board

PHY_ELSEWHERE = rule("XA535", "phy-on-other-bus", "warning", "broken")
CHIP_SELECT = rule("XA536", "chip-select-lost", "warning", "broken")
COULD_COME = rule("XA537", "supplier-assignable", "note", "broken")

_PHYS = ("phy-handle", "phy", "phy-device", "sfp")


def child_bus_findings(board: Board, scope: Scope) -> Iterator[Finding]:
    """What the copied nodes miss, in one line each."""
    tree = board.platform.tree
    own = {device.node for device in scope.devices}
    for root in scope.roots:
        for node in (one for one in root.walk() if scope.has(one)):
            if node not in own:
                yield from _lines(board, scope, node)
            for name in _PHYS:
                yield from _phy(tree, scope, node, name)
            yield from _chip_selects(tree, scope, node)


def _lines(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """Interrupts of a node that is no device for Xen."""
    if not (node.has("interrupts") or node.has("interrupts-extended")):
        return
    for line in read_device(board.platform, node).other_interrupts:
        if not scope.has(line.controller):
            message = f"interrupt {line.index} of {node.path} ends at {line.controller.path}"
            yield OTHER_CONTROLLER(message, node=node.path, prop="interrupts")


def _phy(tree: Tree, scope: Scope, node: Node, name: str) -> Iterator[Finding]:
    prop = node.get(name)
    group = property_references(tree, node, prop) if prop else None
    for one in group.entries if group else ():
        phy, cage = one.provider, name == "sfp"
        if phy is None or scope.has(phy) or not (cage or _on_mdio(phy)):
            continue
        bus = _holder(phy)
        message = f"{node.path}: its {'SFP cage' if cage else 'PHY'} {phy.path} is not assigned"
        fix = "write a fixed-link node into the guest's MAC"
        if bus is not None:
            fix = f"assign {bus.path} too (-d {bus.path}), or {fix}"
        yield PHY_ELSEWHERE(message, node=node.path, prop=name, fix=fix)


def _on_mdio(phy: Node) -> bool:
    """Whether a node is on a bus of its own addresses, as an Ethernet PHY is."""
    return phy.has("reg") and phy.parent is not None and not is_simple_bus(phy.parent)


def _chip_selects(tree: Tree, scope: Scope, node: Node) -> Iterator[Finding]:
    prop = node.get("cs-gpios")
    group = property_references(tree, node, prop) if prop else None
    lost = {one.index: one for one in (group.entries if group else ()) if _lost(scope, one)}
    for child in node.children.values() if lost else ():
        try:
            wanted = [select for select in child.cells("reg") if select in lost]
        except PropertyError:
            continue
        if wanted:
            gpio = lost[wanted[0]].provider
            where = gpio.path if gpio is not None else "nothing"
            message = f"{child.path}: its chip select {wanted[0]} is a GPIO of {where}"
            yield CHIP_SELECT(message, node=child.path, prop="reg")


def _lost(scope: Scope, one: Reference) -> bool:
    return not one.empty and not scope.has(one.provider)


# ---------------------------------------------------------------------- what could come along


def assignable_supplier_findings(
    board: Board, scope: Scope, device: PlannedDevice
) -> Iterator[Finding]:
    """The providers of a device's dropped suppliers that nothing else uses, in one line."""
    free: dict[str, str] = {}
    taken: dict[str, str] = {}
    for supplier in device.suppliers:
        kind = getattr(lookup(supplier.property), "kind", "other")
        if supplier.action != "dropped" or not supplier_kind(kind).alone:
            continue
        if supplier.property in _PHYS:
            continue  # PHY_ELSEWHERE reports it
        provider = board.platform.tree.find(supplier.provider or "")
        holder = _holder(provider) if provider is not None else None
        if holder is None or not _may_come(board, scope, holder):
            continue
        users = _users(board, scope, holder)
        if not users:
            free.setdefault(holder.path, supplier.property)
        elif kind == "phy":
            more = f" and {len(users) - 2} more" if len(users) > 2 else ""
            taken.setdefault(holder.path, f"{', '.join(users[:2])}{more}")
    told = [f"{path} ({prop}) is used by no other device" for path, prop in free.items()]
    told += [f"{path} also serves {users}" for path, users in taken.items()]
    if told:
        names = " ".join(f"-d {path}" for path in free)
        fix = f"assign too what the driver needs: {names}" if names else "assign all or none"
        yield COULD_COME(f"{device.path}: {'; '.join(told)}", node=device.path, fix=fix)


def _holder(provider: Node) -> Node | None:
    """The device that a provider is or belongs to: the nearest node with registers of its own."""
    for node in provider.lineage():
        if node.has("compatible") and on_processor_bus(node) and registers(node).blocks:
            return None if is_simple_bus(node) else node
    return None


def _may_come(board: Board, scope: Scope, holder: Node) -> bool:
    below = any(scope.has(node) for node in holder.walk())
    return (
        holder.available
        and scope.stays_with_host(holder)
        and not below
        and kept_by_xen(board, holder) is None
    )


def _users(board: Board, scope: Scope, holder: Node) -> list[str]:
    """The devices that stay with the host and use a device or a node below it."""
    subtree = set(holder.walk())
    users = {
        consumer.path
        for key in subtree
        for _, consumer in board.neighbours.consumers.get(key, ())
        if consumer not in subtree and not scope.has(consumer)
    }
    return sorted(users)
