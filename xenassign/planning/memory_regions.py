"""Memory regions: what becomes of the ``memory-region`` of an assigned device.

A guest gets ``/passthrough`` and ``/aliases`` only, so its tree has no ``/reserved-memory``, the
only place where Linux looks for pools. What can be done depends on the region:

* a carve-out (``reg`` and ``no-map``, no pool) is mapped, with its node below /passthrough;
* a DMA pool (``shared-dma-pool``, ``restricted-dma-pool``) is mapped if the user requests it;
* RAM of the host (no ``no-map``) and a region whose address the host's kernel chooses at boot are
  never mapped.

xl cannot map them: Xen does not permit dom0 to give away pages of /reserved-memory, unless they are
also registers of another node. A region that is not mapped is an error until
``--memory-region PATH=drop`` states that it is not needed.

A region is never marked xen,passthrough: dom0 would see it disabled and use its pages as free RAM
(Xen lists them in dom0's memory), but Xen does not map them, so the first access is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.checks.memory_type import whole_pages
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule, some
from xenassign.host.platform import Platform
from xenassign.planning.placement import Placement
from xenassign.request.origin import mistake
from xenassign.request.resolve import Resolved
from xenassign.xen.board import Board, regions_of
from xenassign.xen.iommu import Protection

DROPPED = rule("XA503", "memory-region-dropped", "warning", "broken")
MAPPED = rule("XA531", "memory-region-mapped", "warning", "portability")
UNDECIDED = rule("XA532", "memory-region-undecided", "error", "broken")
SHARED = rule("XA533", "memory-region-shared", "warning", "unsafe")
MOVED = rule("XA534", "memory-region-moved", "warning", "broken")

_POOLS = frozenset({"shared-dma-pool", "restricted-dma-pool"})
#: The memory type of a region, by whether it is mapped as Normal memory.
_TYPES = {False: "Device-nGnRE", True: "Normal memory"}


class _UsedRegion(NamedTuple):
    """A region that nodes of the domain refer to, and the host paths of their devices."""

    node: Node
    users: tuple[str, ...]

    @property
    def text(self) -> str:
        """The users and the region, as the beginning of a message."""
        return f"{', '.join(self.users)}: {self.node.path}"


def memory_regions(
    board: Board, scope: Scope, resolved: Resolved
) -> tuple[tuple[Region, ...], tuple[Finding, ...]]:
    """(regions to map, findings). Raises UsageError for options that fit no region."""
    used = _used_regions(board.platform.tree, scope)
    actions = _actions(board.platform.tree, scope, used, resolved)
    mapped: list[Region] = []
    findings: list[Finding] = []
    for region in used:
        action = actions.get(region.node)
        reason = _unusable(board.platform, region.node)
        if reason is None and action == "drop":
            reason = "is dropped, as requested"
        if reason is not None:
            message = f"{region.text} {reason}"
            findings.append(DROPPED(message, node=region.users[0], prop="memory-region"))
            continue
        others = _others(board, scope, [other.node for other in used], region.node)
        xl_refuses = "xl" in resolved.request.routes and not _dom0_has(board, region.node)
        refusal = _refusal(region, action, others, xl_refuses)
        if refusal is not None:
            findings.append(refusal)
            continue
        normal = resolved.request.release.normal_mappings and whole_pages(
            registers(region.node).blocks
        )
        purpose = f"of memory-region; {_TYPES[normal]} to the guest"
        mapped.append(Region(region.node, region.users, purpose, normal))
        findings += _mapped_findings(region, others, normal)
    return tuple(mapped), tuple(findings)


def moved_region_findings(
    scope: Scope,
    regions: tuple[Region, ...],
    placement: Placement,
    protections: Mapping[str, Protection],
) -> Iterator[Finding]:
    """Regions that an unprotected DMA master would access at the wrong address."""
    masters = {device.path for device in scope.devices if device.dma.answer != "no"}
    for region in regions:
        unprotected = [p for p in region.users if p in masters and not protections[p].protected]
        placed = placement.placed[region.path]
        if unprotected and any(p.mapping.host != p.mapping.guest for p in placed):
            message = f"{region.path} is at {placed[0].guest:#x} in the guest, and no IOMMU"
            yield MOVED(f"{message} translates for {', '.join(unprotected)}", node=region.path)


def _used_regions(tree: Tree, scope: Scope) -> list[_UsedRegion]:
    """The regions that ``memory-region`` of the domain's nodes refers to, in tree order."""
    own = {device.node: device.path for device in scope.devices}
    users: dict[Node, dict[str, None]] = {}
    for root in scope.roots:
        for node in filter(scope.has, root.walk()):
            for region in regions_of(tree, node):
                if not scope.has(region):
                    user = next((own[n] for n in node.lineage() if n in own), node.path)
                    users.setdefault(region, {})[user] = None
    in_order = sorted(users, key=lambda region: region.offset)
    return [_UsedRegion(region, tuple(users[region])) for region in in_order]


