"""From a request to the nodes of a board: every name is looked up once, every wrong one reported.

Later stages do not look up names. Whether an option concerns a node that is assigned is checked
when the scope of the plan is known (:mod:`xenassign.planning.decide`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.findings import some
from xenassign.host.platform import Platform, console_of
from xenassign.request.added_nodes import with_added
from xenassign.request.demands import Demand, ResolvedDemand
from xenassign.request.origin import CfgOrigin, mistake, origin_of
from xenassign.request.property_edits import PropertyEdit
from xenassign.request.request import (
    Accepted,
    ClockRate,
    MapOption,
    MemoryOption,
    Request,
)
from xenassign.request.select import absent, find, find_all, is_pattern, why_no_match, why_not_found
from xenassign.request.system_request import Allowance, SystemRequest

if TYPE_CHECKING:
    from xenassign.request.device_part import DevicePart, PartOption


class Resolved(NamedTuple):
    """The request for a domain on one board: its options, each with the nodes that they name.

    ``devices``: the requested nodes, in order, each with the user's name for it (its path if a
    pattern matches it). ``request`` has the values without names of nodes, and the options that
    concern all devices.
    """

    request: Request
    devices: Mapping[Node, str]
    maps: tuple[tuple[MapOption, Node], ...] = ()
    forced: Mapping[Node, Accepted] = MappingProxyType({})
    shared: Mapping[Node, Accepted] = MappingProxyType({})
    controls: Mapping[Node, Accepted] = MappingProxyType({})
    clock_rates: tuple[tuple[ClockRate, Node], ...] = ()
    memory_regions: tuple[tuple[MemoryOption, Node], ...] = ()
    edits: tuple[tuple[PropertyEdit, tuple[Node, ...]], ...] = ()
    parts: Mapping[Node, DevicePart] = MappingProxyType({})

    @property
    def permissions(self) -> Mapping[Node, tuple[int, ...]]:
        """``permissions`` of the request by the nodes of the devices."""
        ids = dict(self.request.permissions)
        return {node: ids[name] for node, name in self.devices.items() if name in ids}

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.request.name

    def with_values(self, **fields: Any) -> Resolved:
        """A copy with other values of fields of ``Request`` that name no node."""
        return self._replace(request=replace(self.request, **fields))


class ResolvedSystem(NamedTuple):
    """The request for a system on one board. ``platform``: the board, with the UART that Xen uses.

    ``domains``: those that have a device on this board.
    """

    request: SystemRequest
    platform: Platform
    domains: tuple[Resolved, ...]
    allowances: tuple[tuple[Allowance, tuple[Node, ...]], ...] = ()
    demands: tuple[ResolvedDemand, ...] = ()


class Unresolved(NamedTuple):
    """A name of an option that is not of a node of the board. ``domain``: None for the system.

    ``line``: the error. ``missing``: whether the option is ``-d``: the board lacks the device.
    """

    domain: str | None
    option: str
    name: str
    line: str
    missing: bool = False

    @property
    def key(self) -> tuple[str | None, str, str]:
        """The parts that do not depend on the board, to compare those of several boards."""
        return self.domain, self.option, self.name


class LookUp(NamedTuple):
    """A request on a board that may lack devices.

    ``system``: ``None`` if no domain has a device, or a name other than a missing device's is
    wrong: then there is nothing to decide.
    """

    system: ResolvedSystem | None
    unresolved: tuple[Unresolved, ...]


def resolve(request: SystemRequest, platform: Platform) -> ResolvedSystem:
    """The request with the board's nodes. Raises UsageError with a line for every wrong name."""
    system, unresolved = look_up(request, platform)
    if system is None or unresolved:
        raise UsageError(*dict.fromkeys(name.line for name in unresolved))
    return system


def resolve_domain(request: Request, platform: Platform) -> tuple[Platform, Resolved]:
    """Of one domain: the board with the UART that Xen uses, and the request with its nodes.

    Raises UsageError with a line for every wrong name.
    """
    system = resolve(SystemRequest((request,)), platform)
    return system.platform, system.domains[0]


def look_up(request: SystemRequest, platform: Platform, others: Sequence[Tree] = ()) -> LookUp:
    """The request on one of several boards. ``others``: the trees of all boards.

    An option about a node that only other boards have has no effect on this one.
    """
    platform = with_added(platform, (node for d in request.domains for node in d.added))
    names = _Names(platform.tree, others)
    console, line = request.domains[0].xen_console, request.boot.xen_bootargs
    platform = _with_console(names, platform, console, line)
    domains = tuple(names.domain(domain) for domain in request.domains)
    having = tuple(d for d in domains if d.devices or d.request.follows or not d.request.devices)
    allowances = tuple(names.allowances(request.allowances))
    demands = tuple(map(names.demand, request.demands))
    unresolved = tuple(names.unresolved)
    decidable = having and all(name.missing for name in unresolved)
    if not decidable:
        return LookUp(None, unresolved)
    system = ResolvedSystem(request, platform, having, allowances, demands)
    return LookUp(system, unresolved)


