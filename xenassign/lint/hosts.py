"""``generate`` for several boards: every board's files, each set checked as ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xenassign.assign.common_places import Pins
from xenassign.assign.hosts import HostsPlan, arrange, compared
from xenassign.assign.system_request import SystemRequest
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.lint.generated import generate_system


class GeneratedHosts(NamedTuple):
    """The plan, the files by board and name, and the refusals. With refusals there are no files."""

    plan: HostsPlan
    files: dict[str, dict[str, bytes]]
    refusals: list[str]


def generate_hosts(
    trees: Sequence[Tree], request: SystemRequest, pins: Pins | None = None
) -> GeneratedHosts:
    """Decides, renders and checks for every board. ``pins``: those of a lock.

    Raises XenassignError where the request can be meant on no board.
    """
    made = []
    files: dict[str, dict[str, bytes]] = {}
    refusals: list[str] = []
    for one in arrange(trees, request, pins):
        asked, system = one, None
        refused: list[str] = []
        if asked.request is not None:
            try:
                system, files[asked.name], refused = generate_system(asked.tree, asked.request)
            except UsageError as error:
                asked = asked._replace(problem=str(error))
        made.append((asked, system))
        refusals += [*asked.refusals, *refused]
    plan = compared(request, made)
    return GeneratedHosts(plan, {} if refusals else files, refusals)
