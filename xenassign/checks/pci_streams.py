"""The PCI devices whose DMA a protected PCI host lets through: those of the streams in ``iommus``.

Xen gives the guest the streams that ``iommus`` of the host node lists, and does not read
``iommu-map``, by which the streams of PCI devices follow from their places (pci-iommu.txt). Its
drivers block all other streams: booted in tests/xen/test_smmuv3.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.connection import map_of
from xenassign.findings import Finding, rule, some
from xenassign.host.neighbours import streams

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node
    from xenassign.host.device import HostDevice

LISTED = rule("XA409", "pci-streams-listed", "note", "broken", needs_host=True)
OF_NO_DEVICE = rule("XA410", "pci-stream-of-no-device", "warning", "broken", needs_host=True)


def pci_stream_findings(device: HostDevice) -> Iterator[Finding]:
    """What the streams of a protected PCI host with ``iommu-map`` mean. Masks are not looked at."""
    if not map_of(device) or device.node.has("iommu-map-mask"):
        return
    places: list[str] = []
    for use in device.iommus:
        named = streams(use.node, use.args) if use.node is not None else None
        if use.node is None or named is None or named.mask:
            return
        requester = _requester(device, use.node, named.first)
        if requester is not None:
            bus, slot, function = requester >> 8, requester >> 3 & 31, requester & 7
            places.append(f"{bus:02x}:{slot:02x}.{function}")
            continue
        message = f"iommu-map of {device.path} gives stream {named.first:#x} to no PCI device"
        yield OF_NO_DEVICE(message, node=device.path, prop="iommus")
    if places:
        message = f"{device.path}: iommus lists the streams of {some(places)} only"
        yield LISTED(message, node=device.path, prop="iommus")


def _requester(device: HostDevice, iommu: Node, stream: int) -> int | None:
    """The requester ID (bus << 8 | device << 3 | function) whose DMA has a stream, or None."""
    values = device.node.cells("iommu-map")
    for entry in map_of(device):
        if entry.provider is iommu and len(entry.args) == len(entry.trail) == 1:
            offset = stream - entry.args[0]
            if 0 <= offset < entry.trail[0]:
                return values[entry.cell] + offset
    return None
