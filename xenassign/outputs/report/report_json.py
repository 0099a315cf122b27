"""What the report shows, as JSON (schema xenassign/report/1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xenassign.outputs.hosts import Built, lines
from xenassign.outputs.report import address_map, matrix
from xenassign.outputs.report.page.answer import Answer, answer
from xenassign.outputs.report.page.dma_walls import DmaWalls, Master, Outside, dma_walls
from xenassign.outputs.report.page.interrupt_grid import OwnerLines, interrupt_grid
from xenassign.outputs.report.page.supplier_graph import Supply, supplier_graph
from xenassign.outputs.report.who_has_what import Owner, ownership
from xenassign.system import change_lines
from xenassign.system.host_plan import HostPlan
from xenassign.system.system import SystemPlan, board_of

SCHEMA = "xenassign/report/1"


def to_data(built: Built) -> dict[str, Any]:
    """The report of a plan."""
    return {
        "schema": SCHEMA,
        "xen": built.plan.xen,
        "refusals": list(lines(built.refusals)),
        "changes": change_lines.lines(built.changes),
        "files": list(built.files),
        "boards": [_board(host, built) for host in built.plan.hosts],
    }


def _board(host: HostPlan, built: Built) -> dict[str, Any]:
    model = host.request.platform.model
    head = {"host": host.name, "model": model}
    system = host.system
    if system is None or not system.domains:
        error = host.request.error
        return {**head, "problems": list(error.lines) if error is not None else []}
    owned = ownership(system)
    result = answer(system, owned, built, host.request.tree.file)
    board = board_of(system.resolved)
    grid = interrupt_grid(system, owned)
    return {
        **head,
        "problems": [],
        **_answer(result),
        "spaces": [address_map.to_dict(plan, ()) for plan in system.domains],
        "who_has_what": matrix.to_data(owned),
        "interrupts": [_lines(line) for line in grid.owners],
        "shared_interrupts": [resource.intid for resource in grid.shared],
        "dma": _dma(dma_walls(system, board, owned)),
        "suppliers": _suppliers(system),
    }


def _answer(result: Answer) -> dict[str, Any]:
    return {
        "holds": result.holds,
        "headline": result.headline,
        "points": list(result.points),
        "kept_on": list(result.kept_on),
        "dom0_options": list(result.dom0_options),
        "findings": [
            {
                "severity": line.severity,
                "code": line.code or None,
                "domain": line.domain or None,
                "message": line.message,
                "fix": line.fix,
                "accepted": line.accepted,
            }
            for line in result.findings
        ],
    }


def _owner(owner: Owner) -> dict[str, str]:
    return {"kind": owner.kind, "name": owner.name}


def _lines(line: OwnerLines) -> dict[str, Any]:
    return {"owner": _owner(line.owner), "intids": list(line.numbers)}


def _dma(walls: DmaWalls) -> dict[str, Any]:
    return {
        "iommus": [
            {
                "path": wall.path,
                "driven": wall.driven,
                "state": wall.state,
                "masters": [_master(master) for master in (*wall.masters, *wall.others)],
            }
            for wall in walls.walls
        ],
        "unprotected": list(_outside(walls.outside)),
        "no_dma": list(_outside(walls.harmless)),
    }


def _master(master: Master) -> dict[str, Any]:
    streams = master.streams
    return {
        "path": master.path,
        "owners": [_owner(owner) for owner in master.owners],
        "shared": master.shared,
        "streams": streams._asdict() if streams is not None else None,
    }


def _outside(devices: Iterable[Outside]) -> Iterable[dict[str, str]]:
    for each in devices:
        yield {"path": each.master.path, "domain": each.master.owners[0].name, "why": each.why}


def _suppliers(system: SystemPlan) -> list[dict[str, Any]]:
    return [
        {"domain": plan.name, **_supply(supply)}
        for number, plan in enumerate(system.domains)
        for supply in supplier_graph(number, plan).supplies
    ]


def _supply(supply: Supply) -> dict[str, Any]:
    return {
        "device": supply.device,
        "property": supply.property,
        "source": supply.source,
        "provider": supply.provider or None,
        "action": supply.action,
        "why": list(supply.whys),
        "required": supply.required,
        "dom0_must": supply.duty or None,
        "arguments": list(supply.arguments),
    }
