"""The interrupts of a node in the guest: those of the host's node that the guest can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.checks.scope import Scope
from xenassign.devicetree.draft import (
    Cells,
    DraftProperty,
    Ref,
    text,
)
from xenassign.devicetree.references import Reference
from xenassign.devicetree.tree import Node, Tree
from xenassign.host.device import HostDevice
from xenassign.host.gic import primary_gic
from xenassign.xen.releases import GUEST_PHANDLE_GIC


def interrupt_properties(
    device: HostDevice, scope: Scope, label: Callable[[Node], str]
) -> Iterator[DraftProperty]:
    """The interrupts that the guest can have, in the host's order, with their names.

    ``label``: returns the label of an assigned interrupt controller.
    """
    gic = {line.index: line for line in device.interrupts}
    other = {line.index: line for line in device.other_interrupts if scope.has(line.controller)}
    indexes = sorted({*gic, *other})
    if not indexes:
        return
    if other:
        pieces = []
        for index in indexes:
            if index in gic:
                pieces.append(Cells((GUEST_PHANDLE_GIC, *gic[index].cells)))
            else:
                controller = Ref(label(other[index].controller))
                pieces.append(Cells((controller, *other[index].specifier)))
        yield DraftProperty("interrupts-extended", tuple(pieces))
    else:
        lines = tuple(Cells(gic[index].cells, decimal=True) for index in indexes)
        numbers = ", ".join(str(gic[index].intid) for index in indexes)
        yield DraftProperty("interrupts", lines, f"INTID {numbers}")
    names = device.node.strings("interrupt-names")
    kept_names = [names[index] for index in indexes if index < len(names)]
    if kept_names:
        yield text("interrupt-names", *kept_names)


def nexus_properties(
    device: HostDevice, scope: Scope, label: Callable[[Node], str]
) -> Iterator[DraftProperty]:
    """interrupt-map of a PCI host: its entries at the guest's GIC and at assigned controllers.

    The guest's GIC has no address cells (make_gicv3_domU_node, make_gicv2_domU_node, and both
    functions of libxl_arm.c).
    """
    pieces = []
    for entry, line in device.intx.entries:
        if line is not None:
            above: tuple[int | Ref, ...] = (GUEST_PHANDLE_GIC, *line.cells)
        elif entry.controller is not None and scope.has(entry.controller):
            above = (Ref(label(entry.controller)), *entry.unit, *entry.specifier)
        else:
            return
        pieces.append(Cells((*entry.matched, *above)))
    if pieces:
        numbers = ", ".join(str(line.intid) for line in device.intx.lines)
        comment = f"INTID {numbers}" if numbers else None
        yield DraftProperty("interrupt-map", tuple(pieces), comment)


def msi_range(tree: Tree, reference: Reference) -> tuple[int, ...] | None:
    """An entry of msi-ranges at the guest's GIC; None for any other reference."""
    if reference.prop != "msi-ranges":
        return None
    gic = primary_gic(tree)
    if gic is None or reference.provider is not gic.node:
        return None
    return (GUEST_PHANDLE_GIC, *reference.args, *reference.trail)


def lost_lines(scope: Scope, device: HostDevice) -> list[str]:
    """Comments about the interrupts that the guest cannot have, one for each controller."""
    lost = (
        f"interrupt dropped: it ends at {line.controller.path}, which is not assigned"
        for line in device.other_interrupts
        if not scope.has(line.controller)
    )
    return list(dict.fromkeys(lost))
