"""Memory types: what does not work as it does on the host when all of it is Device-nGnRE.

Stage 2 maps assigned pages as Device-nGnRE, and the stricter of the two stages counts. For
registers that changes nothing, since a driver maps them so itself (``ioremap``). It matters where
Linux' driver maps its block as Normal memory (``ioremap_wc``, ``memremap``): no write is gathered
any more, and an unaligned access, or the clearing of whole cache lines (``DC ZVA``, as memset does
it), is a fault. So a NOR flash or the shared memory of SCMI is no case of it. What becomes of
``memory-region`` is :mod:`xenassign.planning.memory_regions`'s.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import is_pci, ranges
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice
from xenassign.host.normal_memory import normal_memory

SRAM = rule("XA232", "sram-as-device-memory", "warning", "broken", needs_host=True)
MEMORY_LIKE = rule("XA233", "memory-like-registers", "warning", "broken", needs_host=True)
PREFETCHABLE = rule("XA234", "prefetchable-window", "note", "portability", needs_host=True)

#: phys.hi of a PCI address: prefetchable, and the two bits that tell memory space.
_PREFETCHABLE = 1 << 30
_MEMORY_SPACE = 1 << 25


def memory_type_findings(device: HostDevice) -> Iterator[Finding]:
    """What of a device is memory rather than registers."""
    node, path = device.node, device.path
    if device.blocks:
        known = normal_memory(node.compatible)
        if known is not None:
            message = f"{path}: {known.driver} of Linux maps {known.content} as Normal memory"
            yield MEMORY_LIKE(message, node=path, prop="reg")
        elif _is_sram(node):
            message = f"{path} is memory of the chip, and mapped as Device-nGnRE"
            yield SRAM(message, node=path, prop="reg")
    if device.windows and is_pci(node):
        yield from _prefetchable(device)


def _is_sram(node: Node) -> bool:
    """An mmio-sram that Linux maps as Normal memory, and somebody may use as memory.

    A part with a ``compatible`` is of a use of its own: the messages of SCMI (which are copied
    aligned), or the buffer of a video engine that the processor does not touch.
    """
    if "mmio-sram" not in node.compatible or node.has("no-memory-wc"):
        return False
    parts = [child for child in node.children.values() if child.available]
    return not parts or not all(child.compatible for child in parts)


def _prefetchable(device: HostDevice) -> Iterator[Finding]:
    try:
        table = ranges(device.node) or ()
    except PropertyError:
        return
    for window in table:
        if window.flags & _PREFETCHABLE and window.flags & _MEMORY_SPACE and window.size:
            where = f"{window.parent:#x}-{window.parent + window.size:#x}"
            message = f"{device.path}: the prefetchable window {where} is mapped as Device-nGnRE"
            yield PREFETCHABLE(message, node=device.path, prop="ranges")
