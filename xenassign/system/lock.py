"""The lock: the decisions of the last run, so that the next run reports exactly what changed.

A lock has the decisions by host and domain, and nothing of files and of the machine that it was
written on. Devices are identified by the names that the user gave them, since paths may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, rule
from xenassign.planning.kept_firmware import within
from xenassign.request.request import Pin
from xenassign.request.select import find
from xenassign.system import change_lines
from xenassign.system.differences import Difference, Facts, between, domain_facts
from xenassign.system.host_plan import DomainPins
from xenassign.system.hosts import HostsPlan
from xenassign.system.outcome import (
    DeviceOutcome,
    DomainOutcome,
    FindingOutcome,
    RegionOutcome,
)

_Owner = DeviceOutcome | RegionOutcome

#: The lock of xenassign.toml has its name with this suffix.
SUFFIX = ".lock"

LOCKED = rule("XA021", "locked-plan-changed", "error", "broken")


class HostLock(NamedTuple):
    """A board by the name of its file. ``findings``: about the system as a whole."""

    host: str
    domains: tuple[DomainOutcome, ...]
    findings: tuple[FindingOutcome, ...]


def lock_path(lock: str | None, config: str | None, *, own: bool) -> Path | None:
    """The file of the lock; None: there is no lock. ``lock``: its name if the user gave one.

    ``own``: the boards are those of ``config``. A run with other boards does not change its lock.
    """
    if lock is not None:
        return Path(lock)
    if config is None or not own or not Path(config).name:
        return None  # "/" and "." have no name; reading the configuration reports them
    return Path(config).with_suffix(SUFFIX)


class Lock(NamedTuple):
    """The decisions for all boards. ``xen``: the release."""

    xen: str
    hosts: tuple[HostLock, ...]


def lock_of(plan: HostsPlan) -> Lock:
    """The lock of a plan. Raises ValueError for a plan with errors."""
    if plan.refused:
        raise ValueError("a refused plan cannot be locked")
    return decisions_of(plan)


def decisions_of(plan: HostsPlan) -> Lock:
    """The decisions of a plan, to compare; with errors as far as there are decisions."""
    hosts = []
    for host in plan.hosts:
        between = host.system.between if host.system is not None else []
        findings = {FindingOutcome(finding.code, finding.node) for finding in between}
        hosts.append(
            HostLock(
                PurePath(host.request.tree.file).name,
                tuple(sorted(host.domains, key=lambda domain: domain.name)),
                tuple(sorted(findings, key=lambda finding: (finding.code, finding.node or ""))),
            )
        )
    return Lock(plan.xen, tuple(sorted(hosts, key=lambda host: host.host)))


def pins_of(lock: Lock, trees: Sequence[Tree]) -> dict[str, dict[str, DomainPins]]:
    """By host and domain the places of all blocks, and the ports, to keep (``decide_hosts``).

    ``trees``: the boards of this run. A single board may have another file name than in the lock.
    """
    before = {host.host: host for host in lock.hosts}
    pins = {}
    for tree in trees:
        file = PurePath(tree.file).name
        alone = len(trees) == len(lock.hosts) == 1
        host = lock.hosts[0] if alone else before.get(file)
        if host is not None:
            pins[file] = {
                d.name: DomainPins(tuple(_pins(d, tree)), d.channels) for d in host.domains
            }
    return pins


def _pins(domain: DomainOutcome, tree: Tree) -> Iterator[Pin]:
    """The pins of a domain with the paths of ``tree``, in which each node is found by its name."""
    owners: tuple[_Owner, ...] = (*domain.devices, *domain.regions)
    now: dict[str, str] = {}
    for owner in owners:
        node = find(tree, owner.name)
        if node is not None:  # else it was removed, or is below a device that has a name
            now[owner.path] = node.path
    for owner in owners:
        named = max((path for path in now if within(owner.path, path)), key=len, default="")
        path = now.get(named, "") + owner.path[len(named) :]
        for block in owner.blocks:
            page = block.guest - block.host % PAGE_SIZE
            yield Pin(path, block.number, block.window, page, block.host)


def refusals(changed: Iterable[Difference]) -> list[Finding]:
    """The changes as errors, for --locked."""
    return [LOCKED(line) for line in change_lines.lines(changed)]


# ---------------------------------------------------------------------- changes


def differences(old: Lock, new: Lock) -> Iterator[Difference]:
    """What differs between two locks. Of single boards with different names these are compared."""
    if old.xen != new.xen:
        yield Difference("", "", "release", "", (old.xen, new.xen))
    before = {host.host: host for host in old.hosts}
    after = {host.host: host for host in new.hosts}
    if len(before) == len(after) == 1 and before.keys() != after.keys():
        (was,), (now,) = before, after
        yield Difference("", "", "host", "", (was, now))
        before = {now: before[was]}
    several = max(len(before), len(after)) > 1
    for name in sorted({*before, *after}):
        if name in before and name in after:
            for difference in _of_host(before[name], after[name]):
                yield difference._replace(host=name) if several else difference
        else:
            values = tuple(name if name in hosts else None for hosts in (before, after))
            yield Difference("", "", "host", name, values)


def _of_host(old: HostLock, new: HostLock) -> Iterator[Difference]:
    before, after = ({domain.name: domain for domain in lock.domains} for lock in (old, new))
    for name in sorted({*before, *after}):
        if name in before and name in after:
            yield from between(name, domain_facts(before[name]), domain_facts(after[name]))
        else:
            values = tuple(name if name in domains else None for domains in (before, after))
            yield Difference(name, "", "domain", "", values)
    yield from between("", *(_system_facts(lock) for lock in (old, new)))


def _system_facts(lock: HostLock) -> Facts:
    return {("", "finding", finding.text): "yes" for finding in lock.findings}
