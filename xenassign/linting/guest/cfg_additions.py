"""What ``lint --fix`` adds to dom.cfg: entries that the host's tree states, and that xl accepts.

An entry gives the guest something. It is safe to add what the author states elsewhere: the node in
the guest's tree has the ``xen,path`` of the device, with which dom0less Xen gives the guest the
same. What is inferred of pages and interrupts is left to --unsafe-fixes. Nothing is offered that
dom0 may not give, since xl would then refuse a domain that it creates today.
"""

from __future__ import annotations

from functools import cached_property

from xenassign import escape
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.spans import PAGE_SIZE, Intervals, covered
from xenassign.devicetree.tree import Node
from xenassign.findings import Addition
from xenassign.formats.xlcfg import Atom, ListValue, XlConfig
from xenassign.host.device import HostDevice, read_device
from xenassign.linting.guest.host_nodes import dtdev, iomem
from xenassign.linting.guest.view import PartialNode, View
from xenassign.linting.verdict.cfg_irqs import has_vuart
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domcfg import dom0_rights
from xenassign.linting.verdict.mappings import MappingEntry
from xenassign.xen.dom0 import Dom0, is_marked
from xenassign.xen.iommu import StreamTable
from xenassign.xen.releases import VPL011_INTID
from xenassign.xen.xlvalues import IomemRange


class CfgAdditions:
    """The entries that a configuration lacks, of host devices that it passes."""

    def __init__(self, config: XlConfig, context: Context) -> None:
        self._config, self._context = config, context

    def of_interrupt(
        self, host: HostDevice, number: int, *, safe: bool = False
    ) -> tuple[Addition, ...]:
        """The entry of irqs for an INTID of a host device."""
        rights, own = self._rights, {ln.intid for ln in host.interrupts if ln.kind == "spi"}
        if rights is None or number not in own & rights.lines or number in rights.holders:
            return ()
        if number == VPL011_INTID and has_vuart(self._config):
            return ()
        return self._added("irqs", str(number), safe=safe)

    def of_device(self, host: HostDevice, *, safe: bool) -> tuple[Addition, ...]:
        """The entry of dtdev for a protected host device, if Xen takes its streams."""
        mode = self._config.get("passthrough")
        off = isinstance(mode, Atom) and mode.text == "disabled"
        streams, marked = self._streams, is_marked(host.node, self._context.marked)
        if off or not marked or escape.xlcfg_problem(host.path) is not None:
            return ()
        if streams is None or streams.take(host) is not None:
            return ()
        return self._added("dtdev", escape.xlcfg_string(host.path), safe=safe)

    @cached_property
    def _rights(self) -> Dom0 | None:
        return dom0_rights(self._config, self._context)

    @cached_property
    def _mapped(self) -> tuple[Intervals, Intervals]:
        """The addresses of the host, and those of the guest, that iomem has."""
        entries = iomem(self._config, self._context.release)
        return Intervals(e.host_span for e in entries), Intervals(e.guest_span for e in entries)

    @cached_property
    def _streams(self) -> StreamTable | None:
        """The streams of dom0 and of dtdev."""
        platform, masters = self._context.platform, self._context.dom0_masters()
        if platform is None or masters is None:
            return None
        streams = masters.streams.copy()
        for node in dtdev(self._config, platform.tree):
            streams.take(read_device(platform, node))
        return streams

    def _pages(self, entry: MappingEntry, host: HostDevice, *, safe: bool) -> tuple[Addition, ...]:
        """The entry of iomem for pages of a device of which iomem has no part."""
        mfn, count, gfn = (number // PAGE_SIZE for number in entry[:3])
        new = IomemRange(mfn, count, gfn, entry.normal)
        host_spans, guest_spans = self._mapped
        apart = not (host_spans.overlap(entry.host_span) or guest_spans.overlap(entry.guest_span))
        given = self._rights is not None and self._rights.has_pages(new.host)
        if not (apart and given and is_marked(host.node, self._context.marked)):
            return ()
        return self._added("iomem", f'"{new.text}"', safe=safe)

    def _added(self, name: str, item: str, *, safe: bool) -> tuple[Addition, ...]:
        """An item of a list; none if the name has a string."""
        last = self._config.named(name)[-1:]
        if last and not isinstance(last[0].value, ListValue):
            return ()
        return (Addition(name, item, file=self._config.file, safe=safe),)


class PairAdditions(CfgAdditions):
    """Those that its partial device tree has. ``view``: that of the tree."""

    def __init__(self, config: XlConfig, view: View) -> None:
        super().__init__(config, view.context)
        self._view = view

    def of_xen_reg(self, partial: PartialNode, entry: MappingEntry) -> tuple[Addition, ...]:
        """The entry of iomem for one of xen,reg, if it has whole pages of the node's device."""
        host = self._view.host(partial.node)
        if host is None or any(n % PAGE_SIZE for n in entry[:3]):
            return ()
        own = covered(entry.host_span, self._view.pages_of(host))
        return self._pages(entry, host, safe=partial.path is not None) if own else ()

    def of_reg(self, node: Node, block: Block) -> tuple[Addition, ...]:
        """The entry of iomem for a register block of a guest's node, if the device has it too."""
        view = self._view
        host = view.host(node)
        if host is None or (node in view.ties and view.ties[node].others):
            return ()
        own = next((b for b in host.blocks if b.index == block.index), None)
        same_page = own is not None and (own.address - block.address) % PAGE_SIZE == 0
        if own is None or own.size != block.size or not same_page:
            return ()
        pages, at = own.pages, block.pages.start
        entry = MappingEntry(pages.start, pages.size, at)
        return self._pages(entry, host, safe=node.has("xen,path"))

    def of_interrupts(self, path: str, number: int) -> tuple[Addition, ...]:
        """The entry of irqs for an INTID of a guest's node, if it is one of the node's device."""
        node = self._view.tree.find(path)
        partial = self._view.nearest_assigned(node) if node is not None else None
        host = self._view.host(partial.node) if partial is not None else None
        if partial is None or host is None:
            return ()
        return self.of_interrupt(host, number, safe=partial.path is not None)
