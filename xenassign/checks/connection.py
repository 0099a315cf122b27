"""IOMMUs that Xen drives, and that the host's tree does not connect with a device.

The IOMMU is disabled, or the device has no ``iommus``. Xen then ignores it, although the hardware
could confine the device. An overlay of the host's tree connects them
(:mod:`xenassign.outputs.iommu_overlay`). Its stream IDs are those of the tree, or of
knowledge/stream-ids.txt; no others are guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import is_pci, registers
from xenassign.findings import some
from xenassign.host.device import Dma, HostDevice, iommus_problem
from xenassign.host.stream_ids import KnownStreams, known_streams
from xenassign.xen.iommu import Iommus, Protection, Shield

if TYPE_CHECKING:
    from xenassign.devicetree.references import Reference
    from xenassign.devicetree.tree import Node
    from xenassign.host.platform import Platform


class Connection(NamedTuple):
    """How a device could be connected with an IOMMU.

    ``iommus``: the IOMMU; several if it is not known which of the board's. ``known``: the streams
    of the device, if the table has them. ``stated``: its own ``iommus`` names the IOMMU, which only
    has to be enabled. ``by_map``: its ``iommu-map`` names the IOMMU for the devices of a PCI host.
    ``kconfig``: of a driver that is not in a default build of Xen.
    """

    device: Node
    iommus: tuple[Node, ...]
    known: KnownStreams | None = None
    stated: bool = False
    kconfig: str = ""
    by_map: bool = False

    @property
    def certain(self) -> bool:
        """Whether the tree or public documents state the IOMMU and the streams."""
        return self.stated or self.known is not None

    @property
    def why(self) -> str | None:
        """Why Xen does not protect the device, if that is certain and its ``iommus`` is absent."""
        if self.known is None:
            return None
        state = "" if self.iommus[0].available else ", which is disabled"
        return f"the host tree does not connect it with {self.iommus[0].path}{state}"

    @property
    def advice(self) -> str:
        """What to do, in the imperative."""
        command = f"`xenassign inspect HOST {self.device.path} --iommu-overlay` prints"
        build = f" if it is built with CONFIG_{self.kconfig}" if self.kconfig else ""
        first, *others = self.iommus
        if self.by_map:
            paths = some(node.path for node in self.iommus)
            return (
                f"list the streams of its PCI devices at {paths}, which Xen drives{build}, in"
                f" iommus of the host tree: {command} a template of the overlay"
            )
        if others:
            paths = some(node.path for node in self.iommus)
            return (
                f"if its DMA goes through one of {paths}, IOMMUs that Xen drives{build} and that"
                f" do not name it: {command} a template of the overlay"
            )
        lack = "does not name it" if first.available else "is disabled"
        iommu = f"{first.path}, an IOMMU that Xen drives{build}, which {lack}"
        if not self.certain:
            return f"if its DMA goes through {iommu}: {command} a template of the overlay"
        ids = ", ".join(map(hex, self.known.ids[:4])) if self.known is not None else ""
        more = ", …" if self.known is not None and len(self.known.ids) > 4 else ""
        streams = f" (stream {ids}{more})" if ids else ""
        return f"connect it to {iommu}: {command} the overlay{streams}"


def connection(
    platform: Platform, iommus: Iommus, device: HostDevice, by_iommu: Protection, dma: Dma
) -> Connection | None:
    """The connection that an unprotected device lacks; None if the board has no such IOMMU.

    ``dma``: the evidence, given the other devices of the domain. Nothing is proposed for a device
    that is not known to do DMA, unless its streams are.
    """
    if by_iommu.shield is not Shield.UNPROTECTED or platform.dom0_tree is not None:
        return None
    node, known = device.node, None
    if iommus.driver(node) is not None:
        return None
    by_map = node.has("iommu-map") and not node.has("iommus")
    if by_map:
        candidates = [iommu for iommu in mapped(device) if _is_usable(iommus, iommu)]
    elif device.iommus or node.has("iommus"):
        candidates = [iommu for iommu in _named(platform, device) if _is_usable(iommus, iommu)]
    else:
        known = known_streams(platform.tree, node)
        if known is None and (dma.answer != "yes" or is_pci(node) or not device.blocks):
            return None
        usable = [iommu.node for iommu in platform.iommus if _is_usable(iommus, iommu.node)]
        candidates = [n for n in usable if known is None or _is_at(n, known.iommu)]
    if not candidates:
        return None
    driver = iommus.usable_driver(candidates[0])
    kconfig = driver.kconfig if driver is not None and not driver.default_build else ""
    return Connection(node, tuple(candidates), known, bool(device.iommus), kconfig, by_map)


def map_of(device: HostDevice) -> tuple[Reference, ...]:
    """The entries of ``iommu-map`` of a PCI host."""
    groups = (group for group in device.suppliers if group.prop == "iommu-map")
    return tuple(entry for group in groups for entry in group.entries)


def mapped(device: HostDevice) -> tuple[Node, ...]:
    """The IOMMUs that ``iommu-map`` of a PCI host names, each once."""
    providers = (entry.provider for entry in map_of(device))
    return tuple(dict.fromkeys(node for node in providers if node is not None))


def _named(platform: Platform, device: HostDevice) -> tuple[Node, ...]:
    """The only IOMMU that ``iommus`` of a device names, if it is disabled."""
    if iommus_problem(platform, device.node) is not None:
        return ()
    named = {use.node for use in device.iommus}
    return tuple(n for n in named if n is not None and len(named) == 1 and not n.available)


def _is_usable(iommus: Iommus, iommu: Node) -> bool:
    """Whether Xen's driver would use an IOMMU for devices if it were enabled.

    Only one driver is active. An IPMMU without ``renesas,ipmmu-main`` is the main one, which has no
    micro-TLBs of its own.
    """
    driver = iommus.usable_driver(iommu)
    if driver is None or (iommus.active is not None and driver.name != iommus.active.name):
        return False
    if driver.name == "ipmmu" and not iommu.has("renesas,ipmmu-main"):
        return False
    return cells_of_streams(iommu) in (1, 2)


def cells_of_streams(iommu: Node) -> int | None:
    """The value of ``#iommu-cells``, or None if it is absent or malformed."""
    prop = iommu.get("#iommu-cells")
    return prop.u32() if prop is not None and len(prop.value) == 4 else None


def _is_at(iommu: Node, address: int) -> bool:
    return any(block.address == address for block in registers(iommu).blocks)
