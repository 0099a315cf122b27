"""Memory types: what works differently than on the host since all of it is Device-nGnRE.

Stage 2 maps assigned pages as Device-nGnRE, and the stricter of the two stages applies. For
registers this changes nothing, since drivers map them so anyway (``ioremap``). It matters if
Linux' driver maps its block as Normal memory (``ioremap_wc``, ``memremap``): writes are not
gathered, and an unaligned access or the clearing of a cache line (``DC ZVA``, which memset uses) is
a fault. A NOR flash or the shared memory of SCMI is accessed as registers are. ``memory-region`` is
in :mod:`xenassign.planning.memory_regions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.addresses import is_pci, ranges
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.host.normal_memory import normal_memory

if TYPE_CHECKING:
    from xenassign.host.device import HostDevice

SRAM = rule("XA232", "sram-as-device-memory", "warning", "broken", needs_host=True)
MEMORY_LIKE = rule("XA233", "memory-like-registers", "warning", "broken", needs_host=True)
PREFETCHABLE = rule("XA234", "prefetchable-window", "note", "portability", needs_host=True)

#: phys.hi of a PCI address: prefetchable, and the bit that memory space has and I/O space has not.
_PREFETCHABLE = 1 << 30
_MEMORY_SPACE = 1 << 25


def memory_type_findings(device: HostDevice) -> Iterator[Finding]:
    """Blocks and windows of a device that are memory, not registers."""
    node, path = device.node, device.path
    if device.blocks:
        driver = normal_memory(node.compatible)
        if driver is not None:
            message = f"{path}: {driver.driver} of Linux maps {driver.content} as Normal memory"
            yield MEMORY_LIKE(message, node=path, prop="reg")
        elif _is_sram(node):
            message = f"{path} is on-chip memory, and is mapped as Device-nGnRE"
            yield SRAM(message, node=path, prop="reg")
    if device.windows and is_pci(node):
        yield from _prefetchable(device)


def _is_sram(node: Node) -> bool:
    """Whether a node is an mmio-sram that Linux maps as Normal memory and may use as memory.

    A part with a ``compatible`` has a use of its own: SCMI messages, which are copied aligned, or
    the buffer of a video engine, which the processor does not access.
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
    windows = {window.index: window for window in device.windows if window.size}
    for index, entry in enumerate(table):
        memory = entry.flags & _PREFETCHABLE and entry.flags & _MEMORY_SPACE
        if memory and index in windows:
            span = windows[index].span
            message = f"{device.path}: the prefetchable window {span} is mapped as Device-nGnRE"
            yield PREFETCHABLE(message, node=device.path, prop="ranges")
