"""What becomes of the suppliers of every assignable device of every board: told, none lost.

Each device is planned alone, forced where no IOMMU protects it: the policy does not change its
suppliers. The figures are the table of docs: by kind of supplier, how many references were copied,
stubbed, kept, dropped; a device that is refused counts once for each of its references.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.phandle_properties import PhandleProperty, lookup
from xenassign.devicetree.references import INTERRUPT_TREE, references
from xenassign.devicetree.tree import Node
from xenassign.findings import errors
from xenassign.host.driver_needs import Need, needs
from xenassign.host.platform import read_platform
from xenassign.planning.decide import decide_on
from xenassign.planning.plan import DomainPlan, PlannedDevice
from xenassign.request.request import Accepted, Request
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board, read_board
from xenassign.xen.releases import DEFAULT, release

from .test_corpus import in_chunks, neighbours, new_devices, told

Figures = Callable[[Counter[str]], None]

pytestmark = pytest.mark.corpus
__all__ = ["neighbours"]  # the fixture


def plans(board: Board, nodes: Iterable[Node]) -> Iterator[DomainPlan]:
    """Each device alone."""
    for node in nodes:
        request = Request(devices=(node.path,), release=release(DEFAULT), policy="trust")
        allowed = {node: Accepted(node.path, "what it rules over does not matter here")}
        yield decide_on(board, Resolved(request, {node: node.path}, controls=allowed))


@in_chunks
def test_every_supplier_is_accounted_for(
    neighbours: list[tuple[str, Path]], figures: Figures
) -> None:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for name, path in neighbours:
        tree = read_blob(path.read_bytes(), name)
        board = read_board(read_platform(tree), release(DEFAULT))
        for plan in plans(board, new_devices(tree, seen)):
            refused = bool(errors(plan.findings))
            for device in plan.devices:
                wanted = _properties(board, device.host.node)
                told_of = {supplier.property for supplier in device.suppliers}
                for prop, kind in wanted.items():
                    if refused:
                        counts[f"suppliers, {kind}: refused"] += 1
                    elif prop not in told_of:
                        failures.append(f"{name}: {device.path}: nothing is said of {prop}")
                if not refused:
                    failures += [f"{name}: {p}" for p in _missed(plan, device, counts)]
                    counts["suppliers, devices"] += 1
                    for supplier in device.suppliers:
                        rule = lookup(supplier.property)
                        kind = rule.kind if rule else "other"
                        counts[f"suppliers, {kind}: {supplier.action}"] += 1
    figures(counts)
    assert not failures, told(failures)


def _missed(plan: DomainPlan, device: PlannedDevice, counts: Counter[str]) -> Iterator[str]:
    """What the driver needs, the host's node has, and the guest's lacks without a warning."""
    host, known = device.host.node, needs(device.host.node.compatible)
    required = [one for one in (known.needs if known else ()) if one.required]
    if not required:
        return
    guest = read_blob(to_blob(plan.tree)).find(device.guest_path)
    assert guest is not None
    warned = {f.prop for f in plan.findings if f.code == "XA506" and f.node == host.path}
    for one in required:
        rule = lookup(one.property)
        if "*" in one.property or rule is None or not _has(host, rule, one):
            continue
        if any(guest.has(p) or p in guest.children for p in one.instead if host.has(p)):
            continue
        if _has(guest, rule, one):
            counts[f"suppliers that the driver needs, there: {rule.kind}"] += 1
            continue
        counts[f"suppliers that the driver needs, not there but warned of: {rule.kind}"] += 1
        if one.property not in warned and not any(one.property == f.prop for f in plan.findings):
            yield f"{host.path}: the driver needs {one.property} {one.names}, and nothing warns"


def _has(node: Node, rule: PhandleProperty, one: Need) -> bool:
    names = node.strings(rule.names) if rule.names else ()
    return node.has(one.property) and (not one.names or not names or set(one.names) <= set(names))


def _properties(board: Board, node: Node) -> dict[str, str]:
    """The properties of a node that name suppliers, with their kinds."""
    return {
        group.prop: group.rule.kind
        for group in references(board.platform.tree, node)
        if group.prop not in INTERRUPT_TREE and any(not one.empty for one in group.entries)
    }
