"""Ports of Ethernet switches and of controllers with several ports, to which aliases lead.

Source: Linux' bindings net/dsa/dsa-port.yaml (``ethernet``: the controller on the other end of the
processor's port) and net/ethernet-switch.yaml (``ports`` or ``ethernet-ports``).
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node, Tree

_CONTAINERS = frozenset({"ports", "ethernet-ports", "switch-ports"})
_PORTS = frozenset({"port", "ethernet-port"})


class SwitchPort(NamedTuple):
    """A port. ``switch``: what has it; ``conduits``: the controllers through which its frames go.

    Without conduits the switch is itself the Ethernet controller. ``holders``: the devices with
    registers that a guest requires for the port, and the first is that of the first conduit.
    """

    switch: Node
    conduits: tuple[Node, ...]
    holders: tuple[Node, ...]


def switch_port(tree: Tree, node: Node) -> SwitchPort | None:
    """The switch of a port; None for another node, as the port of a graph."""
    container = node.parent
    if node.base_name not in _PORTS or container is None or "endpoint" in _below(node):
        return None
    switch = container.parent if container.base_name in _CONTAINERS else container
    if switch is None or (not switch.compatible and container is switch):
        return None
    cpu = (cells[0] for port in container.children.values() if (cells := port.cells("ethernet")))
    conduits = tuple(dict.fromkeys(mac for cell in cpu if (mac := tree.phandles.get(cell))))
    required = [_holder(mac) for mac in (*conduits, switch)]
    return SwitchPort(switch, conduits, tuple(dict.fromkeys(filter(None, required))))


def _below(node: Node) -> set[str]:
    return {child.base_name for child in node.children.values()}


def _holder(node: Node) -> Node | None:
    """The nearest device with registers of a node and those above it."""
    return next((n for n in node.lineage() if n.has("compatible") and registers(n).blocks), None)
