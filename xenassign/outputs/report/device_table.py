"""The devices of a board: a table that fits a terminal, or a line with tabs for each device."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign import escape
from xenassign.advice.assess import Assessment
from xenassign.devicetree.tree import Tree
from xenassign.host.device import HostDevice
from xenassign.xen.iommu import Shield

_GAP = 2
_INDENT = "  "  #: of the lines on which a cell is continued
#: A verdict that is longer is continued on the next line where the table is too wide.
_VERDICT = 30
#: The columns after verdict and device, in the order in which they are left out.
_LEFT_OUT = ("DMA", "IOMMU", "registers", "INTID", "kind")


class Cell(NamedTuple):
    """A column of a row, as it may be broken into lines: at each of its parts."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.parts)


def fields(assessment: Assessment) -> tuple[str, ...]:
    """The columns of the lines with tabs: nothing is left out."""
    device = assessment.device
    return (
        str(assessment.verdict),
        device.path,
        assessment.kind,
        device.node.status,
        ",".join(f"{block.address:#x}+{block.size:#x}" for block in device.blocks),
        ",".join(_intids(device)),
        protected(assessment),
        device.dma.answer,
    )


def protected(assessment: Assessment) -> str:
    """Whether Xen protects a device: ``yes``, ``no``, ``?``, or ``-`` if no IOMMU is named."""
    if assessment.protection.shield is Shield.UNKNOWN:
        return "?"
    if not assessment.device.iommus:
        return "-"
    return "yes" if assessment.protection.protected else "no"


def table(devices: Sequence[Assessment], tree: Tree, width: int) -> Iterator[tuple[str, str]]:
    """(line, verdict's answer) of a table of at most ``width`` columns, the heading first.

    What does not fit: paths are given by their unique ends, verdicts continue on the next line,
    and columns are left out.
    """
    names = ["verdict", "device", "kind", "registers", "INTID", "IOMMU", "DMA"]
    others = [o.removeprefix("-d ") for d in devices for o in d.verdict.options if o[:3] == "-d "]
    ends = short_names(tree, [*(device.device.path for device in devices), *others])
    rows = [dict(zip(names, _cells(device, ends), strict=True)) for device in devices]
    widths = _widths(names, rows)
    if _total(widths) > width:
        for row, device in zip(rows, devices, strict=True):
            row["device"] = _device(ends[device.device.path], device)
        widths = _widths(names, rows)
        longest = len(_INDENT) + _longest_part(rows, "verdict")
        widths["verdict"] = min(widths["verdict"], max(longest, _VERDICT))
    for name in _LEFT_OUT:
        if _total(widths) > width:
            del widths[name]
    widths["device"] = max(widths["device"] - max(_total(widths) - width, 0), len("device"))
    yield from ((line, "") for line in _lines({n: Cell((n,)) for n in widths}, widths))
    for row, device in zip(rows, devices, strict=True):
        for line in _lines(row, widths):
            yield line, device.verdict.answer


def short_names(tree: Tree, paths: Sequence[str]) -> dict[str, str]:
    """By path the shortest end, of whole components, that no other node of the tree has.

    It is a name that options accept.
    """
    ends = Counter(end for node in tree.nodes() for end in _ends(node.path))
    return {path: next((end for end in _ends(path) if ends[end] == 1), path) for path in paths}


def _ends(path: str) -> Iterator[str]:
    at = len(path)
    while (at := path.rfind("/", 0, at)) > 0:
        yield path[at + 1 :]
    yield path


def _cells(assessment: Assessment, ends: Mapping[str, str]) -> tuple[Cell, ...]:
    """The cells of a row. ``ends``: the names of other devices in the verdict."""
    device = assessment.device
    verdict = " ".join(ends.get(word, word) for word in str(assessment.verdict).split(" "))
    return (
        Cell(tuple(_words(escape.terminal(verdict)))),
        _device(device.path, assessment),
        Cell((assessment.kind,)),
        Cell((_few([f"{b.address:#x}+{b.size:#x}" for b in device.blocks], 1),)),
        Cell((_few(_intids(device), 2),)),
        Cell((protected(assessment),)),
        Cell((device.dma.answer,)),
    )


def _intids(device: HostDevice) -> list[str]:
    return list(dict.fromkeys(str(line.intid) for line in device.interrupts))


def _device(name: str, assessment: Assessment) -> Cell:
    state = "" if assessment.device.node.available else " (disabled)"
    return _breakable(escape.terminal(name) + state, "/ -")


def _words(verdict: str) -> Iterator[str]:
    """The words of a verdict with the blanks after them; ``-d`` stays with its value."""
    return (match[0] for match in re.finditer(r"(?:-d )?\S+ ?", verdict))


def _breakable(text: str, after: str) -> Cell:
    """A text that may be continued on the next line after each of some characters."""
    parts = [""]
    for char in text:
        parts[-1] += char
        if char in after:
            parts.append("")
    return Cell(tuple(parts))


def _few(items: list[str], most: int) -> str:
    """The first items, and how many more there are."""
    return ", ".join(items[:most]) + (f" +{len(items) - most}" if len(items) > most else "")


def _widths(names: Sequence[str], rows: Sequence[dict[str, Cell]]) -> dict[str, int]:
    return {n: max([len(n), *(len(row[n].text) for row in rows)]) for n in names}


def _longest_part(rows: Sequence[dict[str, Cell]], name: str) -> int:
    return max((len(part.rstrip()) for row in rows for part in row[name].parts), default=0)


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _lines(row: dict[str, Cell], widths: dict[str, int]) -> Iterator[str]:
    """The lines of a row: one, or more if a cell has to be continued."""
    columns = [list(_folded(row[name], widths[name])) for name in widths]
    for index in range(max(map(len, columns))):
        cells = (lines[index] if index < len(lines) else "" for lines in columns)
        padded = (cell.ljust(width) for cell, width in zip(cells, widths.values(), strict=True))
        yield (" " * _GAP).join(padded).rstrip()


def _folded(cell: Cell, width: int) -> Iterator[str]:
    """The lines of a cell. Those after the first are indented where there is room."""
    line, indent = "", ""
    for part in cell.parts:
        if line.strip() and len(indent + line + part.rstrip()) > width:
            yield (indent + line).rstrip()
            line, indent = "", _INDENT
        line += part
        while len(indent + line.rstrip()) > width:  # a component alone is too long
            room = width - len(indent)
            yield indent + line[:room]
            line, indent = line[room:], _INDENT
    yield (indent + line).rstrip()