def with_console(platform: Platform, console: str | None) -> Platform:
    """The board with the UART that Xen uses. ``console``: a name of its node, or ``none``.

    ``None``: that of Xen's command line in /chosen, or of stdout-path. Raises UsageError for a name
    that no node has.
    """
    names = _Names(platform.tree)
    platform = _with_console(names, platform, console)
    if names.unresolved:
        raise UsageError(names.unresolved[0].line)
    return platform


def _with_console(
    names: _Names, platform: Platform, console: str | None, line: str | None = None
) -> Platform:
    """``line``: Xen's command line if it is requested, in place of that in /chosen."""
    if console is not None:
        node = names.node(None, "--xen-console", console) if console != "none" else None
    elif line is not None:
        node = console_of(platform.tree, line)
    else:
        return platform
    return platform._replace(console=node)


def select(tree: Tree, names: Iterable[str]) -> dict[Node, str]:
    """The nodes that names and patterns of -d give, as ``Resolved.devices`` has them.

    Raises UsageError with a line for every wrong name.
    """
    looked_up = _Names(tree)
    devices = looked_up.devices(None, tuple(names))
    if looked_up.unresolved:
        raise UsageError(*(name.line for name in looked_up.unresolved))
    return devices


class _NamesANode(Protocol):
    """An option about a node; ``None``: about all."""

    @property
    def node(self) -> str | None: ...


_Option = TypeVar("_Option", bound=_NamesANode)


