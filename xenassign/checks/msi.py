"""Message signaled interrupts: those that a guest cannot have, and frames that it must not get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.ownership import kept_by_xen
from xenassign.devicetree.addresses import Block, is_pci
from xenassign.devicetree.cells import cell_count
from xenassign.devicetree.interrupts import interrupt_parent, interrupts
from xenassign.devicetree.references import property_references
from xenassign.findings import Finding, rule
from xenassign.host.msi import Frame, bypassed_doorbells
from xenassign.xen.layout import MIB, Guest, memory_limit

if TYPE_CHECKING:
    from xenassign.checks.regions import Region
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.spans import Span
    from xenassign.devicetree.tree import Node
    from xenassign.host.device import HostDevice
    from xenassign.host.platform import Platform
    from xenassign.xen.board import Board
    from xenassign.xen.iommu import Protection

BY_MARKS = rule("XA541", "msi-interrupts-added", "note", "broken", needs_host=True)
NEEDS_MSI = rule("XA505", "msi-dropped", "warning", "broken")
ONLY_MSI = rule("XA328", "msi-only", "warning", "broken")
FRAME_MAPPED = rule("XA329", "msi-frame-mapped", "error", "unsafe", needs_host=True)
DOORBELL_IN_RAM = rule("XA330", "doorbell-in-ram", "error", "broken", needs_host=True)


def full_interrupts(
    platform: Platform, device: HostDevice
) -> tuple[tuple[int, int, int], ...] | None:
    """The specifiers of ``interrupts`` with those added that it does not state.

    None if there are none to add, or if ``interrupts`` of the node cannot state them.
    """
    node, gic = device.node, platform.gic
    if not device.unstated or gic is None or node.has("interrupts-extended"):
        return None
    stated = interrupts(platform.tree, node)
    if stated.problems or len(stated.entries) != len(device.interrupts):
        return None
    if interrupt_parent(platform.tree, node) is not gic.node:
        return None
    if cell_count(gic.node, "#interrupt-cells", 3) != len(device.unstated[0].cells):
        return None
    return tuple(line.cells for line in device.lines)


def msi_line_findings(platform: Platform, device: HostDevice) -> Iterator[Finding]:
    """Interrupts of an MSI controller that its host node does not state in ``interrupts``."""
    if not device.msi_lines:
        return
    props = [prop for prop in _MSI_SPIS if device.node.has(prop)]
    first, last = device.msi_lines[0].intid, device.msi_lines[-1].intid
    message = f"{device.path}: {props[0]} states INTID {first} to {last}, and interrupts does not"
    added = full_interrupts(platform, device)
    fix = None if added is not None else "correct the host tree: interrupts can state them"
    severity = None if added is not None else "warning"
    yield BY_MARKS(message, node=device.path, prop=props[0], severity=severity, fix=fix)


_MSI_SPIS = ("msi-ranges", "arm,msi-base-spi")


def msi_findings(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """What is wrong with the MSIs of a device, and with the interrupts of an MSI controller."""
    yield from msi_line_findings(board.platform, device)
    if kept_by_xen(board, device.node) is None:
        yield from _lost(board, scope, device)


def _lost(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """MSIs that a device loses: those of a controller that is not assigned with it."""
    for node, prop in _msi_properties(device):
        lost = _lost_controllers(board, scope, node, prop)
        if lost is None:
            continue
        path = device.path
        of_node = "" if node is device.node else f" of {node.path}"
        message = f"{path}: {prop}{of_node} names {lost}"
        receiver = _receiver(device)
        if receiver is not None:
            message += f"; the PCI host's own MSI receiver has a wired interrupt ({receiver})"
            own = node is device.node
            fix = _OTHER_RECEIVER if own else "nothing, if the driver uses that receiver"
            severity = None if own else "note"
            yield NEEDS_MSI(message, node=path, prop=prop, severity=severity, fix=fix)
        elif device.intx.entries:
            message += "; its PCI devices have the interrupts of interrupt-map"
            fix = "nothing, if their drivers work without MSIs"
            yield NEEDS_MSI(message, node=path, prop=prop, severity="note", fix=fix)
        elif not device.interrupts:
            yield ONLY_MSI(f"{message}, and it has no wired interrupt", node=path, prop=prop)
        else:
            count = len(device.interrupts)
            wired = f"{count} wired interrupt{'s' if count > 1 else ''}"
            if is_pci(device.node):
                message += f"; its {wired} cannot replace the MSIs of its PCI devices"
                fix = "use devices that can be polled, or leave the PCI host to the host"
            else:
                message += f"; it also has {wired}"
                fix = "use it with its wired interrupts, if the driver can"
            yield NEEDS_MSI(message, node=path, prop=prop, fix=fix)


#: DesignWare drivers: pci-designware-host.c (has_msi_ctrl); Broadcom's: brcm_pcie_probe.
_OTHER_RECEIVER = (
    "use devices that can be polled, unless the PCI host's driver uses that receiver without the"
    " property, as DesignWare's does and Broadcom's does not"
)


def _msi_properties(device: HostDevice) -> Iterator[tuple[Node, str]]:
    """(node, property) of the MSI controllers of a device.

    ``msi-parent`` is on the node itself; for a PCI host the nearest bus that has msi-map or
    msi-parent counts too (of_msi_xlate).
    """
    if device.msi:
        yield from ((device.node, prop) for prop in device.msi)
    elif is_pci(device.node):
        for above in device.node.ancestors():
            for prop in ("msi-map", "msi-parent"):
                if above.has(prop):
                    yield above, prop
                    return


def _lost_controllers(board: Board, scope: Scope, node: Node, prop: str) -> str | None:
    """The MSI controllers of a property that the guest does not get, or None if it gets all."""
    value = node.get(prop)
    group = property_references(board.platform.tree, node, value) if value else None
    entries = group.entries if group else ()
    lost: list[str] = []
    for entry in entries:
        provider = entry.provider
        if provider is None:
            lost.append("a controller that does not exist")
        elif not scope.has(provider):
            lost.append(_lost_controller(board, provider))
    if not entries:
        lost.append("a controller that cannot be read")
    return " and ".join(dict.fromkeys(lost)) or None


def _lost_controller(board: Board, node: Node) -> str:
    """An MSI controller that the guest does not get, with the reason, for a message."""
    platform = board.platform
    if platform.gic is not None and node is platform.gic.node:
        return f"the GIC {node.path}, whose message-based SPIs no guest has"
    controller = next((msi for msi in platform.msi if msi.node is node), None)
    if controller is not None and controller.frame:
        return f"{controller.title} {node.path}, which no guest has"
    return f"the MSI controller {node.path}, which is not assigned with it"


def _receiver(device: HostDevice) -> str | None:
    """The name of the wired interrupt by which a PCI host receives MSIs itself, or None.

    Linux' dw_pcie_msi_host_init uses ``msi``, or ``msi0`` and following.
    """
    if not is_pci(device.node):
        return None
    names = device.node.strings("interrupt-names")
    wired = {line.index for line in device.interrupts}
    return next((n for i, n in enumerate(names) if n in ("msi", "msi0") and i in wired), None)


def mapped_frame_findings(
    board: Board, scope: Scope, regions: tuple[Region, ...] = ()
) -> Iterator[Finding]:
    """Pages of assigned devices and of regions that contain an MSI frame."""
    if not board.msi_frames:
        return
    for device in scope.devices:
        if kept_by_xen(board, device.node) is None:
            yield from _mapped(board, device.path, (*device.blocks, *device.windows))
    for region in regions:
        yield from _mapped(board, region.path, region.blocks)


def _mapped(board: Board, path: str, blocks: tuple[Block, ...]) -> Iterator[Finding]:
    for block in blocks:
        frame = overlapping_frame(board.msi_frames, block.pages)
        if frame is not None:
            message = f"the pages {block.pages} of {path} hold {frame_text(frame)}"
            yield FRAME_MAPPED(message, node=path, prop="reg")


def overlapping_frame(frames: tuple[Frame, ...], pages: Span) -> Frame | None:
    """The first frame that shares an address with ``pages``; None if no frame does."""
    return next((frame for frame in frames if frame.span.overlaps(pages)), None)


def frame_text(frame: Frame) -> str:
    """A frame, for a message."""
    return f"{frame.title} {frame.node.path} ({frame.span.start:#x})"


def doorbell_findings(
    board: Board, device: HostDevice, protection: Protection, guest: Guest
) -> Iterator[Finding]:
    """Doorbells at addresses of the guest's RAM that the device writes to untranslated."""
    if not protection.protected:
        return
    for frame in bypassed_doorbells(board.platform.msi, (use.node for use in device.iommus)):
        if any(bank.overlaps(frame.span) for bank in guest.ram()):
            doorbell = f"the doorbell of {frame.node.path} at {frame.span}"
            message = f"{device.path} reaches {doorbell} untranslated, and the guest has RAM there"
            limit = memory_limit(guest, [frame.span])
            yield DOORBELL_IN_RAM(message, node=device.path, fix=_doorbell_fix(guest, limit))


def _doorbell_fix(guest: Guest, limit: int) -> str:
    """What to do about a doorbell in RAM. ``limit``: the most MiB that end below it."""
    if limit and (guest.memory or 0) > limit * MIB:
        return f"give the guest --memory {limit} at most"
    return "do not assign the device"
