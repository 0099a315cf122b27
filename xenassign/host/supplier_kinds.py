"""The kinds of suppliers, and the effects when a supplier of a kind stays with the host.

The table of phandle properties (:mod:`xenassign.devicetree.phandle_properties`) gives every
property a kind. This table states for a kind why such a supplier is dropped from the guest's tree,
how Linux behaves without it, what the host has to do for it, and the effect of a leftover phandle
in the guest. Kinds without an entry have the defaults. A new kind is one entry here.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import NamedTuple


class HostDuty(Enum):
    """The host's duty for a supplier that an assigned device uses."""

    KEEP_ON = "Linux switches off unused suppliers: the host has to keep it on"
    SET_UP = "Linux does not switch it off, but only the host can set it up"
    NONE = "the host has nothing to do"


class Leftover(Enum):
    """The behaviour of Linux for a phandle of the kind that names no node of the guest."""

    IGNORED = "it counts as absent: of_count or of_parse of the entry fails"
    FAILS = "the probe fails"
    DANGLING = "that depends on the driver: the lint reports any such phandle as dangling"


class SupplierKind(NamedTuple):
    """The facts about all suppliers of a kind.

    ``dropped``: why the guest does not have it; ``{}`` is the provider's path. ``without``: the
    behaviour of Linux' framework when the property is missing, "" if the driver decides it.
    ``duty``: the host's; ``keep_option``: the option of dom0's Linux for a duty to keep it on.
    ``of_a_bus``: whether a bus needs such a supplier for the devices below it. ``leftover``: the
    effect of a phandle without a node in a guest. ``quiet``: dropping it is not reported, because
    the driver works without it or a stub replaces it. ``alone``: whether assigning the provider too
    is useful, so that it can be proposed. ``vital``: whether its loss stops, slows or damages the
    user. Those of the other kinds (GPIOs, PHYs, DMA channels, mailboxes, cells of an EEPROM) are
    what ordinary devices are there for: the user loses a service.
    """

    dropped: str = "{} stays with the host"
    without: str = ""
    duty: HostDuty = HostDuty.NONE
    keep_option: str | None = None
    of_a_bus: bool = False
    leftover: Leftover = Leftover.DANGLING
    quiet: bool = False
    alone: bool = True
    vital: bool = False


#: regulator_ignore_unused is there since Linux 6.8. pd_ignore_unused has no effect on domains whose
#: provider switches them off when all its users probed (sync_state, Linux 6.17 and newer).
SUPPLIER_KINDS = MappingProxyType(
    {
        "access-controller": SupplierKind(leftover=Leftover.IGNORED, vital=True),
        "cache": SupplierKind(vital=True),
        "clock": SupplierKind(
            duty=HostDuty.KEEP_ON,
            keep_option="clk_ignore_unused",
            of_a_bus=True,
            quiet=True,  # a fixed-clock replaces it
            alone=False,
            vital=True,
        ),
        "power-domain": SupplierKind(
            without="no power domain is switched: the host has to keep it on",
            duty=HostDuty.KEEP_ON,
            keep_option="pd_ignore_unused",
            of_a_bus=True,
            leftover=Leftover.IGNORED,
            vital=True,
        ),
        "regulator": SupplierKind(
            dropped="{} stays with the host, which must keep it on",
            without="Linux hands out a dummy regulator (regulator_get), but from 6.9 on not in a"
            " dom0less guest",
            duty=HostDuty.KEEP_ON,
            keep_option="regulator_ignore_unused",
            leftover=Leftover.IGNORED,
            vital=True,
        ),
        "reset": SupplierKind(
            dropped="{} stays with the host, which must leave the reset released",
            without="a driver that insists on a reset fails with -ENOENT"
            " (reset_control_get_exclusive)",
            duty=HostDuty.SET_UP,
            of_a_bus=True,
            leftover=Leftover.FAILS,
            vital=True,
        ),
        "interconnect": SupplierKind(
            dropped="{} stays with the host, which must keep the path up",
            without="Linux' driver goes on without one (of_icc_get)",
            duty=HostDuty.SET_UP,
            of_a_bus=True,
            leftover=Leftover.FAILS,
            vital=True,
        ),
        "phy": SupplierKind(
            dropped="{} stays with the host, which must leave it set up",
            without="a driver that insists on a PHY fails with -ENODEV (phy_get)",
            duty=HostDuty.SET_UP,
        ),
        "pinctrl": SupplierKind(
            without="the pins stay as firmware or the host set them",
            duty=HostDuty.SET_UP,
            leftover=Leftover.FAILS,
            quiet=True,
            alone=False,
            vital=True,
        ),
        "dma": SupplierKind(
            dropped="the DMA engine {} is not assigned",
            without="a driver that insists on DMA fails with -ENODEV (dma_request_chan)",
            leftover=Leftover.IGNORED,
        ),
        "ethernet-phy": SupplierKind(dropped="{} is on a bus that is not assigned"),
        "gpio": SupplierKind(
            without="a driver that insists on the GPIO fails with -ENOENT (gpiod_get)",
        ),
        "graph": SupplierKind(
            dropped="{} is not assigned: the link is cut", quiet=True, alone=False
        ),
        "iommu": SupplierKind(
            dropped="the guest has no IOMMU; Xen reads the stream from the host tree",
            quiet=True,
            alone=False,
        ),
        "memory-controller": SupplierKind(vital=True),
        "memory-region": SupplierKind(dropped="{} is memory of the host", alone=False),
        "msi": SupplierKind(
            dropped="Xen gives guests no MSI controller", leftover=Leftover.IGNORED, alone=False
        ),
        "nvmem": SupplierKind(
            without="what it holds (a MAC address, a calibration) is missing (nvmem_cell_get)",
            leftover=Leftover.IGNORED,
        ),
        "opp": SupplierKind(leftover=Leftover.IGNORED),
        "performance-domain": SupplierKind(leftover=Leftover.IGNORED, vital=True),
        "syscon": SupplierKind(
            dropped="{} stays with the host, which must leave its settings", vital=True
        ),
        "thermal": SupplierKind(leftover=Leftover.IGNORED),
    }
)

_OTHER = SupplierKind()


def supplier_kind(name: str) -> SupplierKind:
    """The entry for a kind of the table of phandle properties; the defaults if it has none."""
    return SUPPLIER_KINDS.get(name, _OTHER)
