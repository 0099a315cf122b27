"""What stops Xen from building dom0: it gives dom0 every node of the host's tree that it does not
withhold, and the first error about any of them is a panic.

Source: handle_node (xen/arch/arm/domain_build.c) and handle_device (xen/arch/arm/device.c; up to
4.17 in domain_build.c), with map_device_irqs_to_domain, map_range_to_domain, map_device_children,
platform_get_irq, route_irq_to_guest. ``status`` does not matter to any of them. A node that is
marked xen,passthrough is neither routed nor mapped to dom0, nor added to the IOMMU; its addresses
and interrupts are read anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeGuard

from xenassign.devicetree.tree import Node
from xenassign.host.device import HostDevice, read_device
from xenassign.host.platform import Platform
from xenassign.xen.console import drives
from xenassign.xen.dom0 import SKIPPED, is_withheld, line_of
from xenassign.xen.host_reading import Followed, HostReading, Line, Lost, UnreadableError
from xenassign.xen.iommu import Iommus, Shield, StreamTable, protection
from xenassign.xen.releases import SPI_FIRST_INTID

#: dom0 has at most the interrupts below this one (dom0_cfg.arch.nr_spis, vgic_def_nr_spis).
_LINES = 992
#: A guest's physical address has at most this many bits (P2M_ROOT_PAGES of a 48 bit CPU).
_ADDRESS_BITS = 48

#: By ``compatible`` of the root the nodes that Xen withholds from dom0 on this platform
#: (blacklist_dev of xen/arch/arm/platforms, in every release).
_BLACKLISTS = {
    "brcm,bcm2711": frozenset({"brcm,bcm2835-aux-spi", "brcm,bcm2835-aux", "brcm,bcm2835-pm"}),
    "allwinner,sun50i-a64": frozenset({"snps,dw-apb-uart"}),
    "allwinner,sun50i-h5": frozenset({"snps,dw-apb-uart"}),
    "allwinner,sun50i-h6": frozenset({"snps,dw-apb-uart"}),
    "cavium,thunder-88xx": frozenset({"cavium,smmu-v2"}),
    "arm,vexpress": frozenset(
        {
            "arm,cci-400",
            "arm,cci-400-pmu",
            "arm,hdlcd",
            "arm,vexpress-reset",
            "arm,vexpress-reboot",
            "arm,vexpress-shutdown",
        }
    ),
}


class Obstacle(NamedTuple):
    """Something of a node with which Xen cannot build dom0. ``entry``: its number in ``prop``.

    ``marking_helps``: whether it is gone if the node is marked xen,passthrough. ``lost``: why the
    entry, of ``size`` bytes, has no processor address. ``trigger``: the trigger bits that Xen
    requires instead.
    """

    node: Node
    prop: str
    why: str
    entry: int = 0
    marking_helps: bool = False
    lost: Lost | None = None
    size: int = 0
    trigger: int | None = None


class _Taken(NamedTuple):
    """The trigger that Xen has set for an interrupt, and the node that it was read from."""

    trigger: int
    node: Node


#: What Xen meets on its walk: an obstacle, or a master that it adds to its IOMMU, which may fail
#: for the masters before it.
_Step = Obstacle | HostDevice


class _Dom0Steps(NamedTuple):
    """What Xen meets, and the nodes of all that."""

    steps: tuple[_Step, ...]
    nodes: frozenset[Node]


class Dom0Build:
    """Xen's building of dom0 from a board's tree, which is walked once whatever is marked."""

    def __init__(self, platform: Platform, iommus: Iommus) -> None:
        self._platform = platform
        self._iommus = iommus
        self._walks: dict[bool, _Dom0Steps] = {}
        self._obstacles: dict[tuple[bool, frozenset[Node]], tuple[Obstacle, ...]] = {}

    def obstacles(self, marked: frozenset[str] = frozenset()) -> tuple[Obstacle, ...]:
        """Why Xen cannot build dom0 from the board's tree; nothing if it can.

        ``marked``: paths of nodes that are marked in addition to those marked in the tree. A tree
        that Xen made for dom0 has no obstacles: dom0 runs.
        """
        platform = self._platform
        if platform.dom0_tree is not None or platform.gic is None:
            return ()
        nodes = {platform.tree.find(path) for path in marked}
        console_marked = platform.console in nodes
        walk = self._walk(console_marked)
        key = console_marked, walk.nodes.intersection(nodes)
        known = self._obstacles.get(key)
        if known is None:
            known = self._obstacles[key] = tuple(self._met(walk.steps, key[1]))
        return known

    def _met(self, steps: Sequence[_Step], marked: frozenset[Node]) -> Iterator[Obstacle]:
        """The obstacles among the steps if some of their nodes are marked."""
        streams = StreamTable(self._iommus)
        for step in steps:
            if isinstance(step, Obstacle):
                if not step.marking_helps or step.node not in marked:
                    yield step
            elif step.node not in marked and (problem := streams.take(step)) is not None:
                yield Obstacle(step.node, "iommus", problem, marking_helps=True)

    def _walk(self, console_marked: bool) -> _Dom0Steps:
        """The steps. A marked console is not Xen's, and its interrupt may be dom0's."""
        if console_marked not in self._walks:
            steps = tuple(_Dom0Walk(self._platform, self._iommus, console_marked).steps())
            self._walks[console_marked] = _Dom0Steps(steps, frozenset(step.node for step in steps))
        return self._walks[console_marked]


class _Dom0Walk:
    """The walk over the host's tree, with the interrupts that were read so far."""

    def __init__(self, platform: Platform, iommus: Iommus, console_marked: bool) -> None:
        self.platform = platform
        self.iommus = iommus
        self.reading = HostReading(platform.tree)
        self.gic = platform.gic.node if platform.gic is not None else None
        self.triggers: dict[int, _Taken] = {}
        self.of_xen: dict[int, Node] = {}
        root = {text.lower() for text in platform.tree.root.compatible}
        lists = (names for board, names in _BLACKLISTS.items() if board in root)
        self.skipped = SKIPPED.union(*lists)
        self._take_own(console_marked)

    def _take_own(self, console_marked: bool) -> None:
        """The interrupts that Xen takes before it builds dom0."""
        for node in self.platform.tree.nodes():
            names = {text.lower() for text in node.compatible}
            if node is self.gic or names & {"arm,armv7-timer", "arm,armv8-timer"}:
                self._read(self.reading.lines(node), node)
        console = self.platform.console
        if console is not None and not console_marked and drives(self.iommus.release, console):
            self._use(self.reading.lines(console)[:1], console)
        active = self.iommus.active
        for iommu in self.platform.iommus if active and active.name == "smmu" else ():
            if iommu.node in self.iommus.nodes:
                lines = self.reading.lines(iommu.node)
                self._read(lines, iommu.node)
                prop = iommu.node.get("#global-interrupts")
                stated = prop.u32() if prop is not None and len(prop.value) == 4 else 0
                self._use(lines[:stated], iommu.node)

    def _read(self, lines: Sequence[Line], node: Node) -> list[int]:
        """The INTIDs of some interrupts of a node of Xen's own."""
        intids = []
        for line in lines:
            if self._at_gic(line):
                intid, trigger = line_of(line.specifier)
                if self.triggers.setdefault(intid, _Taken(trigger, node)).trigger == trigger:
                    intids.append(intid)
        return intids

    def _use(self, lines: Sequence[Line], node: Node) -> None:
        for intid in self._read(lines, node):
            self.of_xen.setdefault(intid, node)

    def _at_gic(self, line: Line) -> TypeGuard[Followed]:
        """Whether an interrupt reaches the GIC with all cells that Xen reads."""
        if isinstance(line, UnreadableError) or line.controller is not self.gic:
            return False
        return len(line.specifier) >= 3

    # ------------------------------------------------------------------ the nodes

    def steps(self) -> Iterator[_Step]:
        """All obstacles and masters, in the order in which Xen meets them."""
        stack = [self.platform.tree.root]
        while stack:
            node = stack.pop()
            if is_withheld(self.platform, self.iommus, node, self.skipped):
                continue
            lines = node.has("interrupts") or node.has("interrupts-extended")
            if lines and self._has_ppi(node):
                continue
            own = not node.has("xen,passthrough")
            if own and (node.has("iommus") or node in self.platform.masters):
                yield from self._iommu(node)
            if lines:
                yield from self._interrupts(node, own)
            if node.has("reg") or node.has("assigned-addresses"):
                yield from self._addresses(node, own)
            if node.text("device_type") == "pci":
                yield from self._pci(node, own)
            stack.extend(reversed(node.children.values()))

    def _has_ppi(self, node: Node) -> bool:
        """Whether Xen skips the node, and all below, for a PPI. Sets the triggers on its way."""
        for line in self.reading.lines(node):
            if not self._at_gic(line):
                continue
            intid, trigger = line_of(line.specifier)
            taken = self.triggers.setdefault(intid, _Taken(trigger, node))
            if taken.trigger == trigger and 16 <= intid < SPI_FIRST_INTID:
                return True
        return False

    def _iommu(self, node: Node) -> Iterator[_Step]:
        """iommu_add_dt_device and iommu_assign_dt_device."""
        active = self.iommus.active
        if active is None or not active.default_build:
            return  # which drivers the build has is not known
        device = read_device(self.platform, node)
        by_iommu = protection(self.platform, self.iommus, device)
        if by_iommu.shield is Shield.REFUSED:
            yield Obstacle(node, "iommus", by_iommu.why, marking_helps=True)
        elif by_iommu.believed:
            yield device

    def _interrupts(self, node: Node, own: bool) -> Iterator[Obstacle]:
        prop = "interrupts-extended" if node.has("interrupts-extended") else "interrupts"
        for index, line in enumerate(self.reading.lines(node)):
            if isinstance(line, UnreadableError):
                yield Obstacle(node, prop, f"interrupt {index}: {line}", index)
                continue
            if line.controller is not self.gic:
                continue
            if len(line.specifier) < 3:
                why = f"interrupt {index} reaches the GIC with {len(line.specifier)} cells"
                yield Obstacle(node, prop, why)
                continue
            yield from self._line(node, prop, index, line.specifier, own)

    def _line(
        self, node: Node, prop: str, index: int, specifier: tuple[int, ...], own: bool
    ) -> Iterator[Obstacle]:
        """platform_get_irq, then map_irq_to_domain."""
        intid, trigger = line_of(specifier)
        taken = self.triggers.setdefault(intid, _Taken(trigger, node))
        if taken.trigger != trigger:
            whose = "itself" if taken.node is node else taken.node.path
            why = f"INTID {intid} has another trigger in {whose}"
            yield Obstacle(node, prop, why, index, trigger=taken.trigger)
        elif own and intid in self.of_xen:
            why = f"INTID {intid} is that of {self.of_xen[intid].path}, which Xen uses"
            yield Obstacle(node, prop, why, index, marking_helps=True)
        elif own and not SPI_FIRST_INTID <= intid < _LINES:
            why = f"INTID {intid} cannot be routed to dom0"
            yield Obstacle(node, prop, why, index, marking_helps=True)

    def _addresses(self, node: Node, own: bool) -> Iterator[Obstacle]:
        for index, place, size in self.reading.addresses(node):
            if isinstance(place, Lost):
                why = f"entry {index} of reg: {place.why}"
                yield Obstacle(node, "reg", why, index, lost=place, size=size)
            elif own and size and (place + size - 1) >> _ADDRESS_BITS:
                why = f"entry {index} of reg: {place:#x} is above 48 bits"
                yield Obstacle(node, "reg", why, index, marking_helps=True)

    def _pci(self, node: Node, own: bool) -> Iterator[Obstacle]:
        """map_device_children."""
        try:
            for line in self.reading.map_lines(node):
                if line.controller is not self.gic:
                    continue
                if len(line.specifier) < 3:
                    why = f"the GIC is reached with {len(line.specifier)} cells"
                    raise UnreadableError(why)
                intid, _ = line_of(line.specifier)
                if intid < SPI_FIRST_INTID:
                    raise UnreadableError(f"INTID {intid} is not an SPI")
                yield from self._line(node, "interrupt-map", 0, line.specifier, own)
        except UnreadableError as error:
            yield Obstacle(node, "interrupt-map", f"interrupt-map: {error}")
        try:
            for index, place, size in self.reading.windows(node):
                if isinstance(place, Lost):
                    if size:
                        why = f"entry {index} of ranges: {place.why}"
                        yield Obstacle(node, "ranges", why, index)
                elif own and size and (place + size - 1) >> _ADDRESS_BITS:
                    why = f"entry {index} of ranges: {place:#x} is above 48 bits"
                    yield Obstacle(node, "ranges", why, index, marking_helps=True)
        except UnreadableError as error:
            yield Obstacle(node, "ranges", f"as a PCI node {error}")
