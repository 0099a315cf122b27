"""``lint``: every rule on every file that was given, and what the real hypervisor would say.

Each partial device tree is judged for both routes, each xl configuration for xl, and together with
the partial device tree that it names they are checked against each other. What a domain's node in
/chosen says (memory, vCPUs, nr_spis) is what its partial device tree is judged with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

from xenassign.devicetree.places import Place
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, UsageError
from xenassign.findings import ROUTES, Finding, Rule, errors
from xenassign.formats.xlcfg import XlConfig
from xenassign.host.load import is_source
from xenassign.host.platform import read_platform
from xenassign.linting import waivers, written
from xenassign.linting.catalogue import rules
from xenassign.linting.documents import ConfigFile, Document, TreeFile, read_tree_file
from xenassign.linting.guest import config_and_tree, partial_tree, together
from xenassign.linting.guest.view import View
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import context_of
from xenassign.linting.verdict.host_overlays import domain_nodes, marks, reserved_marks
from xenassign.linting.verdict.predict import verdicts
from xenassign.request.resolve import with_console
from xenassign.xen.iommu import iommus
from xenassign.xen.releases import Release


class Options(NamedTuple):
    """What the files are judged for.

    ``host``: the board's tree, without which rules that need it do not run. ``overlays`` of the
    host mark nodes or add domains. ``partial`` is the partial device tree of every configuration.
    ``memory``: MiB. ``dom0``: whether there is one, beside dom0less domains too.
    ``kconfig``: options that Xen is built with although they are off by default. ``live_host``: the
    host's tree comes from the running board, so that its /memory is what Xen will have.
    ``xen_console``: as --xen-console says. ``together``: the files are of domains that run at the
    same time, and are set against each other, which takes the host.
    """

    release: Release
    routes: tuple[str, ...] = ROUTES
    host: Tree | None = None
    overlays: tuple[TreeFile, ...] = ()
    partial: TreeFile | None = None
    drivers: frozenset[str] | None = None
    memory: int | None = None
    vcpus: int | None = None
    dom0: bool = True
    kconfig: frozenset[str] = frozenset()
    live_host: bool = False
    xen_console: str | None = None
    together: bool = False


@dataclass(frozen=True)
class Report:
    """What was found. ``verdict`` counts every finding, waived and ignored ones too."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    verdict: dict[str, str]
    not_run: tuple[Rule, ...]
    waived: tuple[tuple[Finding, str], ...]  #: with the reason

    @property
    def judged(self) -> frozenset[str]:
        """The routes that the files say something about."""
        routes: set[str] = set()
        for document in self.documents:
            if isinstance(document, ConfigFile):
                routes.add("xl")
            elif document.overlay or document.has_domains:
                routes.add("dom0less")
            else:
                routes.update(ROUTES)
        return frozenset(routes)

    @property
    def refused(self) -> bool:
        """Whether a finding is an error."""
        return bool(errors(self.findings))

    def line(self, place: Place) -> str | None:
        """The line of a file at which a place begins; None where the file is not to be had."""
        texts = {document.file: document.text for document in self.documents}
        text = texts.get(place.file)
        if text is None:
            try:
                text = Path(place.file).read_text(encoding="utf-8", errors="surrogateescape")
            except (OSError, ValueError):
                return None
        lines = text.split("\n")
        return lines[place.line - 1].rstrip("\r") if place.line <= len(lines) else None


def lint(documents: Sequence[Document], options: Options) -> Report:
    """Every finding about the documents on the routes asked for, in the order of the files.

    Raises InputError for a board's tree that has no domain, and where the file that device_tree
    names is no device tree.
    """
    for document in documents:
        if isinstance(document, TreeFile) and document.is_board:
            what = "is a board's tree, and no domain is in it"
            raise InputError(f"{document.file}: {what}; give it as --host, beside a file to lint")
    named = _named(documents, options)
    trees = [tree for tree in named.values() if tree is not None]
    every = tuple(dict.fromkeys((*documents, *trees)))
    found = [f for f in _merged(_all(every, named, options)) if set(f.routes) & set(options.routes)]
    order = {document.file: number for number, document in enumerate(every)}
    found.sort(key=lambda finding: (order.get(finding.file or "", len(order)), _line(finding)))
    kept, waived = waivers.apply(found, every)
    missing = [rule for rule in rules() if rule.needs_host] if options.host is None else []
    verdict = {route: said for route, said in verdicts(found).items() if route in options.routes}
    return Report(every, kept, verdict, tuple(missing), waived)


