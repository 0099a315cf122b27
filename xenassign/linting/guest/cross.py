"""Rules about an xl configuration and its partial device tree against each other.

xl compares nothing: iomem, irqs and dtdev give what they name, the tree says what the guest's
drivers look for, and each can be right without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from xenassign.checks.protection import FORCED, FORCED_MASTER, WARNING
from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.places import Place
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.guest.firmware import scmi_nodes
from xenassign.linting.guest.interrupts import guest_intids
from xenassign.linting.guest.pages import REG_UNMAPPED, reg_cell
from xenassign.linting.guest.view import View
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.domcfg import corrected_intid, requests_scmi
from xenassign.linting.verdict.mappings import MappingEntry
from xenassign.xen.iommu import protection
from xenassign.xen.releases import SPI_FIRST_INTID
from xenassign.xen.xlvalues import IomemRange, page_range

MAPPING_MISSING = rule("XA220", "iomem-and-xen-reg-differ", "error", "broken")
IOMEM_WITHOUT_NODE = rule("XA228", "iomem-without-node", "warning", "unsafe", routes=XL)
IRQ_MISSING = rule("XA315", "irqs-and-tree-differ", "error", "broken", routes=XL)
OFF_BY_32 = rule("XA325", "irqs-off-by-32", "error", "broken", routes=XL)
IRQ_WITHOUT_NODE = rule("XA326", "irq-without-node", "warning", "unsafe", routes=XL)
NOT_IN_DTDEV = rule("XA423", "not-in-dtdev", "error", "unsafe", routes=XL, needs_host=True)
DTDEV_WITHOUT_NODE = rule("XA422", "dtdev-without-node", "warning", "broken", routes=XL)
ARM_SCI_MISSING = rule(
    "XA613", "arm-sci-missing", "error", "broken", routes=XL, applies=lambda xen: xen.scmi_smc
)


@dataclass(frozen=True)
class Pair:
    """A configuration and its partial device tree."""

    config: XlConfig
    view: View

    def place(self, atom: Atom) -> Place:
        """Where an entry of the configuration stands."""
        return self.config.place(atom)

    @cached_property
    def lines(self) -> list[tuple[Atom, int]]:
        """The INTIDs that irqs means; what it is none of xl refuses."""
        found = ((atom, corrected_intid(atom)) for atom in self.config.texts("irqs"))
        return [(atom, number) for atom, number in found if number is not None]

    @cached_property
    def ranges(self) -> list[tuple[Atom, IomemRange]]:
        """The pages of iomem."""
        found = ((atom, page_range(atom.text)) for atom in self.config.texts("iomem"))
        return [(atom, span) for atom, span in found if span is not None]

    @cached_property
    def mappings(self) -> list[MappingEntry]:
        """The same in bytes."""
        return [MappingEntry.of_iomem(entry) for _, entry in self.ranges]

    @cached_property
    def blocks(self) -> list[tuple[Node, Block]]:
        """The registers that the guest's nodes name."""
        return [(node, block) for node in self.view.devices for block in registers(node).blocks]

    def has_node(self, entry: MappingEntry) -> bool:
        """Whether a node of the guest has registers where something is mapped."""
        return any(block.span.overlaps(entry.guest_span) for _, block in self.blocks)

    @cached_property
    def nexus(self) -> bool:
        """Whether the guest has an interrupt-map, which is not followed here."""
        return any(n.has("interrupt-map") for top in self.view.tops for n in top.walk())

    @cached_property
    def intids(self) -> dict[int, str]:
        """The INTIDs that the guest's nodes state, and the first node of each."""
        found: dict[int, str] = {}
        for node in self.view.copied:
            for number in guest_intids(self.view.tree, node):
                found.setdefault(number, node.path)
        return found


def check(config: XlConfig, view: View) -> Iterator[Finding]:
    """What is wrong between a configuration and the tree that it names."""
    pair = Pair(config, view)
    for rule_of in CHECKS:
        yield from rule_of(pair)


def xen_reg_in_iomem(pair: Pair) -> Iterator[Finding]:
    """What xen,reg maps iomem maps too, to the same place."""
    for one in pair.view.nodes:
        for entry in one.entries:
            if entry.size and not _covered(entry, pair.mappings):
                node, at = one.node.path, entry.cells.host
                message = f"{node}: {entry.host:#x} at {entry.guest:#x} is not in iomem"
                yield MAPPING_MISSING(message, node=node, prop="xen,reg", cell=at, routes=XL)


def iomem_in_xen_reg(pair: Pair) -> Iterator[Finding]:
    """What iomem maps xen,reg maps too, where the tree speaks to dom0less Xen at all."""
    wanted = [entry for one in pair.view.nodes for entry in one.entries]
    for (atom, _), entry in zip(pair.ranges, pair.mappings, strict=True):
        if wanted and pair.has_node(entry) and not _covered(entry, wanted):
            message = f"iomem has {entry.host:#x} at {entry.guest:#x}, which no xen,reg has"
            at = pair.place(atom)
            yield MAPPING_MISSING(message, prop="iomem", place=at, routes=("dom0less",))


