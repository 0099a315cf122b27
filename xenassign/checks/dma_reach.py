"""DMA reach: which part of the guest's memory a device can address.

A device behind an IOMMU that Xen drives uses guest-physical addresses. The guest's RAM is in the
banks of its layout, wherever the host's memory is. A driver that is limited to 32-bit addresses, or
a bus that passes only some addresses (``dma-ranges``), does not reach all of it. Without an IOMMU
the addresses that a device uses are the host's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.addresses import is_pci
from xenassign.devicetree.spans import Span, merged
from xenassign.findings import Finding, rule
from xenassign.host.dma_width import width
from xenassign.host.dma_windows import Translation, Windows, moves
from xenassign.xen.layout import MIB, Guest

if TYPE_CHECKING:
    from xenassign.host.device import HostDevice
    from xenassign.xen.board import Board
    from xenassign.xen.iommu import Protection

DMA_OFFSET = rule("XA504", "dma-ranges-dropped", "warning", "broken")
PARTLY = rule("XA424", "ram-partly-out-of-reach", "warning", "portability", needs_host=True)
NOTHING = rule("XA425", "ram-out-of-reach", "warning", "broken", needs_host=True)
MOVED = rule("XA426", "dma-addresses-moved", "warning", "broken", needs_host=True)

_ONE_TABLE = (
    "assign devices with the same dma-ranges to a domain of their own: /passthrough can have one"
    " table only"
)


def reach_findings(
    board: Board,
    device: HostDevice,
    protection: Protection,
    guest: Guest,
    translation: Translation | None = None,
    *,
    keeps: bool | None = None,
) -> Iterator[Finding]:
    """What a device does not reach, as far as its driver's address width and its bus are known.

    ``translation``: the translation that /passthrough of a direct-map domain states. ``keeps``:
    whether the guest's node has dma-ranges; as generate writes them if None.
    """
    keeps = guest.direct is not None if keeps is None else keeps
    if not is_pci(device.node) and moves(device.node):
        message = f"{device.path}: its own dma-ranges translate addresses, and are not copied"
        yield DMA_OFFSET(message, node=device.path, prop="dma-ranges")
    if device.dma.answer != "yes":
        return
    limits = board.inbound.windows(device.node)
    if limits is not None and limits.moving:
        if is_pci(device.node):
            if not keeps:
                message = f"{device.path}: {_mapping(limits)}"
                yield DMA_OFFSET(message, node=device.path, prop="dma-ranges")
                return
        elif not protection.protected:
            yield _moved(device, limits, guest, translation)
            if translation is None:
                return  # the guest's driver uses addresses that are translated differently
    if protection.protected or guest.direct is not None:
        yield from _reachable(device, limits, guest, protection)


def _mapping(limits: Windows) -> str:
    """The windows that translate addresses, for a message."""
    translated = [entry for entry in limits.entries if entry.moves]
    first = translated[0]
    more = f" and {len(translated) - 1} more" if len(translated) > 1 else ""
    span = f"{first.child:#x}-{first.child + first.size:#x}"
    return f"its DMA addresses {span} are {first.parent:#x} of the host{more}"


def _moved(
    device: HostDevice, limits: Windows, guest: Guest, translation: Translation | None
) -> Finding:
    """That addresses of the guest's driver are not those of the device."""
    if translation is not None:
        message = f"{device.path}: {_mapping(limits)}; /passthrough of the guest states the same"
        fix = "nothing, if the guest's kernel applies dma-ranges"
        return MOVED(message, node=device.path, prop="dma-ranges", severity="note", fix=fix)
    one_table = _ONE_TABLE if guest.direct is not None else None
    first = next(entry for entry in limits.entries if entry.moves)
    window = next((e for e in limits.entries if e.span.holds(first.parent)), None)
    target = "nothing"
    if window is not None:
        target = f"{window.parent + first.parent - window.child:#x} of the host"
    message = (
        f"{device.path}: {_mapping(limits)} (dma-ranges of {limits.bus.path}); the guest's driver"
        f" uses {first.parent:#x} instead, where the device reaches {target}"
    )
    return MOVED(message, node=device.path, prop="dma-ranges", fix=one_table)


def reach(device: HostDevice, limits: Windows | None, protected: bool) -> tuple[Span, ...] | None:
    """The memory that a device can address, in bytes; None if nothing is known to limit it.

    Behind an IOMMU an address on the bus is one of the guest; otherwise the bus translates it to
    one of the host.
    """
    driver = width(device.node.compatible)
    if driver is None and limits is None:
        return None
    end = driver.limit if driver is not None else 1 << 64
    if limits is None:
        return (Span(0, end),)
    return tuple(
        Span.sized(entry.child if protected else entry.parent, min(entry.size, end - entry.child))
        for entry in limits.entries
    )


def _reachable(
    device: HostDevice, limits: Windows | None, guest: Guest, protection: Protection
) -> Iterator[Finding]:
    """How much of the guest's memory a device reaches; of its banks if the size is not known."""
    spans = reach(device, limits, protection.protected)
    if spans is None:
        return
    driver = width(device.node.compatible)
    reasons: list[str] = []
    if limits is not None:
        windows = ", ".join(str(entry.span) for entry in limits.entries)
        reasons.append(f"dma-ranges of {limits.bus.path} pass {windows}")
    if driver is not None:
        reasons.append(f"{driver.driver} of Linux uses {driver.bits}-bit addresses")
    banks = guest.ram()
    size_known = bool(banks)
    banks = banks or tuple(w.span for w in guest.windows if w.when == "ram")
    total = sum(bank.size for bank in banks)
    within = sum(bank.common(span).size for bank in banks for span in merged(spans))
    if within == 0:
        message = f"{device.path} reaches none of the guest's memory: {'; '.join(reasons)}"
        yield NOTHING(message, node=device.path)
    elif size_known and within < total:
        amount = f"{within // MIB} of {total // MIB} MiB"
        message = f"{device.path} reaches {amount} of the guest's memory: {'; '.join(reasons)}"
        yield PARTLY(message, node=device.path)
