"""The SCMI ids of every node of a board, computed with libfdt alone.

Nothing of xenassign is used here. Written from the binding (firmware/arm,scmi.yaml): a provider has
children ``protocol@NN`` with the protocol's number in ``reg``; a consumer names one of them, or a
node below it, by phandle, and the first cell behind the phandle is the id. A node without cells (a
regulator) is its own id: its ``reg``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import libfdt

COMPATIBLES = {
    b"arm,scmi",
    b"arm,scmi-smc",
    b"arm,scmi-smc-param",
    b"linaro,scmi-optee",
    b"arm,scmi-virtio",
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
#: The consumers' properties, with the provider's that counts the arguments.
CELLS = {
    "clocks": "#clock-cells",
    "power-domains": "#power-domain-cells",
    "resets": "#reset-cells",
    "performance-domains": "#performance-domain-cells",
    "thermal-sensors": "#thermal-sensor-cells",
    "access-controllers": "#access-controller-cells",
}

Ids = set[tuple[str, int]]


class Judge(NamedTuple):
    """A board: properties by path, and paths by phandle."""

    nodes: dict[str, dict[str, bytes]]
    phandles: dict[int, str]

    def providers(self) -> set[str]:
        """The paths of the SCMI providers."""
        return {
            path
            for path, node in self.nodes.items()
            if COMPATIBLES & set(node.get("compatible", b"").split(b"\0"))
        }

    def ids(self, path: str, providers: set[str]) -> Ids:
        """(protocol, id) of everything that a node takes from SCMI."""
        found: Ids = set()
        for name, value in self.nodes[path].items():
            for provider, arguments in self._entries(name, value):
                protocol = self._protocol(provider, providers)
                if protocol is None:
                    continue
                if name == "access-controllers":
                    protocol = "access"
                if arguments:
                    found.add((protocol, arguments[0]))
                elif "reg" in self.nodes[provider]:
                    found.add((protocol, _cells(self.nodes[provider]["reg"])[0]))
        return found

    def _entries(self, name: str, value: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
        """(path of the provider, arguments) of a property that names suppliers."""
        bare = name.endswith("-supply") or (name.startswith("pinctrl-") and name[8:].isdigit())
        if not bare and name not in CELLS:
            return
        cells = _cells(value)
        while cells:
            phandle, *cells = cells
            if phandle == 0:
                continue
            provider = self.phandles.get(phandle)
            if provider is None:
                return
            count = 0
            if not bare:
                wanted = self.nodes[provider].get(CELLS[name])
                if wanted is None:
                    return
                (count,) = _cells(wanted)
            yield provider, tuple(cells[:count])
            cells = cells[count:]

    def _protocol(self, path: str, providers: set[str]) -> str | None:
        """The protocol that a node is part of; "" for the provider itself."""
        if path in providers:
            return ""
        while path:
            above = path.rpartition("/")[0]
            if above in providers:
                reg = self.nodes[path].get("reg")
                return PROTOCOLS.get(_cells(reg)[0]) if reg else None
            path = above
        return None


def judge(blob: bytes) -> Judge:
    """Reads a board with libfdt."""
    fdt = libfdt.Fdt(blob)
    nodes: dict[str, dict[str, bytes]] = {}
    phandles: dict[int, str] = {}
    trail: list[str] = []
    offset, depth = 0, 0
    while offset >= 0:
        trail = [*trail[:depth], fdt.get_name(offset)]
        path = "/".join(trail) or "/"
        nodes[path] = {prop.name: bytes(prop) for prop in _properties(fdt, offset)}
        phandle = fdt.get_phandle(offset)
        if phandle:
            phandles[phandle] = path
        offset, depth = fdt.next_node(offset, depth, (libfdt.NOTFOUND,))
        if depth < 0:
            break
    return Judge(nodes, phandles)


def _properties(fdt: libfdt.Fdt, node: int) -> Iterator[libfdt.Property]:
    offset = fdt.first_property_offset(node, (libfdt.NOTFOUND,))
    while offset >= 0:
        yield fdt.get_property_by_offset(offset)
        offset = fdt.next_property_offset(offset, (libfdt.NOTFOUND,))


def _cells(value: bytes) -> list[int]:
    return [word for (word,) in struct.iter_unpack(">I", value[: len(value) // 4 * 4])]
