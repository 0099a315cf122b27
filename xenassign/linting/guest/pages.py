"""Rules that compare xen,reg with the registers of the host's device and of the guest's node.

Xen does not compare them. The rules about guest addresses are in
:mod:`xenassign.linting.verdict.mappings`. All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, Merged, Span, covered, gaps, merged
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule, some
from xenassign.linting.guest.view import (
    Check,
    PartialNode,
    View,
    container_cells,
    nodes_of_xen,
    windows_of,
)
from xenassign.linting.verdict import mappings
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.mappings import Claim, MappingEntry
from xenassign.xen.releases import XEN_REG_CELLS

if TYPE_CHECKING:
    from xenassign.host.device import HostDevice

REG_UNMAPPED = rule("XA215", "reg-unmapped", "error", "broken")
NOT_ITS_PAGES = rule(
    "XA216", "pages-not-the-devices", "error", "unsafe", routes=DOM0LESS, needs_host=True
)
REMAINDER = rule("XA222", "xen-reg-remainder", "warning", "broken", routes=DOM0LESS)
EMPTY = rule("XA223", "xen-reg-empty", "error", "broken", routes=DOM0LESS)
BLOCK_UNMAPPED = rule(
    "XA224", "block-not-mapped", "warning", "broken", routes=DOM0LESS, needs_host=True
)
COVER = rule("XA225", "xen-reg-cover-each-other", "warning", "portability", routes=DOM0LESS)
REGISTERS_OF_XEN = rule(
    "XA226", "registers-of-xen", "error", "unsafe", routes=DOM0LESS, needs_host=True
)
NO_SIZE = rule("XA227", "xen-reg-no-size", "error", "broken", routes=DOM0LESS)


def mapped_pages(view: View) -> Iterator[Finding]:
    """Guest addresses of xen,reg that collide, and host memory that it maps."""
    claims = [claim for partial in view.nodes for claim in _claims(partial)]
    yield from mappings.check(claims, view.context)


def foreign_pages(view: View) -> Iterator[Finding]:
    """Pages that a node maps without registers of the host node that it names."""
    owners = _Owners(view)
    for partial, host in view.assigned:
        added: dict[Node, Claim] = {}
        for claim in _claims(partial):
            foreign = [*gaps(claim.entry.host_span, view.pages_of(host))]
            if not foreign:
                continue
            other = owners.other(partial, foreign)
            if other is not None:
                registers_of = f"registers of {other.path}, which {other.node.path} maps"
                yield claim.at_host(COVER, f"{claim.text()} contains {registers_of}")
            elif devices := _added_devices(view, partial, claim.entry):
                added |= dict.fromkeys(devices, claim)
            else:
                yield _not_its_pages(view, host, claim, foreign)
        if added:
            names = some(node.path for node in added)
            message = f"{partial.node.path}: xen,reg has the registers of {names} too"
            first = next(iter(added.values()))
            yield first.at_host(NOT_ITS_PAGES, message, severity="note", fix=_OWN_NODE)


_OWN_NODE = "remove the entries, or give each device a node with a xen,path of its own"


def _not_its_pages(view: View, host: HostDevice, claim: Claim, foreign: list[Span]) -> Finding:
    """``foreign``: the pages of the mapping that are not the host node's."""
    if foreign != [claim.entry.host_span]:
        message = f"{claim.text()} contains more than the registers of {host.path}"
    else:
        board = view.board
        others = board.neighbours.overlapping(claim.entry.host_span) if board else ()
        names = some(node.path for _, node in others)
        contents = f"the registers of {names}, not" if names else "no registers"
        message = f"{claim.text()} contains {contents} of {host.path}"
    return claim.at_host(NOT_ITS_PAGES, message)


