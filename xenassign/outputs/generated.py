"""``generate``: decides the system and its outputs, writes these, and checks the written bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.host.platform import read_platform
from xenassign.outputs.attach import check as attach_check
from xenassign.outputs.attach import decide as attach
from xenassign.outputs.attach import write as attach_write
from xenassign.outputs.boot import check as boot_check
from xenassign.outputs.boot import decide as boot
from xenassign.outputs.boot import write as boot_write
from xenassign.outputs.domain import check as domain_check
from xenassign.outputs.domain import decide as domain
from xenassign.outputs.domain import write as domain_write
from xenassign.outputs.domain.own_tree import with_own_trees
from xenassign.outputs.domain.tied_devices import with_tied_devices
from xenassign.outputs.efi import check as efi_check
from xenassign.outputs.efi import decide as efi
from xenassign.outputs.efi import write as efi_write
from xenassign.outputs.imagebuilder import decide as imagebuilder
from xenassign.outputs.imagebuilder import write as imagebuilder_write
from xenassign.outputs.output import Decision, Output
from xenassign.outputs.report import plan_json
from xenassign.outputs.zephyr import decide as zephyr
from xenassign.outputs.zephyr import write as zephyr_write
from xenassign.request.resolve import ResolvedSystem, resolve
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan, decide_resolved

OUTPUTS: tuple[Output[Any], ...] = (
    Output(
        domain.decide,
        domain_write.write,
        domain_check.check,
        endings=domain_write.ENDINGS,
    ),
    Output(
        attach.decide,
        attach_write.write,
        attach_check.check,
        attach_write.fields,
        endings=attach_write.ENDINGS,
    ),
    Output(boot.decide, boot_write.write, boot_check.check, names=boot_write.NAMES),
    Output(efi.decide, efi_write.write, efi_check.check, names=efi.NAMES),
    Output(zephyr.decide, zephyr_write.write, endings=zephyr.ENDINGS),
    Output(imagebuilder.decide, imagebuilder_write.write, names=imagebuilder.NAMES),
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
    resolved = with_tied_devices(resolved)
    system = with_own_trees(decide_resolved(resolved))
    decisions: list[tuple[Output[Any], Decision]] = []
    for output in OUTPUTS:
        decision = output.decide(system)
        if decision is not None:
            decisions.append((output, decision))
    of_outputs = [finding for _, decision in decisions for finding in decision.findings]
    files: dict[str, bytes] = {}
    if not system.refused and not errors(of_outputs):
        for output, decision in decisions:
            files.update(output.write(system, decision))
        for output, decision in decisions:
            of_outputs += output.check(system, decision, files)
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
        fields = {k: v for output, d in decisions for k, v in output.fields(d, plan.name).items()}
        report = plan_json.to_json({**plan_json.plan(plan), **fields})
        files[f"{plan.name}{REPORT}"] = report.encode()
    return GeneratedSystem(system, _in_order(system, files), refusals, findings)


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
