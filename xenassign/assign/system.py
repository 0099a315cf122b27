"""Several domains on one board: each is decided as ever, then domain is set against domain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.assign.board import read_board
from xenassign.assign.conflicts import (
    ALLOWABLE,
    FIRMWARE,
    IDLE,
    MEMORY,
    NESTED,
    PAGES,
    SUPPLIES,
    TWICE,
    Conflict,
    Holding,
    between,
)
from xenassign.assign.decide import decide_on
from xenassign.assign.kept import within
from xenassign.assign.plan import DomainPlan
from xenassign.assign.request import Request
from xenassign.assign.scope import Scope, scope
from xenassign.assign.select import resolve, select, with_console
from xenassign.assign.system_request import Allowance, SystemRequest
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors, some
from xenassign.host.neighbours import streams_of
from xenassign.host.platform import Platform, read_platform
from xenassign.xen.layout import MIB


class SystemPlan(NamedTuple):
    """Everything that was decided about a system.

    ``domains``: in the order of the request; their findings are about the domain and the host.
    ``conflicts``: between two domains. ``findings``: about the system as a whole.
    """

    domains: tuple[DomainPlan, ...]
    conflicts: tuple[Conflict, ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether an error forbids any of it."""
        told = [f for plan in self.domains for f in plan.findings]
        return bool(errors([*told, *(c.finding for c in self.conflicts), *self.findings]))


def decide_system(
    tree: Tree, request: SystemRequest, platform: Platform | None = None
) -> SystemPlan:
    """Decides about every domain, and about what they do to each other.

    ``platform``: that of the tree, with the console. Raises UsageError where the request cannot be
    meant.
    """
    first = request.domains[0]
    platform = platform or with_console(read_platform(tree), first.xen_console)
    board = read_board(platform, first.release, first.drivers)
    scopes = [_scope(platform, request, one) for one in request.domains]
    plans = []
    for number, one in enumerate(request.domains):
        others = (other.members for n, other in enumerate(scopes) if n != number)
        try:
            plans.append(decide_on(board, one, frozenset[int]().union(*others)))
        except UsageError as error:
            raise request.located(error, one.name) from None
    holdings = [
        h for plan, s in zip(plans, scopes, strict=True) for h in holdings_of(tree, plan, s)
    ]
    shared = between(holdings)
    twice = {conflict.sides for conflict in shared if conflict.rule in (TWICE, NESTED)}
    # What two domains have both is told once, not for its interrupts and streams again.
    shared = [c for c in shared if c.rule in (TWICE, NESTED) or c.sides not in twice]
    firmware = list(_firmware(plans))
    both = {conflict.domains for conflict in firmware}  # have its shared memory too
    shared = [c for c in shared if c.rule is not PAGES or c.domains not in both]
    found = [
        *shared,
        *_supplies(tree, plans, scopes),
        *firmware,
        *_memory(platform, request.domains),
    ]
    conflicts, idle = settled(tree, found, request)
    return SystemPlan(tuple(plans), tuple(conflicts), tuple(idle))


def _scope(platform: Platform, request: SystemRequest, domain: Request) -> Scope:
    try:
        return scope(platform, select(platform.tree, domain.devices))
    except UsageError as error:
        raise request.located(error, domain.name) from None


def holdings_of(tree: Tree, plan: DomainPlan, inside: Scope) -> Iterator[Holding]:
    """What a plan gives its domain of the host."""
    roots = {id(root): root.path for root in inside.roots}
    for device in plan.devices:
        root = next(roots[id(n)] for n in device.host.node.lineage() if id(n) in roots)
        yield Holding(
            domain=plan.name,
            path=device.path,
            node=device.host.node,
            root=root,
            pages=tuple((m.host, m.size) for m in device.mappings),
            intids=device.irqs,
            streams=tuple(streams_of(device.host)),
        )
    for region in plan.regions:
        pages = tuple((m.host, m.size) for m in region.mappings)
        yield Holding(plan.name, region.path, None, region.path, pages)
    for base, size in plan.request.static_memory:
        yield Holding(plan.name, f"static memory at {base:#x}", None, "", ((base, size),))


