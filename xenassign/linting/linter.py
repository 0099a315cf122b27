"""``lint``: applies every rule to the files, and predicts the verdict of the real hypervisor.

Each partial device tree is judged for both routes, each xl configuration for xl, and the two are
compared if the configuration names the tree. A domain's node in /chosen has the memory, vCPUs and
nr_spis with which its partial device tree is judged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.places import Place
from xenassign.devicetree.tree import Tree
from xenassign.errors import NothingToJudgeError, UsageError
from xenassign.findings import ROUTES, Finding, rule
from xenassign.formats.xlcfg import XlConfig
from xenassign.host.load import is_source
from xenassign.linting import cascades, composition, pairing, source_strings, waivers
from xenassign.linting.documents import ConfigFile, Document, TreeFile
from xenassign.linting.guest import partial_tree
from xenassign.linting.guest.view import View
from xenassign.linting.lint_report import Report, merged_findings
from xenassign.linting.verdict import dom0less, domcfg
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.host_overlays import domain_nodes, marks, reserved_marks
from xenassign.linting.verdict.predict import verdicts
from xenassign.rule_pages import host_codes
from xenassign.xen.releases import Release, options_of
from xenassign.xen.sci_agents import read_agents

if TYPE_CHECKING:
    from xenassign.linting.folder import DomainFacts
    from xenassign.linting.guest import together
    from xenassign.linting.verdict.domain import DomainNode

UNREAD = rule("XA815", "tree-not-judged", "error", "unsafe")


class Options(NamedTuple):
    """The options with which files are judged.

    ``host``: the board's tree, without which the rules that require it do not run. ``overlays`` of
    the host mark nodes or add domains. ``bases``: the tree that overlays of a partial device tree
    are for, and overlays that are applied to it before, in order. ``partial`` is the partial device
    tree of every configuration. ``memory``: MiB. ``dom0``: whether there is one, also beside
    dom0less domains. ``kconfig``: options that Xen is built with although they are off by default.
    ``live_host``: the host's tree is that of the running board, so that its /memory is the memory
    of Xen. ``xen_console``: the value of --xen-console. ``together``: the domains of the files run
    at the same time, and are compared with each other, which requires the host. ``beside``: files
    of other domains that run at the same time, with which they are compared. ``facts``: what is
    known of domains besides, by name. ``unsafe_fixes``: whether fixes may be unsafe.
    """

    release: Release
    routes: tuple[str, ...] = ROUTES
    host: Tree | None = None
    overlays: tuple[TreeFile, ...] = ()
    bases: tuple[TreeFile, ...] = ()
    partial: TreeFile | None = None
    drivers: frozenset[str] | None = None
    memory: int | None = None
    vcpus: int | None = None
    dom0: bool = True
    kconfig: frozenset[str] = frozenset()
    live_host: bool = False
    xen_console: str | None = None
    together: bool = False
    beside: tuple[Document, ...] = ()
    facts: Mapping[str, DomainFacts] = {}
    unsafe_fixes: bool = False


def lint(documents: Sequence[Document], options: Options) -> Report:
    """Every finding about the documents on the routes of the options, in the order of the files.

    Raises InputError for a board's tree without a domain, for an overlay that cannot be applied,
    if nothing can be judged, and if the file that device_tree names is not a device tree.
    """
    host = composition.with_host_overlays(options.overlays, options.host)
    documents = composition.judged(documents, options.bases, options.host)
    for document in documents:
        if isinstance(document, TreeFile) and document.is_board:
            problem = "is a board's tree without domains"
            fix = "give it as --host, beside a file to lint"
            raise NothingToJudgeError(f"{document.file}: {problem}; {fix}")
    partial_trees = pairing.partial_trees(documents, options.partial)
    trees = [tree for tree in partial_trees.values() if tree is not None]
    every = tuple(dict.fromkeys((*documents, *trees)))
    routes = set(options.routes)
    merged = merged_findings(_all(every, partial_trees, options, host))
    findings = [finding for finding in merged if routes.intersection(finding.routes)]
    order = {document.file: number for number, document in enumerate(every)}
    findings.sort(key=lambda finding: (order.get(finding.file or "", len(order)), _line(finding)))
    kept, waived = waivers.apply(findings, every)
    shown = cascades.attach(kept, _domains(every, partial_trees))
    not_run = host_codes() if options.host is None else ()
    verdict = {route: v for route, v in verdicts(findings).items() if route in routes}
    judged = frozenset(
        route for document in every for route in composition.routes_of(document, options.host)
    )
    return Report(
        every,
        shown,
        verdict,
        not_run,
        waived,
        judged,
        unsafe_fixes=options.unsafe_fixes,
    )


def _domains(
    documents: Iterable[Document], partial_trees: dict[str, TreeFile | None]
) -> dict[str, str]:
    """What the files of a domain have in common, by file: its partial tree.

    With a single tree and a single configuration at the most, all files are of one domain.
    """
    configs = [d.file for d in documents if isinstance(d, ConfigFile)]
    trees = [
        document.file
        for document in documents
        if isinstance(document, TreeFile) and not document.overlay and not document.has_domains
    ]
    if len(configs) < 2 and len(trees) < 2:
        return {document.file: "" for document in documents}
    return {file: tree.file for file, tree in partial_trees.items() if tree is not None}


def _line(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    if place is None:
        return ("", 0, 0, finding.code)
    return (place.file, place.line, place.column, finding.code)


def _all(
    documents: Sequence[Document],
    partial_trees: dict[str, TreeFile | None],
    options: Options,
    booted: Tree | None,
) -> Iterator[Finding]:
    """All findings, unsorted. ``partial_trees``: as of :func:`pairing.partial_trees`.

    ``booted``: the host's tree with the overlays of the options.
    """
    trees = [document for document in documents if isinstance(document, TreeFile)]
    own = [tree for tree in trees if tree.overlay]
    overlays = (*options.overlays, *own)
    host = None if any(tree.tree is options.host for tree in trees) else options.host
    domains = list(domain_nodes(host, (*overlays, *trees)))
    base = context(options, overlays, composition.booted(booted, own))
    base = base._replace(owned=_owned(domains))
    for document in documents:
        if isinstance(document, ConfigFile):
            yield from _config(document, partial_trees.get(document.file), base)
    for file, domain in domains:
        if file is not None:
            from xenassign.linting.verdict import domain_node

            yield from _placed(file, domain_node.check(domain, base))
    for overlay in dict.fromkeys(overlays):
        if overlay.tree is not None:
            yield from _placed(overlay, reserved_marks(overlay.tree, options.host))
    for file in dict.fromkeys((*overlays, *trees)):
        yield from _placed(file, _unread(file))
    pairs = pairing.Pairs(trees, domains, options.facts)
    for tree in trees:
        of_xl = tree in partial_trees.values()
        if tree.overlay and not of_xl:
            continue
        if tree.has_domains and tree.tree is not None:
            from xenassign.linting.verdict import domain_node

            yield from _placed(tree, domain_node.misplaced(tree.tree))
        else:
            configs = [
                document.config
                for document in documents
                if isinstance(document, ConfigFile) and partial_trees.get(document.file) is tree
            ]
            of_tree = _partial(tree, pairs.context(tree, base), configs)
            yield from _placed(tree, _of_routes(of_tree, pairs.routes(tree.file)))
            yield from _placed(tree, source_strings.check(tree.sources))
    if options.together or options.beside:
        yield from _together(documents, partial_trees, options.beside, base)
    yield from _about_host(options.host, base)


def _owned(domains: Iterable[tuple[TreeFile | None, DomainNode]]) -> frozenset[str]:
    """The shared memory that is owned in the host's tree, or in an overlay of it."""
    merged = [domain for file, domain in domains if file is None or file.overlay]
    if not merged:
        return frozenset()
    from xenassign.linting.verdict.shared_memory import owned_ids

    return owned_ids(merged)


