"""Rules about a partial device tree, as Xen's dom0less code and libxl read it.

Source: scan_pfdt_node, handle_prop_pfdt and handle_passthrough_prop of Xen (dom0less-build.c),
copy_partial_fdt of libxl (libxl_arm.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.assign.protection import IOMMU_REFUSES
from xenassign.devicetree.addresses import (
    DEFAULT_ADDRESS_CELLS,
    DEFAULT_SIZE_CELLS,
    number,
    registers,
)
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import NO_PHANDLE, Node, PropertyError, Tree
from xenassign.findings import Finding, rule
from xenassign.host.device import read_device
from xenassign.host.platform import Platform
from xenassign.xen.iommu import Iommus, Shield, protection
from xenassign.xen.releases import (
    DOM0LESS_TREE_CAP,
    GUEST_PHANDLE_GIC,
    PAGE_SIZE,
    XEN_REG_CELLS,
    XL_TREE_CAP,
    Release,
)

NO_PASSTHROUGH = rule(
    "XA601",
    "There is no /passthrough node",
    severity="error",
    effect="rejected",
    why="libxl copies /passthrough, compared exactly, and fails without it: 'Can't copy the node"
    ' "/passthrough" from the partial FDT\'. dom0less ignores everything else in silence.',
    fix="put the devices below a node named passthrough in the root",
    routes=("xl",),
)
PAIR = rule(
    "XA602",
    "xen,reg without xen,path, or the reverse",
    severity="error",
    effect="rejected",
    why="A node needs xen,reg together with xen,path or xen,force-assign-without-iommu: 'xen,reg or"
    " xen,path missing'. An empty xen,reg counts as present.",
    fix="give both, or xen,reg with the force for a bare mapping",
    routes=("dom0less",),
)
BAD_CELLS = rule(
    "XA603",
    "xen,reg in a container with other cells than 1 or 2",
    severity="error",
    effect="rejected",
    why="The widths of xen,reg are the #address-cells and #size-cells of the node's container."
    " Newer releases refuse what is not 1 or 2, older ones divide by zero or misread.",
    fix="put the node into a container with cells of 1 or 2",
    routes=("dom0less",),
)
UNALIGNED = rule(
    "XA604",
    "xen,reg is not page aligned",
    severity="error",
    effect="rejected",
    why="Host address, guest address and size must be multiples of 4096: 'DomU passthrough config"
    " has not page aligned addresses/sizes'.",
    fix="round the block out to whole pages",
    routes=("dom0less",),
)
NO_SUCH_PATH = rule(
    "XA605",
    "xen,path names no node of the host",
    severity="error",
    effect="rejected",
    why="Xen compares the whole path, without regard to case, and resolves no alias: 'Couldn't find"
    " node … in host_dt!'.",
    fix="give the full path of the host node",
    routes=("dom0less",),
)
NOT_PROTECTED = rule(
    "XA606",
    "The device is not protected and not forced",
    severity="error",
    effect="rejected",
    why="dom0less refuses to assign a device that no active IOMMU protects unless its node has"
    " xen,force-assign-without-iommu.",
    fix="add xen,force-assign-without-iommu if the device does no DMA",
    routes=("dom0less",),
)
TOO_LARGE = rule(
    "XA607",
    "The guest's device tree does not fit",
    severity="error",
    effect="rejected",
    why="Xen 4.17 builds the whole tree of a dom0less domain in 4096 bytes, its own nodes"
    " included, and fails with 'Device tree generation failed (-3)'; later releases add the"
    " size of the partial tree, up to 2 MiB. libxl stops at 1 MiB.",
    fix="assign fewer devices to this domain, take a newer Xen, or --route xl",
)
PHANDLE_TOO_HIGH = rule(
    "XA608",
    "A phandle is too high",
    severity="error",
    effect="rejected",
    why="From 4.22 on Xen takes the highest phandle of the partial tree plus one for its own and"
    " refuses when that reaches 0xfde8: 'Device tree generation failed (-75)'.",
    fix="number phandles from 1",
    routes=("dom0less",),
)
DANGLING = rule(
    "XA609",
    "A phandle points at nothing",
    severity="error",
    effect="broken",
    why="Xen and libxl copy phandles as numbers. One that names no node of the partial tree (but"
    " for 0xfde8, the guest's GIC) is broken in the guest, and the driver's probe fails.",
    fix="copy the node that it names, or drop the property",
)
REG_UNMAPPED = rule(
    "XA610",
    "A guest register block is not mapped",
    severity="error",
    effect="broken",
    why="The guest takes reg through ranges; what no xen,reg maps there ends in a data abort.",
    fix="make reg and the guest addresses of xen,reg agree",
)
LINE_NOT_HOSTS = rule(
    "XA611",
    "A guest interrupt is not one of the host node",
    severity="error",
    effect="broken",
    why="Xen routes the interrupts of the host node that xen,path names, under the same INTIDs;"
    " what the guest's node states beyond them never fires.",
    fix="state the host's interrupts",
)

# What dom0less Xen itself puts into a guest tree, counted on 4.17 (prepare_dtb_domU): bytes of
# header, reserve map and structure with one vCPU and an initrd; of each other vCPU; of the vPL011;
# and the property names before and behind what is copied from the partial tree.
_OWN, _OWN_VCPU, _OWN_VPL011 = 788, 96, 140
_NAMES_BEFORE = (
    "#address-cells",
    "#size-cells",
    "linux,initrd-start",
    "linux,initrd-end",
    "compatible",
    "method",
    "cpu_off",
    "cpu_on",
    "device_type",
    "reg",
    "enable-method",
)
_TIMERS = frozenset({"arm,armv7-timer", "arm,armv8-timer"})
_NAMES_BEHIND = (
    "#interrupt-cells",
    "interrupt-controller",
    "linux,phandle",
    "phandle",
    "interrupts",
    "interrupt-parent",
)


class PartialNode(NamedTuple):
    """A node below /passthrough with what Xen reads of it; ``entries``: (host, size, guest)."""

    node: Node
    path: str | None
    has_reg: bool
    forced: bool
    entries: tuple[tuple[int, int, int], ...]
    problem: str | None = None


def passthrough(tree: Tree, exact: bool = True) -> Node | None:
    """The /passthrough node; ``exact``: as libxl compares, else as dom0less does."""
    for child in tree.root.children.values():
        if child.name == "passthrough" or (not exact and child.name.lower() == "passthrough"):
            return child
    return None


def partial_nodes(tree: Tree) -> Iterator[PartialNode]:
    """Every node below /passthrough that says something to Xen."""
    top = passthrough(tree, exact=False)
    for node in top.walk() if top else ():
        reg = node.get("xen,reg")
        path = node.get("xen,path")
        forced = node.has("xen,force-assign-without-iommu")
        if reg is None and path is None:
            continue
        problem = None
        entries: list[tuple[int, int, int]] = []
        address, size = _cells(node)
        if reg is not None and not (address in XEN_REG_CELLS and size in XEN_REG_CELLS):
            problem = f"its container has {address} address and {size} size cells"
        elif reg is not None:
            width = 2 * address + size
            values = reg.value[: len(reg.value) // (4 * width) * 4 * width]
            cells = [int.from_bytes(values[i : i + 4], "big") for i in range(0, len(values), 4)]
            for at in range(0, len(cells), width):
                entry = tuple(cells[at : at + width])
                entries.append(
                    (
                        number(entry[:address]),
                        number(entry[address : address + size]),
                        number(entry[address + size :]),
                    )
                )
        text = path.value.split(b"\0")[0].decode("utf-8", "replace") if path else None
        yield PartialNode(node, text, reg is not None, forced, tuple(entries), problem)


def _cells(node: Node) -> tuple[int, int]:
    """The cells that Xen takes for xen,reg: the container's; for /passthrough the default."""
    container = node.parent
    if container is None or container.parent is None:
        return DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS
    found = []
    for name, default in (
        ("#address-cells", DEFAULT_ADDRESS_CELLS),
        ("#size-cells", DEFAULT_SIZE_CELLS),
    ):
        prop = container.get(name)
        found.append(int.from_bytes(prop.value[:4], "big") if prop else default)
    return found[0], found[1]


