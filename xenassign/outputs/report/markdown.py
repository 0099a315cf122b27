"""The answer and the matrix of the report as Markdown, for a merge request or a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign import escape
from xenassign.outputs.hosts import Built
from xenassign.outputs.report.matrix import matrix, summary
from xenassign.outputs.report.page.answer import Answer, answer
from xenassign.outputs.report.who_has_what import Ownership, ownership
from xenassign.system.host_plan import HostPlan


def render(built: Built) -> str:
    """The Markdown of a plan, a part for each board."""
    lines: list[str] = []
    for host in built.plan.hosts:
        lines += _board(host, built)
    return "\n".join(lines).rstrip() + "\n"


def _board(host: HostPlan, built: Built) -> Iterator[str]:
    model = host.request.platform.model or host.name
    yield f"# {_text(model)}, Xen {built.plan.xen}"
    yield ""
    if host.system is None or not host.system.domains:
        error = host.request.error
        yield from (f"- {_text(line)}" for line in (error.lines if error is not None else ()))
        return
    owned = ownership(host.system)
    result = answer(host.system, owned, built, host.request.tree.file)
    yield f"**{_text(result.headline)}**"
    yield ""
    yield from (f"- {_text(line)}" for line in result.points)
    yield from _devices(result)
    yield from _matrix(owned)
    yield from _findings(result)


def _devices(result: Answer) -> Iterator[str]:
    yield from ("", "## What goes to whom", "")
    rows = [
        (card.name, device.path, device.pages, device.intids, device.protection)
        for card in result.cards
        for device in card.devices
    ]
    yield from _table(("domain", "device", "pages", "INTIDs", "DMA"), rows)


def _matrix(owned: Ownership) -> Iterator[str]:
    yield from ("", "## Who has what", "")
    heads, *rows = matrix(owned)
    yield from _table(("owner", *heads[1:]), rows)
    yield ""
    yield from (_text(line) for line in summary(owned))


def _findings(result: Answer) -> Iterator[str]:
    if result.findings:
        yield from ("", "## Findings", "")
        rows = [(f.severity, f.code, f.domain, f"{f.message}; {f.fix}") for f in result.findings]
        yield from _table(("severity", "rule", "domain", "finding"), rows)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    head, *cells = (f"| {' | '.join(map(_text, row))} |" for row in (heads, *rows))
    yield from (head, "| --- " * len(heads) + "|", *cells)


def _text(text: str) -> str:
    return escape.markdown_text(text)
