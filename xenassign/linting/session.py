"""One run of ``lint``: its options with those of the [lint] section, its files, and their fixes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, UsageError
from xenassign.findings import ROUTES
from xenassign.formats.xlcfg import encode
from xenassign.linting.documents import STDIN, Document, document, read_document, read_tree_file
from xenassign.linting.lint_report import Report, merged
from xenassign.linting.linter import Options, lint
from xenassign.linting.settings import Settings, read_settings, selected
from xenassign.xen.releases import DEFAULT, UPSTREAM, Release, release

if TYPE_CHECKING:
    from xenassign.linting.folder import DomainFacts, Folder
    from xenassign.request.project import Project

# A host, folders and a xenassign.toml import as much again as a lint of a file alone: what reads
# them is imported where they are given.

#: A fix may bring forth another one: a key that is renamed has entries. Two passes are usual.
_MOST_PASSES = 8


def usable_host(tree: Tree, xen: Release, drivers: frozenset[str] | None) -> Tree:
    """A board's tree, if verdicts can be based on it. ``drivers``: None for all of the release.

    Raises InputError for a live tree that lacks something: dom0's, or one whose order of nodes is
    not known where Xen's choice depends on it.
    """
    from xenassign.checks.live_tree import choice_of_driver, choices_of_nodes
    from xenassign.host.platform import read_platform
    from xenassign.host.running import dom0_tree
    from xenassign.xen.iommu import iommus

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
    if path is None:
        return None
    from xenassign.host.load import read_host

    return usable_host(read_host(path, folders), xen, drivers)


def _boards(
    project: Project | None, folders: tuple[str, ...], xen: Release, drivers: frozenset[str] | None
) -> tuple[Tree, ...]:
    """The boards of a xenassign.toml."""
    from xenassign.host.load import read_host

    hosts = project.hosts if project is not None else ()
    return tuple(usable_host(read_host(path, folders), xen, drivers) for path in hosts)


def _facts(project: Project | None) -> dict[str, DomainFacts]:
    """The facts of the domains of a xenassign.toml, by name."""
    if project is None:
        return {}
    from xenassign.linting.folder import facts_of

    domains = project.system.domains
    return {domain.name: facts_of(domain) for domain in domains}


def _kconfig(facts: Iterable[DomainFacts]) -> frozenset[str]:
    """The options that Xen is built with, as domains require them."""
    return frozenset[str]().union(*(fact.kconfig for fact in facts))


def _of_boot(
    facts: Iterable[DomainFacts], drivers: frozenset[str] | None, xen_console: str | None
) -> tuple[frozenset[str] | None, str | None]:
    """IOMMU drivers and console: as given, else those of the domains, in which they are equal."""
    for fact in facts:
        drivers, xen_console = drivers or fact.drivers, xen_console or fact.xen_console
    return drivers, xen_console


class Made(NamedTuple):
    """Files that are not on disk, by name, with their board."""

    files: Mapping[str, bytes]
    host: Tree


class Group(NamedTuple):
    """Files that are judged together, and the options with which they are."""

    documents: tuple[Document, ...]
    options: Options


@dataclass
class Session:
    """The files of one run, and the options with which they are judged.

    ``made``: files that are not on disk. ``release_given``: whether one is given, so that the plans
    of a folder do not choose it. ``boards``: of a xenassign.toml that has several.
    """

    paths: tuple[str, ...]
    options: Options
    include: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    made: tuple[Made, ...] = ()
    release_given: bool = False
    boards: tuple[Tree, ...] = ()
    groups: tuple[Group, ...] = ()
    stdin: str | None = None

    @classmethod
    def of(cls, paths: tuple[str, ...], *, made: tuple[Made, ...] = (), **given: Any) -> Session:
        """The session of a command line, with its files.

        ``made``: files that are judged instead of ``paths``. ``given``: as of ``without_files``.
        Raises UsageError, InputError.
        """
        if not paths and not made:
            raise UsageError("no file is given; name a .dtb, a .dts, a dom.cfg or a folder")
        session = cls.without_files(**given)
        return replace(session, paths=tuple(dict.fromkeys(paths)), made=made).read()

    @classmethod
    def without_files(  # noqa: PLR0913 (the options of the command line)
        cls,
        *,
        host: str | None = None,
        overlays: tuple[str, ...] = (),
        bases: tuple[str, ...] = (),
        partial: str | None = None,
        version: str | None = None,
        flavour: str | None = None,
        routes: tuple[str, ...] = (),
        include: tuple[str, ...] = (),
        select: tuple[str, ...] = (),
        ignore: tuple[str, ...] = (),
        config: Path | None = None,
        settings: Settings | None = None,
        drivers: frozenset[str] | None = None,
        kconfig: frozenset[str] = frozenset(),
        xen_console: str | None = None,
        project: Project | None = None,
        stdin: str | None = None,
        **plain: Any,
    ) -> Session:
        """The session of options; those that are not given come from the [lint] section.

        ``settings``: that section, else it is read from ``config``. ``project``: the file with the
        domains. ``stdin``: the name of standard input. ``plain``: fields of ``Options``. Raises
        UsageError, InputError.
        """
        settings = read_settings(config) if settings is None else settings
        folders, board = (*include, *settings.include), host or settings.host
        facts = _facts(project)
        drivers, xen_console = _of_boot(facts.values(), drivers, xen_console)
        xen = release(version or settings.xen or DEFAULT, flavour or settings.flavour or UPSTREAM)
        options = Options(
            release=xen,
            routes=tuple(r for r in ROUTES if r in (routes or settings.routes or ROUTES)),
            host=_host(board, folders, xen, drivers),
            overlays=tuple(read_tree_file(path, folders) for path in overlays or settings.overlays),
            bases=tuple(
                read_tree_file(path, folders, symbols=True) for path in bases or settings.bases
            ),
            partial=read_tree_file(partial, folders) if partial is not None else None,
            drivers=drivers,
            kconfig=(kconfig or frozenset(settings.kconfig)) | _kconfig(facts.values()),
            xen_console=xen_console,
            facts=facts,
            **plain,
        )
        return cls(
            paths=(),
            options=options,
            include=folders,
            select=select or settings.select,
            ignore=(*ignore, *settings.ignore),
            release_given=bool(version or settings.xen or flavour or settings.flavour),
            boards=_boards(project if board is None else None, folders, xen, drivers),
            stdin=stdin,
        )

    @property
    def documents(self) -> tuple[Document, ...]:
        """All files."""
        return tuple(dict.fromkeys(d for group in self.groups for d in group.documents))

    def read(self) -> Session:
        """Reads the files: at the start, and again after fixes were written."""
        self.groups = tuple(self._groups())
        return self

    def judging(self, folder: Folder) -> Session:
        """The session with the files of a folder that was read already, instead of its own."""
        return replace(self, groups=tuple(self._of_folder(folder)))

    def _groups(self) -> Iterator[Group]:
        yield from map(self._of_made, self.made)
        paths = {path: path != "-" and os.path.isdir(path) for path in self.paths}
        files = tuple(
            read_document(path, self.include, stdin=self.stdin)
            for path, folder in paths.items()
            if not folder
        )
        if files:
            yield from (Group(files, options) for options in self._on_boards(self.options))
        for path, is_folder in paths.items():
            if is_folder:
                from xenassign.linting.folder import read_folders

                for folder in read_folders(path, self.include):
                    yield from self._of_folder(folder)

    def _of_made(self, made: Made) -> Group:
        from xenassign.linting.folder import is_judged, without_equal_blobs

        documents = (document(name, data) for name, data in made.files.items() if is_judged(name))
        return Group(without_equal_blobs(documents), self.options._replace(host=made.host))

    def _on_boards(self, options: Options, folder: str = "") -> Iterator[Options]:
        """The options with each board; of ``generate --per-host``, with that of the folder."""
        name = PurePath(folder).name
        own = [board for board in self.boards if PurePath(board.file).stem == name]
        boards = own or self.boards
        if options.host is not None or not boards:
            yield options
        else:
            yield from (options._replace(host=board) for board in boards)

    def _of_folder(self, folder: Folder) -> Iterator[Group]:
        """The files of a folder, with its board and what its plans state."""
        facts = {**{fact.name: fact for fact in folder.facts}, **self.options.facts}
        options = self.options._replace(facts=facts)
        releases = {fact.release.name: fact.release for fact in folder.facts}
        if not self.release_given and releases:
            if len(releases) > 1:
                problem = f"the plans are for Xen {' and '.join(releases)}"
                raise UsageError(f"{folder.path}: {problem}; give one with --xen")
            options = options._replace(release=next(iter(releases.values())))
        drivers = {fact.drivers for fact in folder.facts}
        consoles = {fact.xen_console for fact in folder.facts}
        options = options._replace(
            kconfig=options.kconfig | _kconfig(folder.facts),
            drivers=options.drivers or (drivers.pop() if len(drivers) == 1 else None),
            xen_console=options.xen_console or (consoles.pop() if len(consoles) == 1 else None),
        )
        if options.host is None and not self.boards and folder.boards:
            options = options._replace(host=self._board(folder, options))
        yield from (
            Group(folder.documents, on_board) for on_board in self._on_boards(options, folder.path)
        )

    def _board(self, folder: Folder, options: Options) -> Tree | None:
        trees = [board.tree for board in folder.boards if board.tree is not None]
        if len(trees) > 1:
            names = " and ".join(tree.file for tree in trees)
            raise UsageError(f"{names} are boards' trees; give the one that Xen gets as --host")
        return usable_host(trees[0], options.release, options.drivers) if trees else None

    def report(self) -> Report:
        """The report, in which the findings that are not selected are hidden."""
        report = merged([lint(group.documents, group.options) for group in self.groups])
        shown, hidden = selected(report.findings, self.select, self.ignore)
        return replace(report, findings=shown, hidden=hidden)

    def fix(self, write: bool) -> str:
        """The diff of all fixes; with ``write`` the files are changed, all or none.

        Raises UsageError if standard input would be written.
        """
        from xenassign.linting import fixes

        old = {file.file: file.text for file in self.documents if file.text is not None}
        fixed = self.fixed()
        new = {file.file: file.text for file in fixed.documents if file.text is not None}
        changed = [file for file in old if new[file] != old[file]]
        if write and "-" in self.paths and (self.stdin or STDIN) in changed:
            raise UsageError("standard input cannot be fixed; give a file, or --diff")
        if write and changed:
            from xenassign.files import replace_files

            replace_files({Path(file): encode(new[file]) for file in changed})
            self.read()
        return "".join(fixes.diff(file, old[file], new[file]) for file in changed)

    def fixed(self) -> Session:
        """The session with the fixes in its documents, again and again until there are no more."""
        from xenassign.formats.xlcfg_edit import apply
        from xenassign.linting import fixes

        session = self
        for _ in range(_MOST_PASSES):
            report = session.report()
            corrections = fixes.fixes_of(session.documents, report.findings, report.unsafe_fixes)
            new = {
                file: document(file.file, encode(apply(file.text or "", edits)), self.include)
                for file in session.documents
                if (edits := corrections.edits(file))
            }
            if not new:
                break
            groups = tuple(
                group._replace(documents=tuple(new.get(file, file) for file in group.documents))
                for group in session.groups
            )
            session = replace(session, groups=groups)
        return session
