"""The differences between Xen releases, as data.

Every difference between releases that xenassign depends on is a named field of `Release`, so that
no other module compares version numbers. `RELEASES` starts from 4.17 and states, release by
release, what changed. It describes the newest point release of each stable branch, which "4.20"
means; `release` knows the earlier ones too, whose differences are in `_BEFORE`.

Units: addresses and sizes are bytes, interrupts are INTIDs (SPI n is INTID n + 32), memory is MiB
in xl.cfg and KiB in a dom0less domain node. Sources are Xen's: a commit (12 digits) where a
behaviour came in, then file and function. Files are named as in 4.22; in 4.17 and 4.18 all
dom0less code is in xen/arch/arm/domain_build.c.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.errors import UsageError

# --- Constants common to all releases --------------------------------------------------------

GUEST_PHANDLE_GIC = 0xFDE8
"""Phandle of a guest's GIC (65000), unless a dom0less partial tree's /gic says otherwise.
xen/include/public/device_tree_defs.h."""

GUEST_IPA_BITS_MAX = 48
"""A guest address has at most this many bits, fewer where the CPUs or an SMMU have a smaller
physical address range. xen/arch/arm/mmu/p2m.c p2m_ipa_bits, setup_virt_paging."""

SPI_FIRST_INTID = 32
SPI_LAST_INTID = 1019
"""xen/arch/arm/include/asm/irq.h NR_LOCAL_IRQS; gic-v2.c, gic-v3.c: lines = min(1020, ...)."""

GUEST_NR_SPIS_MAX = 960
"""Most SPIs a guest can have: nr_spis is rounded up to 32s, then refused above 988.
xen/arch/arm/vgic.c domain_vgic_init. With `Release.extended_spis` a greater nr_spis counts
extended SPIs too, see `spi_ranges`."""

GUEST_SPI_LAST_INTID = SPI_FIRST_INTID + GUEST_NR_SPIS_MAX - 1
"""991: the host's SPIs 992 to 1019 exist, but can't be given to any guest."""

ESPI_INTIDS = range(4096, 5120)
"""The INTIDs of the extended SPIs of GICv3.1. xen/arch/arm/include/asm/irq.h ESPI_BASE_INTID,
ESPI_MAX_INTID."""

VPL011_INTID = 32
"""GUEST_VPL011_SPI. A direct-map domain has the host UART's instead. xen/include/public/
arch-arm.h, xen/arch/arm/vpl011.c domain_vpl011_init."""

VIRTIO_MMIO_INTIDS = range(33, 44)
"""One for each virtio-mmio device of xl, upwards. xen/include/public/arch-arm.h:
GUEST_VIRTIO_MMIO_SPI_FIRST, _LAST; libxl_arm.c alloc_virtio_mmio_irq."""

TRIGGER_MASK = 0xF
"""Bits of an interrupt specifier's third cell that Xen reads. xen/arch/arm/gic.c gic_irq_xlate.

Every value passes, on both routes. IRQ_TYPE_NONE (0) is a type like any other, distinct from
"not configured" (0x10): the GIC keeps the configuration the firmware left (gicv2_set_irq_type,
gicv3_set_irq_type). A line that was given one type can't be given another (irq.c
irq_validate_new_type), NONE included.
"""


FORCE = "xen,force-assign-without-iommu"
PASSTHROUGH_PROPERTIES = ("xen,reg", "xen,path", FORCE)
"""What Xen reads of the nodes below /passthrough, and does not copy (handle_prop_pfdt)."""
CACHEABLE = "xen,reg-cacheable"
"""As xen,reg, for Normal memory, see `Release.normal_mappings`."""
PCI_ASSIGNED = "xen,pci-assigned"
"""Of /passthrough: functions of a PCI bus, see `Release.pci_assigned`."""

XEN_REG_CELLS = range(1, 3)
"""Widths that xen,reg can be written in, see `Release.xen_reg_cells_checked`."""

DOM0LESS_TREE_CAP = 2 << 20
XL_TREE_CAP = 1 << 20
"""Largest guest tree, in bytes. xen/common/device-tree/dom0less-build.c prepare_dtb_domU (SZ_2M);
libxl_arm.c FDT_MAX_SIZE, reached by doubling from 4096."""

GUEST_MEMORY_MAX_MIB = (3 << 10) + (1016 << 10)
"""Both RAM banks full. More is refused: xl "ram size is too large for guest address space", and
"ram size is 0" for 0 (tools/libs/guest/xg_dom_arm.c meminit); dom0less panics (allocate_memory).
Without `memory` xl takes `XL_MEMORY_DEFAULT_MIB`, hardly enough for a kernel."""

XL_MEMORY_DEFAULT_MIB = 32
"""libxl_create.c libxl__domain_build_info_setdefault."""

GUEST_VCPUS_MAX: Mapping[int, int] = MappingProxyType({2: 8, 3: 128})
"""By version of the guest's GIC, for a 64-bit Xen. xen/arch/arm/vgic.c vgic_max_vcpus,
asm/config.h MAX_VIRT_CPUS."""

DOMAIN_NAME = r"[A-Za-z][A-Za-z0-9._+-]{0,30}"
"""A domain name that is safe on every route (use fullmatch). Narrower than what Xen refuses.

