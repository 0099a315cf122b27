"""Memory regions: what becomes of the ``memory-region`` of an assigned device.

Only ``/passthrough`` and ``/aliases`` reach a guest, so its tree has no ``/reserved-memory``, and
Linux, which looks for pools there alone, finds none. What can be done depends on the region:

* a carve-out (``reg`` and ``no-map``, no pool) is mapped, with its node below /passthrough;
* a DMA pool (``shared-dma-pool``, ``restricted-dma-pool``) is mapped where the user says so;
* RAM of the host (no ``no-map``) and a region that has no address until the host's kernel chooses
  one are never mapped.

xl maps none of them: Xen gives dom0 no right to pass on what stands in /reserved-memory, unless
another node has the same pages as its registers. Whatever is not mapped refuses the domain until
``--memory-region PATH=drop`` says that it is not needed.

A region is never marked xen,passthrough: dom0 would see it disabled, take its pages for free RAM
(Xen lists them in dom0's memory), and die at the first touch, for Xen does not map them there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

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


class _Named(NamedTuple):
    """A region that the domain's nodes name, and the host paths of the assigned devices."""

    node: Node
    users: tuple[str, ...]


def memory_regions(
    board: Board, scope: Scope, resolved: Resolved
) -> tuple[tuple[Region, ...], tuple[Finding, ...]]:
    """The regions to map, and what is to be said. Raises UsageError for idle options."""
    tree = board.platform.tree
    named = _named(tree, scope)
    asked = _asked(tree, scope, named, resolved)
    mapped: list[Region] = []
    findings: list[Finding] = []
    for one in named:
        wish = asked.get(one.node)
        why = _not_there(board.platform, one.node) or (wish == "drop" and "is dropped, as asked")
        if why:
            message = f"{_users(one)}: {one.node.path} {why}"
            findings.append(DROPPED(message, node=one.users[0], prop="memory-region"))
            continue
        others = _others(board, scope, [other.node for other in named], one.node)
        xl = "xl" in resolved.request.routes and not _dom0_has(board, one.node)
        refusal = _refusal(one, wish, others, xl)
        if refusal is not None:
            findings.append(refusal)
            continue
        mapped.append(Region(one.node, one.users, "of memory-region; Device-nGnRE to the guest"))
        findings += _told(one, others)
    return tuple(mapped), tuple(findings)


def moved_region_findings(
    scope: Scope,
    regions: tuple[Region, ...],
    placement: Placement,
    protections: Mapping[str, Protection],
) -> Iterator[Finding]:
    """Regions that a DMA master without an IOMMU would look for at the wrong address."""
    masters = {device.path for device in scope.devices if device.dma.answer != "no"}
    for region in regions:
        bare = [p for p in region.users if p in masters and not protections[p].protected]
        placed = placement.placed[region.path]
        if bare and any(one.mapping.host != one.mapping.guest for one in placed):
            message = f"{region.path} is at {placed[0].guest:#x} in the guest, and no IOMMU"
            yield MOVED(f"{message} translates for {', '.join(bare)}", node=region.path)


def _named(tree: Tree, scope: Scope) -> list[_Named]:
    """The regions that ``memory-region`` of the domain's nodes names, in the order of the tree."""
    own = {device.node: device.path for device in scope.devices}
    found: dict[Node, dict[str, None]] = {}
    for root in scope.roots:
        for node in (one for one in root.walk() if scope.has(one)):
            for region in regions_of(tree, node):
                if not scope.has(region):
                    user = next((own[n] for n in node.lineage() if n in own), node.path)
                    found.setdefault(region, {})[user] = None
    ordered = sorted(found.items(), key=lambda one: one[0].offset)
    return [_Named(node, tuple(users)) for node, users in ordered]


