"""``decide``: from a request and a board to a ``DomainPlan``, or to all reasons why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from xenassign.assign.addresses import Placement, place_devices
from xenassign.assign.checks import (
    Board,
    device_findings,
    marks,
    platform_findings,
    selection_findings,
    xens_own,
)
from xenassign.assign.guest import Assigned, GuestTree
from xenassign.assign.plan import DomainPlan, HostMark, PlannedDevice
from xenassign.assign.protection import dma_in_scope, judge, stream_findings, why_forced
from xenassign.assign.request import MapOption, Request
from xenassign.assign.scope import Scope, scope
from xenassign.assign.select import resolve, select
from xenassign.assign.suppliers import Suppliers, supplier_findings
from xenassign.devicetree.addresses import ranges
from xenassign.devicetree.tree import Node, PropertyError, Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding, rule
from xenassign.host.device import HostDevice
from xenassign.host.neighbours import neighbours
from xenassign.host.platform import Platform, read_platform
from xenassign.xen.iommu import iommus, protection
from xenassign.xen.layout import MIB, Guest

DMA_OFFSET = rule(
    "XA504",
    "A bus above the device translates its DMA addresses",
    severity="warning",
    effect="broken",
    why="dma-ranges of the host's buses say which memory a master reaches and at which bus address."
    " The guest's tree has no such bus; behind an IOMMU the master sees guest-physical addresses.",
    fix="check that the device reaches the guest's memory at its guest-physical address",
)
NEEDS_MSI = rule(
    "XA505",
    "The device uses MSIs, and guests have none",
    severity="warning",
    effect="broken",
    why="Xen exposes no ITS and no GICv2m frame to a domU, and mapping one would let the guest"
    " raise interrupts of others. msi-parent and msi-map are dropped.",
    fix="use the device with wired interrupts, if it has them",
)


def decide(tree: Tree, request: Request) -> DomainPlan:
    """Decides everything. A plan with error-level findings is a refusal; its tree is incomplete.

    Raises UsageError where the request cannot be meant (no such node, a malformed option).
    """
    platform = read_platform(tree)
    requested = select(tree, request.devices)
    inside = scope(platform, requested)
    around = neighbours(platform)
    board = Board(platform, around, _console(tree, platform, request))
    guest = Guest(
        request.release,
        platform.gic.version if platform.gic else 3,
        request.vpl011,
        request.memory * MIB if request.memory is not None else None,
    )
    findings: list[Finding] = [
        *platform_findings(platform),
        *selection_findings(platform, inside, requested),
    ]
    for device in inside.devices:
        findings += device_findings(board, inside, request, device)
    known = iommus(platform, request.release, request.drivers)
    shields = {d.path: protection(platform, known, d) for d in inside.devices}
    named = frozenset(
        id(_member(tree, inside, name, "--force-assign-without-iommu")) for name in request.forced
    )
    forced: dict[str, bool] = {}
    for device in inside.devices:
        forced[device.path], told = judge(inside, request, device, shields[device.path], named)
        findings += told if xens_own(board, device.node) is None else ()
    findings += stream_findings(platform, known, inside, shields)
    placement = place_devices(
        inside,
        request,
        guest,
        around,
        _map_options(tree, inside, request),
        frozenset(id(resolve(tree, name, "--allow-shared-page")) for name in request.shared),
    )
    findings += placement.findings
    for device in inside.devices:
        findings += _dma_findings(device)
    rates = tuple((r, resolve(tree, r.node, "--clock-rate")) for r in request.clock_rates)
    rewriting = Suppliers(tree, inside, rates)
    building = GuestTree(
        platform,
        inside,
        rewriting,
        {
            id(d.node): Assigned(
                d,
                placement.placed[d.path],
                forced[d.path],
                why_forced(dma_in_scope(inside, d)),
            )
            for d in inside.devices
        },
    )
    draft = building.build()
    devices = tuple(_planned(d, inside, placement, building, shields, forced)
                    for d in inside.devices)  # fmt: skip
    for planned in devices:
        findings += supplier_findings(planned.path, planned.suppliers)
    findings += rewriting.findings()
    return DomainPlan(
        request=request,
        host_file=tree.file,
        model=platform.model,
        gic_version=guest.gic,
        devices=devices,
        tree=draft,
        marks=tuple(HostMark(path, why) for path, why in marks(inside, around)),
        memory_mb_max=placement.memory_max,
        findings=tuple(dict.fromkeys(findings)),
    )


def _planned(
    device: HostDevice,
    inside: Scope,
    placement: Placement,
    building: GuestTree,
    shields: dict,  # type: ignore[type-arg]
    forced: dict[str, bool],
) -> PlannedDevice:
    """A device with its own suppliers and those of the copied nodes below it."""
    own = {id(d.node) for d in inside.devices}
    suppliers = list(building.suppliers.get(id(device.node), ()))
    stack = list(reversed(device.node.children.values()))
    while stack:
        node = stack.pop()
        if id(node) not in own and inside.has(node):
            suppliers += building.suppliers.get(id(node), ())
            stack.extend(reversed(node.children.values()))
    return PlannedDevice(
        host=device,
        guest_path=building.paths[id(device.node)],
        placed=placement.placed[device.path],
        protection=shields[device.path],
        forced=forced[device.path],
        suppliers=tuple(dict.fromkeys(suppliers)),
    )


def _console(tree: Tree, platform: Platform, request: Request) -> Node | None:
    """The UART that Xen uses."""
    if request.xen_console is None:
        return platform.console
    return (
        None
        if request.xen_console == "none"
        else resolve(tree, request.xen_console, "--xen-console")
    )


def _member(tree: Tree, inside: Scope, name: str, option: str) -> Node:
    """A node named by an option that only makes sense for what is assigned."""
    node = resolve(tree, name, option)
    if not inside.has(node) and not any(inside.has(below) for below in node.walk()):
        raise UsageError(f"{option} {name}: {node.path} is not assigned; name it with -d too")
    return node


def _map_options(tree: Tree, inside: Scope, request: Request) -> dict[int, list[MapOption]]:
    options: dict[int, list[MapOption]] = defaultdict(list)
    devices = {id(device.node): device for device in inside.devices}
    for option in request.maps:
        if option.device is None:
            continue
        node = _member(tree, inside, option.device, "--map")
        if isinstance(option.target, int):
            device = devices.get(id(node))
            count = len(device.blocks) if device else 0
            if not count:
                raise UsageError(f"--map {option.device}: {node.path} has no registers to map")
            if option.index is not None and all(b.index != option.index for b in device.blocks):  # type: ignore[union-attr]
                raise UsageError(
                    f"--map {option.device}#{option.index}: {node.path} has blocks 0 to {count - 1}"
                )
        options[id(node)].append(option)
    return options


def _dma_findings(device: HostDevice) -> Iterator[Finding]:
    if device.msi:
        message = f"{device.path} has {' and '.join(device.msi)}"
        yield NEEDS_MSI(message, node=device.path, prop=device.msi[0])
    if device.dma.answer == "no":
        return
    for bus in device.node.ancestors():
        try:
            table = ranges(bus, "dma-ranges")
        except PropertyError:
            continue
        if table and any(entry.child != entry.parent for entry in table):
            message = f"{device.path}: dma-ranges of {bus.path} moves addresses"
            yield DMA_OFFSET(message, node=device.path, prop="dma-ranges")
