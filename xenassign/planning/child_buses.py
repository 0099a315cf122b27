"""Child buses of assigned devices: PHYs, chips on I2C and SPI, their interrupts and chip selects.

Xen does not treat such nodes as devices; they are copied with their bus. The findings are about
what they lack in the guest: interrupts and chip selects of a GPIO controller that stays with the
host, or a PHY on a bus that does. Suppliers that nothing else uses could be assigned too.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.interrupts import other_controller
from xenassign.checks.ownership import proposable
from xenassign.checks.scope import Scope
from xenassign.devicetree.phandle_properties import kind_of
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, PropertyError
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
    """What the copied nodes lack in the guest."""
    own = scope.device_nodes
    for root in scope.roots:
        for node in filter(scope.has, root.walk()):
            if node not in own:
                yield from _lost_interrupts(board, scope, node)
            for name in _PHYS:
                yield from _lost_phys(board, scope, node, name)
            yield from _chip_selects(board, scope, node)


def _lost_interrupts(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """Interrupts of a copied node at controllers that are not assigned."""
    if not (node.has("interrupts") or node.has("interrupts-extended")):
        return
    for line in read_device(board.platform, node).other_interrupts:
        if not scope.has(line.controller):
            message = f"interrupt {line.index} of {node.path} ends at {line.controller.path}"
            lost = other_controller(board, scope, line.controller, message, node.path)
            yield lost._replace(fails=False)  # the bus works, and often the chip without it


def _lost_phys(board: Board, scope: Scope, node: Node, name: str) -> Iterator[Finding]:
    """PHYs and SFP cages that are not assigned. ``name``: of the property that refers to them."""
    prop = node.get(name)
    group = property_references(board.platform.tree, node, prop) if prop else None
    for reference in group.entries if group else ():
        phy, cage = reference.provider, name == "sfp"
        if phy is None or scope.has(phy) or not (cage or _on_mdio(phy)):
            continue
        bus = proposable(board, scope, phy)
        message = f"{node.path}: its {'SFP cage' if cage else 'PHY'} {phy.path} is not assigned"
        fix = "write a fixed-link node into the guest's MAC"
        if bus is not None:
            fix = f"assign {bus.path} too (-d {bus.path}), or {fix}"
        others = (bus.path,) if bus is not None else ()
        yield PHY_ELSEWHERE(message, node=node.path, prop=name, fix=fix, others=others)


def _on_mdio(phy: Node) -> bool:
    """Whether a node is on a bus with addresses of its own, as an Ethernet PHY on MDIO is."""
    return phy.has("reg") and phy.parent is not None and not is_simple_bus(phy.parent)


def _chip_selects(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """Children of a bus whose chip select is a GPIO of a controller that is not assigned."""
    prop = node.get("cs-gpios")
    group = property_references(board.platform.tree, node, prop) if prop else None
    entries = group.entries if group else ()
    lost = {gpio.index: gpio for gpio in entries if not gpio.empty and not scope.has(gpio.provider)}
    for child in node.children.values() if lost else ():
        try:
            selects = [select for select in child.cells("reg") if select in lost]
        except PropertyError:
            continue
        if selects:
            controller = lost[selects[0]].provider
            path = controller.path if controller is not None else "nothing"
            message = f"{child.path}: its chip select {selects[0]} is a GPIO of {path}"
            holder = proposable(board, scope, controller)
            fix = f"assign {holder.path} too (-d {holder.path})" if holder is not None else None
            others = (holder.path,) if holder is not None else ()
            yield CHIP_SELECT(message, node=child.path, prop="reg", fix=fix, others=others)


# ---------------------------------------------------------------------- suppliers to assign too


def assignable_supplier_findings(
    board: Board, scope: Scope, device: PlannedDevice
) -> Iterator[Finding]:
    """Dropped suppliers of a device whose providers could be assigned too, as one finding."""
    unused: dict[str, str] = {}
    shared: dict[str, str] = {}
    for supplier in device.suppliers:
        kind = kind_of(supplier.property)
        if supplier.action != "dropped" or not supplier_kind(kind).alone:
            continue
        if supplier.property in _PHYS:
            continue  # PHY_ELSEWHERE reports it
        provider = board.platform.tree.find(supplier.provider or "")
        holder = proposable(board, scope, provider, serving=True)
        if holder is None:
            continue
        users = _users(board, scope, holder)
        if not users:
            unused.setdefault(holder.path, supplier.property)
        elif kind == "phy":
            more = f" and {len(users) - 2} more" if len(users) > 2 else ""
            shared.setdefault(holder.path, f"{', '.join(users[:2])}{more}")
    clauses = [
        f"{prop} leads to {path}, which no other device uses" for path, prop in unused.items()
    ]
    clauses += [f"{path} also serves {users}" for path, users in shared.items()]
    if clauses:
        names = " ".join(f"-d {path}" for path in unused)
        needed = "it if the driver needs it" if len(unused) == 1 else "those that the driver needs"
        fix = f"also assign {needed}: {names}" if names else "assign all or none"
        yield COULD_COME(f"{device.path}: {'; '.join(clauses)}", node=device.path, fix=fix)


def _users(board: Board, scope: Scope, holder: Node) -> list[str]:
    """Host paths of the nodes that stay with the host and use a device or a node below it."""
    subtree = set(holder.walk())
    users = {
        consumer.path
        for provider in subtree
        for _, consumer in board.neighbours.consumers.get(provider, ())
        if consumer not in subtree and not scope.has(consumer)
    }
    return sorted(users)
