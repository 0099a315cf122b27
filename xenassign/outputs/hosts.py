"""``generate`` for one board or several: every board's files, checked as ever, and the lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding
from xenassign.outputs.domain.write import ENDINGS
from xenassign.outputs.generated import generate_resolved
from xenassign.outputs.report import hosts as rendering
from xenassign.outputs.system_files import NAMES
from xenassign.request.resolve import ResolvedSystem
from xenassign.request.system_request import SystemRequest
from xenassign.system import lock as locking
from xenassign.system.common_placement import Pins
from xenassign.system.host_plan import HostRequest
from xenassign.system.hosts import HostsPlan, on_each
from xenassign.system.system import SystemPlan


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
    files: dict[str, dict[str, bytes]] = {}
    refused: dict[str, list[str]] = {}

    def made(host: HostRequest, asked: ResolvedSystem) -> SystemPlan:
        system, files[host.name], refused[host.name] = generate_resolved(asked)
        return system

    plan = on_each(trees, request, pins, made)
    refusals = [
        line for host in plan.hosts for line in (*host.asked.refusals, *refused.get(host.name, ()))
    ]
    return GeneratedHosts(plan, {} if refusals else files, refusals)


class Wanted(NamedTuple):
    """What is to be written. ``per_host``: a folder of files for each board, not one set for all.

    ``only``: the name of the one domain that files are wanted of. ``lock``: the one of before;
    ``locked``: nothing may differ from it. ``lock_file``: its name for messages.
    """

    per_host: bool = False
    only: str | None = None
    lock: locking.Lock | None = None
    locked: bool = False
    lock_file: str | None = None


class Built(NamedTuple):
    """The plan, the files to write, why there are none, and what changed since the lock."""

    plan: HostsPlan
    files: dict[str, bytes]
    refusals: list[str]
    lock: locking.Lock | None = None
    changes: tuple[str, ...] = ()


def build(trees: Sequence[Tree], request: SystemRequest, wanted: Wanted) -> Built:
    """Everything that ``generate`` does but for reading and writing files.

    Raises XenassignError where the request can be meant on no board.
    """
    pins = locking.pins_of(wanted.lock, trees) if wanted.lock is not None else None
    made = generate_hosts(trees, request, pins)
    if made.refusals:
        return Built(made.plan, {}, made.refusals)
    lock = locking.lock_of(made.plan)
    changes = tuple(locking.changes(wanted.lock, lock)) if wanted.lock is not None else ()
    if wanted.locked and changes:
        refusals = [finding.text(wanted.lock_file) for finding in locking.refusals(changes)]
        return Built(made.plan, {}, refusals, lock, changes)
    # By whole names: a domain may be called net, and another one net.host.
    mine = NAMES | {f"{wanted.only}{ending}" for ending in ENDINGS}
    files = {
        board: {name: d for name, d in those.items() if wanted.only is None or name in mine}
        for board, those in made.files.items()
    }
    if wanted.per_host:
        return Built(made.plan, rendering.per_host(files), [], lock, changes)
    common, differing = rendering.common_files(files)
    refusals = [rendering.differ(differing, files).text()] if differing else []
    return Built(made.plan, common, refusals, lock, changes)


def told(plan: HostsPlan, only: str | None = None) -> Iterator[tuple[str, Finding]]:
    """(about what, finding) of a plan: its domains', those between domains, the system's.

    ``only``: of the domains this one.
    """
    for host in plan.hosts:
        file, system = host.asked.tree.file, host.system
        if system is None:
            continue
        several = len(system.domains) > 1
        for domain in (one for one in system.domains if only in (None, one.name)):
            about = f"{file}: domain {domain.name}" if several else file
            yield from ((about, finding) for finding in domain.findings)
        for finding in system.about_all:
            yield file, finding
