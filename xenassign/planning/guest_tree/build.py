"""The partial device tree of a plan, for both routes at once.

One tree serves dom0less (xen,reg, xen,path, xen,force-assign-without-iommu on each device) and xl
(which ignores them), and every release: ``interrupt-parent`` on /passthrough is the phandle that
Xen and libxl give the guest's GIC, and there is no /gic node.

Every bus between /passthrough and a device has two address and two size cells and an empty
``ranges``, so a block's address in ``reg`` is its guest address, and the cells of ``xen,reg``
(those of the node's container) are always 2 and 2. Buses that the processor does not address
(I2C, MDIO, ports) keep the cells of the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import (
    Block,
    is_pci,
    on_processor_bus,
    ranges,
    registers,
)
from xenassign.devicetree.draft import (
    Cells,
    DraftNode,
    DraftProperty,
    boolean,
    cells,
    from_bytes,
    phandles,
    text,
)
from xenassign.devicetree.tree import Node, PropertyError
from xenassign.host.device import HostDevice, read_device
from xenassign.host.dma_windows import Translation
from xenassign.host.platform import Platform
from xenassign.planning.guest_tree.address_properties import (
    inbound_dma,
    translated_dma,
    two_cells,
    xen_reg,
)
from xenassign.planning.guest_tree.copies import added, copy, only_for_host
from xenassign.planning.guest_tree.edits import Edits, edited
from xenassign.planning.guest_tree.forwarded_firmware import firmware_nodes
from xenassign.planning.guest_tree.lines import (
    interrupt_properties,
    lost_lines,
    nexus_properties,
)
from xenassign.planning.guest_tree.suppliers import ReferenceRewriter, dropped_comments
from xenassign.planning.plan import PlacedBlock, Supplier
from xenassign.xen.releases import CACHEABLE, FORCE, GUEST_PHANDLE_GIC, PASSTHROUGH_PROPERTIES

PASSTHROUGH = "/passthrough"
#: Properties that concern only Xen or the host, or that this module writes itself.
_NOT_COPIED = frozenset(
    {
        "interrupt-parent",
        "interrupts",
        "interrupts-extended",
        "interrupt-names",
        "interrupt-map",
        "reg",
        "reg-names",
        "ranges",
        "dma-ranges",
        "#stream-id-cells",
        "xen,passthrough",
        *PASSTHROUGH_PROPERTIES,
        CACHEABLE,
    }
)


class AssignedDevice(NamedTuple):
    """A device with its placed blocks. ``why``: the comment of a forced one."""

    device: HostDevice
    placed: tuple[PlacedBlock, ...]
    forced: bool
    why: str


@dataclass(slots=True)
class GuestTreeBuilder:
    """Builds the tree.

    After ``build``, ``paths`` has the guest path and ``suppliers`` the suppliers of every node that
    was copied, by host node. ``assigned``: the devices by their nodes. ``companions``: see
    ``_add_companion``.
    """

    platform: Platform
    scope: Scope
    rewriter: ReferenceRewriter
    assigned: dict[Node, AssignedDevice]
    regions: tuple[tuple[Region, tuple[PlacedBlock, ...]], ...] = ()
    edits: Edits = field(default_factory=dict)
    translation: Translation | None = None
    direct_map: bool = False
    paths: dict[Node, str] = field(default_factory=dict)
    suppliers: dict[Node, list[Supplier]] = field(default_factory=dict)
    companions: list[DraftNode] = field(default_factory=list)

    def build(self) -> DraftNode:
        """The root of the partial device tree."""
        names: set[str] = set()
        devices = [self._node(root, PASSTHROUGH, names, mapped=True) for root in self.scope.roots]
        devices += [self._region(region, placed, names) for region, placed in self.regions]
        aliases = tuple(self._aliases())
        kept = firmware_nodes(self.rewriter, devices)
        devices += [_renamed(node, names) for node in kept]
        children = [*self.rewriter.stubs(), *self.rewriter.copied]
        providers = [_renamed(node, names) for node in children]
        companions = [_renamed(node, names) for node in self.companions]
        passthrough = DraftNode(
            "passthrough",
            (
                text("compatible", "simple-bus"),
                cells("#address-cells", 2, decimal=True),
                cells("#size-cells", 2, decimal=True),
                boolean("ranges"),
                *translated_dma(self.translation),
                cells(
                    "interrupt-parent",
                    GUEST_PHANDLE_GIC,
                    comment="the phandle that Xen and libxl give to the guest's GIC",
                ),
            ),
            (*providers, *devices, *companions),
        )
        top = (DraftNode("aliases", aliases), passthrough) if aliases else (passthrough,)
        root = (
            cells("#address-cells", 2, decimal=True),
            cells("#size-cells", 2, decimal=True),
        )
        return _without_unused_labels(DraftNode("", root, top), set(self.platform.tree.labels))

    def _aliases(self) -> Iterator[DraftProperty]:
        """The host's aliases of copied nodes, since drivers take their numbers from them."""
        for name, path in self.platform.tree.aliases.items():
            node = self.platform.tree.find(path)
            if node is not None and node in self.paths:
                yield text(name, self.paths[node])

    # ------------------------------------------------------------------ nodes

    def _node(self, node: Node, above: str, names: set[str], mapped: bool) -> DraftNode:
        """A node with its subtree. ``above``: guest path of its parent.

        ``names``: of its siblings so far. ``mapped``: its bus has the cells of /passthrough.
        """
        blocks = self._guest_blocks(node) if mapped else ()
        name = _unique(_name(node, blocks, mapped), names)
        path = self.paths[node] = f"{above}/{name}"
        carries = self._carries_mapped(node)
        changed, suppliers = self.rewriter.rewrite(node)
        suppliers += self._cut_links(node)
        self.suppliers[node] = suppliers
        assigned = self.assigned.get(node)
        device = assigned.device if assigned else read_device(self.platform, node)
        nexus = self._nexus(device, assigned)
        properties: list[DraftProperty] = []
        for prop in node.properties.values():
            if prop.name == "reg":
                properties += self._reg(node, blocks, mapped)
            elif prop.name == "ranges":
                properties += self._ranges(node, carries)
            elif prop.name == "dma-ranges":
                properties += inbound_dma(node, self.direct_map)
            elif prop.name in ("interrupts", "interrupts-extended", "interrupt-map"):
                properties += self._interrupts(prop.name, device, nexus)
            elif self._copied(node, prop.name, carries, nexus=bool(nexus)):
                properties += copy(prop, changed)
        properties += added(node, changed)
        if carries:
            properties += [
                cells("#address-cells", 2, decimal=True),
                cells("#size-cells", 2, decimal=True),
            ]
        comments = dropped_comments(suppliers)
        if node.has("interrupts") or node.has("interrupts-extended"):
            comments += lost_lines(self.scope, device)
        if assigned is not None:
            properties += self._coherency(node)
            if mapped:
                properties += self._xen_properties(assigned)
            else:
                self._add_companion(assigned, name)
        edits = self.edits.get(node, ())
        edited_properties, edit_comments = edited(self.platform.tree, node, properties, edits)
        comments += edit_comments
        child_names: set[str] = set()
        children = [
            self._node(child, path, child_names, mapped=carries)
            for child in node.children.values()
            if self.scope.has(child)
        ]
        label = self.rewriter.label(node)
        return DraftNode(name, edited_properties, tuple(children), label, tuple(comments))

    def _region(
        self, region: Region, placed: tuple[PlacedBlock, ...], names: set[str]
    ) -> DraftNode:
        """The node of a region: its own properties, and a mapping without a device."""
        node = region.node
        blocks = tuple((p.block, p.guest) for p in placed)
        name = _unique(_name(node, blocks, mapped=True), names)
        self.paths[node] = f"{PASSTHROUGH}/{name}"
        changed, suppliers = self.rewriter.rewrite(node)
        self.suppliers[node] = suppliers
        properties: list[DraftProperty] = []
        for prop in node.properties.values():
            if prop.name == "reg":
                properties += self._reg(node, blocks, mapped=True)
            elif self._copied(node, prop.name, carries=False, nexus=False):
                properties += copy(prop, changed)
        properties += [xen_reg(placed), boolean(FORCE, region.why)]
        label = self.rewriter.label(node)
        users = f", for {', '.join(region.users)}" if region.users else ""
        comments = (f"pages of {node.path}{users}", *dropped_comments(suppliers))
        return DraftNode(name, tuple(properties), label=label, comments=comments)

    def _cut_links(self, node: Node) -> Iterator[Supplier]:
        """The links of left out endpoints whose nearest copied node is ``node``."""
        for endpoint in self.scope.cut:
            nearest = next((n for n in endpoint.ancestors() if self.scope.has(n)), None)
            if nearest is node:
                _, suppliers = self.rewriter.rewrite(endpoint)
                yield from (supplier._replace(node=endpoint.path) for supplier in suppliers)

    def _interrupts(
        self, name: str, device: HostDevice, nexus: tuple[DraftProperty, ...]
    ) -> Iterable[DraftProperty]:
        """A property of interrupts. ``nexus``: see ``_nexus``."""
        if name == "interrupt-map":
            return nexus
        if name == "interrupts" and device.node.has("interrupts-extended"):
            return ()
        return interrupt_properties(device, self.scope, self.rewriter.label)

    def _nexus(
        self, device: HostDevice, assigned: AssignedDevice | None
    ) -> tuple[DraftProperty, ...]:
        """interrupt-map of a PCI host. Xen routes the interrupts of assigned nodes only."""
        if assigned is None and device.intx.lines:
            return ()
        return tuple(nexus_properties(device, self.scope, self.rewriter.label))

    def _copied(self, node: Node, name: str, carries: bool, *, nexus: bool) -> bool:
        if name in _NOT_COPIED or only_for_host(name):
            return False
        if name == "status":
            return node not in self.scope.requested and not node.available
        if name == "interrupt-map-mask":
            return nexus
        if name == "#interrupt-cells" and not node.has("interrupt-controller"):
            return nexus  # a nexus without its map hides the interrupts below it
        return not (carries and name in ("#address-cells", "#size-cells"))

    def _carries_mapped(self, node: Node) -> bool:
        """Whether nodes below a node have registers at addresses of the processor."""
        if is_pci(node):
            return False
        return any(
            self.scope.has(below) and below.has("reg") and on_processor_bus(below)
            for child in node.children.values()
            for below in child.walk()
        )

    # ------------------------------------------------------------------ registers

    def _guest_blocks(self, node: Node) -> tuple[tuple[Block, int], ...]:
        """(block, guest address) of each block of a node that is within a mapped one."""
        assigned = self.assigned.get(node)
        if assigned is not None:
            return tuple((p.block, p.guest) for p in assigned.placed if not p.window)
        above = [self.assigned[n] for n in node.ancestors() if n in self.assigned]
        blocks: list[tuple[Block, int]] = []
        for block in registers(node).blocks:
            for placed in (p for device in above for p in device.placed):
                if placed.block.span.covers(block.span):
                    blocks.append((block, placed.guest + block.address - placed.block.address))
                    break
        return tuple(blocks)

    def _reg(
        self, node: Node, blocks: tuple[tuple[Block, int], ...], mapped: bool
    ) -> Iterator[DraftProperty]:
        if not mapped:
            if not on_processor_bus(node):
                yield from_bytes(node.properties["reg"])
                if node.has("reg-names"):
                    yield from_bytes(node.properties["reg-names"])
            return
        if not blocks:
            return
        pieces = tuple(Cells(two_cells(address, block.size)) for block, address in blocks)
        yield DraftProperty("reg", pieces)
        names = node.strings("reg-names")
        kept_names = [names[block.index] for block, _ in blocks if block.index < len(names)]
        if kept_names:
            yield text("reg-names", *kept_names)

    def _ranges(self, node: Node, carries: bool) -> Iterator[DraftProperty]:
        """Empty on a bus of assigned devices, rewritten on a PCI host, else the host's or none."""
        if carries:
            yield boolean("ranges")
        elif not on_processor_bus(node):
            yield from_bytes(node.properties["ranges"])  # the bus keeps the cells of the host
        assigned = self.assigned.get(node)
        windows = [p for p in assigned.placed if p.window] if assigned else []
        if not windows:
            return
        try:
            table = ranges(node) or ()
        except PropertyError:
            return
        pieces = []
        for placed in windows:
            entry = table[placed.block.index]
            bus = (entry.flags, *two_cells(entry.child))
            pieces.append(Cells((*bus, *two_cells(placed.guest, entry.size))))
        yield DraftProperty("ranges", tuple(pieces))

    def _xen_properties(self, assigned: AssignedDevice) -> Iterator[DraftProperty]:
        """What dom0less reads: xen,path, xen,reg and xen,force-assign-without-iommu."""
        yield text("xen,path", assigned.device.path)
        yield xen_reg(assigned.placed)
        if assigned.forced:
            yield boolean(FORCE, assigned.why)

    def _add_companion(self, assigned: AssignedDevice, name: str) -> None:
        """Adds a node with the xen,path of a device on a bus whose cells do not fit xen,reg.

        ``Release.xen_reg_cells_checked``: Xen refuses cells outside of 1 and 2, and an MDIO or I2C
        bus has no size cell.
        """
        comment = f"for Xen only: the interrupts of {assigned.device.path}"
        self.companions.append(
            DraftNode(
                f"xen-{name.replace('@', '-')}",
                tuple(self._xen_properties(assigned)),
                comments=(comment,),
            )
        )

    def _coherency(self, node: Node) -> Iterator[DraftProperty]:
        """dma-coherent, if it is inherited from a bus that is not copied."""
        if node.has("dma-coherent") or node.has("dma-noncoherent"):
            return
        for above in node.ancestors():
            if above.has("dma-noncoherent"):
                return
            if above.has("dma-coherent") and not self.scope.has(above):
                yield boolean("dma-coherent", f"inherited from {above.path}")
                return


