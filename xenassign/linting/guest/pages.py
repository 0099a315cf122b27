"""Rules about xen,reg: what it maps of the host's registers, and what the guest looks for there.

Xen compares xen,reg with nothing. Addresses in the guest are judged in
:mod:`xenassign.linting.verdict.mappings`. All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign.checks.shared_pages import SHARED_PAGE, shared_pages, sharing_message
from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.cells import bus_cells
from xenassign.devicetree.spans import PAGE_SIZE, Span, covered, gaps, merged
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.platform import Platform
from xenassign.linting.guest.view import Check, PartialNode, View, container_cells
from xenassign.linting.verdict import mappings
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.mappings import Claim
from xenassign.xen.iommu import Iommus
from xenassign.xen.releases import XEN_REG_CELLS

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
XENS_REGISTERS = rule(
    "XA226", "registers-of-xen", "error", "unsafe", routes=DOM0LESS, needs_host=True
)
NO_SIZE = rule("XA227", "xen-reg-no-size", "error", "broken", routes=DOM0LESS)


def mapped_pages(view: View) -> Iterator[Finding]:
    """Where xen,reg maps to, and host memory that it maps."""
    claims = [claim for one in view.nodes for claim in _claims(one)]
    yield from mappings.check(claims, view.context)


def its_own_pages(view: View) -> Iterator[Finding]:
    """What a node maps are the registers of the host's node that it names."""
    for one, host in view.assigned:
        for claim in _claims(one):
            foreign = [*gaps(claim.entry.host_span, view.pages_of(host))]
            if not foreign:
                continue
            other = _who_has(view, one, foreign)
            if other is None:
                message = f"{claim.text()} holds more than the registers of {host.path}"
                yield claim.at_host(NOT_ITS_PAGES, message)
            else:
                message = f"{claim.text()} holds registers of {other.path}, which {other.node.path}"
                yield claim.at_host(COVER, f"{message} maps")


def _who_has(view: View, one: PartialNode, spans: list[Span]) -> PartialNode | None:
    """Another node whose device's registers all of it is, and which maps it too."""
    for other, host in view.assigned:
        mapped = [entry.host_span for entry in other.entries]
        if other is not one and all(
            covered(span, view.pages_of(host)) and covered(span, mapped) for span in spans
        ):
            return other
    return None


def cover_each_other(view: View) -> Iterator[Finding]:
    """The same without the host's tree: more than the one page that rounding can share."""
    named = [one for one in view.nodes if one.path and view.host(one.node) is None]
    if view.context.platform is not None:
        return
    for number, other in enumerate(named):
        for claim in _claims(other):
            found = next((o for o in named[:number] if _covers(o, other, claim)), None)
            if found is not None:
                message = f"{claim.text()} holds pages that {found.node.path} maps for {found.path}"
                yield claim.at_host(COVER, message)
                break


def _covers(one: PartialNode, other: PartialNode, claim: Claim) -> bool:
    """Whether two nodes of unrelated devices have more than a page in common."""
    paths = sorted(f"{path.path or ''}/".lower() for path in (one, other))
    if paths[1].startswith(paths[0]):  # a device and a part of it
        return False
    common = (entry.host_span.common(claim.entry.host_span) for entry in one.entries)
    return any(span.size > PAGE_SIZE for span in common)


def remainders(view: View) -> Iterator[Finding]:
    """xen,reg that ends inside of an entry."""
    for one in view.nodes:
        left = _left_over(one)
        if left:
            cells = container_cells(one.node)
            what = f"{one.node.path}: the last {left} bytes of xen,reg are no entry"
            wide = f"its container has {cells[0]} address and {cells[1]} size cells"
            nothing = "" if one.entries else "; nothing is mapped"
            yield REMAINDER(
                f"{what} ({wide}){nothing}",
                node=one.node.path,
                prop="xen,reg",
                cell=len(one.entries) * (2 * cells[0] + cells[1]),
                severity=None if one.entries else "error",
            )


def empty(view: View) -> Iterator[Finding]:
    """Nothing is mapped of a device that has registers. Without xen,path or force Xen refuses."""
    for one in view.nodes:
        reg, host = one.node.get("xen,reg"), view.host(one.node)
        if reg is None or reg.value or (one.path is None and not one.forced):
            continue
        guest = registers(one.node).blocks
        if guest:
            missing = _unmapped(guest, view.guest_spans)
        else:
            missing = _unmapped(host.blocks if host else (), view.host_spans)
        if missing:
            message = f"{one.node.path}: xen,reg is empty, and the device has registers at"
            places = ", ".join(f"{block.address:#x}" for block in missing)
            yield EMPTY(f"{message} {places}", node=one.node.path, prop="xen,reg")


def no_size(view: View) -> Iterator[Finding]:
    """Entries that map nothing."""
    for one in view.nodes:
        for claim in _claims(one):
            if not claim.entry.size:
                message = f"{claim.text()}: nothing is mapped"
                cell = claim.entry.cells.size
                yield NO_SIZE(message, node=claim.node, prop=claim.prop, cell=cell)