class _Names:
    """Looks names up in a tree, and collects those that are wrong."""

    def __init__(self, tree: Tree, others: Sequence[Tree] = ()) -> None:
        self.unresolved: list[Unresolved] = []
        self._tree = tree
        self._others = others

    def domain(self, request: Request) -> Resolved:
        """The request for a domain, without the options whose names are wrong."""
        name = request.name
        left_out = frozenset(self._excepted(name, request.excepted))
        added = request.added
        reasons = (Accepted(node.path, node.reason) for node in added)
        shared = (Accepted(*allowed) for node in added for allowed in node.shared)
        maps = (MapOption(n.path, None, n.guest) for n in added if n.guest is not None)
        return Resolved(
            request,
            {
                **self.devices(name, request.devices, left_out),
                **{node: node.path for n in added if (node := self._tree.find(n.path))},
            },
            forced=self._by_node(name, "--force-assign-without-iommu", (*request.forced, *reasons)),
            shared=self._by_node(name, "--allow-shared-page", (*request.shared, *shared)),
            controls=self._by_node(name, "--allow-machine-control", request.controls),
            memory_regions=tuple(self._named(name, "--memory-region", request.memory_regions)),
            maps=tuple(self._named(name, "--map", (*maps, *request.maps))),
            clock_rates=tuple(self._named(name, "--clock-rate", request.clock_rates)),
            edits=tuple(self._edited(name, request.edits, left_out)),
            parts=dict(self._parts(name, request.parts)) if request.parts else {},
        )

    def devices(
        self,
        domain: str | None,
        names: tuple[str, ...],
        left_out: frozenset[tuple[str, Node]] = frozenset(),
    ) -> dict[Node, str]:
        """The devices with their names as in ``Resolved.devices``; each node once.

        ``left_out``: patterns with nodes that they match and are not to give.
        """
        chosen: dict[Node, str] = {}
        patterns = any(is_pattern(self._tree, name) for name in names)
        for name in names:
            listed = isinstance(origin_of(name), CfgOrigin)  # dom.cfg and its tree may both name it
            nodes = self._all(domain, "-d", name, missing=True)
            kept = [node for node in nodes if (name, node) not in left_out]
            if nodes and not kept:
                self._wrong(domain, "-d", name, "except names all that it matches; remove a name")
            for node in kept:
                if node in chosen and not (patterns or listed):
                    why = f"{node.path} is named twice; name each device once"
                    self._wrong(domain, "-d", name, why)
                elif node in chosen and _of_one_list(name, chosen[node]):
                    why = f"the list has this device as {chosen[node]} too; remove one"
                    self._wrong(domain, "-d", name, why)
                called = node.path if is_pattern(self._tree, name) else name
                chosen[node] = called if listed else chosen.get(node, called)
        return chosen

    def _excepted(
        self, domain: str | None, excepted: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[str, Node]]:
        """The nodes that each pattern is not to give. Wrong names are noted as unresolved."""
        for pattern, name in excepted:
            if self._elsewhere(name):
                continue
            matched = {*find_all(self._tree, pattern)}
            nodes = self._all(domain, "except", name)
            if nodes and matched.isdisjoint(nodes):
                why = f"{some(node.path for node in nodes)} is not matched by {pattern}"
                self._wrong(domain, "except", name, f"{why}; remove it, or name what is matched")
            yield from ((pattern, node) for node in nodes)

    def allowances(
        self, allowances: Iterable[Allowance]
    ) -> Iterator[tuple[Allowance, tuple[Node, ...]]]:
        """The allowances with their nodes, without those about nodes of other boards."""
        for allowance in allowances:
            if not any(map(self._elsewhere, allowance.nodes)):
                nodes = [self.node(None, "[[allow]] nodes", name) for name in allowance.nodes]
                yield allowance, tuple(node for node in nodes if node is not None)

    def demand(self, demand: Demand) -> ResolvedDemand:
        """The demand with the nodes of this board that it names."""
        if not demand.devices:
            return ResolvedDemand(demand, None)
        option = f"[[{'forbid' if demand.forbids else 'require'}]] device"
        here = [name for name in demand.devices if not self._elsewhere(name)]
        nodes = [node for name in here for node in self._all(None, option, name)]
        return ResolvedDemand(demand, frozenset(nodes))

    def node(self, domain: str | None, option: str, name: str) -> Node | None:
        """The node that an option names; None, and noted as unresolved, if there is none."""
        node = find(self._tree, name)
        if node is None:
            self._wrong(domain, option, name, why_not_found(self._tree, name))
        return node

    def _named(
        self, domain: str, flag: str, options: Iterable[_Option]
    ) -> Iterator[tuple[_Option, Node]]:
        for option in options:
            if option.node is None or self._left_out(domain, option.node):
                continue
            node = self.node(domain, flag, option.node)
            if node is not None:
                yield option, node

    def _by_node(self, domain: str, flag: str, options: Iterable[Accepted]) -> dict[Node, Accepted]:
        return {node: accepted for accepted, node in self._named(domain, flag, options)}

    def _parts(
        self, domain: str, options: Iterable[PartOption]
    ) -> Iterator[tuple[Node, DevicePart]]:
        from xenassign.request.device_part import DevicePart, entries_of

        for option, node in self._named(domain, "regs", options):
            entries = entries_of(self._tree, node)
            indexes: list[frozenset[int] | None] = []
            for key, every, chosen in (
                ("regs", entries.regs, option.regs),
                ("interrupts", entries.interrupts, option.interrupts),
            ):
                numbers = [every.find(entry) for entry in chosen or ()]
                for entry, number in zip(chosen or (), numbers, strict=True):
                    if number is None:
                        why = f"there is no entry {entry!r}; there are {every}"
                        self._wrong(domain, key, option.node, why)
                known = frozenset(number for number in numbers if number is not None)
                indexes.append(known if chosen is not None else None)
            yield node, DevicePart(*indexes)

    def _edited(
        self, domain: str, edits: Iterable[PropertyEdit], left_out: Container[tuple[str, Node]]
    ) -> Iterator[tuple[PropertyEdit, tuple[Node, ...]]]:
        for edit in edits:
            if not self._left_out(domain, edit.device):
                every = self._all(domain, edit.verb, edit.device)
                nodes = tuple(node for node in every if (edit.device, node) not in left_out)
                if nodes:
                    yield edit, nodes

    def _all(
        self, domain: str | None, option: str, name: str, *, missing: bool = False
    ) -> list[Node]:
        nodes = find_all(self._tree, name)
        if not nodes:
            pattern = is_pattern(self._tree, name)
            why = why_no_match(self._tree) if pattern else why_not_found(self._tree, name)
            self._wrong(domain, option, name, why, missing=missing)
        return nodes

    def _left_out(self, domain: str, name: str) -> bool:
        """Whether an option is about a missing device (reported once), or a node elsewhere."""
        missing = any(u.missing and (u.domain, u.name) == (domain, name) for u in self.unresolved)
        return missing or self._elsewhere(name)

    def _elsewhere(self, name: str) -> bool:
        return absent(self._tree, name) and any(not absent(tree, name) for tree in self._others)

    def _wrong(
        self, domain: str | None, option: str, name: str, why: str, *, missing: bool = False
    ) -> None:
        line = mistake(option, name, why)
        self.unresolved.append(Unresolved(domain, option, name, line, missing))


def _of_one_list(name: str, other: str) -> bool:
    """Whether two names are of one key of the user's dom.cfg."""
    first, second = origin_of(name), origin_of(other)
    return (
        isinstance(first, CfgOrigin) and isinstance(second, CfgOrigin) and first.key == second.key
    )
