"""Rules about static shared memory: nodes with "xen,domain-shared-memory-v1" below a domain's.

Xen reads them twice, in its first scan (process_shm_node), and when it builds the domain
(process_shm). A node names a region by xen,shm-id; the region is the same for all nodes with that
id. Its owner is the domain whose node has the role "owner", or Xen's dom_io if no node has a role.
Source: xen/common/device-tree/static-shmem.c; bootfdt.c and domain_build.c in 4.17 and 4.18.
All addresses and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xenassign.checks.static_memory import NO_OWNER, StaticMemory, bank_findings
from xenassign.devicetree.cells import BusCells, xen_cells, xen_number
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, rule
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import (
    SHARED_MEMORY,
    DomainNode,
    context_of,
    is_compatible,
    is_scanned,
)
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.xen.layout import clashes
from xenassign.xen.releases import Release

MALFORMED = rule("XA742", "shared-memory-malformed", "error", "rejected", routes=DOM0LESS)
CONFLICT = rule("XA743", "shared-memory-conflict", "error", "rejected", routes=DOM0LESS)
NOT_DIRECT = rule(
    "XA744",
    "shared-memory-not-direct",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.shm_direct_map_compared,
)
MISPLACED = rule("XA745", "shared-memory-misplaced", "error", "broken", routes=DOM0LESS)
_ID, _MEMORY, _ROLE = "xen,shm-id", "xen,shared-mem", "role"
_ID_BYTES = 16  #: MAX_SHM_ID_LENGTH, the NUL included
_ROLES = ("owner", "borrower")


class Problem(NamedTuple):
    """Why Xen refuses a node: the property, and what is wrong with it."""

    prop: str
    text: str


class SharedRegion(NamedTuple):
    """A node's region. ``host``: None if Xen is to choose it; ``role``: None without one."""

    node: Node
    shm_id: str
    role: str | None
    host: int | None
    guest: int
    size: int

    @property
    def span(self) -> Span | None:
        """The host's addresses, if they are given."""
        return None if self.host is None else Span.sized(self.host, self.size)

    @property
    def assigns(self) -> bool:
        """Whether the node gives the memory an owner: its domain, or dom_io."""
        return self.role != "borrower"


def check(view: DomainView) -> Iterator[Finding]:
    """Findings about the shared memory of a domain."""
    if not view.domain.cells_known:
        return
    nodes = _nodes(view.domain)
    read = [(domain, node, read_region(node, domain.cells, view.release)) for domain, node in nodes]
    known: list[SharedRegion] = []
    for domain, node, region in read:
        if domain.node is not view.node:
            known += [region] if isinstance(region, SharedRegion) else []
        elif isinstance(region, Problem):
            message = f"{node.path}: {region.prop} {region.text}"
            yield MALFORMED(message, node=node.path, prop=region.prop)
        else:
            yield from _region(view, region, known)
            known.append(region)
    yield from _owners(view, ((d, r) for d, _, r in read if isinstance(r, SharedRegion)))


def read_region(node: Node, cells: BusCells, release: Release) -> SharedRegion | Problem:
    """The region of a node, or why Xen refuses it. ``cells``: those of the node's parent."""
    if min(cells) < 1:
        return Problem(_MEMORY, f"is in cells of {cells.address} and {cells.size}")
    shm_id, role = _text(node, _ID), _text(node, _ROLE)
    if not shm_id or len(shm_id) >= _ID_BYTES:
        characters = "no string" if shm_id is None else f"{len(shm_id)} characters"
        return Problem(_ID, f"has {characters}; 1 to {_ID_BYTES - 1} are valid")
    if node.has(_ROLE) and role not in _ROLES:
        return Problem(_ROLE, f"is {role!r}; owner and borrower are valid")
    value = node.value(_MEMORY)
    if value is None:
        return Problem(_MEMORY, "is missing")
    address, size = cells
    words = xen_cells(value)
    parts = 3 if len(value) == 4 * (2 * address + size) else 2
    if parts == 2 and (not release.shm_host_optional or len(value) != 4 * (address + size)):
        expected = "a host address, " if not release.shm_host_optional else "[a host address,] "
        return Problem(_MEMORY, f"has {len(value)} bytes; {expected}a guest address and a size")
    host = xen_number(words[:address]) if parts == 3 else None
    guest = xen_number(words[-address - size : len(words) - size])
    length = xen_number(words[-size:])
    problem = _numbers(host, guest, length)
    if problem:
        return Problem(_MEMORY, problem)
    return SharedRegion(node, shm_id, role, host, guest, length)


def _numbers(host: int | None, guest: int, size: int) -> str | None:
    """What is wrong with the numbers of a region."""
    if not size:
        return "has a size of 0"
    names = {"host address": host, "guest address": guest, "size": size}
    for name, number in names.items():
        if number is not None and number % PAGE_SIZE:
            return f"has the {name} {number:#x}, which is not a multiple of {PAGE_SIZE:#x}"
    return "ends above 2^64" if host is not None and host + size >= 1 << 64 else None


def _text(node: Node, name: str) -> str | None:
    """The first string of a property; None without a NUL."""
    value = node.value(name)
    return None if value is None or b"\0" not in value else value.split(b"\0")[0].decode("latin-1")


def _nodes(domain: DomainNode) -> Iterator[tuple[DomainNode, Node]]:
    """Every shared memory node of the same /chosen with its domain's, in the order of the tree.

    Those directly below /chosen are dom0's.
    """
    parent = domain.node.parent
    for node in parent.children.values() if parent is not None else ():
        owner = DomainNode(node, domain.chosen)
        if is_compatible(node, "xen,domain"):
            yield from ((owner, child) for child in node.children.values() if _shares(child))
        elif parent is not None and _shares(node):
            yield DomainNode(parent, domain.chosen), node


