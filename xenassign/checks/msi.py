"""Message-signalled interrupts: what a guest can't have, and what no guest may write to."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.ownership import kept_by_xen
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import Block, is_pci
from xenassign.devicetree.references import property_references
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice
from xenassign.host.msi import Frame, bypassed_doorbells
from xenassign.xen.board import Board
from xenassign.xen.iommu import Protection
from xenassign.xen.layout import MIB, Guest, memory_limit

NEEDS_MSI = rule("XA505", "msi-dropped", "warning", "broken")
ONLY_MSI = rule("XA328", "msi-only", "warning", "broken")
FRAME_MAPPED = rule("XA329", "msi-frame-mapped", "error", "unsafe", needs_host=True)
DOORBELL_IN_RAM = rule("XA330", "doorbell-in-ram", "error", "broken", needs_host=True)


def lost_msi_findings(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """MSIs that the device loses: those of a controller that is not assigned with it."""
    if kept_by_xen(board, device.node) is not None:
        return
    for node, prop in _stated(device):
        lost = _controllers(board, scope, node, prop)
        if lost is None:
            continue
        path = device.path
        where = "" if node is device.node else f" of {node.path}"
        message = f"{path}: {prop}{where} names {lost}"
        own = _own_receiver(device)
        if own is not None:
            message += f"; the host's own MSI receiver has a wired interrupt ({own})"
            fix = "nothing, where the driver uses that receiver"
            yield NEEDS_MSI(message, node=path, prop=prop, severity="note", fix=fix)
        elif not device.interrupts:
            yield ONLY_MSI(f"{message}, and it has no wired interrupt", node=path, prop=prop)
        else:
            count = len(device.interrupts)
            wired = f"{count} wired interrupt{'s' if count > 1 else ''}"
            if is_pci(device.node):
                message += f"; its {wired} cannot stand in for the devices behind it"
                fix = "use devices that can be polled, or leave the PCI host to the host"
            else:
                message += f"; it has {wired} besides"
                fix = "use it with its wired interrupts, if the driver can"
            yield NEEDS_MSI(message, node=path, prop=prop, fix=fix)


def _stated(device: HostDevice) -> Iterator[tuple[Node, str]]:
    """(node, property) that gives a device its MSIs.

    ``msi-parent`` is the node's own; a PCI host has also what is stated above it (of_msi_xlate).
    """
    if device.msi:
        yield from ((device.node, prop) for prop in device.msi)
    elif is_pci(device.node):
        for above in device.node.ancestors():
            for prop in ("msi-map", "msi-parent"):
                if above.has(prop):
                    yield above, prop
                    return


def _controllers(board: Board, scope: Scope, node: Node, prop: str) -> str | None:
    """The MSI controllers named that the guest does not get, or None where it gets all."""
    stated = node.get(prop)
    group = property_references(board.platform.tree, node, stated) if stated else None
    entries = group.entries if group else ()
    lost: list[str] = []
    for entry in entries:
        provider = entry.provider
        if provider is None:
            lost.append("a controller that is not there")
        elif not scope.has(provider):
            lost.append(_controller(board, provider))
    if not entries:
        lost.append("a controller that can't be read")
    return " and ".join(dict.fromkeys(lost)) or None


def _controller(board: Board, node: Node) -> str:
    """An MSI controller that is not the guest's, and why not."""
    platform = board.platform
    if platform.gic is not None and node is platform.gic.node:
        return f"the GIC {node.path}, whose message-based SPIs no guest has"
    known = next((msi for msi in platform.msi if msi.node is node), None)
    if known is not None and known.frame:
        return f"{known.title} {node.path}, which no guest has"
    return f"the MSI controller {node.path}, which is not assigned with it"


def _own_receiver(device: HostDevice) -> str | None:
    """The wired interrupt by which a PCI host receives MSIs itself, by its name.

    Linux' dw_pcie_msi_host_init takes ``msi``, or ``msi0`` and further.
    """
    if not is_pci(device.node):
        return None
    names = device.node.strings("interrupt-names")
    wired = {line.index for line in device.interrupts}
    own = (name for at, name in enumerate(names) if name in ("msi", "msi0") and at in wired)
    return next(own, None)


def mapped_frame_findings(
    board: Board, scope: Scope, regions: tuple[Region, ...] = ()
) -> Iterator[Finding]:
    """Pages of assigned devices and of regions in which an MSI frame lies."""
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
    """The first frame of which a part lies in whole pages."""
    return next((frame for frame in frames if frame.span.overlaps(pages)), None)


def frame_text(frame: Frame) -> str:
    """A frame, for a message."""
    return f"{frame.title} {frame.node.path} ({frame.span.start:#x})"


def doorbell_findings(
    board: Board, device: HostDevice, protection: Protection, guest: Guest
) -> Iterator[Finding]:
    """Doorbells that the device reaches untranslated, where the guest has RAM."""
    if not protection.protected:
        return
    for frame in bypassed_doorbells(board.platform.msi, (use.node for use in device.iommus)):
        if any(bank.overlaps(frame.span) for bank in guest.ram()):
            what = f"the doorbell of {frame.node.path} at {frame.span}"
            message = f"{device.path} reaches {what} untranslated, and the guest has RAM there"
            most = memory_limit(guest, [frame.span])
            yield DOORBELL_IN_RAM(message, node=device.path, fix=_less(guest, most))


def _less(guest: Guest, most: int) -> str:
    """How much memory is left below a doorbell, in MiB."""
    fits = most and (guest.memory or 0) > most * MIB
    return f"give the guest --memory {most} at most" if fits else "do not assign the device"
