"""Register blocks that leave the window of the bus that they start in.

Xen and Linux translate the start of a block (dt_translate_one, of_translate_one) and take the rest
to follow it, so such a device works as it does on the host. The window or the size in the host's
tree is wrong, and the bytes outside of the window may be those of something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.spans import Span
from xenassign.findings import Finding, rule

if TYPE_CHECKING:
    from xenassign.host.device import HostDevice

LEAVES = rule("XA235", "block-leaves-window", "warning", "portability", needs_host=True)


def left_windows(device: HostDevice) -> Iterator[Finding]:
    """The blocks of a device that leave a window of ``ranges``."""
    for prop, blocks in (("reg", device.blocks), ("ranges", device.windows)):
        for block in blocks:
            if block.leaves is not None:
                span = Span.sized(block.address, block.size)
                message = f"entry {block.index} of {prop} of {device.path} is at {span}"
                message += f", and leaves the window that ranges of {block.leaves.path} has there"
                yield LEAVES(message, node=device.path, prop=prop)
