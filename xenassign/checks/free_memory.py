"""Free host memory, as far as the board's tree states it: static, or shared. In bytes.

Many trees state none: the boot loader fills it in. Then it is not known what pages without
registers of a device are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from xenassign.checks.static_memory import register_spans
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Merged, Span, gaps, merged
from xenassign.findings import Finding, rule
from xenassign.host.platform import read_platform
from xenassign.xen.layout import MIB

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node, Tree
    from xenassign.host.device import HostDevice
    from xenassign.host.platform import Platform
    from xenassign.request.request import Request

HOST_MEMORY = rule(
    "XA217", "host-memory-mapped", "error", "unsafe", routes=("dom0less",), needs_host=True
)
UNKNOWN_MEMORY = "the host's tree states no memory and no registers there, so it may be host RAM"
STATE_MEMORY = (
    "compare the address with the memory of the running board (/proc/iomem), or give the tree that"
    " its firmware completes (/sys/firmware/fdt)"
)

#: Firmware, boot loaders and Linux put what the tree does not state at the ends of a bank: the
#: kernel at its start, U-Boot, its initrd and device tree at its end.
_AT_START, _AT_END = 256 * MIB, 128 * MIB
_ALIGNMENT = 2 * MIB
_32_BITS = 1 << 32


def states_memory(platform: Platform) -> bool:
    """Whether the tree says where the memory is."""
    return any(block.size for block in platform.memory)


def added_page_findings(
    platform: Platform, request: Request, device: HostDevice
) -> Iterator[Finding]:
    """Pages that no device of the board has, where the tree does not state what is memory."""
    added = any(change.path == device.path for change in platform.added)
    if added and "dom0less" in request.routes and not states_memory(platform):
        for block in device.blocks:
            message = f"{device.path}: {block.span}: {UNKNOWN_MEMORY}"
            yield HOST_MEMORY(message, node=device.path, severity="warning", fix=STATE_MEMORY)


def free_range(platform: Platform, size: int, taken: Iterable[Span]) -> Span | None:
    """The last free range of ``size`` bytes below 4 GiB, else above; None if there is none.

    ``taken``: load addresses and static memory of the request. Devices reach memory below 4 GiB
    also with 32 bits.
    """
    ranges = [*_ranges(platform, size, taken)]
    low = [span for span in ranges if span.end <= _32_BITS]
    return max(low, default=min(ranges, default=None))


def is_free(platform: Platform, span: Span, taken: Iterable[Span]) -> bool:
    """Whether memory is whole pages of a range that ``free_range`` chooses from."""
    return span.is_aligned() and any(gap.covers(span) for gap in _gaps(platform, taken))


def _ranges(platform: Platform, size: int, taken: Iterable[Span]) -> Iterator[Span]:
    """The last range of each free part."""
    for gap in _gaps(platform, taken):
        start = gap.end - size - (gap.end - size) % _ALIGNMENT
        if start >= gap.start:
            yield Span.sized(start, size)


def _gaps(platform: Platform, taken: Iterable[Span]) -> Iterator[Span]:
    """The free parts of each bank, which ends at 4 GiB."""
    blocked = merged([*taken, *platform.tree.once(_in_use, platform.tree.root)])
    for bank in merged(block.span for block in platform.memory):
        for part in (bank.common(Span(0, _32_BITS)), bank.common(Span(_32_BITS, 1 << 64))):
            inner = Span(part.start + _AT_START, part.end - _AT_END)
            yield from gaps(inner, blocked) if inner.size > 0 else ()


def _in_use(tree: Tree, _: Node) -> Merged:
    """Reservations, boot modules, and registers amid the memory."""
    return merged(_read_in_use(read_platform(tree)))


def _read_in_use(platform: Platform) -> Iterator[Span]:
    yield from (block.span for _, block in platform.reserved)
    yield from (Span.sized(*entry) for entry in platform.tree.reservations)
    yield from (span for _, span in register_spans(platform))
    chosen = platform.tree.root.children.get("chosen")
    for node in chosen.walk() if chosen is not None else ():
        yield from (block.span for block in registers(node).blocks)
