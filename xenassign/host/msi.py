"""The pages through which interrupts are raised by a write: MSI frames and their like.

* A GICv2m frame has one register per frame: whoever writes an interrupt number to it raises that
  SPI, of whatever device or domain (Arm SBSA, appendix on GICv2m).
* An ITS translates the number by the DeviceID of the writer (Arm IHI 0069).
* Socionext' pre-ITS, which TI's K3 has too, is a window before the ITS in which the address that
  is written to is the DeviceID: whoever reaches the window can be any device. Linux takes such an
  ITS for one that isolates nothing (its_enable_quirk_socionext_synquacer).

All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node
from xenassign.host.platform import MsiController, Platform

_PRE_ITS = "socionext,synquacer-pre-its"

#: What names an SMMUv3 of HiSilicon's hip06 and hip07 in a tree (Linux knows them by it for the
#: erratum of their prefetch command, which ACPI tells by the same model as that of the doorbells).
_HI161X = "hisilicon,broken-prefetch-cmd"

_SIZE_64K = 0x10000


class Frame(NamedTuple):
    """What may be written to: from ``address`` up to ``end``.

    ``kind``: that of the controller, or pre-its.
    """

    node: Node
    kind: str
    address: int
    end: int


def frames(platform: Platform) -> tuple[Frame, ...]:
    """The frames of a board, in the order of its tree, disabled ones included."""
    return tuple(frame for msi in platform.msi for frame in _frames(msi))


def _frames(msi: MsiController) -> Iterator[Frame]:
    if not msi.frame:
        return
    for block in registers(msi.node).blocks:
        if block.size:
            yield Frame(msi.node, msi.kind, block.address, block.end)
    window = msi.node.get(_PRE_ITS)
    if window is not None and len(window.value) == 8:
        address, size = window.cells()
        yield Frame(msi.node, "pre-its", address, address + size)


def bypassed_doorbells(platform: Platform, iommus: Iterable[Node | None]) -> tuple[Frame, ...]:
    """The doorbells that a device behind these IOMMUs reaches untranslated, at host addresses.

    Known of one SMMU alone: that of HiSilicon's hip06 and hip07, of which Linux reserves the
    translation space of the ITS (64 KiB behind its first 64 KiB) instead of mapping it: erratum
    161010801, iort_iommu_msi_get_resv_regions. Every other SMMU translates doorbells like memory
    (IOMMU_RESV_SW_MSI of arm-smmu and arm-smmu-v3), and IOMMUs of which Linux says the same (DART)
    are none that Xen drives.
    """
    if not any(node is not None and node.has(_HI161X) for node in iommus):
        return ()
    found = (frame for frame in frames(platform) if frame.kind == "its")
    spaces = (
        frame._replace(address=frame.address + _SIZE_64K, end=frame.address + 2 * _SIZE_64K)
        for frame in found
        if frame.node.available and frame.end - frame.address >= 2 * _SIZE_64K
    )
    return tuple(spaces)
