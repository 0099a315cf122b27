"""``--attach-overlay``: the board's nodes as an overlay for ``xl dt-overlay`` of a running Xen.

Xen booted with a tree that does not have the devices. ``xl dt-overlay add`` puts their nodes into
Xen's tree, which maps and permits nothing. ``xl dt-overlay attach`` then gives them to a domain as
a boot would give them to dom0, but only to a domain whose addresses are the host's: dom0, or a
dom0less domain with ``direct-map`` (dt_overlay_domctl). So there are two ways:

* a direct-map domain: its device is attached to it, mapped and routed;
* any other guest: the nodes have ``xen,passthrough`` and are attached to dom0, which then has the
  right to give their pages and interrupts away (handle_device), and nothing else of them. The guest
  is created behind that, by ``xl create`` with the usual files.

Xen compares ``attach`` with ``add`` byte by byte, so one overlay serves both commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.assign.copies import of_the_host
from xenassign.assign.request import Request
from xenassign.assign.scope import Scope
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, boolean, from_bytes
from xenassign.devicetree.local_references import PhandleCell, phandle_cells
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule, some
from xenassign.host.device import HostDevice

MARK = "xen,passthrough"

RELEASE_TOO_OLD = rule(
    "XA011",
    "attach-release-too-old",
    "This release of Xen cannot attach devices of an overlay",
    severity="error",
    effect="rejected",
    why="`xl dt-overlay attach` came with Xen 4.19. Xen 4.18 has `add` alone, which gives the"
    " device to dom0 at once; older ones have neither.",
    fix="leave --attach-overlay out, or name a newer release with --xen",
    source="dt_overlay_domctl (4.19); handle_add_overlay_nodes (4.18)",
    until="4.18",
)

BUILD = rule(
    "XA012",
    "attach-needs-overlay-dtb",
    "Xen has to be built with overlays",
    severity="note",
    effect="portability",
    why="Xen has `xl dt-overlay` only if it was built with CONFIG_OVERLAY_DTB, which needs"
    " CONFIG_UNSUPPORTED and is off by default, Debian's included: `xc_dt_overlay failed (95 ="
    " Operation not supported)`. Xen calls it experimental.",
    fix="build Xen with CONFIG_UNSUPPORTED=y and CONFIG_OVERLAY_DTB=y",
    source="xen/arch/arm/Kconfig OVERLAY_DTB; SUPPORT.md, Device Tree Overlays",
    since="4.19",
)

CHILDREN = rule(
    "XA013",
    "attach-leaves-children",
    "Xen attaches the outermost nodes of an overlay only",
    severity="error",
    effect="broken",
    why="Up to Xen 4.21 `xl dt-overlay attach` looks at the nodes that stand directly in the"
    " overlay, not at the nodes below them. Nobody gets the right to the registers and interrupts"
    " of those, and `xl create` fails with `Operation not permitted`.",
    fix="assign the inner device alone, and leave the node around it in the tree that Xen boots"
    " with; or take Xen 4.22",
    source="handle_attach_overlay_nodes; handle_device_and_children (4.22)",
    since="4.19",
    until="4.21",
)

MISFIT = rule(
    "XA014",
    "attach-overlay-misfit",
    "The overlay does not fit the tree that Xen boots with",
    severity="error",
    effect="broken",
    why="Xen boots with a tree that has no node of the devices. What the overlay refers to is in"
    " that tree, or comes with the same overlay. A number that names no node may become that of"
    " another one: phandles of an overlay are numbered anew. Xen takes 500 KiB at most.",
    fix="assign both to the same domain, or leave --attach-overlay out",
    source="fdt_overlay_apply: overlay_adjust_local_phandles; DT_OVERLAY_MAX_SIZE",
    since="4.19",
)

AT_THE_ROOT = rule(
    "XA015",
    "attach-at-the-root",
    "Xen 4.19 cannot add a node at the root",
    severity="error",
    effect="rejected",
    why="Xen 4.19 takes the path of such a node for //NAME and does not find it: `Adding nodes"
    " failed`. It crashes when an overlay is attached that was not added (both seen with 4.19.6).",
    fix="take Xen 4.20, or leave --attach-overlay out",
    source="overlay_get_nodes_info, handle_attach_overlay_nodes of xen/common/dt-overlay.c",
    since="4.19",
    until="4.19",
)

NOT_DIRECT_MAP = rule(
    "XA016",
    "attach-needs-direct-map",
    "A dom0less domain that is not direct-map gets no device later",
    severity="error",
    effect="rejected",
    why="Xen attaches only to domains whose addresses are the host's: `xc_dt_overlay_domain failed"
    " (95 = Operation not supported)`. xen,reg in an overlay is not read by any release. Another"
    " guest has to be created by xl behind the attach, and a dom0less domain is there already.",
    fix="give --route xl, or --direct-map with --static-memory",
    source="dt_overlay_domctl: is_domain_direct_mapped",
    routes=("dom0less",),
    since="4.19",
)

IN_THE_WAY = rule(
    "XA017",
    "attach-line-in-use",
    "A disabled node that stays in Xen's tree holds an interrupt of the device",
    severity="warning",
    effect="broken",
    why="dom0 gets the interrupts of disabled nodes too when it is built. An interrupt that dom0"
    " has goes to no other domain: `IRQ N is already used by domain 0`.",
    fix="take that node out of the tree that Xen boots with as well",
    source="handle_node, route_irq_to_guest",
    since="4.19",
)

LEGACY_MASTERS = rule(
    "XA018",
    "attach-breaks-mmu-masters",
    "An SMMU that stays in Xen's tree names the device in mmu-masters",
    severity="error",
    effect="unsafe",
    why="Without the device that entry of mmu-masters names no node. Xen stops to read the property"
    " there, and protects none of the masters behind it.",
    fix="leave --attach-overlay out, or describe the masters by iommus",
    source="arm_smmu_device_dt_probe of smmu.c: dt_parse_phandle_with_args",
    since="4.19",
)


class Fragment(NamedTuple):
    """New nodes below ``target``, a path of the tree that Xen boots with."""

    target: str
    nodes: tuple[DraftNode, ...]


class AttachPlan(NamedTuple):
    """What ``--attach-overlay`` writes for the host.

    ``brought``: host paths of the outermost nodes of the overlay. The tree that Xen boots with must
    have none of them, nor of ``in_the_way``. ``marked``: whether the nodes have xen,passthrough and
    are attached to dom0.
    """

    fragments: tuple[Fragment, ...]
    brought: tuple[str, ...]
    in_the_way: tuple[str, ...]
    marked: bool

    @property
    def taken(self) -> tuple[str, ...]:
        """All that has to be taken out of the board's tree."""
        return (*self.brought, *self.in_the_way)


