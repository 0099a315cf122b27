"""Rules about what becomes of a partial device tree in the guest: accepted, and yet of no use.

What Xen and libxl refuse is in :mod:`xenassign.lint.dom0less` and :mod:`xenassign.lint.domcfg`.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import registers
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import NO_PHANDLE, Node, PropertyError, Tree
from xenassign.findings import Finding, rule
from xenassign.lint import mappings
from xenassign.lint.context import Context
from xenassign.lint.dom0less import DOM0LESS
from xenassign.lint.mappings import Claim
from xenassign.lint.view import Check, View
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


def check(tree: Tree, context: Context) -> Iterator[Finding]:
    """What becomes of an accepted partial device tree in the guest."""
    view = View(tree, context)
    for rule_of in CHECKS:
        yield from rule_of(view)


def nothing_assigned(view: View) -> Iterator[Finding]:
    """dom0less assigns nothing, and says nothing."""
    if not view.nodes:
        yield NOTHING_SAID("no node below /passthrough has xen,reg or xen,path", node="/")


def outside(view: View) -> Iterator[Finding]:
    """What stands elsewhere is not read."""
    for node in view.tree.nodes():
        top = [n.name.lower() for n in node.lineage() if n.parent is view.tree.root]
        if top != ["passthrough"] and (node.has("xen,reg") or node.has("xen,path")):
            yield OUTSIDE(f"{node.path} is not below /passthrough", node=node.path)


def mapped_pages(view: View) -> Iterator[Finding]:
    """What xen,reg maps, and where."""
    claims = {
        one.node.path: [Claim(entry, one.node.path, "xen,reg", DOM0LESS) for entry in one.entries]
        for one in view.nodes
    }
    context = view.context
    yield from mappings.check([claim for each in claims.values() for claim in each], context)
    for one in view.nodes:
        host = view.host(one.node)
        if context.platform is not None and host is not None:
            yield from mappings.not_its_pages(context.platform, host.node, claims[one.node.path])


def dangling(view: View) -> Iterator[Finding]:
    """Phandles that name no node of the partial tree."""
    tree = view.tree
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


def registers_mapped(view: View) -> Iterator[Finding]:
    """Registers of the guest's node lie inside of what is mapped."""
    mapped = [(guest, guest + size) for one in view.nodes for _, size, guest in one.entries]
    for node in view.devices:
        for block in registers(node).blocks:
            if not any(start <= block.address and block.end <= end for start, end in mapped):
                message = f"{node.path}: {block.address:#x}+{block.size:#x} is in no xen,reg"
                yield REG_UNMAPPED(message, node=node.path, prop="reg")


def interrupts_of_the_host(view: View) -> Iterator[Finding]:
    """Interrupts of the guest's node are those of a host node that is assigned."""
    if view.context.platform is None:
        return
    hosts = [host for one in view.nodes if (host := view.host(one.node))]
    lines = {line.intid for host in hosts for line in host.interrupts}
    for node in view.devices:
        for intid in guest_intids(view.tree, node):
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


CHECKS: tuple[Check, ...] = (
    nothing_assigned,
    outside,
    mapped_pages,
    dangling,
    registers_mapped,
    interrupts_of_the_host,
)