libxl itself refuses only a name that a running domain has (libxl_domain.c libxl__domain_rename)
and xl a missing one. But xl takes a name of digits only for a domain id (libxl_utils.c
libxl_domain_qualifier_to_domid), names a log file after the domain, so a slash stops `xl create`
after the domain was built (xl_utils.c do_daemonize), and xenstore takes at most 4096 bytes
(xen/include/public/io/xs_wire.h XENSTORE_PAYLOAD_MAX). dom0less uses the name of the domain's
node under /chosen, in messages only; for it the Devicetree Specification (2.2.1) gives the
characters, a letter first, and 31 of them.
"""

# --- Types -------------------------------------------------------------------------------------

Use = Literal["always", "ram", "gicv2", "gicv3", "vpl011", "vpci", "acpi", "virtio-mmio"]


class GuestWindow(NamedTuple):
    """One row of the guest's address space."""

    name: str
    base: int
    """First guest physical address."""
    size: int
    """In bytes."""
    when: Use
    """Which guests have it. "gicv2" and "gicv3" exclude each other."""
    source: str

    @property
    def end(self) -> int:
        """First address after the window."""
        return self.base + self.size

    @property
    def span(self) -> Span:
        """Its guest physical addresses."""
        return Span(self.base, self.end)


class IommuDriver(NamedTuple):
    """An IOMMU driver of Xen. Only one of them is active in a running Xen."""

    name: Literal["smmu", "smmu-v3", "ipmmu"]
    compatibles: tuple[str, ...]
    default_build: bool
    """Whether a build for Arm has it by default."""
    kconfig: str
    source: str


