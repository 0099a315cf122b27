"""Rules about devices that rule over the machine: those of plans, for what files assign."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.machine_control import SERVES_HOST, machine_control_findings
from xenassign.checks.ownership import kept_by_xen
from xenassign.findings import Finding
from xenassign.linting.guest.view import Check, View


def machine_control(view: View) -> Iterator[Finding]:
    """Devices that rule over the machine, supply others, or can reset the machine."""
    board, inside = view.board, view.scope
    if board is None or inside is None:
        return
    for partial, host in view.assigned:
        if kept_by_xen(board, host.node) is None:
            for finding in machine_control_findings(board, inside, host, {}):
                if finding.rule is not SERVES_HOST:
                    yield finding._replace(node=partial.node.path, prop=partial.prop, own_fix=None)


CHECKS: tuple[Check, ...] = (machine_control,)
