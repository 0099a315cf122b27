"""What boards differ in that have one system: a row for each thing, a value for each board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.request.system_request import SystemRequest
from xenassign.system.host_plan import HostPlan
from xenassign.system.outcome import DeviceOutcome, RegionOutcome

#: An address or a size in bytes, MiB, or texts. None: there is no such thing.
Value = int | str | tuple[str, ...] | None

#: The kinds of differences, in the order in which they are told.
KINDS = (
    "missing",
    "path",
    "host address",
    "guest address",
    "size",
    "interrupts",
    "streams",
    "protection",
    "stand-in",
    "property",
    "supplier",
    "users",
    "memory limit",
    "stage 2 pool",
    "mark",
    "host keeps",
    "kept on",
    "firmware",
    "finding",
)

#: Too many for a table of what matters: nodes' properties, and what only the host has.
FOLDED = frozenset({"property", "supplier", "host keeps", "kept on", "finding"})

_Facts = dict[tuple[str, str, str], Value]


class Difference(NamedTuple):
    """Something that is not the same on all boards; a value for each, in their order.

    ``device``: as the user named it, empty where it is about the whole domain. ``what``: the kind
    of thing (``KINDS``), ``which``: the one of that kind, empty where there is only one.
    """

    domain: str
    device: str
    what: str
    which: str
    values: tuple[Value, ...]


def differences(request: SystemRequest, hosts: Sequence[HostPlan]) -> Iterator[Difference]:
    """What is not the same on all boards. What a board lacks is told once, as missing."""
    for domain in request.domains:
        known = [_facts(host, domain.name) for host in hosts]
        there = [{device for device, _, _ in facts if device} for facts in known]
        keys = {key: None for facts in known for key in facts}
        lacking = [m.name for host in hosts for m in host.asked.missing]
        lacking = [device for device in domain.devices if device in lacking]
        names = [name for name, _, _ in keys if name]
        order = {name: n for n, name in enumerate(dict.fromkeys([*domain.devices, *names]))}
        for device in [*sorted({*names, *lacking}, key=order.__getitem__), ""]:
            having = [n for n, own in enumerate(there) if not device or device in own]
            if len(having) < len(hosts):
                each = zip(hosts, there, strict=True)
                found = tuple(_there(host, device, own) for host, own in each)
                yield Difference(domain.name, device, "missing", "", found)
            mine = [key for key in keys if key[0] == device]
            for key in sorted(mine, key=lambda key: (KINDS.index(key[1]), key[2])):
                values = tuple(facts.get(key) for facts in known)
                if len({values[n] for n in having if hosts[n].system is not None}) > 1:
                    yield Difference(domain.name, *key, values)


def _there(host: HostPlan, device: str, own: set[str]) -> str | None:
    if device in own:
        return "there"
    undecided = host.system is None and not host.asked.missing
    return None if undecided else "missing"


def _facts(host: HostPlan, domain: str) -> _Facts:
    """All that can differ, by (device, kind, which)."""
    found = next((one for one in host.domains if one.name == domain), None)
    if found is None:
        return {}
    facts: _Facts = {}
    for device in found.devices:
        for kind, which, value in _device_facts(device):
            facts[device.name, kind, which] = value
    for region in found.regions:
        for kind, which, value in _region_facts(region):
            facts[region.name, kind, which] = value
    facts["", "memory limit", ""] = found.memory_mb_max
    facts["", "stage 2 pool", ""] = found.pool_mib
    for kind, texts in (
        ("mark", found.marks),
        ("host keeps", [keep.text for keep in found.host_keeps]),
        ("kept on", found.kept_on),
        ("firmware", found.firmware),
        ("finding", [finding.text for finding in found.findings]),
    ):
        for text in texts:
            facts["", kind, text] = "yes"
    return facts


def _device_facts(device: DeviceOutcome) -> Iterator[tuple[str, str, Value]]:
    yield from _region_facts(device)
    yield "interrupts", "", tuple(line.text for line in device.interrupts)
    yield "streams", "", tuple(stream.text for stream in device.streams)
    yield "protection", "", device.protection
    for one in device.stand_ins:
        yield "stand-in", one.title, one.value
    for prop in device.properties:
        yield "property", prop.title, prop.value or "there"
    for title, actions in device.actions.items():
        yield "supplier", title, actions


def _region_facts(one: DeviceOutcome | RegionOutcome) -> Iterator[tuple[str, str, Value]]:
    yield "path", "", one.path
    for block in one.blocks:
        yield "host address", block.title, block.host
        yield "guest address", block.title, block.guest
        yield "size", block.title, block.size
    if isinstance(one, RegionOutcome):
        yield "users", "", one.users
