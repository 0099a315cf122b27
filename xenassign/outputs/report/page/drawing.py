"""A drawing of columns and bands, in user units of SVG; it is WIDTH wide."""

from __future__ import annotations

from typing import NamedTuple

from xenassign.outputs.report.page.columns import LINE, Box, Column, fit

WIDTH = 372
_HEAD = 26  # height of the line with what a column is
_HOST, _GUEST, _STRIP = 118, 228, 26  # left edges of the columns, and their width
_ALONE = 10  # left edge of the host's column where no guest is beside it
CHARS, CHARS_ALONE = 18, 33  # of a line of a label
_ASIDE_CHARS = 16  # of a line beside the labels of the host alone


class Rect(NamedTuple):
    """A box. ``style``: classes of the style sheet. ``facts``: shown on request; "": decoration.

    ``tab``: whether the Tab key comes to it.
    """

    x: float
    y: float
    width: float
    height: float
    style: str
    key: str = ""
    facts: str = ""
    tab: bool = True


class Words(NamedTuple):
    """A line of text. ``anchor``: ``start``, ``middle`` or ``end``; ``y``: its base line."""

    x: float
    y: float
    anchor: str
    style: str
    text: str
    key: str = ""


class Shape(NamedTuple):
    """A path: a band, or the zigzag of a break."""

    path: str
    style: str
    key: str = ""


class Parts(NamedTuple):
    """A drawing. Shapes are below boxes, and boxes below words."""

    height: float
    rects: tuple[Rect, ...]
    shapes: tuple[Shape, ...]
    words: tuple[Words, ...]


class Side(NamedTuple):
    """Where a column is: its left edge, where its labels are and how they are anchored, its top."""

    left: float
    label: float
    anchor: str
    down: float = 0.0

    @property
    def head(self) -> float:
        """Where the addresses begin, below the title."""
        return _HEAD + self.down


HOST_SIDE = Side(_HOST, _HOST - 7, "end")
GUEST_SIDE = Side(_GUEST, _GUEST + _STRIP + 7, "start")
ALONE_SIDE = Side(_ALONE, _ALONE + 44 + 8, "start", 4 - _HEAD)  # without a title


class Drawing:
    """The parts of a drawing, collected."""

    def __init__(self) -> None:
        self._rects: list[Rect] = []
        self._shapes: list[Shape] = []
        self._words: list[Words] = []
        self._height = 0.0

    def alone(self, part: Column) -> None:
        """Adds the only column, with what is beside its labels at the right edge."""
        self.column(part, ALONE_SIDE, "", width=44, chars=CHARS_ALONE)
        for label in part.labels:
            feature = label.feature
            for number, line in enumerate(filter(None, feature.aside)):
                y = round(label.top + ALONE_SIDE.head + LINE * number, 1)
                style = "address" if number else "name"
                text = fit(line, _ASIDE_CHARS)
                self._words.append(Words(WIDTH - 4, y, "end", style, text, feature.key))

    def column(
        self, part: Column, side: Side, title: str, width: float = _STRIP, chars: int = CHARS
    ) -> None:
        """Adds a column with its labels and breaks, of at most so many characters."""
        middle, head = side.left + width / 2, side.head
        if title:
            self._words.append(Words(middle, head - 12, "middle", "head", fit(title, CHARS)))
        for box in part.boxes:
            self._box(box, side, width, head)
        for gap in part.breaks:
            top = gap.top + head
            self._shapes.append(Shape(_zigzag(side.left, width, top - 1), "break"))
            text = fit(gap.text, chars + 2)
            self._words.append(Words(side.label, top + 13, side.anchor, "gap", text))
        for label in part.labels:
            style, key = f"of-{label.feature.kind}", label.feature.key
            for number, line in enumerate(label.lines):
                y = round(label.top + head + LINE * number, 1)
                kind = "address" if number else "name"
                words = Words(side.label, y, side.anchor, f"{kind} {style}", line, key)
                self._words.append(words)
        self._height = max(self._height, part.height + head)

    def _box(self, box: Box, side: Side, width: float, head: float) -> None:
        feature, inset = box.feature, min(box.depth, 3) * 4
        left, top, height = side.left + inset, round(box.top + head, 1), round(box.height, 1)
        facts = " · ".join(feature.facts)
        style = f"box {feature.kind}{_domain(feature.owner)}"
        rect = Rect(left, top, width - 2 * inset, height, style, feature.key, facts)
        self._rects.append(rect)

    def bands(self) -> None:
        """A band for each mapping, from its box on the left to that on the right."""
        starts = {rect.key: rect for rect in self._rects if rect.key and rect.x < _GUEST}
        for end in [rect for rect in self._rects if rect.key and rect.x >= _GUEST]:
            start = starts[end.key]
            left = (start.x + start.width, start.y, start.height)
            path = _band(left, (end.x, end.y, end.height))
            self._shapes.append(Shape(path, f"band {end.style.split()[-1]}", end.key))

    @property
    def parts(self) -> Parts:
        """All of it."""
        height = round(self._height + 4, 1)
        return Parts(height, tuple(self._rects), tuple(self._shapes), tuple(self._words))


def owner_style(kind: str, number: int) -> str:
    """The classes of what an owner has. ``kind``: of an owner; ``number``: of a domain."""
    return f"block d{number % 8}" if kind == "domain" else f"o-{kind}"


def _domain(owner: int | None) -> str:
    """The class of a domain's colour and pattern; there are eight, which repeat."""
    return "" if owner is None else f" d{owner % 8}"


def _zigzag(left: float, width: float, top: float) -> str:
    """Two jagged lines across a column."""
    step = width / 6
    lines = []
    for y in (top + 7, top + 15):
        points = " ".join(f"l{step:.2f},{-4 if n % 2 else 4}" for n in range(6))
        lines.append(f"M{left:g},{y:g} {points}")
    return " ".join(lines)


def _band(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    """A band with curved edges. ``start``, ``end``: x, top and height."""
    (x1, top1, height1), (x2, top2, height2) = start, end
    middle = (x1 + x2) / 2
    upper = f"M{x1:g},{top1:.1f} C{middle:g},{top1:.1f} {middle:g},{top2:.1f} {x2:g},{top2:.1f}"
    bottom1, bottom2 = top1 + height1, top2 + height2
    lower = f"C{middle:g},{bottom2:.1f} {middle:g},{bottom1:.1f} {x1:g},{bottom1:.1f}"
    return f"{upper} L{x2:g},{bottom2:.1f} {lower} Z"
