"""Which devices Xen can protect: the result of iommu_add_dt_device for a host node.

Only one IOMMU driver is active in a running Xen: that of the first usable IOMMU in tree order
(iommu_set_ops). SMMUv1/v2 nodes without ``#global-interrupts`` do not initialise
(arm_smmu_device_dt_probe).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.host.device import HostDevice, IommuUse, iommus_problem
from xenassign.host.platform import Platform
from xenassign.xen.releases import IommuDriver, Release


class Shield(Enum):
    """The result when Xen adds a device to the IOMMU."""

    PROTECTED = "protected"
    """Stage 2 confines its DMA."""
    UNPROTECTED = "unprotected"
    """Xen ignores it: assigned only when forced (dom0less) or without dtdev (xl)."""
    REFUSED = "refused"
    """Adding it fails: dom0less rejects the domain, forced or not; xl rejects it in dtdev."""
    UNKNOWN = "unknown"
    """The host's tree does not state it: it is the one that Xen made for dom0."""


class Protection(NamedTuple):
    """Whether Xen protects a device, and why. ``entries``: for each of ``HostDevice.iommus``.

    ``partly``: Xen accepts it, but protects only the streams of the first entries of ``iommus``.
    """

    shield: Shield
    why: str
    entries: tuple[bool, ...]
    partly: bool = False

    @property
    def protected(self) -> bool:
        """Whether Xen confines the device's DMA."""
        return self.shield is Shield.PROTECTED

    @property
    def believed(self) -> bool:
        """Whether Xen treats the device as protected, although part of its streams may not be."""
        return self.protected or self.partly


#: The streams of a device for which dom0's tree states none.
_NOTHING = (IommuUse(None, ()),)


class Iommus(NamedTuple):
    """The IOMMUs of a board, for one Xen release and build."""

    release: Release
    active: IommuDriver | None
    nodes: frozenset[Node]  # those that the active driver has initialised
    rivals: tuple[IommuDriver, ...] = ()  # drivers of later IOMMUs, which are not active
    built: frozenset[str] | None = None  # the drivers in the build, by name; None: all

    def driver(self, node: Node) -> IommuDriver | None:
        """Xen's driver for an IOMMU node, active or not."""
        return self.release.iommu_driver_for(node.compatible)

    def usable_driver(self, node: Node) -> IommuDriver | None:
        """The driver of this build that initialises an IOMMU node if it is enabled, or None."""
        driver = self.driver(node)
        if driver is None or (self.built is not None and driver.name not in self.built):
            return None
        if driver.name == "smmu" and not node.has("#global-interrupts"):
            return None
        return driver


def iommus(platform: Platform, release: Release, built: frozenset[str] | None = None) -> Iommus:
    """The active driver and its IOMMUs. ``built``: drivers in this build by name (None: all).

    dom0's tree has only those IOMMUs for which the running Xen has no driver (handle_node).
    """
    none = Iommus(release, None, frozenset(), built=built)
    active: IommuDriver | None = None
    nodes: set[Node] = set()
    rivals: dict[str, IommuDriver] = {}
    for iommu in platform.iommus if platform.dom0_tree is None else ():
        driver = none.usable_driver(iommu.node)
        if driver is None or not iommu.available:
            continue
        if active is None:
            active = driver
        if driver.name == active.name:
            nodes.add(iommu.node)
        else:
            rivals[driver.name] = driver
    return none._replace(active=active, nodes=frozenset(nodes), rivals=tuple(rivals.values()))


def protection(platform: Platform, iommus: Iommus, device: HostDevice) -> Protection:
    """Whether Xen protects a device, and if not, why."""
    generic = [use for use in device.iommus if not use.legacy]
    legacy = [use for use in device.iommus if use.legacy]
    entries = tuple(use.node is not None and use.node in iommus.nodes for use in device.iommus)
    if platform.dom0_tree is not None and not all(use.node for use in device.iommus or _NOTHING):
        return Protection(Shield.UNKNOWN, "Xen takes iommus out of dom0's tree", entries)
    if not device.iommus and not device.node.has("iommus"):
        return Protection(Shield.UNPROTECTED, _not_named(device), entries)
    if iommus.active is None:
        return Protection(Shield.UNPROTECTED, _none_active(iommus, device.iommus), entries)
    if not generic and not device.node.has("iommus"):
        if all(entries):
            return Protection(Shield.PROTECTED, f"{_names(legacy)} (mmu-masters)", entries)
        return Protection(Shield.UNPROTECTED, f"Xen does not use {_names(legacy)}", entries)
    return _generic(platform, iommus, device, generic, entries)


