"""A board alone as one HTML file: what can be assigned, what blocks the rest, who shares pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from xenassign.advice.assess import Assessment, BoardAssessment
from xenassign.advice.verdict import ANSWERS
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.host.device import devices
from xenassign.outputs.report.address_map import size_text
from xenassign.outputs.report.board_table import platform_lines, summary
from xenassign.outputs.report.device_table import protected
from xenassign.outputs.report.page.columns import Feature, column, short_size
from xenassign.outputs.report.page.dma_walls import masters_of, state_of
from xenassign.outputs.report.page.drawing import CHARS_ALONE, Drawing
from xenassign.outputs.report.page.panels import Panel, host_memory, of_xen, range_text
from xenassign.outputs.report.page.templating import framed
from xenassign.outputs.report.who_has_what import intids_text, stream_text
from xenassign.xen.board import Board

#: By answer: the heading of its devices, and the number of their colour; None: they have none.
HEADINGS = {
    "yes": "can be assigned alone",
    "with": "can be assigned with options",
    "no": "cannot be assigned alone",
}
_COLOURS = {"yes": 0, "with": 1}


class DeviceRow(NamedTuple):
    """A device. ``why``: the finding that it is refused for; ``options``: those of the verdict."""

    path: str
    kind: str
    disabled: bool
    registers: tuple[str, ...]
    intids: str
    iommus: tuple[str, ...]
    iommu: str
    dma: str
    options: str
    why: Finding | None
    sharing: tuple[str, ...]


class DeviceGroup(NamedTuple):
    """The devices with the same answer. ``colour``: the number of their colour, or None."""

    answer: str
    heading: str
    colour: int | None
    rows: tuple[DeviceRow, ...]


class SharedPages(NamedTuple):
    """Pages in which several nodes have registers."""

    span: str
    paths: tuple[str, ...]


class IommuRow(NamedTuple):
    """An IOMMU, and the (path, streams) of its masters."""

    path: str
    driven: bool
    state: str
    masters: tuple[tuple[str, str], ...]


def render(board: BoardAssessment) -> str:
    """The page of a board with all of its devices."""
    platform = board.board.platform
    shared = [*shared_pages(board.board)]
    groups = [*_groups(board, shared)]
    rules = {row.why.rule.code: row.why.rule for g in groups for row in g.rows if row.why}
    counts = Counter(device.verdict.answer for device in board.devices)
    good = counts["yes"] + counts["with"]
    values = {
        "title": PurePath(platform.tree.file).stem,
        "model": platform.model or PurePath(platform.tree.file).stem,
        "file": PurePath(platform.tree.file).name,
        "xen": board.board.iommus.release.name,
        "headline": f"{good} of {len(board.devices)} devices can be assigned alone",
        "points": [line for line in summary(board) if not line.startswith("Why:")],
        "platform": [" ".join(line.split()) for line in platform_lines(board)[1:]],
        "panel": _panel(board),
        "groups": groups,
        "shared": shared,
        "iommus": [*_iommus(board.board)],
        "outside": [*_outside(board)],
        "rules": [rules[code] for code in sorted(rules)],
    }
    return framed("board.html.j2", values)


# ---------------------------------------------------------------------- the list


def _groups(board: BoardAssessment, shared: Sequence[SharedPages]) -> Iterator[DeviceGroup]:
    sharing: dict[str, dict[str, None]] = {}
    for pages in shared:
        for path in pages.paths:
            others = (other for other in pages.paths if other != path)
            sharing.setdefault(path, {}).update(dict.fromkeys(others))
    for answer in ANSWERS:
        rows = tuple(
            _row(device, tuple(sharing.get(device.device.path, ())))
            for device in board.devices
            if device.verdict.answer == answer
        )
        if rows:
            yield DeviceGroup(answer, HEADINGS[answer], _COLOURS.get(answer), rows)


def _row(assessment: Assessment, sharing: tuple[str, ...]) -> DeviceRow:
    device, verdict = assessment.device, assessment.verdict
    blocks = (f"{block.address:#x} {size_text(block.size)}" for block in device.blocks)
    iommus = dict.fromkeys(use.node.name for use in device.iommus if use.node is not None)
    refusing = (f for f in assessment.findings if f.rule.name == verdict.why)
    return DeviceRow(
        device.path,
        assessment.kind,
        not device.node.available,
        tuple(blocks),
        intids_text(line.intid for line in device.lines) if device.lines else "",
        tuple(iommus),
        protected(assessment),
        device.dma.answer,
        " ".join(verdict.options),
        next(refusing, None),
        sharing,
    )


def shared_pages(board: Board) -> Iterator[SharedPages]:
    """The pages in which nodes have registers that are not above one another, by address."""
    blocks = [
        (block.pages, node)
        for block, node in board.neighbours.blocks
        if block.size and node.available
    ]
    groups: list[tuple[Span, list[Node]]] = []
    for span, node in sorted(blocks, key=lambda entry: entry[0]):
        if groups and span.start < groups[-1][0].end:
            whole, nodes = groups[-1]
            groups[-1] = (Span(whole.start, max(whole.end, span.end)), [*nodes, node])
        else:
            groups.append((span, [node]))
    for span, nodes in groups:
        alone = [n for n in dict.fromkeys(nodes) if not any(o in n.ancestors() for o in nodes)]
        if len(alone) > 1:
            yield SharedPages(str(span), tuple(node.path for node in alone))


def _iommus(board: Board) -> Iterator[IommuRow]:
    behind = masters_of(devices(board.platform))
    for iommu in board.platform.iommus:
        streams: dict[str, list[str]] = {}
        for path, own in behind.get(iommu.node, ()):
            streams.setdefault(path, []).append(stream_text(own))
        driven, state = state_of(board, iommu.node)
        masters = tuple((path, ", ".join(texts)) for path, texts in streams.items())
        yield IommuRow(iommu.node.path, driven, state, masters)


def _outside(board: BoardAssessment) -> Iterator[str]:
    """The devices that do DMA, and that no IOMMU confines."""
    for device in board.devices:
        if device.device.dma.answer == "yes" and not device.protection.protected:
            yield device.device.path


# ---------------------------------------------------------------------- the map


def _panel(board: BoardAssessment) -> Panel:
    """The column of the board: RAM, what Xen drives, and each device that can be assigned."""
    iommus = (iommu.node for iommu in board.board.platform.iommus)
    driven = (node for node in iommus if node in board.board.iommus.nodes)
    features = [*host_memory(board.board), *of_xen(board.board, driven)]
    refused: list[Span] = []
    for device in board.devices:
        colour = _COLOURS.get(device.verdict.answer)
        for block in registers(device.device.node).blocks:
            if block.size and colour is None:
                refused.append(block.pages)
            elif block.size:
                features.append(_feature(device, block.pages, colour, block.index))

    def text(span: Span) -> str:
        number = sum(1 for other in refused if other.overlaps(span))
        blocks = f"{number} block{'s' * (number != 1)} that cannot be assigned"
        return blocks if number else f"{short_size(span.size)} empty"

    drawing = Drawing()
    drawing.alone(column(list(dict.fromkeys(features)), text, CHARS_ALONE))
    description = "The board's address space: RAM, what Xen drives, what can be assigned."
    return Panel("Board", description, None, drawing.parts)


def _feature(device: Assessment, span: Span, colour: int | None, index: int) -> Feature:
    path, verdict = device.device.path, str(device.verdict)
    name = f"{path.rpartition('/')[2]}{f' #{index}' if index else ''}"
    facts = (f"{path}, reg {index}", range_text(span), size_text(span.size), device.kind, verdict)
    return Feature(span, "block", name, colour, facts=facts, aside=(device.verdict.answer, ""))