def _actions(
    tree: Tree, scope: Scope, used: list[_UsedRegion], resolved: Resolved
) -> dict[Node, str]:
    """The action of --memory-region for each region.

    An option that names the region has precedence over one that names a device, and this one over
    an option for all.
    """
    nodes = [region.node for region in used]
    of_all: dict[Node, str] = {}
    of_devices: dict[Node, str] = {}
    of_regions: dict[Node, str] = {}
    for option in resolved.request.memory_regions:
        if option.node is None:
            of_all.update(dict.fromkeys(nodes, option.action))
    mistakes: list[str] = []
    for option, named in resolved.memory_regions:
        below = {region for n in named.walk() if scope.has(n) for region in regions_of(tree, n)}
        fitting = [node for node in nodes if node is named or node in below]
        if not fitting:
            paths = ", ".join(node.path for node in nodes)
            hint = f"they are {paths}" if paths else "it has none"
            reason = f"fits no memory region of the domain; {hint}"
            mistakes.append(mistake("--memory-region", option.node or "", reason))
        for node in fitting:
            (of_regions if node is named else of_devices)[node] = option.action
    if mistakes:
        raise UsageError(*mistakes)
    return {**of_all, **of_devices, **of_regions}


def _unusable(platform: Platform, region: Node) -> str | None:
    """Why a node is dropped whatever the options are; None if it is a usable region."""
    reserved_memory = platform.tree.root.children.get("reserved-memory")
    if reserved_memory is None or reserved_memory not in region.ancestors():
        return "is not in /reserved-memory, and is dropped"
    return None if region.available else "is disabled in the host tree, and is dropped"


def _others(board: Board, scope: Scope, own: list[Node], region: Node) -> list[str]:
    """Host paths of the nodes that stay with the host and use a region, or memory in its pages.

    ``own``: the regions of the domain.
    """
    paths = [n.path for n in board.region_users.get(region, ()) if scope.stays_with_host(n)]
    for block in registers(region).blocks:
        paths += [
            node.path
            for node, other in board.platform.reserved
            if node not in own and other.span.overlaps(block.pages)
        ]
    return list(dict.fromkeys(paths))


def _dom0_has(board: Board, region: Node) -> bool:
    """Whether dom0 may give the region's pages: whether they are registers of another node too."""
    return all(board.dom0.has_pages(block.span.in_pages) for block in registers(region).blocks)


def _refusal(
    region: _UsedRegion, action: str | None, others: list[str], xl_refuses: bool
) -> Finding | None:
    """Why a region is not mapped, with what can be done; None if it is.

    ``action``: of --memory-region. ``others``: who else uses it. ``xl_refuses``: whether the
    request includes xl, which cannot map it.
    """
    node = region.node
    impossible = _impossible(node)
    if impossible:
        reason = impossible
    elif _is_pool(node) and action != "map":
        reason = "is a DMA pool, which Linux does not find below /passthrough"
    elif others and action != "map":
        reason = f"is also used by {some(others)}, which the guest does not get"
    elif xl_refuses:
        reason = "cannot be mapped by xl: dom0 may not give away pages of /reserved-memory"
    else:
        return None
    fix = f"--memory-region {node.path}=drop leaves it out"
    if not impossible:
        ways = ["--route dom0less"] if xl_refuses else []
        if not action and (_is_pool(node) or others):
            ways.append(f"--memory-region {node.path}=map")
        fix = f"{' with '.join(ways)} maps it, {fix}"
    return UNDECIDED(
        f"{region.text} {reason}",
        node=region.users[0],
        prop="memory-region",
        fix=fix,
        others=(node.path,),
    )


def _impossible(region: Node) -> str | None:
    """Why a region cannot be mapped with any option, or None."""
    if not region.has("reg"):
        return "has no address: the host's kernel chooses one at boot"
    if not region.has("no-map"):
        return "is RAM of the host (it has no no-map), which no guest gets"
    if not registers(region).blocks:
        return "has no address that can be read"
    return None


def _mapped_findings(region: _UsedRegion, others: list[str], normal: bool) -> Iterator[Finding]:
    """That a region is mapped, and who else uses it. ``normal``: as Normal memory."""
    blocks = registers(region.node).blocks
    ranges = ", ".join(f"{block.size:#x} bytes at {block.address:#x}" for block in blocks)
    message = f"{region.text} ({ranges}) is mapped, as {_TYPES[normal]}"
    if _is_pool(region.node):
        message += "; Linux finds no pool there, and most drivers fail for it"
    severity = "note" if normal and not _is_pool(region.node) else None
    yield MAPPED(message, node=region.users[0], prop="memory-region", severity=severity)
    if others:
        message = f"{region.node.path} is also used by {some(others)}"
        yield SHARED(message, node=region.node.path)


def _is_pool(region: Node) -> bool:
    return bool(_POOLS.intersection(region.compatible))