def registers_in_iomem(pair: Pair) -> Iterator[Finding]:
    """The registers that a guest's node names are mapped, where no xen,reg tells it already."""
    told = {one.node.path for one in pair.view.nodes if one.entries}
    for node, block in pair.blocks:
        if node.path not in told and not _inside(block, pair.mappings):
            message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no iomem"
            at = reg_cell(node, block)
            yield REG_UNMAPPED(message, node=node.path, prop="reg", cell=at, routes=XL)


def iomem_without_node(pair: Pair) -> Iterator[Finding]:
    """Pages that no node of the guest names."""
    wanted = [entry for one in pair.view.nodes for entry in one.entries]
    for (atom, _), entry in zip(pair.ranges, pair.mappings, strict=True):
        if not pair.has_node(entry) and not _covered(entry, wanted):
            message = f"no node of the guest has registers at {entry.guest:#x}"
            yield IOMEM_WITHOUT_NODE(message, prop="iomem", place=pair.place(atom))


def interrupts_in_irqs(pair: Pair) -> Iterator[Finding]:
    """The guest's interrupts are in irqs, and irqs holds no others."""
    given = {number: atom for atom, number in pair.lines}
    mistaken = set()
    for number, path in pair.intids.items():
        spi = number - SPI_FIRST_INTID
        if number in given:
            continue
        if spi in given and spi not in pair.intids:
            mistaken.add(spi)
            message = f"{path} has INTID {number}, that is SPI {spi}; irqs has {spi}"
            yield OFF_BY_32(message, prop="irqs", place=pair.place(given[spi]))
            continue
        message = f"{path}: INTID {number} is not in irqs"
        yield IRQ_MISSING(message, node=path, prop="interrupts")
    for number, atom in given.items():
        if number not in pair.intids and number not in mistaken and not pair.nexus:
            message = f"no node of the guest states INTID {number}"
            yield IRQ_WITHOUT_NODE(message, prop="irqs", place=pair.place(atom))


def devices_in_dtdev(pair: Pair) -> Iterator[Finding]:
    """Protected devices are in dtdev; what is not protected is passed without a word from xl."""
    paths = {atom.text.lower() for atom in pair.config.texts("dtdev")}
    known = pair.view.context.iommus
    platform = pair.view.context.platform
    if platform is None or known is None:
        return
    for one in pair.view.nodes:
        host = pair.view.host(one.node)
        if host is None or host.path.lower() in paths:
            continue
        node = one.node.path
        if protection(platform, known, host).protected:
            yield NOT_IN_DTDEV(f"{host.path} is not in dtdev", node=node, prop="xen,path")
        elif not one.forced:
            which = FORCED_MASTER if host.dma.answer == "yes" else FORCED
            message = f"{WARNING.format(path=host.path)} Known about it: {host.dma.evidence}"
            yield which(message, node=node, prop="xen,path", routes=XL)


def dtdev_in_tree(pair: Pair) -> Iterator[Finding]:
    """A device of dtdev has a node in the guest, where the tree tells which host node it means."""
    named = {one.path.lower() for one in pair.view.nodes if one.path}
    for atom in pair.config.texts("dtdev"):
        if named and atom.text.lower() not in named:
            message = f"no node of the guest has the xen,path {atom.text}"
            yield DTDEV_WITHOUT_NODE(message, prop="dtdev", place=pair.place(atom))


def arm_sci(pair: Pair) -> Iterator[Finding]:
    """A configuration whose guest has SCMI asks for it."""
    release = pair.view.context.release
    if ARM_SCI_MISSING.applies(release) and not requests_scmi(pair.config, release):
        for node in scmi_nodes(pair.view):
            message = f"{node.path}: dom.cfg has no arm_sci that asks for SCMI"
            yield ARM_SCI_MISSING(message, node=node.path)


def _covered(entry: MappingEntry, by: list[MappingEntry]) -> bool:
    """Whether one of the mappings maps all of ``entry`` to the same place."""
    return any(
        other.guest - other.host == entry.guest - entry.host
        and other.host_span.covers(entry.host_span)
        for other in by
    )


def _inside(block: Block, mapped: list[MappingEntry]) -> bool:
    """Whether one mapping holds a whole block of the guest's addresses."""
    return any(entry.guest_span.covers(block.span) for entry in mapped)


CHECKS: tuple[Callable[[Pair], Iterator[Finding]], ...] = (
    xen_reg_in_iomem,
    iomem_in_xen_reg,
    registers_in_iomem,
    iomem_without_node,
    interrupts_in_irqs,
    devices_in_dtdev,
    dtdev_in_tree,
    arm_sci,
)
