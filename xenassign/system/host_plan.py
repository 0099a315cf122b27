"""One board of several: what is asked of it, and what was decided.

A device that a board lacks is told, and the rest of the request is decided without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
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
    def error(self) -> UsageError | None:
        """Why not all that is asked can be decided on the board, a line each; None: it can."""
        told = dict.fromkeys([*(one.line for one in self.missing), *self.problems])
        named = self.tree.file
        lines = [line if named in line else f"{named}: {line}" for line in told]
        return UsageError(*lines) if lines else None


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
        return self.asked.error is not None or self.system is None or self.system.refused


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
