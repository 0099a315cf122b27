"""The IOMMUs of a board as walls before the memory: who is at which, and who is outside.

The drawing has the memory at the left, an IOMMU before it as a wall, and at the right the masters
with their streams. A line that comes to the wall is translated: the master reaches the memory of
its own domain. A line that passes beside the walls reaches all memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.host.device import HostDevice, devices
from xenassign.host.neighbours import Streams, streams_of
from xenassign.outputs.report.page.columns import fit
from xenassign.outputs.report.page.drawing import WIDTH, Parts, Rect, Shape, Words, owner_style
from xenassign.outputs.report.page.panels import protection_text
from xenassign.outputs.report.who_has_what import Owner, Ownership, stream_text
from xenassign.system.system import SystemPlan
from xenassign.xen.board import Board


class Master(NamedTuple):
    """A device with one of its streams, if it is behind an IOMMU. ``shared``: others have it too.

    ``owners``: who has the device; ``number``: of the colour of the first of them.
    """

    path: str
    streams: Streams | None
    owners: tuple[Owner, ...]
    number: int
    shared: bool = False


class Wall(NamedTuple):
    """An IOMMU. ``driven``: by Xen; ``state`` says it. ``others``: masters that no domain has."""

    path: str
    driven: bool
    state: str
    masters: tuple[Master, ...]
    others: tuple[Master, ...]

    @property
    def rows(self) -> list[tuple[str, str, tuple[Owner, ...], bool]]:
        """Each master once: its path, its streams as text, its owners, whether one is shared."""
        return [
            (path, _streams(own), own[0].owners, any(each.shared for each in own))
            for path, own in _by_device((*self.masters, *self.others)).items()
        ]


class Outside(NamedTuple):
    """A device of a domain that no IOMMU confines, and why that is so."""

    master: Master
    why: str


class DmaWalls(NamedTuple):
    """All IOMMUs in the order of the tree, what is outside, and what does no DMA; the drawing."""

    description: str
    walls: tuple[Wall, ...]
    outside: tuple[Outside, ...]
    harmless: tuple[Outside, ...]
    drawing: Parts


def dma_walls(system: SystemPlan, board: Board, owned: Ownership) -> DmaWalls:
    """The IOMMUs of the board of a plan."""
    owners = {r.name: r.owners for r in owned.resources if r.kind == "device"}
    shared = {r.name for r in owned.shared if r.kind == "stream"}
    number_of = {owner: number for number, owner in enumerate(owned.owners)}

    def master(path: str, streams: Streams | None = None, wall: str = "") -> Master:
        having = owners.get(path, ())
        number = number_of[having[0]] if having else 0
        name = f"{stream_text(streams)} of {wall}" if streams is not None else ""
        return Master(path, streams, having, number, name in shared)

    behind = masters_of(devices(board.platform))
    walls = []
    for iommu in board.platform.iommus:
        path = iommu.node.path
        masters = [master(*each, path) for each in behind.get(iommu.node, ())]
        of_domains = sorted(filter(_is_of_domain, masters), key=lambda each: each.number)
        others = tuple(each for each in masters if not _is_of_domain(each))
        driven, state = state_of(board, iommu.node)
        walls.append(Wall(path, driven, state, tuple(of_domains), others))
    unprotected = [
        (Outside(master(device.path), protection_text(device)), device.host.dma.answer == "no")
        for plan in system.domains
        for device in plan.devices
        if not device.protection.protected
    ]
    outside = tuple(each for each, harmless in unprotected if not harmless)
    harmless = tuple(each for each, harmless in unprotected if harmless)
    drawing = _Walls().drawing(walls, outside, harmless)
    text = (
        "At the left the memory, before it a wall for each IOMMU, at the right the devices with"
        " their streams. What ends at a wall reaches the memory of its own domain; a line beside"
        " the walls reaches all memory."
    )
    return DmaWalls(text, tuple(walls), outside, harmless, drawing)


def masters_of(masters: Iterator[HostDevice]) -> dict[Node, dict[tuple[str, Streams], None]]:
    """By IOMMU the (path, streams) of its masters, each once."""
    behind: dict[Node, dict[tuple[str, Streams], None]] = {}
    for device in masters:
        for iommu, streams in streams_of(device):
            behind.setdefault(iommu, {})[device.path, streams] = None
    return behind


def _by_device(masters: Sequence[Master]) -> dict[str, list[Master]]:
    by_path: dict[str, list[Master]] = {}
    for master in masters:
        by_path.setdefault(master.path, []).append(master)
    return by_path


def _streams(masters: Sequence[Master]) -> str:
    """The streams of one device; single ones that follow one another are a range."""
    runs: list[Streams] = []
    for streams in sorted(each.streams for each in masters if each.streams is not None):
        last = runs[-1] if runs else None
        if last and not last.mask and not streams.mask and streams.first == last.high + 1:
            runs[-1] = last._replace(size=last.size + streams.size)
        else:
            runs.append(streams)
    return ", ".join(map(stream_text, runs))


def _is_of_domain(master: Master) -> bool:
    return any(owner.kind == "domain" for owner in master.owners)


def state_of(board: Board, node: Node) -> tuple[bool, str]:
    """(whether Xen drives an IOMMU, what is to be said about it)."""
    driver = board.iommus.driver(node)
    if node in board.iommus.nodes and driver is not None:
        return True, f"Xen's {driver.name} driver"
    if not node.available:
        return False, "disabled in the host's tree"
    return False, "Xen does not use it" if driver is not None else "Xen has no driver for it"


# ---------------------------------------------------------------------- the drawing

_MEMORY, _WALL, _STREAM, _DEVICE = 4, 46, 66, 148  # left edges
_MEMORY_WIDTH, _WALL_WIDTH, _BOX = 30, 12, 10
_MEMORY_TOP = 17
_FEW = 3  # IOMMUs without a device of a domain that are drawn
_ROW = 20  # height of a master
_HEADING = 34  # height of the two lines above the masters of a wall
_SPACE = 12  # between walls
_NAME_CHARS, _OWNER_CHARS, _STREAM_CHARS, _HEADING_CHARS = 18, 14, 14, 44


class _Walls:
    """The parts of the drawing, from top to bottom."""

    def __init__(self) -> None:
        self._rects: list[Rect] = []
        self._shapes: list[Shape] = []
        self._words: list[Words] = []
        self._top = 0.0
        self._count = 0

    def drawing(
        self, walls: Sequence[Wall], outside: Sequence[Outside], harmless: Sequence[Outside]
    ) -> Parts:
        """All of it."""
        idle = [wall for wall in walls if not wall.masters]
        for wall in walls:
            if wall.masters or len(idle) <= _FEW:
                self._wall(wall)
        if len(idle) > _FEW:
            masters = {master.path for wall in idle for master in wall.others}
            self._heading(
                f"{len(idle)} more IOMMUs", f"with {len(masters)} devices of no domain", ""
            )
        if outside:
            self._heading("outside of the walls", "their DMA reaches all memory", "unsafe")
            for each in outside:
                self._row(each.master, each.why, "outside")
        if harmless:
            self._heading("no DMA", "nothing to confine", "")
            for each in harmless:
                self._row(each.master, each.why, "harmless")
        height = round(self._top + 2, 1)
        memory = Rect(_MEMORY, _MEMORY_TOP, _MEMORY_WIDTH, height - _MEMORY_TOP - 2, "ram")
        self._rects.insert(0, memory)
        self._words.append(Words(_MEMORY, 11, "start", "address", "memory"))
        return Parts(height, tuple(self._rects), tuple(self._shapes), tuple(self._words))

    def _heading(self, title: str, remark: str, style: str) -> None:
        self._top += _SPACE if self._top else 0
        style = f"head {style}".rstrip()
        title = fit(title, _HEADING_CHARS)
        self._words.append(Words(_WALL, self._top + 12, "start", style, title))
        self._words.append(Words(_WALL, self._top + 25, "start", "gap", remark))
        self._top += _HEADING

    def _wall(self, wall: Wall) -> None:
        self._heading(wall.path.rpartition("/")[2], wall.state, "")
        top = self._top
        for own in _by_device(wall.masters).values():
            stream = _streams(own)
            shared = any(master.shared for master in own)
            why = f"stream {stream} of {wall.path}"
            self._row(own[0]._replace(shared=shared), why, _line(wall), stream)
        if wall.others:
            self._others(wall)
        if not wall.masters and not wall.others:
            self._words.append(Words(_STREAM, top + 12, "start", "gap", "no streams"))
            self._top += _ROW
        facts = f"{wall.path} · {wall.state}"
        style = "wall" if wall.driven else "wall open"
        height = self._top - top
        self._rects.append(Rect(_WALL, top, _WALL_WIDTH, height, style, "", facts))

    def _row(self, master: Master, why: str, line: str, stream: str = "") -> None:
        owner = master.owners[0] if master.owners else Owner("nobody", "nobody")
        key, top = f"w{self._count}", self._top
        self._count += 1
        colour = owner_style(owner.kind, master.number)
        names = " and ".join(each.name for each in master.owners)
        facts = " · ".join((master.path, f"of {names}", why, *(["shared"] * master.shared)))
        middle = top + _ROW / 2
        self._shapes += _edges(line, middle, key)
        if line != "harmless":
            reached = colour if line == "confined" else "reached"
            rect = Rect(_MEMORY, top + 3, _MEMORY_WIDTH, _ROW - 6, f"box {reached}", key)
            self._rects.append(rect)
        box = Rect(_DEVICE, middle - _BOX / 2, _BOX, _BOX, f"box {colour}", key, facts)
        self._rects.append(box)
        base, alarm = middle + 3.5, " unsafe" if master.shared or line == "outside" else ""
        name = fit(master.path.rpartition("/")[2], _NAME_CHARS)
        self._words += [
            Words(_DEVICE + _BOX + 5, base, "start", f"name{alarm}", name, key),
            Words(WIDTH - 2, base, "end", "address", fit(names, _OWNER_CHARS), key),
        ]
        if stream:
            text = fit(stream, _STREAM_CHARS)
            self._words.append(Words(_STREAM, middle - 3, "start", f"address{alarm}", text, key))
        self._top += _ROW

    def _others(self, wall: Wall) -> None:
        """One row for the masters that no domain has."""
        number = len({master.path for master in wall.others})
        owners = dict.fromkeys(owner.name for each in wall.others for owner in each.owners)
        middle = self._top + _ROW / 2
        text = f"{number} more of {' and '.join(owners) or 'nobody'}"
        self._words.append(Words(_STREAM, middle + 3.5, "start", "gap", text))
        self._top += _ROW


def _line(wall: Wall) -> str:
    return "confined" if wall.driven else "passes"


def _edges(line: str, y: float, key: str) -> Iterator[Shape]:
    """The line of a master to its wall, and from the wall to the memory that it reaches."""
    memory, wall = _MEMORY + _MEMORY_WIDTH, _WALL + _WALL_WIDTH
    if line == "harmless":
        return
    if line != "confined":
        yield Shape(f"M{_DEVICE},{y:g} H{memory}", "edge unsafe", key)
        return
    yield Shape(f"M{_DEVICE},{y:g} H{wall}", "edge", key)
    yield Shape(f"M{_WALL},{y:g} H{memory}", "edge", key)