def _added_devices(view: View, partial: PartialNode, entry: MappingEntry) -> tuple[Node, ...]:
    """The devices whose registers a mapping adds to those of its node, if only the guest has them.

    Trees for Xilinx' firmware add the pages of timers to a device as a sign that the guest owns
    them. Empty if the host uses one of the devices, if a page has no registers, or if the driver
    of the node would use the pages.
    """
    board, inside, context = view.board, view.scope, view.context
    if board is None or inside is None:
        return ()
    from xenassign.checks.machine_control import control
    from xenassign.xen.dom0 import is_marked

    pages = [*board.neighbours.overlapping(entry.host_span)]
    blocks = registers(partial.node).blocks
    if any(block.span.overlaps(entry.guest_span) for block in blocks) or not covered(
        entry.host_span, merged(block.pages for block, _ in pages)
    ):
        return ()
    nodes = tuple(dict.fromkeys(node for _, node in pages))
    xens = {node for node, _ in nodes_of_xen(board)}
    for node in nodes:
        dom0s = context.beside_dom0 and node.available and not is_marked(node, context.marked)
        if dom0s or node in xens or control(board, inside, node).refused:
            return ()
    return nodes


class _Owners:
    """The nodes that map pages as registers of their own device."""

    def __init__(self, view: View) -> None:
        self._own = [
            (partial, view.pages_of(host), merged(entry.host_span for entry in partial.entries))
            for partial, host in view.assigned
        ]
        spans = [(span, number) for number, own in enumerate(self._own) for span in own[2]]
        self._numbers = [number for _, number in spans]
        self._mapped = Intervals(span for span, _ in spans)

    def other(self, partial: PartialNode, spans: list[Span]) -> PartialNode | None:
        """Another node that maps all of the spans as registers of its own device."""
        for index in self._mapped.overlapping(spans[0]):
            other, pages, mapped = self._own[self._numbers[index]]
            if other is not partial and all(
                covered(span, pages) and covered(span, mapped) for span in spans
            ):
                return other
        return None


def cover_each_other(view: View) -> Iterator[Finding]:
    """Pages that two nodes map, without the host's tree.

    One common page is not reported, since it may be due to rounding.
    """
    if view.context.platform is not None:
        return
    large = [
        (partial, claim)
        for partial in view.nodes
        for claim in _claims(partial)
        if partial.path and claim.entry.size > PAGE_SIZE
    ]
    mapped = Intervals(claim.entry.host_span for _, claim in large)
    earlier: dict[Node, None] = {}
    for partial, claims in groupby(large, key=lambda pair: pair[0]):
        for _, claim in claims:
            near = (large[n][0] for n in mapped.overlapping(claim.entry.host_span))
            known = (other for other in near if other.node in earlier)
            other = next((other for other in known if _covers(other, partial, claim)), None)
            if other is not None:
                pages = f"pages that {other.node.path} maps for {other.path}"
                yield claim.at_host(COVER, f"{claim.text()} contains {pages}")
                break
        earlier[partial.node] = None


def _covers(first: PartialNode, second: PartialNode, claim: Claim) -> bool:
    """Whether ``claim`` of the second node has more than a page of the first, unrelated node."""
    paths = sorted(f"{partial.path or ''}/".lower() for partial in (first, second))
    if paths[1].startswith(paths[0]):  # a device and a part of it
        return False
    common = (entry.host_span.common(claim.entry.host_span) for entry in first.entries)
    return any(span.size > PAGE_SIZE for span in common)


def remainders(view: View) -> Iterator[Finding]:
    """xen,reg that ends within an entry."""
    for partial in view.nodes:
        remainder = _remainder(partial)
        if remainder:
            cells = container_cells(partial.node)
            end = f"{partial.node.path}: the last {remainder} bytes of xen,reg are not an entry"
            width = f"its container has {cells.address} address and {cells.size} size cells"
            effect = "" if partial.entries else "; nothing is mapped"
            yield REMAINDER(
                f"{end} ({width}){effect}",
                node=partial.node.path,
                prop=partial.reg,
                cell=len(partial.entries) * (2 * cells.address + cells.size),
                severity=None if partial.entries else "error",
            )


