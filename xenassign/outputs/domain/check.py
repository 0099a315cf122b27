"""The files of the domains, read again from the bytes to be written, with the lint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from xenassign.checks.conflicts import conflicts_between
from xenassign.checks.interrupts import EXTENDED_BUILD
from xenassign.checks.parts import PART
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.overlay import CONTENT
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg import XlConfig, decode, encode
from xenassign.formats.xlcfg_parser import parse
from xenassign.host.platform import Platform
from xenassign.linting import waivers
from xenassign.linting.documents import ConfigFile
from xenassign.linting.guest import config_and_tree, partial_tree
from xenassign.linting.guest.pages import EMPTY
from xenassign.linting.guest.together import holdings
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import DomainNode, domains
from xenassign.linting.verdict.domain_memory import NO_MEMORY
from xenassign.linting.verdict.domain_node import NO_CPUS
from xenassign.linting.verdict.host_overlays import marks, with_interrupts
from xenassign.outputs.boot.chosen import built_by_xen
from xenassign.outputs.domain import text
from xenassign.outputs.domain.decide import DomainDecision
from xenassign.outputs.domain.overlay import domain_nodes
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.system.system import SystemPlan, settled
from xenassign.xen.board import read_board
from xenassign.xen.sci_agents import read_agents


def check(system: SystemPlan, _: DomainDecision, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors, and the findings that the users' own dom.cfg files had before (``_of_base``).

    Conflicts between the domains are looked for if each alone has no error.
    """
    platform = system.resolved.platform
    marked = frozenset(mark.path for plan in system.domains for mark in plan.marks)
    built = built_by_xen(system.domains)
    nodes = to_blob(domain_nodes(built)) if built else None
    findings = [
        finding._replace(domain=plan.name)
        for plan in system.domains
        for finding in _of_domain(plan, files, platform, marked, nodes)
    ]
    yield from findings
    if not errors(findings):
        yield from _conflicts(system, files)


def _of_domain(
    plan: DomainPlan,
    files: Mapping[str, bytes],
    platform: Platform,
    marked: frozenset[str],
    nodes: bytes | None,
) -> list[Finding]:
    """The findings about a domain's files. ``marked``: host paths that any domain marks. ``nodes``:
    an overlay with the nodes of all domains.
    """
    request = plan.request
    node = nodes if "dom0less" in request.routes else None
    if request.partial is not None:
        context = context_of(request, platform)
        of_node = errors(_domain_node(node, request, context)) if node is not None else []
        from xenassign.outputs.domain import own_tree

        return [*own_tree.findings(plan, request.partial, files, platform), *of_node]
    if request.base is None:
        return errors(file_findings(files, plan, platform, marked, node))
    # Without the user's own file first: an error that it has too would hide one of the plan.
    own = {**files, f"{plan.name}.cfg": encode(text.dom_cfg(plan))}
    alone = plan._replace(request=replace(request, base=None))
    refused = errors(file_findings(own, alone, platform, marked, node))
    if refused:
        return refused
    findings = _not_waived(file_findings(files, plan, platform, marked), request.base)
    base = request.base.file
    return [f for f in findings if f.severity == "error" or f.file == base]


def _not_waived(findings: Iterable[Finding], base: XlConfig) -> list[Finding]:
    """The findings without those that comments of the user's own file accept."""
    findings = list(findings)
    _, waived = waivers.apply(findings, [ConfigFile(base.file, base.text, base)])
    accepted = [finding for finding, _ in waived]
    return [finding for finding in findings if finding not in accepted]


