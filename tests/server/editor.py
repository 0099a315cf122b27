"""An editor for tests: it speaks with the server through the client of pytest-lsp."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest_lsp
from lsprotocol import types as lsp

#: Seconds for an answer; it takes less than one, except on a machine with much other work.
PATIENCE = 60

COMMAND = [sys.executable, "-m", "xenassign", "server"]


class Editor:
    """The texts that are open, by path."""

    def __init__(self, client: pytest_lsp.LanguageClient) -> None:
        self.client = client
        self._texts: dict[Path, str] = {}
        self._versions = itertools.count(1)

    async def open(self, path: Path, text: str | None = None) -> list[lsp.Diagnostic]:
        """Opens a file, and returns what is underlined in it."""
        self._texts[path] = text if text is not None else path.read_bytes().decode()
        self.forget(path)
        item = lsp.TextDocumentItem(path.as_uri(), "text", next(self._versions), self._texts[path])
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        return await self.shown(path)

    async def edit(self, path: Path, text: str, shows: Path | None = None) -> list[lsp.Diagnostic]:
        """Replaces a text; returns what is then underlined in it, or in another file."""
        self._texts[path] = text
        self.forget(path, shows or path)
        document = lsp.VersionedTextDocumentIdentifier(next(self._versions), path.as_uri())
        changes = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, changes))
        await self.shown(path)
        return await self.shown(shows or path)

    def forget(self, *paths: Path) -> None:
        """Forgets what was underlined in files, before something that changes it."""
        for path in paths:
            self.client.diagnostics.pop(path.as_uri(), None)

    async def shown(self, path: Path) -> list[lsp.Diagnostic]:
        """What the server says of a file after ``forget``."""
        end = time.monotonic() + PATIENCE
        while (shown := self.client.diagnostics.get(path.as_uri())) is None:
            assert time.monotonic() < end, f"{path}: no answer within {PATIENCE} s"
            await asyncio.sleep(0.005)
        return list(shown)

    async def close(self) -> None:
        """Closes all files."""
        for path in self._texts:
            self.close_file(path)
        end = time.monotonic() + PATIENCE
        while any(self.client.diagnostics.get(path.as_uri(), "?") for path in self._texts):
            assert time.monotonic() < end
            await asyncio.sleep(0.005)
        self._texts.clear()

    def close_file(self, path: Path) -> None:
        """Closes a file."""
        self.forget(path)
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(self.document(path)))

    def changed_on_disk(self, path: Path) -> None:
        """Says that a file changed on disk."""
        self.forget(*self._texts)
        event = lsp.FileEvent(path.as_uri(), lsp.FileChangeType.Changed)
        params = lsp.DidChangeWatchedFilesParams([event])
        self.client.workspace_did_change_watched_files(params)

    def document(self, path: Path) -> lsp.TextDocumentIdentifier:
        """How the protocol names a file."""
        return lsp.TextDocumentIdentifier(path.as_uri())

    def text(self, path: Path, at: lsp.Range) -> str:
        """The characters of a range."""
        text = self._texts[path]
        return text[_offset(text, at.start) : _offset(text, at.end)]

    def position(self, path: Path, before: str, after: str = "") -> lsp.Position:
        """The position between two texts, which are in the file once."""
        text = self._texts[path]
        assert text.count(before + after) == 1, before + after
        offset = text.index(before + after) + len(before)
        line = text.count("\n", 0, offset)
        units = text[text.rfind("\n", 0, offset) + 1 : offset].encode("utf-16-le")
        return lsp.Position(line, len(units) // 2)

    async def actions(self, path: Path, diagnostic: lsp.Diagnostic) -> list[lsp.CodeAction]:
        """The actions for a diagnostic."""
        context = lsp.CodeActionContext([diagnostic], only=[lsp.CodeActionKind.QuickFix])
        return await self.asked_actions(path, diagnostic.range, context)

    async def asked_actions(
        self, path: Path, at: lsp.Range, context: lsp.CodeActionContext
    ) -> list[lsp.CodeAction]:
        """The actions for a range."""
        params = lsp.CodeActionParams(self.document(path), at, context)
        answer = await self.client.text_document_code_action_async(params)
        return [action for action in answer or [] if isinstance(action, lsp.CodeAction)]

    def applied(self, path: Path, edit: lsp.WorkspaceEdit | None) -> str:
        """The text of a file after an edit of the workspace, as pygls applies it."""
        assert edit is not None
        assert edit.changes is not None
        text = self._texts[path]
        for change in sorted(edit.changes[path.as_uri()], key=_start, reverse=True):
            start, end = (_offset(text, at) for at in (change.range.start, change.range.end))
            text = text[:start] + change.new_text + text[end:]
        return text

    async def configure(self, **settings: Any) -> None:
        """Sends the settings of the editor."""
        self.forget(*self._texts)
        params = lsp.DidChangeConfigurationParams({"xenassign": settings})
        self.client.workspace_did_change_configuration(params)


def _offset(text: str, at: lsp.Position) -> int:
    """The offset of a position: lines as editors count them, UTF-16."""
    starts = [0, *(end.end() for end in re.finditer(r"\r\n|\r|\n", text))]
    before = text[starts[at.line] :].encode("utf-16-le")[: 2 * at.character]
    return starts[at.line] + len(before.decode("utf-16-le"))


def _start(edit: lsp.TextEdit) -> tuple[int, int]:
    return edit.range.start.line, edit.range.start.character


def codes(diagnostics: list[lsp.Diagnostic]) -> list[str]:
    """The codes of what is underlined, sorted."""
    return sorted(str(diagnostic.code) for diagnostic in diagnostics)


def by_code(diagnostics: list[lsp.Diagnostic], code: str) -> lsp.Diagnostic:
    """The only diagnostic with a code."""
    (diagnostic,) = (d for d in diagnostics if d.code == code)
    return diagnostic
