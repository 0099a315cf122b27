"""The differences between the boards of one system: a value of each board for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.host_plan import HostPlan
from xenassign.system.outcome import DeviceOutcome, RegionOutcome

#: An address or a size in bytes, MiB, or texts. None: there is no such thing.
Value = int | str | tuple[str, ...] | None

#: The kinds of differences, in the order in which they are reported.
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

#: Kinds that the table only counts: properties of nodes, and what only the host has.
FOLDED = frozenset({"property", "supplier", "host keeps", "kept on", "finding"})

_Facts = dict[tuple[str, str, str], Value]


class Difference(NamedTuple):
    """A fact that is not the same on all boards; its value for each, in their order.

    ``device``: as the user named it, empty if it is about the whole domain. ``kind``: of ``KINDS``;
    ``title``: which fact of this kind, empty if there is only one.
    """

    domain: str
    device: str
    kind: str
    title: str
    values: tuple[Value, ...]


def differences(request: SystemRequest, hosts: Sequence[HostPlan]) -> Iterator[Difference]:
    """The differences of all domains. A device that a board lacks is reported once, as missing."""
    for domain in request.domains:
        yield from _differences(domain, hosts)


def _differences(domain: Request, hosts: Sequence[HostPlan]) -> Iterator[Difference]:
    facts_of = [_facts(host, domain.name) for host in hosts]
    present = [{device for device, _, _ in facts if device} for facts in facts_of]
    keys = dict.fromkeys(key for facts in facts_of for key in facts)
    known = {*set().union(*present), *(m.name for host in hosts for m in host.request.missing)}
    in_order = dict.fromkeys([*domain.devices, *(device for device, _, _ in keys if device)])
    for device in [*(name for name in in_order if name in known), ""]:
        having = [n for n, devices in enumerate(present) if not device or device in devices]
        if len(having) < len(hosts):
            each = zip(hosts, present, strict=True)
            presence = tuple(_presence(host, device in devices) for host, devices in each)
            yield Difference(domain.name, device, "missing", "", presence)
        own = [key for key in keys if key[0] == device]
        for key in sorted(own, key=lambda key: (KINDS.index(key[1]), key[2])):
            values = tuple(facts.get(key) for facts in facts_of)
            if len({values[n] for n in having if hosts[n].system is not None}) > 1:
                yield Difference(domain.name, *key, values)


def _presence(host: HostPlan, present: bool) -> str | None:
    if present:
        return "there"
    undecided = host.system is None and not host.request.missing
    return None if undecided else "missing"


def _facts(host: HostPlan, name: str) -> _Facts:
    """All that can differ of a domain, by (device, kind, title)."""
    domain = next((domain for domain in host.domains if domain.name == name), None)
    if domain is None:
        return {}
    facts: _Facts = {}
    for device in domain.devices:
        for kind, title, value in _device_facts(device):
            facts[device.name, kind, title] = value
    for region in domain.regions:
        for kind, title, value in _region_facts(region):
            facts[region.name, kind, title] = value
    facts["", "memory limit", ""] = domain.memory_mb_max
    facts["", "stage 2 pool", ""] = domain.pool_mib
    for kind, texts in (
        ("mark", domain.marks),
        ("host keeps", [keep.text for keep in domain.host_keeps]),
        ("kept on", domain.kept_on),
        ("firmware", domain.firmware),
        ("finding", [finding.text for finding in domain.findings]),
    ):
        for text in texts:
            facts["", kind, text] = "yes"
    return facts


def _device_facts(device: DeviceOutcome) -> Iterator[tuple[str, str, Value]]:
    yield from _region_facts(device)
    yield "interrupts", "", tuple(line.text for line in device.interrupts)
    yield "streams", "", tuple(stream.text for stream in device.streams)
    yield "protection", "", device.protection
    for stub in device.stubs:
        yield "stand-in", stub.title, stub.value
    for prop in device.properties:
        yield "property", prop.title, prop.value or "there"
    for title, actions in device.actions.items():
        yield "supplier", title, actions


def _region_facts(owner: DeviceOutcome | RegionOutcome) -> Iterator[tuple[str, str, Value]]:
    yield "path", "", owner.path
    for block in owner.blocks:
        yield "host address", block.title, block.host
        yield "guest address", block.title, block.guest
        yield "size", block.title, block.size
    if isinstance(owner, RegionOutcome):
        yield "users", "", owner.users
