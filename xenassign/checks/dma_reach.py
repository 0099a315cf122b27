"""DMA reach: which part of the guest's memory a device can address.

A device behind an IOMMU that Xen drives emits guest-physical addresses. The guest's RAM is in the
banks of its layout, whatever the host's memory is; a driver that takes 32-bit addresses, or a bus
that passes on some addresses only (``dma-ranges``), does not reach all of it. Where nothing
translates, what a device emits are the host's addresses.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import is_pci
from xenassign.devicetree.spans import Span, merged
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice
from xenassign.host.dma_width import width
from xenassign.host.dma_windows import Translation, Windows, moves
from xenassign.xen.board import Board
from xenassign.xen.iommu import Protection
from xenassign.xen.layout import MIB, Guest

DMA_OFFSET = rule("XA504", "dma-ranges-dropped", "warning", "broken")
PARTLY = rule("XA424", "ram-partly-out-of-reach", "warning", "portability", needs_host=True)
NOTHING = rule("XA425", "ram-out-of-reach", "warning", "broken", needs_host=True)
MOVED = rule("XA426", "dma-addresses-moved", "warning", "broken", needs_host=True)

_ONE_TABLE = (
    "assign devices with the same dma-ranges to a domain of their own: /passthrough can have one"
    " table only"
)

#: (address, address behind the last byte).


def reach_findings(
    board: Board,
    device: HostDevice,
    protection: Protection,
    guest: Guest,
    translation: Translation | None = None,
) -> Iterator[Finding]:
    """What is within a device's reach, as far as its driver's width and its bus are known.

    ``translation``: the translation that a direct-map domain's /passthrough states.
    """
    if not is_pci(device.node) and moves(device.node):
        message = f"{device.path}: dma-ranges of its own move addresses, and are dropped"
        yield DMA_OFFSET(message, node=device.path, prop="dma-ranges")
    if device.dma.answer != "yes":
        return
    limits = board.inbound.windows(device.node)
    if limits is not None and limits.moving:
        if is_pci(device.node):
            message = f"{device.path}: {_mapping(limits)}"
            yield DMA_OFFSET(message, node=device.path, prop="dma-ranges")
            return
        if not protection.protected:
            yield _moved(device, limits, guest, translation)
            if translation is None:
                return  # the guest's driver gives addresses that mean something else
    if protection.protected or guest.direct is not None:
        yield from _reachable(device, limits, guest, protection)


def _mapping(limits: Windows) -> str:
    """The windows that move addresses, for a message."""
    moved = [entry for entry in limits.entries if entry.moves]
    first = moved[0]
    more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
    span = f"{first.child:#x}-{first.child + first.size:#x}"
    return f"for its DMA {span} is {first.parent:#x} of the host{more}"


def _moved(
    device: HostDevice, limits: Windows, guest: Guest, translation: Translation | None
) -> Finding:
    """What becomes of an address that the guest's driver takes for the device's."""
    if translation is not None:
        message = f"{device.path}: {_mapping(limits)}; /passthrough of the guest states the same"
        heeded = "nothing, where the guest's kernel heeds it"
        return MOVED(message, node=device.path, prop="dma-ranges", severity="note", fix=heeded)
    fix = _ONE_TABLE if guest.direct is not None else None
    first = next(entry for entry in limits.entries if entry.moves)
    hit = next((e for e in limits.entries if e.span.holds(first.parent)), None)
    where = f"{hit.parent + first.parent - hit.child:#x} of the host" if hit else "nothing"
    message = (
        f"{device.path}: {_mapping(limits)} (dma-ranges of {limits.bus.path}); the guest's driver"
        f" says {first.parent:#x} instead, where the device finds {where}"
    )
    return MOVED(message, node=device.path, prop="dma-ranges", fix=fix)


def _reachable(
    device: HostDevice, limits: Windows | None, guest: Guest, protection: Protection
) -> Iterator[Finding]:
    """How much of the guest's memory a device reaches; of its banks where the size is not known.

    Before an IOMMU an address of the bus is one of the guest; else the bus translates it.
    """
    known = width(device.node.compatible)
    if known is None and limits is None:
        return
    most = known.limit if known is not None else 1 << 64
    spans = [Span(0, most)]
    why: list[str] = []
    if limits is not None:
        spans = []
        for entry in limits.entries:
            at = entry.child if protection.protected else entry.parent
            spans.append(Span.sized(at, min(entry.size, most - entry.child)))
        ways = ", ".join(str(entry.span) for entry in limits.entries)
        why.append(f"dma-ranges of {limits.bus.path} pass {ways}")
    if known is not None:
        why.append(f"{known.driver} of Linux takes {known.bits}-bit addresses")
    banks = guest.ram()
    stated = bool(banks)
    banks = banks or tuple(w.span for w in guest.windows if w.when == "ram")
    total = sum(bank.size for bank in banks)
    within = sum(bank.common(span).size for bank in banks for span in merged(spans))
    if within == 0:
        message = f"{device.path} reaches none of the guest's memory: {'; '.join(why)}"
        yield NOTHING(message, node=device.path)
    elif stated and within < total:
        amount = f"{within // MIB} of {total // MIB} MiB"
        message = f"{device.path} reaches {amount} of the guest's memory: {'; '.join(why)}"
        yield PARTLY(message, node=device.path)