def _asked(tree: Tree, scope: Scope, named: list[_Named], resolved: Resolved) -> dict[Node, str]:
    """What --memory-region says of each region: that which says most counts."""
    asked: dict[Node, str] = {}
    exact: dict[Node, str] = {}
    options = resolved.request.memory_regions
    every = {one.node: o.action for o in options if o.node is None for one in named}
    idle: list[str] = []
    for option, node in resolved.memory_regions:
        below = {r for n in node.walk() if scope.has(n) for r in regions_of(tree, n)}
        fitting = [one.node for one in named if one.node is node or one.node in below]
        if not fitting:
            some = ", ".join(one.node.path for one in named)
            hint = f"they are {some}" if some else "it has none"
            why = f"fits no memory region of the domain; {hint}"
            idle.append(mistake("--memory-region", option.node or "", why))
        for region in fitting:
            (exact if region is node else asked)[region] = option.action
    if idle:
        raise UsageError(*idle)
    return {**every, **asked, **exact}


def _not_there(platform: Platform, region: Node) -> str | None:
    """Why a region is none, whatever is asked for."""
    pool = platform.tree.root.children.get("reserved-memory")
    if pool is None or not any(above is pool for above in region.ancestors()):
        return "is not in /reserved-memory, and is dropped"
    return None if region.available else "is disabled in the host tree, and is dropped"


def _others(board: Board, scope: Scope, named: list[Node], region: Node) -> list[str]:
    """Who stays with the host and uses the region, or memory in its pages."""
    mine = set(named)
    found = [n.path for n in board.region_users.get(region, ()) if scope.stays_with_host(n)]
    for block in registers(region).blocks:
        found += [
            node.path
            for node, other in board.platform.reserved
            if node not in mine and other.span.overlaps(block.pages)
        ]
    return list(dict.fromkeys(found))


def _dom0_has(board: Board, region: Node) -> bool:
    """Whether dom0 may give the region's pages: where another node has them as its registers."""
    return all(board.dom0.has_pages(block.span.in_pages) for block in registers(region).blocks)


def _refusal(one: _Named, wish: str | None, others: list[str], xl: bool) -> Finding | None:
    """Why the region is not mapped, with what can be done; None where it is.

    ``xl``: whether xl is wanted and cannot pass it.
    """
    region = one.node
    never = _never(region)
    if never:
        why = never
    elif _is_pool(region) and wish != "map":
        why = "is a DMA pool, which Linux does not find below /passthrough"
    elif others and wish != "map":
        why = f"is also used by {some(others)}, which the guest does not get"
    elif xl:
        why = "can't be passed by xl: dom0 may give no pages of /reserved-memory"
    else:
        return None
    drop = f"--memory-region {region.path}=drop leaves it out"
    ways = ["--route dom0less"] if xl else []
    if not wish and (_is_pool(region) or others):
        ways.append(f"--memory-region {region.path}=map")
    fix = drop if never else f"{' with '.join(ways)} maps it, {drop}"
    message = f"{_users(one)}: {region.path} {why}"
    return UNDECIDED(message, node=one.users[0], prop="memory-region", fix=fix)


def _never(region: Node) -> str | None:
    """Why a region cannot be mapped at all."""
    if not region.has("reg"):
        return "has no address: the host's kernel chooses one at boot"
    if not region.has("no-map"):
        return "is RAM of the host (it has no no-map), which no guest gets"
    if not registers(region).blocks:
        return "has no address that can be read"
    return None


def _told(one: _Named, others: list[str]) -> Iterator[Finding]:
    """What is to be known of a region that is mapped."""
    region = one.node
    places = ", ".join(f"{b.size:#x} bytes at {b.address:#x}" for b in registers(region).blocks)
    message = f"{_users(one)}: {region.path} ({places}) is mapped, as Device-nGnRE"
    if _is_pool(region):
        message += "; Linux finds no pool there, and most drivers fail for it"
    yield MAPPED(message, node=one.users[0], prop="memory-region")
    if others:
        message = f"{region.path} is also used by {some(others)}"
        yield SHARED(message, node=region.path)


def _is_pool(region: Node) -> bool:
    return bool(_POOLS.intersection(region.compatible))


def _users(one: _Named) -> str:
    return ", ".join(one.users)
