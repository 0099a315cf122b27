"""The report as one HTML file: no script, style, font or picture comes from elsewhere.

All foreign text passes ``escape.html_text``, which the environment calls for each expression of a
template; a policy in the page forbids whatever else a browser could load or run.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple

from xenassign.outputs.hosts import Built
from xenassign.outputs.report.matrix import in_ranges, of_interest
from xenassign.outputs.report.page.answer import Answer, answer
from xenassign.outputs.report.page.dma_walls import DmaWalls, dma_walls
from xenassign.outputs.report.page.interrupt_grid import InterruptGrid, interrupt_grid
from xenassign.outputs.report.page.listing import listings
from xenassign.outputs.report.page.panels import Maps, Panel
from xenassign.outputs.report.page.supplier_graph import SupplierGraph, supplier_graph
from xenassign.outputs.report.page.templating import framed
from xenassign.outputs.report.who_has_what import (
    HEADINGS,
    KINDS,
    Ownership,
    Resource,
    ownership,
)
from xenassign.system import change_lines
from xenassign.system.host_plan import HostPlan
from xenassign.system.system import SystemPlan, board_of


class Step(NamedTuple):
    """A command of the page, and what it does."""

    text: str
    command: str


class KindRows(NamedTuple):
    """The resources of a kind, under their heading."""

    kind: str
    heading: str
    rows: tuple[Resource, ...]


class BoardPart(NamedTuple):
    """What the report has about one board. ``prefix``: of the anchors, "" for a single board.

    ``system``: None if nothing could be decided; then only ``problems`` says why.
    """

    prefix: str
    name: str
    model: str
    file: str
    problems: tuple[str, ...]
    system: SystemPlan | None = None
    answer: Answer | None = None
    panels: tuple[Panel, ...] = ()
    interrupts: InterruptGrid | None = None
    dma: DmaWalls | None = None
    suppliers: tuple[SupplierGraph, ...] = ()
    owned: Ownership | None = None
    assigned: Sequence[KindRows] = ()
    others: Sequence[KindRows] = ()


def render(built: Built, command: str, tries: Sequence[tuple[str, str]] = ()) -> str:
    """The report of a plan.

    ``command``: the command that writes the files. ``tries``: (command, remark) of what to try.
    """
    boards = [_board(number, host, built) for number, host in enumerate(built.plan.hosts)]
    rules = {rule.code: rule for board in boards if board.answer for rule in board.answer.rules}
    files = {name: data for name, data in built.files.items() if not name.startswith(".")}
    values = {
        "boards": boards,
        "xen": built.plan.xen,
        "rules": [rules[code] for code in sorted(rules)],
        "files": listings(files),
        "steps": _steps(boards, built, command),
        "tries": tries,
        "changes": change_lines.lines(built.changes),
        "compared": built.compared,
        "kinds": tuple(zip(KINDS, HEADINGS, strict=True)),
    }
    return framed("report.html.j2", values)


def _board(number: int, host: HostPlan, built: Built) -> BoardPart:
    prefix = f"b{number}-" if len(built.plan.hosts) > 1 else ""
    error, tree = host.request.error, host.request.tree
    problems = error.lines if error is not None else ()
    model = host.request.platform.model
    part = BoardPart(prefix, host.name, model, PurePath(tree.file).name, tuple(problems))
    if host.system is None or not host.system.domains:
        return part
    board = board_of(host.system.resolved)
    owned = ownership(host.system)
    assigned = of_interest(owned)
    stays = set(owned.resources).difference(assigned)
    return part._replace(
        system=host.system,
        answer=answer(host.system, owned, built, tree.file),
        panels=tuple(Maps(host.system, board, owned).panels()),
        interrupts=interrupt_grid(host.system, owned),
        dma=dma_walls(host.system, board, owned),
        suppliers=tuple(
            supplier_graph(number, plan) for number, plan in enumerate(host.system.domains)
        ),
        owned=owned,
        assigned=_by_kind(in_ranges(assigned)),
        others=_by_kind(in_ranges(r for r in owned.resources if r in stays)),
    )


def _by_kind(resources: Iterable[Resource]) -> list[KindRows]:
    """The resources in groups; a kind without any has none."""
    rows: dict[str, list[Resource]] = {}
    for resource in resources:
        rows.setdefault(resource.kind, []).append(resource)
    headings = dict(zip(KINDS, HEADINGS, strict=True))
    return [KindRows(kind, headings[kind], tuple(rows[kind])) for kind in KINDS if kind in rows]


def _steps(boards: Sequence[BoardPart], built: Built, command: str) -> list[Step]:
    """How the files are used; nothing if there are none. Commands begin where the user's did."""
    steps = [Step("write the files", command)]
    if not built.files or len(boards) != 1 or boards[0].system is None:
        return steps if built.files else []
    plans = boards[0].system.domains
    overlays = (f"{plan.name}.host.dtbo" for plan in plans)
    marks = [f"out/{name}" for name in overlays if name in built.files]
    if marks:
        host = PurePath(boards[0].system.resolved.platform.tree.file)
        blob = host if host.suffix == ".dtb" else PurePath(f"{host.stem}.dtb")
        words = ["fdtoverlay", "-i", str(blob), "-o", f"{blob.stem}-xen.dtb", *marks]
        text = "mark the devices in the host's tree, so that dom0 does not use them"
        steps.append(Step(text, shlex.join(words)))
    for plan in plans:
        if f"{plan.name}.cfg" in built.files:
            # device_tree is a name that libxl opens from the folder where xl runs
            create = f"cd out && {shlex.join(['xl', 'create', f'{plan.name}.cfg'])}"
            steps.append(Step(f"create {plan.name}, with out in dom0", create))
    return steps
