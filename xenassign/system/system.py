"""Several domains on one board: each is decided as ever, then domain is set against domain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from xenassign.checks.conflicts import (
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
    told_apart,
)
from xenassign.checks.scope import scopes
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, errors, some
from xenassign.host.platform import Platform, read_platform
from xenassign.planning.decide import decide_on
from xenassign.planning.kept_firmware import within
from xenassign.planning.plan import DomainPlan
from xenassign.request.origin import mistake
from xenassign.request.resolve import Resolved, ResolvedSystem, resolve
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.xen.board import Board, read_board
from xenassign.xen.layout import MIB


class SystemPlan(NamedTuple):
    """Everything that was decided about a system.

    ``asked``: the request and the board. ``domains``: in the order of the request; their findings
    are about the domain and the host. ``conflicts``: between two domains. ``findings``: about the
    system as a whole.
    """

    asked: ResolvedSystem
    domains: tuple[DomainPlan, ...]
    conflicts: tuple[Conflict, ...]
    findings: tuple[Finding, ...]

    @property
    def between(self) -> list[Finding]:
        """What is said of no domain alone: the conflicts, and what is about the system."""
        return [*(conflict.finding for conflict in self.conflicts), *self.findings]

    @property
    def refused(self) -> bool:
        """Whether an error forbids any of it."""
        told = [f for plan in self.domains for f in plan.findings]
        return bool(errors([*told, *self.between]))


def decide_system(tree: Tree, request: SystemRequest) -> SystemPlan:
    """Decides about every domain, and about what they do to each other.

    Raises UsageError where the request cannot be meant.
    """
    return decide_resolved(resolve(request, read_platform(tree)))


def decide_resolved(system: ResolvedSystem) -> SystemPlan:
    """The same for names that were looked up."""
    _check_codes(system)
    platform, tree = system.platform, system.platform.tree
    first = system.request.domains[0]
    board = read_board(platform, first.release, first.drivers)
    own = scopes(platform, [domain.devices for domain in system.domains])
    plans = [decide_on(board, *each) for each in zip(system.domains, own, strict=True)]
    holdings = [held for plan in plans for held in holdings_of(board, plan)]
    shared = between(holdings)
    twice = {conflict.sides for conflict in shared if conflict.rule in (TWICE, NESTED)}
    # What two domains have both is told once, not for its interrupts and streams again.
    shared = [c for c in shared if c.rule in (TWICE, NESTED) or c.sides not in twice]
    firmware = list(_firmware(plans))
    both = {conflict.domains for conflict in firmware}  # have its shared memory too
    shared = [c for c in shared if c.rule is not PAGES or c.domains not in both]
    found = [
        *shared,
        *_supplies(tree, plans),
        *firmware,
        *_memory(platform, system.domains),
    ]
    conflicts, idle = settled(found, system)
    return SystemPlan(system, tuple(plans), tuple(conflicts), tuple(idle))


def _check_codes(system: ResolvedSystem) -> None:
    """Raises UsageError with a line for each [[allow]] of a conflict that nothing allows."""
    known = ", ".join(sorted(ALLOWABLE))
    why = f"only {known} can be allowed; Xen refuses the others, or nothing can isolate them"
    wrong = [
        mistake("[[allow]]", allowance.code, why)
        for allowance, _ in system.allowances
        if allowance.code not in ALLOWABLE
    ]
    if wrong:
        raise UsageError(*wrong)


def holdings_of(board: Board, plan: DomainPlan) -> Iterator[Holding]:
    """What a plan gives its domain of the host."""
    roots = {root: root.path for root in plan.scope.roots}
    for device in plan.devices:
        root = next(roots[n] for n in device.host.node.lineage() if n in roots)
        yield Holding(
            domain=plan.name,
            path=device.path,
            node=device.host.node,
            root=root,
            pages=tuple(mapping.host_span for mapping in device.mappings),
            intids=device.irqs,
            streams=told_apart(board.iommus, device.host),
        )
    for region in plan.regions:
        pages = tuple(mapping.host_span for mapping in region.mappings)
        yield Holding(plan.name, region.path, None, region.path, pages)
    for bank in plan.request.static_memory:
        text = f"static memory at {bank[0]:#x}"
        yield Holding(plan.name, text, None, "", (Span.sized(*bank),))


def _supplies(tree: Tree, plans: list[DomainPlan]) -> Iterator[Conflict]:
    """What a domain's devices name and another domain has, a line a provider.

    A supply that the other can switch off is an error; what the device does without a warning.
    """
    for needs in plans:
        switched = _by_owner(tree, needs, plans, _kept(needs), asks_firmware=True)
        lost = _by_owner(tree, needs, plans, _dropped(needs), asks_firmware=False)
        for (driver, provider), found in switched.items():
            kinds, users = _parted(found)
            what = f"is the {' and '.join(sorted(kinds))} of {some(users)} (of {needs.name})"
            yield _supply(driver, provider, needs.name, what, users)
        for (driver, provider), found in lost.items():
            if (driver, provider) not in switched:
                kinds, users = _parted(found)
                what = f"is named by {', '.join(kinds)} of {some(users)} (of {needs.name}), in vain"
                conflict = _supply(driver, provider, needs.name, what, users)
                yield conflict._replace(severity="warning")


#: (provider, what for, path of the user), of everything that a domain's devices name.
_Uses = Iterator[tuple[str, str, str]]


def _kept(plan: DomainPlan) -> _Uses:
    """What the host, or who else has it, must leave on."""
    for keep in plan.host_keeps:
        yield from ((keep.provider, keep.kind, user) for user in keep.users)


def _dropped(plan: DomainPlan) -> _Uses:
    """What the guest's nodes do without."""
    for device in plan.devices:
        for line in device.host.other_interrupts:
            yield line.controller.path, "interrupts", device.path
        for one in device.suppliers:
            if one.provider is not None and one.action == "dropped":
                yield one.provider, one.property, device.path


