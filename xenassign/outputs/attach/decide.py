"""``--attach-overlay``: the board's nodes as an overlay for ``xl dt-overlay`` of a running Xen.

Xen booted with a tree that does not have the devices. ``xl dt-overlay add`` puts their nodes into
Xen's tree, which maps and permits nothing. ``xl dt-overlay attach`` then gives them to a domain as
a boot would give them to dom0, but only to a domain whose addresses are the host's: dom0, or a
dom0less domain with ``direct-map`` (dt_overlay_domctl). There are two cases:

* a direct-map domain: the device is attached to it, and Xen maps and routes it;
* any other guest: the nodes have ``xen,passthrough`` and are attached to dom0, which gets only the
  permission to assign their pages and interrupts (handle_device). The guest is created after this,
  by ``xl create`` with the usual files.

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
from xenassign.planning.guest_tree.copies import only_for_host
from xenassign.planning.plan import DomainPlan
from xenassign.request.request import Request
from xenassign.system.system import SystemPlan
from xenassign.xen.releases import Release

MARK = "xen,passthrough"


def _attaches(xen: Release) -> bool:
    """Whether a Xen with CONFIG_OVERLAY_DTB has `xl dt-overlay attach`."""
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
    """The host overlay of ``--attach-overlay``.

    ``added``: host paths of the outermost nodes of the overlay. ``line_users``: host paths of
    disabled nodes with an interrupt of the devices. The tree that Xen boots with must have none of
    the two. ``marked``: whether the nodes have xen,passthrough and are attached to dom0.
    ``findings``: about the domain.
    """

    fragments: tuple[Fragment, ...]
    added: tuple[str, ...]
    line_users: tuple[str, ...]
    marked: bool
    findings: tuple[Finding, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        """Host paths of the nodes to remove from the board's tree before the boot."""
        return (*self.added, *self.line_users)


class AttachPlans(NamedTuple):
    """By name of the domain, for the domains with ``--attach-overlay``."""

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
    """The overlays of a system; None: no domain has ``--attach-overlay``."""
    tree = system.resolved.platform.tree
    plans = [plan for plan in system.domains if plan.request.attach_overlay]
    return AttachPlans({plan.name: decide_attach(tree, plan) for plan in plans}) if plans else None


def decide_attach(tree: Tree, plan: DomainPlan) -> AttachPlan:
    """The overlay with the nodes of the domain's devices.

    The disabled nodes with an interrupt of a device are those that the plan marks.
    """
    scope, request = plan.scope, plan.request
    nodes = [node for root in scope.roots for node in _nodes(root, scope)]
    line_users = tuple(mark.path for mark in plan.marks if not _below(mark.path, scope))
    return AttachPlan(
        _fragments(tree, scope, set(nodes), marked=not request.direct_map),
        tuple(root.path for root in scope.roots),
        line_users,
        marked=not request.direct_map,
        findings=tuple(dict.fromkeys(_findings(tree, scope, request, nodes, line_users))),
    )


def _nodes(root: Node, scope: Scope) -> Iterator[Node]:
    """A root and the nodes below it, without the disabled devices that the user did not name."""
    left_out = set(scope.left_out)
    return root.walk_where(lambda node: node not in left_out)


def _below(path: str, scope: Scope) -> bool:
    return any(path == root.path or path.startswith(f"{root.path}/") for root in scope.roots)


# ---------------------------------------------------------------------------- the overlay


def _fragments(tree: Tree, scope: Scope, own: set[Node], *, marked: bool) -> tuple[Fragment, ...]:
    """A fragment for each node that has devices below it, in tree order."""
    labels = _labels(tree, scope, own)
    devices = scope.device_nodes if marked else frozenset[Node]()
    below: dict[str, list[DraftNode]] = {}
    for root in scope.roots:
        parent = root.parent
        if parent is not None:
            draft = _draft(tree, root, own, labels, devices)
            below.setdefault(parent.path, []).append(draft)
    return tuple(Fragment(target, tuple(nodes)) for target, nodes in below.items())


def _labels(tree: Tree, scope: Scope, own: set[Node]) -> dict[Node, str]:
    """Labels for the nodes of the overlay that others of it refer to."""
    labels: dict[Node, str] = {}
    for root in scope.roots:
        for node in root.walk():
            for cell in _cells(tree, node) if node in own else ():
                if cell.provider is not None and cell.provider in own:
                    labels.setdefault(cell.provider, f"node{len(labels)}")
    return labels


