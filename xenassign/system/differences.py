"""What differs between plans: those of the boards of one system, of two runs, and two boards.

A plan or a board is a list of facts, each with its value. A difference is a fact whose values are
not the same on all sides; ``system/change_lines.py`` writes those of two sides as lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from xenassign.request.request import Request
from xenassign.request.system_request import SystemRequest
from xenassign.system.host_plan import HostPlan
from xenassign.system.outcome import DeviceOutcome, DomainOutcome, RegionOutcome

#: An address or a size in bytes, MiB, or texts. None: there is no such thing.
Value = int | str | tuple[str, ...] | None

#: The kinds of differences, in the order in which they are reported.
KINDS = (
    "missing",
    "release",
    "host",
    "verdict",
    "setting",
    "domain",
    "device",
    "region",
    "path",
    "status",
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
    "event channel",
    "finding",
    "platform",
)

#: Kinds that the table only counts: properties of nodes, and what only the host has.
FOLDED = frozenset({"property", "supplier", "host keeps", "kept on", "finding"})

Facts = Mapping[tuple[str, str, str], Value]
"""By (device, kind, title) the values of a domain or a board; device is "" for the whole."""


class Difference(NamedTuple):
    """A fact that is not the same on all sides; its value on each, in their order.

    ``device``: as the user named it, or its path; empty if it is about the whole domain or board.
    ``kind``: of ``KINDS``; ``title``: which fact of this kind, empty if there is only one.
    ``host``: the board that it is about, if that is not what is compared.
    """

    domain: str
    device: str
    kind: str
    title: str
    values: tuple[Value, ...]
    host: str = ""


def differences(request: SystemRequest, hosts: Sequence[HostPlan]) -> Iterator[Difference]:
    """The differences of all domains. A device that a board lacks is reported once, as missing."""
    for domain in request.domains:
        yield from _differences(domain, hosts)


def _differences(domain: Request, hosts: Sequence[HostPlan]) -> Iterator[Difference]:
    sides = [_facts(host, domain.name) for host in hosts]
    present = [_devices(facts) for facts in sides]
    known = {*set().union(*present), *(m.name for host in hosts for m in host.request.missing)}
    in_order = dict.fromkeys([*domain.devices, *(name for names in present for name in names)])
    decided = [n for n, host in enumerate(hosts) if host.system is not None]
    for device in [*(name for name in in_order if name in known), ""]:
        having = [n for n, devices in enumerate(present) if not device or device in devices]
        if len(having) < len(hosts):
            each = zip(hosts, present, strict=True)
            presence = tuple(_presence(host, device in devices) for host, devices in each)
            yield Difference(domain.name, device, "missing", "", presence)
        yield from _of_device(domain.name, device, sides, [n for n in having if n in decided])


def between(domain: str, old: Facts, new: Facts) -> Iterator[Difference]:
    """The differences of two sides. A device that only one has is reported once, with its path."""
    both = _devices(old), _devices(new)
    for device in [*sorted({*both[0], *both[1]}), ""]:
        if not device or (device in both[0] and device in both[1]):
            yield from _of_device(domain, device, (old, new), (0, 1))
        else:
            region = any((device, "users", "") in facts for facts in (old, new))
            paths = old.get((device, "path", "")), new.get((device, "path", ""))
            yield Difference(domain, device, "region" if region else "device", "", paths)


def _devices(facts: Facts) -> dict[str, None]:
    return dict.fromkeys(device for device, _, _ in facts if device)


def _of_device(
    domain: str, device: str, sides: Sequence[Facts], compared: Sequence[int]
) -> Iterator[Difference]:
    """The facts of a device, or with "" of the whole, that are not the same on the ``compared``."""
    own = dict.fromkeys(key for facts in sides for key in facts if key[0] == device)
    for key in sorted(own, key=lambda key: (KINDS.index(key[1]), key[2])):
        values = tuple(facts.get(key) for facts in sides)
        if len({values[n] for n in compared}) > 1:
            yield Difference(domain, *key, values)


def _presence(host: HostPlan, present: bool) -> str | None:
    if present:
        return "there"
    undecided = host.system is None and not host.request.missing
    return None if undecided else "missing"


def _facts(host: HostPlan, name: str) -> Facts:
    """All that can differ of a domain."""
    domain = next((domain for domain in host.domains if domain.name == name), None)
    return domain_facts(domain) if domain is not None else {}


def domain_facts(domain: DomainOutcome) -> Facts:
    """All that can differ of a domain."""
    facts: dict[tuple[str, str, str], Value] = {}
    for device in domain.devices:
        for kind, title, value in _device_facts(device):
            facts[device.name, kind, title] = value
    for region in domain.regions:
        for kind, title, value in _region_facts(region):
            facts[region.name, kind, title] = value
    facts["", "memory limit", ""] = domain.memory_mb_max
    facts["", "stage 2 pool", ""] = domain.pool_mib
    for channel in domain.channels:
        facts["", "event channel", channel.title] = channel.text
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