class Context(NamedTuple):
    """What the rules are asked about: the release, the host if known, and the domain."""

    release: Release
    platform: Platform | None
    iommus: Iommus | None
    vcpus: int = 1
    vpl011: bool = True
    bootargs: str | None = None


def check(tree: Tree, size: int, context: Context) -> Iterator[Finding]:
    """Every finding about a partial device tree of ``size`` bytes."""
    if passthrough(tree) is None:
        yield NO_PASSTHROUGH("the root has no node named passthrough", node="/")
    nodes = list(partial_nodes(tree))
    for one in nodes:
        yield from _xen_properties(one)
        yield from _host_node(one, context)
    yield from _size(tree, size, context)
    yield from _phandles(tree, context.release)
    yield from _guest_view(tree, nodes, context)


def _xen_properties(one: PartialNode) -> Iterator[Finding]:
    path = one.node.path
    if not (one.has_reg and (one.path is not None or one.forced)):
        missing = "xen,reg" if not one.has_reg else "xen,path"
        yield PAIR(f"{path} has no {missing}", node=path)
    if one.problem:
        yield BAD_CELLS(f"{path}: {one.problem}", node=path, prop="xen,reg")
    for host, size, guest in one.entries:
        if (host | size | guest) % PAGE_SIZE:
            message = f"{path}: {host:#x}, {size:#x}, {guest:#x} are not all page aligned"
            yield UNALIGNED(message, node=path, prop="xen,reg")


