"""Rules that compare an xl configuration with its partial device tree.

xl does not compare them: iomem, irqs and dtdev assign resources, and the tree describes the devices
to the guest's drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.places import Place
from xenassign.devicetree.spans import Intervals, Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule, some
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.linting.guest.guest_lines import guest_intids, map_lines
from xenassign.linting.guest.pages import REG_UNMAPPED, reg_cell
from xenassign.linting.guest.scmi import scmi_nodes
from xenassign.linting.guest.view import View, windows_of
from xenassign.linting.verdict.cfg_irqs import corrected_intid
from xenassign.linting.verdict.cfg_keys import XL
from xenassign.linting.verdict.domcfg import requests_agent, requests_scmi
from xenassign.linting.verdict.mappings import MappingEntry, iomem_ranges
from xenassign.xen.releases import SPI_FIRST_INTID
from xenassign.xen.xlvalues import IomemRange

if TYPE_CHECKING:
    from xenassign.linting.guest.cfg_additions import PairAdditions

MAPPING_MISSING = rule("XA220", "iomem-and-xen-reg-differ", "error", "broken")
IOMEM_WITHOUT_NODE = rule("XA228", "iomem-without-node", "warning", "unsafe", routes=XL)
IRQ_MISSING = rule("XA315", "irqs-and-tree-differ", "error", "broken", routes=XL)
OFF_BY_32 = rule("XA325", "irqs-off-by-32", "error", "broken", routes=XL)
IRQ_WITHOUT_NODE = rule("XA326", "irq-without-node", "warning", "unsafe", routes=XL)
NOT_IN_DTDEV = rule("XA423", "not-in-dtdev", "error", "unsafe", routes=XL, needs_host=True)
DTDEV_WITHOUT_NODE = rule("XA422", "dtdev-without-node", "warning", "broken", routes=XL)
UNCLEAR = rule("XA340", "host-node-unclear", "error", "broken", routes=XL, needs_host=True)
ARM_SCI_MISSING = rule(
    "XA613", "arm-sci-missing", "error", "broken", routes=XL, applies=lambda xen: xen.scmi_smc
)


class Pair:
    """A configuration and its partial device tree."""

    def __init__(self, config: XlConfig, view: View) -> None:
        self.config = config
        self.view = view

    def place(self, atom: Atom) -> Place:
        """The place of an entry of the configuration."""
        return self.config.place(atom)

    @cached_property
    def lacking(self) -> PairAdditions:
        """The entries that the configuration lacks."""
        from xenassign.linting.guest.cfg_additions import PairAdditions

        return PairAdditions(self.config, self.view)

    @cached_property
    def lines(self) -> list[tuple[Atom, int]]:
        """The INTIDs of irqs, with the entries. xl refuses entries without one."""
        entries = ((atom, corrected_intid(atom)) for atom in self.config.texts("irqs"))
        return [(atom, number) for atom, number in entries if number is not None]

    @cached_property
    def ranges(self) -> list[tuple[Atom, IomemRange]]:
        """The ranges of iomem in pages, with the entries."""
        return iomem_ranges(self.config, self.view.context.release)

    @cached_property
    def mappings(self) -> list[MappingEntry]:
        """The ranges of iomem in bytes."""
        return [MappingEntry.of_iomem(entry) for _, entry in self.ranges]

    @cached_property
    def blocks(self) -> list[tuple[Node, Block]]:
        """The registers of the guest's nodes."""
        return [(node, block) for node in self.view.devices for block in registers(node).blocks]

    @cached_property
    def _registers(self) -> Intervals:
        windows = (window for node in self.view.devices for window in windows_of(node))
        return Intervals(block.span for block in (*(b for _, b in self.blocks), *windows))

    def has_node(self, entry: MappingEntry) -> bool:
        """Whether a node of the guest has registers, or a PCI window, in a mapping."""
        return entry.size > 0 and self._registers.overlap(entry.guest_span)

    @cached_property
    def nexus(self) -> bool:
        """Whether the guest has a nexus whose interrupt-map leads to no interrupt of its GIC."""
        return any(
            node.has("interrupt-map") and not map_lines(self.view.tree, node, self.view.guest_gic)
            for node in self.view.copied
        )

    @cached_property
    def host_intids(self) -> set[int]:
        """The INTIDs of the assigned devices of the host; empty if it is not known."""
        return {line.intid for _, host in self.view.assigned for line in host.interrupts}

    @cached_property
    def intids(self) -> dict[int, str]:
        """The INTIDs that the guest's nodes state, and the path of the first node of each."""
        paths: dict[int, str] = {}
        for node in self.view.copied:
            for number in guest_intids(self.view.tree, node, self.view.guest_gic):
                paths.setdefault(number, node.path)
        return paths


