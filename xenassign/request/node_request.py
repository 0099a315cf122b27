"""What is asked for in the node of a domain in /chosen (dom0less), besides its memory and devices.

The CPUs that a domain may run on are those of both routes.

Addresses and sizes are bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.errors import OptionError
from xenassign.formats.toml_text import as_list
from xenassign.request import units
from xenassign.request.origin import Origin, Written, stop
from xenassign.xen.releases import Release

OWNER, BORROWER = "owner", "borrower"
ROLES = (OWNER, BORROWER)
#: Of event channels, as Xen limits it for domains.
PORT_MAX = 1023


class SharedMemory(NamedTuple):
    """One [[domain.shared-memory]]: a part of the host's memory that several domains have.

    ``id``: the name of the memory in all of them. ``size``: None: that of another domain.
    ``host``: None if it is planned, or another domain states it. ``guest``: the domain's own
    address of it, None if it is planned.
    """

    id: Written
    role: str
    size: int | None = None
    host: int | None = None
    guest: int | None = None

    @property
    def title(self) -> str:
        """The memory in messages, and in a lock."""
        return f"shared memory {self.id}"


class EventChannel(NamedTuple):
    """One [[domain.event-channel]]: a channel to the domain ``to``. Ports: None if planned."""

    to: Written
    port: int | None = None
    remote_port: int | None = None


class ChannelPorts(NamedTuple):
    """The ports of a channel of a domain to the domain ``to``; ``number``: of those to it."""

    to: str
    number: int
    port: int
    remote_port: int

    @property
    def title(self) -> str:
        """The channel in messages: "event channel 0 to net"."""
        return f"event channel {self.number} to {self.to}"

    @property
    def text(self) -> str:
        """The ports in messages: "ports 2 and 3", that of the domain first."""
        return f"ports {self.port} and {self.remote_port}"


class NodeRequest(NamedTuple):
    """``properties``: (name, value) of properties of the node, with the values of
    :mod:`xenassign.xen.node_properties`; True: a property without a value. ``shared_memory``: what
    it has together with other domains. ``event_channels``: those that it states.
    ``cpus``: lists of the host's CPUs, as ``0,2-3``: one for all vCPUs, or one for each.
    ``cpu_pool``: the name of the pool that it is in. ``called``: another domain states an event
    channel to it. ``kept_ports``: of a lock, which planned ports keep if they are free.
    """

    properties: tuple[tuple[str, int | str | bool], ...] = ()
    shared_memory: tuple[SharedMemory, ...] = ()
    event_channels: tuple[EventChannel, ...] = ()
    cpus: tuple[str, ...] = ()
    cpu_pool: Written | None = None
    called: bool = False
    kept_ports: tuple[ChannelPorts, ...] = ()

    @property
    def numbered_channels(self) -> Iterator[tuple[int, EventChannel]]:
        """(how many of its channels to the same domain come before, channel)."""
        before: Counter[str] = Counter()
        for channel in self.event_channels:
            yield before[channel.to], channel
            before[channel.to] += 1

    @property
    def connected(self) -> bool:
        """Whether it has something together with another domain."""
        return bool(self.shared_memory or self.event_channels or self.called)

    def get(self, name: str) -> int | str | bool | None:
        """The value of a property; None: it is not set."""
        return dict(self.properties).get(name)

    @property
    def enhanced(self) -> bool:
        """Whether the domain has PV interfaces."""
        return self.get("xen,enhanced") not in (None, "disabled")

    @property
    def guest_spans(self) -> Iterator[Span]:
        """The guest addresses that shared memory is asked to have."""
        for memory in self.shared_memory:
            if memory.guest is not None and memory.size is not None:
                yield Span.sized(memory.guest, memory.size)

    def kconfig(self, release: Release) -> frozenset[str]:
        """The options that Xen has to be built with."""
        of_properties = release.domain_options
        options = {of_properties[name] for name, _ in self.properties if name in of_properties}
        options |= {"STATIC_SHM"} if self.shared_memory else set()
        return frozenset(options | ({"BOOT_TIME_CPUPOOLS"} if self.cpu_pool else set()))

    def cpus_of(self, vcpu: int) -> str:
        """The CPUs that a vCPU may run on."""
        return self.cpus[vcpu] if len(self.cpus) > 1 else self.cpus[0]

    def check(self, routes: Container[str], vcpus: int | None, *, own_cfg: bool) -> None:
        """Raises OptionError for what a domain of xl cannot have, UsageError for other values.

        ``vcpus``: how many the domain has, if that is known. ``own_cfg``: it has a dom.cfg of the
        user's own.
        """
        for name, given in (("cpus", self.cpus), ("cpu-pool", self.cpu_pool)):
            if given and own_cfg:
                why = "is not available with base-cfg; write it in that file"
                raise OptionError(f"--{name}", why)
        if self.properties and "dom0less" not in routes:
            why = "has no effect: the domain is built by xl; give the route dom0less, or remove it"
            raise OptionError("--dom0less", why)
        if self.shared_memory and "xl" in routes:
            why = "is not available with xl; give the route dom0less only"
            raise OptionError("--shared-memory", why)
        if self.event_channels and "dom0less" not in routes:
            why = "is not available with xl; give the route dom0less"
            raise OptionError("--event-channel", why)
        if self.cpus and vcpus is None and (len(self.cpus) > 1 or "dom0less" in routes):
            raise OptionError("--cpus", "requires vcpus: there is a list for each; give both")
        if len(self.cpus) > 1 and vcpus != len(self.cpus):
            why = f"has {len(self.cpus)} lists, and there are {vcpus} vCPUs; give one for each"
            raise OptionError("--cpus", why)
        _check_shared_memory(self.shared_memory)


NOTHING = NodeRequest()


def node_request(domain: dict[str, Any], origin: Origin, *, called: bool) -> NodeRequest:
    """The request of a [[domain]] of xenassign.toml, which has this place."""
    pool = domain.get("cpu-pool")
    return NodeRequest(
        tuple(domain.get("dom0less", {}).items()),
        tuple(
            _shared_memory(table, Written(table["id"], origin.below("shared-memory", index, "id")))
            for index, table in enumerate(domain.get("shared-memory", ()))
        ),
        tuple(
            EventChannel(
                Written(table["to"], origin.below("event-channel", index, "to")),
                table.get("port"),
                table.get("remote-port"),
            )
            for index, table in enumerate(domain.get("event-channel", ()))
        ),
        tuple(as_list(domain.get("cpus"))),
        Written(pool, origin.below("cpu-pool")) if pool is not None else None,
        called,
    )


def called_domains(domains: Iterable[dict[str, Any]]) -> set[str]:
    """The domains that event channels of others lead to."""
    return {end["to"] for domain in domains for end in domain.get("event-channel", ())}


def _shared_memory(table: dict[str, Any], named: Written) -> SharedMemory:
    size = table.get("size")
    size = units.size(size) if isinstance(size, str) else size
    return SharedMemory(named, table["role"], size, table.get("host"), table.get("guest"))


def _check_shared_memory(memory: tuple[SharedMemory, ...]) -> None:
    """Raises UsageError if a domain has one memory twice, or a number is not of whole pages."""
    ids = [each.id for each in memory]
    for number, (name, _, size, host, guest) in enumerate(memory):
        if name in ids[:number]:
            stop(name, f"shared memory {name} is given twice; give each once")
        for key, value in (("size", size), ("host", host), ("guest", guest)):
            if value is not None and (value % PAGE_SIZE or (key == "size" and not value)):
                why = f"{key} {value:#x} is not whole pages; give a multiple of {PAGE_SIZE:#x}"
                stop(name, f"shared memory {name}: {why}")
