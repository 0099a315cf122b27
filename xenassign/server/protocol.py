"""The protocol: what an editor sends, and what it gets. Nothing else imports pygls."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcServerNotInitialized
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from xenassign import __version__, escape
from xenassign.devicetree.places import Place
from xenassign.errors import XenassignError
from xenassign.findings import Finding
from xenassign.process import ENDINGS
from xenassign.server import actions, answers, diagnostics
from xenassign.server.host_source import HostSources
from xenassign.server.links import links
from xenassign.server.open_files import Analysis, OpenFiles
from xenassign.server.positions import TextPositions
from xenassign.server.proposals import Proposal
from xenassign.server.related import related
from xenassign.server.settings_of_editor import editor_settings

#: Seconds without a change after which a text is judged.
_PAUSE = 0.15
_WATCHED = "**/{xenassign.toml,*.dts,*.dtsi,*.dtso,*.dtb,*.dtbo,*.cfg}"

_Answer = TypeVar("_Answer")


class Service:
    """What the server does for one editor."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.files = OpenFiles()
        self.hosts = HostSources(self.files)
        self._uris: dict[str, str] = {}
        self._used: dict[str, frozenset[str]] = {}
        self._changed: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ files

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        """An editor opened a file."""
        path = _path_of(params.text_document.uri)
        if path is not None:
            self._set_text(path, params.text_document.uri, params.text_document.text)
            self.judge_all()  # another domain of theirs may be open now

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        """A text was edited; the editor sends it whole."""
        path = _path_of(params.text_document.uri)
        if path in self._uris:
            document = self.server.workspace.get_text_document(params.text_document.uri)
            self._set_text(path, params.text_document.uri, document.source)
            self._judge_later({path})

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """A file was closed: nothing is said of it any more, if it is not open by another name."""
        path = _path_of(params.text_document.uri)
        if path is None or path not in self._uris:
            return
        for document in self.server.workspace.text_documents.values():
            if _path_of(document.uri) == path:
                self._set_text(path, document.uri, document.source)
                break
        else:
            self._publish(self._uris.pop(path), [])
            self.files.close(path)
            self._used.pop(path, None)
        self.judge_all()

    def _set_text(self, path: str, uri: str, text: str) -> None:
        """The text of a file under its URI. A link has another: the last text counts, once."""
        old, self._uris[path] = self._uris.get(path, uri), uri
        if old != uri:
            self._publish(old, [])
        self.files.set_text(path, text)

    def judge_all(self, _: object = None) -> None:
        """Everything that is open is judged again: what is on disk or open changed."""
        self._judge_later(set(self._uris))

    def initialized(self, params: lsp.InitializeParams) -> None:
        """An editor began; it may send its settings at once."""
        if params.initialization_options:
            self.configure(params.initialization_options)

    def configured(self, params: lsp.DidChangeConfigurationParams) -> None:
        """The settings of the editor changed."""
        settings = params.settings
        if isinstance(settings, dict):
            settings = settings.get(diagnostics.SOURCE, settings)
        self.configure(settings)

    def configure(self, settings: Any) -> None:
        """Takes the settings of the editor: the keys of [lint], and file names below the root."""
        workspace = self.server.workspace
        roots = [workspace.root_path, *(to_fs_path(uri) for uri in workspace.folders)]
        root = next(filter(None, roots), os.getcwd())
        try:
            self.files.settings = editor_settings(settings, root)
        except XenassignError as error:
            for line in error.lines:
                self.server.window_show_message(
                    lsp.ShowMessageParams(lsp.MessageType.Error, escape.terminal(line))
                )
        self.judge_all()

    # ------------------------------------------------------------------ judging

    def _judge_later(self, paths: set[str]) -> None:
        self._changed |= paths
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._judge)

    def _judge(self) -> None:
        """Judges what was changed, after what depends on it."""
        changed, self._changed = self._changed, set()
        for path in sorted(self._uris, key=lambda path: (path in changed, path)):
            if changed & ({path} | self._used.get(path, frozenset())):
                self.guarded(partial(self._show, path), None)

    def _show(self, path: str) -> None:
        analysis = self.analysis(path)
        self._publish(self._uris[path], self.diagnostics(analysis))

    def _publish(self, uri: str, shown: list[lsp.Diagnostic]) -> None:
        self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, shown))

    def analysis(self, path: str) -> Analysis:
        """What is said of an open file as it is now."""
        analysis = self.files.analysis(path)
        self._used[path] = analysis.used
        return analysis

    def diagnostics(self, analysis: Analysis) -> list[lsp.Diagnostic]:
        """Everything that is said of an open file, with the places elsewhere that it is about."""
        return diagnostics.diagnostics(
            analysis,
            self.lines(analysis.text),
            self._location,
            lambda finding: related(finding, analysis, self.host_place(analysis)),
        )

    def host_place(self, analysis: Analysis) -> Callable[[str], Place | None]:
        """Where the host's nodes are written."""
        if analysis.judgement is None:
            return lambda _: None
        session = analysis.judgement.session
        return lambda path: self.hosts.place(session, path)

    # ------------------------------------------------------------------ places

    def lines(self, text: str) -> TextPositions:
        """The lines of a text in the encoding of the editor."""
        return _positions(text, self.server.workspace.position_encoding)

    def uri(self, path: str) -> str:
        """The URI of a file, as the editor calls it."""
        return self._uris.get(path) or diagnostics.uri_of(path)

    def _location(self, place: Place) -> lsp.Location:
        path = os.path.realpath(place.file)
        lines = self.lines(self.files.text_of(path))
        return lsp.Location(self.uri(path), lines.range(place))

    # ------------------------------------------------------------------ requests

    def code_actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """The fixes and waivers of what is underlined in a range."""
        analysis = self._asked(params.text_document.uri)
        if analysis is None:
            return []
        only = params.context.only or [lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]
        result: list[lsp.CodeAction] = []
        if any(lsp.CodeActionKind.QuickFix.value.startswith(kind) for kind in only):
            lines = self.lines(analysis.text)
            shown = [
                (finding, diagnostic)
                for finding in diagnostics.findings_of(analysis)
                if _meet((diagnostic := self._diagnostic(finding, analysis, lines)).range, params)
            ]
            result += actions.finding_actions(analysis, shown, self.uri, self.lines)
        if any(lsp.CodeActionKind.SourceFixAll.value.startswith(kind) for kind in only):
            every = actions.fix_all(analysis, self.uri, self.lines)
            result += [every] if every is not None else []
        return result

    def _diagnostic(
        self, finding: Finding, analysis: Analysis, lines: TextPositions
    ) -> lsp.Diagnostic:
        at = diagnostics.range_of(finding, analysis, lines)
        return diagnostics.of_finding(finding, at, [])

    def document_links(self, params: lsp.DocumentLinkParams) -> list[lsp.DocumentLink]:
        """The files that a text names, and the host's nodes."""
        analysis = self._asked(params.text_document.uri)
        if analysis is None:
            return []
        lines = self.lines(analysis.text)
        return [
            lsp.DocumentLink(lines.span(start, end), f"{self.uri(place.file)}{_line(place)}")
            for start, end, place in links(analysis, lines, self.host_place(analysis))
        ]

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """What is known of the word at a position."""
        analysis = self._asked(params.text_document.uri)
        if analysis is None:
            return None
        lines = self.lines(analysis.text)
        at = lines.offset(params.position)
        shown = answers.hover(self.files, analysis, lines.place(analysis.path, at, at), at)
        if shown is None:
            return None
        text = lsp.MarkupContent(lsp.MarkupKind.Markdown, shown.text)
        return lsp.Hover(text, lines.range(shown.place))

    def completion(self, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        """What can be written at a position."""
        path = _path_of(params.text_document.uri)
        if path is None or path not in self._uris:
            return []
        lines = self.lines(self.files.texts[path])
        at = lines.offset(params.position)
        proposals = answers.proposals(self.files, path, at)
        return [_item(number, each, lines, at) for number, each in enumerate(proposals)]

    def _asked(self, uri: str) -> Analysis | None:
        path = _path_of(uri)
        return self.analysis(path) if path in self._uris else None

    def guarded(self, action: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
        """What an action returns; an error of xenassign itself is a line in the editor's log."""
        try:
            return action()
        except Exception as error:
            if os.environ.get("XENASSIGN_DEBUG"):
                raise
            line = f"internal error, {type(error).__name__}: {error}; please report it"
            line = escape.terminal(line)
            self.server.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, line))
            return otherwise