def check(config: XlConfig, view: View) -> Iterator[Finding]:
    """Findings about the differences between a configuration and the tree that it names."""
    pair = Pair(config, view if view.config is config else replace(view, config=config))
    for rule_check in CHECKS:
        yield from rule_check(pair)


def xen_reg_in_iomem(pair: Pair) -> Iterator[Finding]:
    """Entries of xen,reg that iomem does not map to the same guest address."""
    iomem = _Mappings(pair.mappings)
    for partial in pair.view.nodes:
        for entry in partial.entries:
            if entry.size and not iomem.cover(entry):
                node, cell = partial.node.path, entry.cells.host
                message = f"{node}: {entry.host:#x} at {entry.guest:#x} is not in iomem"
                yield MAPPING_MISSING(
                    message,
                    node=node,
                    prop=partial.reg,
                    cell=cell,
                    routes=XL,
                    additions=pair.lacking.of_xen_reg(partial, entry),
                )


def iomem_in_xen_reg(pair: Pair) -> Iterator[Finding]:
    """Entries of iomem that no xen,reg maps to the same address, if there is any xen,reg."""
    entries = [entry for partial in pair.view.nodes for entry in partial.entries]
    mapped = _Mappings(entries)
    for (atom, _), entry in zip(pair.ranges, pair.mappings, strict=True):
        if entries and pair.has_node(entry) and not mapped.cover(entry):
            message = f"iomem has {entry.host:#x} at {entry.guest:#x}, which no xen,reg has"
            at = pair.place(atom)
            yield MAPPING_MISSING(message, prop="iomem", place=at, routes=("dom0less",))


def registers_in_iomem(pair: Pair) -> Iterator[Finding]:
    """Registers of guest's nodes that iomem does not map; XA220 reports those with xen,reg."""
    with_entries = {partial.node for partial in pair.view.nodes if partial.entries}
    mapped = Intervals(entry.guest_span for entry in pair.mappings)
    for node, block in pair.blocks:
        if node not in with_entries and not mapped.cover(block.span):
            message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no iomem"
            cell = reg_cell(node, block)
            added = pair.lacking.of_reg(node, block)
            yield REG_UNMAPPED(
                message, node=node.path, prop="reg", cell=cell, routes=XL, additions=added
            )


def iomem_without_node(pair: Pair) -> Iterator[Finding]:
    """Pages that no node of the guest names."""
    entries = [entry for partial in pair.view.nodes for entry in partial.entries]
    mapped = _Mappings(entries)
    if pair.ranges and not pair.view.devices:
        message = f"iomem has {len(pair.ranges)} ranges, and the guest's tree has no device"
        at = pair.config.place(pair.config.named("iomem")[-1])
        yield IOMEM_WITHOUT_NODE(message, prop="iomem", place=at)
        return
    for (atom, _), entry in zip(pair.ranges, pair.mappings, strict=True):
        if not pair.has_node(entry) and not mapped.cover(entry):
            message = f"no node of the guest has registers at {entry.guest:#x}"
            yield IOMEM_WITHOUT_NODE(message, prop="iomem", place=pair.place(atom))


