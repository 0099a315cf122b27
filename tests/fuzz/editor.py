"""An editor's session with the language server: texts that are opened, and questions about them.

What the server says is printed, as a command line's output is, without the edits: they are the
text of the user.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def session() -> None:
    """The session of standard input: ``open`` has texts by name, ``at`` pairs of numbers."""
    from lsprotocol import types as lsp

    from xenassign.server.protocol import Service

    asked = json.load(sys.stdin)
    texts = {Path(name).absolute().as_uri(): text for name, text in asked["open"].items()}
    service = Service(_server(texts))  # type: ignore[arg-type]
    vars(service)["_judge_later"] = service._changed.update  # without waiting for a pause
    for uri, text in texts.items():
        service.opened(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "text", 1, text)))
    service._judge()
    for uri in texts:
        document = lsp.TextDocumentIdentifier(uri)
        for link in service.document_links(lsp.DocumentLinkParams(document)):
            print(link.target)
        for line, character in asked["at"]:
            at = lsp.Position(line, character)
            hover = service.hover(lsp.HoverParams(document, at))
            if hover is not None and isinstance(hover.contents, lsp.MarkupContent):
                print(hover.contents.value)
            for item in service.completion(lsp.CompletionParams(document, at)):
                _say(item.label, item.detail)
        above = lsp.Range(lsp.Position(0, 0), lsp.Position(*asked["at"][-1]))
        context = lsp.CodeActionContext([])
        for action in service.code_actions(lsp.CodeActionParams(document, above, context)):
            _say(action.title)
    first = next(iter(texts))
    del service.server.workspace.text_documents[first]  # as pygls does before
    service.closed(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(first)))
    service._judge()


def _server(texts: dict[str, str]) -> SimpleNamespace:
    """What a service needs of pygls."""

    def shown(params: Any) -> None:
        for diagnostic in params.diagnostics:
            others = diagnostic.related_information or []
            _say(diagnostic.message, *(other.message for other in others))

    documents = {uri: SimpleNamespace(uri=uri, source=text) for uri, text in texts.items()}
    workspace = SimpleNamespace(
        position_encoding="utf-16",
        root_path=None,
        text_documents=documents,
        get_text_document=documents.__getitem__,
    )
    return SimpleNamespace(workspace=workspace, text_document_publish_diagnostics=shown)


def _say(*texts: str | None) -> None:
    for text in texts:
        if text is not None:
            print(f"- {text}")