@lru_cache(maxsize=8)  # a finding each may be at a place of one large file
def _positions(text: str, encoding: lsp.PositionEncodingKind | str) -> TextPositions:
    return TextPositions(text, encoding)


def _path_of(uri: str) -> str | None:
    """The real path of a file; None for a text that is none."""
    try:
        path = to_fs_path(uri) if uri.startswith("file:") else None
        return os.path.realpath(path) if path and "\0" not in path else None
    except ValueError:  # no URI, or no name that a file can have
        return None


_KINDS = {
    "property": lsp.CompletionItemKind.Property,
    "value": lsp.CompletionItemKind.EnumMember,
    "device": lsp.CompletionItemKind.Reference,
    "rule": lsp.CompletionItemKind.Constant,
}


def _item(number: int, proposal: Proposal, lines: TextPositions, at: int) -> lsp.CompletionItem:
    text = proposal.text or proposal.label
    edit = lsp.TextEdit(lines.span(at - proposal.start, at), text) if proposal.start else None
    return lsp.CompletionItem(
        escape.terminal(proposal.label),
        kind=_KINDS[proposal.kind],
        detail=escape.terminal(proposal.about) or None,
        sort_text=f"{number:05}",
        insert_text=None if edit is not None else text,
        text_edit=edit,
        filter_text=proposal.label,
    )