def _host_node(one: PartialNode, context: Context) -> Iterator[Finding]:
    platform = context.platform
    if one.path is None or platform is None or context.iommus is None:
        return
    path = one.node.path
    host = platform.tree.find_as_xen(one.path)
    if host is None:
        yield NO_SUCH_PATH(
            f"{path}: no node {one.path} in the host tree", node=path, prop="xen,path"
        )
        return
    shield = protection(platform, context.iommus, read_device(platform, host))
    if shield.shield is Shield.REFUSED:
        yield IOMMU_REFUSES(f"{path}: {one.path}: {shield.why}", node=path)
    if shield.shield is Shield.UNPROTECTED and not one.forced:
        yield NOT_PROTECTED(f"{path}: {one.path} is not protected: {shield.why}", node=path)


def _size(tree: Tree, size: int, context: Context) -> Iterator[Finding]:
    release = context.release
    guest = guest_tree_bytes(tree, context)
    room = release.dom0less_tree_bytes
    if release.dom0less_tree_adds_partial:
        room = min(room + size, DOM0LESS_TREE_CAP)
    if guest > room:
        message = f"the guest's tree takes {guest} bytes; Xen {release.version} has room for {room}"
        yield TOO_LARGE(message, node="/", routes=("dom0less",))
    if size > XL_TREE_CAP // 2:
        message = f"the partial tree has {size} bytes; libxl builds trees of at most {XL_TREE_CAP}"
        yield TOO_LARGE(message, node="/", routes=("xl",))


def guest_tree_bytes(tree: Tree, context: Context) -> int:
    """The size in bytes of the tree that dom0less Xen builds: its own nodes, and what it copies.

    A node takes 8 bytes and its padded name, a property 12 and its padded value. A property name
    is stored once, and not at all when a stored one ends in it (libfdt's fdt_find_add_string_).
    ``bootargs`` count only as far as the context knows them.
    """
    total = _OWN + _OWN_VCPU * (context.vcpus - 1)
    names = [*_NAMES_BEFORE]
    cpu, timer = _cpu_and_timer(context.platform)
    if cpu is not None:  # its compatible and clock-frequency are copied for each vCPU
        total += context.vcpus * (_padded(len(cpu.properties["compatible"].value)) - 16)
        if cpu.has("clock-frequency"):
            total += 16 * context.vcpus
            names.insert(-1, "clock-frequency")
    if context.bootargs is not None:
        total += 12 + _padded(len(context.bootargs.encode()) + 1)
        names.insert(2, "bootargs")
    for child in tree.root.children.values():
        if child.name.lower() not in ("passthrough", "aliases"):
            continue
        for node in child.walk():
            total += 8 + _padded(len(node.name) + 1)
            for prop in node.properties.values():
                if prop.name not in ("xen,reg", "xen,path", "xen,force-assign-without-iommu"):
                    total += 12 + _padded(len(prop.value))
                    names.append(prop.name)
    names += _NAMES_BEHIND
    if timer is not None and timer.has("clock-frequency"):
        total += 16
        names.append("clock-frequency")
    if context.vpl011:
        total += _OWN_VPL011
        names.append("current-speed")
    stored: list[str] = []
    for name in names:
        if not any(other.endswith(name) for other in stored):
            stored.append(name)
    return total + sum(len(name) + 1 for name in stored)


