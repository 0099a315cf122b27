"""Several domains on one board: each is decided by itself, then they are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from xenassign.checks.conflicts import (
    ALLOWABLE,
    FIRMWARE,
    IDLE,
    MEMORY,
    NESTED,
    PAGES,
    SCMI_IDS,
    SUPPLIES,
    TWICE,
    Conflict,
    Holding,
    conflicts_between,
    known_streams,
)
from xenassign.checks.demands import Assigned, Assignment, violations
from xenassign.checks.protection import dma_in_scope
from xenassign.checks.scope import system_scopes
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, Rule, errors, some
from xenassign.host.platform import Platform, read_platform
from xenassign.host.scmi import READ_ONLY
from xenassign.planning.decide import decide_on
from xenassign.planning.kept_firmware import within
from xenassign.planning.plan import DomainPlan
from xenassign.planning.shared_memory import with_host_addresses, without_owner
from xenassign.request.origin import mistake
from xenassign.request.resolve import Resolved, ResolvedSystem, resolve
from xenassign.request.system_request import Allowance, SystemRequest
from xenassign.system.cpu_pools import with_cpu_pools
from xenassign.system.cpus import cpu_findings
from xenassign.system.event_channels import with_event_channels
from xenassign.xen.board import Board, read_board
from xenassign.xen.layout import MIB


class SystemPlan(NamedTuple):
    """Everything that was decided about a system.

    ``resolved``: the request and the board. ``domains``: in the order of the request; their
    findings are about the domain and the host. ``conflicts``: between two domains. ``findings``:
    about the system as a whole.
    """

    resolved: ResolvedSystem
    domains: tuple[DomainPlan, ...]
    conflicts: tuple[Conflict, ...]
    findings: tuple[Finding, ...]

    @property
    def between(self) -> list[Finding]:
        """The findings that are not about one domain: the conflicts, and those of the system."""
        return [*(conflict.finding for conflict in self.conflicts), *self.findings]

    @property
    def refused(self) -> bool:
        """Whether an error forbids the system."""
        of_domains = [finding for plan in self.domains for finding in plan.findings]
        return bool(errors([*of_domains, *self.between]))


def decide_system(tree: Tree, request: SystemRequest) -> SystemPlan:
    """Decides about every domain, and about conflicts between them.

    Raises UsageError if the request is invalid.
    """
    return decide_resolved(resolve(request, read_platform(tree)))


def decide_resolved(system: ResolvedSystem) -> SystemPlan:
    """``decide_system`` for a request whose names are resolved. Raises UsageError."""
    _check_codes(system)
    system = with_shared_memory(system)
    platform, tree = system.platform, system.platform.tree
    board = board_of(system)
    in_order = system_scopes(platform, [domain.devices for domain in system.domains])
    plans = [decide_on(board, *each) for each in zip(system.domains, in_order, strict=True)]
    plans = list(with_event_channels(with_cpu_pools(plans, system.request.pools, platform)))
    holdings = [holding for plan in plans for holding in holdings_of(board, plan)]
    firmware = list(_firmware(plans))
    conflicts, idle = settled(
        [
            *_without_consequences(conflicts_between(holdings), firmware),
            *_supplies(tree, plans),
            *firmware,
            *_memory(platform, system.domains),
        ],
        system,
    )
    cpus = cpu_findings(platform, plans, system.request.boot.xen_bootargs)
    unowned = without_owner(system.domains)
    assigned = [_assignment(plan) for plan in plans] if system.demands else []
    against = violations(system.demands, assigned)
    return SystemPlan(system, tuple(plans), tuple(conflicts), (*idle, *against, *cpus, *unowned))


def with_shared_memory(system: ResolvedSystem) -> ResolvedSystem:
    """The system, with size and host address of all shared memory. Raises UsageError."""
    loads = (load.span for load in system.request.boot.loads if load.address is not None)
    domains = with_host_addresses(system.platform, system.domains, loads)
    return system._replace(domains=domains)


def board_of(system: ResolvedSystem) -> Board:
    """The board of a system for the release and the drivers of its request."""
    first = system.request.domains[0]
    return read_board(system.platform, first.release, first.drivers)


def _without_consequences(shared: list[Conflict], firmware: list[Conflict]) -> Iterator[Conflict]:
    """The conflicts without those that follow from another one.

    A node that two domains have is reported once, not also for its interrupts and streams. Two
    domains with SCMI share its memory too.
    """
    nodes = {conflict.sides for conflict in shared if conflict.rule in (TWICE, NESTED)}
    with_firmware = {conflict.domains for conflict in firmware}
    for conflict in shared:
        if conflict.rule not in (TWICE, NESTED) and conflict.sides in nodes:
            continue
        if conflict.rule is PAGES and conflict.domains in with_firmware:
            continue
        yield conflict


def _check_codes(system: ResolvedSystem) -> None:
    """Raises UsageError with a line for each [[allow]] of a rule that cannot be allowed."""
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
    """The host's pages, interrupts (INTIDs) and streams that a plan gives to its domain."""
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
            streams=known_streams(board.iommus, device.host),
        )
    for region in plan.regions:
        pages = tuple(mapping.host_span for mapping in region.mappings)
        yield Holding(plan.name, region.path, None, region.path, pages)
    for bank in plan.request.static_memory:
        text = f"static memory at {bank[0]:#x}"
        yield Holding(plan.name, text, None, "", (Span.sized(*bank),))