def _line(place: Place) -> str:
    return f"#L{place.line}" if place.line > 1 else ""


def _meet(at: lsp.Range, params: lsp.CodeActionParams) -> bool:
    """Whether a range and that of a request have something in common."""

    def key(position: lsp.Position) -> tuple[int, int]:
        return position.line, position.character

    asked = params.range
    return key(at.start) <= key(asked.end) and key(asked.start) <= key(at.end)


def make_server() -> LanguageServer:
    """The server with all of its features."""
    server = LanguageServer(
        diagnostics.SOURCE, __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
    )
    service = Service(server)

    @server.feature(lsp.INITIALIZED)
    def initialized(_: lsp.InitializedParams) -> None:
        _watch(server)

    def feature(name: str, answer: Callable[[Any], Any], options: Any = None) -> None:
        @server.feature(name, options)
        def answered(params: Any) -> Any:
            if server.protocol._workspace is None:  # `workspace` raises an error without a code
                raise JsonRpcServerNotInitialized()
            return service.guarded(partial(answer, params), None)

    feature(lsp.INITIALIZE, service.initialized)
    feature(lsp.TEXT_DOCUMENT_DID_OPEN, service.opened)
    feature(lsp.TEXT_DOCUMENT_DID_CHANGE, service.changed)
    feature(lsp.TEXT_DOCUMENT_DID_CLOSE, service.closed)
    feature(lsp.TEXT_DOCUMENT_DID_SAVE, service.judge_all)
    feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, service.judge_all)
    feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, service.configured)
    kinds = lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll])
    feature(lsp.TEXT_DOCUMENT_CODE_ACTION, service.code_actions, kinds)
    feature(lsp.TEXT_DOCUMENT_DOCUMENT_LINK, service.document_links)
    feature(lsp.TEXT_DOCUMENT_HOVER, service.hover)
    typed = lsp.CompletionOptions(trigger_characters=['"', "/", ","])
    feature(lsp.TEXT_DOCUMENT_COMPLETION, service.completion, typed)
    return server


def _watch(server: LanguageServer) -> None:
    """Asks the editor to say when a file changes on disk, if it can."""
    workspace = server.client_capabilities.workspace
    watched = workspace.did_change_watched_files if workspace is not None else None
    if watched is None or not watched.dynamic_registration:
        return
    options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(_WATCHED)])
    method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
    registration = lsp.Registration("xenassign-files", method, options)
    server.client_register_capability(lsp.RegistrationParams([registration]))


def serve() -> None:
    """Serves an editor on standard input and output, until it says that it ends."""
    for number in ENDINGS:  # nothing is written that would have to be undone
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    gc.enable()  # the command line turns it off, since it ends soon
    for name in ("pygls", "asyncio"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")  # the server closes it
    make_server().start_io(sys.stdin.buffer, output)
