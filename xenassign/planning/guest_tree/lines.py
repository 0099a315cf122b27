"""The interrupts of a guest's node: those of the host's that the guest can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.checks.scope import Scope
from xenassign.devicetree.draft import (
    Cells,
    DraftProperty,
    Ref,
    text,
)
from xenassign.devicetree.tree import Node
from xenassign.host.device import HostDevice
from xenassign.xen.releases import GUEST_PHANDLE_GIC


def interrupt_properties(
    device: HostDevice, scope: Scope, label: Callable[[Node], str]
) -> Iterator[DraftProperty]:
    """The interrupts that the guest can have, in the host's order, with their names.

    ``label``: gives the label of a node that is assigned too.
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
    left = [names[index] for index in indexes if index < len(names)]
    if left:
        yield text("interrupt-names", *left)


def lost_lines(scope: Scope, device: HostDevice) -> list[str]:
    """The interrupts that the guest cannot have, each controller once."""
    lost = (
        f"interrupt dropped: it ends at {line.controller.path}, which is not assigned"
        for line in device.other_interrupts
        if not scope.has(line.controller)
    )
    return list(dict.fromkeys(lost))
