"""Whether Xen can build dom0 from the host's tree, with the marks of the overlays."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.dom0_tree import no_dom0, obstacles_with
from xenassign.findings import Finding
from xenassign.linting.verdict.context import Context


def check(context: Context) -> Iterator[Finding]:
    """The finding about a system with a dom0 that Xen cannot build."""
    board = context.board
    if board is not None and context.beside_dom0:
        yield from no_dom0(board, obstacles_with(board, context.marked))
