"""A domain whose partial device tree is the user's: what it passes follows from that tree.

The mappings are those of ``xen,reg``, else of iomem, else the node's ``reg`` at the host's
addresses; the interrupts and the IOMMU are those of the host's node, as dom0less Xen reads it. The
files are judged as the lint judges them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, Span, covered
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import ContradictionError
from xenassign.findings import Finding, errors
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host.platform import Platform
from xenassign.linting import linter
from xenassign.linting.documents import TreeFile, document
from xenassign.linting.guest.pages import EMPTY, NO_SIZE, REMAINDER
from xenassign.linting.guest.view import PartialNode, View
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import UNALIGNED
from xenassign.linting.verdict.mappings import MappingEntry, iomem_ranges
from xenassign.outputs.domain.completed_tree import completed
from xenassign.planning.plan import DomainPlan, PlacedBlock, PlannedDevice, PlannedRegion
from xenassign.planning.plan import Mapping as Pages
from xenassign.planning.ram_limit import explain_limit
from xenassign.request import short_form
from xenassign.request.own_tree import PartialTree
from xenassign.request.select import find
from xenassign.system.system import SystemPlan
from xenassign.xen.board import read_board
from xenassign.xen.layout import memory_limit
from xenassign.xen.stage2 import pool_mib
from xenassign.xen.xlvalues import IomemRange


def with_own_trees(system: SystemPlan) -> SystemPlan:
    """The system; the plans of domains with a partial tree of their own pass what it states.

    Raises ContradictionError where the configuration and the tree contradict each other.
    """
    platform = system.resolved.platform
    return system._replace(domains=tuple(_of_tree(plan, platform) for plan in system.domains))


def _of_tree(plan: DomainPlan, platform: Platform) -> DomainPlan:
    """The plan with the devices and pages of its own tree; the lint has the findings."""
    request, partial, base = plan.request, plan.request.partial, plan.request.base
    if partial is None or base is None:
        return plan
    marked = frozenset(mark.path for mark in plan.marks)
    board = read_board(platform, request.release, request.drivers)
    context = Context(request.release, board, marked=marked)
    own_tree = _OwnTree(platform.tree, partial, base, View(partial.tree, context, base))
    own_tree.check_lists()
    planned = {device.host.node: device for device in plan.devices}
    owners: dict[Node, PlannedDevice | PlannedRegion] = {}
    for node in own_tree.view.nodes:
        path, placed = node.node.path, tuple(own_tree.placed(node))
        host = own_tree.view.host(node.node)
        device = planned.get(host.node) if host is not None else None
        if device is not None:
            forced = device.forced or node.forced
            own = device._replace(guest_path=path, placed=placed, forced=forced, suppliers=())
            owners[node.node] = own
        elif placed:
            owners[node.node] = PlannedRegion(path, path, placed, (), "of the partial tree")
    new = plan._replace(
        tree=completed(partial.tree, owners, request.release),
        devices=tuple(own for own in owners.values() if isinstance(own, PlannedDevice)),
        regions=tuple(own for own in owners.values() if isinstance(own, PlannedRegion)),
        findings=(),
    )
    by_path = {owner.path: owner.mappings for owner in new.owners}
    pages = [mapping for owner in new.owners for mapping in owner.mappings]
    own_tree.check_iomem_map(pages)
    ranges = [(mapping.host, mapping.size, mapping.guest) for mapping in pages]
    return new._replace(
        pool_mib=pool_mib(request.memory, request.vcpus or 1, ranges),
        memory_mb_max=memory_limit(plan.guest, [mapping.guest_span for mapping in pages]),
        memory_limit=explain_limit(plan.guest, request, by_path),
    )


@dataclass(frozen=True)
class _OwnTree:
    """The partial tree and the configuration that names it. ``board``: the host's tree;
    ``view``: of all of them.
    """

    board: Tree
    partial: PartialTree
    base: XlConfig
    view: View

    def check_lists(self) -> None:
        """Raises ContradictionError if the lists of devices and the tree differ."""
        hosts = {host.node for _, host in self.view.assigned}
        for key in ("dtdev", short_form.DEVICES):
            for atom in self.base.texts(key):
                node = self._find(atom)
                if node is not None and hosts.isdisjoint((*node.walk(), *node.ancestors())):
                    raise ContradictionError(
                        f"{self.base.place(atom)}: {key} lists {node.path}, which is not a node of"
                        f" {self.partial.file}; add one with that xen,path, or remove the entry"
                    )
        listed = {self._find(atom) for atom in self.base.texts(short_form.DEVICES)}
        for own, host in self.view.assigned if listed else ():
            if not any(above in listed for above in host.node.lineage()):
                at = self.base.place(self.base.named(short_form.DEVICES)[-1])
                raise ContradictionError(
                    f"{self.partial.place(own.node)}: is {host.path}, which {short_form.DEVICES}"
                    f" ({at}) does not list; add it there, or remove the node"
                )

    def check_iomem_map(self, mappings: Sequence[Pages]) -> None:
        """Raises ContradictionError if the tree has a page of iomem_map elsewhere, or nowhere."""
        by_host = Intervals(mapping.host_span for mapping in mappings)
        for atom, page in short_form.iomem_map(self.base).items():
            having = [mappings[number] for number in by_host.overlapping(_bytes(page))]
            places = {mapping.guest - mapping.host for mapping in having}
            if places != {(page.gfn - page.mfn) * PAGE_SIZE}:
                at = ", ".join(f"{page.mfn * PAGE_SIZE + place:#x}" for place in sorted(places))
                raise ContradictionError(
                    f"{self.base.place(atom)}: iomem_map has {atom.text}, and {self.partial.file}"
                    f" maps {page.mfn * PAGE_SIZE:#x} {f'to {at}' if at else 'nowhere'}; correct"
                    " one of them"
                )

    def placed(self, node: PartialNode) -> Iterator[PlacedBlock]:
        """What is mapped for a node. Raises ContradictionError."""
        if node.entries:
            for entry in node.entries:
                if entry.size and not any(n % PAGE_SIZE for n in entry[:3]):
                    yield self._checked(
                        node, Pages(entry.host, entry.guest, entry.size, entry.normal)
                    )
        elif not node.node.has(node.reg) and node.node.has("reg"):
            for block in registers(node.node).blocks:
                yield self._of_reg(node, block)

    def _of_reg(self, node: PartialNode, block: Block) -> PlacedBlock:
        """A register block of the guest without xen,reg: as iomem maps it, else 1:1."""
        pages = block.pages
        for number in self._by_guest.overlapping(pages):
            _, entry = self._iomem[number]
            if entry.guest_span.covers(pages):
                host = pages.start - entry.guest + entry.host
                return _placed(Pages(host, pages.start, pages.size, entry.normal))
        moved = self._moved.get(pages.start)
        if moved is not None:
            return _placed(Pages(moved, pages.start, pages.size))
        host_device = self.view.host(node.node)
        own = self.view.pages_of(host_device) if host_device is not None else ()
        if host_device is not None and not covered(pages, own):
            raise ContradictionError(
                f"{self.partial.place(node.node)}: reg has {block.address:#x}, which is not in the"
                f" registers of {host_device.path} in {self.board.file}; state where they are with"
                " xen,reg, or with iomem in dom.cfg"
            )
        return _placed(Pages(pages.start, pages.start, pages.size))

    def _checked(self, node: PartialNode, mapping: Pages) -> PlacedBlock:
        """A mapping of xen,reg, which iomem does not contradict."""
        for number in self._by_host.overlapping(mapping.host_span):
            atom, entry = self._iomem[number]
            same = entry.guest - entry.host == mapping.guest - mapping.host
            if not same or entry.normal != mapping.normal:
                raise ContradictionError(
                    f"{self.base.place(atom)}: iomem has {atom.text}, and"
                    f" {self.partial.place(node.node)}: {node.reg} maps {mapping.host:#x} to"
                    f" {mapping.guest:#x}; correct one of them"
                )
        return _placed(mapping)

    @cached_property
    def _iomem(self) -> list[tuple[Atom, MappingEntry]]:
        ranges = iomem_ranges(self.base, self.view.context.release)
        return [(atom, MappingEntry.of_iomem(pages)) for atom, pages in ranges]

    @cached_property
    def _by_host(self) -> Intervals:
        return Intervals(entry.host_span for _, entry in self._iomem)

    @cached_property
    def _by_guest(self) -> Intervals:
        return Intervals(entry.guest_span for _, entry in self._iomem)

    @cached_property
    def _moved(self) -> dict[int, int]:
        """The host addresses of iomem_map by the guest's."""
        pages = short_form.iomem_map(self.base).values()
        return {page.gfn * PAGE_SIZE: page.mfn * PAGE_SIZE for page in pages}

    def _find(self, atom: Atom) -> Node | None:
        return find(self.board, atom.text)


