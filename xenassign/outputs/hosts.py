"""``generate`` for one board or several: every board's files, checked as ever, and the lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.outputs.generated import ENDINGS, NAMES, GeneratedSystem, generate_resolved
from xenassign.outputs.report import hosts as rendering
from xenassign.request.resolve import ResolvedSystem
from xenassign.request.system_request import SystemRequest
from xenassign.system import lock as locking
from xenassign.system.common_placement import Pins
from xenassign.system.host_plan import HostRequest
from xenassign.system.hosts import HostsPlan, decide_hosts
from xenassign.system.system import SystemPlan

Refusal = Finding | UsageError
"""Why there are no files: an error of a plan or a file, or a request that is invalid on a board."""


class GeneratedHosts(NamedTuple):
    """The plan, the files by board and name, and the refusals. With refusals there are no files.

    ``findings``: those of all boards, as ``GeneratedSystem`` has them.
    """

    plan: HostsPlan
    files: dict[str, dict[str, bytes]]
    refusals: list[Refusal]
    findings: tuple[Finding, ...]


def generate_hosts(
    trees: Sequence[Tree], request: SystemRequest, pins: Pins | None = None
) -> GeneratedHosts:
    """Decides, writes and checks for every board. ``pins``: those of a lock.

    Raises XenassignError where the request can be meant on no board.
    """
    made: dict[str, GeneratedSystem] = {}

    def decided(host: HostRequest, asked: ResolvedSystem) -> SystemPlan:
        made[host.name] = generate_resolved(asked)
        return made[host.name].plan

    plan = decide_hosts(trees, request, pins, decided)
    refusals: list[Refusal] = []
    for host in plan.hosts:
        refusals += [host.request.error] if host.request.error is not None else []
        refusals += made[host.name].refusals if host.name in made else []
    findings = tuple(finding for each in made.values() for finding in each.findings)
    files = {} if refusals else {name: each.files for name, each in made.items()}
    return GeneratedHosts(plan, files, refusals, findings)


def lines(refusals: Sequence[Refusal]) -> Iterator[str]:
    """The refusals for people."""
    for refusal in refusals:
        if isinstance(refusal, Finding):
            yield refusal.text()
        else:
            yield from (f"error: {line}" for line in refusal.lines)


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
    """The plan, the files to write, why there are none, and what changed since the lock.

    ``findings``: those to be shown. Each has the file that it is about, and the domain if there are
    several.
    """

    plan: HostsPlan
    files: dict[str, bytes]
    refusals: Sequence[Refusal]
    findings: tuple[Finding, ...]
    lock: locking.Lock | None = None
    changes: tuple[str, ...] = ()


def build(trees: Sequence[Tree], request: SystemRequest, wanted: Wanted) -> Built:
    """Everything that ``generate`` does but for reading and writing files.

    Raises XenassignError where the request can be meant on no board.
    """
    pins = locking.pins_of(wanted.lock, trees) if wanted.lock is not None else None
    made = generate_hosts(trees, request, pins)
    findings = tuple(_shown(made, wanted.only))
    if made.refusals:
        return Built(made.plan, {}, made.refusals, findings)
    lock = locking.lock_of(made.plan)
    changes = tuple(locking.changes(wanted.lock, lock)) if wanted.lock is not None else ()
    if wanted.locked and changes:
        refusals = [f._replace(file=wanted.lock_file) for f in locking.refusals(changes)]
        return Built(made.plan, {}, refusals, findings, lock, changes)
    # By whole names: a domain may be called net, and another one net.host.
    mine = NAMES | {f"{wanted.only}{ending}" for ending in ENDINGS}
    files = {
        board: {name: d for name, d in those.items() if wanted.only is None or name in mine}
        for board, those in made.files.items()
    }
    if wanted.per_host:
        return Built(made.plan, rendering.per_host(files), [], findings, lock, changes)
    common, differing = rendering.common_files(files)
    refusals = [rendering.differ(differing, files)] if differing else []
    return Built(made.plan, common, refusals, findings, lock, changes)


def _shown(made: GeneratedHosts, only: str | None) -> Iterator[Finding]:
    """The findings of all domains, or ``only`` of that one, with those of the systems."""
    several = {
        host.request.tree.file
        for host in made.plan.hosts
        if host.system is not None and len(host.system.domains) > 1
    }
    for finding in made.findings:
        if only is None or finding.domain in (None, only):
            yield finding if finding.file in several else finding._replace(domain=None)