class DtOverlay(NamedTuple):
    """The abilities of `xl dt-overlay attach`; in every release only for direct-map domains."""

    at_root: bool
    """Whether a node directly below the root can be added."""
    children: bool
    """Whether the nodes below those of the overlay are attached too."""
    survives_others: bool
    """Whether Xen survives `attach` of bytes that were not added."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release:
    """The behaviour of one Xen release. The metadata of a field names its source in Xen.

    A release is equal to itself alone: it is a key of what is known about a board.
    """

    version: str = field(metadata={"source": "xen/Makefile: XEN_VERSION, XEN_SUBVERSION"})

    # The guest and the host
    windows: tuple[GuestWindow, ...] = field(
        metadata={"source": "xen/include/public/arch-arm.h, below GUEST_VIRTIO_MMIO_BASE"}
    )
    iommu_drivers: tuple[IommuDriver, ...] = field(
        metadata={"source": "xen/drivers/passthrough/arm/, xen/drivers/passthrough/Kconfig"}
    )
    uarts: frozenset[str] = field(
        metadata={"source": "xen/drivers/char: dt_match of the drivers that an arm64 build has"}
    )
    """`compatible` strings of the UARTs that Xen can have as its console. Xen uses the first
    interrupt of that UART."""
    iommus_partly_unavailable_protects: bool = field(
        metadata={
            "source": "until b8f43b71dad0 (4.21): xen/drivers/passthrough/device_tree.c"
            " iommu_add_dt_device"
        }
    )
    """The protection of a device whose `iommus` names, after usable entries, an IOMMU node that is
    not available. True: Xen uses the entries before that one, the other streams stay unprotected.
    False: the device counts as unprotected. An unavailable first entry never protects."""
    smmu_masks_count: bool = field(
        metadata={
            "source": "until 4.20 xen/drivers/passthrough/arm/smmu.c arm_smmu_master_alloc_smes"
            " called arm_smmu_find_sme with a mask of 0"
        }
    )
    """Whether Xen's SMMUv1/v2 driver uses the mask in `iommus`. Otherwise it matches the first
    stream of a mask only, and the others fault."""
    extended_regions_exclude_mappings: bool = field(
        metadata={
            "source": "fba1b0974dd8, 3af8a6ed8e1d (dom0less: find_domU_holes, find_memory_holes),"
            " 108308feeff4 (tools/libs/light/libxl_arm.c finalize_hypervisor_node)"
        }
    )
    """Whether xen,reg and iomem are excluded from the address space for foreign mappings."""

    dom0_gives_page_after: bool = field(
        metadata={
            "source": "until 9568ceb287d4 (4.21): xen/arch/arm/device.c map_range_to_domain"
            " (domain_build.c in 4.17)"
        }
    )
    """Whether dom0 may also give the page after a register block: the end is rounded up twice."""
    # dom0less
    domain_properties: frozenset[str] = field(
        metadata={
            "source": "xen/common/device-tree/dom0less-bindings.c parse_dom0less_node,"
            " dom0less-build.c construct_domU, xen/arch/arm/dom0less-build.c"
            " arch_parse_dom0less_node, init_vuart"
        }
    )
    """Properties that Xen reads from the /chosen node of a domain; others are ignored silently.
    The standard ones (compatible, #address-cells, #size-cells) are not listed."""
    domain_options: Mapping[str, str] = field(
        metadata={
            "source": "static-mem: xen/common/Kconfig STATIC_MEMORY; sve: 870394de4476; llc-colors:"
            " 5948dc16759c; v8r_el1_msa: 1afacf7b1537 (CONFIG_MPU)"
        }
    )
    """Properties of a domain node that a Xen without a Kconfig option refuses, and that option. Xen
    is built without each of them by default, and Debian's is."""
    enhanced_values: frozenset[str] = field(
        metadata={"source": "0e2bb9d9b1f9: xen/common/device-tree/dom0less-build.c construct_domU"}
    )
    """Valid values of xen,enhanced; any other is "disabled". Without a string it is "enabled"."""
    color_digits_required: bool = field(
        metadata={"source": "174381dfbc5f: xen/common/llc-coloring.c parse_color_config"}
    )
    """Whether a number without digits in llc-colors is an error, instead of 0."""
    vcpu_nodes: bool = field(
        metadata={"source": "29a9638fd458: dom0less-build.c domain_vcpu_affinity"}
    )
    """Whether nodes with "xen,vcpu" below the domain's are read, and refused if invalid."""
    module_overlap_dropped: bool = field(
        metadata={"source": "4f6a29158273: xen/common/device-tree/bootinfo.c add_boot_module"}
    )
    """Whether a module that overlaps an earlier one, or reserved memory, is ignored silently.
    Otherwise its pages are freed twice at the end of the boot, which is a crash."""
    boot_scan_failure_is_panic: bool = field(
        metadata={"source": "02d0a615b32d: bootinfo-fdt.c boot_fdt_info"}
    )
    """Whether an error in a node in the first scan of the host's tree stops Xen, before it has a
    console. Otherwise the nodes after that one are not scanned."""
    memory_by_name: bool = field(
        metadata={"source": "until 47d4d3cdc5e9 (4.20.0): bootfdt.c early_scan_node"}
    )
    """Whether every node called memory is RAM, not only those below the root that state it."""
    dom0less_error_is_panic: bool = field(
        metadata={"source": "f51c92383b8d: dom0less-build.c scan_pfdt_node"}
    )
    """Whether an error below /passthrough stops the boot. Otherwise it is printed and the rest of
    that node is dropped, for a guest whose tree is malformed."""
    dom0less_tree_bytes: int = field(
        metadata={"source": "efa8a61a8162, e80f4da85b29: dom0less-build.c DOMU_DTB_SIZE"}
    )
    """Buffer for the whole guest tree, Xen's own nodes included; then -FDT_ERR_NOSPACE (-3)."""
    dom0less_tree_adds_partial: bool = field(
        metadata={"source": "d27d274ffab0: dom0less-build.c prepare_dtb_domU"}
    )
    """Whether the partial tree's module size is added to that buffer, up to `DOM0LESS_TREE_CAP`."""
    initrd_always_stated: bool = field(
        metadata={"source": "until ac547f0bed53: domain_build.c make_chosen_node"}
    )
    """Whether a guest's tree has room for an initrd without one too."""
    redistributor_regions_stated: bool = field(
        metadata={"source": "3679ed232e95: dom0less-build.c make_gicv3_domU_node"}
    )
    """Whether the GICv3 of a dom0less guest has #redistributor-regions."""
    shared_memory_is_memory: bool = field(
        metadata={"source": "7846f7699fea: domain_build.c make_memory_node"}
    )
    """Whether static shared memory is listed among the guest's memory banks too."""
    kconfig: frozenset[str] = field(
        metadata={"source": "xen/arch/arm/Kconfig, xen/common/Kconfig; MPU: since 4.20"}
    )
    """Options that are off by default and decide about more than `domain_options`: shared memory,
    extended SPIs, and passthrough, which a build for an MPU lacks."""
    shm_host_optional: bool = field(
        metadata={
            "source": "1544d355b54f: xen/common/device-tree/static-shmem.c process_shm_node"
            " (4.18: xen/arch/arm/bootfdt.c)"
        }
    )
    """Whether xen,shared-mem may lack the host address; Xen then takes memory of its heap."""
    shm_direct_map_compared: bool = field(
        metadata={"source": "cb1ddafdc573: xen/common/device-tree/static-shmem.c process_shm"}
    )
    """Whether a direct-map domain is refused whose shared memory is not at its host address."""
    vpl011_failure_refused: bool = field(
        metadata={"source": "3643eed7d021: dom0less-build.c construct_domU"}
    )
    """Whether a domain is refused whose vPL011 can't have its INTID (nr_spis = <0>). Otherwise it
    starts with a UART that never interrupts."""
    phandle_limit: int | None = field(
        metadata={"source": "a010efd323d2: dom0less-build.c domain_handle_dtb_boot_module"}
    )
    """The highest phandle anywhere in the partial tree, nodes that are not copied and /gic
    included, must be below this; None: no limit. 0xffffffff makes Xen's count wrap to 0, so a
    tree with it passes, and 0xfffffffe fails by another error."""
    gic_without_phandle_ok: bool = field(
        metadata={"source": "081683ea578d: xen/arch/arm/dom0less-build.c init_intc_phandle"}
    )
    """Whether with a /gic node without phandle `GUEST_PHANDLE_GIC` is used; otherwise the
    guest's GIC gets phandle 0 and no interrupt of the guest works."""
    xen_reg_cells_checked: bool = field(
        metadata={
            "source": "e16e18e31285 (4.20.4), 137827d85809 (4.21.2), c3ce09cd90a1 (4.22.0):"
            " dom0less-build.c handle_passthrough_prop"
        }
    )
    """Whether cells outside `XEN_REG_CELLS` are refused by name. Otherwise 0/0 divides by zero and
    wider ones are misread."""

    vcpu_failure_refused: bool = field(
        metadata={
            "source": "e3aa330017c5, 961cc8cc0feb (4.22.0, 4.20.4, 4.21.2): xen/arch/arm/vgic.c"
            " vcpu_vgic_init, xen/arch/arm/domain_build.c construct_domain"
        }
    )
    """Whether a domain is refused if the virtual GIC has no room for one of its vCPUs. Otherwise
    that vCPU exists and is broken."""

    # Interrupts
    extended_spis: bool = field(
        metadata={"source": "bdde400c6e1b: xen/arch/arm/vgic.c domain_vgic_init, CONFIG_GICV3_ESPI"}
    )
    """Whether a build with `GICV3_ESPI` gives guests the extended SPIs of a GICv3.1."""
    low_nr_spis_refused: bool = field(
        metadata={
            "source": "26d56ef796ed: tools/libs/light/libxl_arm.c libxl__arch_domain_prepare_config"
        }
    )
    """Whether xl refuses an nr_spis that is less than irqs and vuart require; otherwise the guest
    gets as many as they require."""

    # xl
    xl_keys: frozenset[str] = field(
        metadata={"source": "tools/xl/xl_parse.c parse_config_data and what it calls"}
    )
    """Every key of an xl.cfg that xl reads, for any architecture or guest type."""

    # A running system
    dt_overlay: DtOverlay | None = field(
        metadata={
            "source": "4c733873b5c2, at_root: b32d24bcd6b7, children: 9b1acd812487:"
            " xen/common/device-tree/dt-overlay.c"
            " (4.19: xen/common/dt-overlay.c) dt_overlay_domctl, handle_attach_overlay_nodes,"
            " overlay_get_nodes_info, handle_device_and_children"
        }
    )
    """The abilities of `xl dt-overlay attach` in a build with `OVERLAY_DTB`; None: no such command.

    In every release it requires the bytes of `add`, and nodes that are new."""

    # SCMI
    scmi_smc: bool = field(
        metadata={"source": "10e7473d6024: xen/arch/arm/firmware/scmi-smc.c, CONFIG_SCMI_SMC"}
    )
    """Whether a guest can have the SCMI agent that talks by SMC (xl `arm_sci`, dom0less
    `xen,sci_type`)."""
    scmi_arguments_kept: bool = field(
        metadata={
            "source": "until cd9cd05b2eba (4.22.0): xen/arch/arm/include/asm/smccc.h"
            " __declare_arg_1, xen/arch/arm/firmware/scmi-smc.c scmi_handle_smc"
        }
    )
    """Whether a forwarded SCMI call has the arguments of the guest's. Otherwise Xen loads x0 to x6
    and then calls functions for the rest, which may change them: observed with GCC 12."""
    sip_boards: tuple[str, ...] = field(
        metadata={"source": "71d4356544ee, 6febf12df5a1: xen/arch/arm/platforms/imx8qm.c, imx8m.c"}
    )
    """Boards of NXP, by compatible, whose SiP calls Xen forwards: those of the hardware domain
    only. On others even dom0's fail."""

    # A vendor's Xen
    flavour: str = field(default="upstream", metadata={"source": "`FLAVOURS` (xen/releases.py)"})
    """Whose Xen it is: "upstream", or one of `FLAVOURS`."""
    normal_mappings: bool = field(
        default=False,
        metadata={
            "source": "AMD a07fdc9bfbcb: xen/arch/arm/domain_build.c handle_prop_pfdt;"
            " 3dfb993a3571: tools/xl/xl_parse.c parse_config_data"
        },
    )
    """Whether pages can be mapped as Normal memory: by `CACHEABLE`, and by ",memory" after an entry
    of iomem. Of a node with xen,reg too Xen maps the last one of the two, as Normal memory."""
    pci_assigned: bool = field(
        default=False,
        metadata={"source": "AMD d60dc36c4988: xen/arch/arm/domain_build.c domU_assign_pci_device"},
    )
    """Whether a dom0less domain gets the PCI functions of `PCI_ASSIGNED`, which is ignored silently
    without pci-passthrough=on on Xen's command line."""
    eemi_of_owner: tuple[str, ...] = field(
        default=(), metadata={"source": "AMD: xen/arch/arm/platforms/xilinx-eemi.c"}
    )
    """Boards, by compatible, on which a guest's EEMI calls for a device reach the firmware if the
    guest has the device's page (:mod:`xenassign.host.eemi`). Upstream they never do."""

    @property
    def name(self) -> str:
        """The version for people, with the flavour unless it is upstream."""
        flavour = FLAVOURS.get(self.flavour)
        return f"{self.version} of {flavour.vendor}" if flavour else self.version

    @property
    def passthrough_properties(self) -> tuple[str, ...]:
        """What this Xen reads of the nodes below /passthrough, and does not copy."""
        return (*PASSTHROUGH_PROPERTIES, *((CACHEABLE,) if self.normal_mappings else ()))

    @property
    def reg_properties(self) -> tuple[str, ...]:
        """The properties with pages to map."""
        return ("xen,reg", CACHEABLE) if self.normal_mappings else ("xen,reg",)

    @property
    def branch(self) -> str:
        """The version without a point release."""
        return ".".join(self.version.split(".")[:2])

    def iommu_driver_for(self, compatibles: Iterable[str]) -> IommuDriver | None:
        """Xen's driver for a node of these compatible strings; any of them may match.

        Compared without regard to case, as dt_device_is_compatible does.
        """
        strings = {compatible.lower() for compatible in compatibles}
        for driver in self.iommu_drivers:
            if not strings.isdisjoint(driver.compatibles):
                return driver
        return None

    def knows_key(self, key: str) -> bool:
        """Whether xl reads `key`; it ignores any other silently."""
        return key in self.xl_keys


# --- The guest's address space: equal in every release, but not a stable interface ---------------


def _window(name: str, base: int, size: int, when: Use, macro: str) -> GuestWindow:
    return GuestWindow(name, base, size, when, f"xen/include/public/arch-arm.h: {macro}")


_MIB = 1 << 20
_GIB = 1 << 30

_WINDOWS = (
    # virtio-mmio came with 4.17: 2128143c114c.
    _window("virtio-mmio", 0x0200_0000, _MIB, "virtio-mmio", "GUEST_VIRTIO_MMIO_BASE"),
    _window("GICv2 distributor", 0x0300_1000, 0x1000, "gicv2", "GUEST_GICD_BASE"),
    _window("GICv2 CPU interface", 0x0300_2000, 0x2000, "gicv2", "GUEST_GICC_BASE"),
    _window("GICv3 distributor", 0x0300_1000, 0x1_0000, "gicv3", "GUEST_GICV3_GICD_BASE"),
    _window("GICv3 redistributors", 0x0302_0000, 16 * _MIB, "gicv3", "GUEST_GICV3_GICR0_BASE"),
    _window("vPCI ECAM", 0x1000_0000, 256 * _MIB, "vpci", "GUEST_VPCI_ECAM_BASE"),
    _window("ACPI tables", 0x2000_0000, 32 * _MIB, "acpi", "GUEST_ACPI_BASE"),
    _window("vPL011", 0x2200_0000, 0x1000, "vpl011", "GUEST_PL011_BASE"),
    _window("vPCI memory", 0x2300_0000, 256 * _MIB, "vpci", "GUEST_VPCI_MEM_ADDR"),
    _window("grant table", 0x3800_0000, 16 * _MIB, "always", "GUEST_GNTTAB_BASE"),
    _window("magic pages", 0x3900_0000, 16 * _MIB, "always", "GUEST_MAGIC_BASE"),
    _window("RAM bank 0", 0x4000_0000, 3 * _GIB, "ram", "GUEST_RAM0_BASE"),
    _window("vPCI prefetchable memory", 4 * _GIB, 4 * _GIB, "vpci", "GUEST_VPCI_PREFETCH_MEM_ADDR"),
    _window("RAM bank 1", 8 * _GIB, 1016 * _GIB, "ram", "GUEST_RAM1_BASE"),
)

# --- IOMMU drivers -----------------------------------------------------------------------------

_SMMU = IommuDriver(
    name="smmu",
    compatibles=("arm,smmu-v1", "arm,smmu-v2", "arm,mmu-400", "arm,mmu-401", "arm,mmu-500"),
    default_build=True,
    kconfig="ARM_SMMU",
    source="a5d65ee331bb: xen/drivers/passthrough/arm/smmu.c arm_smmu_of_match",
)
_SMMU_V3 = IommuDriver(
    name="smmu-v3",
    compatibles=("arm,smmu-v3",),
    default_build=False,  # offered in EXPERT builds only
    kconfig="ARM_SMMU_V3",
    source="452ddbe3592b: xen/drivers/passthrough/arm/smmu-v3.c arm_smmu_of_match",
)
_IPMMU = IommuDriver(
    name="ipmmu",
    compatibles=(
        "renesas,ipmmu-r8a7795",
        "renesas,ipmmu-r8a77965",
        "renesas,ipmmu-r8a7796",
        "renesas,ipmmu-r8a77961",
        "renesas,ipmmu-r8a779f0",
    ),
    default_build=False,
    kconfig="IPMMU_VMSA",
    source="32350c5bbdf4: xen/drivers/passthrough/arm/ipmmu-vmsa.c ipmmu_dt_match",
)
_IPMMU_V4H = _IPMMU._replace(
    compatibles=(*_IPMMU.compatibles, "renesas,ipmmu-r8a779g0"),
    source="3eda1f8912ef: xen/drivers/passthrough/arm/ipmmu-vmsa.c ipmmu_dt_match",
)

# --- UARTs -------------------------------------------------------------------------------------

_UARTS_4_17 = frozenset(
    {
        "amlogic,meson-gx-uart",
        "amlogic,meson-uart",
        "amlogic,meson6-uart",
        "amlogic,meson8-uart",
        "amlogic,meson8b-uart",
        "arm,pl011",
        "brcm,bcm2835-aux-uart",
        "cdns,uart-r1p12",
        "cdns,uart-r1p8",
        "fsl,imx8qm-lpuart",
        "marvell,armada-3700-uart",
        "ns16550",
        "ns16550a",
        "renesas,hscif",
        "renesas,scif",
        "renesas,scifa",
        "snps,dw-apb-uart",
        "ti,omap4-uart",
    }
)

# --- xl.cfg ------------------------------------------------------------------------------------

# device_model_args, _pv and _hvm are composed by parse_extra_args, the others are literals.
_XL_KEYS_4_17 = """
    acpi acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2mhvm apic bios
    bios_path_override boot bootloader bootloader_args builder cap channel cmdline
    cpu_weight cpuid cpus cpus_soft device_model device_model_args device_model_args_hvm
    device_model_args_pv device_model_override device_model_stubdomain_override
    device_model_stubdomain_seclabel device_model_user device_model_version device_tree disk
    display dm_restrict driver_domain dtdev e820_host extra extratime firmware
    firmware_override gfx_passthru gic_version hap hdtype hpet init_seclabel iomem ioports
    irqs kernel keymap latency localtime max_event_channels max_grant_frames
    max_grant_version max_maptrack_frames maxmem maxvcpus mca_caps memory mmio_hole
    ms_vm_genid msr_relaxed name nestedhvm nographic nomigrate nx on_crash on_poweroff
    on_reboot on_soft_reset on_watchdog oos opengl p9 pae passthrough pci pci_msitranslate
    pci_permissive pci_power_mgmt pci_seize period pool pvcalls pvshim pvshim_cmdline
    pvshim_extra pvshim_path ramdisk rdm rdm_mem_boundary root rtc_timeoffset sdl seclabel
    serial shadow_memory slice smbios_firmware soundhw spice spice_clipboard_sharing
    spice_image_compression spice_streaming_video spiceagent_mouse spicedisable_ticketing
    spicehost spicepasswd spiceport spicetls_port spiceusbredirection spicevdagent stdvga
    stubdomain_cmdline stubdomain_kernel stubdomain_memory stubdomain_ramdisk tee timer_mode
    tsc_mode type usb usbctrl usbdev usbdevice usbversion uuid vcpus vdispl vendor_device
    vfb vga videoram vif vif2 viridian vkb vkb_device vmtrace_buf_kb vnc vncdisplay
    vnclisten vncpasswd vncunused vncviewer vnuma vpmu vpt_align vsnd vtpm vuart xauthority
    xen_platform_pci xend_suspend_evtchn_compat
"""

_DOMAIN_PROPERTIES_4_17 = frozenset(
    {
        "cpus",
        "direct-map",
        "domain-cpupool",
        "memory",
        "nr_spis",
        "vpl011",
        "xen,domain-p2m-mem-mb",
        "xen,enhanced",
        "xen,static-mem",
    }
)

# --- The releases, each with the changes since the one before -----------------------------------

_4_17 = Release(
    version="4.17",
    windows=_WINDOWS,
    iommu_drivers=(_SMMU, _SMMU_V3, _IPMMU),
    uarts=_UARTS_4_17,
    iommus_partly_unavailable_protects=True,
    smmu_masks_count=False,
    extended_regions_exclude_mappings=False,
    dom0_gives_page_after=True,
    domain_properties=_DOMAIN_PROPERTIES_4_17,
    domain_options=MappingProxyType({"xen,static-mem": "STATIC_MEMORY"}),
    enhanced_values=frozenset({"enabled", "no-xenstore", "disabled"}),
    color_digits_required=False,
    vcpu_nodes=False,
    module_overlap_dropped=False,
    boot_scan_failure_is_panic=False,
    memory_by_name=True,
    dom0less_error_is_panic=False,
    dom0less_tree_bytes=4096,
    dom0less_tree_adds_partial=False,
    initrd_always_stated=True,
    redistributor_regions_stated=False,
    shared_memory_is_memory=False,
    kconfig=frozenset({"BOOT_TIME_CPUPOOLS", "STATIC_SHM"}),
    shm_host_optional=False,
    shm_direct_map_compared=False,
    vpl011_failure_refused=False,
    phandle_limit=None,
    gic_without_phandle_ok=False,
    xen_reg_cells_checked=False,
    vcpu_failure_refused=False,
    extended_spis=False,
    low_nr_spis_refused=False,
    sip_boards=(),
    xl_keys=frozenset(_XL_KEYS_4_17.split()),
    dt_overlay=None,
    scmi_smc=False,
    scmi_arguments_kept=True,
)

_4_18 = replace(
    _4_17,
    version="4.18",
    uarts=_4_17.uarts | {"arm,sbsa-uart"},
    dom0less_error_is_panic=True,
    dom0less_tree_adds_partial=True,
    initrd_always_stated=False,
    vpl011_failure_refused=True,
    module_overlap_dropped=True,
    domain_options=MappingProxyType({**_4_17.domain_options, "sve": "ARM64_SVE"}),
    domain_properties=_4_17.domain_properties
    | {
        "max_grant_version",  # 9c57a2973789
        "max_grant_frames",
        "max_maptrack_frames",
        "sve",  # 870394de4476
    },
    xl_keys=_4_17.xl_keys
    | {
        "bootloader_restrict",  # 1f762642d2ca
        "bootloader_user",
        "smbios",  # 9aeb3a20c4bf
        "sve",  # b46e8207d0ae
        "virtio",  # 953efa0b7b18
    },
)

_4_19 = replace(
    _4_18,
    version="4.19",
    uarts=(_4_18.uarts - {"fsl,imx8qm-lpuart"}) | {"fsl,imx8qxp-lpuart", "ti,am654-uart"},
    boot_scan_failure_is_panic=True,
    shared_memory_is_memory=True,
    shm_host_optional=True,
    shm_direct_map_compared=True,
    sip_boards=("fsl,imx8qm", "fsl,imx8qxp"),  # 71d4356544ee
    domain_properties=_4_18.domain_properties | {"passthrough"},  # 1d2b4f3049fd
    xl_keys=_4_18.xl_keys
    | {
        "hvm_pirq",  # 024e7131be5c
        "nr_spis",  # 6f588194d9c8
    },
    dt_overlay=DtOverlay(at_root=False, children=False, survives_others=False),
)

_4_20 = replace(
    _4_19,
    version="4.20",
    memory_by_name=False,
    uarts=_4_19.uarts
    | {"fsl,s32v234-linflexuart", "nxp,s32g2-linflexuart", "nxp,s32g3-linflexuart"},
    iommu_drivers=(_SMMU, _SMMU_V3, _IPMMU_V4H),
    domain_properties=_4_19.domain_properties | {"llc-colors"},  # 5948dc16759c
    domain_options=MappingProxyType({**_4_19.domain_options, "llc-colors": "LLC_COLORING"}),
    smmu_masks_count=True,
    gic_without_phandle_ok=True,
    xen_reg_cells_checked=True,
    redistributor_regions_stated=True,
    kconfig=_4_19.kconfig | {"MPU"},
    vcpu_failure_refused=True,
    xl_keys=_4_19.xl_keys | {"llc_colors"},  # 748bd725fbec
    dt_overlay=DtOverlay(at_root=True, children=False, survives_others=True),
)

_4_21 = replace(
    _4_20,
    version="4.21",
    iommus_partly_unavailable_protects=False,
    extended_regions_exclude_mappings=True,
    dom0_gives_page_after=False,
    enhanced_values=_4_20.enhanced_values | {"legacy"},
    vcpu_nodes=True,
    # SCMI_SMC_MA is that of patches which are proposed for Xen (xen/sci_agents.py).
    kconfig=_4_20.kconfig | {"GICV3_ESPI", "SCMI_SMC_MA"},
    extended_spis=True,
    low_nr_spis_refused=True,
    domain_properties=_4_20.domain_properties
    | {
        "capabilities",  # df68a4cb7ed9
        "trap-unmapped-accesses",  # 5f91a9b209cb
        "xen,sci_type",  # 10e7473d6024
    },
    xl_keys=_4_20.xl_keys
    | {
        "altp2m_count",  # 3712f464fd5b
        "arm_sci",  # 10e7473d6024
        "trap_unmapped_accesses",  # d057628757ff
        "xen_platform_pci_bar_uc",  # 22650d605462
        "xenstore_feature_mask",  # f6c990ac3cdd
    },
    scmi_smc=True,
)

_4_22 = replace(
    _4_21,
    version="4.22",
    # 2048 + 128 for each of the 128 vCPUs a 64-bit Xen can give.
    dom0less_tree_bytes=2048 + 128 * 128,
    phandle_limit=GUEST_PHANDLE_GIC - 1,
    domain_properties=_4_21.domain_properties | {"v8r_el1_msa"},  # 1afacf7b1537
    domain_options=MappingProxyType({**_4_21.domain_options, "v8r_el1_msa": "MPU"}),
    color_digits_required=True,
    xl_keys=_4_21.xl_keys | {"xenstore_quota"},  # ea3099e19146
    dt_overlay=DtOverlay(at_root=True, children=True, survives_others=True),
    scmi_arguments_kept=False,
)

#: 4.23-unstable, as of November 2026 (c447b7308b13).
_4_23 = replace(
    _4_22,
    version="4.23",
    uarts=_4_22.uarts | {"fsl,imx6q-uart"},  # ee53a871ed
    sip_boards=(*_4_22.sip_boards, "fsl,imx8mp", "fsl,imx8mq", "fsl,imx8mm", "fsl,imx8mn"),
)

# --- Vendors: what their Xen changes -----------------------------------------------------------


class Flavour(NamedTuple):
    """The Xen of a vendor. ``releases``: by branch, the fields of `Release` that it changes."""

    vendor: str
    releases: Mapping[str, Mapping[str, Any]]


UPSTREAM = "upstream"

#: Of all releases of AMD since 4.17, in its public tree (github.com/Xilinx/xen).
_AMD: Mapping[str, Any] = MappingProxyType(
    {
        "normal_mappings": True,
        "pci_assigned": True,
        "eemi_of_owner": ("xlnx,zynqmp", "xlnx,versal"),
        "dt_overlay": None,  # `xl dt-overlay` of AMD is older than that of upstream, and differs
    }
)

FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {
        "amd": Flavour(
            "AMD",
            {
                # 970ab2e80a, with DOMU_DTB_SIZE 16384 (2023.1, 2023.2)
                "4.17": {**_AMD, "dom0less_tree_bytes": 16384},
                # c9de96c0cb, the branch of meta-xilinx 2024.1 and 2024.2. Its DOMU_DTB_SIZE was
                # not read: upstream's is not greater.
                "4.18": _AMD,
                # dom0less-build.c, whose buffer is 16384 bytes and the module's size
                "4.20": {**_AMD, "dom0less_tree_bytes": 16384},
            },
        )
    }
)
"""By the word of --xen-flavour. What a vendor's Xen changes is here and nowhere else."""

