"""Address planning on the real boards: what auto and windows choose, with devices taken by a seed.

The judge is the table of the release, compared byte by byte of the plan's mappings.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.host.device import devices
from xenassign.host.platform import Platform, read_platform
from xenassign.planning.decide import decide
from xenassign.planning.plan import DomainPlan, Mapping, PlacedBlock
from xenassign.request.options import ALIGNMENTS
from xenassign.request.request import MapOption, Pin, Request
from xenassign.xen.releases import RELEASES, release

from .conftest import Figures
from .test_corpus import in_chunks, told

pytestmark = pytest.mark.corpus

SEED = 20261
MEMORY = (None, 512, 4096)
WINDOW = Span(0x4100000, 0x10000000)
#: Windows in which a guest without vPCI, acpi and virtio in its dom.cfg has nothing.
UNUSED = ("vpci", "acpi", "virtio-mmio")


@in_chunks
def test_places_on_real_boards(chunk: int, board_files: list[Path], figures: Figures) -> None:
    """Nothing is touched, all is aligned, and with the pins of before nothing moves."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for path in board_files[chunk::32]:
        board = "/".join(path.parts[-2:])
        platform = read_platform(read_blob(path.read_bytes(), board))
        for number, asked in enumerate(requests(platform, board)):
            first = decide(platform.tree, asked, platform)
            wrong = [*misplaced(first)]
            more = [d.path for d in devices(platform) if d.blocks and d.path not in asked.devices]
            added = random.Random(f"{SEED} {board} {number} more").sample(more, min(3, len(more)))
            grown = Request(
                devices=(*asked.devices, *added),
                release=asked.release,
                maps=asked.maps,
                align=asked.align,
                memory=asked.memory,
                policy="trust",
                pins=pins(first),
            )
            second = decide(platform.tree, grown, platform)
            wrong += [*misplaced(second), *moved(first, second)]
            counts["places, plans"] += 2
            counts["places, blocks"] += len([*blocks(second)])
            failures += [f"{board} {asked.devices} {asked.align}: {what}" for what in wrong]
    figures(counts)
    assert not failures, told(failures)


def requests(platform: Platform, board: str) -> Iterator[Request]:
    """One of each board: its release, alignment and memory by the seed."""
    rng = random.Random(f"{SEED} {board}")
    paths = [device.path for device in devices(platform) if device.blocks]
    if not paths:
        return
    target = rng.choice(("auto", "auto", WINDOW))
    yield Request(
        devices=tuple(rng.sample(paths, min(rng.randint(1, 6), len(paths)))),
        release=release(rng.choice(tuple(RELEASES))),
        maps=(MapOption(None, None, target),),
        align=rng.choice(ALIGNMENTS),
        memory=rng.choice(MEMORY),
        policy="trust",
    )


def blocks(plan: DomainPlan) -> Iterator[tuple[str, PlacedBlock]]:
    for owner in plan.owners:
        for placed in owner.placed:
            yield owner.path, placed


def pins(plan: DomainPlan) -> tuple[Pin, ...]:
    return tuple(
        Pin(path, placed.block.index, placed.window, placed.mapping.guest)
        for path, placed in blocks(plan)
    )


def moved(first: DomainPlan, second: DomainPlan) -> Iterator[str]:
    now = {(p, b.block.index, b.window): b.mapping for p, b in blocks(second)}
    for path, placed in blocks(first):
        mapping = now.get((path, placed.block.index, placed.window))
        if mapping is not None and mapping != placed.mapping:
            yield f"{path}: {placed.mapping} moved to {mapping}"


def misplaced(plan: DomainPlan) -> Iterator[str]:
    """What is wrong with the places of a plan, by the table of its release."""
    request = plan.request
    target = request.maps[0].target
    mappings = {placed.mapping for _, placed in blocks(plan)}
    for one in mappings:
        if isinstance(target, Span) and not inside(target, one):
            yield f"{one} is not in the window"
        for window in request.release.windows:
            if window.when in ("gicv2", "gicv3") and window.when != f"gicv{plan.guest.gic}":
                continue
            if window.when in UNUSED:
                continue
            end = window.end
            if window.when == "ram" and request.release.extended_regions_exclude_mappings:
                end = min(end, window.base + ram_in(window.name, request.memory))
            if one.guest < end and window.base < one.guest + one.size:
                yield f"{one} touches {window.name}"
        if one.guest % PAGE_SIZE or one.guest + one.size > 1 << 48:
            yield f"{one} is no place"
        held = any(o != one and o.host <= one.host and ends(one) <= ends(o) for o in mappings)
        if not held:  # (pages inside of others go with them)
            yield from misaligned(request.align, one)
    for one, other in combinations(sorted(mappings, key=lambda m: m.guest), 2):
        meet = one.guest < other.guest + other.size and other.guest < one.guest + one.size
        if meet and one.guest - one.host != other.guest - other.host:
            yield f"{one} and {other} overlap"


def ram_in(bank: str, memory: int | None) -> int:
    """Bytes of RAM in a bank of the layout; the whole bank while they are not known."""
    if memory is None:
        return 1 << 40
    left = memory << 20
    return min(left, 3 << 30) if bank == "RAM bank 0" else max(left - (3 << 30), 0)


def inside(window: Span, one: Mapping) -> bool:
    return window.start <= one.guest and one.guest + one.size <= window.end


def ends(one: Mapping) -> int:
    return one.host + one.size


def misaligned(align: str, one: Mapping) -> Iterator[str]:
    if align == "natural" and one.guest & ((1 << (one.size - 1).bit_length()) - 1):
        yield f"{one} is not naturally aligned"
    if align == "64k" and one.guest & 0xFFFF:
        yield f"{one} is not at 64 KiB"
    large = 0x3FFFFFFF if one.size >= 1 << 30 else 0x1FFFFF
    if align == "2m" and one.size > 0x1FFFFF and (one.guest ^ one.host) & large:
        yield f"{one} is not congruent"