def _bytes(page: IomemRange) -> Span:
    return Span.sized(page.mfn * PAGE_SIZE, page.pages * PAGE_SIZE)


def _placed(mapping: Pages) -> PlacedBlock:
    return PlacedBlock(Block(mapping.host, mapping.size, 0), mapping, how="fixed")


def findings(
    plan: DomainPlan, partial: PartialTree, files: Mapping[str, bytes], platform: Platform
) -> Iterator[Finding]:
    """What the lint reports of the configuration and the partial tree, with the marks.

    The tree that is completed for dom0less has the waivers of the user's.
    """
    request, name = plan.request, plan.name
    own, base = _tree_file(partial), request.base.file if request.base is not None else ""
    options = linter.Options(
        release=request.release,
        host=platform.tree,
        overlays=(TreeFile(f"{name}.host.dtbo", files[f"{name}.host.dtbo"]),),
        partial=own,
        drivers=request.drivers,
        memory=request.memory,
        vcpus=request.vcpus,
        xen_console=request.xen_console,
    )
    if "xl" in request.routes:
        # iomem follows from these entries, of which the lint says nothing for xl.
        of_tree = linter.lint([own], options._replace(routes=("dom0less",))).findings
        invalid = [finding for finding in of_tree if finding.rule in _OF_ENTRIES]
        yield from invalid
        if errors(invalid):
            return
        config = document(base, files[f"{name}.cfg"])
        for finding in linter.lint([config], options._replace(routes=("xl",))).findings:
            # The lines are those of the completed text, which is not written if it is refused.
            of_config = finding.place is not None and finding.place.file == base
            yield finding._replace(place=None) if of_config else finding
    if "dom0less" in request.routes:
        options = options._replace(routes=("dom0less",))
        waived = {_about(finding) for finding, _ in linter.lint([own], options).waived}
        tree = TreeFile(f"{name}.dtb", files[f"{name}.dtb"])
        for finding in linter.lint([tree], options).findings:
            if _about(finding) not in waived:
                yield finding


#: Entries of xen,reg that map nothing.
_OF_ENTRIES = (UNALIGNED, REMAINDER, EMPTY, NO_SIZE)


def _about(finding: Finding) -> tuple[str, str | None, str | None]:
    return finding.code, finding.node, finding.prop


def _tree_file(partial: PartialTree) -> TreeFile:
    tree = document(partial.file, partial.data)
    assert isinstance(tree, TreeFile)
    return tree