def owned_ids(domains: Iterable[DomainNode]) -> frozenset[str]:
    """The ids of the regions that have an owner in any /chosen of the domains."""
    each = {domain.node.parent: domain for domain in domains}.values()
    nodes = [node for domain in each for _, node in _nodes(domain)]
    return frozenset(_text(node, _ID) or "" for node in nodes if _text(node, _ROLE) != "borrower")


def _shares(node: Node) -> bool:
    return is_compatible(node, SHARED_MEMORY) and not is_scanned(node)


def _region(
    view: DomainView, region: SharedRegion, earlier: list[SharedRegion]
) -> Iterator[Finding]:
    """One well-formed region, compared with the earlier ones and with all else in memory."""
    path, same = region.node.path, [r for r in earlier if r.shm_id == region.shm_id]
    conflict = next(_conflicts(view, region, earlier), None)
    if conflict is not None:
        # Before 4.19 the scan only ends here, and a borrower maps the memory nevertheless.
        refused = region.assigns or view.release.boot_scan_failure_is_panic
        yield _finding(CONFLICT if refused else NO_OWNER, region, conflict)
        return
    if region.span is not None and not same and view.context.platform is not None:
        yield from _on_board(view, region.span, path)
    if view.domain.direct_map and NOT_DIRECT.applies(view.release) and region.host != region.guest:
        host = "no host address" if region.host is None else f"the host address {region.host:#x}"
        message = f"has {host} and the guest address {region.guest:#x}, in a direct-map domain"
        yield _finding(NOT_DIRECT, region, message)
    elif region.host is None and any(other.host is not None for other in same):
        yield _finding(MISPLACED, region, f"lacks the host address that {same[0].node.path} has")
    else:
        yield from _over_the_guest(view, region)


def _finding(violated: Rule, region: SharedRegion, text: str) -> Finding:
    path = region.node.path
    return violated(f"{path}: {_MEMORY} {text}", node=path, prop=_MEMORY)


def _conflicts(
    view: DomainView, region: SharedRegion, earlier: list[SharedRegion]
) -> Iterator[str]:
    """Why the scan refuses a region because of what it has read before, or reads later."""
    span = region.span
    for other in earlier:
        if other.shm_id == region.shm_id:
            moved = region.host is not None and region.host != other.host
            if moved or region.size != other.size:
                yield f"differs from that of {other.node.path}, which has the same {_ID}"
        elif span is not None and other.span is not None and span.overlaps(other.span):
            yield f"overlaps that of {other.node.path}, which has another {_ID}"
    if span is not None:
        yield from (f"overlaps {name}" for name, taken in _taken(view) if span.overlaps(taken))


def _taken(view: DomainView) -> Iterator[tuple[str, Span]]:
    """The static memory and the modules of all domains."""
    for domain in view.domain.same_chosen:
        for base, size in domain.banks:
            yield f"static memory of {domain.node.path}", Span.sized(base, size)
        for module in domain.modules if view.release.module_overlap_dropped else ():
            if is_scanned(module.node) and module.address is not None and module.size is not None:
                span = Span.sized(module.address, module.size)
                yield f"the module {module.node.path}", span


def _on_board(view: DomainView, span: Span, path: str) -> Iterator[Finding]:
    """The region compared with the memory of the host, its reservations and its devices."""
    platform, live = view.context.platform, bool(view.context.host_memory)
    if platform is None:
        return
    if live:
        platform = platform._replace(memory=view.context.host_memory)
    memory = StaticMemory(
        view.release, (), False, 1, False, path, _MEMORY, live, noun="shared memory"
    )
    for finding in bank_findings(platform, memory, span):
        yield finding._replace(message=f"{path}: {finding.message}")


def _over_the_guest(view: DomainView, region: SharedRegion) -> Iterator[Finding]:
    """Guest addresses where the guest certainly has something else."""
    guest = context_of(view.domain, view.context).guest
    for clash in clashes(guest, Span.sized(region.guest, region.size)):
        if clash.hard:
            text = f"is at the guest's {region.guest:#x}, where {clash.name} is ({clash.span})"
            yield _finding(MISPLACED, region, text)
            return


def _owners(view: DomainView, read: Iterable[tuple[DomainNode, SharedRegion]]) -> Iterator[Finding]:
    """More owners of a region than one, or none. ``read``: the regions of all domains."""
    regions: dict[str, list[tuple[DomainNode, SharedRegion]]] = {}
    for domain, region in read:
        regions.setdefault(region.shm_id, []).append((domain, region))
    for users in regions.values():
        own = [region for domain, region in users if domain.node is view.node]
        assigning = [region for _, region in users if region.assigns]
        by_role = any(region.role == "owner" for region in assigning)
        if own and not assigning and own[0].shm_id not in view.context.owned:
            message = f"{own[0].node.path}: no node of this file owns {own[0].shm_id!r}"
            yield NO_OWNER(message, node=own[0].node.path, prop=_ROLE)
        for region in own if by_role else ():
            if region in assigning[1:]:
                first = assigning[0]
                whose = "has the role owner" if first.role else "has no role, so that Xen owns it"
                message = f"{region.node.path}: {first.node.path} {whose}"
                yield CONFLICT(message, node=region.node.path, prop=_ROLE)
