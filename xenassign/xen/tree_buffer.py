"""The tree of a dom0less guest as Xen builds it: libfdt's sequential writer in a fixed buffer.

Source: prepare_dtb_domU and what it calls (dom0less-build.c; domain_build.c in 4.17), fdt_sw.c of
libfdt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.tree import Node
from xenassign.xen.releases import DOM0LESS_TREE_CAP, Release

if TYPE_CHECKING:
    from xenassign.host.platform import Platform

# Bytes that dom0less Xen itself puts into a guest tree, counted on 4.17 (prepare_dtb_domU) with one
# vCPU, an initrd and a vPL011: header, reserve map and nodes before the partial tree; GIC and timer
# after it; each further vCPU; the vPL011 up to its speed; the ends; the initrd's two properties;
# a bank of memory and a region of shared memory, without its id; /reserved-memory; /hypervisor, and
# each extended region in it. Then the property names.
_BEFORE, _AFTER, _VCPU, _VPL011 = 488, 292, 96, 120
_END_OF_VPL011, _END = 4, 8
_INITRD, _BANK, _SHARED, _RESERVED = 40, 16, 124, 68
_HYPERVISOR, _REGION = 124, 16
_NAMES_BEFORE = (
    "#address-cells",
    "#size-cells",
    "compatible",
    "method",
    "cpu_off",
    "cpu_on",
    "device_type",
    "reg",
    "enable-method",
)
_INITRD_NAMES = ("linux,initrd-start", "linux,initrd-end")
_SHARED_NAMES = ("ranges", "xen,id", "xen,offset")
_NAMES_AFTER = (
    "#interrupt-cells",
    "interrupt-controller",
    "linux,phandle",
    "phandle",
    "interrupts",
    "interrupt-parent",
)
#: Characters of a property's name (Devicetree Specification, 2.2.4.1); longer ones are possible.
_SHORT = 31
_TIMERS = frozenset({"arm,armv7-timer", "arm,armv8-timer"})


class OwnNodes(NamedTuple):
    """What the size of the nodes depends on that Xen itself puts into the tree of a guest.

    ``platform``: that of the host, None if it is not known. ``banks``: of the guest's memory.
    ``shared``: the ids of its regions of static shared memory. ``regions``: the number of extended
    regions of a domain with PV interfaces, None for any other; those of a direct-map domain are not
    known, and count as none.
    """

    platform: Platform | None
    vcpus: int = 1
    vpl011: bool = True
    bootargs: str | None = None
    ramdisk: bool = True
    banks: int = 1
    shared: tuple[str, ...] = ()
    regions: int | None = None


class TreeBuffer:
    """The buffer that libfdt's sequential writer fills (fdt_sw.c); all in bytes.

    A node takes 8 bytes and its padded name, a property 12 and its padded value. A property's name
    is stored once, and not at all when a stored one ends in it (fdt_find_add_string_).
    """

    def __init__(self, release: Release, partial: int, own: OwnNodes) -> None:
        """``partial``: bytes of the partial tree's module, 0 without one."""
        self.limit = release.dom0less_tree_bytes
        if release.dom0less_tree_adds_partial:
            self.limit = min(self.limit + partial, DOM0LESS_TREE_CAP)
        self.overrun = False
        self.own = own
        self.after = _AFTER + (_VPL011 if own.vpl011 else 0)
        self.last_names = list(_NAMES_AFTER)
        self._names = bytearray()
        self._ends: set[str] = set()  # of the stored names, up to _SHORT characters
        self.used = _BEFORE - _INITRD + self._memory(release)
        names = list(_NAMES_BEFORE)
        if own.bootargs is not None:
            self.used += 12 + _padded(len(own.bootargs.encode()) + 1)
            names.insert(2, "bootargs")
        if own.ramdisk or release.initrd_always_stated:
            self.used += _INITRD
            names += _INITRD_NAMES
        self._processors(names)
        gic = own.platform.gic if own.platform is not None else None
        if release.redistributor_regions_stated and (gic is None or gic.version == 3):
            self.after += 16
            self.last_names.append("#redistributor-regions")
        self.used += sum(map(self._store, names))

    def _memory(self, release: Release) -> int:
        """The bytes of the banks after the first, and of shared memory."""
        shared = self.own.shared
        banks = max(self.own.banks - 1, 0)
        if not shared:
            return banks * _BANK
        self.last_names = [*_SHARED_NAMES, *self.last_names]
        banks += len(shared) if release.shared_memory_is_memory else 0
        ids = sum(_SHARED + _padded(len(shm_id) + 1) for shm_id in shared)
        return banks * _BANK + _RESERVED + ids

    def _processors(self, names: list[str]) -> None:
        """Adds the vCPUs after the first, and what Xen copies from the host's CPU and timer."""
        vcpus = self.own.vcpus
        self.used += _VCPU * (vcpus - 1)
        cpu, timer = _cpu_and_timer(self.own.platform)
        if cpu is not None:  # its compatible and clock-frequency are copied for each vCPU
            compatible = _padded(len(cpu.properties["compatible"].value))
            self.used += vcpus * (compatible - 16)
            if cpu.has("clock-frequency"):
                self.used += 16 * vcpus
                names.insert(names.index("enable-method"), "clock-frequency")
        if timer is not None and timer.has("clock-frequency"):
            self.after += 16
            self.last_names.append("clock-frequency")

    def take(self, size: int) -> bool:
        """Adds ``size`` bytes of structure; False if they do not fit."""
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def node(self, name: str) -> bool:
        """Adds the start of a node; its end takes another 4 bytes."""
        return self.take(4 + _padded(len(name) + 1))

    def prop(self, name: str, size: int) -> bool:
        """Adds a property with a value of ``size`` bytes."""
        # fdt_add_string_ subtracts unchecked: such a name is written before the buffer.
        self.overrun = len(self._names) + len(name) + 1 > self.limit
        if self.take(12 + _padded(size) + self._missing(name)):
            self._store(name)
            return True
        return False

    def finish(self) -> bool:
        """Adds Xen's own nodes after the partial tree, and the end of the tree."""
        if not self.take(self.after + sum(map(self._store, self.last_names))):
            return False
        regions = self.own.regions
        end = _END + (0 if regions is None else _HYPERVISOR + regions * _REGION)
        if not self.own.vpl011:
            return self.take(end)
        # make_vpl011_uart_node does not look whether its last property fits: a tree in which the
        # ends alone still have room is accepted, and its UART has no speed.
        self.prop("current-speed", 4)
        return self.take(_END_OF_VPL011 + end)

    def _missing(self, name: str) -> int:
        """The bytes that a property's name takes in the strings block: 0 if it is stored."""
        if len(name) <= _SHORT:
            return 0 if name in self._ends else len(name) + 1
        return 0 if name.encode("latin-1") + b"\0" in self._names else len(name) + 1

    def _store(self, name: str) -> int:
        """Stores a property's name; the bytes that it takes."""
        size = self._missing(name)
        if size:
            self._names += name.encode("latin-1") + b"\0"
            longest = max(len(name) - _SHORT, 0)
            self._ends.update(name[start:] for start in range(longest, len(name) + 1))
        return size


def _cpu_and_timer(platform: Platform | None) -> tuple[Node | None, Node | None]:
    """The host's nodes that make_cpus_node and make_timer_node copy from; None if missing."""
    if platform is None:
        return None, None
    root = platform.tree.root
    cpus = root.children["cpus"].children.values() if "cpus" in root.children else ()
    cpu = next((n for n in cpus if n.text("device_type") == "cpu" and n.has("compatible")), None)
    return cpu, root.once(_timer)


def _timer(root: Node) -> Node | None:
    return next((node for node in root.walk() if _TIMERS.intersection(node.compatible)), None)


def _padded(size: int) -> int:
    return (size + 3) & ~3
