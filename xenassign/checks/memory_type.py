"""Memory types: what works differently than on the host since all of it is Device-nGnRE.

Stage 2 of upstream Xen maps assigned pages as Device-nGnRE (``Release.normal_mappings`` is that of
a vendor which need not), and the stricter of the two stages applies. For
registers this changes nothing, since drivers map them so anyway (``ioremap``). It matters if
Linux' driver maps its block as Normal memory (``ioremap_wc``, ``memremap``): writes are not
gathered, and an unaligned access or the clearing of a cache line (``DC ZVA``, which memset uses) is
a fault. A NOR flash or the shared memory of SCMI is accessed as registers are. ``memory-region`` is
in :mod:`xenassign.planning.memory_regions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from xenassign.checks.regions import Region
from xenassign.devicetree.addresses import is_pci, ranges
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.findings import Finding, rule
from xenassign.host.normal_memory import normal_memory
from xenassign.xen.releases import CACHEABLE

if TYPE_CHECKING:
    from collections.abc import Collection

    from xenassign.devicetree.addresses import Block
    from xenassign.host.device import HostDevice
    from xenassign.xen.releases import Release

SRAM = rule("XA232", "sram-as-device-memory", "warning", "broken", needs_host=True)
MEMORY_LIKE = rule("XA233", "memory-like-registers", "warning", "broken", needs_host=True)
PREFETCHABLE = rule("XA234", "prefetchable-window", "note", "portability", needs_host=True)

#: phys.hi of a PCI address: prefetchable, and the bit that memory space has and I/O space has not.
_PREFETCHABLE = 1 << 30
_MEMORY_SPACE = 1 << 25


#: The fix where Xen can map Normal memory (``Release.normal_mappings``).
_NORMAL = f"map it by {CACHEABLE}, with xl by PFN,COUNT@GFN,memory in iomem"


class Claimant(Protocol):
    """A device or a region: it has blocks to place."""

    @property
    def node(self) -> Node: ...
    @property
    def path(self) -> str: ...
    @property
    def blocks(self) -> tuple[Block, ...]: ...
    @property
    def windows(self) -> tuple[Block, ...]: ...


def maps_normal(release: Release, claimant: Claimant) -> bool:
    """Whether a plan maps all blocks as Normal memory: its whole pages are memory.

    A part of a page is not: what else is in that page may be registers.
    """
    if isinstance(claimant, Region):
        return claimant.normal
    node = claimant.node
    memory = normal_memory(node.compatible) is not None or _is_sram(node)
    return release.normal_mappings and memory and whole_pages(claimant.blocks)


def whole_pages(blocks: Collection[Block]) -> bool:
    """Whether there are blocks, and each is whole pages."""
    return bool(blocks) and all(block.size and block.span == block.pages for block in blocks)


def is_memory(node: Node) -> bool:
    """Whether a node of the host describes memory: on the chip, for a driver, or a carve-out."""
    if normal_memory(node.compatible) is not None:
        return True
    return any(_is_sram(above) or above.name == "reserved-memory" for above in node.lineage())


def memory_type_findings(
    device: HostDevice, release: Release, normal: bool = False
) -> Iterator[Finding]:
    """Blocks and windows of a device that are memory, not registers.

    ``normal``: whether the blocks are mapped as Normal memory.
    """
    node, path = device.node, device.path
    fix = _NORMAL if release.normal_mappings else None
    if device.blocks and not normal:
        driver = normal_memory(node.compatible)
        if driver is not None:
            message = f"{path}: {driver.driver} of Linux maps {driver.content} as Normal memory"
            yield MEMORY_LIKE(message, node=path, prop="reg", fix=fix)
        elif _is_sram(node):
            message = f"{path} is on-chip memory, and is mapped as Device-nGnRE"
            yield SRAM(message, node=path, prop="reg", fix=fix)
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