def _without_unused_labels(root: DraftNode, host_labels: set[str]) -> DraftNode:
    """The tree without labels that are not the host's and that nothing refers to."""
    used = host_labels.union(phandles(root))

    def with_used_label(node: DraftNode) -> DraftNode:
        children = tuple(with_used_label(child) for child in node.children)
        label = node.label if node.label in used else None
        return DraftNode(node.name, node.properties, children, label, node.comments)

    return with_used_label(root)


def _name(node: Node, blocks: tuple[tuple[Block, int], ...], mapped: bool) -> str:
    """The name of a mapped node has the guest address of its first block, or no unit address."""
    if not mapped:
        return node.name
    return f"{node.base_name}@{blocks[0][1]:x}" if blocks else node.base_name


def _unique(name: str, names: set[str]) -> str:
    """A name that no sibling has, which is added to ``names``: those of the siblings so far."""
    base, sign, unit = name.partition("@")
    candidate, number = name, 2
    while candidate in names:
        candidate, number = f"{base}-{number}{sign}{unit}", number + 1
    names.add(candidate)
    return candidate


def _renamed(node: DraftNode, names: set[str]) -> DraftNode:
    """A node with a name that no sibling has. ``names``: of the siblings so far."""
    return DraftNode(
        _unique(node.name, names), node.properties, node.children, node.label, node.comments
    )
