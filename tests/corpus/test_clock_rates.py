"""The rates that guests of real boards are told, against rates computed from what libfdt reads.

What a provider states, what fixed factors make of it, and what is asked for are read here anew, by
their bindings; nothing of xenassign is asked for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.findings import errors
from xenassign.host.device import is_device
from xenassign.host.platform import read_platform
from xenassign.planning.decide import decide_on
from xenassign.request.request import Accepted, Request
from xenassign.request.resolve import Resolved
from xenassign.tables import table_path
from xenassign.xen.board import read_board
from xenassign.xen.releases import DEFAULT, release

from .judges import Plain, read

CHUNKS = 32
DEVICES = 8  # of a board: first those whose rates take more than a look

Figures = Callable[[Counter[str]], None]
Clock = tuple[Plain, tuple[int, ...]]

pytestmark = pytest.mark.corpus


class Rates:
    """The rates of the clocks of one tree; None where the tree does not tell."""

    def __init__(self, nodes: list[Plain]) -> None:
        self.phandles = {n.cell("phandle", 0): n for n in nodes if "phandle" in n.properties}
        self.asked: dict[tuple[str, tuple[int, ...]], list[tuple[Plain, int]]] = {}
        for node in nodes:
            wanted = node.cells("assigned-clock-rates")
            for clock, rate in zip(self.clocks(node, "assigned-clocks"), wanted, strict=False):
                if clock is not None and rate:
                    key = clock[0].path, clock[1]
                    self.asked.setdefault(key, []).append((node, rate))

    def clocks(self, node: Plain, name: str) -> list[Clock | None]:
        """The provider and the arguments of each entry; None for one that is left out."""
        values, found = list(node.cells(name)), list[Clock | None]()
        while values:
            phandle = values.pop(0)
            provider = self.phandles.get(phandle)
            if provider is None:
                found.append(None)
                if phandle:
                    return found
                continue
            count = provider.cell("#clock-cells", 0)
            found.append((provider, tuple(values[:count])))
            del values[:count]
        return found

    def own(self, provider: Plain, depth: int = 0) -> int | None:
        """The rate of a fixed clock, or of one behind fixed factors."""
        kinds = provider.properties.get("compatible", b"").split(b"\0")
        if b"fixed-clock" in kinds:
            return provider.cell("clock-frequency", 0) or None
        if b"fixed-factor-clock" not in kinds or depth > 20:
            return None
        parent = next(iter(self.clocks(provider, "clocks")), None)
        if parent is None:
            return None
        rate = self.own(parent[0], depth + 1) or self.request(provider, parent)
        factor, divisor = provider.cell("clock-mult", 0), provider.cell("clock-div", 0)
        return rate * factor // divisor or None if rate and factor and divisor else None

    def request(self, consumer: Plain, clock: Clock) -> int | None:
        """The one rate that the consumer, what encloses it and all nodes in use ask for."""
        near = {node.path for node in consumer.lineage()}
        rates = {
            rate
            for node, rate in self.asked.get((clock[0].path, clock[1]), ())
            if node.path in near or all(in_use(each) for each in node.lineage())
        }
        return rates.pop() if len(rates) == 1 else None


def in_use(node: Plain) -> bool:
    return node.properties.get("status", b"okay\0") in (b"okay\0", b"ok\0")


def kinds_of(node: Plain) -> set[bytes]:
    return set(node.properties.get("compatible", b"").split(b"\0"))


#: The controllers of whose clocks a table has rates where the tree has none (tests/host).
NUMBERED = {
    name
    for line in re.findall(rb"^[a-z]+,.+", table_path("controller-clocks").read_bytes(), re.M)
    for name in line.split()
}


def told_elsewhere(consumer: Plain, clock: Clock) -> bool:
    """Whether the rate may come from a clock-frequency that this test does not compute with."""
    kinds = clock[0].properties.get("compatible", b"").split(b"\0")
    fixed = b"fixed-clock" in kinds or b"fixed-factor-clock" in kinds
    gate = b"gpio-gate-clock" in kinds
    return (
        gate
        or "clock-frequency" in consumer.properties
        or (not fixed and "clock-frequency" in clock[0].properties)
    )


def plainness(host: Rates, consumer: Plain) -> int:
    """0 for a device behind fixed factors, 1 for one that asks for rates, else 2."""
    clocks = [clock[0] for clock in host.clocks(consumer, "clocks") if clock is not None]
    if any(b"fixed-factor-clock" in c.properties.get("compatible", b"") for c in clocks):
        return 0
    return 1 if "assigned-clock-rates" in consumer.properties else 2


def compared(path: Path) -> Iterator[tuple[str, bool, bool, str | None]]:
    """(clock, whether it is computed behind factors, whether known, what is wrong)."""
    blob = path.read_bytes()
    tree = read_blob(blob, path.name)
    board = read_board(read_platform(tree), release(DEFAULT))
    plain = {node.path: node for node in read(blob)}
    host = Rates(list(plain.values()))
    taken = 0
    devices = [node for node in tree.nodes() if is_device(node) and node.has("clocks")]
    for node in sorted(devices, key=lambda node: plainness(host, plain[node.path])):
        if taken == DEVICES:
            break
        request = Request((node.path,), policy="trust")
        allowed = {node: Accepted(node.path, "what it rules over does not matter here")}
        plan = decide_on(board, Resolved(request, {node: node.path}, controls=allowed))
        if errors(plan.findings) or all(device.path != node.path for device in plan.devices):
            continue
        taken += 1
        inside = read(to_blob(plan.tree))
        guest = Rates(inside)
        at = next(device.guest_path for device in plan.devices if device.path == node.path)
        copy = next(each for each in inside if each.path == at)
        wanted = host.clocks(plain[node.path], "clocks")
        made = guest.clocks(copy, "clocks")
        assert len(made) == len(wanted) or None in wanted, node.path
        for clock, new in zip(wanted, made, strict=False):
            if clock is None or new is None or told_elsewhere(plain[node.path], clock):
                continue
            provider = clock[0]
            expected = host.own(provider) or host.request(plain[node.path], clock)
            if expected is None and NUMBERED & kinds_of(provider):
                continue
            rate = guest.own(new[0])
            behind = b"fixed-factor-clock" in provider.properties.get("compatible", b"")
            wrong = None if rate == expected else f"{rate} Hz instead of {expected}"
            yield f"{node.path}: {provider.path} {clock[1]}", behind, bool(expected), wrong


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_guests_are_told_the_rates_of_the_board(
    chunk: int, board_files: list[Path], figures: Figures
) -> None:
    counts: Counter[str] = Counter()
    failures = []
    for path in board_files[chunk::CHUNKS]:
        for clock, behind, known, wrong in compared(path):
            counts["clock rates compared"] += 1
            counts["clock rates known"] += known
            counts["clock rates behind fixed factors"] += behind
            if wrong:
                failures.append(f"{path.name}: {clock}: {wrong}")
    figures(counts)
    assert counts["clock rates known"]
    assert not failures, "\n".join(failures[:25])