def _about_host(host: Tree | None, context: Context) -> Iterator[Finding]:
    """The findings about a host's tree: what Xen reads in it, and whether it can build dom0."""
    if host is None or context.platform is None:
        return
    from xenassign.checks.boot_scan import boot_scan_findings
    from xenassign.linting.verdict import host_dom0

    scanned = boot_scan_findings(context.platform, context.release)
    for finding in (*scanned, *host_dom0.check(context)):
        yield finding._replace(file=host.file)


def _unread(file: TreeFile) -> Iterator[Finding]:
    """A blob that Xen walks through and the strict reader refuses: no other rule applies to it."""
    if file.problem is not None and not isinstance(dom0less.read_root(file.blob, ROUTES), Finding):
        problem, _, fix = file.problem.rpartition("; ")
        yield UNREAD(problem, node="/", fix=fix)


def _together(
    documents: Sequence[Document],
    partial_trees: dict[str, TreeFile | None],
    beside: Sequence[Document],
    context: Context,
) -> Iterator[Finding]:
    """Resources that two domains share, about one in the documents, the later one if both are.

    A configuration and its tree are one domain. Raises UsageError if the host is not known.
    """
    if context.platform is None:
        raise UsageError("--together requires the board's tree; give it with --host")
    from xenassign.linting.guest import together

    of_others = pairing.partial_trees(beside, None)
    trees_of_others = [tree for tree in of_others.values() if tree is not None]
    every = dict.fromkeys((*beside, *trees_of_others, *documents))
    domains = _domains_of(every, {**of_others, **partial_trees}, context)
    own, by_file = {d.file for d in documents}, {d.file: d for d in every}
    for shared in together.check(domains, context):
        other, part = shared.first, shared.second
        if part.file not in own:
            other, part = part, other
        if part.file in own:
            at = _place(by_file[other.file], other)
            finding = shared.finding(part)._replace(other_side=at)
            yield from _placed(by_file[part.file], [finding])