def plan_attach(
    tree: Tree, inside: Scope, request: Request, alternatives: tuple[str, ...]
) -> tuple[AttachPlan, tuple[Finding, ...]]:
    """The overlay with the nodes of the domain's devices, and what is in its way.

    ``alternatives``: host paths of disabled nodes that hold an interrupt of a device.
    """
    going = [node for root in inside.roots for node in _nodes(root, inside)]
    own = set(going)
    left = [path for path in alternatives if not _below(path, inside)]
    plan = AttachPlan(
        _fragments(tree, inside, own, marked=not request.direct_map),
        tuple(root.path for root in inside.roots),
        tuple(left),
        marked=not request.direct_map,
    )
    return plan, tuple(_findings(tree, inside, request, going, left))


def _nodes(root: Node, inside: Scope) -> Iterator[Node]:
    """A root and what goes with it: all below but the disabled devices that nobody named."""
    left_out = set(inside.left_out)
    stack = [root]
    while stack:
        node = stack.pop()
        if node not in left_out:
            yield node
            stack.extend(reversed(node.children.values()))


def _below(path: str, inside: Scope) -> bool:
    return any(path == root.path or path.startswith(f"{root.path}/") for root in inside.roots)


# ---------------------------------------------------------------------------- the overlay


def _fragments(tree: Tree, inside: Scope, own: set[Node], *, marked: bool) -> tuple[Fragment, ...]:
    """A fragment for each node that has devices below it, in tree order."""
    labels = _labels(tree, inside, own)
    devices = {device.node for device in inside.devices} if marked else set[Node]()
    below: dict[str, list[DraftNode]] = {}
    for root in inside.roots:
        parent = root.parent
        if parent is not None:
            draft = _draft(tree, root, own, labels, devices)
            below.setdefault(parent.path, []).append(draft)
    return tuple(Fragment(target, tuple(nodes)) for target, nodes in below.items())


def _labels(tree: Tree, inside: Scope, own: set[Node]) -> dict[Node, str]:
    """Each node that others of the overlay refer to, and a label for it."""
    found: dict[Node, str] = {}
    for root in inside.roots:
        for node in root.walk():
            for cell in _cells(tree, node) if node in own else ():
                if cell.provider is not None and cell.provider in own:
                    found.setdefault(cell.provider, f"node{len(found)}")
    return found


def _cells(tree: Tree, node: Node) -> Iterator[PhandleCell]:
    for prop in node.properties.values():
        yield from phandle_cells(tree, node, prop)


