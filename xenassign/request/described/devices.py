"""From the devices that a description names to nodes of the board."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from xenassign.devicetree.interrupts import interrupts
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import some
from xenassign.request.described.facts import Access, Described, Note
from xenassign.request.described.roles import scope
from xenassign.request.select import find, why_not_found

#: A node of a System Device Tree that distributes interrupts to the GICs of all clusters.
MULTIPLEX = "interrupt-multiplex"


class NamedNodes(NamedTuple):
    """The nodes of a domain; what is left out; names of several nodes, as lines of an error."""

    nodes: tuple[Node, ...]
    notes: tuple[Note, ...]
    ambiguous: tuple[str, ...]


class DeviceNames:
    """Looks the devices of domains up on a board. ``system``: the System Device Tree, if any."""

    def __init__(self, board: Tree, system: Tree | None) -> None:
        self._board, self._system = board, system

    def of(self, domain: Described) -> NamedNodes:
        """The devices of a domain, in its order, each once."""
        nodes: dict[Node, None] = {}
        notes: list[Note] = []
        ambiguous: list[str] = []
        for access in domain.access:
            for single in self._expanded(domain, access, notes):
                matches, why = self._nodes(single)
                if len(matches) > 1:
                    paths = some(node.path for node in matches)
                    ambiguous.append(
                        f"{single.where}: {single.name} is the name of {len(matches)} nodes; write"
                        f" the path of one of {paths}"
                    )
                elif not matches:
                    notes.append(Note(single.where, f"{single.name} is left out: {why}"))
                elif (reason := _no_device(matches[0])) is not None:
                    text = f"{single.name} is left out: {matches[0].path} is {reason}"
                    notes.append(Note(single.where, text))
                else:
                    nodes[matches[0]] = None
        return NamedNodes(tuple(nodes), tuple(notes), tuple(ambiguous))

    def _expanded(self, domain: Described, access: Access, notes: list[Note]) -> Iterator[Access]:
        """The devices of a pattern: those that it chooses of the domain around, or of the board."""
        pattern = access.name
        if not any(char in pattern for char in "*?") or self._board.find(pattern) is not None:
            yield access
            return
        around = scope(domain)
        if around is not None:
            chosen = [a for a in around.access if fnmatchcase(a.name, pattern)]
            chosen = [a for a in chosen if not any(char in a.name for char in "*?")]
            if not chosen:
                text = f"{pattern} matches no device of {around.name}; it is left out"
                notes.append(Note(access.where, text))
            yield from (a._replace(where=access.where) for a in chosen)
        elif pattern == "*":
            text = "* gives it every device, which only dom0 can have; name those of the guest"
            notes.append(Note(access.where, text))
        else:
            matches = [n for n in self._board.nodes() if self._matches(n, pattern)]
            if not matches:
                notes.append(Note(access.where, f"{pattern} matches no device; it is left out"))
            yield from (Access(access.where, node.path, path=node.path) for node in matches)

    def _matches(self, node: Node, pattern: str) -> bool:
        label = self._board.labels_of.get(node.path, "")
        names = fnmatchcase(node.name, pattern) or fnmatchcase(label, pattern)
        return names and node.has("reg") and bool(node.compatible) and _no_device(node) is None

    def _nodes(self, access: Access) -> tuple[list[Node], str]:
        """The nodes with a name, and why there is none."""
        node = self._of_system(access) if access.path else find(self._board, access.name)
        if node is None and access.also:
            node = find(self._board, access.also)
        if node is not None:
            return [node], ""
        name = access.name
        last = access.path.rpartition("/")[2] or name
        ends = [n for n in self._board.nodes() if n.path.endswith("/" + last.strip("/"))]
        ends = ends or [n for n in self._board.nodes() if n.base_name == name != ""]
        return ends, why_not_found(self._board, name) if not ends else ""

    def _of_system(self, access: Access) -> Node | None:
        """The node of the board that is a node of the System Device Tree: by path, then label."""
        node = self._board.find(access.path)
        if node is None and self._system is not None:
            label = self._system.labels_of.get(access.path)
            node = self._board.find(self._board.labels.get(label or "", ""))
        return node

    def multiplexers(self, nodes: tuple[Node, ...]) -> list[Node]:
        """The nodes that distribute interrupts of devices to the GICs of several clusters."""
        multiplexers: dict[Node, None] = {}
        for node in nodes:
            for line in interrupts(self._board, node).entries:
                if MULTIPLEX in line.controller.compatible or MULTIPLEX in line.first.compatible:
                    multiplexers[line.first] = None
        return list(multiplexers)


def _no_device(node: Node) -> str | None:
    """What a node is instead of a device; None for a device."""
    if node.text("device_type") == "memory":
        return "memory, not a device"
    top = node.path.split("/")[1]
    if top == "reserved-memory":
        return "a region of memory, which comes with the devices whose memory-region names it"
    return "no device" if top.partition("@")[0] in {"cpus", "chosen", "domains", ""} else None
