"""One board of a system that is planned for several: what is asked of it, what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.host.platform import Platform, read_platform
from xenassign.request.request import Request
from xenassign.request.select import absent, select, with_console
from xenassign.request.system_request import SystemRequest
from xenassign.system.outcome import DomainOutcome
from xenassign.system.system import SystemPlan


class Missing(NamedTuple):
    """A device of a domain that a board lacks, by the name that the user gave it."""

    domain: str
    device: str
    message: str


class HostRequest(NamedTuple):
    """What is asked of one board.

    ``name``: that of its file without the suffix, which no other has. ``request``: without what the
    board lacks (``missing``), with the pins that keep guest addresses common; None where nothing is
    left to be asked, or ``problem`` says why it cannot be meant.
    """

    name: str
    tree: Tree
    platform: Platform
    request: SystemRequest | None
    missing: tuple[Missing, ...]
    problem: str | None

    @property
    def refusals(self) -> list[str]:
        """Why the board is refused before anything is decided, a line each."""
        told = [*(one.message for one in self.missing), *filter(None, [self.problem])]
        named = self.tree.file
        lines = (line if named in line else f"{named}: {line}" for line in dict.fromkeys(told))
        return [f"error: {line}" for line in lines]


class HostPlan(NamedTuple):
    """What was decided for one board. ``system`` is None where ``asked.request`` is."""

    asked: HostRequest
    system: SystemPlan | None
    domains: tuple[DomainOutcome, ...]

    @property
    def name(self) -> str:
        """The board's file without the suffix."""
        return self.asked.name

    @property
    def refused(self) -> bool:
        """Whether it does not hold on this board."""
        return bool(self.asked.refusals) or self.system is None or self.system.refused

    @property
    def refusals(self) -> list[str]:
        """Why not, a line each, which names the board."""
        told = [] if self.system is None else list(_errors(self.asked.tree.file, self.system))
        return [*self.asked.refusals, *told]


def _errors(file: str, system: SystemPlan) -> Iterator[str]:
    yield from (finding.text(file) for finding in errors(system.about_all))
    for plan in system.domains:
        about = f"{file}: domain {plan.name}"
        yield from (finding.text(about) for finding in errors(plan.findings))


def host_names(trees: Sequence[Tree]) -> list[str]:
    """The names of the boards: those of their files without suffix. Raises UsageError for two."""
    names = [PurePath(tree.file).stem for tree in trees]
    for number, name in enumerate(names):
        if name in names[:number]:
            first = trees[names.index(name)].file
            raise UsageError(
                f"{trees[number].file}: {first} is called {name} too; boards are told apart"
                " by the names of their files: rename one"
            )
    return names


def asked_of(trees: Sequence[Tree], request: SystemRequest) -> list[HostRequest]:
    """What to ask of every board. Raises UsageError for a device that none of them has."""
    names = host_names(trees)
    console = request.domains[0].xen_console
    asked: list[HostRequest] = []
    for name, tree in zip(names, trees, strict=True):
        platform = read_platform(tree)
        own, missing, problem = _asked(tree, trees, request)
        try:
            platform = with_console(platform, console)
        except UsageError as error:
            own, problem = None, problem or str(error)
        asked.append(HostRequest(name, tree, platform, own, missing, problem))
    for domain in request.domains:
        for device in domain.devices:
            wanted = domain.name, device
            every = (one for host in asked for one in host.missing)
            lacking = [one for one in every if (one.domain, one.device) == wanted]
            if len(lacking) == len(trees):
                raise UsageError(lacking[0].message)
    return asked


def _asked(
    tree: Tree, trees: Sequence[Tree], request: SystemRequest
) -> tuple[SystemRequest | None, tuple[Missing, ...], str | None]:
    """(request, what is missing, problem) for one board.

    An option about a node that only other boards have says nothing about this one.
    """

    def elsewhere(name: str | None) -> bool:
        here = name is None or not absent(tree, name)
        return not here and any(not absent(other, str(name)) for other in trees)

    missing: list[Missing] = []
    domains: list[Request] = []
    for domain in request.domains:
        there = []
        for name in domain.devices:
            try:
                select(tree, (name,))
                there.append(name)
            except UsageError as error:
                told = request.located(error, domain.name)
                missing.append(Missing(domain.name, name, str(told)))
        if there:
            domains.append(
                replace(
                    domain,
                    devices=tuple(there),
                    maps=tuple(m for m in domain.maps if not elsewhere(m.device)),
                    forced=tuple(f for f in domain.forced if not elsewhere(f.node)),
                    shared=tuple(s for s in domain.shared if not elsewhere(s.node)),
                    clock_rates=tuple(c for c in domain.clock_rates if not elsewhere(c.node)),
                    memory_regions=tuple(m for m in domain.memory_regions if not elsewhere(m.node)),
                )
            )
    if not domains:
        return None, tuple(missing), None
    allowances = tuple(a for a in request.allowances if not any(map(elsewhere, a.nodes)))
    own = replace(request, domains=tuple(domains), allowances=allowances)
    return own, tuple(missing), None