def _draft(
    tree: Tree, node: Node, own: set[Node], labels: Mapping[Node, str], devices: set[Node]
) -> DraftNode:
    properties = [
        _property(tree, node, name, labels) for name in node.properties if not of_the_host(name)
    ]
    if node in devices and not node.has(MARK):
        properties.append(boolean(MARK))
    children = (node for node in node.children.values() if node in own)
    return DraftNode(
        node.name,
        tuple(properties),
        tuple(_draft(tree, child, own, labels, devices) for child in children),
        label=labels.get(node),
    )


def _property(tree: Tree, node: Node, name: str, labels: Mapping[Node, str]) -> DraftProperty:
    """A property as it is, with references to nodes of the overlay as such."""
    prop = node.properties[name]
    found = {c.at: c for c in phandle_cells(tree, node, prop) if c.provider is not None}
    if not found:
        return from_bytes(prop)
    values: list[int | Ref] = list(prop.cells())
    for at, cell in found.items():
        if cell.provider is not None and cell.provider in labels:
            values[at] = Ref(labels[cell.provider])
    stay = {c.phandle: c.provider for c in found.values() if c.provider not in labels}
    told = some(f"{number:#x} is {each.path}" for number, each in stay.items() if each is not None)
    return DraftProperty(name, (Cells(tuple(values)),), told or None)


# ---------------------------------------------------------------------------- what is in its way


def _findings(
    tree: Tree, inside: Scope, request: Request, going: list[Node], left: list[str]
) -> Iterator[Finding]:
    knows = request.release.dt_overlay
    if knows is None:
        yield RELEASE_TOO_OLD(f"Xen {request.release.version} has no `xl dt-overlay attach`")
        return
    yield BUILD("--attach-overlay: a default build of Xen has no overlays")
    if not request.direct_map and "xl" not in request.routes:
        yield NOT_DIRECT_MAP(f"{request.name} is there before the device, and is not direct-map")
    for root in inside.roots:
        if not knows.at_root and root.parent is tree.root:
            yield AT_THE_ROOT(f"{root.path} stands at the root", node=root.path)
    if not knows.children:
        yield from (
            CHILDREN(f"{device.path} is below {root.path}", node=device.path)
            for device, root in _forgotten(inside)
        )
    yield from _missing(tree, inside, going)
    yield from _masters(tree, inside)
    for path in left:
        yield IN_THE_WAY(f"{path} has an interrupt of the devices", node=path)


def _forgotten(inside: Scope) -> Iterator[tuple[HostDevice, Node]]:
    """Devices below a root that have something which the root has not."""
    roots = {root: root for root in inside.roots}
    known: dict[Node, tuple[tuple[Block, ...], set[int]]] = {
        d.node: (d.blocks, {line.intid for line in d.interrupts})
        for d in inside.devices
        if d.node in roots
    }
    for device in inside.devices:
        if device.node in roots:
            continue
        root = next(roots[node] for node in device.node.ancestors() if node in roots)
        blocks, lines = known.get(root, ((), set()))
        within = all(
            any(outer.address <= one.address and one.end <= outer.end for outer in blocks)
            for one in device.blocks
        )
        if not within or not {line.intid for line in device.interrupts} <= lines:
            yield device, root


def _missing(tree: Tree, inside: Scope, going: list[Node]) -> Iterator[Finding]:
    """References to nodes that are taken out of the tree and are not in the overlay."""
    own = set(going)
    gone = {node for root in inside.roots for node in root.walk()} | inside.elsewhere
    for node in going:
        for cell in _cells(tree, node):
            if cell.provider in gone and cell.provider not in own:
                there = cell.provider.path if cell.provider is not None else ""
                message = f"{cell.prop} of {node.path} refers to {there}"
                yield MISFIT(message, node=node.path, prop=cell.prop)
    for root in inside.roots:
        if root.parent is not None and root.parent in inside.elsewhere:
            message = f"{root.path} is below {root.parent.path}, which another domain takes"
            yield MISFIT(message, node=root.path)


def _masters(tree: Tree, inside: Scope) -> Iterator[Finding]:
    gone = {node for root in inside.roots for node in root.walk()}
    for node in tree.nodes():
        prop = node.get("mmu-masters")
        if prop is None or node in gone:
            continue
        named = [cell for cell in phandle_cells(tree, node, prop) if cell.provider in gone]
        for cell in named:
            path = cell.provider.path if cell.provider is not None else ""
            message = f"mmu-masters of {node.path} names {path}"
            yield LEGACY_MASTERS(message, node=node.path, prop="mmu-masters")
