"""What Xen prints while it builds the domain of a dom0less system, and what it means.

Gathered from the sources of 4.17 to 4.22: xen/arch/arm/ domain_build.c, dom0less-build.c,
kernel.c, irq.c, device.c, p2m.c and xen/drivers/passthrough/. A line that is in neither list is
new: the harness stops at it instead of guessing.
"""

from __future__ import annotations

import re

#: What every building of a domain prints, and what says nothing about the answer.
ROUTINE = re.compile(
    r"Loading d\d+ kernel from boot module @ "
    r"|Loading ramdisk from boot module @ "
    r"|Allocating mappings totalling \d+MB for d\d+:"
    r"|d\d+ BANK\[\d+\] "
    r"|d\d+: STATIC BANK\[\d+\] "
    r"|d(\d+|\[IO\]): allocate static shared memory BANK "  # 4.17 and 4.18
    r"|d\d+: extended region \d+: "
    r"|Grant table range: "  # of AMD
    r"|Loading zImage from "
    r"|Loading d\d+ initrd from "
    r"|Loading d\d+ DTB to "
    r"|smmu: \S+: d\d+: p2maddr "
    r"|/\S+: could not (get #iommu-cells for /|find phandle)"  # Xen goes on without the stream
    r"|Initial low memory virq threshold set at "
    r"|dt_read_number\(,\d+\) bad size"  # 4.21 on, of more than 2 cells; what comes of it follows
    r"|\*+$|$"
)

#: Why Xen does not build the domain as it was asked to. All but the panics of Xen 4.17 come
#: before it says that the whole failed; the first that is printed says why.
REFUSED = re.compile(
    # xen,reg and xen,path (handle_passthrough_prop, handle_prop_pfdt)
    r"DomU passthrough config has not page aligned addresses/sizes"
    r"|Invalid address_cells \d+ or size_cells \d+"
    r"|Unable to permit to "  # MMIO and IRQs
    r"|Failed to map "
    r"|Couldn't find node .* in host_dt!"
    r"|Failed to assign device to d"
    r"|xen,reg or xen,path missing for d"
    # the interrupts of the host's node (device.c, irq.c)
    r"|Unable to retrieve irq \d+ for "
    r"|Unable to get irq \d+ for "
    r"|Unable to map IRQ"
    r"|the vIRQ number \d+ is too high for domain |invalid vIRQ number \d+ for domain "
    r"|IRQ can only be routed to an SPI"
    r"|the IRQ\d+ is not routable"
    r"|IRQ \d+ has not been configured"
    r"|IRQ \d+ is already used by "
    r"|d\d+: IRQ \d+ is already assigned to vIRQ "
    # the IOMMU (passthrough/device_tree.c, passthrough/arm/smmu.c)
    r"|\S+ already assigned\."
    r"|Failed to add \S+ to the IOMMU"
    r"|smmu: \S+: (rejecting multiple registrations|stream ID for master device"
    r"|No registrations found for master device|cannot attach to SMMU|already attached to IOMMU"
    r"|Failed to allocate IOMMU group)"
    # the domain as a whole
    r"|Device tree generation failed \(-\d+\)"
    r"|Error building DomU: "
    r"|Missing kernel boot module\?"
    r"|pg MFN \S+ c="  # a page is freed twice
    r"|Failed to allocate P2M pages"
    r"|Failed to allocate d\d+v\d+"
    r"|Unable to remove mapping gfn="
    r"|vpl011: "
    r"|Size of \"memory\" property doesn't match up with the sum-up of \"xen,static-mem\"\."
    r"|pg\[\d+\] Static MFN \S+ c="  # a page that is none of static memory's
    r"|d(\d+|\[IO\]): failed to (acquire|assign) static memory: "
    # shared memory (static-shmem.c, domain_build.c)
    r"|shm memory node has already been allocated to a specific owner "
    r"|d\d+: physical address \S+ and guest address \S+ are not direct-mapped\."
    r"|d\d+: physical address \S+, or guest address \S+ is not suitably aligned\."
    r"|d\d+: size \S+ is not suitably aligned"
    r"|d\d+: host and guest physical address must be supplied for direct-mapped domains"
    r"|d\d+: invalid physical address "
    r"|d\d+: static shared memory bank not found: "
    # event channels (static-evtchn.c, domain_build.c)
    r"|xen,evtchn property (should not be empty|value is not valid|is not setup correctly)\."
    r"|evtchn: (could not find (remote evtchn phandle|domains)|(evtchn|remote) .*node is NULL)"
    r"|evtchn_(alloc_unbound|bind_interdomain)\(\) failure "
    r"|Unsupported uImage "
    r"|Data Abort Trap\. |CPU\d+: Unexpected Trap: |Xen BUG at "  # Xen itself falls over
)

#: The line behind this one is the panic's text.
PANIC = re.compile(r"Panic on CPU \d+:")
#: Between these two Xen builds domains; behind them come warnings that have to do with none.
LOADING = re.compile(r"\*\*\* LOADING DOMU ")
LOADED = re.compile(r"Std\. Loglevel: ")
#: Xen has built all domains and lets them run.
RUNNING = re.compile(r"Freed \d+kB init memory\.")
#: Xen about what a running guest does; 4.20 puts the same prefix before the guest's own lines.
ABOUT_GUEST = re.compile(r"\(XEN\) d\d+v\d+\b")
VERSION = re.compile(r"Xen version (\S+)")
