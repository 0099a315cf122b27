"""The guest's address space as a column for a terminal: a line for each part, breaks as breaks.

Whatever the guest does not use between two parts is one break, however large it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import Any, NamedTuple, TextIO

import click

from xenassign import escape
from xenassign.devicetree.spans import Span, layers
from xenassign.outputs.report.address_map import memory_lines, size_text
from xenassign.outputs.report.page.columns import fit, short_size
from xenassign.outputs.report.terminal import WIDTH, coloured, is_terminal, width
from xenassign.planning.address_map import Row, rows
from xenassign.planning.plan import DomainPlan

LEAST, MOST = 60, 200
"""The columns of a terminal that a drawing is made for; a narrower one gets the least."""

_GAP = 2
_NOT_USED = frozenset({"hole", "optional"})
_MOST_LINES = 4  #: of a part
_GROWS_FROM = 29  #: the logarithm of the size from which a part is higher, a line for each 8 times


class Signs(NamedTuple):
    """What a column is drawn with: its sides and edges, the fill of each kind, an arrow.

    ``cut``: what is left out of a name.
    """

    side: str
    broken: str
    ram: str
    window: str
    block: str
    above: str
    below: str
    arrow: str
    cut: str


UNICODE = Signs("│", "≈", "▒", "░", "█", "┌─┐", "└─┘", "←", "…")
ASCII = Signs("|", "~", "=", ":", "#", "+-+", "+-+", "<-", "~")

_STYLES: dict[str, dict[str, Any]] = {"block": {"bold": True}, "break": {"dim": True}}


class Stretch(NamedTuple):
    """A part of the column. ``kind``: ``ram``, ``window``, ``block`` or ``break``.

    ``host``: the first page of a block on the host; ``how``: what chose its place in the guest.
    """

    span: Span
    kind: str
    name: str
    host: int | None = None
    how: str = ""

    @property
    def height(self) -> int:
        """How many lines it has: more if it is large, unless it is a break."""
        if self.kind == "break":
            return 1
        more = (log2(self.span.size) - _GROWS_FROM) / 3 if self.span.size else 0.0
        return min(_MOST_LINES, max(1, 1 + int(more)))


def show(plan: DomainPlan, stream: TextIO, ascii_only: bool) -> None:
    """Prints the column, then the memory. ``ascii_only``: without other characters."""
    signs = ASCII if ascii_only or not _is_unicode(stream) else UNICODE
    columns = width() if is_terminal(stream) else WIDTH
    styled = coloured(stream)
    for line, kind in lines(parts(plan), columns, signs):
        style = _STYLES.get(kind) if styled else None
        stream.write(f"{click.style(line, **style) if style else line}\n")
    stream.write("\n")
    for text in memory_lines(plan):
        stream.write(f"{escape.terminal(text)}\n")


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def parts(plan: DomainPlan) -> list[Stretch]:
    """The address space from 0 on, without overlaps."""
    groups: list[tuple[Span, list[Row]]] = []
    for piece in layers(rows(plan)):
        row = piece.inmost
        if row is None:
            continue
        last = groups[-1][1][-1] if groups else None
        if last is not None and (row == last or {row.kind, last.kind} <= _NOT_USED):
            span, of_part = groups[-1]
            groups[-1] = (Span(span.start, piece.span.end), [*of_part, row])
        else:
            groups.append((piece.span, [row]))
    return [_part(span, of_part) for span, of_part in groups]


def _part(span: Span, of_part: list[Row]) -> Stretch:
    row = of_part[0]
    if row.kind in _NOT_USED:
        names = dict.fromkeys(r.name.partition(",")[0] for r in of_part if r.kind == "optional")
        return Stretch(span, "break", f"not used: {', '.join(names)}" if names else "free")
    if row.block is None:
        return Stretch(span, row.kind, row.name)
    kind = "window " if row.block.window else "#"
    offset = span.start - row.span.start
    host, name = row.block.host + offset, f"{row.name} {kind}{row.block.index}"
    return Stretch(span, row.kind, name, host, row.block.how)


def lines(drawn: list[Stretch], columns: int, signs: Signs) -> Iterator[tuple[str, str]]:
    """(line, kind of the part) of the column, for a terminal with so many columns."""
    columns = min(max(columns, LEAST), MOST)
    ends = [f"{address:#x}" for part in drawn for address in part.span]
    gutter = max(map(len, ends), default=0)
    inside = max(4, columns // 10)
    of_sizes = max((len(_size(part)) for part in drawn), default=0)
    room = columns - gutter - inside - 2 - of_sizes - 3 * _GAP
    shown = [(escape.terminal(part.name), _source(part, signs)) for part in drawn]
    beside = max((len(source) for _, source in shown), default=0)
    beside = beside if room - beside - _GAP >= _longest(drawn) else 0  # else below the name
    of_names = min(
        max((len(name) for name, _ in shown), default=0), room - (beside + _GAP if beside else 0)
    )
    blank = " " * (gutter + _GAP)
    yield f"{blank}{_edge(signs.above, inside)}", "edge"
    for part, (name, source) in zip(drawn, shown, strict=True):
        strip = _strip(part.kind, inside, signs)
        cut = fit(name, of_names).replace("…", signs.cut)
        text = f"{cut:{of_names}}  {_size(part):>{of_sizes}}"
        first = f"{text}  {source}" if beside else text
        yield f"{part.span.start:>#{gutter}x}  {strip}  {first}".rstrip(), part.kind
        below = [] if beside or not source else [source]
        for number in range(max(part.height - 1, len(below))):
            more = f"  {below[number]}" if number < len(below) else ""
            yield f"{blank}{strip}{more}", part.kind
    end = ends[-1] if ends else ""
    yield f"{end:>{gutter}}  {_edge(signs.below, inside)}", "edge"


def _longest(drawn: list[Stretch]) -> int:
    """The length of the longest name of a block."""
    return max((len(escape.terminal(p.name)) for p in drawn if p.kind == "block"), default=0)


def _edge(signs: str, inside: int) -> str:
    return f"{signs[0]}{signs[1] * inside}{signs[2]}"


def _size(part: Stretch) -> str:
    exact = size_text(part.span.size)
    return exact if len(exact) <= len("1023 KiB") else short_size(part.span.size)


def _strip(kind: str, inside: int, signs: Signs) -> str:
    """A line of the column itself."""
    if kind == "break":
        return f"{signs.broken}{' ' * inside}{signs.broken}"
    return f"{signs.side}{getattr(signs, kind) * inside}{signs.side}"


def _source(part: Stretch, signs: Signs) -> str:
    """Where the pages of a block are on the host, and what chose their place in the guest."""
    if part.host is None:
        return ""
    if part.how == "identity":
        return f"{signs.arrow} same address"
    return f"{signs.arrow} {part.host:#x} ({part.how})"