def interrupts_in_irqs(pair: Pair) -> Iterator[Finding]:
    """Interrupts of the guest's nodes that are not in irqs, and the reverse."""
    irqs = {number: atom for atom, number in pair.lines}
    if irqs and not pair.view.devices:
        message = f"irqs has {len(irqs)} interrupts, and the guest's tree has no device"
        at = pair.config.place(pair.config.named("irqs")[-1])
        yield IRQ_WITHOUT_NODE(message, prop="irqs", place=at)
        return
    spi_numbers = set()  # in irqs instead of the INTID
    for number, path in pair.intids.items():
        spi = number - SPI_FIRST_INTID
        if number in irqs:
            continue
        if spi in irqs and spi not in pair.intids:
            spi_numbers.add(spi)
            if spi in pair.host_intids:
                continue  # irqs is correct; XA320 reports the node
            message = f"{path} has INTID {number}, that is SPI {spi}; irqs has {spi}"
            yield OFF_BY_32(message, prop="irqs", place=pair.place(irqs[spi]))
            continue
        message = f"{path}: INTID {number} is not in irqs"
        added = pair.lacking.of_interrupts(path, number)
        yield IRQ_MISSING(message, node=path, prop="interrupts", additions=added)
    for number, atom in irqs.items():
        if number not in pair.intids and number not in spi_numbers and not pair.nexus:
            message = f"no node of the guest states INTID {number}"
            yield IRQ_WITHOUT_NODE(message, prop="irqs", place=pair.place(atom))


def devices_in_dtdev(pair: Pair) -> Iterator[Finding]:
    """Devices that are not in dtdev: xl assigns their resources without protection or an error."""
    paths = {atom.text.lower() for atom in pair.config.texts("dtdev")}
    iommus, inside = pair.view.context.iommus, pair.view.scope
    platform = pair.view.context.platform
    if platform is None or iommus is None or inside is None:
        return
    from xenassign.checks.protection import (
        FORCED,
        FORCED_MASTER,
        MASTER_FORCED,
        WARNING,
        dma_in_scope,
        not_protected,
    )
    from xenassign.xen.iommu import protection

    harmless: list[str] = []
    for partial, host in pair.view.assigned:
        if host.path.lower() in paths:
            continue
        node, prop = partial.node.path, partial.prop
        shield, dma = protection(platform, iommus, host), dma_in_scope(inside, host)
        if shield.protected:
            message = f"{host.path} is not in dtdev"
            added = pair.lacking.of_device(host, safe=partial.path is not None)
            yield NOT_IN_DTDEV(message, node=node, prop=prop, additions=added)
        elif dma.answer == "yes":
            message = f"{not_protected(host.path, shield, dma)} and {MASTER_FORCED[False]}"
            yield FORCED_MASTER(message, node=node, prop=prop, routes=XL)
        elif not partial.forced and dma.answer == "no" and partial.path is not None:
            harmless.append(host.path)
        elif not partial.forced and dma.answer == "unknown":
            message = f"{WARNING.format(path=host.path)} Known about it: {dma.evidence}"
            yield FORCED(message, node=node, prop=prop, routes=XL)
    if harmless:
        yield _harmless(pair.config, harmless)


def _harmless(config: XlConfig, paths: Sequence[str]) -> Finding:
    """One note about all devices that do no DMA, as generate prints one."""
    from xenassign.checks.protection import FORCED

    passed = (config.named(name) for name in ("iomem", "irqs", "device_tree"))
    statement = next(filter(None, passed))[-1]
    several = len(paths) > 1
    verb, subject = ("are", "they do") if several else ("is", "it does")
    message = f"{some(paths)} {verb} assigned without an IOMMU; {subject} no DMA"
    fix = f"check that {'their' if several else 'its'} registers do not control a DMA master"
    at, prop = config.place(statement), statement.name
    return FORCED(message, prop=prop, place=at, routes=XL, severity="note", fix=fix)


def dtdev_in_tree(pair: Pair) -> Iterator[Finding]:
    """Devices of dtdev without a node in the guest, if its nodes are known to be any device's."""
    paths = {partial.path.lower() for partial in pair.view.nodes if partial.path}
    tied = {host.path.lower() for _, host in pair.view.assigned}
    for atom in pair.config.texts("dtdev"):
        if (paths or tied) and atom.text.lower() not in paths | tied:
            message = f"no node of the guest is {atom.text}"
            if not tied:
                message = f"no node of the guest has the xen,path {atom.text}"
            yield DTDEV_WITHOUT_NODE(message, prop="dtdev", place=pair.place(atom))


