"""HostDevice: the facts about one device in the host's device tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import (
    SIMPLE_BUSES,
    Block,
    Registers,
    is_pci,
    on_processor_bus,
    pci_windows,
    registers,
)
from xenassign.devicetree.interrupts import Interrupt, interrupts
from xenassign.devicetree.references import References, property_references, references
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.host import scmi
from xenassign.host.dma_knowledge import dma_knowledge
from xenassign.host.gic import GicInterrupt, decode
from xenassign.host.intx import Intx, read_intx
from xenassign.host.msi_interrupts import msi_interrupts
from xenassign.host.platform import Platform, read_platform
from xenassign.host.scmi import ScmiId, ScmiUse


class IommuUse(NamedTuple):
    """One entry of ``iommus``, or of an SMMU's ``mmu-masters`` that lists the device."""

    node: Node | None
    args: tuple[int, ...]
    legacy: bool = False


class Dma(NamedTuple):
    """Whether the device masters DMA (``yes``, ``no``, ``unknown``), and the evidence."""

    answer: str
    evidence: str


class HostDevice(NamedTuple):
    """One device. Register blocks are processor-physical bytes, interrupts are INTIDs.

    ``msi_lines``: the interrupts of an MSI controller that its ``interrupts`` does not state.
    ``intx``: the legacy interrupts of the devices on a PCI host.
    """

    node: Node
    path: str
    registers: Registers
    windows: tuple[Block, ...]
    interrupts: tuple[GicInterrupt, ...]
    other_interrupts: tuple[Interrupt, ...]
    problems: tuple[str, ...]
    iommus: tuple[IommuUse, ...]
    scmi_uses: tuple[ScmiUse, ...]
    suppliers: tuple[References, ...]
    msi: tuple[str, ...]
    dma: Dma
    msi_lines: tuple[GicInterrupt, ...] = ()
    intx: Intx = Intx()

    @property
    def lines(self) -> tuple[GicInterrupt, ...]:
        """All its interrupts at the GIC."""
        return (*self.interrupts, *self.unstated)

    @property
    def unstated(self) -> tuple[GicInterrupt, ...]:
        """Its interrupts at the GIC that ``interrupts`` of its node does not state."""
        stated = {line.cells for line in (*self.interrupts, *self.msi_lines)}
        return (*self.msi_lines, *(line for line in self.intx.lines if line.cells not in stated))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The register blocks that the processor sees."""
        return self.registers.blocks

    @property
    def scmi(self) -> tuple[ScmiId, ...]:
        """The SCMI ids that it uses, each once."""
        return scmi.ids(self.scmi_uses)


def is_simple_bus(node: Node) -> bool:
    """Whether a node is a bus whose own ``reg`` only states the window of its children."""
    return (
        bool(SIMPLE_BUSES.intersection(node.compatible))
        and node.has("ranges")
        and bool(node.children)
    )


def block_of(node: Node) -> Node:
    """The node whose ``compatible`` says what a node's registers are.

    It is the node itself, or the one above a part without ``compatible``, unless that is a bus or
    has registers of its own: a bank of a pin controller, a port of a PHY.
    """
    above = node.parent
    if above is None or above.parent is None or node.has("compatible") or above.has("reg"):
        return node
    return node if SIMPLE_BUSES.intersection(above.compatible) else above


def is_device(node: Node) -> bool:
    """Whether a node is a device: ``compatible``, and registers, interrupts or ``iommus``."""
    return node.has("compatible") and (
        node.has("interrupts")
        or node.has("interrupts-extended")
        or node.has("iommus")
        or (node.has("reg") and on_processor_bus(node))
    )


def devices(platform: Platform) -> Iterator[HostDevice]:
    """Every device of the board, in the order of its tree."""
    for node in platform.tree.nodes():
        if is_device(node):
            yield read_device(platform, node)


def read_device(platform: Platform, node: Node) -> HostDevice:
    """The facts about one node, which are read once. Never raises: see ``problems``."""
    return platform.tree.once(_read_device, node)


def _read_device(tree: Tree, node: Node) -> HostDevice:
    """What is malformed is in ``problems``."""
    platform = read_platform(tree)
    own_registers = registers(node)
    problems = list(own_registers.problems)
    windows: tuple[Block, ...] = ()
    try:
        windows = pci_windows(node)
    except PropertyError as error:
        problems.append(str(error))
    lines = interrupts(tree, node)
    problems += lines.problems
    gic: list[GicInterrupt] = []
    other: list[Interrupt] = []
    for line in lines.entries:
        decoded = None
        if platform.gic is not None and line.controller is platform.gic.node:
            decoded = decode(line.index, line.specifier)
            if decoded is None:
                problems.append(f"interrupt {line.index}: no such GIC specifier {line.specifier}")
                continue
        if decoded is None:
            other.append(line)
        else:
            gic.append(decoded)
    suppliers = references(tree, node)
    problems += [f"{group.prop}: {group.problem}" for group in suppliers if group.problem]
    uses = _iommu_uses(platform, node, suppliers)
    scmi_uses = scmi.uses(suppliers, platform.scmi) if platform.scmi else []
    return HostDevice(
        node=node,
        path=node.path,
        registers=own_registers,
        windows=windows,
        interrupts=tuple(gic),
        other_interrupts=tuple(other),
        problems=tuple(problems),
        iommus=uses,
        scmi_uses=tuple(scmi_uses),
        suppliers=suppliers,
        msi=tuple(name for name in ("msi-parent", "msi-map") if node.has(name)),
        dma=_dma(node, uses, own_registers),
        msi_lines=_msi_lines(platform, node, gic),
        intx=read_intx(platform, node),
    )


def _msi_lines(
    platform: Platform, node: Node, stated: list[GicInterrupt]
) -> tuple[GicInterrupt, ...]:
    if platform.gic is None or platform.gic.node.phandle is None:
        return ()
    intids = {line.intid for line in stated}
    lines = msi_interrupts(node, (platform.gic.node.phandle,))
    return tuple(line for line in lines if line.intid not in intids)


def _iommu_uses(
    platform: Platform, node: Node, suppliers: tuple[References, ...]
) -> tuple[IommuUse, ...]:
    uses = [
        IommuUse(reference.provider, reference.args)
        for group in suppliers
        if group.prop == "iommus"
        for reference in group.entries
    ]
    legacy = platform.masters.get(node, ())
    uses += [IommuUse(iommu.node, streams, legacy=True) for iommu, streams in legacy]
    return tuple(uses)


def iommus_problem(platform: Platform, node: Node) -> str | None:
    """Why ``iommus`` of a node is malformed, or None."""
    prop = node.get("iommus")
    group = property_references(platform.tree, node, prop) if prop else None
    return group.problem if group else None


def _dma(node: Node, uses: tuple[IommuUse, ...], own_registers: Registers) -> Dma:
    """The strongest evidence; without any the answer is ``unknown``, never ``no``."""
    if any(use.legacy for use in uses):
        return Dma("yes", "an SMMU lists it in mmu-masters")
    if uses or node.has("iommus"):
        return Dma("yes", "its iommus property gives it a stream of its own")
    if is_pci(node) or node.has("iommu-map"):
        return Dma("yes", "a PCI host: its PCI devices master the bus")
    fact = dma_knowledge(block_of(node).compatible)
    if fact is not None and fact.master:
        return Dma("yes", fact.evidence)
    if node.has("dma-coherent") or node.has("dma-noncoherent"):
        return Dma("yes", "the tree states its DMA coherency")
    if node.has("dma-ranges") and not SIMPLE_BUSES.intersection(node.compatible):
        return Dma("yes", "the tree states its dma-ranges")
    if fact is not None:
        return Dma("no", fact.evidence)
    if SIMPLE_BUSES.intersection(node.compatible) and not own_registers.blocks:
        return Dma("no", "a bus without registers of its own")
    return Dma("unknown", "neither the tree nor the table of known devices states it")
