"""Boards from whose tree Xen cannot build dom0.

dom0 gets every node that Xen does not withhold, whether it has to do with the guests or not, and
the first error about any of them is a panic (:mod:`xenassign.xen.dom0_build`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from xenassign.findings import Finding, rule, some
from xenassign.xen.dom0_cures import Cure, cures

if TYPE_CHECKING:
    from xenassign.devicetree.changes import Change
    from xenassign.xen.board import Board
    from xenassign.xen.dom0_build import Obstacle

NO_DOM0 = rule("XA125", "dom0-impossible", "error", "rejected", needs_host=True)
CHANGED_FOR_DOM0 = rule("XA126", "changed-for-dom0", "note", "portability")


def obstacles_with(board: Board, marked: frozenset[str]) -> tuple[Obstacle, ...]:
    """The obstacles on a board of which more nodes are marked, given by their paths."""
    known = board.dom0_obstacles
    if not known or not marked:
        return known
    return board.dom0_build.obstacles(marked)


def no_dom0(board: Board, obstacles: Sequence[Obstacle]) -> Iterator[Finding]:
    """The finding about a board from whose tree Xen cannot build dom0, if there are obstacles."""
    if obstacles:
        yield _no_dom0(obstacles, *cures(board.platform, obstacles))


def _no_dom0(
    obstacles: Sequence[Obstacle], changes: Sequence[Cure], rest: Sequence[Obstacle]
) -> Finding:
    parts = [cure.text for cure in changes]
    parts += [f"correct or remove {path}" for path in _paths(rest)]
    return NO_DOM0(
        f"Xen cannot build dom0 from this tree: {_described(obstacles)}",
        node=obstacles[0].node.path,
        prop=obstacles[0].prop,
        fix=f"change the host's tree: {some(parts)}",
    )


def dom0_changes(
    board: Board, marked: frozenset[str], routes: Sequence[str]
) -> tuple[tuple[Change, ...], list[Finding]]:
    """The changes of the host's tree for dom0 that overlays can make, and the finding.

    If overlays cannot make all of them there are none, and the finding is an error. ``marked``:
    host paths that the domains mark. Without xl there may be no dom0, and the finding is a note.
    """
    obstacles = obstacles_with(board, marked)
    if not obstacles:
        return (), []
    changes, rest = cures(board.platform, obstacles)
    if rest or not all(cure.in_overlay for cure in changes):
        findings, changes = [_no_dom0(obstacles, changes, rest)], ()
    else:
        message = f"Xen cannot build dom0 from this tree as it is: {_described(obstacles)}"
        fix = f"apply the host overlay, which does this: {some(cure.text for cure in changes)}"
        first = obstacles[0]
        findings = [CHANGED_FOR_DOM0(message, node=first.node.path, prop=first.prop, fix=fix)]
    if "xl" not in routes:
        findings = [finding._replace(severity="note") for finding in findings]
    return tuple(cure.change for cure in changes), findings


def _described(obstacles: Sequence[Obstacle]) -> str:
    """The obstacles in a message: all nodes, with what is wrong with the first."""
    first = obstacles[0]
    others = [path for path in _paths(obstacles) if path != first.node.path]
    more = f"; also {some(others)}" if others else ""
    return f"{first.node.path}: {first.why}{more}"


def _paths(obstacles: Sequence[Obstacle]) -> list[str]:
    return list(dict.fromkeys(obstacle.node.path for obstacle in obstacles))
