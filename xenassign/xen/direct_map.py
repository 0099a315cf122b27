"""A direct-map domain's address space: the host's addresses for RAM, GIC and vPL011.

Sources, the same from 4.17 to 4.22 unless stated otherwise:

* RAM: one bank of the guest for each entry of xen,static-mem, at its host address
  (assign_static_memory_11; domain_build.c in 4.17 and 4.18, static-memory.c later).
* GICv2: distributor and CPU interface at the host's addresses, of 4 and 8 KiB
  (vgic_v2_domain_init).
* GICv3: the distributor at the host's address, of 64 KiB, and as many whole redistributor regions
  of the host as the vCPUs need; a redistributor takes 128 KiB (vgic_v3_domain_init). vCPUs beyond
  the regions are not created (vgic_v3_vcpu_init); 4.17 to 4.19 then count one region too many.
* vPL011: 4 KiB at the first register block of Xen's console UART (dtuart), with its first interrupt
  (domain_vpl011_init). A smaller block: "vpl011: Can't re-use the Xen UART MMIO region as it is too
  small.", no such UART: "vpl011: Unable to re-use the Xen UART information."
* No magic pages. The grant table is where other domains have it, but only the tree of a domain with
  xen,enhanced names it and the extended regions, which are parts of the host's memory, or with an
  IOMMU the holes of the host's tree: never registers (make_hypervisor_node,
  find_host_extended_regions, find_memory_holes).

All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.xen.layout import Guest
from xenassign.xen.releases import VPL011_INTID, GuestWindow, Use

if TYPE_CHECKING:
    from xenassign.host.platform import Platform

#: (base, size) of banks of RAM.
Banks = tuple[tuple[int, int], ...]

_GICD_V3, _GICR = 0x10000, 0x20000  # SZ_64K, GICV3_GICR_SIZE
_GICC_V2 = 0x2000  # GUEST_GICC_SIZE
_VPL011 = 0x1000  # GUEST_PL011_SIZE


class Vuart(NamedTuple):
    """The address and INTID of a direct-map domain's vPL011: those of the host's UART."""

    base: int
    intid: int


def vuart(platform: Platform) -> Vuart | str:
    """The vPL011, or why Xen cannot make one (domain_vpl011_init, serial_irq)."""
    if platform.console is None:
        return "Xen has no console UART (no stdout-path; --xen-console names one)"
    from xenassign.host.device import read_device

    uart = read_device(platform, platform.console)
    block = next((entry for entry in uart.blocks if entry.index == 0), None)
    line = next((entry for entry in uart.interrupts if entry.index == 0), None)
    if block is None or line is None:
        lacks = "registers" if block is None else "interrupt at the GIC"
        return f"Xen's console UART {uart.path} has no {lacks}"
    if block.size < _VPL011:
        return (
            f"the registers of Xen's console UART {uart.path} take {block.size:#x} bytes, less than"
            f" {_VPL011:#x}"
        )
    return Vuart(block.address, line.intid)


def vpl011_intid(platform: Platform | None, direct_map: bool) -> int | None:
    """The INTID of a domain's vPL011; None if it is unknown, or Xen cannot make one."""
    if not direct_map:
        return VPL011_INTID
    uart = vuart(platform) if platform is not None else "no host"
    return None if isinstance(uart, str) else uart.intid


def redistributors(platform: Platform) -> int | None:
    """The number of vCPUs that fit the host's redistributor regions; None for a GICv2."""
    if platform.gic is None or platform.gic.version != 3:
        return None
    return sum(block.size // _GICR for block in _regions(platform))


def windows(platform: Platform, banks: Banks, vcpus: int, vpl011: bool) -> tuple[GuestWindow, ...]:
    """The address space of the domain: RAM, GIC, vPL011; that of PV interfaces is not in it."""
    space = [*ram(banks), *_gic(platform, vcpus)]
    uart = vuart(platform) if vpl011 else "no vPL011"
    if not isinstance(uart, str):
        space.append(_window("vPL011", uart.base, _VPL011, "vpl011", "domain_vpl011_init"))
    return tuple(space)


def at_host(
    guest: Guest, platform: Platform | None, banks: Banks, vcpus: int, *, enhanced: bool = False
) -> Guest:
    """A guest with the address space of a direct-map domain; without a host only its RAM.

    ``enhanced``: it has PV interfaces, and so a grant table.
    """
    space = windows(platform, banks, vcpus, guest.vpl011) if platform is not None else ram(banks)
    if enhanced:
        tables = (w for w in guest.release.windows if w.name == "grant table")
        space = (*space, *tables)
    return guest._replace(direct=space, memory=sum(size for _, size in banks))


def ram(banks: Banks) -> tuple[GuestWindow, ...]:
    """The windows of the RAM banks."""
    source = "assign_static_memory_11"
    numbered = enumerate(banks)
    return tuple(_window(f"RAM bank {n}", *bank, "ram", source) for n, bank in numbered)


def overlapping(banks: Iterable[tuple[int, int]], others: Banks) -> Span | None:
    """The first that the static memory of two domains has in common, or None."""
    pairs = ((Span.sized(*bank), Span.sized(*theirs)) for bank in banks for theirs in others)
    return next((bank.common(theirs) for bank, theirs in pairs if bank.overlaps(theirs)), None)


def _gic(platform: Platform, vcpus: int) -> list[GuestWindow]:
    if platform.gic is None:
        return []
    blocks = registers(platform.gic.node).blocks
    if platform.gic.version == 2:
        source = "vgic_v2_domain_init"
        sizes = (("GICv2 distributor", PAGE_SIZE), ("GICv2 CPU interface", _GICC_V2))
        return [
            _window(name, block.address, size, "gicv2", source)
            for (name, size), block in zip(sizes, blocks, strict=False)
        ]
    source = "vgic_v3_domain_init"
    dist = [
        _window("GICv3 distributor", block.address, _GICD_V3, "gicv3", source)
        for block in blocks[:1]
    ]
    used, room = [], 0
    for block in _regions(platform):
        used.append(_window("GICv3 redistributors", block.address, block.size, "gicv3", source))
        room += block.size // _GICR
        if room >= vcpus:
            break
    return dist + used


def _regions(platform: Platform) -> tuple[Block, ...]:
    """The redistributor regions: the entries after the distributor, as many as the node states."""
    if platform.gic is None:
        return ()
    counted = platform.gic.node.cells("#redistributor-regions")
    return registers(platform.gic.node).blocks[1 : 1 + (counted[0] if counted else 1)]


def _window(name: str, base: int, size: int, when: Use, source: str) -> GuestWindow:
    return GuestWindow(name, base, size, when, source)