def empty(view: View) -> Iterator[Finding]:
    """An empty xen,reg for a device that has registers.

    Without xen,path and xen,force-assign-without-iommu Xen refuses the node (XA411).
    """
    for partial in view.nodes:
        reg, host = partial.node.get(partial.reg), view.host(partial.node)
        if reg is None or reg.value or (partial.path is None and not partial.forced):
            continue
        guest = registers(partial.node).blocks
        if guest:
            missing = _unmapped(guest, view.guest_spans)
        else:
            missing = _unmapped(host.blocks if host else (), view.host_spans)
        if missing:
            message = f"{partial.node.path}: xen,reg is empty, and the device has registers at"
            addresses = ", ".join(f"{block.address:#x}" for block in missing)
            yield EMPTY(f"{message} {addresses}", node=partial.node.path, prop=partial.reg)


def no_size(view: View) -> Iterator[Finding]:
    """Entries of size 0, which map nothing."""
    for partial in view.nodes:
        for claim in _claims(partial):
            if not claim.entry.size:
                message = f"{claim.text()}: nothing is mapped"
                cell = claim.entry.cells.size
                yield NO_SIZE(message, node=claim.node, prop=claim.prop, cell=cell)


def unmapped_registers(view: View) -> Iterator[Finding]:
    """Registers of the guest's nodes that no xen,reg maps, if the tree has any xen,reg or xen,path.

    For iomem see :mod:`xenassign.linting.guest.config_and_tree`.
    """
    for node in view.devices if view.nodes else ():
        if not _reported(view, node):
            for block in _unmapped(registers(node).blocks, view.guest_spans):
                message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no xen,reg"
                cell = reg_cell(node, block)
                yield REG_UNMAPPED(message, node=node.path, prop="reg", cell=cell, routes=DOM0LESS)


def reg_cell(node: Node, block: Block) -> int | None:
    """The last cell of a block's address in ``reg``."""
    if node.parent is None:
        return None
    bus = bus_cells(node.parent)
    return block.index * (bus.address + bus.size) + bus.address - 1


def unmapped_blocks(view: View) -> Iterator[Finding]:
    """Blocks of the host's device that are not mapped, if others of the device are."""
    for partial, host in view.assigned:
        own = view.pages_of(host)
        foreign = not all(covered(entry.host_span, own) for entry in partial.entries)
        unmapped = _unmapped(registers(partial.node).blocks, view.guest_spans)
        if not partial.entries or _reported(view, partial.node) or foreign or unmapped:
            continue
        missing = _unmapped(host.blocks, view.host_spans)
        if missing:
            message = f"{partial.node.path}: {_not_mapped(host, missing, view.host_spans)}"
            yield BLOCK_UNMAPPED(message, node=partial.node.path, prop=partial.reg)


def _not_mapped(host: HostDevice, blocks: Iterable[Block], mapped: Merged) -> str:
    """What is missing of blocks that are not mapped whole, for a message."""
    parts: list[str] = []
    for block in blocks:
        rest = [*gaps(block.pages, mapped)]
        state = "is not mapped" if rest == [block.pages] else f"lacks {some(map(str, rest))}"
        parts.append(f"register block {block.index} ({block.address:#x}+{block.size:#x}) {state}")
    return f"{'; '.join(parts)} (of {host.path})"


def windows_left(view: View) -> Iterator[Finding]:
    """Blocks of the host's devices that leave the window of their bus, if they are mapped."""
    if view.board is None:
        return
    from xenassign.checks.bus_windows import left_windows

    for partial, host in view.assigned:
        if partial.entries:
            for finding in left_windows(host):
                yield finding._replace(node=partial.node.path, prop=partial.reg)


