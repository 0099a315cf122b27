"""Whether dom0less Xen accepts a partial device tree, read in the order in which Xen reads it.

Each rule here has the effect ``rejected`` (or is about an error that Xen does not report), so that
the findings of :func:`check` predict the verdict of a boot. Source: domain_handle_dtb_bootmodule,
scan_pfdt_node, handle_prop_pfdt, handle_passthrough_prop, prepare_dtb_domU of Xen
(dom0less-build.c; domain_build.c in 4.17), map_device_irqs_to_domain and route_irq_to_guest
(device.c, irq.c), place_modules (kernel.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.checks.guest_addresses import TOO_HIGH
from xenassign.checks.vcpus import too_many_vcpus
from xenassign.devicetree.cells import DEFAULT_CELLS, xen_bus_cells
from xenassign.devicetree.flat import FlatNode, header_problem, read_flat
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.findings import Finding, Rule, rule
from xenassign.linting.verdict.builds import check_count, without_mmu
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.guest_tree_size import (
    copied_nodes,
    mapped_pages,
    too_large,
    tree_buffer,
)
from xenassign.linting.verdict.mappings import MappingEntry, entries
from xenassign.xen.layout import Guest
from xenassign.xen.releases import FORCE, SPI_FIRST_INTID, XEN_REG_CELLS, Release, rounded_spis
from xenassign.xen.stage2 import UNKNOWN_POOL, Stage2, pool_pages

if TYPE_CHECKING:
    from xenassign.linting.verdict.dom0less_host import HostSide

DOM0LESS = ("dom0less",)
PAIR = rule("XA411", "path-or-force-missing", "error", "rejected", routes=DOM0LESS)
BAD_CELLS = rule("XA211", "xen-reg-cells", "error", "rejected", routes=DOM0LESS)
MISREAD_CELLS = rule(
    "XA212",
    "xen-reg-cells-misread",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: not xen.xen_reg_cells_checked,
)
UNALIGNED = rule("XA213", "xen-reg-unaligned", "error", "rejected", routes=DOM0LESS)
TOO_LARGE = rule("XA122", "tree-too-large", "error", "rejected")
PHANDLE_TOO_HIGH = rule(
    "XA512",
    "phandle-too-high",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.phandle_limit is not None,
)
BAD_BLOB = rule("XA121", "blob-invalid", "error", "rejected")
UNMAPPABLE = rule("XA218", "tables-run-out", "error", "rejected")
COVERS_IMAGES = rule("XA219", "images-covered", "error", "rejected", routes=DOM0LESS)
WRAPS = rule("XA214", "xen-reg-wraps", "error", "rejected", routes=DOM0LESS)
NODE_DROPPED = rule(
    "XA123",
    "tree-truncated",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: not xen.dom0less_error_is_panic,
)


def check(data: bytes, context: Context) -> Iterator[Finding]:
    """Every finding about a dom0less boot with this blob as the device-tree module."""
    root = read_root(data, DOM0LESS)
    if isinstance(root, Finding):
        yield root
        return
    yield from _phandles(root, context.release)
    yield from check_limits(context)
    build = _Build(context, root, len(data))
    for child, assigning in copied_nodes(root):
        if assigning:
            yield from without_mmu(child, context)
        build.top(child, assigning)
    build.finish()
    yield from build.findings


def check_limits(context: Context) -> Iterator[Finding]:
    """More vCPUs or interrupt lines than a domain can have, with any partial tree."""
    if context.nr_spis is not None:
        message = f"nr_spis is {context.nr_spis}"
        for finding in check_count(message, context.nr_spis, context):
            yield finding._replace(node="/", routes=DOM0LESS)
    yield from check_vcpus(context.vcpus, context, DOM0LESS)
    intid, spis = context.vpl011_intid, context.nr_spis
    if intid is None or spis is None or not context.release.vpl011_failure_refused:
        return
    if intid >= SPI_FIRST_INTID + rounded_spis(spis):
        from xenassign.linting.verdict.dom0less_host import LINE_TOO_HIGH

        yield LINE_TOO_HIGH(f"nr_spis is {spis}, and the vPL011 has INTID {intid}", node="/")


def read_root(data: bytes, routes: tuple[str, ...]) -> FlatNode | Finding:
    """The root of a partial device tree, or the finding that the blob is invalid."""
    problem = header_problem(data)
    root = None if problem else read_flat(data)
    if root is None:
        return BAD_BLOB(problem or "its structure block is damaged", node="/", routes=routes)
    return root


def check_vcpus(count: int, context: Context, routes: tuple[str, ...]) -> Iterator[Finding]:
    """More vCPUs than a guest can have, if the host is known."""
    gic = context.platform.gic if context.platform is not None else None
    for finding in too_many_vcpus(count, gic.version) if gic is not None else ():
        yield finding._replace(node="/", routes=routes)


def _phandles(root: FlatNode, release: Release) -> Iterator[Finding]:
    """fdt_find_max_phandle over the whole tree; after 0xffffffff the next one wraps to 0."""
    limit = release.phandle_limit
    if limit is None:
        return
    phandles = [(node.phandle, node.path) for node in root.walk()]
    highest, path = max(phandles, key=lambda entry: entry[0])
    if limit <= highest < 0xFFFFFFFF:
        yield PHANDLE_TOO_HIGH(f"{path} has phandle {highest:#x}", node=path)


class _Build:
    """The state of prepare_dtb_domU: the guest's tree, stage 2, lines and devices so far."""

    def __init__(self, context: Context, root: FlatNode, size: int) -> None:
        self.context = context
        self.root = root
        self.findings: list[Finding] = []
        self.buffer = tree_buffer(context, size)
        self.memory = context.memory * 1024 if context.memory is not None else 0
        self.ram = Guest(context.release, 0, False, self.memory).ram()
        if context.direct_map:
            self.ram = tuple(Span.sized(*bank) for bank in context.static_memory)
        pool = pool_pages(self.memory // 1024, context.vcpus)
        if context.pool_mib is not None:
            pool = context.pool_mib << 8
        elif context.memory is None:
            pool = UNKNOWN_POOL
        self.stage2 = Stage2(pool, ram=self.ram)
        self.mapped: list[tuple[FlatNode, MappingEntry]] = []
        self.lowest = 0  # the lowest page number of ``mapped`` at the host
        self.lowest_guest = 0  # and in the guest
        self.host: HostSide | None = None
        if context.board is not None:
            from xenassign.linting.verdict.dom0less_host import HostSide

            self.host = HostSide(context, context.board, self._assigned_paths)

    def _assigned_paths(self) -> list[str]:
        values = (node.last("xen,path") for node in self.root.walk())
        return [_xen_path(value) for value in values if value]

    def top(self, node: FlatNode, assigning: bool) -> None:
        """Copies /aliases (``assigning`` false) or /passthrough."""
        if not self._node(node, *DEFAULT_CELLS, assigning):
            self._too_large(node.path)

    def _node(self, node: FlatNode, address: int, size: int, assigning: bool) -> bool:
        """scan_pfdt_node; False if the buffer is full."""
        if not self.buffer.node(node.name):
            return False
        for name, value in node.properties:
            skipped = assigning and name in self.context.release.passthrough_properties
            if not skipped and not self.buffer.prop(name, len(value)):
                if self.buffer.overrun:
                    self._too_large(node.path)
                return False
        if assigning:
            self._assign(node, address, size)
        address, size = xen_bus_cells(node)
        for child in node.children:
            if not self._node(child, address, size, assigning):
                if not NODE_DROPPED.applies(self.context.release):
                    return False
                message = f"{child.path} does not fit into the guest's tree"
                self._add(NODE_DROPPED(message, node=child.path))
        return self.buffer.take(4)

    def finish(self) -> None:
        """Adds what Xen adds after the partial tree, then checks the images in the guest's RAM."""
        if not self.buffer.finish():
            self._too_large("/")
        for name, image in self._images():
            for node, entry in self.mapped:
                if entry.guest_span.overlaps(image):
                    message = f"{entry.guest:#x}+{entry.size:#x} covers the guest's {name}"
                    self._add(_in_reg(COVERS_IMAGES, node, message, entry.cells.guest))

    def _too_large(self, path: str) -> None:
        if any(finding.rule is TOO_LARGE for finding in self.findings):
            return
        message = too_large(self.root, self.context, self.buffer.limit)
        self._add(TOO_LARGE(message, node=path, routes=DOM0LESS))

    def _images(self) -> Iterator[tuple[str, Span]]:
        """(name, guest addresses) of what Xen copies into the first RAM bank."""
        images, buffer = self.context.images, self.buffer
        for bank in self.ram[:1]:
            if images is not None:
                yield from images.places(bank, buffer.limit, buffer.used)
            else:  # a kernel is at the start of the RAM
                yield "kernel", Span.sized(bank.start, PAGE_SIZE)

    def _assign(self, node: FlatNode, address: int, size: int) -> None:
        """handle_passthrough_prop, if scan_pfdt_node calls it."""
        name, reg = mapped_pages(node, self.context.release)
        path = node.last("xen,path")
        forced = node.last(FORCE) is not None
        if reg is None and path is None:
            return
        if reg is None or (path is None and not forced):
            missing = "xen,reg" if reg is None else "xen,path"
            given = "xen,path" if reg is None else name
            self._add(PAIR(f"{node.path} has no {missing}", node=node.path, prop=given))
            return
        if not self._map(node, name, reg, address, size) or path is None:
            return
        if self.host is not None:
            self.findings += self.host.assign(node, _xen_path(path), forced=forced)

    def _map(self, node: FlatNode, name: str, reg: bytes, address: int, size: int) -> bool:
        """Maps all entries of xen,reg (``name``); False if Xen refuses one."""
        checked = not MISREAD_CELLS.applies(self.context.release)
        if address not in XEN_REG_CELLS or size not in XEN_REG_CELLS:
            width = (2 * address + size) & 0xFFFFFFFF
            # A width that wraps around makes Xen read far beyond the tree.
            wraps = width < 2 * address + size and len(reg) >= 4 * width
            refused = checked or width == 0 or wraps
            violated = BAD_CELLS if refused else MISREAD_CELLS
            message = f"{node.path}: its container has {address} address and {size} size cells"
            self._add(violated(message, node=node.path, prop=name))
            if refused:
                return False
        for entry in entries(reg, address, size):
            problem = self._map_entry(node, entry)
            if problem is not None:
                self._add(problem._replace(prop=name))
                return False
        return True

    def _map_entry(self, node: FlatNode, entry: MappingEntry) -> Finding | None:
        """Maps an entry of xen,reg; the finding if Xen refuses it."""
        host, size, guest, cells, _ = entry
        mapping = f"{node.path}: {size:#x} bytes of {host:#x} at {guest:#x}"
        for number, cell in ((host, cells.host), (size, cells.size), (guest, cells.guest)):
            if number % PAGE_SIZE:
                return _in_reg(UNALIGNED, node, f"{mapping} are not page aligned", cell)
        # rangeset_add_range gets an end before the start; fails if a range starts after that.
        end = (host + size - 1 + PAGE_SIZE - 1) % (1 << 64) // PAGE_SIZE
        if end < host // PAGE_SIZE and self.mapped and self.lowest > end:
            return _in_reg(WRAPS, node, f"{mapping} wrap around", cells.host)
        first, count = guest // PAGE_SIZE, size // PAGE_SIZE
        listed = self.context.release.extended_regions_exclude_mappings  # the guest's pages too
        if listed and not size and first and self.mapped and self.lowest_guest == first:
            return _in_reg(WRAPS, node, f"{mapping} end before they start", cells.size)
        self.lowest = min(host // PAGE_SIZE, self.lowest) if self.mapped else host // PAGE_SIZE
        self.lowest_guest = min(first, self.lowest_guest) if self.mapped else first
        self.mapped.append((node, entry))
        if self.stage2.map(first, count, host // PAGE_SIZE):
            return None
        if first + count > self.stage2.limit:
            return _in_reg(TOO_HIGH, node, f"{mapping} reach beyond stage 2", cells.guest)
        return _in_reg(UNMAPPABLE, node, f"{mapping} require too many tables", cells.size)

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)


def _xen_path(value: bytes) -> str:
    return value.split(b"\0")[0].decode("utf-8", "replace")


def _in_reg(violated: Rule, node: FlatNode, message: str, cell: int | None) -> Finding:
    return violated(message, node=node.path, prop="xen,reg", cell=cell, routes=DOM0LESS)
