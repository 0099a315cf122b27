"""What a guest gets without a device of the board: an interrupt line, or pages of registers.

Xen routes and maps for a guest what a node of the host's tree states, and gives dom0, whose xl asks
for it, no other right. So each line and page becomes a node of the host's tree, which the host
overlay adds with its mark, and is then a device like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.cells import bus_cells, cell_count, split
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftProperty, boolean, cells, text
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.host.platform import Platform, read_platform
from xenassign.request.origin import Origin, Written, origin_of
from xenassign.request.units import size
from xenassign.xen.releases import SPI_FIRST_INTID

#: The flags of a trigger that an SPI of a GIC can have (interrupt-controller/arm,gic.yaml).
TRIGGERS = {"edge-rising": 1, "level-high": 4}
#: What Linux' uio_pdrv_genirq matches with uio_pdrv_genirq.of_id=generic-uio.
GENERIC_UIO = "generic-uio"


class AddedNode(NamedTuple):
    """A node that the host overlay adds. ``path``: with the place of its table.

    ``line``: INTID and trigger. ``page``: host address and size in bytes; ``guest``: its guest
    address, ``identity`` or ``auto``; None: as for other devices. ``shared``: neighbours that the
    pages may be shared with, with reasons.
    """

    path: str
    reason: str
    compatible: str
    line: tuple[int, str] | None = None
    page: tuple[int, int] | None = None
    guest: int | str | None = None
    shared: tuple[tuple[str, str], ...] = ()


def added_nodes(domain: dict[str, Any], origin: Origin) -> Iterator[AddedNode]:
    """The nodes of ``line`` and ``page`` of a domain. Raises UsageError with the place."""
    paths: set[str] = set()
    for key in ("line", "page"):
        for index, table in enumerate(domain.get(key, ())):
            at = origin.below(key, index)._replace(about=f"{origin.about}, {key} {index + 1}")
            node = _line(table, at) if key == "line" else _page(table, at)
            if node.path in paths:
                raise UsageError(at.line("it is there twice; remove one of the two"))
            paths.add(node.path)
            if domain.get("attach-overlay"):
                text = "attach-overlay adds devices of the board's tree; remove one of the two"
                raise UsageError(at.line(text))
            yield node


def _line(table: dict[str, Any], at: Origin) -> AddedNode:
    number = table["interrupt"]
    intid = number if isinstance(number, int) else int(number[3:]) + SPI_FIRST_INTID
    return AddedNode(
        Written(f"/uio-line-{intid}", at),
        table["reason"],
        table.get("compatible", GENERIC_UIO),
        line=(intid, table["trigger"]),
    )


def _page(table: dict[str, Any], at: Origin) -> AddedNode:
    address, stated = table["address"], table["size"]
    length = stated if isinstance(stated, int) else size(stated) or 0
    if address % PAGE_SIZE or length % PAGE_SIZE or not length:
        raise UsageError(
            at.line(f"{address:#x} and {length:#x} are not whole pages of {PAGE_SIZE} bytes")
        )
    shared = table.get("allow-shared-page", {})
    return AddedNode(
        Written(f"/uio-page@{address:x}", at),
        table["reason"],
        table.get("compatible", GENERIC_UIO),
        page=(address, length),
        guest=table.get("map"),
        shared=tuple(
            (Written(name, at.below("allow-shared-page", name)), why)
            for name, why in shared.items()
        ),
    )


def _refused(node: AddedNode, why: str) -> str:
    """The line of an error about a node, with the place of its table."""
    origin = origin_of(node.path)
    return origin.line(why) if origin is not None else f"{node.path}: {why}"


def with_added(platform: Platform, nodes: Iterable[AddedNode]) -> Platform:
    """The board with the nodes. Raises UsageError for a board that cannot have them."""
    wanted = tuple({node.path: node for node in nodes}.values())
    have = {change.path for change in platform.added}
    if have.issuperset(node.path for node in wanted):
        return platform
    return platform.tree.once(_with_added, wanted)


def _with_added(tree: Tree, nodes: tuple[AddedNode, ...]) -> Platform:
    platform = read_platform(tree)
    for node in nodes:
        if tree.find(node.path) is not None:
            raise UsageError(_refused(node, "the board has a node of that name"))
        if tree.data is None or platform.dom0_tree is not None:
            why = f"{tree.file} is not the tree that the board boots with; give its .dtb"
            raise UsageError(_refused(node, why))
        if node.page is not None:
            pages = Span.sized(*node.page)
            reserved = (block for _, block in platform.reserved)
            if any(block.span.overlaps(pages) for block in (*platform.memory, *reserved)):
                why = "it is memory of the board, not registers; give a carve-out to a device"
                raise UsageError(_refused(node, why))
    changes = tuple(Change(n.path, tuple(_properties(platform, n)), why=_why(n)) for n in nodes)
    assert tree.data is not None
    from xenassign.devicetree.blob_edit import edited

    added = read_blob(edited(tree.data, changes, tree.file), tree.file)
    added.running.update(tree.running)
    console = platform.console.path if platform.console is not None else ""
    return read_platform(added)._replace(console=added.find(console), bare=tree, added=changes)


def _why(node: AddedNode) -> str:
    return f"what no device of the board has; {' '.join(node.reason.split())}"


def _properties(platform: Platform, node: AddedNode) -> Iterator[DraftProperty]:
    tree = platform.tree
    yield text("compatible", node.compatible)
    if node.line is not None:
        intid, trigger = node.line
        gic = platform.gic.node if platform.gic is not None else None
        if gic is None or gic.phandle is None:
            raise UsageError(_refused(node, f"{tree.file} has no GIC that it can refer to"))
        rest = (0,) * (cell_count(gic, "#interrupt-cells") - 3)
        numbers = (0, intid - SPI_FIRST_INTID, TRIGGERS[trigger], *rest)
        yield cells("interrupt-parent", gic.phandle)
        yield cells("interrupts", *numbers, decimal=True)
    if node.page is not None:
        bus = bus_cells(tree.root)
        try:
            parts = zip(node.page, (bus.address, bus.size), strict=True)
            numbers = tuple(cell for number, count in parts for cell in split(number, count))
        except OverflowError:
            why = f"the cells of {tree.file} cannot state its address and size"
            raise UsageError(_refused(node, why)) from None
        yield cells("reg", *numbers)
    yield boolean("xen,passthrough")
