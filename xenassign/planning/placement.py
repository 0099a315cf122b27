"""Pages: rounding, pages shared with neighbours, and where each block goes in the guest.

Xen maps whole pages of 4096 bytes. A register block is rounded out to pages, and whatever else
lies in them is handed over with it. All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from xenassign.checks.guest_addresses import GUEST_OVERLAP, TOO_HIGH, collisions, replaces, too_high
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.checks.shared_pages import (
    SHARED_ALLOWED,
    SHARED_PAGE,
    shared_pages,
    sharing_message,
)
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.host.neighbours import Neighbours
from xenassign.planning.holes import GRANULE, Space, Wish, aligned, find_places
from xenassign.planning.plan import Mapping, PlacedBlock
from xenassign.request.origin import mistake
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.xen.layout import Guest, memory_limit

NO_HOLE = rule("XA207", "no-hole", "error", "broken")
MISALIGNED = rule("XA209", "guest-address-misaligned", "warning", "portability")
NO_PLACE = rule("XA210", "no-place-in-window", "error", "broken")
EMPTY_BLOCK = rule("XA208", "no-size", "note", "broken")


class Claimant(Protocol):
    """What is placed: a device, or a region."""

    @property
    def node(self) -> Node: ...
    @property
    def path(self) -> str: ...
    @property
    def blocks(self) -> tuple[Block, ...]: ...
    @property
    def windows(self) -> tuple[Block, ...]: ...


@dataclass(slots=True)
class Placement:
    """The blocks of each claimant by its path, and the findings. ``memory_max``: in MiB."""

    placed: dict[str, tuple[PlacedBlock, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    memory_max: int = 0

    @property
    def mappings(self) -> dict[str, list[Mapping]]:
        """The mappings of each claimant by its path."""
        return {path: [one.mapping for one in placed] for path, placed in self.placed.items()}


def place_devices(
    scope: Scope,
    regions: tuple[Region, ...],
    request: Request,
    guest: Guest,
    neighbours: Neighbours,
    options: dict[Node, list[MapOption]],
    allowed: Table[Node, Accepted],
) -> Placement:
    """Places every block of the devices and regions.

    ``options``: the --map options by the node that they name. ``allowed``: the options of
    --allow-shared-page by node. Blocks with a fixed place go first, so that ``auto`` finds its
    places among what remains (see ``planning.holes``).
    """
    result = Placement()
    claimants: list[Claimant] = [*scope.devices, *regions]
    mapped = frozenset(region.node for region in regions)
    wanted: list[_Wanted] = []
    for device in claimants:
        chosen = _options_for(scope, device, options)
        result.findings += _shared(scope, neighbours, device, allowed, mapped)
        for block, window in _blocks(device, result):
            first = device.blocks[0] if device.blocks else block
            target = _target(request, chosen, block, first, window)
            wanted.append(_Wanted(device, block, window, target))
    settled = _settle(request, Space(guest, request.align, request.avoid), wanted)
    results = list(zip(wanted, settled, strict=True))
    for device in claimants:
        result.placed[device.path] = tuple(
            placed for one, placed in results if placed is not None and one.device is device
        )
    result.findings += [_nowhere(request, one) for one, placed in results if placed is None]
    result.findings += _misaligned(request, result)
    _collisions(guest, request, result)
    return result


class _Wanted(NamedTuple):
    """A block and where it is to go: a guest page, ``identity``, ``auto`` or a window."""

    device: Claimant
    block: Block
    pci: bool
    target: int | str | Span

    @property
    def name(self) -> str:
        """What it is, for a message."""
        what = "window" if self.pci else "block"
        return f"{what} {self.block.index} of {self.device.path} ({self.block.address:#x})"


def _settle(request: Request, space: Space, wanted: Sequence[_Wanted]) -> list[PlacedBlock | None]:
    """What each block got, in the same order; None for one without a place."""
    settled: list[PlacedBlock | None] = [None] * len(wanted)
    free: list[int] = []  # indices of those that take a place among what remains
    wishes: list[Wish] = []
    pins = {(pin.path, pin.index, pin.window): pin.guest for pin in request.pins}

    def put(index: int, address: int, how: str) -> None:
        block, pci = wanted[index].block, wanted[index].pci
        pages = block.pages
        mapping = Mapping(pages.start, address, pages.size)
        settled[index] = PlacedBlock(block, mapping, pci, how)

    for index, one in enumerate(wanted):
        pages = one.block.pages
        if one.target == "auto" or isinstance(one.target, Span):
            within = one.target if isinstance(one.target, Span) else None
            pin = pins.get((one.device.path, one.block.index, one.pci))
            free.append(index)
            wishes.append(Wish(pages, within, pin))
            continue
        address = one.target if isinstance(one.target, int) else pages.start
        put(index, address, "fixed" if isinstance(one.target, int) else "identity")
        space.take(pages, address)
    for index, place in zip(free, find_places(space, wishes), strict=True):
        if place is not None:
            how = "auto" if wanted[index].target == "auto" else "window"
            put(index, place.address, "pinned" if place.pinned else how)
    return settled


def _nowhere(request: Request, one: _Wanted) -> Finding:
    """The finding that no hole or window fits a block."""
    size = one.block.pages.size
    how = "" if request.align == "page" else f" with --align {request.align}"
    if isinstance(one.target, Span):
        message = f"{one.name} of {size:#x} bytes has no place in {one.target}{how}"
        return NO_PLACE(message, node=one.device.path, prop="reg")
    message = f"{one.name} of {size:#x} bytes fits no hole{how}"
    return NO_HOLE(message, node=one.device.path, prop="reg")


def _misaligned(request: Request, result: Placement) -> Iterator[Finding]:
    """Fixed and identity places that do not have the alignment of --align."""
    every = [(path, one) for path, placed in result.placed.items() for one in placed]
    for path, one in every:
        host, guest, size = one.mapping
        if one.how not in ("fixed", "identity"):
            continue
        if not aligned(request.align, host, size, guest):
            what = f"not aligned as --align {request.align} asks"
        elif request.align == "64k":
            near = next((p for p, other in every if p != path and _granule(one, other)), None)
            if near is None:
                continue
            what = f"in the same 64 KiB as {near}"
        else:
            continue
        message = f"{path}: {host:#x} at guest {guest:#x} is {what}"
        yield MISALIGNED(message, node=path, prop="reg")


def _granule(one: PlacedBlock, other: PlacedBlock) -> bool:
    """Whether two blocks of different pages lie in one granule of the guest."""
    mine, theirs = (at.mapping.guest_span.rounded(GRANULE) for at in (one, other))
    return one.mapping != other.mapping and mine.overlaps(theirs)


def _blocks(device: Claimant, result: Placement) -> Iterator[tuple[Block, bool]]:
    """The blocks to map: registers, then PCI windows."""
    for window, blocks in ((False, device.blocks), (True, device.windows)):
        for block in blocks:
            if block.size:
                yield block, window
            else:
                message = f"entry {block.index} of reg of {device.path} has no size"
                result.findings.append(EMPTY_BLOCK(message, node=device.path, prop="reg"))


def _options_for(
    scope: Scope, device: Claimant, options: dict[Node, list[MapOption]]
) -> list[MapOption]:
    """The --map options that apply to a device: its own, then those of enclosing members.

    An address given to an enclosing node moves that node only; ``auto``, ``identity`` and windows
    hold for everything below it.
    """
    found = list(options.get(device.node, ()))
    for above in device.node.ancestors():
        if scope.has(above):
            found += [o for o in options.get(above, ()) if not isinstance(o.target, int)]
    return found


def _target(
    request: Request,
    chosen: list[MapOption],
    block: Block,
    first: Block,
    window: bool,
) -> int | str | Span:
    """The guest page of a block, or how to choose it. First match wins; raises UsageError."""
    everywhere = [option for option in request.maps if option.node is None]
    for option in (*chosen, *everywhere):
        if option.block is not None and (window or option.block != block.index):
            continue
        if not isinstance(option.target, int):
            return option.target
        if window:
            continue
        name, at = option.node or "", f"={option.target:#x}"
        base = block if option.block is not None else first
        offset = base.address % PAGE_SIZE
        if option.target % PAGE_SIZE not in (0, offset):
            why = f"not page aligned; give a multiple of {PAGE_SIZE:#x}"
            why += f", or one plus {offset:#x}" if offset else ""
            raise UsageError(mistake("--map", name, why, at))
        page = option.target - option.target % PAGE_SIZE
        moved = page + block.pages.start - base.pages.start
        if moved < 0:
            why = f"block {block.index} would land below address 0"
            fix = f"give each block its place with --map {name}#INDEX=ADDRESS"
            raise UsageError(mistake("--map", name, f"{why}; {fix}", at))
        return moved
    return "identity"


def _shared(
    scope: Scope,
    neighbours: Neighbours,
    device: Claimant,
    allowed: Table[Node, Accepted],
    mapped: frozenset[Node],
) -> Iterator[Finding]:
    """The neighbours in the device's pages that are not assigned with it, in one line.

    ``mapped``: the nodes that are regions of the domain.
    """
    accepted: dict[str, str] = {}
    refused: dict[str, str] = {}
    reasons: dict[str, None] = {}
    around = _around(neighbours, device) if isinstance(device, Region) else frozenset()
    for shared in shared_pages(scope, neighbours, device.blocks, mapped | around):
        fine = allowed.get(shared.node) or allowed.get(device.node)
        (accepted if fine else refused).setdefault(shared.node.path, shared.text)
        if fine:
            reasons[fine.because] = None
    if accepted:
        message = sharing_message(device.path, accepted) + "".join(reasons)
        yield SHARED_ALLOWED(message, node=device.path, prop="reg")
    if refused:
        first = next(iter(refused))
        named = device.path if len(refused) > 1 else first
        fix = f"assign it too (-d {first}), or accept it (--allow-shared-page {named})"
        message = sharing_message(device.path, refused)
        yield SHARED_PAGE(message, node=device.path, prop="reg", fix=fix)


def _around(neighbours: Neighbours, region: Region) -> frozenset[Node]:
    """The nodes that hold a region, and are no neighbours of it.

    A pool (mmio-sram) states the memory that the region is a part of; the caller that makes the
    region reports who else has a part. Memory reserved with no-map that no node names is the
    firmware's, which put the region there.
    """
    found = set(region.node.ancestors())
    for block in region.blocks:
        for other, node in neighbours.overlapping(block.span):
            holds = other.span.covers(block.span)
            reserved = node.parent is not None and node.parent.name == "reserved-memory"
            if holds and reserved and node.has("no-map") and node not in neighbours.consumers:
                found.add(node)
    return frozenset(found)


def _collisions(guest: Guest, request: Request, result: Placement) -> None:
    """What the mappings collide with: the guest's own address space, and each other."""
    space = Space(guest, request.align, request.avoid)
    seen: dict[Mapping, str] = {}
    for path, placed in result.placed.items():
        for one in placed:
            if one.mapping not in seen:
                seen[one.mapping] = path
    for mapping in seen:
        space.take(mapping.host_span, mapping.guest)
    result.memory_max = memory_limit(guest, [mapping.guest_span for mapping in seen])
    for mapping, path in seen.items():
        if too_high(mapping):
            message = f"{path}: {mapping.host:#x} at guest {mapping.guest:#x} is beyond 48 bits"
            result.findings.append(TOO_HIGH(message, node=path, prop="reg"))
            continue
        for broken, clash in collisions(guest, mapping):
            verb = "collides with" if clash.hard else "lies in"
            text = f"{path}: guest {mapping.guest_span} {verb} {clash.name} ({clash.span})"
            fix = _advice(guest, space, mapping, path, result) if clash.hard else None
            result.findings.append(broken(text, node=path, prop="reg", fix=fix))
    result.findings += _overlaps(seen)


def _advice(guest: Guest, space: Space, mapping: Mapping, path: str, result: Placement) -> str:
    """What fits instead: a place that no earlier advice names, or less memory."""
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


def _overlaps(seen: dict[Mapping, str]) -> Iterator[Finding]:
    """Guest pages that two mappings of different host pages claim."""
    ordered = sorted(seen, key=lambda m: (m.guest, m.size, m.host))
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if not other.guest_span.overlaps(one.guest_span):
                break
            if replaces(one, other):
                text = f"{seen[one]} and {seen[other]} are both mapped at guest {other.guest:#x}"
                yield GUEST_OVERLAP(text, node=seen[other], prop="reg")