RELEASES: Mapping[str, Release] = MappingProxyType(
    {entry.version: entry for entry in (_4_17, _4_18, _4_19, _4_20, _4_21, _4_22, _4_23)}
)
"""Oldest first. The last is not released yet."""

DEFAULT = "4.20"

_CHECKS_OF_2026: Mapping[str, Any] = {
    "xen_reg_cells_checked": False,
    "vcpu_failure_refused": False,
}
#: By branch: the point release that brought a difference, and the fields before it.
_BEFORE = {"4.20": (4, _CHECKS_OF_2026), "4.21": (2, _CHECKS_OF_2026)}


def _every_option() -> Iterator[str]:
    for xen in RELEASES.values():
        yield from xen.kconfig
        yield from xen.domain_options.values()


KCONFIG = tuple(sorted(set(_every_option())))
"""The options of ``Release.domain_options`` and ``Release.kconfig``, of all releases."""

_SELECTED = {"STATIC_SHM": "STATIC_MEMORY", "MPU": "STATIC_MEMORY"}


def options_of(kconfig: Collection[str]) -> frozenset[str]:
    """The options of a build that has these, with those that they depend on or select."""
    return frozenset(kconfig) | {_SELECTED[name] for name in kconfig if name in _SELECTED}


POINT_RELEASE = rf"(?:{'|'.join(map(re.escape, RELEASES))})\.[0-9]{{1,9}}"
"""A point release of a known branch (use fullmatch)."""