def driven_by_dom0(pair: Pair) -> Iterator[Finding]:
    """Devices that dom0 drives too: xl grants their pages without an error.

    It refuses an interrupt of dom0 in irqs (XA317), and a device of dom0 in dtdev (XA415).
    """
    context = pair.view.context
    rights, iommus, platform = context.dom0(), context.iommus, context.platform
    if rights is None or iommus is None or platform is None:
        return
    from xenassign.linting.verdict.dom0less_host import DOM0_DRIVES_DEVICE
    from xenassign.xen.dom0 import is_marked
    from xenassign.xen.iommu import protection

    paths = {atom.text.lower() for atom in pair.config.texts("dtdev")}
    held = rights.held.intersection(number for _, number in pair.lines)
    mapped = Intervals(mapping.host_span for mapping in pair.mappings)
    for partial, host in pair.view.assigned:
        if is_marked(host.node, context.marked) or not host.node.available:
            continue
        listed = host.path.lower() in paths and protection(platform, iommus, host).believed
        refused = listed or any(line.intid in held for line in host.interrupts)
        if not refused and any(mapped.overlap(block.span) for block in host.blocks):
            node, prop = partial.node.path, partial.prop
            message = f"{node}: {host.path} is not marked"
            yield DOM0_DRIVES_DEVICE(message, node=node, prop=prop, routes=XL)


def clear_host_nodes(pair: Pair) -> Iterator[Finding]:
    """Nodes of the guest that are several devices of the host, and several that are one."""
    first: dict[Node, Node] = {}  # by the host's node
    for node, tie in pair.view.ties.items():
        path = tie.host.path
        for block, address in tie.foreign:
            message = f"{node.path}: iomem maps {address:#x} to {block.address:#x}"
            message = f"{message}, which is not in the registers of {path}"
            cell = reg_cell(node, block)
            yield UNCLEAR(message, node=node.path, prop="reg", cell=cell)
        if tie.others:
            others = some(other.path for other in tie.others)
            message = f"{node.path} is {path}, or {others}"
            yield UNCLEAR(message, node=node.path, severity="warning")
        other = first.setdefault(tie.host.node, node) if tie.mapped else node
        if other is not node and other not in node.lineage():
            message = f"{node.path} and {other.path} are both {path}"
            yield UNCLEAR(message, node=node.path, severity="warning")


def arm_sci(pair: Pair) -> Iterator[Finding]:
    """SCMI nodes in the guest, and no arm_sci that requests SCMI."""
    release = pair.view.context.release
    agent = requests_agent(pair.config, pair.view.context)
    if ARM_SCI_MISSING.applies(release) and not (agent or requests_scmi(pair.config, release)):
        for node in scmi_nodes(pair.view):
            message = f"{node.path}: dom.cfg has no arm_sci that requests SCMI"
            yield ARM_SCI_MISSING(message, node=node.path)


class _Mappings:
    """Mappings by the distance of their guest and host addresses."""

    def __init__(self, mappings: Iterable[MappingEntry]) -> None:
        spans: dict[int, list[Span]] = {}
        for mapping in mappings:
            spans.setdefault(mapping.guest - mapping.host, []).append(mapping.host_span)
        self._by_distance = {distance: Intervals(own) for distance, own in spans.items()}

    def cover(self, entry: MappingEntry) -> bool:
        """Whether one of the mappings maps all of ``entry`` to the same guest addresses."""
        own = self._by_distance.get(entry.guest - entry.host)
        return own is not None and own.cover(entry.host_span)


CHECKS: tuple[Callable[[Pair], Iterator[Finding]], ...] = (
    xen_reg_in_iomem,
    iomem_in_xen_reg,
    registers_in_iomem,
    iomem_without_node,
    interrupts_in_irqs,
    devices_in_dtdev,
    dtdev_in_tree,
    driven_by_dom0,
    clear_host_nodes,
    arm_sci,
)