def _conflicts(system: SystemPlan, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors between domains that the partial trees show, from their bytes."""
    resolved = system.resolved
    first, platform = resolved.request.domains[0], resolved.platform
    context = Context(first.release, read_board(platform, first.release, first.drivers))
    of_domains = [
        holding
        for plan in system.domains
        for holding in holdings(plan.name, View(_partial_tree(plan, files), context))
    ]
    conflicts, _ = settled(conflicts_between(of_domains), resolved)
    yield from errors(conflict.finding for conflict in conflicts)


def _partial_tree(plan: DomainPlan, files: Mapping[str, bytes]) -> Tree:
    partial = plan.request.partial
    return read_blob(files[f"{plan.name}.dtb"]) if partial is None else partial.tree


def file_findings(
    files: Mapping[str, bytes],
    plan: DomainPlan,
    platform: Platform,
    marked: frozenset[str] = frozenset(),
    node: bytes | None = None,
) -> Iterator[Finding]:
    """The findings about the files of a plan that concern a route of its request.

    Without those that the plan has. Those that the user's own configuration had before are about
    that file. ``marked``: host paths that the overlays of the system's other domains
    mark. ``node``: an overlay with the domain's node as a blob (NAME.dom0less.dtso is source).
    """
    request, name = plan.request, plan.name
    overlay = read_blob(files[f"{name}.host.dtbo"])
    platform = with_interrupts(platform, [overlay])
    marked |= marks(None, [overlay])
    find = platform.tree.find
    elsewhere = frozenset(filter(None, (find(node.path) for node in plan.scope.elsewhere)))
    context = context_of(request, platform)._replace(
        pool_mib=plan.pool_mib, marked=marked, elsewhere=elsewhere
    )
    if any(finding.rule is EXTENDED_BUILD for finding in plan.findings):
        context = context._replace(options=frozenset({"GICV3_ESPI"}))
    blob = files[f"{name}.dtb"]
    view = View(read_blob(blob, f"{name}.dtb"), context)
    findings = [*dom0less.check(blob, context), *partial_tree.check(view)]
    findings += domcfg.check_blob(blob)
    if f"{name}.cfg" in files:
        config = parse(decode(files[f"{name}.cfg"]), f"{name}.cfg")
        of_config = [*domcfg.check(config, context), *config_and_tree.check(config, view)]
        base = request.base
        if base is not None:
            of_base = (*domcfg.check(base, context), *config_and_tree.check(base, view))
            before = {_identity(finding): finding for finding in of_base}
            of_config = [
                _of_base(before[_identity(finding)], base, request.follows)
                if _identity(finding) in before
                else finding
                for finding in of_config
            ]
        findings += of_config
    if node is not None:
        findings += _domain_node(node, request, context)
    known = _Known.of(plan)
    for finding in findings:
        if set(finding.routes) & set(request.routes) and not known.has(finding):
            yield finding


class _Known(NamedTuple):
    """The findings of a plan as (code, host path). ``host_paths``: by guest path."""

    findings: frozenset[tuple[str, str]]
    host_paths: dict[str, str]

    @classmethod
    def of(cls, plan: DomainPlan) -> _Known:
        """Those of a plan without errors: all shared pages are allowed, and a device of which the
        guest gets no registers has an empty xen,reg.
        """
        nodes = {(finding.code, finding.node) for finding in plan.findings}
        nodes |= {(SHARED_PAGE.code, f.node) for f in plan.findings if f.rule is SHARED_ALLOWED}
        parts = {finding.node for finding in plan.findings if finding.rule is PART}
        nodes |= {(EMPTY.code, d.path) for d in plan.devices if d.path in parts and not d.placed}
        host_paths = {owner.guest_path: owner.path for owner in plan.owners}
        return cls(frozenset((code, node) for code, node in nodes if node is not None), host_paths)

    def has(self, finding: Finding) -> bool:
        """Whether the plan has the finding, for the guest's node that it is about."""
        above, below = finding.node or "", ""
        while above and above not in self.host_paths:
            above, _, name = above.rpartition("/")
            below = f"/{name}{below}"
        return (finding.code, f"{self.host_paths.get(above, '')}{below}") in self.findings


def context_of(request: Request, platform: Platform) -> Context:
    """The context of the lint for a domain of the request, on a board with a dom0."""
    nr_spis, pool = map(request.node.get, ("nr_spis", "xen,domain-p2m-mem-mb"))
    return Context(
        release=request.release,
        board=read_board(platform, request.release, request.drivers),
        vcpus=request.vcpus or 1,
        vpl011=request.vpl011,
        bootargs=request.extra,
        memory=request.memory * 1024 if request.memory else None,
        beside_dom0=True,
        sci=request.sci or "none",
        agent=request.agent,
        direct_map=request.direct_map,
        static_memory=request.static_memory,
        options=request.kconfig,
        agents=request.agents or read_agents(platform.tree),
        enhanced=request.node.enhanced,
        shared=tuple(memory.id for memory in request.node.shared_memory),
        nr_spis=nr_spis if isinstance(nr_spis, int) else None,
        pool_mib=pool if isinstance(pool, int) else None,
    )


#: Where the nodes of domains are in the overlay that is judged.
_IN_OVERLAY = f"/fragment@0/{CONTENT}/"


def _domain_node(blob: bytes, request: Request, context: Context) -> Iterator[Finding]:
    """The findings about the node of /chosen, without those about options that are not given.

    ``blob``: an overlay with the nodes of all domains.
    """
    overlay = read_blob(blob, f"{request.name}.dom0less.dtso")
    not_given = {NO_MEMORY} if request.memory is None else set()
    not_given |= {NO_CPUS} if request.vcpus is None else set()
    chosen = context.platform.tree.find_as_xen("/chosen") if context.platform else None
    for domain in domains(overlay, chosen):
        if domain.name == request.name:
            of_node = node_findings(domain, request, context)
            yield from (finding for finding in of_node if finding.rule not in not_given)


def node_findings(domain: DomainNode, request: Request, context: Context) -> Iterator[Finding]:
    """The findings about a domain's node, which are equal for an overlay and for the host's tree:
    with its path in the host's tree, and where the file states the property.
    """
    given = dict(request.node.properties)
    for finding in domain_node.check(domain, context):
        where = request.where("dom0less", finding.prop) if finding.prop in given else ""
        message = f"{finding.message}{where}".replace(_IN_OVERLAY, "/chosen/")
        node = finding.node and finding.node.replace(_IN_OVERLAY, "/chosen/")
        yield finding._replace(message=message, node=node, domain=request.name)


def _identity(finding: Finding) -> tuple[str, str, str | None, str | None]:
    """What is equal for a finding of the base and of the file that is made from it."""
    return finding.code, finding.message, finding.node, finding.prop


def _of_base(finding: Finding, base: XlConfig, follows: bool) -> Finding:
    """A finding about the user's own file, with its place there.

    An error is a warning, except where all that is passed ``follows`` from that file: the result
    is what xl requires.
    """
    severity = "warning" if finding.severity == "error" and not follows else finding.severity
    # NAME.json is UTF-8, and the user's file may not be.
    message, node = (
        text and text.encode("utf-8", "backslashreplace").decode()
        for text in (finding.message, finding.node)
    )
    return finding._replace(severity=severity, file=base.file, message=message or "", node=node)