def _not_named(device: HostDevice) -> str:
    """Why Xen protects no device without ``iommus``.

    iommu_add_dt_device reads nothing else; iommu-map is read for PCI devices that dom0 adds, from
    4.22 on and in builds with CONFIG_PCI_PASSTHROUGH (iommu_add_dt_pci_sideband_ids).
    """
    if device.node.has("iommu-map"):
        return "iommus names no stream, and Xen does not read iommu-map of a PCI host"
    return "it is not behind an IOMMU"


def _generic(
    platform: Platform,
    iommus: Iommus,
    device: HostDevice,
    uses: list[IommuUse],
    entries: tuple[bool, ...],
) -> Protection:
    """The generic binding, entry by entry as in iommu_add_dt_device.

    If Xen would use the entries before an unavailable or malformed one and leave the other streams
    unprotected (all releases for a malformed one, up to 4.20 for an unavailable one), the device
    counts as unprotected here, because part of its DMA would be.
    """
    first: Node | None = None
    for use in uses:
        node = use.node
        if node is None:
            break
        if not node.available:
            partly = first is not None and iommus.release.iommus_partly_unavailable_protects
            return Protection(Shield.UNPROTECTED, f"{node.path} is disabled", entries, partly)
        if first is not None and node is not first:
            why = f"iommus names two IOMMUs, {first.path} and {node.path}"
            return Protection(Shield.REFUSED, why, entries)
        if node not in iommus.nodes:
            active = iommus.active.name if iommus.active else "none"
            why = f"{node.path} is not an IOMMU of Xen's active driver ({active})"
            return Protection(Shield.REFUSED, why, entries)
        first = node
    problem = iommus_problem(platform, device.node)
    if problem is not None or first is None:
        why = f"its iommus property cannot be followed: {problem or 'no entry'}"
        return Protection(Shield.UNPROTECTED, why, entries, first is not None)
    return Protection(Shield.PROTECTED, first.path, entries)


def _none_active(iommus: Iommus, uses: tuple[IommuUse, ...]) -> str:
    nodes = [use.node for use in uses if use.node is not None]
    if not nodes:
        return "its iommus property names no IOMMU"
    node = nodes[0]
    driver = iommus.driver(node)
    if driver is None:
        return (
            f"Xen has no driver for {node.path} ({node.compatible[0] if node.compatible else '?'})"
        )
    if not node.available:
        return f"{node.path} is disabled"
    if driver.name == "smmu" and not node.has("#global-interrupts"):
        return f"{node.path} has no #global-interrupts"
    return f"this build of Xen has no {driver.name} driver for {node.path}"


def _names(uses: list[IommuUse]) -> str:
    return ", ".join(use.node.path for use in uses if use.node is not None)


class StreamTable:
    """The stream match registers of the SMMUs, filled device by device (arm_smmu_find_sme)."""

    def __init__(self, iommus: Iommus, devices: Iterable[HostDevice] = ()) -> None:
        self._iommus = iommus
        #: Of each SMMU (stream, mask): all, of which none overlap, and those with a mask.
        self._taken: dict[Node, tuple[dict[tuple[int, int], None], list[tuple[int, int]]]] = {}
        for device in devices:
            self.take(device)

    def copy(self) -> StreamTable:
        """A table with the same entries."""
        table = StreamTable(self._iommus)
        table._taken = {node: (dict(all_), [*m]) for node, (all_, m) in self._taken.items()}
        return table

    def take(self, device: HostDevice) -> str | None:
        """Adds a device's streams; the reason if Xen's driver can't, or None.

        A new entry may be inside of an existing one, or disjoint from all; one that overlaps
        partly is refused (arm_smmu_find_sme).
        """
        for node, stream, mask in self._entries(device):
            taken, masked = self._taken.setdefault(node, ({}, []))
            if (stream, mask) in taken:
                continue
            for other, its in taken if mask else masked:
                if mask & its == mask and not (stream ^ other) & ~its:
                    break
                if not (stream ^ other) & ~(its | mask):
                    return f"stream {stream:#x}/{mask:#x} overlaps {other:#x}/{its:#x} in part"
            else:
                taken[stream, mask] = None
                if mask:
                    masked.append((stream, mask))
        return None

    def _entries(self, device: HostDevice) -> Iterator[tuple[Node, int, int]]:
        iommus = self._iommus
        if iommus.active is None or iommus.active.name != "smmu":
            return
        for use in device.iommus:
            if use.node is None or use.node not in iommus.nodes:
                return
            if use.legacy:
                yield from ((use.node, stream, 0) for stream in use.args)
            elif use.args:
                masked = len(use.args) > 1 and iommus.release.smmu_masks_count
                yield use.node, use.args[0], use.args[1] if masked else 0
