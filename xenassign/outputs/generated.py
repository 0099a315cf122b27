"""``generate``: decides the system and its outputs, writes these, and checks the written bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors
from xenassign.host.platform import read_platform
from xenassign.outputs import attach, boot, domain, efi, imagebuilder, sci, zephyr
from xenassign.outputs.output import Decision, Functions, Output
from xenassign.outputs.report import plan_json
from xenassign.request.boot_request import EFI, BootRequest
from xenassign.request.resolve import ResolvedSystem, resolve
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan, decide_resolved


def _domain() -> Functions:
    from xenassign.outputs.domain.check import check
    from xenassign.outputs.domain.decide import decide
    from xenassign.outputs.domain.write import write

    return Functions(decide, write, check)


def _attach() -> Functions:
    from xenassign.outputs.attach.check import check
    from xenassign.outputs.attach.decide import decide
    from xenassign.outputs.attach.write import fields, write

    return Functions(decide, write, check, fields)


def _boot() -> Functions:
    from xenassign.outputs.boot.check import check
    from xenassign.outputs.boot.decide import decide
    from xenassign.outputs.boot.write import write

    return Functions(decide, write, check)


def _efi() -> Functions:
    from xenassign.outputs.efi.check import check
    from xenassign.outputs.efi.decide import decide
    from xenassign.outputs.efi.write import write

    return Functions(decide, write, check)


def _zephyr() -> Functions:
    from xenassign.outputs.zephyr.decide import decide
    from xenassign.outputs.zephyr.write import write

    return Functions(decide, write)


def _sci() -> Functions:
    from xenassign.outputs.sci.decide import decide
    from xenassign.outputs.sci.write import write

    return Functions(decide, write)


def _imagebuilder() -> Functions:
    from xenassign.outputs.imagebuilder.decide import decide
    from xenassign.outputs.imagebuilder.write import write

    return Functions(decide, write)


def _has_boot(boot: BootRequest) -> bool:
    return bool(boot.outputs or boot.loads)


OUTPUTS = (
    Output(lambda _: True, _domain, endings=domain.ENDINGS),
    Output(
        lambda system: any(plan.request.attach_overlay for plan in system.domains),
        _attach,
        endings=attach.ENDINGS,
    ),
    Output(
        lambda system: any(plan.request.agent for plan in system.domains), _sci, names=sci.NAMES
    ),
    Output(lambda system: _has_boot(system.resolved.request.boot), _boot, names=boot.NAMES),
    Output(lambda system: EFI in system.resolved.request.boot.outputs, _efi, names=efi.NAMES),
    Output(lambda system: system.resolved.request.zephyr, _zephyr, endings=zephyr.ENDINGS),
    Output(
        lambda system: system.resolved.request.imagebuilder is not None,
        _imagebuilder,
        names=imagebuilder.NAMES,
    ),
)

REPORT = ".json"
"""The ending of the plan's file, which is written after everything is decided and checked."""

ENDINGS = (*(ending for output in OUTPUTS for ending in output.endings), REPORT)
"""A domain's files are called NAME followed by one of these."""

NAMES = frozenset(name for output in OUTPUTS for name in output.names)
"""Names of the files of the whole system."""


class GeneratedSystem(NamedTuple):
    """The plan, its files by name, and the errors (``refusals``), with which there are no files.

    The findings of the plans include those of the outputs. ``findings``: all of them, each with the
    board's file and the domain that it is about.
    """

    plan: SystemPlan
    files: dict[str, bytes]
    refusals: list[Finding]
    findings: tuple[Finding, ...]


def generate_system(tree: Tree, request: SystemRequest) -> GeneratedSystem:
    """The plan and the files of a system. Raises XenassignError for an invalid request or tree."""
    return generate_resolved(resolve(request, read_platform(tree)))


def generate_resolved(resolved: ResolvedSystem) -> GeneratedSystem:
    """``generate_system`` for a request whose names are resolved. Raises XenassignError."""
    if any(domain.request.follows for domain in resolved.domains):
        from xenassign.outputs.domain.tied_devices import with_tied_devices

        resolved = with_tied_devices(resolved)
    system = decide_resolved(resolved)
    if any(plan.request.partial is not None for plan in system.domains):
        from xenassign.outputs.domain.own_tree import with_own_trees

        system = with_own_trees(system)
    requested = [output for output in OUTPUTS if output.requested(system)]
    _check_names(system, requested)
    decisions: list[tuple[Functions, Decision]] = []
    for output in requested:
        functions = output.functions()
        decision = functions.decide(system)
        if decision is not None:
            decisions.append((functions, decision))
    of_outputs = [finding for _, decision in decisions for finding in decision.findings]
    files: dict[str, bytes] = {}
    if not system.refused and not errors(of_outputs):
        for functions, decision in decisions:
            files.update(functions.write(system, decision))
        for functions, decision in decisions:
            of_outputs += functions.check(system, decision, files)
        of_outputs = list(dict.fromkeys(of_outputs))  # several have a domain's node
    system = _with_findings(system, of_outputs)
    of_domains = [
        finding._replace(domain=plan.name) for plan in system.domains for finding in plan.findings
    ]
    of_system = [*system.between, *(finding for finding in of_outputs if finding.domain is None)]
    refusals = errors(_located(resolved.platform.tree, [*of_system, *of_domains]))
    findings = tuple(_located(resolved.platform.tree, [*of_domains, *of_system]))
    if refusals:
        return GeneratedSystem(system, {}, refusals, findings)
    for plan in system.domains:
        fields = {
            k: v for functions, d in decisions for k, v in functions.fields(d, plan.name).items()
        }
        report = plan_json.to_json({**plan_json.plan(plan), **fields})
        files[f"{plan.name}{REPORT}"] = report.encode()
    return GeneratedSystem(system, _in_order(system, files), refusals, findings)


def _check_names(system: SystemPlan, outputs: Sequence[Output]) -> None:
    """Raises UsageError if two files would have one name, also for FAT, which ignores case."""
    owners = {name.lower(): "the whole system" for output in outputs for name in output.names}
    endings = (*(ending for output in outputs for ending in output.endings), REPORT)
    for plan in system.domains:
        for name in (f"{plan.name}{ending}" for ending in endings):
            owner = owners.setdefault(name.lower(), f"domain {plan.name}")
            if owner != f"domain {plan.name}":
                raise UsageError(
                    f"domain {plan.name}: {name} is a file of {owner} too; give the domain another"
                    " name"
                )


def _with_findings(system: SystemPlan, of_outputs: Sequence[Finding]) -> SystemPlan:
    """The system; each plan has the findings of the outputs about its domain too."""
    domains = tuple(
        plan._replace(findings=(*plan.findings, *_about(plan.name, of_outputs)))
        for plan in system.domains
    )
    return system._replace(domains=domains)


def _about(domain: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    return (finding._replace(domain=None) for finding in findings if finding.domain == domain)


def _located(tree: Tree, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings with a file: the board's, unless a finding is about another one."""
    return (finding._replace(file=finding.file or tree.file) for finding in findings)


def _in_order(system: SystemPlan, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files domain by domain, then those of the system."""
    of_domains = [f"{plan.name}{ending}" for plan in system.domains for ending in ENDINGS]
    names = dict.fromkeys((*of_domains, *files))
    return {name: files[name] for name in names if name in files}
