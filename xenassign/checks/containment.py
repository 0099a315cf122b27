"""Containment: what a device can still do when its guest is gone.

Xen takes a dead domain's devices away (domain_relinquish_resources, iommu_release_dt_devices): the
streams of a protected one are closed, which stops its DMA, whatever it does. Nothing resets a
platform device, and Xen knows nothing of one that no IOMMU confines.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.findings import Finding, rule
from xenassign.host.device import Dma, HostDevice

KEEPS_WRITING = rule("XA428", "unprotected-master-outlives-guest", "warning", "unsafe")


def containment_findings(device: HostDevice, dma: Dma, *, forced: bool) -> Iterator[Finding]:
    """A forced device that masters DMA, or of which nobody knows.

    ``dma``: the evidence, given what the device is assigned with.
    """
    if not forced or dma.answer == "no":
        return
    masters = "masters DMA" if dma.answer == "yes" else "may master DMA"
    resets = "which nobody asserts then" if device.node.has("resets") else None
    tail = f"it has resets, {resets}" if resets else "the tree knows no resets of it"
    message = f"{device.path} {masters} unconfined, also when the guest is gone; {tail}"
    yield KEEPS_WRITING(message, node=device.path)
