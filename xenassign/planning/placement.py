"""Pages: rounding, pages shared with neighbours, and the place of each block in the guest.

Xen maps whole pages of 4096 bytes. A register block is rounded out to pages, and the guest gets
whatever else is in them. All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.checks import guest_addresses
from xenassign.checks.machine_control import control
from xenassign.checks.memory_type import Claimant, maps_normal
from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.protection import accepted_for
from xenassign.checks.regions import Region, containers
from xenassign.checks.scope import Scope
from xenassign.checks.shared_pages import (
    MOST,
    SHARED_ALLOWED,
    SHARED_PAGE,
    shared_pages,
    sharing_message,
)
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, Span
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.planning.holes import GRANULE, Space, Wish, aligned, find_places
from xenassign.planning.plan import Mapping, PlacedBlock
from xenassign.request.origin import mistake
from xenassign.request.request import MapOption, Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board
from xenassign.xen.layout import Guest, memory_limit

NO_HOLE = rule("XA207", "no-hole", "error", "broken")
MISALIGNED = rule("XA209", "guest-address-misaligned", "warning", "portability")
NO_PLACE = rule("XA210", "no-place-in-window", "error", "broken")
EMPTY_BLOCK = rule("XA208", "no-size", "note", "broken")


class Placement:
    """The placed blocks of each claimant by its path, and the findings about them.

    ``memory_max``: the most memory in MiB that overlaps no mapping.
    """

    def __init__(self) -> None:
        self.placed: dict[str, tuple[PlacedBlock, ...]] = {}
        self.findings: list[Finding] = []
        self.memory_max = 0

    @property
    def mappings(self) -> dict[str, list[Mapping]]:
        """The mappings of each claimant by its path."""
        return {path: [block.mapping for block in placed] for path, placed in self.placed.items()}


def place_devices(
    board: Board,
    scope: Scope,
    regions: tuple[Region, ...],
    resolved: Resolved,
    guest: Guest,
    options: dict[Node, list[MapOption]],
) -> Placement:
    """Places every block of the devices and regions.

    ``options``: --map by the node that it names. Blocks with a fixed place go first, so that
    ``auto`` chooses among the rest (see ``planning.holes``). Raises UsageError for an address of
    --map that is not valid.
    """
    result, request = Placement(), resolved.request
    claimants: list[Claimant] = [*scope.devices, *regions]
    region_nodes = frozenset(region.node for region in regions)
    targets: list[_Target] = []
    starts: list[int] = []  # the number of the first target of each claimant
    for claimant in claimants:
        starts.append(len(targets))
        own_options = _options_for(scope, claimant, options)
        result.findings += _shared(board, scope, claimant, resolved, region_nodes)
        for block, window in _blocks(claimant, result):
            first = claimant.blocks[0] if claimant.blocks else block
            place = _requested_place(request, own_options, block, first, window)
            targets.append(_Target(claimant, block, window, place))
    blocks = _place(request, Space(guest, request.align, request.avoid), targets)
    ends = [*starts, len(targets)][1:]
    for claimant, start, end in zip(claimants, starts, ends, strict=True):
        own = blocks[start:end]
        result.placed[claimant.path] = tuple(placed for placed in own if placed is not None)
    for target, placed in zip(targets, blocks, strict=True):
        if placed is None:
            result.findings.append(_no_place(request, target))
    result.findings += _misaligned(request, result)
    _collisions(guest, request, result)
    return result


class _Target(NamedTuple):
    """A block and its requested place: a guest page, ``identity``, ``auto`` or a window.

    ``pci``: whether the block is a PCI window.
    """

    claimant: Claimant
    block: Block
    pci: bool
    place: int | str | Span

    @property
    def name(self) -> str:
        """The block, for a message."""
        kind = "window" if self.pci else "block"
        return f"{kind} {self.block.index} of {self.claimant.path} ({self.block.address:#x})"


def _place(request: Request, space: Space, targets: Sequence[_Target]) -> list[PlacedBlock | None]:
    """The place of each block, in the same order; None for one without a place."""
    blocks: list[PlacedBlock | None] = [None] * len(targets)
    unplaced: list[int] = []  # indexes of those that ``auto`` places
    wishes: list[Wish] = []
    pins = {(pin.path, pin.index, pin.window): pin.guest for pin in request.pins}
    normal = [maps_normal(request.release, target.claimant) for target in targets]

    def put(index: int, address: int, how: str) -> None:
        block, pci = targets[index].block, targets[index].pci
        pages = block.pages
        mapping = Mapping(pages.start, address, pages.size, normal[index] and not pci)
        blocks[index] = PlacedBlock(block, mapping, pci, how)

    for index, target in enumerate(targets):
        pages = target.block.pages
        if target.place == "auto" or isinstance(target.place, Span):
            within = target.place if isinstance(target.place, Span) else None
            pin = pins.get((target.claimant.path, target.block.index, target.pci))
            unplaced.append(index)
            wishes.append(Wish(pages, within, pin))
            continue
        address = target.place if isinstance(target.place, int) else pages.start
        put(index, address, "fixed" if isinstance(target.place, int) else "identity")
        space.take(pages, address)
    for index, place in zip(unplaced, find_places(space, wishes), strict=True):
        if place is not None:
            how = "auto" if targets[index].place == "auto" else "window"
            put(index, place.address, "pinned" if place.pinned else how)
    return blocks


def _no_place(request: Request, target: _Target) -> Finding:
    """That there is no place for a block."""
    size, path = target.block.pages.size, target.claimant.path
    align = "" if request.align == "page" else f" with --align {request.align}"
    if isinstance(target.place, Span):
        message = f"{target.name} of {size:#x} bytes has no place in {target.place}{align}"
        return NO_PLACE(message, node=path, prop="reg")
    return NO_HOLE(f"{target.name} of {size:#x} bytes fits no hole{align}", node=path, prop="reg")


def _misaligned(request: Request, result: Placement) -> Iterator[Finding]:
    """Fixed and identical places that are not aligned as requested."""
    blocks = [(path, block) for path, placed in result.placed.items() for block in placed]
    granules = Intervals(_granules(block) for _, block in blocks)
    for path, block in blocks:
        host, guest, size = block.mapping[:3]
        if block.how not in ("fixed", "identity"):
            continue
        if not aligned(request.align, host, size, guest):
            problem = f"not aligned as --align {request.align} requires"
        elif request.align == "64k":
            near = (blocks[number] for number in granules.overlapping(_granules(block)))
            others = (p for p, other in near if p != path and other.mapping != block.mapping)
            first = next(others, None)
            if first is None:
                continue
            problem = f"in the same 64 KiB as {first}"
        else:
            continue
        message = f"{path}: {host:#x} at guest {guest:#x} is {problem}"
        yield MISALIGNED(message, node=path, prop="reg")


def _granules(block: PlacedBlock) -> Span:
    """The guest addresses of a block, rounded out to granules of 64 KiB."""
    return block.mapping.guest_span.rounded(GRANULE)


def _blocks(claimant: Claimant, result: Placement) -> Iterator[tuple[Block, bool]]:
    """(block, whether it is a PCI window) of those to map. Empty ones are reported."""
    for window, blocks in ((False, claimant.blocks), (True, claimant.windows)):
        for block in blocks:
            if block.size:
                yield block, window
            else:
                message = f"entry {block.index} of reg of {claimant.path} has no size"
                result.findings.append(EMPTY_BLOCK(message, node=claimant.path, prop="reg"))


def _options_for(
    scope: Scope, claimant: Claimant, options: dict[Node, list[MapOption]]
) -> list[MapOption]:
    """The --map options that apply to a claimant: its own, then those of nodes above it.

    An address applies to the named node only; ``auto``, ``identity`` and windows apply to all nodes
    below it.
    """
    own = list(options.get(claimant.node, ()))
    for above in claimant.node.ancestors():
        if scope.has(above):
            own += [o for o in options.get(above, ()) if not isinstance(o.target, int)]
    return own


def _requested_place(
    request: Request,
    own_options: list[MapOption],
    block: Block,
    first: Block,
    window: bool,
) -> int | str | Span:
    """The guest page of a block, or how to choose it, by the first --map that applies.

    ``first``: the first block of the claimant, which an address without a block index is about.
    Raises UsageError for an address that is not valid.
    """
    for_all = [option for option in request.maps if option.node is None]
    for option in (*own_options, *for_all):
        if option.block is not None and (window or option.block != block.index):
            continue
        if not isinstance(option.target, int):
            return option.target
        if window:
            continue
        name, value = option.node or "", f"={option.target:#x}"
        base = block if option.block is not None else first
        offset = base.address % PAGE_SIZE
        if option.target % PAGE_SIZE not in (0, offset):
            reason = f"not page aligned; give a multiple of {PAGE_SIZE:#x}"
            reason += f", or one plus {offset:#x}" if offset else ""
            raise UsageError(mistake("--map", name, reason, value))
        page = option.target - option.target % PAGE_SIZE
        moved = page + block.pages.start - base.pages.start
        if moved < 0:
            reason = f"block {block.index} would be below address 0"
            fix = f"give each block its place with --map {name}#INDEX=ADDRESS"
            raise UsageError(mistake("--map", name, f"{reason}; {fix}", value))
        return moved
    return "identity"


def _shared(
    board: Board,
    scope: Scope,
    claimant: Claimant,
    resolved: Resolved,
    region_nodes: frozenset[Node],
) -> Iterator[Finding]:
    """The neighbours in the pages of a claimant: one finding about all that are allowed, and one
    about the others. To share pages with what rules over the machine requires both options, and
    no option gives the guest registers that Xen keeps.

    ``region_nodes``: the nodes of the domain's regions.
    """
    accepted: dict[Node, str] = {}
    refused: dict[Node, str] = {}
    reasons: dict[str, None] = {}
    kept: list[str] = []
    may_rule = isinstance(claimant, Region) or accepted_for(claimant.node, resolved.controls)
    own = region_nodes
    if isinstance(claimant, Region):
        own |= containers(board.neighbours, claimant)
    for shared in shared_pages(scope, board.neighbours, claimant.blocks, own):
        option = resolved.shared.get(shared.node) or resolved.shared.get(claimant.node)
        if option and not may_rule and control(board, scope, shared.node).refused:
            option = None
        if shared.same and kept_by_xen(board, shared.node) is not None:
            option = None
            kept.append(shared.node.path)
        if option:
            accepted.setdefault(shared.node, shared.text)
            reasons[option.because] = None
        else:
            refused.setdefault(shared.node, shared.text)
            if len(refused) > MOST:
                break
    if accepted:
        message = sharing_message(claimant.path, accepted) + "".join(reasons)
        allowed = all(reasons)
        yield SHARED_ALLOWED(message, node=claimant.path, prop="reg", accepted=allowed)
    if refused:
        message = sharing_message(claimant.path, refused)
        fix = _sharing_fix(board, scope, claimant, list(refused))
        if kept:
            fix = f"leave the registers of {kept[0]} to Xen"
        others = () if isinstance(claimant, Region) else (node.path for node in refused)
        yield SHARED_PAGE(message, node=claimant.path, prop="reg", fix=fix, others=others)


_NOT_IN_PAGES = (
    "leave it to the host, or --allow-shared-page {1} and --allow-machine-control {1} give the"
    " guest {0}, which rules over the machine"
)


def _sharing_fix(board: Board, scope: Scope, claimant: Claimant, others: list[Node]) -> str:
    """The fix for pages that are shared with nodes of the host.

    Nothing is proposed that gives the guest the registers of what rules over the machine.
    """
    if isinstance(claimant, Region):
        known = board.platform.tree.find(claimant.path) is claimant.node
        names = [claimant.path] if known else [other.path for other in others]
        options = " ".join(f"--allow-shared-page {name}" for name in names)
        return f"accept that the guest can change it ({options})"
    if len(others) > MOST:
        return "leave it to the host"
    for ruling in (other for other in others if control(board, scope, other).refused):
        return _NOT_IN_PAGES.format(ruling.path, claimant.path)
    first = others[0]
    page = claimant.path if len(others) > 1 else first.path
    accept = f"accept that the guest can change its registers (--allow-shared-page {page})"
    if control(board, scope, first).served or kept_by_xen(board, first) is not None:
        return accept
    return f"assign it too (-d {first.path}), or {accept}"


def _collisions(guest: Guest, request: Request, result: Placement) -> None:
    """Adds the collisions of mappings, with the guest layout and each other, and ``memory_max``."""
    space = Space(guest, request.align, request.avoid)
    owners: dict[Mapping, str] = {}
    for path, mappings in result.mappings.items():
        for mapping in mappings:
            owners.setdefault(mapping, path)
    for mapping in owners:
        space.take(mapping.host_span, mapping.guest)
    result.memory_max = memory_limit(guest, [mapping.guest_span for mapping in owners])
    for mapping, path in owners.items():
        if guest_addresses.too_high(mapping):
            message = f"{path}: {mapping.host:#x} at guest {mapping.guest:#x} is beyond 48 bits"
            result.findings.append(guest_addresses.TOO_HIGH(message, node=path, prop="reg"))
            continue
        for broken, clash in guest_addresses.collisions(guest, mapping):
            verb = "collides with" if clash.hard else "lies in"
            message = f"{path}: guest {mapping.guest_span} {verb} {clash.name} ({clash.span})"
            fix = _collision_fix(guest, space, mapping, path, result) if clash.hard else None
            if clash.option is not None:
                fix = guest_addresses.optional_fix(clash)
            result.findings.append(
                broken(message, node=path, prop="reg", fix=fix, routes=clash.routes)
            )
        result.findings += guest_addresses.in_unused_windows(guest, mapping, path)
    result.findings += _overlaps(owners)


def _collision_fix(
    guest: Guest, space: Space, mapping: Mapping, path: str, result: Placement
) -> str:
    """What fits instead: a place that no earlier fix names, or less memory."""
    hole = space.find(Wish(mapping.host_span))
    ways = []
    if hole is not None and len(result.placed[path]) == 1:
        space.take(mapping.host_span, hole)
        ways.append(f"--map {path}={hole:#x} fits")
    elif hole is not None:
        ways.append(f"--map {path}=auto finds places")
    in_ram = any(bank.holds(mapping.guest) for bank in guest.ram())
    if in_ram and result.memory_max:
        ways.append(f"or --memory {result.memory_max} at most")
    return " ".join(ways) or "move it with --map"


def _overlaps(owners: dict[Mapping, str]) -> Iterator[Finding]:
    """Guest pages at which two mappings have different host pages. ``owners``: host paths."""
    ordered = sorted(owners, key=lambda m: (m.guest, m.size, m.host))
    for first, second in guest_addresses.replaced(ordered):
        paths = f"{owners[ordered[first]]} and {owners[ordered[second]]}"
        message = f"{paths} are both mapped at guest {ordered[second].guest:#x}"
        yield guest_addresses.GUEST_OVERLAP(message, node=owners[ordered[second]], prop="reg")
    for normal, device in guest_addresses.differing_types(ordered):
        path, other = owners[ordered[normal]], owners[ordered[device]]
        message = f"{path} is mapped as Normal memory, and {other} has the same pages as registers"
        yield guest_addresses.TYPES_DIFFER(message, node=path, prop="reg")
