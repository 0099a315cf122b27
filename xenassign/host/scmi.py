"""SCMI: the providers of a board, their protocols, and the ids that a device uses.

Binding: firmware/arm,scmi.yaml. A provider has children ``protocol@NN`` whose ``reg`` is the
protocol of the SCMI specification; a device names such a child in clocks, power-domains and so on,
with the id as the first argument.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.references import References
from xenassign.devicetree.tree import Node, PropertyError, Tree

TRANSPORTS = {
    "arm,scmi": "mailbox",
    "arm,scmi-smc": "smc",
    "arm,scmi-smc-param": "smc-param",
    "linaro,scmi-optee": "optee",
    "arm,scmi-virtio": "virtio",
}

PROTOCOLS = {
    0x11: "power-domain",
    0x13: "performance",
    0x14: "clock",
    0x15: "sensor",
    0x16: "reset",
    0x17: "voltage",
    0x18: "powercap",
    0x19: "pinctrl",
}


#: The kinds of suppliers whose properties name ids that a device works with. What assigned-clocks
#: and its like ask for is set up once and used by others; a gpio-ranges names no pin of SCMI's.
_KINDS = frozenset(
    {
        "clock",
        "power-domain",
        "reset",
        "performance-domain",
        "thermal",
        "regulator",
        "pinctrl",
        "access-controller",
    }
)


class ScmiProvider(NamedTuple):
    """An SCMI firmware interface: its node, its transport, its protocol numbers in order."""

    node: Node
    transport: str
    protocols: tuple[int, ...]


class ScmiId(NamedTuple):
    """One SCMI resource that a device uses."""

    protocol: str
    id: int


def _protocol_number(node: Node) -> int | None:
    try:
        values = node.cells("reg")
    except PropertyError:
        return None
    return values[0] if len(values) == 1 else None


def providers(tree: Tree) -> tuple[ScmiProvider, ...]:
    """Every SCMI provider of the board."""
    found: list[ScmiProvider] = []
    for node in tree.nodes():
        transport = next((TRANSPORTS[c] for c in node.compatible if c in TRANSPORTS), None)
        if transport is None:
            continue
        children = (c for c in node.children.values() if c.base_name == "protocol")
        numbers = (_protocol_number(child) for child in children)
        found.append(ScmiProvider(node, transport, tuple(n for n in numbers if n is not None)))
    return tuple(found)


def ids(references: tuple[References, ...], scmi: tuple[ScmiProvider, ...]) -> tuple[ScmiId, ...]:
    """The SCMI ids that a device's references lead to, each once, in the order of its properties.

    ``access-controllers`` counts only where it names an SCMI provider itself or one of its
    protocols (sci_assign_dt_device of Xen 4.21): most uses of that property are not SCMI.
    """
    roots = {id(provider.node) for provider in scmi}
    found: dict[ScmiId, None] = {}
    for group in references:
        if group.rule.kind not in _KINDS or group.prop.startswith("assigned-clock"):
            continue
        for reference in group.entries:
            protocol = _protocol_of(reference.provider, roots)
            if protocol is None:
                continue
            if reference.rule.kind == "access-controller":
                protocol = "access"
            identifier = reference.args[0] if reference.args else _unit(reference.provider)
            if protocol and identifier is not None:
                found[ScmiId(protocol, identifier)] = None
    return tuple(found)


def _unit(node: Node | None) -> int | None:
    """The id of a provider that takes no argument: the ``reg`` of a regulator or pin group."""
    return _protocol_number(node) if node is not None else None


def _protocol_of(node: Node | None, roots: set[int]) -> str | None:
    """The protocol whose subtree holds the node; ``""`` for an SCMI provider itself."""
    below = node
    while node is not None:
        if id(node) in roots:
            if below is node:
                return ""
            number = _protocol_number(below) if below is not None else None
            return PROTOCOLS.get(number) if number is not None else None
        below, node = node, node.parent
    return None
