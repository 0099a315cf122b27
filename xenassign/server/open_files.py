"""The texts that are open in the editor, and what the lint says of them.

What was read stays until it changes on disk or in the editor: the host's tree, settings, the other
files of a domain. So an edit reads one file again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from xenassign.devicetree.tree import Tree
from xenassign.errors import InputError, NothingToJudgeError, XenassignError
from xenassign.linting import linter
from xenassign.linting.composition import (
    is_of_another_program,
    needs_base,
    with_host_overlays,
)
from xenassign.linting.documents import (
    ConfigFile,
    Document,
    TreeFile,
    read_document,
    read_tree_file,
)
from xenassign.linting.folder import DomainFacts, Folder, facts_in
from xenassign.linting.lint_report import Report
from xenassign.linting.pairing import domain_name
from xenassign.linting.session import Session
from xenassign.linting.settings import Settings, read_settings
from xenassign.linting.verdict.context import Context
from xenassign.outputs.made import project_of
from xenassign.reading import lines_of, unsaved
from xenassign.server.domain_files import (
    PROJECT,
    files_of_domain,
    files_of_others,
    kind_of_file,
    project_above,
)
from xenassign.server.project_check import ProjectCheck, check_project
from xenassign.server.remembered import Remembered

_Result = TypeVar("_Result")


class DomainReport(NamedTuple):
    """The report about the files of a domain, and the session that it is of."""

    session: Session
    report: Report


class Analysis(NamedTuple):
    """What is said of an open file.

    ``errors``: lines that say why there is no judgement. ``used``: the real paths of all files that
    it depends on.
    """

    path: str
    text: str
    kind: str | None = None
    judgement: DomainReport | None = None
    project: ProjectCheck | None = None
    errors: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()

    @property
    def document(self) -> Document | None:
        """The file as it was judged."""
        documents = self.judgement.report.documents if self.judgement is not None else ()
        return next((document for document in documents if document.file == self.path), None)


class OpenFiles:
    """The open texts by real path, and the settings for files without a xenassign.toml."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.settings = Settings()
        self._bytes: dict[str, bytes] = {}
        self._remembered = Remembered(self.texts)
        self._contexts: dict[str | None, Context] = {}

    def __len__(self) -> int:
        """How many results are kept."""
        return len(self._remembered)

    def set_text(self, path: str, text: str) -> None:
        """Opens a file, or changes its text."""
        self.texts[path] = text
        self._bytes[path] = text.encode("utf-8", "replace")

    def close(self, path: str) -> None:
        """What is on disk counts again."""
        del self.texts[path], self._bytes[path]

    def analysis(self, path: str) -> Analysis:
        """What is said of an open file now."""
        text = self.texts[path]
        kind = kind_of_file(path, text)
        empty = Analysis(path, text, kind, used=frozenset({path}))
        if kind is None:
            return empty
        self._remembered.used = {path}
        try:
            if kind == PROJECT:
                project = self.remember((PROJECT, path), lambda: check_project(path))
                result = empty._replace(project=project)
            else:
                result = empty._replace(judgement=self._judged(path))
        except NothingToJudgeError:
            result = empty
        except XenassignError as error:
            result = empty._replace(errors=error.lines)
        return result._replace(used=frozenset(self._remembered.used))

    def text_of(self, path: str) -> str:
        """The text of a file: as it is open, else as it is on disk; empty if it cannot be read."""
        text = self.texts.get(path)
        if text is not None:
            return text
        return self.remember(("text", path), lambda: "\n".join(lines_of(path)))

    def remember(self, key: Hashable, make: Callable[[], _Result]) -> _Result:
        """What ``make`` returns, which reads the texts as they are open; kept until one changes."""
        with unsaved(self._bytes):
            return self._remembered.get(key, make)

    def context(self, path: str) -> Context | None:
        """The host and the release for a file, as the lint has them.

        The last ones that could be read, while the text that states them is being changed; None if
        there are none.
        """

        def make() -> Context:
            session = self._session(path)
            options = session.options
            if options.host is None and session.boards:
                options = options._replace(host=session.boards[0])
            host = with_host_overlays(options.overlays, options.host)
            return linter.context(options, options.overlays, host)

        config = project_above(path)
        with suppress(XenassignError):  # it is a diagnostic
            key = ("context", config, self.settings)
            self._contexts[config] = self.remember(key, make)
        return self._contexts.get(config)

    def _session(self, path: str) -> Session:
        """The session in which a file is judged, without files and bases. Raises XenassignError."""
        config = project_above(path)

        def on_board() -> Session:
            settings = self._settings(config)._replace(overlays=(), bases=())
            project = project_of(config) if config is not None else None
            return Session.without_files(settings=settings, project=project)

        def make() -> Session:
            session = self.remember(("board", config, self.settings), on_board)
            overlays = self._trees("overlay", self._settings(config).overlays, session)
            return replace(session, options=session.options._replace(overlays=overlays))

        return self.remember(("session", config, self.settings), make)

    def _trees(
        self, role: str, files: Iterable[str], session: Session, symbols: bool = False
    ) -> tuple[TreeFile, ...]:
        """The trees of files that settings name, each read again when it changes itself."""
        include = session.include
        return tuple(
            self.remember((role, file, include), partial(read_tree_file, file, include, symbols))
            for file in files
        )

    def _settings(self, config: str | None) -> Settings:
        if config is None:
            return self.settings
        return self.remember(("settings", config), lambda: read_settings(Path(config)))

    def _judged(self, path: str) -> DomainReport:
        session = self._session(path)
        applied = {os.path.realpath(overlay.file) for overlay in session.options.overlays}
        files = files_of_domain(path, self.texts, lambda file: self._device_tree(file, session))
        judged = tuple(file for file in files if file == path or file not in applied)
        project = project_above(path)
        boards = {os.path.realpath(board.file) for board in boards_of(session)}
        beside: tuple[str, ...] = ()
        if boards and project is not None:
            others = files_of_others(files, self.texts, project)
            beside = tuple(file for file in others if os.path.realpath(file) not in boards)
        overlay = path if path.endswith(".dtso") else None
        key = ("judgement", judged, overlay, beside, project, self.settings)
        return self.remember(key, lambda: self._judgement(judged, beside, path))

    def _judgement(
        self, files: tuple[str, ...], beside: tuple[str, ...], path: str
    ) -> DomainReport:
        session = self._session(path)
        documents = [self._document(file, session.include) for file in files]
        of_guests = [document for document in documents if _is_of_guest(document)]
        if not of_guests:
            raise NothingToJudgeError(f"{files[0]}: nothing here to judge")
        judged, bases = self._composed(of_guests, path, session)
        of_base = {os.path.realpath(base.file) for base in bases}
        others = self._of_others((file for file in beside if file not in of_base), session)
        options = session.options._replace(beside=tuple(others), bases=bases)
        folder = Folder(os.path.dirname(files[0]), judged, (), self._facts(files))
        judging = replace(session, options=options).judging(folder)
        return DomainReport(judging, judging.report())

    def _composed(
        self, documents: list[Document], path: str, session: Session
    ) -> tuple[tuple[Document, ...], tuple[TreeFile, ...]]:
        """(documents to judge, the base of an overlay among them).

        An overlay of a partial device tree is judged with its base while it is edited itself; else
        the base is judged without it.
        """
        given = bool(self._settings(project_above(path)).bases)
        overlays = [d for d in documents if needs_base(d, session.options.host, given)]
        left_out = {overlay.file for overlay in overlays} - {path}
        bases: tuple[TreeFile, ...] = ()
        if len(left_out) < len(overlays):
            bases = self._base(path, documents, session)
            left_out |= {os.path.realpath(base.file) for base in bases}
        return tuple(d for d in documents if d.file not in left_out), bases

    def _base(
        self, overlay: str, documents: Iterable[Document], session: Session
    ) -> tuple[TreeFile, ...]:
        """The base of an overlay of a partial device tree, with the overlays that come before it.

        That is ``base`` of the settings, else the partial tree of its domain. Raises InputError if
        there is none.
        """
        files = list(self._settings(project_above(overlay)).bases) or [
            document.file
            for document in documents
            if isinstance(document, TreeFile) and not document.overlay and not document.has_domains
        ]
        if not files:
            base = f"{os.path.splitext(os.path.basename(overlay))[0]}.dts"
            raise InputError(
                f"{overlay}: it is an overlay of a partial device tree, whose base is not known;"
                f" call the base {base}, or set base in the section [lint] of xenassign.toml"
            )
        return self._trees("base", files, session, symbols=True)

    def _of_others(self, files: Iterable[str], session: Session) -> Iterator[Document]:
        """The files of other domains; one that cannot be read has its own diagnostic."""
        for file in files:
            with suppress(XenassignError):
                document = self._document(file, session.include)
                if _is_of_guest(document):
                    yield document

    def _document(self, path: str, include: tuple[str, ...]) -> Document:
        return self.remember(("document", path, include), lambda: read_document(path, include))

    def _device_tree(self, path: str, session: Session) -> str | None:
        try:
            document = self._document(path, session.include)
        except XenassignError:  # it is not a configuration
            return None
        return document.device_tree if isinstance(document, ConfigFile) else None

    def _facts(self, files: tuple[str, ...]) -> tuple[DomainFacts, ...]:
        """What the plans beside the files state."""
        plans = {f"{os.path.dirname(file)}/{domain_name(file)}.json" for file in files}
        facts = [
            self.remember(("facts", plan), partial(facts_in, Path(plan)))
            for plan in sorted(plans)
            if os.path.isfile(plan)
        ]
        return tuple(fact for fact in facts if fact is not None)


def boards_of(session: Session) -> tuple[Tree, ...]:
    """The boards on which files are judged."""
    return (session.options.host,) if session.options.host is not None else session.boards


def _is_of_guest(document: Document) -> bool:
    is_board = isinstance(document, TreeFile) and document.is_board
    return not is_board and not is_of_another_program(document)