def unmapped_windows(view: View) -> Iterator[Finding]:
    """Windows of a PCI host that the guest's ``ranges`` states and no xen,reg maps.

    The start of a window may suffice, since Linux assigns BARs from there on.
    """
    for partial, host in view.assigned:
        node = partial.node
        if not partial.entries or not host.windows or not node.has("ranges"):
            continue
        windows = [window for window in windows_of(node) if window.size]
        for window in _unmapped(windows, view.guest_spans):
            free = [*gaps(window.span, view.guest_spans)]
            start = "the start of " if free[0].start > window.address else ""
            message = f"{node.path}: {start and 'only '}{start}the window"
            message += f" {window.span} of ranges is {'in xen,reg' if start else 'in no xen,reg'}"
            severity = "note" if start else None
            yield BLOCK_UNMAPPED(message, node=node.path, prop=partial.reg, severity=severity)


def registers_of_xen(view: View) -> Iterator[Finding]:
    """Registers that Xen uses, in a xen,reg without xen,path; XA216 is about those with one."""
    if view.board is None:
        return
    kept = [
        (block, f"{node.path}, {role}")
        for node, role in nodes_of_xen(view.board)
        for block in _blocks(node)
    ]
    pathless = (partial for partial in view.nodes if partial.path is None)
    for claim in (claim for partial in pathless for claim in _claims(partial)):
        for block, name in kept:
            if claim.entry.host_span.overlaps(block.span):
                message = f"{claim.text()} contains registers of {name}"
                yield claim.at_host(REGISTERS_OF_XEN, message)
                break


_BOTH = "assign both to this guest, or leave both with the host"


def pages_shared(view: View) -> Iterator[Finding]:
    """Devices that stay with the host in the pages of those that are assigned."""
    board, inside = view.board, view.scope
    if board is None or inside is None:
        return
    from xenassign.checks.machine_control import control
    from xenassign.checks.shared_pages import MOST, SHARED_PAGE, shared_pages, sharing_message

    for partial, host in view.assigned:
        blocks = [block for node in host.node.walk() for block in _blocks(node)]
        others: dict[Node, str] = {}
        for shared in shared_pages(inside, board.neighbours, blocks):
            if len(others) > MOST:
                break
            if any(entry.host_span.holds(shared.page) for entry in view.mapped(partial)):
                others[shared.node] = shared.text
        if others:
            ruling = len(others) > MOST or any(
                control(board, inside, other).refused for other in others
            )
            yield SHARED_PAGE(
                sharing_message(partial.node.path, others),
                node=partial.node.path,
                prop=partial.reg if partial.entries else None,
                fix="leave both with the host" if ruling else _BOTH,
            )


def _unmapped(blocks: Iterable[Block], mapped: Merged) -> list[Block]:
    """The blocks that are not mapped completely."""
    return [block for block in blocks if not covered(block.span, mapped)]


def _blocks(node: Node) -> tuple[Block, ...]:
    return registers(node).blocks if node.has("reg") else ()


def _claims(partial: PartialNode) -> list[Claim]:
    return [Claim(entry, partial.node.path, partial.reg, DOM0LESS) for entry in partial.entries]


def _remainder(partial: PartialNode) -> int:
    """The bytes of xen,reg after its last entry. 0 for cells that Xen refuses (XA211)."""
    address, size = container_cells(partial.node)
    reg = partial.node.get(partial.reg)
    if reg is None or address not in XEN_REG_CELLS or size not in XEN_REG_CELLS:
        return 0
    return len(reg.value) % (4 * (2 * address + size))


def _reported(view: View, node: Node) -> bool:
    """Whether XA222, XA223 or XA227 report the xen,reg of the node or of an ancestor."""
    partial = view.nearest(node)
    if partial is None or not partial.node.has(partial.reg):
        return False
    sizes = [entry.size for entry in partial.entries]
    return not all(sizes) or not sizes or _remainder(partial) > 0


CHECKS: tuple[Check, ...] = (
    mapped_pages,
    foreign_pages,
    cover_each_other,
    remainders,
    empty,
    no_size,
    unmapped_registers,
    unmapped_blocks,
    unmapped_windows,
    windows_left,
    registers_of_xen,
)
