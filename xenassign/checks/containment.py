"""Containment: what a device can still do after its guest is destroyed.

Xen takes the devices of a destroyed domain away (domain_relinquish_resources,
iommu_release_dt_devices): it closes the streams of a protected device, which stops its DMA. Nothing
resets a platform device, and Xen does nothing about one that no IOMMU confines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.findings import Finding, rule

if TYPE_CHECKING:
    from xenassign.host.device import Dma, HostDevice

KEEPS_WRITING = rule("XA428", "unprotected-master-outlives-guest", "warning", "unsafe")


def containment_findings(device: HostDevice, dma: Dma, *, forced: bool) -> Iterator[Finding]:
    """A forced device that masters DMA, or may.

    ``dma``: the evidence, given the other devices of the domain.
    """
    if not forced or dma.answer == "no":
        return
    masters = "masters DMA" if dma.answer == "yes" else "may master DMA"
    resets = "the host tree has no resets for it"
    if device.node.has("resets"):
        resets = "it has resets, which nothing asserts then"
    message = f"{device.path} {masters} unprotected, also after the guest is destroyed; {resets}"
    yield KEEPS_WRITING(message, node=device.path)
