"""Rules about static event channels: nodes with "xen,evtchn-v1" below a domain's.

``xen,evtchn`` is the port of the node's own domain, and the phandle of the node at the other end,
which names this one in the same way. Xen connects them after all domains are built, in the order of
the tree, and panics at the first that it can't connect. Source: alloc_static_evtchn,
alloc_domain_evtchn (static-evtchn.c; domain_build.c in 4.17), evtchn_allocate_port.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.cells import xen_cells
from xenassign.devicetree.overlay import CONTENT
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import DomainNode, is_compatible, string
from xenassign.linting.verdict.domain_view import DomainView

REFUSED = rule("XA749", "event-channel-refused", "error", "rejected", routes=DOM0LESS)
EVENT_CHANNEL = "xen,evtchn-v1"
_PROP = "xen,evtchn"
_PORTS, _DOM0_PORTS = 1024, 4096  #: max_evtchn_port + 1; EVTCHN_2L_NR_CHANNELS for dom0
#: The hardware domain (DOMAIN_CAPS_HARDWARE) has the ports of dom0.
_HARDWARE = 0b010


class End(NamedTuple):
    """One end of a channel, and the phandle of the other."""

    node: Node
    port: int
    remote: int


class RefusedError(Exception):
    """Why Xen does not connect a node."""


class _Ports:
    """The ports of all domains of a /chosen, by the domain's node; that of dom0 is /chosen."""

    def __init__(self, view: DomainView) -> None:
        self._taken: dict[Node, set[int]] = {}
        self._limits: dict[Node, int] = {}
        for domain in view.domain.same_chosen:
            served = string(domain.node, "xen,enhanced") not in ("no-xenstore", "legacy")
            xenstore = domain.enhanced(view.release) and served
            self._taken[domain.node] = {0, 1} if xenstore else {0}  # port 0 is never given
            self._limits[domain.node] = _limit(domain, view)
        chosen = view.node.parent
        if chosen is not None and view.context.beside_dom0:
            self._taken[chosen] = {0}
            self._limits[chosen] = _DOM0_PORTS

    def take(self, end: End) -> None:
        """Allocates a port, 0 for the first free one. Raises RefusedError."""
        domain = end.node.parent
        if domain is not None and _changes_a_domain(domain):
            self._taken.setdefault(domain, {0})
            self._limits.setdefault(domain, _PORTS)
        taken = self._taken.get(domain) if domain is not None else None
        if taken is None or domain is None:
            raise RefusedError(f"{end.node.path} is in no domain")
        port, limit = end.port, self._limits[domain]
        if not port:
            port = next((free for free in range(limit) if free not in taken), limit)
        if port >= limit:
            raise RefusedError(f"port {end.port} of {end.node.path}: at most {limit - 1}")
        if port in taken:
            raise RefusedError(f"port {port} of {domain.path} is in use")
        taken.add(port)


def _changes_a_domain(content: Node) -> bool:
    """Whether a node is what an overlay adds to a domain of another one: its target is below
    /chosen.
    """
    target = content.parent.text("target-path") if content.parent is not None else None
    return content.name == CONTENT and (target or "").startswith("/chosen/")


def _limit(domain: DomainNode, view: DomainView) -> int:
    hardware = view.reads("capabilities") and xen_cells(domain.node.value("capabilities") or b"")
    return _DOM0_PORTS if hardware and hardware[0] & _HARDWARE else _PORTS


def check(view: DomainView) -> Iterator[Finding]:
    """The first node that Xen can't connect. One of no domain is reported with the first."""
    nodes = list(_nodes(view))
    if not nodes:
        return
    domains = [domain.node for domain in view.domain.same_chosen]
    first = domains[:1] == [view.node]
    *_, root = view.node.lineage()
    by_phandle: dict[int, Node] = {}
    for node in root.walk():
        by_phandle.setdefault(node.phandle or 0, node)
    ports, connected = _Ports(view), set[Node]()
    for node in nodes:
        if node in connected:
            continue
        try:
            own, remote = _ends(node, by_phandle)
            if not own.port:  # Xen allocates a free one, and then connects 0
                raise RefusedError(f"port 0 of {node.path}: only the other end may have it")
            ports.take(own)
            ports.take(remote)
        except RefusedError as error:
            elsewhere = _is_elsewhere(node, by_phandle)
            mine = node.parent is view.node or (first and node.parent not in domains)
            if mine and not elsewhere:
                yield REFUSED(f"{node.path}: {error}", node=node.path, prop=_PROP)
            if not elsewhere:
                return
        else:
            connected |= {node, remote.node}


def _nodes(view: DomainView) -> Iterator[Node]:
    """The nodes that Xen connects, in its order: of dom0, and below the children of /chosen."""
    chosen = view.node.parent
    for child in chosen.children.values() if chosen is not None else ():
        if view.context.beside_dom0 and is_compatible(child, EVENT_CHANNEL):
            yield child
        yield from (n for n in child.children.values() if is_compatible(n, EVENT_CHANNEL))


def _is_elsewhere(node: Node, by_phandle: dict[int, Node]) -> bool:
    """Whether the other end may be in the host's tree, which an overlay does not have."""
    overlaid = any(above.name == CONTENT for above in node.ancestors())
    cells = xen_cells(node.value(_PROP) or b"")
    return overlaid and len(cells) > 1 and cells[1] not in by_phandle


def _ends(node: Node, by_phandle: dict[int, Node]) -> tuple[End, End]:
    """Both ends of a channel. Raises RefusedError."""
    own = _end(node)
    other = by_phandle.get(own.remote) if own.remote else None
    if other is None:
        raise RefusedError(f"no node has the phandle {own.remote:#x}")
    remote = _end(other)
    if (node.phandle or 0) != remote.remote:
        raise RefusedError(f"{other.path} names another node")
    return own, remote


def _end(node: Node) -> End:
    value = node.value(_PROP)
    if value is None or len(value) < 8:
        size = "is missing" if value is None else f"has {len(value)} bytes"
        raise RefusedError(f"{_PROP} of {node.path} {size}; a port and a phandle are required")
    port, phandle, *_ = xen_cells(value)
    return End(node, port, phandle)
