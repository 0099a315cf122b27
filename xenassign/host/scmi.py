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


#: The properties whose entries are a device's SCMI ids, beside *-supply and pinctrl-N.
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


#: What sets a clock up. Other properties that name a provider (gpio-ranges) use no id of it.
_SET_UP = frozenset({"assigned-clocks", "assigned-clock-parents"})
_OTHERS = re.compile(r".+-supply|pinctrl-[0-9]+")


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

    ``root``: the SCMI node. ``provider``: the node that the phandle names. ``name``: what the names
    list calls the entry. ``id``: None for a provider that has none, a pin group without ``reg``.
    """

    protocol: str
    id: int | None
    root: Node
    provider: Node
    prop: str
    name: str | None

    @property
    def counts(self) -> bool:
        """Whether it makes the device a user of the id: not what only sets a clock up."""
        return _counts(self.prop)

    @property
    def text(self) -> str:
        """For people: ``clock 12``."""
        return self.protocol if self.id is None else f"{self.protocol} {self.id}"

    @property
    def key(self) -> tuple[Node, str, int | None]:
        """What two users of the same thing have in common; without an id that is the provider."""
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
    found: list[ScmiProvider] = []
    for node in tree.nodes():
        transport = next((TRANSPORTS[c] for c in node.compatible if c in TRANSPORTS), None)
        if transport is None:
            continue
        children = (c for c in node.children.values() if c.base_name == "protocol")
        numbers = (_protocol_number(child) for child in children)
        found.append(ScmiProvider(node, transport, tuple(n for n in numbers if n is not None)))
    return tuple(found)


def uses(references: tuple[References, ...], scmi: tuple[ScmiProvider, ...]) -> list[ScmiUse]:
    """The references of a node that lead to SCMI, in the order of its properties.

    ``access-controllers`` counts only where it names an SCMI provider itself or one of its
    protocols (sci_assign_dt_device of Xen 4.21): most uses of that property are not SCMI.
    """
    roots = {provider.node for provider in scmi}
    found: list[ScmiUse] = []
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
                found.append(use)
    return found


def ids(found: Iterable[ScmiUse]) -> tuple[ScmiId, ...]:
    """The SCMI ids of a device, each once, in the order of its properties.

    ``assigned-clocks`` and ``assigned-clock-parents`` do not count: they ask once that a clock is
    set up, which need not be one that the device runs on. They are uses.
    """
    counted = (ScmiId(u.protocol, u.id) for u in found if u.counts and u.id is not None)
    return tuple(dict.fromkeys(counted))


def users(tree: Tree, scmi: tuple[ScmiProvider, ...]) -> Iterator[ScmiUser]:
    """Every use of SCMI on the board in the order of its tree, by devices and by others.

    CPUs and thermal zones use clocks, performance domains and sensors, and are no devices.
    """
    for node in tree.nodes() if scmi else ():
        available = all(above.available for above in node.lineage())
        for use in uses(references(tree, node), scmi):
            yield ScmiUser(node, use, available)


def protocol_node(provider: Node, root: Node) -> Node | None:
    """The ``protocol@NN`` of an SCMI node that holds a provider; None for the SCMI node itself."""
    below = None
    for node in provider.lineage():
        if node is root:
            return below
        below = node
    return None


def _unit(node: Node) -> int | None:
    """The id of a provider that takes no argument: the ``reg`` of a regulator or pin group."""
    return _protocol_number(node) if node.base_name != "protocol" else None


def _protocol_of(provider: Node, root: Node) -> str | None:
    """The protocol whose subtree holds a provider; None for an SCMI node itself."""
    node = protocol_node(provider, root)
    number = _protocol_number(node) if node is not None else None
    return PROTOCOLS.get(number) if number is not None else None
