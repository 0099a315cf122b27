"""Random systems of up to 8 domains on the real boards: what is accepted shares nothing.

The judge of an accepted system reads the rendered files alone: libfdt the partial trees and the
board, regular expressions the configurations. Of a refused one the pairs of domains that are told
to share something are compared with all pairs, set against each other number by number.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import TypeVar

import pytest

from xenassign.checks.conflicts import LINES, NESTED, PAGES, STREAMS, TWICE
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.tree import Tree
from xenassign.findings import errors
from xenassign.host.device import is_device
from xenassign.outputs.generated import generate_system
from xenassign.request.request import MapOption, Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.system import SystemPlan
from xenassign.xen.releases import RELEASES, release

from . import judges
from .test_corpus import chunk_of_boards, in_chunks, told

Figures = Callable[[Counter[str]], None]
Pairs = set[tuple[str, str]]
T = TypeVar("T")

pytestmark = pytest.mark.corpus
__all__ = ["chunk_of_boards"]  # the fixture

SEED = 20261121
#: Every so many-th board of a chunk has a system.
STRIDE = 4
#: How often what a system is refused for is taken out, before it is given up.
TRIES = 6

#: The guest's address space but for RAM and what depends on the GIC (xen/include/public/
#: arch-arm.h): vPL011, grant table, magic pages.
ALWAYS = ((0x22000000, 0x1000), (0x38000000, 0x1000000), (0x39000000, 0x1000000))
GICS = {
    2: ((0x3001000, 0x1000), (0x3002000, 0x2000)),
    3: ((0x3001000, 0x10000), (0x3020000, 0x1000000)),
}
RAM = 0x40000000
MIB = 1 << 20


def system(rng: random.Random, paths: list[str]) -> list[Request]:
    """Domains with devices from anywhere, and often from beside those of another domain."""
    taken: list[int] = []
    domains = []
    version = rng.choice(tuple(RELEASES))
    for number in range(rng.randint(2, 8)):
        devices: list[str] = []
        for _ in range(rng.randint(1, 3)):
            near = bool(taken) and rng.random() < 0.4
            at = rng.choice(taken) + rng.randint(-2, 2) if near else rng.randrange(len(paths))
            at = min(max(at, 0), len(paths) - 1)
            if paths[at] not in devices:
                devices.append(paths[at])
                taken.append(at)
        domains.append(
            Request(
                devices=tuple(devices),
                name=f"d{number}",
                release=release(version),
                maps=rng.choice(((), (MapOption(None, None, "auto"),))),
                policy="trust",
                memory=rng.choice((64, 256, 1024, 2500)),
                extra=rng.choice((None, "quiet")),
            )
        )
    return domains


def without_the_refused(domains: list[Request], plan: SystemPlan) -> list[Request]:
    """The domains without the devices that something is said against."""
    bad: dict[str, set[str]] = {one.name: set() for one in domains}
    for conflict in plan.conflicts:
        bad[conflict.domains[1]].add(conflict.paths[1])
    for domain in plan.domains:
        bad[domain.name] |= {finding.node or "" for finding in errors(domain.findings)}
    left = []
    for one in domains:
        devices = tuple(
            device
            for device in one.devices
            if not any(f"{path}/".startswith(f"{device}/") for path in bad[one.name])
        )
        if devices:
            left.append(replace(one, devices=devices))
    return left


@in_chunks
def test_no_two_domains_of_an_accepted_system_touch(
    chunk_of_boards: list[tuple[str, Path]], figures: Figures
) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for name, path in chunk_of_boards[::STRIDE]:
        blob = path.read_bytes()
        tree = read_blob(blob, name)
        paths = [node.path for node in tree.nodes() if is_device(node)]
        if not paths:
            continue
        domains = system(random.Random(f"{SEED} {name}"), paths)
        problems = judged(tree, blob, domains, counts)
        failures += (f"{name}: {problem}" for problem in problems)
    figures(counts)
    assert not failures, told(failures)


def judged(tree: Tree, blob: bytes, domains: list[Request], counts: Counter[str]) -> Iterator[str]:
    """What is wrong with what is said about a system, and with what is left of it."""
    host = judges.read(blob)
    for _ in range(TRIES):
        if not domains:
            break
        plan, files, refusals, _ = generate_system(tree, SystemRequest(tuple(domains)))
        counts["systems, judged"] += 1
        counts[f"systems, {'refused' if refusals else 'accepted'}"] += 1
        for conflict in plan.conflicts:
            counts[f"systems, {conflict.rule.code}"] += 1
        yield from mistaken(host, plan)
        if not refusals:
            counts["systems, domains"] += len(domains)
            counts["systems, devices"] += sum(len(one.devices) for one in plan.domains)
            yield from touching(host, domains, files)
            return
        left = without_the_refused(domains, plan)
        if left == domains:  # refused for its bytes, or for an enclosing bus
            left = domains[:-1]
        domains = left


# ---------------------------------------------------------------------- what is told


def mistaken(host: list[judges.Plain], plan: SystemPlan) -> Iterator[str]:
    """Pairs of domains that share something and are not told of it, or the reverse."""
    nodes = {node.path: node for node in host}
    by_phandle = {node.cell("phandle", 0): node for node in host if "phandle" in node.properties}
    pages, lines, streams, devices = [], [], [], []
    for domain in plan.domains:
        pages.append([(m.host, m.host + m.size) for o in domain.owners for m in o.mappings])
        lines.append({intid for device in domain.devices for intid in device.irqs})
        streams.append([s for d in domain.devices for s in ids(nodes[d.path], by_phandle)])
        devices.append({device.path for device in domain.devices})
    said: dict[str, Pairs] = {}
    for conflict in plan.conflicts:
        said.setdefault(conflict.rule.code, set()).add(conflict.domains)
    both = said.get(TWICE.code, set()) | said.get(NESTED.code, set())
    names = [domain.name for domain in plan.domains]
    for first, second in combinations(range(len(names)), 2):
        pair = {(names[first], names[second]), (names[second], names[first])}
        twice = bool(both & pair)
        for what, code, shared in (
            ("devices", "", bool(devices[first] & devices[second])),
            (
                "pages",
                PAGES.code,
                any(a < d and c < b for (a, b), (c, d) in _pairs(pages, first, second)),
            ),
            ("interrupts", LINES.code, bool(lines[first] & lines[second])),
            ("streams", STREAMS.code, any(meet(*m) for m in _pairs(streams, first, second))),
        ):
            known = bool(said.get(code, set()) & pair) or twice
            if shared and not known:
                yield f"{names[first]} and {names[second]} share {what}, and nothing is said"
            if code and known and not twice and not shared:
                yield f"{names[first]} and {names[second]} share no {what}, and {code} is said"


Stream = tuple[str, int, int]


def _pairs(each: list[list[T]], first: int, second: int) -> Iterator[tuple[T, T]]:
    """What one domain has beside what another has."""
    return product(each[first], each[second])


def meet(one: Stream, other: Stream) -> bool:
    """Whether two streams with their masks are one to an IOMMU."""
    return one[0] == other[0] and not (one[1] ^ other[1]) & ~(one[2] | other[2])


def ids(node: judges.Plain, by_phandle: dict[int, judges.Plain]) -> Iterator[Stream]:
    """(IOMMU, stream, mask) of every entry of ``iommus``."""
    cells = list(node.cells("iommus"))
    while cells:
        iommu = by_phandle.get(cells.pop(0))
        if iommu is None:
            return
        count = iommu.cell("#iommu-cells", 0)
        args, cells = cells[:count], cells[count:]
        if args:
            own = iommu.cell("stream-match-mask", 0) if count == 1 else 0
            yield iommu.path, args[0], args[1] if count > 1 else own


# ---------------------------------------------------------------------- what is accepted


def touching(
    host: list[judges.Plain], domains: list[Request], files: dict[str, bytes]
) -> Iterator[str]:
    """What two domains of rendered files share, and what overlaps in one guest."""
    nodes = {node.path: node for node in host}
    by_phandle = {node.cell("phandle", 0): node for node in host if "phandle" in node.properties}
    gic = 3 if any(b"arm,gic-v3\0" in n.properties.get("compatible", b"") for n in host) else 2
    spans: list[tuple[int, int, str]] = []
    lines: dict[int, str] = {}
    streams: list[tuple[str, Stream]] = []
    for one in domains:
        mapped = []
        for node in judges.read(files[f"{one.name}.dtb"]):
            if "xen,reg" in node.properties:
                mapped += judges.windows(node)
            if "xen,path" in node.properties:
                own = ids(nodes[node.string("xen,path")], by_phandle)
                streams += ((one.name, stream) for stream in own)
        config = files[f"{one.name}.cfg"].decode()
        for entry in judges.lists(config, "iomem"):
            where, _, guest = entry.strip('"').partition("@")
            page, count = (int(number, 16) << 12 for number in where.split(","))
            mapped.append((page, count, int(guest, 16) << 12 if guest else page))
        spans += ((start, start + size, one.name) for start, size, _ in mapped)
        yield from overlapping(one, gic, judges.merged(mapped))
        for text in judges.lists(config, "irqs"):
            if lines.setdefault(int(text), one.name) != one.name:
                yield f"{one.name} and {lines[int(text)]} have INTID {text}"
    spans.sort()
    reach, holder = 0, ""
    for start, end, name in spans:
        if start < reach and name != holder:
            yield f"{name} and {holder} have page {start:#x}"
        if end > reach:
            reach, holder = end, name
    for (name, mine), (other, its) in combinations(streams, 2):
        if name != other and meet(mine, its):
            yield f"{name} and {other} have stream {mine[1]:#x} of {mine[0]}"


def overlapping(one: Request, gic: int, mapped: list[tuple[int, int, int]]) -> Iterator[str]:
    """What two things of one guest's address space share."""
    assert one.memory is not None
    spans = [(guest, guest + size, "a mapping") for _, size, guest in mapped]
    spans += ((base, base + size, "its own") for base, size in (*ALWAYS, *GICS[gic]))
    spans.append((RAM, RAM + one.memory * MIB, "RAM"))
    spans.sort()
    for (_, end, what), (start, _, other) in pairwise(spans):
        if start < end:
            yield f"{one.name}: {what} and {other} are both at guest {start:#x}"
