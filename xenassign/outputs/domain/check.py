"""The files of the domains, read again from the bytes to be written, with the lint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from xenassign.checks.conflicts import between
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg import XlConfig, decode, encode, parse
from xenassign.host.platform import Platform
from xenassign.linting.guest import cross, partial
from xenassign.linting.guest.together import holdings
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import domains
from xenassign.linting.verdict.domain_memory import NO_MEMORY
from xenassign.linting.verdict.domain_node import NO_CPUS
from xenassign.linting.verdict.host_overlays import marks
from xenassign.outputs.domain import text
from xenassign.outputs.domain.decide import DomainDecision
from xenassign.outputs.domain.overlay import domain_node as domain_overlay
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.system.system import SystemPlan, settled
from xenassign.xen.iommu import iommus


def check(system: SystemPlan, _: DomainDecision, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors, and as warnings what the users' own dom.cfg files had already.

    The domains are set against each other if each alone is right.
    """
    marked = frozenset(mark.path for plan in system.domains for mark in plan.marks)
    found = [
        finding._replace(domain=plan.name)
        for plan in system.domains
        for finding in _of_domain(plan, files, system.resolved.platform, marked)
    ]
    yield from found
    if not errors(found):
        yield from _together(system, files)


def _of_domain(
    plan: DomainPlan, files: Mapping[str, bytes], platform: Platform, marked: frozenset[str]
) -> list[Finding]:
    """What is to be said of a domain's files. ``marked``: host paths that any domain marks."""
    request = plan.request
    node = to_blob(domain_overlay(plan)) if "dom0less" in request.routes else None
    if request.base is None:
        return errors(file_findings(files, plan, platform, marked, node))
    # Without the user's own file first: what it has already would excuse the plan's own errors.
    own = {**files, f"{plan.name}.cfg": encode(text.dom_cfg(plan))}
    alone = plan._replace(request=replace(request, base=None))
    refused = errors(file_findings(own, alone, platform, marked, node))
    if refused:
        return refused
    found = list(file_findings(files, plan, platform, marked))
    older = [finding for finding in found if finding.file == request.base.file]
    return [*errors(found), *older]


def _together(system: SystemPlan, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors between domains that the partial trees show, from their bytes."""
    asked = system.resolved
    first, platform = asked.request.domains[0], asked.platform
    context = Context(first.release, platform, iommus(platform, first.release, first.drivers))
    held = [
        held
        for plan in system.domains
        for held in holdings(plan.name, View(read_blob(files[f"{plan.name}.dtb"]), context))
    ]
    conflicts, _ = settled(between(held), asked)
    yield from errors(conflict.finding for conflict in conflicts)


def file_findings(
    files: Mapping[str, bytes],
    plan: DomainPlan,
    platform: Platform,
    marked: frozenset[str] = frozenset(),
    node: bytes | None = None,
) -> Iterator[Finding]:
    """Every finding about the files of a plan that concerns a route of its request.

    A finding that the plan has already is not made again. Errors that the user's own configuration
    had before become warnings about that file. ``marked``: paths of host nodes that the overlays of
    the system's other domains mark. ``node``: the overlay with the domain's node as a blob, for
    NAME.dom0less.dtso, which is made of the same draft, is text.
    """
    request, name = plan.request, plan.name
    marked |= marks(None, [read_blob(files[f"{name}.host.dtbo"])])
    context = context_of(request, platform)._replace(
        pool_mib=plan.pool_mib, marked=marked, elsewhere=plan.scope.elsewhere
    )
    context = context._replace(rights=context.dom0())
    blob = files[f"{name}.dtb"]
    view = View(read_blob(blob, f"{name}.dtb"), context)
    found = [*dom0less.check(blob, context), *partial.check(view)]
    found += domcfg.blob(blob)
    if f"{name}.cfg" in files:
        config = parse(decode(files[f"{name}.cfg"]), f"{name}.cfg")
        told = [*domcfg.check(config, context), *cross.check(config, view)]
        base = request.base
        if base is not None:
            had = (*domcfg.check(base, context), *cross.check(base, view))
            before = {_same(one): one for one in had}
            told = [_older(before[_same(f)], base) if _same(f) in before else f for f in told]
        found += told
    if node is not None:
        found += _domain_node(node, request, context)
    known = _Known.of(plan)
    for finding in found:
        if set(finding.routes) & set(request.routes) and not known.has(finding):
            yield finding


class _Known(NamedTuple):
    """The findings of a plan, as those of its files. ``made``: (code, host path)."""

    made: frozenset[tuple[str, str]]
    hosts: dict[str, str]

    @classmethod
    def of(cls, plan: DomainPlan) -> _Known:
        """Those of a plan without errors: a page that is shared was allowed."""
        made = {(finding.code, finding.node) for finding in plan.findings}
        made |= {(SHARED_PAGE.code, f.node) for f in plan.findings if f.rule is SHARED_ALLOWED}
        hosts = {owner.guest_path: owner.path for owner in plan.owners}
        return cls(frozenset((code, node) for code, node in made if node is not None), hosts)

    def has(self, finding: Finding) -> bool:
        """Whether the plan says the same of the device whose node a finding is about."""
        return (finding.code, self.hosts.get(finding.node or "", "")) in self.made


def context_of(request: Request, platform: Platform) -> Context:
    """What the lint knows of a domain of the request, which is one beside a dom0."""
    return Context(
        release=request.release,
        platform=platform,
        iommus=iommus(platform, request.release, request.drivers),
        vcpus=request.vcpus or 1,
        vpl011=request.vpl011,
        bootargs=request.extra,
        memory=request.memory * 1024 if request.memory else None,
        beside_dom0=True,
        sci=request.sci or "none",
        direct_map=request.direct_map,
        static_memory=request.static_memory,
    )


def _domain_node(blob: bytes, request: Request, context: Context) -> Iterator[Finding]:
    """The node of /chosen, without the modules, and without what the user has yet to say."""
    overlay = read_blob(blob, f"{request.name}.dom0less.dtso")
    known = context._replace(options=context.options | {"STATIC_MEMORY"})
    unsaid = {NO_MEMORY} if request.memory is None else set()
    unsaid |= {NO_CPUS} if request.vcpus is None else set()
    chosen = context.platform.tree.find_as_xen("/chosen") if context.platform else None
    for domain in domains(overlay, chosen):
        yield from (f for f in domain_node.check(domain, known) if f.rule not in unsaid)


def _same(finding: Finding) -> tuple[str, str, str | None, str | None]:
    """What makes two findings the same wherever they stand."""
    return finding.code, finding.message, finding.node, finding.prop


def _older(finding: Finding, base: XlConfig) -> Finding:
    """A finding about what stood in the user's file already: a warning, with its place there."""
    severity = "warning" if finding.severity == "error" else finding.severity
    older = finding._replace(severity=severity, file=base.file)
    # NAME.json is UTF-8, whatever the user's file is.
    message, node = (
        text and text.encode("utf-8", "backslashreplace").decode()
        for text in (finding.message, finding.node)
    )
    return older._replace(message=message or "", node=node)
