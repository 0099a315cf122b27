"""The changes of the host's tree: the marks, and the domain's node below /chosen.

The host overlay, the patched tree and the U-Boot script have the same changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenassign.devicetree.cells import split
from xenassign.devicetree.changes import Change
from xenassign.devicetree.draft import (
    Cells,
    DraftNode,
    DraftProperty,
    Ref,
    boolean,
    cells,
    text,
)
from xenassign.outputs.boot.cpu_pools import pool_property
from xenassign.planning.plan import ChannelEnd, DomainPlan
from xenassign.xen.releases import SPI_FIRST_INTID, rounded_spis
from xenassign.xen.sci_agents import BINDING, KCONFIG

#: Bytes of a property that U-Boot's ``fdt set`` takes at most (SCRATCHPAD of its cmd/fdt.c).
UBOOT_VALUE_MAX = 1024


def marks(plan: DomainPlan) -> Iterator[Change]:
    """A change for each host node that gets ``xen,passthrough``, and those beside the marks.

    Nodes that the board does not have come first.
    """
    yield from plan.added
    for mark in plan.marks:
        yield Change(mark.path, (boolean("xen,passthrough"),), why=mark.why)
    yield from beside_marks(plan)


def beside_marks(plan: DomainPlan) -> Iterator[Change]:
    """The other changes of the board's nodes: interrupts of MSIs and PCI devices, for dom0, and for
    what dom0 has to leave on.
    """
    for mark in plan.marks:
        if mark.interrupts is not None:
            numbers = (number for specifier in mark.interrupts for number in specifier)
            why = "with the interrupts of its MSIs or PCI devices: Xen routes those that are here"
            yield Change(mark.path, (cells("interrupts", *numbers, decimal=True),), why=why)
    yield from plan.dom0_changes
    yield from kept_on(plan)


def kept_on(plan: DomainPlan) -> Iterator[Change]:
    """A change for each regulator that dom0 has to leave on.

    boot-on besides always-on: a regulator behind a GPIO would otherwise be off for a moment while
    dom0 probes it (regulator/fixed-regulator.yaml).
    """
    always = tuple(map(boolean, ("regulator-always-on", "regulator-boot-on")))
    for path in plan.kept_on:
        yield Change(path, always, why="assigned devices use it: dom0 leaves it on")


def all_marks(plans: Iterable[DomainPlan]) -> tuple[Change, ...]:
    """The marks of several domains; a node that two of them mark is there once."""
    changes: dict[tuple[str, tuple[DraftProperty, ...]], Change] = {}
    for plan in plans:
        for change in marks(plan):
            changes.setdefault((change.path, change.properties), change)
    return tuple(changes.values())


def domain_node(
    plan: DomainPlan,
    modules: tuple[DraftNode, ...] = (),
    channels: Iterable[ChannelEnd] | None = None,
    *,
    pooled: bool = True,
) -> DraftNode:
    """/chosen/NAME, the node of a dom0less domain (booting.txt). Its ``memory`` is in KiB.

    ``modules``: the nodes of its boot modules, with two address and two size cells. ``channels``:
    the ends of event channels that it has, if they are not all. Their nodes refer to each other.
    ``pooled``: whether it refers to its CPU pool.
    """
    request = plan.request
    properties = [
        text("compatible", "xen,domain"),
        cells("#address-cells", 2, decimal=True),
        cells("#size-cells", 2, decimal=True),
    ]
    if request.memory is not None:
        kib = request.memory << 10
        comment = f"{request.memory} MiB, in KiB"
        properties.append(cells("memory", kib >> 32, kib & 0xFFFFFFFF, comment=comment))
    if request.vcpus is not None:
        properties.append(cells("cpus", request.vcpus, decimal=True))
    if plan.pool_mib is not None and request.node.get("xen,domain-p2m-mem-mb") is None:
        comment = "MiB for the stage 2 tables: the default is too small for the mappings"
        properties.append(
            cells("xen,domain-p2m-mem-mb", plan.pool_mib, decimal=True, comment=comment)
        )
    if request.sci is not None:
        comment = "Xen's command line requires scmi-smc-passthrough"
        if request.agent is not None:
            comment = f"proposed for Xen: CONFIG_{KCONFIG}"
        properties.append(text("xen,sci_type", request.sci, comment=comment))
    if request.agent is not None:
        properties.append(cells(BINDING.domain_agent, request.agent, decimal=True))
    if request.vpl011:
        properties.append(boolean("vpl011"))
    properties += _static_memory(plan)
    properties += node_properties(plan)
    if plan.pool is not None and pooled:
        properties.append(pool_property(plan.pool))
    ends = plan.channels if channels is None else channels
    others = (*vcpu_nodes(plan), *shared_memory_nodes(plan), *map(channel_node, ends))
    return DraftNode(plan.name, tuple(properties), (*modules, *others))


def vcpu_nodes(plan: DomainPlan) -> Iterator[DraftNode]:
    """The nodes of vCPUs that are limited to some of the host's CPUs."""
    for number in range((plan.request.vcpus or 0) if plan.request.node.cpus else 0):
        yield DraftNode(
            f"vcpu{number}",
            (
                text("compatible", "xen,vcpu"),
                cells("id", number, decimal=True),
                text("hard-affinity", plan.request.node.cpus_of(number)),
            ),
        )