def _cells(tree: Tree, node: Node) -> Iterator[PhandleCell]:
    for prop in node.properties.values():
        yield from phandle_cells(tree, node, prop)


def _draft(
    tree: Tree, node: Node, own: set[Node], labels: Mapping[Node, str], devices: frozenset[Node]
) -> DraftNode:
    properties = [
        _property(tree, node, name, labels) for name in node.properties if not only_for_host(name)
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
    """The host's property; phandles of nodes of the overlay are references to their labels."""
    prop = node.properties[name]
    providers = [
        (cell, cell.provider)
        for cell in phandle_cells(tree, node, prop)
        if cell.provider is not None
    ]
    if not providers:
        return from_bytes(prop)
    values: list[int | Ref] = list(prop.cells())
    of_host: dict[int, str] = {}
    for cell, provider in providers:
        if provider in labels:
            values[cell.at] = Ref(labels[provider])
        else:
            of_host[cell.phandle] = provider.path
    comment = some(f"{phandle:#x} is {path}" for phandle, path in of_host.items())
    return DraftProperty(name, (Cells(tuple(values)),), comment or None)


# ---------------------------------------------------------------------------- findings


def _findings(
    tree: Tree, scope: Scope, request: Request, nodes: list[Node], line_users: tuple[str, ...]
) -> Iterator[Finding]:
    xen = request.release
    if RELEASE_TOO_OLD.applies(xen):
        yield RELEASE_TOO_OLD(f"Xen {xen.name} has no `xl dt-overlay attach`")
        return
    yield BUILD("--attach-overlay: a default build of Xen has no overlays")
    if not request.direct_map and "xl" not in request.routes:
        yield NOT_DIRECT_MAP(
            f"{request.name} runs before the devices are added, and is not direct-map"
        )
    for root in scope.roots:
        if AT_THE_ROOT.applies(xen) and root.parent is tree.root:
            yield AT_THE_ROOT(f"{root.path} is at the root", node=root.path)
    if CHILDREN.applies(xen):
        yield from (
            CHILDREN(f"{device.path} is below {root.path}", node=device.path)
            for device, root in _with_own_resources(scope)
        )
    yield from _dangling(tree, scope, nodes)
    yield from _legacy_masters(tree, scope)
    for path in line_users:
        yield IN_THE_WAY(f"{path} has an interrupt of the devices", node=path)


def _with_own_resources(scope: Scope) -> Iterator[tuple[HostDevice, Node]]:
    """(device, root) of devices below a root with registers or interrupts that the root lacks."""
    roots = set(scope.roots)
    of_roots: dict[Node, tuple[tuple[Block, ...], set[int]]] = {
        d.node: (d.blocks, {line.intid for line in d.interrupts})
        for d in scope.devices
        if d.node in roots
    }
    for device in scope.devices:
        if device.node in roots:
            continue
        root = next(node for node in device.node.ancestors() if node in roots)
        blocks, lines = of_roots.get(root, ((), set()))
        within = all(
            any(outer.span.covers(block.span) for outer in blocks) for block in device.blocks
        )
        if not within or not {line.intid for line in device.interrupts} <= lines:
            yield device, root


def _dangling(tree: Tree, scope: Scope, nodes: list[Node]) -> Iterator[Finding]:
    """References to nodes that are removed from the tree and are not in the overlay."""
    missing = (_below_roots(scope) | scope.elsewhere) - set(nodes)
    for node in nodes:
        for cell in _cells(tree, node):
            if cell.provider is not None and cell.provider in missing:
                message = f"{cell.prop} of {node.path} refers to {cell.provider.path}"
                yield MISFIT(message, node=node.path, prop=cell.prop)
    for root in scope.roots:
        if root.parent is not None and root.parent in scope.elsewhere:
            message = f"{root.path} is below {root.parent.path}, which another domain has"
            yield MISFIT(message, node=root.path)


def _legacy_masters(tree: Tree, scope: Scope) -> Iterator[Finding]:
    """``mmu-masters`` of an IOMMU that name a node which is removed from the tree."""
    removed = _below_roots(scope)
    for node in tree.nodes():
        prop = node.get("mmu-masters")
        if prop is None or node in removed:
            continue
        for cell in phandle_cells(tree, node, prop):
            if cell.provider is not None and cell.provider in removed:
                message = f"mmu-masters of {node.path} names {cell.provider.path}"
                yield LEGACY_MASTERS(message, node=node.path, prop="mmu-masters")


def _below_roots(scope: Scope) -> set[Node]:
    return {node for root in scope.roots for node in root.walk()}
