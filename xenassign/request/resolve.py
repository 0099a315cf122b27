"""What is asked of one board: every name becomes its node, once, and all that are wrong are told.

Below this no module looks up a name. What an option says about a node that is not assigned is found
when the scope is known (:mod:`xenassign.planning.decide`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.host.platform import Platform
from xenassign.request.origin import mistake
from xenassign.request.property_edits import PropertyEdit
from xenassign.request.request import Accepted, ClockRate, MapOption, MemoryOption, Request
from xenassign.request.select import absent, find, find_all, is_pattern, why_no_match, why_none
from xenassign.request.system_request import Allowance, SystemRequest


@dataclass(frozen=True, slots=True)
class Resolved:
    """A domain asked for on one board. Its options are here with the nodes that they name.

    ``devices``: the requested nodes, in order, each with what the user called it (its path where a
    pattern names it). ``request`` has all that names no node. An option without a name, which is
    about all devices, stays there too.
    """

    request: Request
    devices: Mapping[Node, str]
    maps: tuple[tuple[MapOption, Node], ...] = ()
    forced: Mapping[Node, Accepted] = field(default_factory=lambda: MappingProxyType({}))
    shared: Mapping[Node, Accepted] = field(default_factory=lambda: MappingProxyType({}))
    clock_rates: tuple[tuple[ClockRate, Node], ...] = ()
    memory_regions: tuple[tuple[MemoryOption, Node], ...] = ()
    edits: tuple[tuple[PropertyEdit, tuple[Node, ...]], ...] = ()

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.request.name

    def asking(self, **options: Any) -> Resolved:
        """The same with other values of fields of ``Request`` that name no node."""
        return replace(self, request=replace(self.request, **options))


@dataclass(frozen=True, slots=True)
class ResolvedSystem:
    """A system asked for on one board. ``platform``: the board, with the UART that Xen uses.

    ``domains``: those that have a device on this board.
    """

    request: SystemRequest
    platform: Platform
    domains: tuple[Resolved, ...]
    allowances: tuple[tuple[Allowance, tuple[Node, ...]], ...] = ()


class Unresolved(NamedTuple):
    """A name that an option gives in vain on a board. ``domain``: None for the whole system.

    ``line``: the error. ``missing``: whether it is a device that the board lacks.
    """

    domain: str | None
    option: str
    name: str
    line: str
    missing: bool = False

    @property
    def what(self) -> tuple[str | None, str, str]:
        """What is the same on every board."""
        return self.domain, self.option, self.name


class LookUp(NamedTuple):
    """A request on a board that may lack devices. ``system`` is None where nothing can be decided.

    That is where no domain has a device, or a name is wrong that is not of a missing device.
    """

    system: ResolvedSystem | None
    unresolved: tuple[Unresolved, ...]


def resolve(request: SystemRequest, platform: Platform) -> ResolvedSystem:
    """The request with the board's nodes. Raises UsageError with a line for every wrong name."""
    found = look_up(request, platform)
    if found.system is None or found.unresolved:
        raise UsageError(*dict.fromkeys(one.line for one in found.unresolved))
    return found.system


def resolve_domain(request: Request, platform: Platform) -> tuple[Platform, Resolved]:
    """The same for one domain: (the board with the UART that Xen uses, the request)."""
    system = resolve(SystemRequest((request,)), platform)
    return system.platform, system.domains[0]


def look_up(request: SystemRequest, platform: Platform, others: Sequence[Tree] = ()) -> LookUp:
    """The request on a board of several. ``others``: the trees of all of them.

    An option about a node that only other boards have says nothing about this one.
    """
    names = _Names(platform.tree, others)
    platform = _with_console(names, platform, request.domains[0].xen_console)
    domains = tuple(names.domain(domain) for domain in request.domains)
    having = tuple(domain for domain in domains if domain.devices)
    allowances = tuple(names.allowances(request.allowances))
    unresolved = tuple(names.unresolved)
    decidable = having and all(one.missing for one in unresolved)
    system = ResolvedSystem(request, platform, having, allowances) if decidable else None
    return LookUp(system, unresolved)


def with_console(platform: Platform, console: str | None) -> Platform:
    """The board with the UART that Xen uses: ``console`` is a name of it, or ``none``.

    None: that of stdout-path. Raises UsageError for a name that nothing has.
    """
    names = _Names(platform.tree)
    platform = _with_console(names, platform, console)
    if names.unresolved:
        raise UsageError(names.unresolved[0].line)
    return platform


