"""SCMI: the providers of a board, their protocols, and the ids that a device uses.

Binding: firmware/arm,scmi.yaml. A provider has children ``protocol@NN`` whose ``reg`` is the
protocol of the SCMI specification; a device names such a child in clocks, power-domains and so on,
with the id as the first argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.references import References, references
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


#: The properties whose entries are a device's SCMI ids, apart from *-supply and pinctrl-N.
_PROPERTIES = frozenset(
    {
        "clocks",
        "power-domains",
        "resets",
        "performance-domains",
        "thermal-sensors",
        "access-controllers",
    }
)


#: Properties that set a clock up. Others that name a provider (gpio-ranges) do not use an id of it.
_SET_UP = frozenset({"assigned-clocks", "assigned-clock-parents"})
_OTHERS = re.compile(r".+-supply|pinctrl-[0-9]+")


#: Protocols that are only read, so that users do not disturb each other.
READ_ONLY = frozenset({"sensor", "access"})


def _counts(prop: str) -> bool:
    return prop in _PROPERTIES or _OTHERS.fullmatch(prop) is not None


class ScmiProvider(NamedTuple):
    """An SCMI firmware interface: its node, its transport, its protocol numbers in order."""

    node: Node
    transport: str
    protocols: tuple[int, ...]


class ScmiId(NamedTuple):
    """One SCMI resource that a device uses."""

    protocol: str
    id: int


class ScmiUse(NamedTuple):
    """One reference that ends at an SCMI provider, or at a node below one.

    ``root``: the SCMI node. ``provider``: the node that the phandle names. ``name``: that of the
    entry in the names list. ``id``: None for a provider without one, a pin group without ``reg``.
    """

    protocol: str
    id: int | None
    root: Node
    provider: Node
    prop: str
    name: str | None

    @property
    def counts(self) -> bool:
        """Whether the device uses the id, and does not only set a clock up."""
        return _counts(self.prop)

    @property
    def text(self) -> str:
        """For people: ``clock 12``."""
        return self.protocol if self.id is None else f"{self.protocol} {self.id}"

    @property
    def key(self) -> tuple[Node, str, int | None]:
        """Equal for two uses of one resource; without an id that is the provider."""
        if self.id is None:
            return self.provider, self.protocol, None
        return self.root, self.protocol, self.id


class ScmiUser(NamedTuple):
    """A node that uses an id. ``available``: whether it and all above it are."""

    node: Node
    use: ScmiUse
    available: bool


def _protocol_number(node: Node) -> int | None:
    try:
        values = node.cells("reg")
    except PropertyError:
        return None
    return values[0] if len(values) == 1 else None


def providers(tree: Tree) -> tuple[ScmiProvider, ...]:
    """Every SCMI provider of the board."""
    scmi_nodes: list[ScmiProvider] = []
    for node in tree.nodes():
        transport = next((TRANSPORTS[c] for c in node.compatible if c in TRANSPORTS), None)
        if transport is None:
            continue
        children = (c for c in node.children.values() if c.base_name == "protocol")
        numbers = (_protocol_number(child) for child in children)
        scmi_nodes.append(ScmiProvider(node, transport, tuple(n for n in numbers if n is not None)))
    return tuple(scmi_nodes)


def uses(references: tuple[References, ...], scmi: tuple[ScmiProvider, ...]) -> list[ScmiUse]:
    """The references of a node that lead to SCMI, in the order of its properties.

    ``access-controllers`` counts only where it names an SCMI provider itself or one of its
    protocols (sci_assign_dt_device of Xen 4.21): most uses of that property are not SCMI.
    """
    roots = {provider.node for provider in scmi}
    scmi_uses: list[ScmiUse] = []
    for group in references:
        for reference in group.entries:
            provider = reference.provider
            root = next((n for n in provider.lineage() if n in roots), None) if provider else None
            if root is None or provider is None:
                continue
            protocol = _protocol_of(provider, root)
            if reference.rule.kind == "access-controller":
                protocol = "access"
            identifier = reference.args[0] if reference.args else _unit(provider)
            use_of = group.prop in _SET_UP or _counts(group.prop)
            if protocol and use_of:
                name = reference.name
                use = ScmiUse(protocol, identifier, root, provider, group.prop, name)
                scmi_uses.append(use)
    return scmi_uses


def ids(uses: Iterable[ScmiUse]) -> tuple[ScmiId, ...]:
    """The SCMI ids of a device, each once, in the order of its properties.

    ``assigned-clocks`` and ``assigned-clock-parents`` do not count, although they are uses: they
    set a clock up once, and the device may run without the clock.
    """
    counted = (ScmiId(u.protocol, u.id) for u in uses if u.counts and u.id is not None)
    return tuple(dict.fromkeys(counted))


def users(tree: Tree, scmi: tuple[ScmiProvider, ...]) -> Iterator[ScmiUser]:
    """Every use of SCMI on the board in the order of its tree, by devices and by others.

    CPUs and thermal zones, which are not devices, use clocks, performance domains and sensors.
    """
    for node in tree.nodes() if scmi else ():
        for use in uses(references(tree, node), scmi):
            yield ScmiUser(node, use, node.enabled)


def protocol_node(provider: Node, root: Node) -> Node | None:
    """The ``protocol@NN`` of an SCMI node that holds a provider; None for the SCMI node itself."""
    below = None
    for node in provider.lineage():
        if node is root:
            return below
        below = node
    return None


def _unit(node: Node) -> int | None:
    """The id of a provider without arguments: the ``reg`` of a regulator or pin group."""
    return _protocol_number(node) if node.base_name != "protocol" else None


def _protocol_of(provider: Node, root: Node) -> str | None:
    """The protocol whose subtree holds a provider; None for an SCMI node itself."""
    node = protocol_node(provider, root)
    number = _protocol_number(node) if node is not None else None
    return PROTOCOLS.get(number) if number is not None else None
