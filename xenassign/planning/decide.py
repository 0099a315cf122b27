"""From a request and a board to a ``DomainPlan``, or to all reasons why not.

In the order of this module: ``decide`` looks up the names and reads the board, ``decide_on`` makes
the plan. It calls ``judge_request``, which finds everything that can refuse the request and places
the registers in the guest, and then builds the partial device tree from these decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from xenassign.checks.boot_scan import board_findings
from xenassign.checks.bus_windows import left_windows
from xenassign.checks.containment import containment_findings
from xenassign.checks.dma_reach import reach_findings
from xenassign.checks.dom0_rights import dom0_rights_findings
from xenassign.checks.dom0_tree import dom0_changes
from xenassign.checks.guest_addresses import used_windows
from xenassign.checks.interrupts import interrupt_findings
from xenassign.checks.intx import with_intx
from xenassign.checks.live_tree import dom0_findings, live_findings, running_findings
from xenassign.checks.machine_control import machine_control_findings
from xenassign.checks.memory_type import maps_normal, memory_type_findings
from xenassign.checks.msi import (
    doorbell_findings,
    full_interrupts,
    mapped_frame_findings,
    msi_findings,
)
from xenassign.checks.ownership import (
    device_findings,
    kept_by_xen,
    marks,
    proposable,
    selection_findings,
)
from xenassign.checks.parts import with_parts
from xenassign.checks.protection import (
    accepted_for,
    dma_in_scope,
    judge_protection,
    stream_findings,
    why_forced,
)
from xenassign.checks.regions import Region
from xenassign.checks.requested_properties import property_findings
from xenassign.checks.scope import Scope, domain_scope
from xenassign.checks.static_memory import (
    chosen_cells,
    static_memory_findings,
    static_memory_of_request,
)
from xenassign.checks.vcpus import too_many_vcpus
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding
from xenassign.host.device import HostDevice
from xenassign.host.dma_windows import Translation
from xenassign.host.dma_windows import translation as dma_translation
from xenassign.host.platform import Platform, read_platform
from xenassign.planning.child_buses import assignable_supplier_findings, child_bus_findings
from xenassign.planning.guest_tree.build import AssignedDevice, GuestTreeBuilder
from xenassign.planning.guest_tree.edits import dropped_names, edits_by_node
from xenassign.planning.guest_tree.losses import supplier_findings
from xenassign.planning.guest_tree.suppliers import ReferenceRewriter
from xenassign.planning.host_keeps import (
    dom0_options,
    host_keeps,
    keep_findings,
    regulators_to_keep_on,
)
from xenassign.planning.memory_regions import memory_regions, moved_region_findings
from xenassign.planning.option_nodes import check_accepted, map_options
from xenassign.planning.placement import Placement, place_devices
from xenassign.planning.plan import (
    DomainPlan,
    HostMark,
    PlannedDevice,
    PlannedRegion,
    PlannedShare,
    Supplier,
)
from xenassign.planning.ram_limit import explain_limit
from xenassign.planning.sci import Firmware, judge_firmware
from xenassign.planning.shared_memory import asked_spans, place_shared_memory, with_host_addresses
from xenassign.request.request import Accepted, Request
from xenassign.request.resolve import Resolved, resolve_domain
from xenassign.xen.board import Board, read_board
from xenassign.xen.direct_map import at_host
from xenassign.xen.iommu import Protection, protection
from xenassign.xen.layout import MIB, Guest, routes_with_extended_regions
from xenassign.xen.releases import Use
from xenassign.xen.stage2 import pool_mib


def decide(tree: Tree, request: Request, platform: Platform | None = None) -> DomainPlan:
    """The plan of the only domain of a board.

    A plan with error-level findings is a refusal; its tree is incomplete. ``platform``: the facts
    of ``tree``, if they were read before. Raises UsageError for names that the tree does not have
    and for options that do not apply to the domain.
    """
    platform, resolved = resolve_domain(request, platform or read_platform(tree))
    (resolved,) = with_host_addresses(platform, [resolved])
    return decide_on(read_board(platform, request.release, request.drivers), resolved)


def decide_on(board: Board, resolved: Resolved, scope: Scope | None = None) -> DomainPlan:
    """The plan of a domain on a board that was read for the request's release and drivers.

    ``scope``: what belongs to the domain, if it is one of several. Raises UsageError for options
    that do not apply to the domain.
    """
    return decide_judged(board, resolved, judge_request(board, resolved, scope))


def decide_judged(board: Board, resolved: Resolved, judged: Judgement) -> DomainPlan:
    """The plan of a domain from the judgement about its request. Raises as ``decide_on``."""
    tree, request = board.platform.tree, resolved.request
    scope, placement, kept = judged.scope, judged.placement, judged.firmware.kept
    builder = _tree_builder(board, resolved, judged)
    partial_tree = builder.build()
    builder.rewriter.clocks.check()
    devices = tuple(_planned_device(device, judged, builder) for device in scope.devices)
    keeps = host_keeps(tree, scope, kept)
    kept_on = regulators_to_keep_on(tree, keeps) if request.keep_supplies else ()
    findings = [*running_findings(board, request), *dom0_findings(board.platform, request)]
    findings += judged.findings
    for device in devices:
        findings += supplier_findings(device.path, device.suppliers, judged.firmware.offered)
        findings += assignable_supplier_findings(board, scope, device)
    findings += builder.rewriter.findings(partial(proposable, board, scope))
    findings += keep_findings(tree, keeps, kept_on)
    host_marks = tuple(_marks(board, scope))
    changes, dom0_problems = dom0_changes(board, _withheld(scope, host_marks), request.routes)
    findings += dom0_problems
    return DomainPlan(
        request=request,
        called=resolved.devices,
        scope=scope,
        host_file=tree.file,
        model=board.platform.model,
        devices=devices,
        regions=tuple(_planned_region(region, judged, builder) for region in judged.regions),
        tree=partial_tree,
        marks=host_marks,
        memory_mb_max=placement.memory_max,
        memory_limit=explain_limit(judged.guest, request, placement.mappings),
        guest=judged.guest,
        pool_mib=_pool_mib(request, placement, judged.shares),
        findings=tuple(dict.fromkeys(findings)),
        host_keeps=keeps,
        kept_on=kept_on,
        dom0_options=dom0_options(tree, keeps, kept_on),
        firmware=tuple(firmware.root.path for firmware in kept),
        permissions=judged.firmware.permissions,
        chosen_cells=chosen_cells(tree, request),
        dom0_changes=changes,
        shares=judged.shares,
        added=tuple(c for c in board.platform.added if scope.has(tree.find(c.path))),
    )


def _withheld(scope: Scope, host_marks: tuple[HostMark, ...]) -> frozenset[str]:
    """The host paths that the domains of the system mark, as far as they are known."""
    return frozenset((*(mark.path for mark in host_marks), *(n.path for n in scope.elsewhere)))


# ---------------------------------------------------------------------- the judgement


class Judgement(NamedTuple):
    """What is decided about a request before the tree is built.

    ``protections``, ``forced`` and ``accepted`` are by the device's host path. ``translation``: of
    DMA addresses, for /passthrough of a direct-map domain.
    """

    scope: Scope
    guest: Guest
    protections: dict[str, Protection]
    forced: dict[str, bool]
    accepted: dict[str, Accepted]
    firmware: Firmware
    regions: tuple[Region, ...]
    placement: Placement
    translation: Translation | None
    shares: tuple[PlannedShare, ...]
    findings: tuple[Finding, ...]


def judge_request(board: Board, resolved: Resolved, scope: Scope | None = None) -> Judgement:
    """Everything that can refuse a request. Raises UsageError for options that do not apply.

    ``scope``: what belongs to the domain, if it is one of several.
    """
    platform, request, requested = board.platform, resolved.request, [*resolved.devices]
    scope, own_findings = _own_scope(board, scope or domain_scope(platform, requested), resolved)
    check_accepted(board, scope, resolved)
    guest = _guest(platform, request)
    findings: list[Finding] = [
        *board_findings(platform, request.release),
        *selection_findings(platform, scope, requested),
        *live_findings(board, scope),
        *static_memory_findings(platform, static_memory_of_request(request)),
        *property_findings(request),
        *too_many_vcpus(request.vcpus or 1, guest.gic),
        *own_findings,
    ]
    protections = {d.path: protection(platform, board.iommus, d) for d in scope.devices}
    translation = dma_translation(scope.devices) if request.direct_map else None
    forced: dict[str, bool] = {}
    for device in scope.devices:
        by_iommu = protections[device.path]
        force, unprotected = judge_protection(
            board, scope, request, device, by_iommu, resolved.forced
        )
        forced[device.path] = force
        findings += (*device_findings(board, scope, request, device), *left_windows(device))
        findings += interrupt_findings(board, scope, request, device)
        findings += dom0_rights_findings(board, scope, request, device)
        if kept_by_xen(board, device.node) is None:
            findings += unprotected
            findings += machine_control_findings(board, scope, device, resolved.controls)
        findings += (*msi_findings(board, scope, device), *_memory_type(request, device))
        findings += reach_findings(board, device, by_iommu, guest, translation)
        findings += doorbell_findings(board, device, by_iommu, guest)
        findings += containment_findings(device, dma_in_scope(scope, device), forced=force)
    findings += (*stream_findings(board, scope, protections), *child_bus_findings(board, scope))

    firmware = judge_firmware(board, scope, request, resolved.shared, resolved.permissions)
    carve_outs, region_findings = memory_regions(board, scope, resolved)
    regions = (*firmware.regions, *carve_outs)
    of_frames = mapped_frame_findings(board, scope, regions)
    findings += (*firmware.findings, *region_findings, *of_frames)
    placement, shares = _place(board, scope, resolved, guest, regions)
    findings += placement.findings
    findings += moved_region_findings(scope, regions, placement, protections)
    return Judgement(
        scope,
        guest,
        protections,
        forced,
        _accepted(scope, resolved),
        firmware,
        regions,
        placement,
        translation,
        shares,
        tuple(dict.fromkeys(findings)),
    )


def _memory_type(request: Request, device: HostDevice) -> Iterator[Finding]:
    return memory_type_findings(device, request.release, maps_normal(request.release, device))


def _own_scope(board: Board, scope: Scope, resolved: Resolved) -> tuple[Scope, list[Finding]]:
    """The scope with what the domain gets of its devices, and the findings about the rest."""
    scope, of_parts = with_parts(scope, resolved.parts, resolved.request)
    scope, of_intx = with_intx(board, scope, resolved.request)
    return scope, [*of_parts, *of_intx]


def _guest(platform: Platform, request: Request) -> Guest:
    """The guest's address space. Without a GIC, which is refused, it is that of a GICv3.

    Only the user's own dom.cfg has options that use windows.
    """
    gic = platform.gic.version if platform.gic else 3
    memory = request.memory * MIB if request.memory is not None else None
    extended = routes_with_extended_regions(
        request.release, request.routes, enhanced=request.node.enhanced
    )
    options = used_windows(request.base) if request.base is not None else frozenset[Use]()
    guest = Guest(request.release, gic, request.vpl011, memory, None, extended, options)
    if request.direct_map:
        banks, vcpus = request.static_memory, request.vcpus or 1
        return at_host(guest, platform, banks, vcpus, enhanced=request.node.enhanced)
    return guest


def _accepted(scope: Scope, resolved: Resolved) -> dict[str, Accepted]:
    """By host path of a device the --force-assign-without-iommu that holds for it."""
    options = (
        (device.path, accepted_for(device.node, resolved.forced)) for device in scope.devices
    )
    return {path: option for path, option in options if option is not None}


def _place(
    board: Board, scope: Scope, resolved: Resolved, guest: Guest, regions: tuple[Region, ...]
) -> tuple[Placement, tuple[PlannedShare, ...]]:
    """The places of registers and memory, then those of the shared memory."""
    request = resolved.request
    resolved = resolved.with_values(avoid=(*request.avoid, *asked_spans(request)))
    maps = map_options(board, scope, regions, resolved)
    placement = place_devices(board, scope, regions, resolved, guest, maps)
    shares, findings = place_shared_memory(board.platform, guest, request, placement)
    placement.findings += findings
    return placement, shares


# ---------------------------------------------------------------------- the guest's tree


def _tree_builder(board: Board, resolved: Resolved, judged: Judgement) -> GuestTreeBuilder:
    """The builder of the partial device tree. Raises UsageError for edits that have no effect."""
    edits = edits_by_node(judged.scope, resolved.edits)
    rewriter = ReferenceRewriter(
        board.platform.tree,
        board.clock_rates.measured(resolved.request.clock_summary),
        judged.scope,
        resolved.clock_rates,
        frozenset(region.node for region in judged.regions),
        judged.firmware.kept,
        judged.firmware.offered,
        dropped_names(edits),
        no_dummies="dom0less" in resolved.request.routes,
        voltages=resolved.request.regulator_summary or board.voltages,
    )
    return GuestTreeBuilder(
        board.platform,
        judged.scope,
        rewriter,
        {device.node: _assigned(device, resolved, judged) for device in judged.scope.devices},
        tuple((region, judged.placement.placed[region.path]) for region in judged.regions),
        edits,
        judged.translation,
        resolved.request.direct_map,
    )


def _assigned(device: HostDevice, resolved: Resolved, judged: Judgement) -> AssignedDevice:
    dma, accepted = dma_in_scope(judged.scope, device), judged.accepted.get(device.path)
    return AssignedDevice(
        device,
        judged.placement.placed[device.path],
        judged.forced[device.path],
        why_forced(dma, accepted, resolved.request.direct_map),
    )


# ---------------------------------------------------------------------- parts of the plan


def _planned_device(
    device: HostDevice, judged: Judgement, builder: GuestTreeBuilder
) -> PlannedDevice:
    forced = judged.forced[device.path]
    return PlannedDevice(
        host=device,
        guest_path=builder.paths[device.node],
        placed=judged.placement.placed[device.path],
        protection=judged.protections[device.path],
        forced=forced,
        accepted=judged.accepted.get(device.path) if forced else None,
        suppliers=tuple(dict.fromkeys(_suppliers(device.node, judged.scope, builder))),
        edits=builder.edits.get(device.node, ()),
    )


def _suppliers(device: Node, scope: Scope, builder: GuestTreeBuilder) -> Iterator[Supplier]:
    """Its own suppliers and those of the nodes below it that are copied and are not devices."""
    for node in scope.parts(device):
        below = node is not device
        for supplier in builder.suppliers.get(node, ()):
            yield supplier._replace(node=supplier.node or node.path) if below else supplier


def _marks(board: Board, scope: Scope) -> Iterator[HostMark]:
    """The host nodes to mark, with the interrupts that Xen has to find there."""
    devices = {device.path: device for device in scope.devices}
    added = {change.path for change in board.platform.added}  # they have their marks
    for path, why in marks(scope, board.neighbours):
        device = devices.get(path)
        full = full_interrupts(board.platform, device) if device is not None else None
        if path not in added:
            yield HostMark(path, why, full)


def _planned_region(region: Region, judged: Judgement, builder: GuestTreeBuilder) -> PlannedRegion:
    return PlannedRegion(
        path=region.path,
        guest_path=builder.paths[region.node],
        placed=judged.placement.placed[region.path],
        users=region.users,
        why=region.why,
    )


def _pool_mib(
    request: Request, placement: Placement, shares: tuple[PlannedShare, ...]
) -> int | None:
    """MiB for the tables of stage 2, where Xen's default does not suffice."""
    mappings = [m for mappings in placement.mappings.values() for m in mappings]
    mappings += [share.placed.mapping for share in shares]
    ranges = [(mapping.host, mapping.size, mapping.guest) for mapping in mappings]
    return pool_mib(request.memory, request.vcpus or 1, ranges)
