"""The address map alone as an SVG file, for documents: the host and each guest, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.outputs.hosts import Built
from xenassign.outputs.report.page.columns import fit
from xenassign.outputs.report.page.drawing import WIDTH, owner_style
from xenassign.outputs.report.page.panels import Maps, Panel
from xenassign.outputs.report.page.templating import rendered, sources
from xenassign.outputs.report.who_has_what import ownership
from xenassign.system.system import board_of

_MARGIN, _GUTTER = 16, 28  # around all, and between drawings
_IN_A_ROW = 3  # drawings
_TITLE, _HEADING, _LEGEND = 34, 22, 24  # heights of lines of text
_TITLE_CHARS, _HEADING_CHARS = 44, 40

#: What the colours that are not a domain's mean, by class.
_LEGEND_TEXTS = (
    ("ram", "RAM"),
    ("o-xen", "Xen drives it"),
    ("window", "Xen puts it there"),
    ("optional", "only with an option, or unused"),
)


class PictureLine(NamedTuple):
    """A line of text. ``kind``: its class. ``style``: the classes of a swatch before it, or ""."""

    x: float
    y: float
    kind: str
    text: str
    style: str = ""


class PlacedPanel(NamedTuple):
    """A drawing in its place."""

    x: float
    y: float
    view: Panel


class Picture(NamedTuple):
    """The picture, in user units."""

    title: str
    width: float
    height: float
    lines: tuple[PictureLine, ...]
    places: tuple[PlacedPanel, ...]


def picture(built: Built) -> str:
    """The SVG file of a plan. A board for which nothing could be decided has its title alone."""
    style = sources("palette.css", "drawing.css")
    return rendered("map.svg.j2", {"style": style, "picture": _laid_out(list(_boards(built)))})


def _boards(built: Built) -> Iterator[tuple[str, Sequence[Panel]]]:
    """(title, drawings) of each board."""
    for host in built.plan.hosts:
        title = f"{host.request.platform.model or host.name}, Xen {built.plan.xen}"
        if host.system is None or not host.system.domains:
            yield f"{title}: no plan", ()
            continue
        board = board_of(host.system.resolved)
        yield title, Maps(host.system, board, ownership(host.system)).panels()


def _laid_out(boards: Sequence[tuple[str, Sequence[Panel]]]) -> Picture:
    """The boards from top to bottom, the drawings of each in rows."""
    lines: list[PictureLine] = []
    places: list[PlacedPanel] = []
    top = float(_MARGIN)
    for title, panels in boards:
        lines.append(PictureLine(_MARGIN, top + 16, "title", fit(title, _TITLE_CHARS)))
        top += _TITLE
        for start in range(0, len(panels), _IN_A_ROW):
            row = panels[start : start + _IN_A_ROW]
            for column, panel in enumerate(row):
                x = _MARGIN + column * (WIDTH + _GUTTER)
                name = fit(panel.title, _HEADING_CHARS)
                style = "" if panel.owner is None else f"box {owner_style('domain', panel.owner)}"
                lines.append(PictureLine(x, top + 12, "head", name, style))
                places.append(PlacedPanel(x, top + _HEADING, panel))
            top += _HEADING + max(panel.drawing.height for panel in row) + _MARGIN
    right: float = _MARGIN
    for style, text in _LEGEND_TEXTS:
        lines.append(PictureLine(right, top + 10, "name", text, f"box {style}"))
        right += 16 + 6.1 * len(text) + 18
    widest = max(1, min(_IN_A_ROW, max(len(panels) for _, panels in boards)))
    width = 2 * _MARGIN + widest * WIDTH + (widest - 1) * _GUTTER
    title = f"Address map of {' and '.join(title for title, _ in boards)}"
    height = round(top + _LEGEND, 1)
    return Picture(title, max(width, round(right, 1)), height, tuple(lines), tuple(places))
