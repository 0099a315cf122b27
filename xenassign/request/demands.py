"""[[forbid]] and [[require]] of xenassign.toml: what the owner of a system demands of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.formats.toml_text import KeyPath, as_list
from xenassign.host.kinds import kind_of
from xenassign.request.origin import Origin, Written
from xenassign.spelling import did_you_mean

#: The keys of [[require]] that are conditions.
CONDITIONS = ("protected", "identity", "max-domains")


class Demand(NamedTuple):
    """A demand about devices in domains, and its reason.

    ``forbids``: no domain may have the devices; otherwise the conditions must hold for them.
    ``devices``: names and patterns, with their subtrees, ``kinds``: those of knowledge/kinds.txt;
    a device has to fit both; empty: all devices. ``domains``: empty: all. ``protected``: Xen
    confines their DMA, or they do none. ``identity``: their registers are at the host's addresses.
    ``max_domains``: the most domains that have such a device.
    """

    forbids: bool
    reason: str
    devices: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    protected: bool = False
    identity: bool = False
    max_domains: int | None = None


class ResolvedDemand(NamedTuple):
    """A demand with the nodes that its names give. ``nodes``: None if it names no device."""

    demand: Demand
    nodes: frozenset[Node] | None

    def concerns(self, node: Node) -> bool:
        """Whether the demand is about a node: a named one or one below it, of its kinds."""
        kinds, nodes = self.demand.kinds, self.nodes
        if nodes is not None and nodes.isdisjoint(node.lineage()):
            return False
        return not kinds or kind_of(node) in kinds

    def concerns_domain(self, domain: str) -> bool:
        """Whether the demand is about a domain."""
        return not self.demand.domains or domain in self.demand.domains


def demands(values: dict[str, Any], whole: Origin) -> Iterator[Demand]:
    """The demands of a file without mistakes, in the order of the file, [[forbid]] first."""
    for table in ("forbid", "require"):
        for index, entry in enumerate(values.get(table, ())):
            names = as_list(entry.get("device"))
            at = whole.below(table, index, "device")
            places = [at.below(n) for n in range(len(names))] if len(names) > 1 else [at]
            yield Demand(
                forbids=table == "forbid",
                reason=entry["reason"],
                devices=tuple(map(Written, names, places)),
                kinds=tuple(as_list(entry.get("kind"))),
                domains=tuple(as_list(entry.get("domain"))),
                protected=entry.get("protected", False),
                identity=entry.get("identity", False),
                max_domains=entry.get("max-domains"),
            )


def mistakes(values: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """(key path, what is wrong) of demands whose keys are valid each by itself."""
    names = [domain["name"] for domain in values["domain"]]
    for table in ("forbid", "require"):
        for index, entry in enumerate(values.get(table, ())):
            at: KeyPath = (table, index)
            who = f"[[{table}]] {index + 1}"
            if table == "forbid" and not entry.keys() & {"device", "kind"}:
                yield at, f"{who} has no device and no kind; write device = or kind ="
            if table == "require" and not entry.keys() & {*CONDITIONS}:
                yield at, f"{who} has no condition; write one of {', '.join(CONDITIONS)}"
            for name in as_list(entry.get("domain")):
                if name not in names:
                    hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
                    yield (*at, "domain"), f"{who}: there is no domain {name!r}; {hint}"
