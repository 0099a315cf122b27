"""One run of ``lint``: its options with those of the [lint] section, its files, and their fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xenassign.checks.live_tree import choice_of_driver, choices_of_nodes
from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, UsageError
from xenassign.files import replace_files
from xenassign.findings import ROUTES, flat
from xenassign.formats.xlcfg import encode
from xenassign.host.load import read_host
from xenassign.host.platform import read_platform
from xenassign.host.running import dom0_tree
from xenassign.linting.catalogue import rules
from xenassign.linting.documents import Document, read_document, read_tree_file
from xenassign.linting.linter import Options, Report, lint
from xenassign.linting.settings import read_settings, selected
from xenassign.xen.iommu import iommus
from xenassign.xen.releases import DEFAULT, Release, release


def rule_list() -> Iterator[str]:
    """A line for each rule: code, name, severity, effect, title."""
    width = max(len(rule.name) for rule in rules())
    for rule in rules():
        yield f"{rule.code}  {rule.name:{width}}  {rule.severity:7}  {rule.effect:11}  {rule.title}"


def usable_host(tree: Tree, xen: Release, drivers: frozenset[str] | None) -> Tree:
    """A board's tree, if verdicts can be based on it. ``drivers``: None for all of the release.

    Raises InputError for a live tree that lacks something: dom0's, or one whose order of nodes is
    not known where Xen's choice depends on it.
    """
    if dom0_tree(tree) is not None:
        raise InputError(
            f"{tree.file}: this is the tree that Xen made for dom0, which has neither marks nor"
            " IOMMUs, so that no verdict is possible; give the .dtb that the boot loader loads, or"
            " leave --host out"
        )
    if not tree.ordered:
        driver = choice_of_driver(iommus(read_platform(tree), xen, drivers))
        for choice in (*choices_of_nodes(tree), *filter(None, [driver])):
            raise InputError(
                f"{tree.file}: {choice}, and a directory has no order (XA117); give"
                " /sys/firmware/fdt (as root), or the .dtb that the boot loader loads"
            )
    return tree


def _host(
    path: str | None, folders: tuple[str, ...], xen: Release, drivers: frozenset[str] | None
) -> Tree | None:
    """The board's tree, if a path is given."""
    return usable_host(read_host(path, folders), xen, drivers) if path is not None else None


@dataclass
class Session:
    """The files of one run, and the options with which they are judged."""

    paths: tuple[str, ...]
    options: Options
    include: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    documents: tuple[Document, ...]

    @classmethod
    def of(  # noqa: PLR0913 (the options of the command line)
        cls,
        paths: tuple[str, ...],
        *,
        host: str | None = None,
        overlays: tuple[str, ...] = (),
        bases: tuple[str, ...] = (),
        partial: str | None = None,
        version: str | None = None,
        routes: tuple[str, ...] = (),
        include: tuple[str, ...] = (),
        select: tuple[str, ...] = (),
        ignore: tuple[str, ...] = (),
        config: Path | None = None,
        memory: int | None = None,
        vcpus: int | None = None,
        dom0: bool = True,
        drivers: frozenset[str] | None = None,
        kconfig: frozenset[str] = frozenset(),
        live_host: bool = False,
        xen_console: str | None = None,
        together: bool = False,
    ) -> Session:
        """The session of a command line; options that it lacks come from the [lint] section.

        Raises UsageError without files, InputError for a file that can't be read.
        """
        if not paths:
            raise UsageError("no file is given; name a .dtb, a .dts or a dom.cfg")
        settings = read_settings(config)
        folders = (*include, *settings.include)
        board = host or settings.host
        chosen = routes or settings.routes
        xen = release(version or settings.xen or DEFAULT)
        options = Options(
            release=xen,
            routes=tuple(route for route in ROUTES if not chosen or route in chosen),
            host=_host(board, folders, xen, drivers),
            overlays=tuple(read_tree_file(path, folders) for path in overlays or settings.overlays),
            bases=tuple(read_tree_file(path, folders, symbols=True) for path in bases),
            partial=read_tree_file(partial, folders) if partial is not None else None,
            drivers=drivers,
            memory=memory,
            vcpus=vcpus,
            dom0=dom0,
            kconfig=kconfig or frozenset(settings.kconfig),
            live_host=live_host,
            xen_console=xen_console,
            together=together,
        )
        session = cls(
            paths=tuple(dict.fromkeys(paths)),
            options=options,
            include=folders,
            select=select or settings.select,
            ignore=(*ignore, *settings.ignore),
            documents=(),
        )
        session.read()
        return session

    def read(self) -> None:
        """Reads the files: at the start, and again after fixes were written."""
        self.documents = tuple(read_document(path, self.include) for path in self.paths)

    def report(self) -> Report:
        """The report, in which the findings that are not selected are hidden."""
        report = lint(self.documents, self.options)
        shown, hidden = selected(report.findings, self.select, self.ignore)
        return replace(report, findings=shown, hidden=hidden)

    def fix(self, write: bool) -> str:
        """The diff of all fixes; with ``write`` the files are changed, all or none.

        Raises UsageError if standard input would be written.
        """
        from xenassign.linting import fixes

        findings = tuple(flat(self.report().findings))
        diffs, changed = [], {}
        for document in self.documents:
            new = fixes.fixed_text(document, findings)
            if new is not None and document.text is not None and new != document.text:
                if document.file == "<stdin>" and write:
                    raise UsageError("standard input cannot be fixed; give a file, or --diff")
                diffs.append(fixes.diff(document.file, document.text, new))
                changed[Path(document.file)] = encode(new)
        if write and changed:
            replace_files(changed)
            self.read()
        return "".join(diffs)
