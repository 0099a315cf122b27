"""The overlay that connects devices with an IOMMU, for ``inspect --iommu-overlay``.

It is source. What is not known is left to the user, as a word that dtc refuses, so that no stream
is guessed. When an SMMU is enabled all its masters are connected, as far as their streams are
known: Xen's driver blocks any stream that no ``iommus`` names (arm_smmu_device_reset, sCR0.USFCFG).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import NamedTuple

from xenassign.advice.assess import Assessment
from xenassign.checks.connection import Connection, cells_of_streams, connection
from xenassign.devicetree.references import property_references
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.escape import dts_comment, dts_string
from xenassign.host.device import Dma, HostDevice, devices
from xenassign.outputs.domain.text import joined, source
from xenassign.xen.board import Board
from xenassign.xen.iommu import protection

_WIDTH = 95
#: What the user replaces; dtc has no such number.
_STREAM = "STREAM_ID"


class _Fragment(NamedTuple):
    """A node that the overlay changes. ``label``: of its contents, for references."""

    path: str
    label: str
    comments: tuple[str, ...]
    properties: tuple[str, ...]


class _Iommus:
    """The IOMMUs that the overlay names, with the reference to each, and those it enables."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.references: dict[Node, str] = {}
        self.enabled: dict[Node, None] = {}

    def add(self, iommu: Node, *, enable: bool) -> None:
        """Adds an IOMMU. ``enable``: if it is disabled, with the main one of an IPMMU."""
        if iommu.phandle is not None:
            self.references[iommu] = f"{iommu.phandle:#x}"
        else:
            self.references.setdefault(iommu, f"&iommu{len(self.references)}")
        if not enable:
            return
        prop = iommu.get("renesas,ipmmu-main")
        group = property_references(self.board.platform.tree, iommu, prop) if prop else None
        mains = [entry.provider for entry in group.entries] if group else []
        self.enabled |= {node: None for node in (*mains, iommu) if node and not node.available}

    @property
    def blocks_others(self) -> bool:
        """Whether Xen's driver of an enabled IOMMU blocks streams that nothing names."""
        drivers = (self.board.iommus.driver(node) for node in self.enabled)
        return any(driver is not None and driver.name != "ipmmu" for driver in drivers)

    def fragments(self) -> Iterator[_Fragment]:
        """Those of the IOMMUs: their status, and labels where they have no phandle."""
        for iommu in dict.fromkeys((*self.enabled, *self.references)):
            reference = self.references.get(iommu, "")
            label = reference[1:] if reference.startswith("&") else ""
            status = ('status = "okay";',) if iommu in self.enabled else ()
            if status or label:
                yield _Fragment(iommu.path, label, (), status)


def iommu_overlay(board: Board, assessments: Sequence[Assessment]) -> str:
    """The text of the overlay for some devices of a board.

    Raises UsageError with a line for each device that there is nothing to connect with.
    """
    lacking = {each.device.node: _of(board, each.device, requested=True) for each in assessments}
    none = [each.device for each in assessments if lacking[each.device.node] is None]
    if none:
        raise UsageError(*(f"{device.path}: {_nothing(board, device)}" for device in none))
    connections = [each for each in lacking.values() if each is not None]
    iommus = _Iommus(board)
    for each in connections:
        for iommu in each.iommus:
            iommus.add(iommu, enable=len(each.iommus) == 1)
    unknown: list[str] = []
    if iommus.blocks_others:
        for device in devices(board.platform):
            other = _of(board, device)
            if device.node in lacking or not device.node.enabled:
                continue
            if other is not None and other.known is not None and other.iommus[0] in iommus.enabled:
                connections.append(other)
            elif other is not None and not other.certain:
                unknown.append(device.path)
    fragments = [*iommus.fragments(), *(f for c in connections for f in _fragment(c, iommus))]
    about = [*_ABOUT.splitlines(), *_notes(connections, iommus, unknown)]
    lines = (line for number, each in enumerate(fragments) for line in _source(number, each))
    return source(about, joined(("/ {", *lines, "};")), "/plugin/;")


_ABOUT = """\
Connects devices with an IOMMU, so that Xen confines their DMA. Apply it to the board's device
tree, and use the result from then on, as HOST and for the boot:

  dtc -q -I dts -O dtb -o iommu.dtbo iommu.dtso
  fdtoverlay -i board.dtb -o board-iommu.dtb iommu.dtbo
"""