def _domains_of(
    documents: Iterable[Document], partial_trees: dict[str, TreeFile | None], context: Context
) -> list[together.Domain]:
    """The domains of files, each by its name without suffix."""
    from xenassign.linting.guest import together

    trees = set(partial_trees.values())
    domains: dict[str, together.Domain] = {}
    for document in documents:
        tree: TreeFile | None
        config: XlConfig | None = None
        if isinstance(document, TreeFile):
            if document.overlay or document.has_domains or document in trees:
                continue
            tree = document
        else:
            tree = partial_trees.get(document.file)
            config = document.config if isinstance(document.config, XlConfig) else None
        view = View(tree.tree, context) if tree is not None and tree.tree is not None else None
        subject = tree if tree is not None and view is not None and view.nodes else document
        stem = os.path.splitext(subject.file)[0]
        domains.setdefault(stem, together.Domain(subject.file, view, config))
    return list(domains.values())


def _place(document: Document, part: together.SharedPart) -> Place:
    """Where a domain states what it shares; the start of a blob."""
    place = part.place
    if place is None and isinstance(document, TreeFile):
        place = document.place(part.node or "/", part.prop)
    return place or Place(document.file, 1, 1, 1, 1)


def context(options: Options, overlays: Sequence[TreeFile], host: Tree | None) -> Context:
    """The context of the options: release, host, domain, and the marks of overlays.

    ``host``: its tree with the overlays.
    """
    trees = [overlay.tree for overlay in overlays if overlay.tree is not None]
    board = None
    if host is not None:
        from xenassign.host.platform import read_platform
        from xenassign.request.resolve import with_console
        from xenassign.xen.board import read_board

        platform = with_console(read_platform(host), options.xen_console)
        board = read_board(platform, options.release, options.drivers)
    return Context(
        release=options.release,
        board=board,
        vcpus=options.vcpus or 1,
        memory=options.memory * 1024 if options.memory else None,
        beside_dom0=options.dom0,
        options=options_of(options.kconfig),
        agents=read_agents(host) if host is not None else None,
        host_memory=board.platform.memory if board is not None and options.live_host else (),
        marked=marks(options.host, trees),
    )


def _config(document: ConfigFile, tree: TreeFile | None, context: Context) -> Iterator[Finding]:
    """Findings about a configuration, and about its differences from its partial tree."""
    config = document.config
    if isinstance(config, Finding):
        yield config
        return
    read = tree.tree if tree is not None else None
    view = View(read, context, config) if read is not None else None
    yield from _placed(document, domcfg.check(config, context))
    if context.board is not None:
        from xenassign.linting.guest import mapped_devices, normal_mappings

        yield from _placed(document, mapped_devices.in_iomem(config, context, view))
        yield from _placed(document, normal_mappings.in_iomem(config, context))
    if document.device_tree is not None:
        at = config.place(config.named("device_tree")[-1].value)
        if tree is None:
            missing = domcfg.check_missing(document.device_tree)
            yield from _placed(document, (finding._replace(place=at) for finding in missing))
        elif is_source(document.device_tree, b""):
            message = f"{document.device_tree} is source; compile it, xl reads the blob"
            finding = dom0less.BAD_BLOB(message, prop="device_tree", place=at, routes=XL)
            yield from _placed(document, [finding])
    if tree is not None and view is not None:
        from xenassign.linting.guest import config_and_tree

        for finding in config_and_tree.check(config, view):
            yield from _placed(document if finding.node is None else tree, [finding])


def _partial(
    tree: TreeFile, context: Context, configs: Sequence[XlConfig | Finding]
) -> Iterator[Finding]:
    """Findings about a partial device tree.

    ``configs``: those that name it. Then it need not have xen,reg and xen,path, which only dom0less
    Xen reads, and what ties its nodes to the host's with xl is in the configurations.
    """
    plain = View(tree.tree, context) if tree.tree is not None else None
    of_dom0less = not configs or plain is None or bool(plain.nodes)
    if of_dom0less:
        yield from dom0less.check(tree.blob, context)
    yield from domcfg.check_blob(tree.blob)
    if plain is None:
        return
    views = [replace(plain, config=config) for config in configs if isinstance(config, XlConfig)]
    routes = (*(DOM0LESS if of_dom0less else ()), *(() if views else XL))
    if routes:
        yield from _of_routes(partial_tree.check(plain), routes)
    for view in views:
        yield from _of_routes(partial_tree.check(view), XL)


def _of_routes(findings: Iterable[Finding], routes: tuple[str, ...]) -> Iterator[Finding]:
    """What the findings say of some routes."""
    for finding in findings:
        common = tuple(route for route in finding.routes if route in routes)
        if common:
            yield finding._replace(routes=common)


def _placed(document: Document, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings with their file, and their place in its text."""
    for finding in findings:
        place = finding.place
        if place is None and isinstance(document, TreeFile):
            place = document.place(finding.node or "/", finding.prop, finding.cell)
        yield finding._replace(file=document.file, place=place)
