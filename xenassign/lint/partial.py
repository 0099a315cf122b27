"""Rules about what becomes of a partial device tree in the guest: accepted, and yet of no use.

What Xen and libxl refuse is in :mod:`xenassign.lint.dom0less` and :mod:`xenassign.lint.domcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xenassign.devicetree.addresses import DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS, registers
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import NO_PHANDLE, Node, PropertyError, Tree
from xenassign.findings import Finding, rule
from xenassign.host.device import read_device
from xenassign.lint import mappings
from xenassign.lint.context import Context
from xenassign.lint.dom0less import DOM0LESS, cells, entries
from xenassign.lint.mappings import Claim, Entry
from xenassign.xen.releases import GUEST_PHANDLE_GIC

DANGLING = rule(
    "XA511",
    "phandle-dangling",
    "A phandle points at nothing",
    severity="error",
    effect="broken",
    why="Xen and libxl copy phandles as numbers. One that names no node of the partial tree (but"
    " for 0xfde8, the guest's GIC) is broken in the guest, and the driver's probe fails.",
    fix="copy the node that it names, or drop the property",
    source="scan_pfdt_node, libxl_arm.c copy_properties: numbers are copied as they are",
)
REG_UNMAPPED = rule(
    "XA215",
    "reg-unmapped",
    "A guest register block is not mapped",
    severity="error",
    effect="broken",
    why="The guest takes reg through ranges; what no xen,reg maps there ends in a data abort.",
    fix="make reg and the guest addresses of xen,reg agree",
    source="Devicetree Specification 2.3.8 (ranges); stage 2 data abort",
)
LINE_NOT_HOSTS = rule(
    "XA312",
    "interrupt-not-the-hosts",
    "A guest interrupt is not one of the host node",
    severity="error",
    effect="broken",
    why="Xen routes the interrupts of the host node that xen,path names, under the same INTIDs;"
    " what the guest's node states beyond them never fires.",
    fix="state the host's interrupts",
    source="map_device_irqs_to_domain: the host node's interrupts",
    needs_host=True,
)
NOTHING_SAID = rule(
    "XA802",
    "nothing-assigned",
    "Nothing below /passthrough is assigned",
    severity="error",
    effect="broken",
    why="dom0less reads /passthrough, /aliases and the phandle of /gic, and ignores everything else"
    " in silence: a domain without xen,reg there comes up without the device. The name is compared"
    " without regard to case, but whole: passthrough@0 is another node.",
    fix="put the devices below /passthrough, with xen,reg and xen,path",
    routes=DOM0LESS,
    source="scan_pfdt_node",
)
OUTSIDE = rule(
    "XA803",
    "outside-passthrough",
    "A node outside of /passthrough speaks to Xen",
    severity="error",
    effect="broken",
    why="Xen and libxl copy /passthrough and /aliases only; a device elsewhere in the partial tree"
    " is neither assigned nor seen by the guest.",
    fix="move the node below /passthrough",
    source="scan_pfdt_node, libxl_arm.c copy_partial_fdt",
)


class PartialNode(NamedTuple):
    """A node below /passthrough with what it says to Xen; ``path`` is the host node's."""

    node: Node
    path: str | None
    entries: tuple[Entry, ...]


def partial_nodes(tree: Tree) -> Iterator[PartialNode]:
    """Every node below /passthrough that says something to Xen, read as dom0less reads it."""
    tops = [n for n in tree.root.children.values() if n.name.lower() == "passthrough"]
    for node in (below for top in tops for below in top.walk()):
        reg, path = node.get("xen,reg"), node.get("xen,path")
        if reg is None and path is None:
            continue
        text = path.value.split(b"\0")[0].decode("utf-8", "replace") if path else None
        found = entries(reg.value, *_cells(node)) if reg else []
        yield PartialNode(node, text, tuple(found))


def _cells(node: Node) -> tuple[int, int]:
    """The cells that Xen takes for xen,reg: the container's; for /passthrough the default."""
    container = node.parent
    if container is None or container.parent is None:
        return DEFAULT_ADDRESS_CELLS, DEFAULT_SIZE_CELLS
    return cells([(prop.name, prop.value) for prop in container.properties.values()])


def check(tree: Tree, context: Context) -> Iterator[Finding]:
    """What becomes of an accepted partial device tree in the guest."""
    nodes = list(partial_nodes(tree))
    if not nodes:
        yield NOTHING_SAID("no node below /passthrough has xen,reg or xen,path", node="/")
    for node in tree.nodes():
        top = [n.name.lower() for n in node.lineage() if n.parent is tree.root]
        if top != ["passthrough"] and (node.has("xen,reg") or node.has("xen,path")):
            yield OUTSIDE(f"{node.path} is not below /passthrough", node=node.path)
    yield from _mappings(nodes, context)
    yield from _phandles(tree)
    yield from _guest_view(tree, nodes, context)


def _mappings(nodes: list[PartialNode], context: Context) -> Iterator[Finding]:
    claims = {
        id(one): [Claim(entry, one.node.path, "xen,reg", DOM0LESS) for entry in one.entries]
        for one in nodes
    }
    yield from mappings.check([claim for each in claims.values() for claim in each], context)
    if context.platform is not None:
        for one in nodes:
            host = context.platform.tree.find_as_xen(one.path) if one.path else None
            if host is not None:
                yield from mappings.not_its_pages(context.platform, host, claims[id(one)])


def _phandles(tree: Tree) -> Iterator[Finding]:
    for node in tree.nodes():
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
    top = tree.root.children.get("passthrough")
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
