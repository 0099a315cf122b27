"""``generate``: decide, render, and check what was rendered from the bytes to be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xenassign.checks import static_memory as direct_map
from xenassign.checks.conflicts import between
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.changes import taken_for
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg import XlConfig, decode, parse
from xenassign.host.platform import Platform, read_platform
from xenassign.linting.guest import cross, partial
from xenassign.linting.guest.together import holdings
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import domains
from xenassign.linting.verdict.domain_node import NO_CPUS, NO_MEMORY
from xenassign.linting.verdict.host_overlays import marks
from xenassign.outputs.attach import check as attach_overlay
from xenassign.outputs.boot import host_changes
from xenassign.outputs.domain.overlay import domain_node as domain_overlay
from xenassign.outputs.domain.write import render
from xenassign.outputs.system_files import render_system
from xenassign.planning.decide import decide_on
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.request.resolve import ResolvedSystem, resolve, resolve_domain
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan, decide_resolved, settled
from xenassign.xen.board import read_board
from xenassign.xen.iommu import iommus


def generate(tree: Tree, request: Request) -> tuple[DomainPlan, dict[str, bytes], list[str]]:
    """(plan, files by name, refusals). With refusals there are no files.

    Raises XenassignError where the request or the tree can't be read.
    """
    platform, resolved = resolve_domain(request, read_platform(tree))
    plan = decide_on(read_board(platform, request.release, request.drivers), resolved)
    return _made(plan, platform, tree.file)


def generate_system(
    tree: Tree, request: SystemRequest
) -> tuple[SystemPlan, dict[str, bytes], list[str]]:
    """The same for all domains of a system, and for what they do to each other."""
    return generate_resolved(resolve(request, read_platform(tree)))


def generate_resolved(
    asked: ResolvedSystem,
) -> tuple[SystemPlan, dict[str, bytes], list[str]]:
    """The same for names that were looked up."""
    platform, tree = asked.platform, asked.platform.tree
    system = decide_resolved(asked)
    marked = frozenset(mark.path for plan in system.domains for mark in plan.marks)
    refusals = [finding.text(tree.file) for finding in errors(system.about_all)]
    plans: list[DomainPlan] = []
    files: dict[str, bytes] = {}
    for decided in system.domains:
        about = f"{tree.file}: domain {decided.name}"
        plan, made, refused = _made(decided, platform, about, marked)
        plans.append(plan)
        files.update(made)
        refusals += refused
    if not refusals:
        refusals = list(_together(asked, files))
    system = system._replace(domains=tuple(plans))
    if not refusals:
        files.update(render_system(system, tree))
        refusals = list(_booted(system, platform))
    return system, {} if refusals else files, refusals


def _booted(system: SystemPlan, platform: Platform) -> Iterator[str]:
    """The errors that the complete /chosen shows, from its bytes, each once."""
    boot = system.boot
    if boot is None or boot.chosen is None:
        return
    tree = read_blob(edited(boot.data, boot.changes, platform.tree.file), platform.tree.file)
    plans = {plan.name: plan.request for plan in system.domains}
    for domain in domains(tree):
        if domain.name in plans:
            request = plans[domain.name]
            context = _context(request, platform)._replace(
                options=frozenset({"STATIC_MEMORY"}),
                beside_dom0=any(
                    module.path.startswith("/chosen/module@") for module in boot.modules
                ),
            )
            found = (
                f for f in domain_node.check(domain, context) if f.rule not in direct_map.RULES
            )
            yield from (finding.text(tree.file) for finding in errors(found))


def _together(asked: ResolvedSystem, files: dict[str, bytes]) -> Iterator[str]:
    """The errors between domains that the partial trees show, from their bytes."""
    first, platform = asked.request.domains[0], asked.platform
    context = Context(first.release, platform, iommus(platform, first.release, first.drivers))
    held = [
        held
        for one in asked.domains
        for held in holdings(one.name, View(read_blob(files[f"{one.name}.dtb"]), context))
    ]
    found, _ = settled(between(held), asked)
    yield from (finding.text(platform.tree.file) for finding in errors(c.finding for c in found))


def _made(
    plan: DomainPlan, platform: Platform, about: str, marked: frozenset[str] = frozenset()
) -> tuple[DomainPlan, dict[str, bytes], list[str]]:
    """(plan, files, refusals) of what was decided.

    ``about``: what the refusals are about, where they have no file of their own. ``marked``: paths
    of host nodes that the overlays of other domains mark.
    """
    request = plan.request
    refused = errors(plan.findings)
    if refused:
        return plan, {}, [finding.text(about) for finding in refused]
    unmarkable = list(_marked_elsewhere(plan, platform.tree, about))
    if unmarkable:
        return plan, {}, unmarkable
    # Without the user's own file first: what it has already would excuse the plan's own errors.
    alone = replace(request, base=None)
    files = render(plan._replace(request=alone))
    node = to_blob(domain_overlay(plan)) if "dom0less" in request.routes else None
    refused = errors(check(files, alone, platform, plan.pool_mib, marked, node))
    if request.base is not None and not refused:
        files = render(plan)
        found = list(check(files, request, platform, plan.pool_mib, marked))
        refused = errors(found)
        older = [finding for finding in found if finding.file == request.base.file]
        plan = plan._replace(findings=(*plan.findings, *older))
        files = render(plan)
    if refused:
        return plan, {}, [finding.text(about) for finding in refused]
    return plan, files, []


def _marked_elsewhere(plan: DomainPlan, tree: Tree, about: str) -> Iterator[str]:
    """Refusals of nodes for which whoever applies the host overlay takes others."""
    for change in host_changes.marks(plan):
        other = taken_for(tree, change.path)
        if other is not None:
            yield (
                f"error: {about}: domain {plan.name}: the host overlay would mark {other}: libfdt"
                f" takes {change.path} for it, since it comes first; put {change.path} before it in"
                " the board's tree"
            )


def check(
    files: dict[str, bytes],
    request: Request,
    platform: Platform,
    pool_mib: int | None = None,
    marked: frozenset[str] = frozenset(),
    node: bytes | None = None,
) -> Iterator[Finding]:
    """Every finding about rendered files that concerns a route of the request.

    Errors that the user's own configuration had before become warnings about that file.
    ``pool_mib``: what the dom0less node says. ``marked``: paths of host nodes that the overlays of
    the system's other domains mark. ``node``: the overlay with the domain's node as a blob, for
    NAME.dom0less.dtso, which is made of the same draft, is text.
    """
    name = request.name
    marked |= marks(None, [read_blob(files[f"{name}.host.dtbo"])])
    context = _context(request, platform)._replace(pool_mib=pool_mib, marked=marked)
    context = context._replace(rights=context.dom0())
    blob = files[f"{name}.dtb"]
    view = View(read_blob(blob, f"{name}.dtb"), context)
    found = [*dom0less.check(blob, context), *partial.check(view, decided=True)]
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
    if request.attach_overlay:
        found += attach_overlay.check(files, name, platform.tree)
    for finding in found:
        if set(finding.routes) & set(request.routes):
            yield finding


def _context(request: Request, platform: Platform) -> Context:
    """What the lint is told of a domain; it is one beside a dom0."""
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
    """The node of /chosen, without the modules, and without what the user has yet to say.

    What the decision said about the static memory is not said again.
    """
    overlay = read_blob(blob, f"{request.name}.dom0less.dtso")
    known = context._replace(options=context.options | {"STATIC_MEMORY"})
    unsaid = {NO_MEMORY} if request.memory is None else set()
    unsaid |= {NO_CPUS} if request.vcpus is None else set()
    told = unsaid | direct_map.RULES
    chosen = context.platform.tree.find_as_xen("/chosen") if context.platform else None
    for domain in domains(overlay, chosen):
        yield from (f for f in domain_node.check(domain, known) if f.rule not in told)


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