def _by_owner(
    tree: Tree,
    needs: DomainPlan,
    plans: list[DomainPlan],
    uses: _Uses,
    *,
    asks_firmware: bool,
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(what for, user) by (another domain that has the provider, the provider).

    ``asks_firmware``: a domain has what the firmware drives that it talks to.
    """
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for provider, kind, user in uses:
        if needs.scope.has(tree.find(provider)):
            continue
        for other in plans:
            by_firmware = any(within(provider, path) for path in other.firmware)
            has = other.scope.has(tree.find(provider)) or (asks_firmware and by_firmware)
            if other is not needs and has:
                found[other.name, provider].append((kind, user))
    return found


def _parted(found: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """What for, and the users, each once."""
    return [*dict.fromkeys(kind for kind, _ in found)], [*dict.fromkeys(user for _, user in found)]


def _supply(driver: str, provider: str, needs: str, what: str, users: list[str]) -> Conflict:
    message = f"{provider} (of {driver}) {what}"
    paths = (provider, users[0])
    return Conflict(SUPPLIES, (driver, needs), paths, message, also=tuple(users[1:]))


def _firmware(plans: list[DomainPlan]) -> Iterator[Conflict]:
    having = [plan for plan in plans if plan.firmware and plan.request.sci is not None]
    for other in having[1:]:
        first = having[0]
        path = (first.firmware or ("",))[0]
        message = f"{first.name} and {other.name} both have SCMI; Xen forwards it for one domain"
        yield Conflict(FIRMWARE, (first.name, other.name), (path, path), message)


def _memory(platform: Platform, domains: tuple[Resolved, ...]) -> Iterator[Conflict]:
    requests = [domain.request for domain in domains]
    known = [(one.name, one.memory) for one in requests if one.memory is not None]
    wanted = sum(memory for _, memory in known)
    board = sum(block.size for block in platform.memory) // MIB
    if board and len(known) > 1 and wanted >= board:
        names = (known[0][0], known[-1][0])
        message = f"the domains have {wanted} MiB together, the board's tree states {board} MiB"
        yield Conflict(MEMORY, names, ("", ""), message)


# ---------------------------------------------------------------------- what is accepted


def settled(found: list[Conflict], system: ResolvedSystem) -> tuple[list[Conflict], list[Finding]]:
    """(conflicts, findings about idle allowances): what is accepted becomes a warning.

    A shared page that --allow-shared-page names for one of the two domains is accepted too.
    """
    allowed = [(one, [node.path for node in nodes]) for one, nodes in system.allowances]
    shared = {
        domain.name: [(node.path, one.reason) for node, one in domain.shared.items()]
        for domain in system.domains
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


def _covers(nodes: list[str], conflict: Conflict) -> bool:
    """Whether an allowance names both sides, or nodes around them."""
    sides = (*conflict.paths, *conflict.also)
    return all(any(within(side, node) for node in nodes) for side in sides)
