"""The lock: the decisions of the last run, so that the next run reports exactly what changed.

A lock has the decisions by host and domain, and nothing of files and of the machine that it was
written on. Devices are identified by the names that the user gave them, since paths may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

from xenassign.devicetree.spans import PAGE_SIZE
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, rule
from xenassign.planning.kept_firmware import within
from xenassign.request.request import Pin
from xenassign.request.select import find
from xenassign.system.hosts import HostsPlan
from xenassign.system.outcome import (
    BlockOutcome,
    DeviceOutcome,
    DomainOutcome,
    FindingOutcome,
    LineOutcome,
    RegionOutcome,
    StubOutcome,
)

_Owner = DeviceOutcome | RegionOutcome
_Item = TypeVar("_Item")

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


def pins_of(lock: Lock, trees: Sequence[Tree]) -> dict[str, dict[str, tuple[Pin, ...]]]:
    """By host and domain the places of all blocks, for ``auto`` to keep (``decide_hosts``).

    ``trees``: the boards of this run. A single board may have another file name than in the lock.
    """
    before = {host.host: host for host in lock.hosts}
    pins = {}
    for tree in trees:
        file = PurePath(tree.file).name
        alone = len(trees) == len(lock.hosts) == 1
        host = lock.hosts[0] if alone else before.get(file)
        if host is not None:
            pins[file] = {d.name: tuple(_pins(d, tree)) for d in host.domains}
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
            yield Pin(path, block.number, block.window, page)


def refusals(changes: Iterable[str]) -> list[Finding]:
    """The changes as errors, for --locked."""
    return [LOCKED(change) for change in changes]


# ---------------------------------------------------------------------- changes


def changes(old: Lock, new: Lock) -> list[str]:
    """The changes, a line each; with several hosts a line begins with the host."""
    lines = [] if old.xen == new.xen else [f"Xen {old.xen} became {new.xen}"]
    before = {host.host: host for host in old.hosts}
    after = {host.host: host for host in new.hosts}
    if len(before) == len(after) == 1 and before.keys() != after.keys():
        (was,), (now,) = before, after
        lines.append(f"host {was} became {now}")
        before = {now: before[was]}
    several = max(len(before), len(after)) > 1
    for name in sorted({*before, *after}):
        if name in before and name in after:
            changed = _host(before[name], after[name])
            lines += [f"{name}: {line}" if several else line for line in changed]
        else:
            lines.append(f"host {name} {'added' if name in after else 'removed'}")
    return lines


def _host(old: HostLock, new: HostLock) -> Iterator[str]:
    before, after = ({domain.name: domain for domain in lock.domains} for lock in (old, new))
    yield from _added_and_removed(before, after, lambda domain: f"domain {domain.name}")
    for name in sorted(before.keys() & after.keys()):
        yield from (f"{name}: {line}" for line in _domain(before[name], after[name]))
    yield from _entries("finding", [f.text for f in old.findings], [f.text for f in new.findings])


def _domain(old: DomainOutcome, new: DomainOutcome) -> Iterator[str]:
    yield from _owners("device", old.devices, new.devices)
    yield from _owners("region", old.regions, new.regions)
    yield from _became("memory limit", f"{old.memory_mb_max} MiB", f"{new.memory_mb_max} MiB")
    pools = (f"{d.pool_mib} MiB" if d.pool_mib else "Xen's default" for d in (old, new))
    yield from _became("memory for stage 2", *pools)
    for name, lists in (
        ("mark on", (old.marks, new.marks)),
        ("host keeps", ([k.text for k in old.host_keeps], [k.text for k in new.host_keeps])),
        ("kept on", (old.kept_on, new.kept_on)),
        ("firmware", (old.firmware, new.firmware)),
        ("finding", ([f.text for f in old.findings], [f.text for f in new.findings])),
    ):
        yield from _entries(name, *lists)


def _owners(kind: str, old: Sequence[_Owner], new: Sequence[_Owner]) -> Iterator[str]:
    before, after = ({owner.name: owner for owner in owners} for owners in (old, new))

    def about(owner: _Owner) -> str:
        path = "" if owner.name == owner.path else f" ({owner.path})"
        return f"{kind} {owner.name}{path}"

    yield from _added_and_removed(before, after, about)
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        lines = [*_became("path", was.path, now.path), *_blocks(was.blocks, now.blocks)]
        if isinstance(was, DeviceOutcome) and isinstance(now, DeviceOutcome):
            lines += _device(was, now)
        elif isinstance(was, RegionOutcome) and isinstance(now, RegionOutcome):
            lines += _entries("user", was.users, now.users)
        yield from (f"{name}: {line}" for line in lines)


def _blocks(old: tuple[BlockOutcome, ...], new: tuple[BlockOutcome, ...]) -> Iterator[str]:
    before, after = ({block.title: block for block in blocks} for blocks in (old, new))

    def about(block: BlockOutcome) -> str:
        place = f"{block.size:#x} bytes at {block.host:#x}, in the guest at {block.guest:#x}"
        return f"{block.title} ({place})"

    yield from _added_and_removed(before, after, about)
    for title, was in before.items():
        now = after.get(title, was)
        for side, start, moved in (
            ("host", was.host, now.host),
            ("guest", was.guest, now.guest),
        ):
            if start != moved:
                yield f"{title} moved in the {side} from {start:#x} to {moved:#x}"
        yield from _became(f"{title} of", f"{was.size:#x} bytes", f"{now.size:#x} bytes")


def _device(old: DeviceOutcome, new: DeviceOutcome) -> Iterator[str]:
    yield from _lines(old.interrupts, new.interrupts)
    yield from _entries("stream", [s.text for s in old.streams], [s.text for s in new.streams])
    yield from _became("DMA", old.protection, new.protection)
    yield from _stubs(old.stubs, new.stubs)
    properties = ({p.title: p.value for p in device.properties} for device in (old, new))
    yield from _values(*properties)
    yield from _values(old.actions, new.actions)


def _lines(old: tuple[LineOutcome, ...], new: tuple[LineOutcome, ...]) -> Iterator[str]:
    before, after = ({line.intid: line.trigger for line in lines} for lines in (old, new))
    yield from _entries("INTID", list(before), list(after))
    for intid, trigger in before.items():
        yield from _became(f"INTID {intid}:", trigger, after.get(intid, trigger))
    if before.keys() == after.keys() and list(before) != list(after):
        was, now = (", ".join(map(str, lines)) for lines in (before, after))
        yield f"the order of the INTIDs {was} became {now}"


def _stubs(old: tuple[StubOutcome, ...], new: tuple[StubOutcome, ...]) -> Iterator[str]:
    before, after = ({stub.title: stub.value for stub in stubs} for stubs in (old, new))
    yield from (f"{title}: stub {before[title]} removed" for title in before if title not in after)
    yield from (f"{title}: stub {after[title]} added" for title in after if title not in before)
    for title, value in before.items():
        yield from _became(f"{title}: stub", value, after.get(title, value))


def _values(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for title in dict.fromkeys([*before, *after]):
        if title not in after:
            yield f"{title} removed (was {before[title] or 'there'})"
        elif title not in before:
            yield f"{title} added ({after[title] or 'there'})"
        else:
            yield from _became(f"{title}:", before[title], after[title])


# ---------------------------------------------------------------------- lines


def _became(name: str, was: str, now: str) -> Iterator[str]:
    if was != now:
        yield f"{name} {was} became {now}"


def _added_and_removed(
    before: Mapping[str, _Item], after: Mapping[str, _Item], about: Callable[[_Item], str]
) -> Iterator[str]:
    yield from (f"{about(item)} removed" for name, item in before.items() if name not in after)
    yield from (f"{about(item)} added" for name, item in after.items() if name not in before)


def _entries(name: str, old: Iterable[str | int], new: Iterable[str | int]) -> Iterator[str]:
    """Changed entries of a list. As many added ones as there are removed ones replaced these."""
    before, after = list(old), list(new)
    removed = [entry for entry in before if entry not in after]
    added = [entry for entry in after if entry not in before]
    if len(removed) == len(added):
        pairs = zip(removed, added, strict=True)
        yield from (f"{name} {was} became {now}" for was, now in pairs)
    else:
        yield from (f"{name} {entry} removed" for entry in removed)
        yield from (f"{name} {entry} added" for entry in added)