def channel_node(end: ChannelEnd) -> DraftNode:
    """The node of one end of an event channel, which refers to that of the other end."""
    labels = f"channel{end.number}_first", f"channel{end.number}_later"
    return DraftNode(
        f"event-channel-{end.port}",
        (
            text("compatible", "xen,evtchn-v1"),
            DraftProperty(
                "xen,evtchn",
                (Cells((end.port,), decimal=True), Cells((Ref(labels[not end.later]),))),
                comment=f"port {end.remote_port} of {end.remote} is at the other end",
            ),
        ),
        label=labels[end.later],
    )


def shared_memory_nodes(plan: DomainPlan) -> Iterator[DraftNode]:
    """The nodes of static shared memory, in the two cells each of the domain's node."""
    for share in plan.shares:
        pages = share.placed.mapping
        yield DraftNode(
            f"shared-memory-{share.id}",
            (
                text("compatible", "xen,domain-shared-memory-v1"),
                text("role", share.role),
                text("xen,shm-id", share.id),
                cells(
                    "xen,shared-mem",
                    *(
                        part
                        for number in (pages.host, pages.guest, pages.size)
                        for part in split(number, 2)
                    ),
                    comment="host, guest, size; requires CONFIG_STATIC_SHM",
                ),
            ),
        )


def node_properties(plan: DomainPlan) -> Iterator[DraftProperty]:
    """The properties of [domain.dom0less], as the user gave them."""
    for name, value in plan.request.node.properties:
        option = plan.request.release.domain_options.get(name)
        comment = f"requires CONFIG_{option}" if option is not None else None
        if isinstance(value, bool):
            yield boolean(name, comment)
        elif isinstance(value, str):
            yield text(name, value, comment=comment)
        else:
            yield cells(name, value, decimal=True, comment=comment)


def chosen_cells(
    cells_of: tuple[int, int], comment: str | None = None
) -> tuple[DraftProperty, ...]:
    """#address-cells and #size-cells of /chosen."""
    address, size = cells_of
    return (
        cells("#address-cells", address, decimal=True, comment=comment),
        cells("#size-cells", size, decimal=True, comment=comment),
    )


def _static_memory(plan: DomainPlan) -> list[DraftProperty]:
    """xen,static-mem in the cells of /chosen, and direct-map."""
    banks, (address, size) = plan.request.static_memory, plan.chosen_cells
    if not banks:
        return []
    values = [
        part
        for base, length in banks
        for number, count in ((base, address), (length, size))
        for part in split(number, count)
    ]
    spans = ", ".join(f"{base:#x}-{base + length:#x}" for base, length in banks)
    comment = f"host memory {spans}, in the cells of /chosen; requires CONFIG_STATIC_MEMORY"
    properties = [cells("xen,static-mem", *values, comment=comment)]
    if plan.request.direct_map:
        comment = "RAM, GIC and vPL011 at the host's addresses"
        properties.append(DraftProperty("direct-map", (), comment))
        if not plan.request.vpl011 and plan.request.node.get("nr_spis") is None:
            properties.append(_interrupts(plan))
    return properties


def _interrupts(plan: DomainPlan) -> DraftProperty:
    """nr_spis. For a direct-map domain without it Xen looks for the INTID of its own console's
    UART, even if there is no vPL011 that would have it, and panics where it drives none (XA738).
    """
    intids = (intid for device in plan.devices for intid in device.irqs)
    highest = max(intids, default=SPI_FIRST_INTID - 1)
    comment = "without it Xen requires a console UART, which not every board has"
    count = rounded_spis(highest + 1 - SPI_FIRST_INTID)
    return cells("nr_spis", count, decimal=True, comment=comment)
