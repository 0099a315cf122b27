"""An address space as a column: boxes, labels and breaks with their places, in user units of SVG.

The column is a strip of pieces between neighbouring boundaries of features. A piece that has a
label is as high as its two lines, and higher by the logarithm of its size; what is empty is a break
of fixed height. So no label overlaps another one, and an address space of 2^40 bytes fits a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Slice, Span, layers
from xenassign.outputs.report.address_map import UNITS

LINE = 12.0  # from one line of a label to the next
LABEL = 28.0  # the least height of a piece with a label
PLAIN = 8.0  # of a piece without one
BREAK = 20.0  # of what is empty
GROWING = frozenset({"ram", "static", "block"})  # kinds whose height shows their size
_DOUBLING = 1.4  # a piece with a label grows so much with each doubling of its size


class Feature(NamedTuple):
    """Something at a span of addresses, in bytes.

    ``kind``: how it is drawn. ``owner``: the number of its domain, or None. ``key``: what is
    highlighted together with it. ``facts``: about it, for those who ask. ``aside``: two lines
    beside the label, where the drawing has room for them.
    """

    span: Span
    kind: str
    name: str
    owner: int | None = None
    key: str = ""
    facts: tuple[str, ...] = ()
    aside: tuple[str, str] = ("", "")


class Box(NamedTuple):
    """A feature in its place. ``depth``: how many wider features contain it."""

    feature: Feature
    top: float
    height: float
    depth: int


class Label(NamedTuple):
    """The two lines of a label: name, and address with size. ``top``: the base of the first."""

    feature: Feature
    top: float
    lines: tuple[str, str]


class Break(NamedTuple):
    """What is empty, or of no interest: ``text`` says it."""

    span: Span
    top: float
    text: str


class Column(NamedTuple):
    """The parts of a column, and its ``height``."""

    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    breaks: tuple[Break, ...]
    height: float


def column(features: Sequence[Feature], text: Callable[[Span], str], chars: int) -> Column:
    """The column of features. ``text``: of a break; ``chars``: in a line of a label."""
    pieces = layers(features)
    labelled = _labelled(features, pieces)
    tops: list[float] = [0.0]
    for number, piece in enumerate(pieces):
        tops.append(tops[-1] + _height(piece, number in labelled.values()))
    at = {piece.span.start: top for piece, top in zip(pieces, tops, strict=False)}
    if pieces:
        at[pieces[-1].span.end] = tops[-1]
    boxes = tuple(
        Box(feature, at[feature.span.start], at[feature.span.end] - at[feature.span.start], depth)
        for feature, depth in _by_depth(features)
    )
    labels = tuple(
        Label(feature, tops[number] + LINE, _lines(feature, features, chars))
        for feature, number in labelled.items()
    )
    breaks = tuple(
        Break(piece.span, top, text(piece.span))
        for piece, top in zip(pieces, tops, strict=False)
        if piece.inmost is None
    )
    return Column(boxes, labels, breaks, tops[-1])


def _labelled(features: Sequence[Feature], pieces: Sequence[Slice[Feature]]) -> dict[Feature, int]:
    """By feature the piece that has its label: the largest in which no smaller feature is.

    Of several features of one span only the first has a label, which counts the others.
    """
    best: dict[Feature, int] = {}
    for number, piece in enumerate(pieces):
        if piece.inmost is not None:
            known = best.get(piece.inmost)
            if known is None or pieces[known].span.size < piece.span.size:
                best[piece.inmost] = number
    return {feature: best[feature] for feature in dict.fromkeys(features) if feature in best}


def _height(piece: Slice[Feature], has_label: bool) -> float:
    if piece.inmost is None:
        return BREAK
    if not has_label:
        return PLAIN
    if piece.inmost.kind not in GROWING:
        return LABEL
    return round(LABEL + _DOUBLING * max(0.0, log2(piece.span.size / PAGE_SIZE)), 1)


def _by_depth(features: Sequence[Feature]) -> list[tuple[Feature, int]]:
    """(feature, number of features that contain it), the outermost first."""
    order = sorted(features, key=lambda f: (f.span.start, -f.span.end))
    depths: list[tuple[Feature, int]] = []
    above: list[Feature] = []
    for feature in order:
        above = [other for other in above if other.span.end > feature.span.start]
        wider = (o for o in above if o.span != feature.span and o.span.covers(feature.span))
        depth = sum(1 for _ in wider)
        depths.append((feature, depth))
        above.append(feature)
    return sorted(depths, key=lambda entry: entry[1])


def _lines(feature: Feature, features: Sequence[Feature], chars: int) -> tuple[str, str]:
    alike = sum(other.span == feature.span for other in features) - 1
    name = f"{feature.name} +{alike}" if alike else feature.name
    size = short_size(feature.span.size)
    return fit(name, chars), fit(f"{feature.span.start:#x} {size}", chars + 2)


def fit(text: str, chars: int) -> str:
    """A text in so many characters; its middle is left out, since the ends tell names apart."""
    if len(text) <= chars:
        return text
    tail = (chars - 1) * 3 // 5
    return f"{text[: chars - 1 - tail]}…{text[-tail:]}"


def short_size(size: int) -> str:
    """Bytes for a label: in the largest unit that fits, to a tenth of it."""
    for unit, name in UNITS:
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} B"
