"""Controllers of message-signalled interrupts, and the pages through which they are reached.

The table of MSI frames is knowledge/msi-frames.txt, whose first comment says how to add one. All
addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.tables import Table, table_path

#: The property of an SMMUv3 of HiSilicon's hip06 and hip07. Linux uses it for the erratum of the
#: prefetch command; in ACPI the same model selects that erratum and the one of the doorbells.
_HI161X = "hisilicon,broken-prefetch-cmd"

_SIZE_64K = 0x10000


class FrameKind(NamedTuple):
    """A line of the table. ``kind``: the name in JSON; ``title``: in messages, before a path."""

    verb: str
    kind: str
    title: str


class MsiController(NamedTuple):
    """A target of message-signalled interrupts.

    ``kind``: that of the table of frames, ``other`` for one that raises its own interrupts only.
    ``title``: the name in messages.
    """

    node: Node
    kind: str
    title: str

    @property
    def frame(self) -> bool:
        """Whether a write to it raises interrupts of other devices."""
        return self.kind != "other"


class Frame(NamedTuple):
    """What may be written to, in bytes.

    ``kind`` and ``title``: those of the table, of the controller or of its window.
    """

    node: Node
    kind: str
    title: str
    span: Span


def read_msi_frames(path: Path) -> dict[str, FrameKind]:
    """A table like knowledge/msi-frames.txt, by `compatible` string or property; InputError."""
    table = Table(path, (), ("frame", "window"))
    kinds: dict[str, FrameKind] = {}
    for entry in table.entries():
        statement = table.statement(entry)
        if len(statement.words) != 1 or not statement.text:
            problem = f"{entry.name} has no kind or no name for messages"
            raise table.error(statement.line, problem, "write NAME VERB KIND: TEXT")
        kinds[entry.name] = FrameKind(statement.verb, statement.words[0].text, statement.text)
    return kinds


@lru_cache(maxsize=1)
def _kinds() -> dict[str, FrameKind]:
    return read_msi_frames(table_path("msi-frames"))


def msi_controller(node: Node) -> MsiController | None:
    """A node as a controller of message-signalled interrupts, if it is one."""
    kinds = _kinds()
    for compatible in node.compatible:
        kind = kinds.get(compatible)
        if kind is not None and kind.verb == "frame":
            return MsiController(node, kind.kind, kind.title)
    if node.has("msi-controller") and node.compatible:
        return MsiController(node, "other", "the MSI controller")
    return None


def frames(controllers: Iterable[MsiController]) -> tuple[Frame, ...]:
    """The frames of a board's controllers, in their order, disabled ones included."""
    return tuple(frame for msi in controllers for frame in _frames(msi))


def _frames(msi: MsiController) -> Iterator[Frame]:
    if not msi.frame:
        return
    for block in registers(msi.node).blocks:
        if block.size:
            yield Frame(msi.node, msi.kind, msi.title, block.span)
    for name, known in _kinds().items():
        window = msi.node.get(name) if known.verb == "window" else None
        if window is not None and len(window.value) == 8:
            yield Frame(msi.node, known.kind, known.title, Span.sized(*window.cells()))


def bypassed_doorbells(
    controllers: Iterable[MsiController], iommus: Iterable[Node | None]
) -> tuple[Frame, ...]:
    """The doorbells that a device with these IOMMUs reaches untranslated, at host addresses.

    Only one SMMU is known to do this: that of HiSilicon's hip06 and hip07, for which Linux reserves
    the translation space of the ITS (64 KiB after its first 64 KiB) instead of mapping it: erratum
    161010801, iort_iommu_msi_get_resv_regions. Every other SMMU translates doorbells like memory
    (IOMMU_RESV_SW_MSI of arm-smmu and arm-smmu-v3), and Xen has no driver for the other IOMMUs with
    untranslated doorbells (DART).
    """
    if not any(node is not None and node.has(_HI161X) for node in iommus):
        return ()
    doorbells = (frame for frame in frames(controllers) if frame.kind == "its")
    spaces = (
        frame._replace(span=Span.sized(frame.span.start + _SIZE_64K, _SIZE_64K))
        for frame in doorbells
        if frame.node.available and frame.span.size >= 2 * _SIZE_64K
    )
    return tuple(spaces)
