"""No property that a binding requires gets lost between a board and a guest without a word.

One device of every kind that the boards have (all its ``compatible`` strings) is planned alone. Its
node in the guest's tree and its node on the board are judged by Linux' bindings: what only the
guest's lacks has to be a supplier that the plan tells of, or what a finding tells of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.corpus.conftest import board_directory, board_files, figures
from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.phandle_properties import lookup
from xenassign.findings import errors
from xenassign.host.device import is_device
from xenassign.host.platform import read_platform
from xenassign.planning.decide import decide_on
from xenassign.planning.plan import DomainPlan, PlannedDevice
from xenassign.request.request import Accepted, Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import read_board
from xenassign.xen.releases import DEFAULT, release

from ..debian import FetchError
from ..missing import skip_or_fail
from .fetch_bindings import COMMAND, fetch
from .judge import Bindings, with_gic

__all__ = ["board_directory", "board_files", "figures"]  # fixtures

CHUNKS = 8

#: Properties that no supplier bears, each with the finding that tells of its loss.
TOLD_BY = {
    "interrupts": {"XA307"},
    "interrupts-extended": {"XA307"},
    "interrupt-names": {"XA307"},
    "interrupt-map": {"XA327"},
    "interrupt-map-mask": {"XA327"},
    "#interrupt-cells": {"XA327"},
    "reg": {"XA208"},
    "ranges": {"XA105", "XA106"},  # of a bus whose children are left out; one that can't be read
    "dma-ranges": {"XA426", "XA504"},  # of a bus: told of the devices on it
    "msi-map": {"XA328", "XA505"},
    "msi-parent": {"XA328", "XA505"},
}

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="session")
def bindings() -> Bindings:
    """Linux' bindings, fetched and processed when they are not there."""
    try:
        return Bindings(fetch())
    except FetchError as error:
        skip_or_fail(f"no bindings: {error}. Fetch them with: {COMMAND}")


def test_the_judge_sees_what_is_missing(bindings: Bindings, board_files: list[Path]) -> None:
    """A node with a clock too few is found; so the tests below can fail."""
    blob = next(p for p in board_files if p.name == "zynqmp-zcu102-rev1.0.dtb").read_bytes()
    path = "/axi/ethernet@ff0e0000"
    tree = bindings.decode(blob)
    assert not bindings.missing(tree, path)
    del tree["axi"]["ethernet@ff0e0000"]["clocks"]
    assert bindings.missing(tree, path) == {"clocks"}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_a_binding_requires_is_there_or_told(
    chunk: int,
    bindings: Bindings,
    board_files: list[Path],
    figures: Callable[[Counter[str]], None],
) -> None:
    """Neighbouring boards have much in common, so a chunk is a run of them."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    share = -(-len(board_files) // CHUNKS)
    seen: set[tuple[str, ...]] = set()
    for path in board_files[chunk * share : (chunk + 1) * share]:
        for plan, missing in _compared(path.read_bytes(), path.name, bindings, seen):
            device = plan.devices[0]
            counts["bindings, devices of a kind"] += 1
            counts["bindings, devices that have all that is required"] += not missing
            for name in sorted(missing):
                rule = lookup(name)
                counts[f"bindings, required and not given: {rule.kind if rule else name}"] += 1
                if not _told(name, plan, device):
                    failures.append(f"{path.name}: {device.path}: nothing is said of {name}")
    figures(counts)
    assert not failures, "\n".join(failures)


def _compared(
    blob: bytes, name: str, bindings: Bindings, seen: set[tuple[str, ...]]
) -> Iterator[tuple[DomainPlan, set[str]]]:
    """The devices of a kind not seen yet, and what only their nodes in the guest lack."""
    tree = read_blob(blob, name)
    board = read_board(read_platform(tree), release(DEFAULT))
    for node in tree.nodes():
        kind = node.compatible
        if not is_device(node) or not node.available or kind in seen or not bindings.knows(kind):
            continue
        request = Request(devices=(node.path,), policy="trust")
        allowed = {node: Accepted(node.path, "what it rules over does not matter here")}
        plan = decide_on(board, Resolved(request, {node: node.path}, controls=allowed))
        if errors(plan.findings) or plan.devices[0].path != node.path:
            continue
        seen.add(kind)
        guest = bindings.decode(with_gic(to_blob(plan.tree)))
        missing = bindings.missing(guest, plan.devices[0].guest_path)
        yield plan, {name for name in missing if node.has(name)}


def _told(name: str, plan: DomainPlan, device: PlannedDevice) -> bool:
    """Whether the plan says that a property is not in the guest, and why."""
    node = device.host.node
    dropped = {s.property for s in device.suppliers if s.action == "dropped" and s.why}
    rules = [rule for prop in dropped if (rule := lookup(prop))]
    along = {rule.names for rule in rules} | {other for rule in rules for other in rule.parallel}
    along |= {"pinctrl-names" for prop in dropped if prop.startswith("pinctrl-")}
    if name in dropped | along:
        return True
    codes = TOLD_BY.get(name, set())
    return any(f.code in codes and (f.node or "").startswith(node.path) for f in plan.findings)
