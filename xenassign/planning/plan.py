"""``DomainPlan``: the result of all decisions about a domain, from which the outputs are made."""

from __future__ import annotations

from collections.abc import Mapping as Table
from types import MappingProxyType
from typing import NamedTuple

from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.cells import DEFAULT_CELLS
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import DraftNode
from xenassign.devicetree.spans import PAGE_SIZE, Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding
from xenassign.host.device import HostDevice
from xenassign.request.property_edits import PropertyEdit
from xenassign.request.request import Accepted, Request
from xenassign.xen.iommu import Protection
from xenassign.xen.layout import Guest
from xenassign.xen.xlvalues import IomemRange

#: Of NAME.json, the plan of a domain for other programs (docs/json.md).
SCHEMA = "xenassign/plan/1"


class Mapping(NamedTuple):
    """Whole pages: ``size`` bytes at physical ``host``, which the guest sees at ``guest``.

    ``normal``: as Normal memory, not as Device-nGnRE.
    """

    host: int
    guest: int
    size: int
    normal: bool = False

    @property
    def host_span(self) -> Span:
        """Its host addresses, in bytes."""
        return Span.sized(self.host, self.size)

    @property
    def guest_span(self) -> Span:
        """Its guest addresses, in bytes."""
        return Span.sized(self.guest, self.size)

    @property
    def pages(self) -> int:
        """Number of pages of 4096 bytes."""
        return self.size // PAGE_SIZE

    @property
    def entry(self) -> IomemRange:
        """The mapping as an entry of iomem."""
        return IomemRange(self.host // PAGE_SIZE, self.pages, self.guest // PAGE_SIZE, self.normal)

    def covers(self, other: Mapping) -> bool:
        """Whether it maps all host pages of another mapping to the same guest addresses, alike."""
        same = self.guest - self.host == other.guest - other.host and self.normal == other.normal
        return same and self.host_span.covers(other.host_span)


class PlacedBlock(NamedTuple):
    """A register block and the pages that contain it. ``window``: a PCI window, not a ``reg``.

    ``how``: how the place was chosen: ``identity``, ``fixed`` (an address of --map), ``auto``,
    ``window`` (auto inside of one) or ``pinned``. ``auto`` may choose the identity.
    """

    block: Block
    mapping: Mapping
    window: bool = False
    how: str = "identity"

    @property
    def guest(self) -> int:
        """The block's own address in the guest, in bytes."""
        return self.mapping.guest + self.block.address - self.mapping.host

    @property
    def rounded(self) -> bool:
        """Whether the pages are more than the block."""
        return self.block.size != self.mapping.size


class Supplier(NamedTuple):
    """What becomes of one reference (or one property with references) of a device, and why.

    ``action``: ``copied``, ``stubbed``, ``kept`` or ``dropped``. ``provider``: its host path.
    ``required``: dropped, although the driver is known to fail without it. ``node``: the host path
    of the node that has the property, if that is not the device.
    """

    property: str
    provider: str | None
    action: str
    why: str
    required: bool = False
    node: str | None = None


class PlannedDevice(NamedTuple):
    """One device of the domain, as Xen treats devices: a node with its own xen,path and xen,reg.

    ``accepted``: the option by which the user forces it. ``edits``: of its node's properties.
    """

    host: HostDevice
    guest_path: str
    placed: tuple[PlacedBlock, ...]
    protection: Protection
    forced: bool
    suppliers: tuple[Supplier, ...]
    accepted: Accepted | None = None
    edits: tuple[PropertyEdit, ...] = ()

    @property
    def path(self) -> str:
        """The path in the host device tree."""
        return self.host.path

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """The pages of its blocks, each mapping once, in the order of the blocks."""
        return tuple(dict.fromkeys(placed.mapping for placed in self.placed))

    @property
    def irqs(self) -> tuple[int, ...]:
        """Its INTIDs, each once, in the order of the host's node."""
        return tuple(dict.fromkeys(line.intid for line in self.host.lines))


class PlannedRegion(NamedTuple):
    """Pages without a device. ``path``: the host node that has them. ``why``: what they are for."""

    path: str
    guest_path: str
    placed: tuple[PlacedBlock, ...]
    users: tuple[str, ...]
    why: str

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """The pages, each mapping once."""
        return tuple(dict.fromkeys(placed.mapping for placed in self.placed))


class PlannedShare(NamedTuple):
    """Static shared memory of the domain. ``placed``: where it is on the host and in the guest."""

    id: str
    role: str
    placed: PlacedBlock

    @property
    def title(self) -> str:
        """The memory in messages."""
        return f"shared memory {self.id}"

    @property
    def region(self) -> PlannedRegion:
        """The memory as pages of the address map; it has no node."""
        why = f"static shared memory ({self.role})"
        return PlannedRegion(self.title, "", (self.placed,), (), why)


class ChannelEnd(NamedTuple):
    """The domain's end of a static event channel to another domain (``remote``).

    ``number``: of the channel in the system. ``later``: the domain comes after the remote one.
    """

    number: int
    port: int
    remote: str
    remote_port: int
    later: bool

    def other(self, plan: DomainPlan) -> ChannelEnd:
        """The end in the other domain. ``plan``: of the domain of this one."""
        return ChannelEnd(self.number, self.remote_port, plan.name, self.port, not self.later)


class PlannedPool(NamedTuple):
    """A CPU pool that Xen makes. ``numbers``: those that Xen gives its CPUs; ``cpus``: their nodes
    on the host. ``users``: its domains, in order.
    """

    name: str
    numbers: tuple[int, ...]
    cpus: tuple[Node, ...]
    scheduler: str | None
    users: tuple[str, ...]


class HostMark(NamedTuple):
    """A host node that gets ``xen,passthrough``, and why.

    ``interrupts``: the specifiers that its ``interrupts`` gets, all of them; None: it is left.
    """

    path: str
    why: str
    interrupts: tuple[tuple[int, int, int], ...] | None = None


class HostKeep(NamedTuple):
    """A supplier of the host that must stay on, or be set up, for assigned devices.

    ``kind``: ``clock``, ``reset``, ``power-domain``, ``regulator``, ``interconnect``, ``phy`` or
    ``pinctrl``. ``provider`` and ``users`` are host paths. ``name``: of the first user's reference.
    """

    kind: str
    provider: str
    args: tuple[int, ...]
    name: str | None
    users: tuple[str, ...]


class MemoryLimit(NamedTuple):
    """What limits the memory of a domain below the most that a guest can have.

    ``mib``: the most MiB that overlap no mapping. ``by``: host path of the device or region with
    the limiting mapping, at the guest's ``address`` (bytes), in RAM bank ``bank``. ``moved``: the
    most MiB with it out of the RAM banks, ``all_moved`` with all mappings out of them; None if that
    gains nothing, or no hole has room for them.
    """

    mib: int
    by: str
    address: int
    bank: int
    moved: int | None
    all_moved: int | None


class DomainPlan(NamedTuple):
    """Everything that was decided about a domain.

    ``scope``: the nodes of the host that belong to the domain. ``called``: the requested nodes, in
    order, each with the name that the user gave. ``regions``: the pages that the devices need in
    addition to their registers. ``tree``: the partial device tree. ``marks``: the host nodes to
    mark. ``memory_mb_max``: the most memory in MiB that overlaps no mapping; ``memory_limit``: what
    limits it. ``guest``: the address space of the domain. ``pool_mib``: MiB for the tables of stage
    2, if Xen's default is too small for the mappings. ``kept_on``: host regulators that the host
    overlay marks always-on. ``dom0_options``: for dom0's kernel command line. ``firmware``: host
    paths of the firmware nodes that the guest calls by itself. ``chosen_cells``: #address-cells and
    #size-cells of /chosen, in which the domain's static memory is written. ``dom0_changes``: of the
    host's tree, with which Xen can build dom0 from it; overlays can make them. ``shares``: the
    memory that it has together with other domains. ``channels``: its ends of event channels.
    ``added``: the nodes of lines and pages that the board does not have.
    ``pool``: the CPUs that Xen builds it on.
    ``permissions``: by host path of a device what Xen asks the SCMI firmware to permit its agent.
    """

    request: Request
    scope: Scope
    called: Table[Node, str]
    host_file: str
    model: str
    devices: tuple[PlannedDevice, ...]
    regions: tuple[PlannedRegion, ...]
    tree: DraftNode
    marks: tuple[HostMark, ...]
    memory_mb_max: int
    memory_limit: MemoryLimit | None
    guest: Guest
    pool_mib: int | None
    findings: tuple[Finding, ...]
    host_keeps: tuple[HostKeep, ...] = ()
    kept_on: tuple[str, ...] = ()
    dom0_options: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    chosen_cells: tuple[int, int] = DEFAULT_CELLS
    dom0_changes: tuple[Change, ...] = ()
    shares: tuple[PlannedShare, ...] = ()
    channels: tuple[ChannelEnd, ...] = ()
    added: tuple[Change, ...] = ()
    pool: PlannedPool | None = None
    permissions: Table[str, tuple[int, ...]] = MappingProxyType({})

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.request.name

    @property
    def owners(self) -> list[PlannedDevice | PlannedRegion]:
        """Everything that has pages: the devices, then the regions."""
        return [*self.devices, *self.regions]

    @property
    def mapped(self) -> list[PlannedDevice | PlannedRegion]:
        """Everything that is mapped into the guest: ``owners``, then shared memory."""
        return [*self.owners, *(share.region for share in self.shares)]

    @property
    def page_ranges(self) -> tuple[IomemRange, ...]:
        """The mappings of all devices and regions as entries of iomem."""
        return tuple(mapping.entry for owner in self.owners for mapping in owner.mappings)