def _supplies(tree: Tree, plans: list[DomainPlan], scopes: list[Scope]) -> Iterator[Conflict]:
    """What a domain's devices need of the host, and another domain drives, a line a provider."""
    for needs in plans:
        found: dict[tuple[str, str], tuple[set[str], list[str]]] = defaultdict(lambda: (set(), []))
        for keep in needs.host_keeps:
            for drives, inside in zip(plans, scopes, strict=True):
                if drives is needs:
                    continue
                by_firmware = any(within(keep.provider, path) for path in drives.firmware)
                if by_firmware or inside.has(tree.find(keep.provider)):
                    kinds, users = found[drives.name, keep.provider]
                    kinds.add(keep.kind)
                    users += keep.users
        for (driver, provider), (kinds, users) in found.items():
            message = (
                f"{provider} (of {driver}) is the {' and '.join(sorted(kinds))} of {some(users)}"
                f" (of {needs.name})"
            )
            domains, also = (driver, needs.name), tuple(users[1:])
            yield Conflict(SUPPLIES, domains, (provider, users[0]), message, also=also)


def _firmware(plans: list[DomainPlan]) -> Iterator[Conflict]:
    having = [plan for plan in plans if plan.firmware and plan.request.sci is not None]
    for other in having[1:]:
        first = having[0]
        path = (first.firmware or ("",))[0]
        message = f"{first.name} and {other.name} both have SCMI; Xen forwards it for one domain"
        yield Conflict(FIRMWARE, (first.name, other.name), (path, path), message)


def _memory(platform: Platform, domains: tuple[Request, ...]) -> Iterator[Conflict]:
    known = [(one.name, one.memory) for one in domains if one.memory is not None]
    wanted = sum(memory for _, memory in known)
    board = sum(block.size for block in platform.memory) // MIB
    if board and len(known) > 1 and wanted >= board:
        names = (known[0][0], known[-1][0])
        message = f"the domains have {wanted} MiB together, the board's tree states {board} MiB"
        yield Conflict(MEMORY, names, ("", ""), message)


# ---------------------------------------------------------------------- what is accepted


def settled(
    tree: Tree, found: list[Conflict], request: SystemRequest
) -> tuple[list[Conflict], list[Finding]]:
    """(conflicts, findings about idle allowances): what is accepted becomes a warning.

    A shared page that --allow-shared-page names for one of the two domains is accepted too.
    """
    allowed = [(one, _named(tree, one, request)) for one in request.allowances]
    shared = {
        domain.name: [
            (resolve(tree, one.node, "--allow-shared-page").path, one.reason)
            for one in domain.shared
        ]
        for domain in request.domains
    }
    conflicts: list[Conflict] = []
    used: set[Allowance] = set()
    for conflict in found:
        code = conflict.rule.code
        fitting = [one for one, nodes in allowed if one.code == code and _covers(nodes, conflict)]
        used.update(fitting)
        reasons = [one.reason for one in fitting]
        if conflict.rule is PAGES:
            reasons += (
                reason or "--allow-shared-page"
                for name in conflict.domains
                for path, reason in shared[name]
                if any(within(side, path) for side in conflict.paths)
            )
        if reasons and conflict.fix is None:
            message = f"{conflict.message}, as was accepted: {reasons[0]}"
            fix = "see whether the reason still holds whenever one of the two changes"
            conflicts.append(conflict._replace(message=message, severity="warning", fix=fix))
        else:
            conflicts.append(conflict)
    idle = [
        IDLE(f"[[allow]] {one.code} of {', '.join(one.nodes) or 'no node'} fits no conflict")
        for one, _ in allowed
        if one not in used
    ]
    return conflicts, idle


def _named(tree: Tree, allowance: Allowance, request: SystemRequest) -> list[str]:
    try:
        if allowance.code not in ALLOWABLE:
            what = "can be allowed; Xen refuses the others, or nothing can isolate them"
            known = ", ".join(sorted(ALLOWABLE))
            raise UsageError(f"[[allow]] {allowance.code}: only {known} {what}")
        return [resolve(tree, name, "[[allow]] nodes").path for name in allowance.nodes]
    except UsageError as error:
        raise request.located(error, None) from None


def _covers(nodes: list[str], conflict: Conflict) -> bool:
    """Whether an allowance names both sides, or nodes around them."""
    sides = (*conflict.paths, *conflict.also)
    return all(any(within(side, node) for node in nodes) for side in sides)
