"""The context in which the rules judge a file: a release, a host if it is known, and a domain."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

from xenassign.devicetree.spans import Span
from xenassign.xen.direct_map import Banks, at_host, vpl011_intid
from xenassign.xen.layout import MIB, Guest, routes_with_extended_regions
from xenassign.xen.releases import Release, Use

if TYPE_CHECKING:
    from xenassign.devicetree.addresses import Block
    from xenassign.devicetree.tree import Node
    from xenassign.host.platform import Platform
    from xenassign.xen.board import Board
    from xenassign.xen.dom0 import Dom0, Dom0Masters
    from xenassign.xen.iommu import Iommus
    from xenassign.xen.sci_agents import Agents


class Images(NamedTuple):
    """The images that the boot loader loads for a dom0less domain: sizes in bytes.

    ``text_offset``: the offset of the kernel in the guest's RAM (bytes; 0 for current kernels).
    """

    kernel: int
    ramdisk: int
    text_offset: int = 0

    def places(self, bank: Span, limit: int, used: int) -> Iterator[tuple[str, Span]]:
        """(name, guest addresses) of what Xen copies into the first RAM bank (place_modules).

        ``limit``, ``used``: the sizes of the tree's buffer and of the tree (bytes).
        """
        base, bank_end = bank
        kernel = Span.sized(base + self.text_offset, self.kernel)
        yield "kernel", kernel
        tree = Span(0, limit).rounded(2 * MIB).size
        modules = tree + Span(0, self.ramdisk).rounded(2 * MIB).size
        if bank_end >= base + 128 * MIB + modules and kernel.end < base + 128 * MIB:
            start = base + 128 * MIB
        elif bank_end - modules > kernel.rounded(2 * MIB).end:
            start = bank_end - modules
        else:
            start = kernel.start - modules
        yield "device tree", Span.sized(start, used)
        yield "ramdisk", Span.sized(start + tree, self.ramdisk)


class Context(NamedTuple):
    """The release, the host if known (``board``, read for that release), and the domain.

    ``memory``: KiB, None when not known. ``gic_lines``: the number of lines of the host's GIC
    (highest INTID + 1), which no device tree states; None: as many as a GIC can have. ``nr_spis``:
    the domain's own limit. ``pool_mib``: xen,domain-p2m-mem-mb. ``images``: None when not known.
    ``beside_dom0``: there is a dom0, which keeps every node not marked xen,passthrough.
    ``marked``: paths of host nodes that an overlay marks in addition to those that the host tree
    marks. ``options``: Kconfig options that Xen was built with although they are off by default
    (``Release.domain_options``).
    ``sci``: the xen,sci_type of the domain's node ("none" without), None when it is not known;
    ``agent``: the number of its agent of SCMI.
    ``host_memory``: the memory that the firmware passes to Xen, if known: the firmware often
    replaces the memory that a board's file states. ``direct_map``: guest addresses are host
    addresses; ``static_memory``: (base, size) in bytes of its xen,static-mem. ``elsewhere``: the
    host nodes that are assigned to other domains of the system (``Scope``). ``enhanced``: whether
    a dom0less domain has PV interfaces. ``ramdisk``: whether it has one. ``shared``: the ids of its
    regions of static shared memory. ``agents``: those of the SCMI firmware, if Xen is built
    for them and they are known. ``windows``: kinds of optional windows that dom.cfg uses.
    ``owned``: the ids of regions that a node of the host's tree or of an overlay of it owns.
    """

    release: Release
    board: Board | None
    vcpus: int = 1
    vpl011: bool = True
    bootargs: str | None = None
    memory: int | None = None
    gic_lines: int | None = None
    nr_spis: int | None = None
    pool_mib: int | None = None
    images: Images | None = None
    beside_dom0: bool = False
    marked: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    host_memory: tuple[Block, ...] = ()
    sci: str | None = None
    agent: int | None = None
    direct_map: bool = False
    static_memory: Banks = ()
    elsewhere: frozenset[Node] = frozenset()
    enhanced: bool = False
    ramdisk: bool = True
    shared: tuple[str, ...] = ()
    windows: frozenset[Use] = frozenset()
    agents: Agents | None = None
    owned: frozenset[str] = frozenset()

    @property
    def platform(self) -> Platform | None:
        """What the devices of the host share; None if it is not known."""
        return self.board.platform if self.board is not None else None

    @property
    def iommus(self) -> Iommus | None:
        """The IOMMUs that Xen uses; None if the host is not known."""
        return self.board.iommus if self.board is not None else None

    @property
    def guest(self) -> Guest:
        """The guest layout; for a direct-map domain on an unknown host only its RAM."""
        platform, banks = self.platform, self.static_memory
        version = platform.gic.version if platform and platform.gic else 3
        memory = self.memory * 1024 if self.memory is not None else None
        guest = Guest(self.release, version, self.vpl011, memory, options=self.windows)
        if not self.direct_map:
            return guest
        return at_host(guest, platform, banks, self.vcpus, enhanced=self.enhanced)

    def guest_on(self, routes: Collection[str]) -> Guest:
        """The guest layout with the extended regions that the domain has on some of the routes."""
        enhanced = self.enhanced
        extended = routes_with_extended_regions(self.release, routes, enhanced=enhanced)
        return self.guest._replace(extended=extended)

    @property
    def vpl011_intid(self) -> int | None:
        """The INTID of the domain's vPL011, if it has one and it is known."""
        return vpl011_intid(self.platform, self.direct_map) if self.vpl011 else None

    def dom0(self) -> Dom0 | None:
        """The pages and interrupts that dom0 may give to a guest; None if the host is unknown."""
        return self.board.dom0_beside(self.marked) if self.board is not None else None

    def dom0_masters(self) -> Dom0Masters | None:
        """The devices of the host that Xen assigns to dom0; None if the host is unknown."""
        return self.board.dom0_masters(self.marked) if self.board is not None else None
