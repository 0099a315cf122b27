"""Who has what of a board: the owner of each device, page, interrupt, stream, supply, SCMI id.

The owners are the domains, dom0, Xen, and nobody (what is withheld from dom0 and given to no
domain). Two owners of one thing are shown as shared, with the finding that reports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePath
from typing import NamedTuple

from xenassign.checks.conflicts import (
    FIRMWARE,
    LINES,
    NESTED,
    PAGES,
    STREAMS,
    SUPPLIES,
    TWICE,
)
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.spans import PAGE_SIZE, Span, gaps, merged
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.host.device import devices
from xenassign.host.neighbours import Streams
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice, PlannedRegion
from xenassign.request.origin import CfgOrigin, Origin, origin_of
from xenassign.system.system import SystemPlan, board_of, holdings_of
from xenassign.xen.board import Board
from xenassign.xen.dom0 import given, is_marked, xens_lines
from xenassign.xen.releases import SPI_FIRST_INTID

KINDS = ("device", "pages", "interrupt", "stream", "supply", "scmi")
"""The kinds of resources, in the order of the matrix."""

HEADINGS = ("devices", "pages", "INTIDs", "streams", "supplies", "SCMI ids")
"""What the columns of the matrix are called."""


#: What is reported about one that is shared; of all that come with a node, that it is.
_SHARING = {
    "device": (),
    "pages": (PAGES, SHARED_PAGE, SHARED_ALLOWED),
    "interrupt": (LINES,),
    "stream": (STREAMS,),
    "supply": (SUPPLIES,),
    "scmi": (FIRMWARE,),
}


class Owner(NamedTuple):
    """``kind``: ``domain``, ``dom0``, ``xen`` or ``nobody``. ``name``: as people read it."""

    kind: str
    name: str


DOM0 = Owner("dom0", "dom0")
XEN = Owner("xen", "Xen")
NOBODY = Owner("nobody", "nobody")


class Holder(NamedTuple):
    """An owner of a resource, why it has it, and the node and property, or line, that states it.

    ``uses``: it does not have the resource, but requires that its owner leaves it on.
    """

    owner: Owner
    why: str
    source: str
    uses: bool = False


class Resource(NamedTuple):
    """A thing of the host. ``kind``: one of KINDS. ``size``: pages, or the number of streams.

    ``finding``: what is reported about its being shared. ``intid``: of an interrupt.
    """

    kind: str
    name: str
    holders: tuple[Holder, ...]
    size: int = 1
    finding: Finding | None = None
    intid: int | None = None

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Those that have it, each once."""
        return tuple(dict.fromkeys(holder.owner for holder in self.holders if not holder.uses))

    @property
    def shared(self) -> bool:
        """Whether two owners have it."""
        return len(self.owners) > 1


class Ownership(NamedTuple):
    """All of a board. ``owners``: the rows of the matrix: the domains, dom0, Xen, nobody."""

    owners: tuple[Owner, ...]
    resources: tuple[Resource, ...]

    @property
    def shared(self) -> list[Resource]:
        """What two owners have."""
        return [resource for resource in self.resources if resource.shared]

    def number(self, owner: Owner, kind: str) -> int:
        """How many devices, pages, INTIDs … an owner has; of supplies, how many it requires."""
        return sum(
            resource.size
            for resource in self.resources
            if resource.kind == kind
            and any(h.owner == owner and h.uses == (kind == "supply") for h in resource.holders)
        )


def ownership(system: SystemPlan) -> Ownership:
    """Who has what of the board of a plan."""
    domains = tuple(map(_domain, system.domains))
    facts = _Facts(system, board_of(system.resolved))
    resources = [
        *facts.devices(),
        *facts.pages(),
        *facts.interrupts(),
        *facts.streams(),
        *facts.supplies(),
        *facts.scmi(),
    ]
    return Ownership((*domains, DOM0, XEN, NOBODY), tuple(map(facts.judged, resources)))


def _domain(plan: DomainPlan) -> Owner:
    return Owner("domain", plan.name)


