"""``generate`` for one or several boards: the checked files of every board, and the lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.linting.settings import selected
from xenassign.outputs.generated import ENDINGS, NAMES, GeneratedSystem, generate_resolved
from xenassign.outputs.previous_run import with_lists
from xenassign.outputs.report import hosts as rendering
from xenassign.outputs.report.messages import ranked
from xenassign.request.resolve import ResolvedSystem
from xenassign.request.system_request import SystemRequest
from xenassign.system import lock as locking
from xenassign.system.differences import Difference
from xenassign.system.host_plan import HostRequest, Pins
from xenassign.system.hosts import HostsPlan, decide_hosts
from xenassign.system.system import SystemPlan

Refusal = Finding | UsageError
"""An error of a plan or a file, or an invalid request for a board. With one there are no files."""


class GeneratedHosts(NamedTuple):
    """The plan, the files by board and name, and the refusals. With refusals there are no files.

    ``findings``: those of all boards, each with its file and domain.
    """

    plan: HostsPlan
    files: dict[str, dict[str, bytes]]
    refusals: list[Refusal]
    findings: tuple[Finding, ...]


def generate_hosts(
    trees: Sequence[Tree], request: SystemRequest, pins: Pins | None = None
) -> GeneratedHosts:
    """The plans and files of all boards. ``pins``: those of a lock.

    Raises XenassignError if the request is invalid on all boards.
    """
    systems: dict[str, GeneratedSystem] = {}

    def decide(host: HostRequest, resolved: ResolvedSystem) -> SystemPlan:
        systems[host.name] = generate_resolved(resolved)
        return systems[host.name].plan

    plan = decide_hosts(trees, request, pins, decide)
    refusals: list[Refusal] = []
    for host in plan.hosts:
        refusals += [host.request.error] if host.request.error is not None else []
        refusals += systems[host.name].refusals if host.name in systems else []
    findings = tuple(finding for system in systems.values() for finding in system.findings)
    files = {} if refusals else {name: system.files for name, system in systems.items()}
    return GeneratedHosts(plan, files, refusals, findings)


def lines(refusals: Sequence[Refusal]) -> Iterator[str]:
    """The refusals as lines of text."""
    for refusal in refusals:
        if isinstance(refusal, Finding):
            yield refusal.text()
        else:
            yield from (f"error: {line}" for line in refusal.lines)


class BuildOptions(NamedTuple):
    """What to write. ``per_host``: a folder of files for each board, instead of one set for all.

    ``only``: write the files of this domain and of the system. ``lock``: of the last run;
    ``locked``: a difference from it is an error. ``lock_file``: its name for messages.
    ``ignore``: codes, or prefixes of codes, of warnings and notes to leave out. ``strict``: the
    other warnings refuse, unless the user accepts them with a reason.
    """

    per_host: bool = False
    only: str | None = None
    lock: locking.Lock | None = None
    locked: bool = False
    lock_file: str | None = None
    ignore: tuple[str, ...] = ()
    strict: bool = False


class Built(NamedTuple):
    """The plan, the files to write or the refusals, and the changes since the lock.

    ``findings``: those to show. Each has the file that it is about, and the domain if there are
    several. ``lock``: the new one, if the plan is not refused. ``changes``: differences of two
    sides, of which :mod:`xenassign.system.change_lines` makes lines. ``compared``: whether there
    was a lock to find them with.
    """

    plan: HostsPlan
    files: dict[str, bytes]
    refusals: Sequence[Refusal]
    findings: tuple[Finding, ...]
    lock: locking.Lock | None = None
    changes: tuple[Difference, ...] = ()
    compared: bool = False


def build(trees: Sequence[Tree], request: SystemRequest, options: BuildOptions) -> Built:
    """The command ``generate`` without reading and writing files.

    Raises XenassignError if the request is invalid on all boards.
    """
    pins = locking.pins_of(options.lock, trees) if options.lock is not None else None
    generated = generate_hosts(trees, request, pins)
    plan, findings = generated.plan, _shown(generated, options)
    refusals = _refusals(generated, findings, options.strict)
    if refusals:
        return Built(plan, {}, refusals, findings)
    lock = locking.lock_of(plan)
    older = options.lock
    changes = tuple(locking.differences(older, lock)) if older is not None else ()
    compared = older is not None
    if options.locked and changes:
        of_lock = [f._replace(file=options.lock_file) for f in locking.refusals(changes)]
        return Built(plan, {}, of_lock, findings, lock, changes, compared)
    # By whole names: one domain may have the name net, and another one net.host.
    of_domain = NAMES | {f"{options.only}{ending}" for ending in ENDINGS}
    files = {
        board: {
            name: data
            for name, data in of_board.items()
            if options.only is None or name in of_domain
        }
        for board, of_board in generated.files.items()
    }
    everything = generated.files
    if options.per_host:
        written = with_lists(rendering.per_host(files), rendering.per_host(everything))
        return Built(plan, written, [], findings, lock, changes, compared)
    common, differing = rendering.common_files(files)
    refusals = [rendering.differ(differing, files)] if differing else []
    written = with_lists(common, next(iter(everything.values())))
    return Built(plan, written, refusals, findings, lock, changes, compared)


def _shown(generated: GeneratedHosts, options: BuildOptions) -> tuple[Finding, ...]:
    """The findings of all domains, or of the domain ``only``, with those of the systems.

    Raises UsageError for a code to ignore that no rule has.
    """
    several = _with_several_domains(generated)
    findings = [
        finding if finding.file in several else finding._replace(domain=None)
        for finding in generated.findings
        if options.only is None or finding.domain in (None, options.only)
    ]
    ignored = [code for codes in options.ignore for code in codes.split(",")]
    kept, _ = selected((f for f in findings if f.severity != "error"), (), ignored)
    return tuple(f for f in findings if f.severity == "error" or f in kept)


def _refusals(
    generated: GeneratedHosts, findings: Sequence[Finding], strict: bool
) -> list[Refusal]:
    """Why there are no files, the gravest first. ``strict``: because of warnings too."""
    several = _with_several_domains(generated)
    invalid: list[Refusal] = [r for r in generated.refusals if not isinstance(r, Finding)]
    of_rules = [
        refusal if refusal.file in several else refusal._replace(domain=None)
        for refusal in generated.refusals
        if isinstance(refusal, Finding)
    ]
    if strict:
        warnings = (f for f in findings if f.severity == "warning" and not f.accepted)
        of_rules += (finding._replace(severity="error") for finding in warnings)
    return [*invalid, *ranked(of_rules)]


def _with_several_domains(generated: GeneratedHosts) -> set[str]:
    """The files of the boards on which a finding names its domain."""
    return {
        host.request.tree.file
        for host in generated.plan.hosts
        if host.system is not None and len(host.system.domains) > 1
    }
