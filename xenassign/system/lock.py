"""The lock: what was decided the last time, so that a rebuild shows exactly what changed.

A lock holds decisions by host and domain, no files and no places of the machine. Devices are known
again by the name that the user gave them, whatever their paths became.
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
    StandInOutcome,
)

_Owner = DeviceOutcome | RegionOutcome
_Any = TypeVar("_Any")

#: The file of the lock is called as the one with the domains, with this ending.
SUFFIX = ".lock"

LOCKED = rule("XA021", "locked-plan-changed", "error", "broken")


class HostLock(NamedTuple):
    """A board by the name of its file. ``findings``: about the system as a whole."""

    host: str
    domains: tuple[DomainOutcome, ...]
    findings: tuple[FindingOutcome, ...]


def lock_path(lock: str | None, config: str | None, *, own: bool) -> Path | None:
    """The file that keeps the decisions; None: no file. ``lock``: its name if the user gave one.

    ``own``: the boards are those of ``config``. A run with other boards does not change its lock.
    """
    if lock is not None:
        return Path(lock)
    return Path(config).with_suffix(SUFFIX) if config is not None and own else None


class Lock(NamedTuple):
    """Everything that was decided. ``xen``: the release."""

    xen: str
    hosts: tuple[HostLock, ...]


def lock_of(plan: HostsPlan) -> Lock:
    """The lock of a plan that no error forbids. Raises ValueError for another."""
    if plan.refused:
        raise ValueError("a refused plan cannot be locked")
    hosts = []
    for host in plan.hosts:
        told = host.system.between if host.system is not None else []
        findings = {FindingOutcome(one.code, one.node) for one in told}
        hosts.append(
            HostLock(
                PurePath(host.asked.tree.file).name,
                tuple(sorted(host.domains, key=lambda one: one.name)),
                tuple(sorted(findings, key=lambda one: (one.code, one.node or ""))),
            )
        )
    return Lock(plan.xen, tuple(sorted(hosts, key=lambda one: one.host)))


def pins_of(lock: Lock, trees: Sequence[Tree]) -> dict[str, dict[str, tuple[Pin, ...]]]:
    """By host and domain the places of all blocks, for ``auto`` to keep (``decide_hosts``).

    ``trees``: the boards of now. An only board may have another file name than the one of before.
    """
    before = {host.host: host for host in lock.hosts}
    made = {}
    for tree in trees:
        file = PurePath(tree.file).name
        alone = len(trees) == len(lock.hosts) == 1
        host = lock.hosts[0] if alone else before.get(file)
        if host is not None:
            made[file] = {one.name: tuple(_pins(one, tree)) for one in host.domains}
    return made


def _pins(domain: DomainOutcome, tree: Tree) -> Iterator[Pin]:
    """With the paths that the nodes have now: each is known again by its name."""
    owners: tuple[DeviceOutcome | RegionOutcome, ...] = (*domain.devices, *domain.regions)
    now: dict[str, str] = {}
    for owner in owners:
        node = find(tree, owner.name)
        if node is not None:  # else it is gone, or below a device that has a name
            now[owner.path] = node.path
    for owner in owners:
        around = max((path for path in now if within(owner.path, path)), key=len, default="")
        path = now.get(around, "") + owner.path[len(around) :]
        for block in owner.blocks:
            page = block.guest - block.host % PAGE_SIZE
            yield Pin(path, block.number, block.window, page)


def refusals(told: Iterable[str]) -> list[Finding]:
    """The changes as errors, for --locked."""
    return [LOCKED(line) for line in told]


# ---------------------------------------------------------------------- changes


def changes(old: Lock, new: Lock) -> list[str]:
    """What changed, a line each; a line begins with the host where there are several."""
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
            told = _host(before[name], after[name])
            lines += [f"{name}: {line}" if several else line for line in told]
        else:
            lines.append(f"host {name} {'added' if name in after else 'removed'}")
    return lines


def _host(old: HostLock, new: HostLock) -> Iterator[str]:
    def about(domain: DomainOutcome) -> str:
        return f"domain {domain.name}"

    before, after = ({one.name: one for one in lock.domains} for lock in (old, new))
    yield from _one_sided(before, after, about)
    for name in sorted(before.keys() & after.keys()):
        yield from (f"{name}: {line}" for line in _domain(before[name], after[name]))
    yield from _listed("finding", [f.text for f in old.findings], [f.text for f in new.findings])


def _domain(old: DomainOutcome, new: DomainOutcome) -> Iterator[str]:
    yield from _owners("device", old.devices, new.devices)
    yield from _owners("region", old.regions, new.regions)
    yield from _became("memory limit", f"{old.memory_mb_max} MiB", f"{new.memory_mb_max} MiB")
    pools = (f"{one.pool_mib} MiB" if one.pool_mib else "Xen's default" for one in (old, new))
    yield from _became("memory for stage 2", *pools)
    for what, lists in (
        ("mark on", (old.marks, new.marks)),
        ("host keeps", ([k.text for k in old.host_keeps], [k.text for k in new.host_keeps])),
        ("kept on", (old.kept_on, new.kept_on)),
        ("firmware", (old.firmware, new.firmware)),
        ("finding", ([f.text for f in old.findings], [f.text for f in new.findings])),
    ):
        yield from _listed(what, *lists)


def _owners(kind: str, old: Sequence[_Owner], new: Sequence[_Owner]) -> Iterator[str]:
    before, after = ({one.name: one for one in each} for each in (old, new))

    def about(one: _Owner) -> str:
        return f"{kind} {one.name}" if one.name == one.path else f"{kind} {one.name} ({one.path})"

    yield from _one_sided(before, after, about)
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        told = [*_became("path", one.path, other.path), *_blocks(one.blocks, other.blocks)]
        if isinstance(one, DeviceOutcome) and isinstance(other, DeviceOutcome):
            told += _device(one, other)
        elif isinstance(one, RegionOutcome) and isinstance(other, RegionOutcome):
            told += _listed("user", one.users, other.users)
        yield from (f"{name}: {line}" for line in told)


def _blocks(old: tuple[BlockOutcome, ...], new: tuple[BlockOutcome, ...]) -> Iterator[str]:
    before, after = ({one.title: one for one in blocks} for blocks in (old, new))

    def about(one: BlockOutcome) -> str:
        return f"{one.title} ({one.size:#x} bytes at {one.host:#x}, in the guest at {one.guest:#x})"

    yield from _one_sided(before, after, about)
    for title, one in before.items():
        other = after.get(title, one)
        for where, was, now in (
            ("host", one.host, other.host),
            ("guest", one.guest, other.guest),
        ):
            if was != now:
                yield f"{title} moved in the {where} from {was:#x} to {now:#x}"
        yield from _became(f"{title} of", f"{one.size:#x} bytes", f"{other.size:#x} bytes")


def _device(old: DeviceOutcome, new: DeviceOutcome) -> Iterator[str]:
    yield from _lines(old.interrupts, new.interrupts)
    yield from _listed("stream", [s.text for s in old.streams], [s.text for s in new.streams])
    yield from _became("DMA", old.protection, new.protection)
    yield from _stand_ins(old.stand_ins, new.stand_ins)
    titles = ({p.title: p.value for p in one.properties} for one in (old, new))
    yield from _values(*titles)
    yield from _values(old.actions, new.actions)


def _lines(old: tuple[LineOutcome, ...], new: tuple[LineOutcome, ...]) -> Iterator[str]:
    before, after = ({line.intid: line.trigger for line in lines} for lines in (old, new))
    yield from _listed("INTID", list(before), list(after))
    for intid, trigger in before.items():
        yield from _became(f"INTID {intid}:", trigger, after.get(intid, trigger))
    if before.keys() == after.keys() and list(before) != list(after):
        was, now = (", ".join(map(str, lines)) for lines in (before, after))
        yield f"the order of the INTIDs {was} became {now}"


def _stand_ins(old: tuple[StandInOutcome, ...], new: tuple[StandInOutcome, ...]) -> Iterator[str]:
    before, after = ({one.title: one.value for one in each} for each in (old, new))
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


# ---------------------------------------------------------------------- how it is said


def _became(what: str, was: str, now: str) -> Iterator[str]:
    if was != now:
        yield f"{what} {was} became {now}"


def _one_sided(
    before: Mapping[str, _Any], after: Mapping[str, _Any], about: Callable[[_Any], str]
) -> Iterator[str]:
    """What only one of the two has."""
    yield from (f"{about(one)} removed" for name, one in before.items() if name not in after)
    yield from (f"{about(one)} added" for name, one in after.items() if name not in before)


def _listed(what: str, old: Iterable[str | int], new: Iterable[str | int]) -> Iterator[str]:
    """Entries of a list: as many new ones as are gone took their places."""
    before, after = list(old), list(new)
    gone = [one for one in before if one not in after]
    come = [one for one in after if one not in before]
    if len(gone) == len(come):
        yield from (f"{what} {a} became {b}" for a, b in zip(gone, come, strict=True))
    else:
        yield from (f"{what} {one} removed" for one in gone)
        yield from (f"{what} {one} added" for one in come)