def _source(number: int, fragment: _Fragment) -> Iterator[str]:
    label = f"{fragment.label}: " if fragment.label else ""
    yield f"\tfragment@{number} {{"
    yield f"\t\ttarget-path = {dts_string(fragment.path)};"
    yield f"\t\t{label}__overlay__ {{"
    yield from (f"\t\t\t/* {dts_comment(comment)} */" for comment in fragment.comments)
    yield from (f"\t\t\t{line}" for line in fragment.properties)
    yield "\t\t};"
    yield "\t};"


def _of(board: Board, device: HostDevice, *, requested: bool = False) -> Connection | None:
    """The connection that a device lacks. ``requested``: the user says that it does DMA."""
    dma = Dma("yes", "requested") if requested else device.dma
    by_iommu = protection(board.platform, board.iommus, device)
    return connection(board.platform, board.iommus, device, by_iommu, dma)


def _nothing(board: Board, device: HostDevice) -> str:
    """Why an overlay cannot connect a device."""
    by_iommu = protection(board.platform, board.iommus, device)
    if by_iommu.protected:
        return f"Xen protects it already ({by_iommu.why}); nothing is to be connected"
    reason = "this release and build of Xen drives no IOMMU that could be connected with it"
    return f"{reason}; name another device, or give --xen and --iommu-driver as for generate"


def _fragment(each: Connection, iommus: _Iommus) -> Iterator[_Fragment]:
    """The ``iommus`` of a device; none if it has them."""
    if each.stated:
        return
    names = [iommus.references[iommu] for iommu in each.iommus]
    name = names[0] if len(names) == 1 else "IOMMU"
    path = each.device.path
    if each.known is None:
        which = ", ".join(f"<{n} …>: {i.path}" for n, i in zip(names, each.iommus, strict=True))
        tree = iommus.board.platform.tree
        comments = (which, *_streams_of_map(tree, each.device)) if each.by_map else (which,)
        yield _Fragment(path, "", comments, (f"iommus = <{name} {_STREAM}>;",))
        return
    mask = " 0" if cells_of_streams(each.iommus[0]) == 2 else ""
    entries = ", ".join(f"<{name} {number:#x}{mask}>" for number in each.known.ids)
    comment = f"{each.known.title}: {each.known.source}"
    yield _Fragment(path, "", (comment,), (f"iommus = {entries};",))


def _streams_of_map(tree: Tree, host: Node) -> Iterator[str]:
    """How the streams of the devices on a PCI host follow from ``iommu-map`` (pci-iommu.txt)."""
    prop, requester = host.get("iommu-map"), "bus << 8 | device << 3 | function"
    if host.has("iommu-map-mask"):
        requester = f"({requester}) & iommu-map-mask"
    group = property_references(tree, host, prop) if prop else None
    for entry in group.entries if group else ():
        if len(entry.args) == len(entry.trail) == 1:
            first, stream = host.cells("iommu-map")[entry.cell], entry.args[0]
            last = first + entry.trail[0] - 1
            moved = "" if stream == first else f" - {first:#x} + {stream:#x}"
            yield f"requester IDs {first:#x} to {last:#x}: the stream is {requester}{moved}"


def _notes(
    connections: Iterable[Connection], iommus: _Iommus, unknown: Sequence[str]
) -> Iterator[str]:
    """Paragraphs for the comment at the top, each after an empty line."""
    for kconfig in dict.fromkeys(each.kconfig for each in connections if each.kconfig):
        yield from _paragraph(f"Xen drives this IOMMU only if it is built with CONFIG_{kconfig}.")
    if not all(each.certain for each in connections):
        yield from _paragraph(
            f"This is a template: dtc refuses it until each {_STREAM} is replaced with the stream"
            " ID that the manual of the SoC states for the device, and IOMMU with the reference"
            " beside it. List every ID that the device uses. A wrong ID gives the guest the DMA of"
            " another device.",
        )
    if any(each.by_map for each in connections):
        yield from _paragraph(
            "The stream ID of a PCI device follows from its place, which lspci shows as"
            " BUS:DEVICE.FUNCTION. List those of all devices that the guest uses: Xen does not read"
            " iommu-map, and the DMA of a device that is not listed is blocked.",
        )
    if iommus.blocks_others:
        yield from _paragraph(
            "Xen blocks every stream of the enabled SMMU that no iommus names: dom0's devices are"
            " connected too, as far as their streams are known.",
        )
    if unknown:
        text = "These DMA masters are not: if one is behind the SMMU, disable it or add its iommus:"
        yield from _paragraph(text)
        yield from (dts_comment(f"  {path}") for path in unknown)


def _paragraph(text: str) -> Iterator[str]:
    yield ""
    yield from (dts_comment(line) for line in wrap(text, _WIDTH))
