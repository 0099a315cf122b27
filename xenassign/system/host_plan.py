"""One board of several: what is asked of it, and what was decided.

A device that a board lacks is told, and the rest of the request is decided without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import errors
from xenassign.host.platform import Platform, read_platform
from xenassign.request.resolve import (
    LookUp,
    ResolvedSystem,
    Unresolved,
    look_up,
)
from xenassign.request.system_request import SystemRequest
from xenassign.system.outcome import DomainOutcome
from xenassign.system.system import SystemPlan


class HostRequest(NamedTuple):
    """What is asked of one board.

    ``name``: that of its file without the suffix, which no other has. ``system``: without the
    devices that the board lacks (``missing``), with the pins that keep guest addresses common; None
    where nothing can be decided. ``problems``: the lines that say why, besides what is missing.
    """

    name: str
    tree: Tree
    platform: Platform
    system: ResolvedSystem | None
    missing: tuple[Unresolved, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def refusals(self) -> list[str]:
        """Why the board is refused before anything is decided, a line each."""
        told = [*(one.line for one in self.missing), *self.problems]
        named = self.tree.file
        lines = (line if named in line else f"{named}: {line}" for line in dict.fromkeys(told))
        return [f"error: {line}" for line in lines]


class HostPlan(NamedTuple):
    """What was decided for one board. ``system`` is None where ``asked.system`` is."""

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
    """What to ask of every board. Raises UsageError for the names that are wrong on each of them.

    A line for each name: that of the first board.
    """
    names = host_names(trees)
    platforms = [read_platform(tree) for tree in trees]
    found = [look_up(request, platform, trees) for platform in platforms]
    everywhere = set.intersection(*({one.what for one in each.unresolved} for each in found))
    lines = [one.line for one in found[0].unresolved if one.what in everywhere]
    if lines:
        raise UsageError(*dict.fromkeys(lines))
    return [_asked(*each) for each in zip(names, platforms, found, strict=True)]


def _asked(name: str, platform: Platform, found: LookUp) -> HostRequest:
    missing = tuple(one for one in found.unresolved if one.missing)
    problems = tuple(one.line for one in found.unresolved if not one.missing)
    return HostRequest(name, platform.tree, platform, found.system, missing, problems)