def _cpu_and_timer(platform: Platform | None) -> tuple[Node | None, Node | None]:
    """The host's nodes that make_cpus_node and make_timer_node copy from, if they are there."""
    if platform is None:
        return None, None
    root = platform.tree.root
    cpus = root.children["cpus"].children.values() if "cpus" in root.children else ()
    cpu = next((n for n in cpus if n.text("device_type") == "cpu" and n.has("compatible")), None)
    timers = (n for n in root.walk() if _TIMERS.intersection(n.compatible))
    return cpu, next(timers, None)


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _phandles(tree: Tree, release: Release) -> Iterator[Finding]:
    for node in tree.nodes():
        phandle = node.phandle
        limit = release.phandle_limit
        if phandle is not None and limit is not None and phandle >= limit:
            yield PHANDLE_TOO_HIGH(f"{node.path} has phandle {phandle:#x}", node=node.path)
        if node.name == "aliases" and node.parent is tree.root:
            continue
        for group in references(tree, node):
            if group.prop == "interrupts-extended":
                continue
            for reference in group.entries:
                number = reference.phandle
                if reference.provider is None and number not in (*NO_PHANDLE, GUEST_PHANDLE_GIC):
                    yield _dangling(node, group.prop, f"phandle {number:#x} names no node")
            if group.problem and group.prop != "interrupt-parent":
                yield _dangling(node, group.prop, group.problem)
        if node.has("interrupts-extended"):
            yield from _extended(tree, node)


def _dangling(node: Node, prop: str, what: str) -> Finding:
    return DANGLING(f"{node.path}: {prop}: {what}", node=node.path, prop=prop)


def _extended(tree: Tree, node: Node) -> Iterator[Finding]:
    """interrupts-extended, where 0xfde8 is the guest's GIC with its three cells."""
    try:
        values = node.cells("interrupts-extended")
        at = 0
        while at < len(values):
            controller = tree.phandles.get(values[at])
            if values[at] != GUEST_PHANDLE_GIC and controller is None:
                what = f"phandle {values[at]:#x} names no node"
                yield _dangling(node, "interrupts-extended", what)
                return
            cells = controller.get("#interrupt-cells") if controller else None
            at += 1 + (cells.u32() if cells else 3)
        if at != len(values):
            yield _dangling(node, "interrupts-extended", "it ends inside of an entry")
    except PropertyError as error:
        yield _dangling(node, "interrupts-extended", str(error))


def _guest_view(tree: Tree, nodes: list[PartialNode], context: Context) -> Iterator[Finding]:
    """What the guest sees: registers inside of what is mapped, interrupts of the host's nodes."""
    mapped = [(guest, guest + size) for one in nodes for _, size, guest in one.entries]
    lines: set[int] = set()
    if context.platform is not None:
        for one in nodes:
            host = context.platform.tree.find_as_xen(one.path or "")
            if host is not None:
                lines.update(i.intid for i in read_device(context.platform, host).interrupts)
    top = passthrough(tree)
    for node in top.walk() if top else ():
        if node is top or not node.has("compatible"):
            continue
        for block in registers(node).blocks:
            if not any(start <= block.address and block.end <= end for start, end in mapped):
                message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no xen,reg"
                yield REG_UNMAPPED(message, node=node.path, prop="reg")
        if context.platform is not None:
            for intid in guest_intids(tree, node):
                if intid not in lines:
                    message = f"{node.path}: INTID {intid} is not one of its host node's"
                    yield LINE_NOT_HOSTS(message, node=node.path, prop="interrupts")


def guest_intids(tree: Tree, node: Node) -> list[int]:
    """The INTIDs that a guest node states for the guest's GIC (three cells, phandle 0xfde8)."""
    try:
        if node.has("interrupts-extended"):
            values = node.cells("interrupts-extended")
            found: list[int] = []
            at = 0
            while at < len(values):
                if values[at] == GUEST_PHANDLE_GIC and at + 3 < len(values):
                    found.append(_intid(values[at + 1], values[at + 2]))
                    at += 4
                    continue
                controller = tree.phandles.get(values[at])
                prop = controller.get("#interrupt-cells") if controller else None
                if prop is None:
                    return found
                at += 1 + prop.u32()
            return found
        if node.has("interrupts") and _to_guest_gic(node):
            values = node.cells("interrupts")
            return [_intid(values[i], values[i + 1]) for i in range(0, len(values) - 2, 3)]
    except PropertyError:
        return []
    return []


def _to_guest_gic(node: Node) -> bool:
    """Whether the node's interrupt parent is the phandle of the guest's GIC."""
    for above in node.lineage():
        prop = above.get("interrupt-parent")
        if prop is not None:
            return prop.u32() == GUEST_PHANDLE_GIC
        if above is not node and above.has("#interrupt-cells"):
            return False
    return False


def _intid(kind: int, line: int) -> int:
    return line + (32 if kind == 0 else 16)