def _assignment(plan: DomainPlan) -> Assignment:
    """What a plan gives its domain, for the project's demands."""
    devices = (
        Assigned(
            node=device.host.node,
            confined=device.protection.protected
            or dma_in_scope(plan.scope, device.host).answer == "no",
            identity=all(mapping.host == mapping.guest for mapping in device.mappings),
        )
        for device in plan.devices
    )
    return Assignment(plan.name, plan.scope.members, tuple(devices))


class _Use(NamedTuple):
    """A reference of a domain's device to a provider. ``kind``: the property, or "clock" etc."""

    provider: str
    kind: str
    user: str


def _supplies(tree: Tree, plans: list[DomainPlan]) -> Iterator[Conflict]:
    """References of a domain's devices to a provider that another domain has, a line a provider.

    An error if the device needs the supply, which the other domain can switch off; a warning if it
    works without.
    """
    for consumer in plans:
        needed = _by_owner(tree, consumer, plans, _needed(consumer), through_firmware=True)
        dropped = _by_owner(tree, consumer, plans, _dropped(consumer), through_firmware=False)
        for (owner, provider), uses in needed.items():
            kinds, users = _kinds_and_users(uses)
            text = f"is the {' and '.join(sorted(kinds))} of {some(users)} (of {consumer.name})"
            yield _supply(owner, provider, consumer.name, text, users)
        for (owner, provider), uses in dropped.items():
            if (owner, provider) not in needed:
                kinds, users = _kinds_and_users(uses)
                text = f"is named by {', '.join(kinds)} of {some(users)} (of {consumer.name})"
                text += f"; {consumer.name} does not get it"
                conflict = _supply(owner, provider, consumer.name, text, users)
                yield conflict._replace(severity="warning")


def _needed(plan: DomainPlan) -> Iterator[_Use]:
    """The supplies that must stay on."""
    for keep in plan.host_keeps:
        yield from (_Use(keep.provider, keep.kind, user) for user in keep.users)


def _dropped(plan: DomainPlan) -> Iterator[_Use]:
    """The references that the guest's nodes do not have."""
    for device in plan.devices:
        for line in device.host.other_interrupts:
            yield _Use(line.controller.path, "interrupts", device.path)
        for supplier in device.suppliers:
            if supplier.provider is not None and supplier.action == "dropped":
                yield _Use(supplier.provider, supplier.property, device.path)


def _by_owner(
    tree: Tree,
    consumer: DomainPlan,
    plans: list[DomainPlan],
    uses: Iterator[_Use],
    *,
    through_firmware: bool,
) -> dict[tuple[str, str], list[_Use]]:
    """The uses by (name of another domain that has the provider, path of the provider).

    ``through_firmware``: a domain has the providers that its kept firmware drives.
    """
    by_owner: dict[tuple[str, str], list[_Use]] = defaultdict(list)
    for use in uses:
        node = tree.find(use.provider)
        if consumer.scope.has(node):
            continue
        for plan in plans:
            by_firmware = through_firmware and any(within(use.provider, p) for p in plan.firmware)
            if plan is not consumer and (by_firmware or plan.scope.has(node)):
                by_owner[plan.name, use.provider].append(use)
    return by_owner


def _kinds_and_users(uses: list[_Use]) -> tuple[list[str], list[str]]:
    """The kinds and the users without repetitions."""
    return [*dict.fromkeys(use.kind for use in uses)], [*dict.fromkeys(use.user for use in uses)]


def _supply(owner: str, provider: str, consumer: str, text: str, users: list[str]) -> Conflict:
    message = f"{provider} (of {owner}) {text}"
    paths = (provider, users[0])
    return Conflict(SUPPLIES, (owner, consumer), paths, message, also=tuple(users[1:]))