def registers_mapped(view: View) -> Iterator[Finding]:
    """Registers of the guest's node lie inside of what is mapped, if anything is said to be.

    What xl maps stands in iomem: see :mod:`xenassign.linting.guest.cross`.
    """
    for node in view.devices if view.nodes else ():
        if not _told(view, node):
            for block in _unmapped(registers(node).blocks, view.guest_spans):
                message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no xen,reg"
                at = reg_cell(node, block)
                yield REG_UNMAPPED(message, node=node.path, prop="reg", cell=at, routes=DOM0LESS)


def reg_cell(node: Node, block: Block) -> int | None:
    """The last cell of a block's address in ``reg``."""
    if node.parent is None:
        return None
    bus = bus_cells(node.parent)
    return block.index * (bus.address + bus.size) + bus.address - 1


def blocks_mapped(view: View) -> Iterator[Finding]:
    """All registers of the host's device are mapped, if a part of them is."""
    for one, host in view.assigned:
        own = view.pages_of(host)
        strange = not all(covered(entry.host_span, own) for entry in one.entries)
        elsewhere = _unmapped(registers(one.node).blocks, view.guest_spans)
        if not one.entries or _told(view, one.node) or strange or elsewhere:
            continue
        missing = _unmapped(host.blocks, view.host_spans)
        if missing:
            some = ", ".join(f"{b.index} ({b.address:#x}+{b.size:#x})" for b in missing)
            verb = "block {} of {} is" if len(missing) == 1 else "blocks {} of {} are"
            message = f"{one.node.path}: register {verb.format(some, host.path)} not mapped"
            yield BLOCK_UNMAPPED(message, node=one.node.path, prop="xen,reg")


def xens_registers(view: View) -> Iterator[Finding]:
    """Bare mappings of what Xen keeps; beside a xen,path they are not the device's pages."""
    platform, known = view.context.platform, view.context.iommus
    if platform is None or known is None:
        return
    own = [(node, what, block) for node, what in _xens(platform, known) for block in _blocks(node)]
    for claim in (claim for one in view.nodes if one.path is None for claim in _claims(one)):
        for node, what, block in own:
            if claim.entry.host_span.overlaps(block.span):
                message = f"{claim.text()} holds registers of {node.path}, {what}"
                yield claim.at_host(XENS_REGISTERS, message)
                break


def _xens(platform: Platform, known: Iommus) -> Iterator[tuple[Node, str]]:
    """The host nodes that Xen keeps for itself, and what they are."""
    if platform.gic is not None:
        yield platform.gic.node, "the interrupt controller"
    for iommu in platform.iommus:
        if iommu.node in known.nodes:
            yield iommu.node, "an IOMMU that Xen drives"
    if platform.console is not None:
        yield platform.console, "Xen's console UART"


def pages_shared(view: View) -> Iterator[Finding]:
    """Devices that stay with the host in the pages of those that are assigned."""
    board, inside = view.board, view.scope
    if board is None or inside is None:
        return
    for one, host in view.assigned:
        blocks = [block for node in host.node.walk() for block in _blocks(node)]
        others = {
            shared.node.path: shared.text
            for shared in shared_pages(inside, board.neighbours, blocks)
            if any(entry.host_span.holds(shared.page) for entry in one.entries)
        }
        if others:
            yield SHARED_PAGE(
                sharing_message(one.node.path, others),
                node=one.node.path,
                prop="xen,reg",
                fix="assign both to this guest, or leave both with the host",
            )


def _unmapped(blocks: Iterable[Block], spans: Iterable[Span]) -> list[Block]:
    """The blocks of which a part lies in no span."""
    mapped = merged(spans)
    return [block for block in blocks if not covered(block.span, mapped)]


def _blocks(node: Node) -> tuple[Block, ...]:
    return registers(node).blocks if node.has("reg") else ()


def _claims(one: PartialNode) -> list[Claim]:
    return [Claim(entry, one.node.path, "xen,reg", DOM0LESS) for entry in one.entries]


def _left_over(one: PartialNode) -> int:
    """The bytes of xen,reg behind its last entry. Cells that Xen refuses are another finding."""
    address, size = container_cells(one.node)
    reg = one.node.get("xen,reg")
    if reg is None or address not in XEN_REG_CELLS or size not in XEN_REG_CELLS:
        return 0
    return len(reg.value) % (4 * (2 * address + size))


def _told(view: View, node: Node) -> bool:
    """Whether the node's own xen,reg, or that around it, maps less than it seems to: a finding."""
    one = view.speaker(node)
    if one is None or not one.node.has("xen,reg"):
        return False
    return not one.entries or _left_over(one) > 0 or any(not e.size for e in one.entries)


CHECKS: tuple[Check, ...] = (
    mapped_pages,
    its_own_pages,
    cover_each_other,
    remainders,
    empty,
    no_size,
    registers_mapped,
    blocks_mapped,
    xens_registers,
)
