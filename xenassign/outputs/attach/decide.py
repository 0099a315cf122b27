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

from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.draft import Cells, DraftNode, DraftProperty, Ref, boolean, from_bytes
from xenassign.devicetree.phandle_cells import PhandleCell, phandle_cells
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule, some
from xenassign.host.device import HostDevice
from xenassign.planning.guest_tree.copies import of_the_host
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.system.system import SystemPlan
from xenassign.xen.releases import Release

MARK = "xen,passthrough"


def _attaches(xen: Release) -> bool:
    """Whether a Xen that is built with overlays has `xl dt-overlay attach`."""
    return xen.dt_overlay is not None


RELEASE_TOO_OLD = rule(
    "XA011", "attach-release-too-old", "error", "rejected", applies=lambda xen: not _attaches(xen)
)
BUILD = rule("XA012", "attach-needs-overlay-dtb", "note", "portability", applies=_attaches)
CHILDREN = rule(
    "XA013",
    "attach-leaves-children",
    "error",
    "broken",
    applies=lambda xen: xen.dt_overlay is not None and (not xen.dt_overlay.children),
)
MISFIT = rule("XA014", "attach-overlay-misfit", "error", "broken", applies=_attaches)
AT_THE_ROOT = rule(
    "XA015",
    "attach-at-the-root",
    "error",
    "rejected",
    applies=lambda xen: xen.dt_overlay is not None and (not xen.dt_overlay.at_root),
)
NOT_DIRECT_MAP = rule(
    "XA016", "attach-needs-direct-map", "error", "rejected", routes=("dom0less",), applies=_attaches
)
IN_THE_WAY = rule("XA017", "attach-line-in-use", "warning", "broken", applies=_attaches)
LEGACY_MASTERS = rule("XA018", "attach-breaks-mmu-masters", "error", "unsafe", applies=_attaches)


class Fragment(NamedTuple):
    """New nodes below ``target``, a path of the tree that Xen boots with."""

    target: str
    nodes: tuple[DraftNode, ...]


class AttachPlan(NamedTuple):
    """What ``--attach-overlay`` writes for the host.

    ``brought``: host paths of the outermost nodes of the overlay. The tree that Xen boots with must
    have none of them, nor of ``in_the_way``. ``marked``: whether the nodes have xen,passthrough and
    are attached to dom0. ``findings``: about the domain.
    """

    fragments: tuple[Fragment, ...]
    brought: tuple[str, ...]
    in_the_way: tuple[str, ...]
    marked: bool
    findings: tuple[Finding, ...]

    @property
    def taken(self) -> tuple[str, ...]:
        """All that has to be taken out of the board's tree."""
        return (*self.brought, *self.in_the_way)


class AttachPlans(NamedTuple):
    """By the names of the domains that ask for it."""

    of_domains: dict[str, AttachPlan]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all domains."""
        return tuple(
            finding._replace(domain=name)
            for name, attach in self.of_domains.items()
            for finding in attach.findings
        )


def decide(system: SystemPlan) -> AttachPlans | None:
    """The overlays of a system; None: no domain asks for them."""
    tree = system.resolved.platform.tree
    asked = [plan for plan in system.domains if plan.request.attach_overlay]
    return AttachPlans({plan.name: decide_attach(tree, plan) for plan in asked}) if asked else None


def decide_attach(tree: Tree, plan: DomainPlan) -> AttachPlan:
    """The overlay with the nodes of the domain's devices, and what is in its way.

    The disabled nodes that hold an interrupt of a device are those that the plan marks.
    """
    inside, request = plan.scope, plan.request
    going = [node for root in inside.roots for node in _nodes(root, inside)]
    left = tuple(mark.path for mark in plan.marks if not _below(mark.path, inside))
    return AttachPlan(
        _fragments(tree, inside, set(going), marked=not request.direct_map),
        tuple(root.path for root in inside.roots),
        left,
        marked=not request.direct_map,
        findings=tuple(dict.fromkeys(_findings(tree, inside, request, going, left))),
    )


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
    tree: Tree, inside: Scope, request: Request, going: list[Node], left: tuple[str, ...]
) -> Iterator[Finding]:
    xen = request.release
    if RELEASE_TOO_OLD.applies(xen):
        yield RELEASE_TOO_OLD(f"Xen {xen.version} has no `xl dt-overlay attach`")
        return
    yield BUILD("--attach-overlay: a default build of Xen has no overlays")
    if not request.direct_map and "xl" not in request.routes:
        yield NOT_DIRECT_MAP(f"{request.name} is there before the device, and is not direct-map")
    for root in inside.roots:
        if AT_THE_ROOT.applies(xen) and root.parent is tree.root:
            yield AT_THE_ROOT(f"{root.path} stands at the root", node=root.path)
    if CHILDREN.applies(xen):
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
            any(outer.span.covers(block.span) for outer in blocks) for block in device.blocks
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