def _line(finding: Finding) -> tuple[object, ...]:
    at = finding.place
    return (at.file, at.line, at.column, finding.code) if at else ("", 0, 0, finding.code)


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding where two routes say the same."""
    merged: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        key = (one.file, one.code, one.node, one.prop, one.cell, one.place, one.message)
        other = merged.get(key)
        if other is None:
            merged[key] = one
        else:
            both = tuple(r for r in ROUTES if r in one.routes or r in other.routes)
            merged[key] = other._replace(routes=both)
    return list(merged.values())


def _all(
    documents: Sequence[Document], named: dict[str, TreeFile | None], options: Options
) -> Iterator[Finding]:
    """``named``: a configuration's file to its partial device tree, None where there is none."""
    trees = [document for document in documents if isinstance(document, TreeFile)]
    overlays = (*options.overlays, *(tree for tree in trees if tree.overlay))
    domains = list(domain_nodes(options.host, (*overlays, *trees)))
    base = context(options, overlays)
    for document in documents:
        if isinstance(document, ConfigFile):
            yield from _config(document, named.get(document.file), base)
    for file, domain in domains:
        if file is not None:
            yield from _placed(file, domain_node.check(domain, base))
    for overlay in dict.fromkeys(overlays):
        if overlay.tree is not None:
            yield from _placed(overlay, reserved_marks(overlay.tree, options.host))
    about = context_of(domains[0][1], base) if len(domains) == 1 else base
    for tree in trees:
        if tree.overlay:
            continue
        if tree.has_domains and tree.tree is not None:
            yield from _placed(tree, domain_node.misplaced(tree.tree))
        else:
            yield from _placed(tree, _partial(tree, about, tree in named.values()))
            yield from _placed(tree, written.check(tree.source) if tree.source else ())

    if options.together:
        yield from _together(documents, named, base)


def _together(
    documents: Sequence[Document], named: dict[str, TreeFile | None], context: Context
) -> Iterator[Finding]:
    """What the domains of the files share. A configuration and its tree are one domain."""
    if context.platform is None:
        raise UsageError("--together needs the board's tree; give it with --host")
    trees = set(named.values())
    domains: dict[str, together.Domain] = {}  # by the name without suffix
    for document in documents:
        tree: TreeFile | None
        config: XlConfig | None = None
        if isinstance(document, TreeFile):
            if document.overlay or document.has_domains or document in trees:
                continue
            tree = document
        else:
            tree = named.get(document.file)
            config = document.config if isinstance(document.config, XlConfig) else None
        view = View(tree.tree, context) if tree is not None and tree.tree is not None else None
        speaks = tree if tree is not None and view is not None and view.nodes else document
        stem = os.path.splitext(speaks.file)[0]
        domains.setdefault(stem, together.Domain(speaks.file, view, config))
    by_file = {document.file: document for document in documents}
    for file, finding in together.check(list(domains.values()), context):
        yield from _placed(by_file[file], [finding])


def context(options: Options, overlays: Sequence[TreeFile]) -> Context:
    """What the options say about release, host and domain, with the marks of overlays."""
    platform = read_platform(options.host) if options.host is not None else None
    platform = with_console(platform, options.xen_console) if platform is not None else None
    about = Context(
        release=options.release,
        platform=platform,
        iommus=iommus(platform, options.release, options.drivers) if platform else None,
        vcpus=options.vcpus or 1,
        memory=options.memory * 1024 if options.memory else None,
        beside_dom0=options.dom0,
        options=options.kconfig,
        host_memory=platform.memory if platform is not None and options.live_host else (),
        marked=marks(options.host, (o.tree for o in overlays if o.tree is not None)),
    )
    return about._replace(rights=about.dom0())


def _named(documents: Sequence[Document], options: Options) -> dict[str, TreeFile | None]:
    """For each configuration the file of device_tree.

    That is --partial, a given file of that name, or the file itself; None where none is there.
    """
    given = [document for document in documents if isinstance(document, TreeFile)]
    found: dict[str, TreeFile | None] = {}
    for document in documents:
        named = document.named if isinstance(document, ConfigFile) else None
        if named is None:
            continue
        stem = PurePath(named).stem
        same = [tree for tree in given if PurePath(tree.file).stem == stem]
        beside = os.path.join(os.path.dirname(document.file), named)
        if options.partial is not None:
            found[document.file] = options.partial
        elif same:
            found[document.file] = same[0]
        else:
            found[document.file] = read_tree_file(beside) if os.path.isfile(beside) else None
    return found


def _config(document: ConfigFile, tree: TreeFile | None, context: Context) -> Iterator[Finding]:
    config = document.config
    if isinstance(config, Finding):
        yield config
        return
    yield from _placed(document, domcfg.check(config, context))
    if document.named is not None:
        at = config.place(config.named("device_tree")[-1].value)
        if tree is None:
            yield from _placed(document, (f._replace(place=at) for f in domcfg.check_blob(None)))
        elif is_source(document.named, b""):
            message = f"{document.named} is source; compile it, xl reads the blob"
            found = dom0less.BAD_BLOB(message, prop="device_tree", place=at, routes=XL)
            yield from _placed(document, [found])
    if tree is not None and tree.tree is not None:
        for finding in config_and_tree.check(config, View(tree.tree, context)):
            yield from _placed(document if finding.node is None else tree, [finding])


def _partial(tree: TreeFile, context: Context, of_xl: bool) -> Iterator[Finding]:
    """A partial device tree; one of a configuration need not speak to dom0less Xen."""
    view = View(tree.tree, context) if tree.tree is not None else None
    if of_xl and view is not None and not view.nodes:
        found = [*domcfg.check_blob(tree.blob), *partial_tree.check(view)]
        yield from (finding for finding in found if "xl" in finding.routes)
        return
    yield from dom0less.check(tree.blob, context)
    yield from domcfg.check_blob(tree.blob)
    if view is not None:
        yield from partial_tree.check(view)


def _placed(document: Document, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings with their file, and their place in its text."""
    for finding in findings:
        place = finding.place
        if place is None and isinstance(document, TreeFile) and document.source is not None:
            place = document.source.place(finding.node or "/", finding.prop, finding.cell)
        yield finding._replace(file=document.file, place=place)