def _firmware(plans: list[DomainPlan]) -> Iterator[Conflict]:
    """Domains with SCMI besides the first one; of agents, those with the agent of an earlier one,
    or with an id that the firmware would permit both.
    """
    forwarding = [plan for plan in plans if plan.firmware and plan.request.sci is not None]
    for index, other in enumerate(forwarding):
        for first in forwarding[:index]:
            yield from _of_agents(first, other)
            if not first.request.agent or not other.request.agent:
                why = "both have SCMI; Xen forwards it for one domain"
                yield _both(FIRMWARE, first, other, why)
                break


def _of_agents(first: DomainPlan, other: DomainPlan) -> Iterator[Conflict]:
    """What two domains with agents may not have in common."""
    agent = first.request.agent
    if not agent or not other.request.agent:
        return
    if agent == other.request.agent:
        yield _both(FIRMWARE, first, other, f"both are agent {agent} of SCMI")
    for text, paths in _common_ids(first, other):
        message = f"{text} is of {paths[0]} (of {first.name}) and {paths[1]} (of {other.name})"
        yield Conflict(SCMI_IDS, (first.name, other.name), paths, message)


def _both(violated: Rule, first: DomainPlan, other: DomainPlan, why: str) -> Conflict:
    path = first.firmware[0]
    message = f"{first.name} and {other.name} {why}"
    return Conflict(violated, (first.name, other.name), (path, path), message)


def _common_ids(first: DomainPlan, other: DomainPlan) -> Iterator[tuple[str, tuple[str, str]]]:
    """(id, a device of each) of what both domains control through SCMI."""
    theirs = dict(_scmi_ids(first))
    for key, (text, path) in _scmi_ids(other):
        if key in theirs:
            yield text, (theirs[key][1], path)


def _scmi_ids(plan: DomainPlan) -> Iterator[tuple[Hashable, tuple[str, str]]]:
    """(key, (text, host path)) of the ids of a domain: of permissions, and of resources."""
    for device in plan.devices:
        for number in plan.permissions.get(device.path, ()):
            yield number, (f"device id {number} of SCMI", device.path)
        for use in device.host.scmi_uses:
            if use.counts and use.protocol not in READ_ONLY:
                yield use.key, (f"SCMI {use.text}", device.path)


def _memory(platform: Platform, domains: tuple[Resolved, ...]) -> Iterator[Conflict]:
    """More memory for the domains, in MiB, than the board has."""
    requests = [domain.request for domain in domains]
    memory = {each.name: each.memory for each in requests if each.memory is not None}
    required = sum(memory.values())
    board = sum(block.size for block in platform.memory) // MIB
    if board and len(memory) > 1 and required >= board:
        first, *_, last = memory
        message = f"the domains have {required} MiB together, the board's tree states {board} MiB"
        yield Conflict(MEMORY, (first, last), ("", ""), message)


# ---------------------------------------------------------------------- accepted conflicts


def settled(
    conflicts: list[Conflict], system: ResolvedSystem
) -> tuple[list[Conflict], list[Finding]]:
    """(the conflicts, findings about idle allowances); an accepted conflict becomes a warning.

    A shared page that --allow-shared-page names for one of the two domains is accepted too.
    """
    allowances = [(a, [node.path for node in nodes]) for a, nodes in system.allowances]
    shared = {
        domain.name: [(node.path, accepted.reason) for node, accepted in domain.shared.items()]
        for domain in system.domains
    }
    used: set[Allowance] = set()
    settled: list[Conflict] = []
    for conflict in conflicts:
        matching = [
            allowance
            for allowance, paths in allowances
            if allowance.code == conflict.rule.code and _covers(paths, conflict)
        ]
        used.update(matching)
        reasons = [allowance.reason for allowance in matching]
        if conflict.rule is PAGES:
            reasons += (
                reason or "--allow-shared-page"
                for name in conflict.domains
                for path, reason in shared[name]
                if any(within(side, path) for side in conflict.paths)
            )
        accepted = bool(reasons) and conflict.fix is None
        settled.append(_accepted(conflict, reasons[0]) if accepted else conflict)
    idle = [
        IDLE(f"[[allow]] {a.code} of {', '.join(a.nodes) or 'no node'} fits no conflict")
        for a, _ in allowances
        if a not in used
    ]
    return settled, idle


def _accepted(conflict: Conflict, reason: str) -> Conflict:
    message = f"{conflict.message}, as was accepted: {reason}"
    fix = "check whether the reason is still valid whenever one of the two changes"
    return conflict._replace(message=message, severity="warning", fix=fix, accepted=True)


def _covers(paths: list[str], conflict: Conflict) -> bool:
    """Whether an allowance has both sides of a conflict below its paths."""
    sides = (*conflict.paths, *conflict.also)
    return all(any(within(side, path) for path in paths) for side in sides)