DT_OVERLAY_BYTES_MAX = 500 << 10
"""Largest overlay that Xen accepts, in bytes. DT_OVERLAY_MAX_SIZE of dt-overlay.c."""


def rounded_spis(count: int) -> int:
    """SPIs that a guest gets for ``nr_spis``: they come in 32s (domain_vgic_init)."""
    return -(-count // 32) * 32


def spi_ranges(release: Release, options: Collection[str], nr_spis: int) -> tuple[range, ...]:
    """The INTIDs that ``nr_spis`` gives a guest; none if Xen refuses that number.

    ``options``: those that Xen is built with. Whether the host's GIC has them is another question.
    Source: domain_vgic_init.
    """
    count = rounded_spis(nr_spis)
    if count <= GUEST_NR_SPIS_MAX:
        return (range(SPI_FIRST_INTID, SPI_FIRST_INTID + count),)
    end = SPI_FIRST_INTID + count
    built = release.extended_spis and "GICV3_ESPI" in options
    if not built or not ESPI_INTIDS.start <= end <= ESPI_INTIDS.stop:
        return ()
    return (range(SPI_FIRST_INTID, GUEST_SPI_LAST_INTID + 1), range(ESPI_INTIDS.start, end))


@cache  # a release is equal to itself alone
def release(version: str, flavour: str = UPSTREAM) -> Release:
    """The release for a version as "4.20", the newest of its branch, or as "4.20.1".

    ``flavour``: ``UPSTREAM`` or one of ``FLAVOURS``. Raises UsageError.
    """
    known = _upstream(version)
    if flavour == UPSTREAM:
        return known
    vendor = FLAVOURS.get(flavour)
    if vendor is None:
        raise UsageError(
            f"unknown flavour of Xen '{flavour}'; known are {', '.join((UPSTREAM, *FLAVOURS))}"
        )
    changes = vendor.releases.get(known.branch)
    if changes is None:
        based = ", ".join(vendor.releases)
        raise UsageError(f"Xen of {vendor.vendor} is not known for {version}; give {based}")
    return replace(known, flavour=flavour, **changes)


def _upstream(version: str) -> Release:
    """The release of the Xen Project for a version. Raises UsageError."""
    match = re.fullmatch(r"([0-9]+\.[0-9]+)(?:\.([0-9]{1,9}))?", version)
    known = RELEASES.get(match[1]) if match else None
    if match is None or known is None:
        raise UsageError(f"unknown Xen release '{version}'; known are {', '.join(RELEASES)}")
    first, fields = _BEFORE.get(match[1], (0, {}))
    if match[2] is None or int(match[2]) >= first:
        return known
    return replace(known, version=f"{match[1]}.{int(match[2])}", **fields)


def since_point(release: Release, name: str) -> str | None:
    """The point release of the branch that brought a field's value; None if all have it."""
    first, fields = _BEFORE.get(release.branch, (0, {}))
    return f"{release.branch}.{first}" if name in fields else None