class _Facts:
    """The owners of nodes, and the resources by kind."""

    def __init__(self, system: SystemPlan, board: Board) -> None:
        self._system, self._board, self._plans = system, board, system.domains
        marks = [mark for plan in self._plans for mark in plan.marks]
        self._marks = {mark.path: mark.why for mark in marks}
        self._marked = frozenset(self._marks)
        platform = board.platform
        self._devices = [*devices(platform)]
        self._given = frozenset(given(platform, board.iommus, platform.tree.root))
        self._by_domain: dict[Node, list[Holder]] = {}
        for plan in self._plans:
            owner = _domain(plan)
            for device in plan.devices:
                why, source = asked(plan, device)
                holder = Holder(owner, why, source)
                self._by_domain.setdefault(device.host.node, []).append(holder)

    def holders(self, node: Node) -> list[Holder]:
        """Who has a node."""
        if node in self._by_domain:
            return self._by_domain[node]
        if node not in self._given:
            return [Holder(XEN, self._use_of_xen(node), node.path)]
        if is_marked(node, self._marked):
            why = self._marks.get(node.path, "its node has xen,passthrough")
            return [Holder(NOBODY, f"withheld from dom0: {why}", node.path)]
        state = "" if node.available else ", disabled in the host's tree"
        return [Holder(DOM0, f"not assigned{state}", node.path)]

    def _use_of_xen(self, node: Node) -> str:
        platform = self._board.platform
        if node is platform.console:
            return "Xen's console"
        if platform.gic is not None and node is platform.gic.node:
            return "the interrupt controller, which Xen drives"
        if node in self._board.iommus.nodes:
            return "an IOMMU, which Xen drives"
        return "Xen does not pass it to dom0"

    def devices(self) -> Iterator[Resource]:
        known = {device.node for device in self._devices}
        for device in self._devices:
            yield Resource("device", device.path, tuple(self.holders(device.node)))
        for node, holders in self._by_domain.items():
            if node not in known:
                yield Resource("device", node.path, tuple(holders))

    def pages(self) -> Iterator[Resource]:
        """The pages of domains, each mapping once; then those of the others, merged."""
        by_span: dict[Span, dict[Owner, Holder]] = {}
        for plan in self._plans:
            owner = _domain(plan)
            for item in plan.owners:
                for placed in item.placed:
                    stated = f"{'ranges' if placed.window else 'reg'} {placed.block.index}"
                    holder = Holder(owner, _of_block(item, placed), f"{item.path}: {stated}")
                    by_span.setdefault(placed.mapping.host_span, {}).setdefault(owner, holder)
            for base, size in plan.request.static_memory:
                holder = Holder(owner, "static memory of the domain", "static-memory")
                by_span.setdefault(Span.sized(base, size), {})[owner] = holder
        for span in sorted(by_span):
            holders = dict(by_span[span])
            for other, of_other in by_span.items():
                if other != span and other.overlaps(span):
                    for owner, holder in of_other.items():
                        holders.setdefault(owner, holder)
            for block, node in self._board.neighbours.overlapping(span):
                for holder in self.holders(node) if block.size else ():
                    if not self._is_above(node, holders):
                        shown = holder._replace(source=f"{node.path}: reg {block.index}")
                        holders.setdefault(holder.owner, shown)
            yield Resource("pages", str(span), tuple(holders.values()), span.size // PAGE_SIZE)
        yield from self._other_pages(by_span)

    def _is_above(self, node: Node, holders: Iterable[Owner]) -> bool:
        """Whether a node is a bus or wrapper above an assigned device, whose window it states."""
        return not self._by_domain.get(node) and any(
            node in device.host.node.ancestors()
            for plan in self._plans
            if _domain(plan) in holders
            for device in plan.devices
        )

    def _other_pages(self, assigned: Iterable[Span]) -> Iterator[Resource]:
        taken = merged(assigned)
        spans: dict[Owner, list[Span]] = {}
        for block, node in (*self._board.neighbours.blocks, *self._board.neighbours.huge):
            for holder in self.holders(node):
                if holder.owner.kind != "domain" and block.size:
                    spans.setdefault(holder.owner, []).append(block.span.rounded())
        for owner, of_owner in spans.items():
            for span in (part for whole in merged(of_owner) for part in gaps(whole, taken)):
                holder = Holder(owner, "registers of its devices", str(span))
                yield Resource("pages", str(span), (holder,), span.size // PAGE_SIZE)

    def interrupts(self) -> Iterator[Resource]:
        by_intid: dict[int, dict[Owner, Holder]] = {}
        for plan in self._plans:
            for device in plan.devices:
                for intid in device.irqs:
                    source = f"{device.path}: interrupts"
                    holder = Holder(_domain(plan), f"of {device.path}", source)
                    by_intid.setdefault(intid, {}).setdefault(holder.owner, holder)
        platform, iommus = self._board.platform, self._board.iommus
        for intid, path in xens_lines(platform, iommus).items():
            holder = Holder(XEN, f"of {path}, which Xen drives", f"{path}: interrupts")
            by_intid.setdefault(intid, {})[XEN] = holder
        for intid, paths in self._board.dom0_beside(self._marked).holders.items():
            holder = Holder(DOM0, f"of {', '.join(paths)}", f"{paths[0]}: interrupts")
            by_intid.setdefault(intid, {})[DOM0] = holder
        for intid, users in self._board.neighbours.lines.items():
            if intid not in by_intid and intid >= SPI_FIRST_INTID:
                path = users[0][1].path
                holder = Holder(NOBODY, f"of {path}, not routed", f"{path}: interrupts")
                by_intid[intid] = {NOBODY: holder}
        for intid, holders in sorted(by_intid.items()):
            name, having = f"INTID {intid}", tuple(holders.values())
            yield Resource("interrupt", name, having, intid=intid)

    def streams(self) -> Iterator[Resource]:
        by_stream: dict[tuple[Node, Streams], dict[Owner, Holder]] = {}
        for plan in self._plans:
            for held in holdings_of(self._board, plan):
                owner = _domain(plan)
                holder = Holder(owner, f"of {held.path}", f"{held.path}: iommus")
                for key in held.streams:
                    by_stream.setdefault(key, {}).setdefault(owner, holder)
        for (iommu, own), holders in by_stream.items():
            masters = self._board.neighbours.streams.get(iommu)
            for node in masters.sharing(own) if masters is not None else ():
                for holder in self.holders(node):
                    shown = holder._replace(source=f"{node.path}: iommus")
                    holders.setdefault(holder.owner, shown)
            name = f"{stream_text(own)} of {iommu.path}"
            yield Resource("stream", name, tuple(holders.values()), own.size)
        yield from self._other_streams(by_stream.keys())

    def _other_streams(self, assigned: Collection[tuple[Node, Streams]]) -> Iterator[Resource]:
        for iommu, masters in self._board.neighbours.streams.items():
            if iommu not in self._board.iommus.nodes:
                continue
            single = [(Streams(first), nodes) for first, nodes in sorted(masters.single.items())]
            wide = [(streams, [node]) for streams, node in masters.wide]
            for own, nodes in (*single, *wide):
                if (iommu, own) not in assigned:
                    holders = {h.owner: h for node in nodes for h in self.holders(node)}
                    name = f"{stream_text(own)} of {iommu.path}"
                    yield Resource("stream", name, tuple(holders.values()), own.size)

    def supplies(self) -> Iterator[Resource]:
        """What the owner of a supplier must leave on for the devices of domains."""
        by_supply: dict[tuple[str, str, tuple[int, ...]], list[Holder]] = {}
        for plan in self._plans:
            user = _domain(plan)
            for keep in plan.host_keeps:
                why = f"{keep.name or keep.kind} of {', '.join(keep.users)}"
                uses = Holder(user, why, keep.users[0], uses=True)
                by_supply.setdefault((keep.kind, keep.provider, keep.args), []).append(uses)
        for (kind, provider, args), users in by_supply.items():
            name = f"{kind} {provider} {' '.join(f'{cell:#x}' for cell in args)}".rstrip()
            node = self._board.platform.tree.find(provider)
            holders = self.holders(node) if node is not None else []
            drivers = [holder._replace(why="must leave it on") for holder in holders]
            yield Resource("supply", name, (*drivers, *users))

    def scmi(self) -> Iterator[Resource]:
        for first, users in self._board.by_scmi_id():
            holders: dict[Owner, Holder] = {}
            for user in users:
                for holder in self.holders(user.node) if user.available else ():
                    shown = Holder(holder.owner, f"of {user.node.path}", user.use.prop, uses=True)
                    holders.setdefault(holder.owner, shown)
            name = f"{first.use.text} of {first.use.provider.path}"
            yield Resource("scmi", name, tuple(holders.values()))

    def judged(self, resource: Resource) -> Resource:
        """The resource with the finding about its being shared, if there is one."""
        if not resource.shared:
            return resource
        paths = {holder.source.partition(":")[0] for holder in resource.holders}
        about = [c.finding for c in self._system.conflicts if paths & set(c.paths)]
        about += [f for plan in self._plans for f in plan.findings if f.node in paths]
        codes = [rule.code for rule in (*_SHARING[resource.kind], TWICE, NESTED)]
        ordered = sorted((f for f in about if f.code in codes), key=lambda f: codes.index(f.code))
        return resource._replace(finding=ordered[0]) if ordered else resource


def stream_text(streams: Streams) -> str:
    """Stream IDs for people: 0x874, 0x870-0x877, 0x10 mask 0x7."""
    mask = f" mask {streams.mask:#x}" if streams.mask else ""
    more = f"-{streams.first + streams.size - 1:#x}" if streams.size > 1 else ""
    return f"{streams.first:#x}{more}{mask}"


def intids_text(intids: Iterable[int]) -> str:
    """INTIDs for people, in their order, each once: 47, 288-295; "none" without any."""
    runs: list[list[int]] = []
    for intid in sorted(set(intids)):
        if runs and intid == runs[-1][-1] + 1:
            runs[-1][1:] = [intid]
        else:
            runs.append([intid])
    return ", ".join("-".join(map(str, run)) for run in runs) or "none"


def asked(plan: DomainPlan, device: PlannedDevice) -> tuple[str, str]:
    """(why a domain has a device, the place of the user's name for it)."""
    for node in device.host.node.lineage():
        if node in plan.called:
            name = plan.called[node]
            origin = origin_of(name)
            source = f"-d {name}" if origin is None else place_of(origin)
            nested = "" if node is device.host.node else f"below {node.path}, "
            return f"{nested}requested as {name}", source
    return "part of the request", device.path


def place_of(origin: Origin | CfgOrigin) -> str:
    """File and line, without the folder."""
    return PurePath(origin.place).name


def _of_block(item: PlannedDevice | PlannedRegion, placed: PlacedBlock) -> str:
    text = "PCI window" if placed.window else "block" if isinstance(item, PlannedDevice) else "part"
    return f"{text} {placed.block.index} of {item.path}"