def _with_console(names: _Names, platform: Platform, console: str | None) -> Platform:
    if console is None:
        return platform
    uart = names.node(None, "--xen-console", console) if console != "none" else None
    return platform._replace(console=uart)


def select(tree: Tree, names: Iterable[str]) -> dict[Node, str]:
    """The nodes that names and patterns of -d give, as ``Resolved.devices`` has them.

    Raises UsageError with a line for every wrong name.
    """
    found = _Names(tree)
    devices = found.devices(None, tuple(names))
    if found.unresolved:
        raise UsageError(*(one.line for one in found.unresolved))
    return devices


class _NamesANode(Protocol):
    """An option that names a node; None: it is about all."""

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
        """A domain, without what is wrong."""
        name = request.name
        return Resolved(
            request,
            self.devices(name, request.devices),
            forced=self._by_node(name, "--force-assign-without-iommu", request.forced),
            shared=self._by_node(name, "--allow-shared-page", request.shared),
            memory_regions=tuple(self._named(name, "--memory-region", request.memory_regions)),
            maps=tuple(self._named(name, "--map", request.maps)),
            clock_rates=tuple(self._named(name, "--clock-rate", request.clock_rates)),
            edits=tuple(self._edited(name, request.edits)),
        )

    def devices(self, domain: str | None, names: tuple[str, ...]) -> dict[Node, str]:
        """By node what it is called; in order, each once."""
        chosen: dict[Node, str] = {}
        patterns = any(is_pattern(self._tree, name) for name in names)
        for name in names:
            for node in self._all(domain, "-d", name, missing=True):
                if node in chosen and not patterns:
                    why = f"{node.path} is named twice; name each device once"
                    self._wrong(domain, "-d", name, why)
                chosen.setdefault(node, node.path if is_pattern(self._tree, name) else name)
        return chosen

    def allowances(
        self, allowances: Iterable[Allowance]
    ) -> Iterator[tuple[Allowance, tuple[Node, ...]]]:
        """The allowances with their nodes, without those about nodes of other boards."""
        for one in allowances:
            if not any(map(self._elsewhere, one.nodes)):
                nodes = [self.node(None, "[[allow]] nodes", name) for name in one.nodes]
                yield one, tuple(node for node in nodes if node is not None)

    def node(self, domain: str | None, option: str, name: str) -> Node | None:
        """The node that an option names."""
        node = find(self._tree, name)
        if node is None:
            self._wrong(domain, option, name, why_none(self._tree, name))
        return node

    def _named(
        self, domain: str, option: str, options: Iterable[_Option]
    ) -> Iterator[tuple[_Option, Node]]:
        for one in options:
            if one.node is None or self._left_out(domain, one.node):
                continue
            node = self.node(domain, option, one.node)
            if node is not None:
                yield one, node

    def _by_node(
        self, domain: str, option: str, options: Iterable[Accepted]
    ) -> dict[Node, Accepted]:
        return {node: one for one, node in self._named(domain, option, options)}

    def _edited(
        self, domain: str, edits: Iterable[PropertyEdit]
    ) -> Iterator[tuple[PropertyEdit, tuple[Node, ...]]]:
        for edit in edits:
            if not self._left_out(domain, edit.device):
                nodes = tuple(self._all(domain, edit.verb, edit.device))
                if nodes:
                    yield edit, nodes

    def _all(
        self, domain: str | None, option: str, name: str, *, missing: bool = False
    ) -> list[Node]:
        nodes = find_all(self._tree, name)
        if not nodes:
            pattern = is_pattern(self._tree, name)
            why = why_no_match(self._tree) if pattern else why_none(self._tree, name)
            self._wrong(domain, option, name, why, missing=missing)
        return nodes

    def _left_out(self, domain: str, name: str) -> bool:
        """Whether an option is about a device that is missing, or about a node of other boards."""
        missing = any(u.missing and (u.domain, u.name) == (domain, name) for u in self.unresolved)
        return missing or self._elsewhere(name)

    def _elsewhere(self, name: str) -> bool:
        return absent(self._tree, name) and any(not absent(tree, name) for tree in self._others)

    def _wrong(
        self, domain: str | None, option: str, name: str, why: str, *, missing: bool = False
    ) -> None:
        line = mistake(option, name, why)
        self.unresolved.append(Unresolved(domain, option, name, line, missing))
