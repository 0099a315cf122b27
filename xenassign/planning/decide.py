"""From a request and a board to a ``DomainPlan``, or to all reasons why not.

``judge_request`` finds everything that can refuse; ``decide`` goes on and builds the tree.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from xenassign.checks import static_memory as direct_map
from xenassign.checks.containment import outlives
from xenassign.checks.dma_reach import reach
from xenassign.checks.interrupts import interrupt_findings, platform_findings
from xenassign.checks.live_tree import dom0_findings, live_findings
from xenassign.checks.memory_type import memory_types
from xenassign.checks.msi import doorbells, mapped_frames, needed
from xenassign.checks.ownership import device_findings, marks, selection_findings, xens_own
from xenassign.checks.protection import (
    accepted_for,
    dma_in_scope,
    judge,
    stream_findings,
    why_forced,
)
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope, scope
from xenassign.checks.vcpus import too_many_vcpus
from xenassign.devicetree.tree import Node, Tree
from xenassign.errors import UsageError
from xenassign.findings import Finding
from xenassign.host.device import HostDevice
from xenassign.host.dma_windows import Translation
from xenassign.host.dma_windows import translation as dma_translation
from xenassign.host.platform import Platform, read_platform
from xenassign.planning.child_buses import attached_findings, could_come
from xenassign.planning.guest_tree.build import Assigned, GuestTree
from xenassign.planning.guest_tree.edits import edits_by_node, unwanted
from xenassign.planning.guest_tree.losses import supplier_findings
from xenassign.planning.guest_tree.suppliers import Suppliers
from xenassign.planning.host_keeps import always_on, host_keeps, keep_findings, options
from xenassign.planning.memory_regions import memory_regions, moved
from xenassign.planning.placement import (
    Claimant,
    Placement,
    place_devices,
)
from xenassign.planning.plan import DomainPlan, HostMark, PlannedDevice, PlannedRegion
from xenassign.planning.ram_limit import explain_limit
from xenassign.planning.sci import Firmware, judge_firmware
from xenassign.request.origin import mistake, origin_of
from xenassign.request.request import Accepted, MapOption, Request
from xenassign.request.resolve import Resolved, resolve_domain
from xenassign.xen.board import Board, read_board
from xenassign.xen.direct_map import at_host
from xenassign.xen.iommu import Protection, protection
from xenassign.xen.layout import MIB, Guest
from xenassign.xen.stage2 import pool_mib


class Judgement(NamedTuple):
    """What was decided about a request before the tree is built.

    ``shields``, ``forced`` and ``accepted`` are by the device's host path. ``translation``: of DMA
    addresses, for /passthrough of a direct-map domain.
    """

    inside: Scope
    guest: Guest
    shields: dict[str, Protection]
    forced: dict[str, bool]
    accepted: dict[str, Accepted]
    firmware: Firmware
    regions: tuple[Region, ...]
    placement: Placement
    translation: Translation | None
    findings: tuple[Finding, ...]


def judge_request(board: Board, resolved: Resolved, inside: Scope | None = None) -> Judgement:
    """Everything that can refuse a request. Raises UsageError where an option can't be meant.

    ``inside``: the scope, of a domain that is not the only one.
    """
    platform, request, requested = board.platform, resolved.request, [*resolved.devices]
    inside = inside or scope(platform, requested)
    _check_assigned(inside, resolved)
    named, allowed = resolved.forced, resolved.shared
    gic = platform.gic.version if platform.gic else 3
    memory = request.memory * MIB if request.memory is not None else None
    guest = Guest(request.release, gic, request.vpl011, memory)
    if request.direct_map:
        guest = at_host(guest, platform, request.static_memory, request.vcpus or 1)
    findings: list[Finding] = [
        *platform_findings(platform),
        *selection_findings(platform, inside, requested),
        *live_findings(board, inside),
        *direct_map.judge(platform, direct_map.of_request(request)),
        *too_many_vcpus(request.vcpus or 1, gic),
    ]
    shields = {d.path: protection(platform, board.iommus, d) for d in inside.devices}
    forced: dict[str, bool] = {}
    translation = dma_translation(inside.devices) if request.direct_map else None
    for device in inside.devices:
        shield = shields[device.path]
        forced[device.path], unprotected = judge(inside, request, device, shield, named)
        findings += device_findings(board, inside, device)
        findings += interrupt_findings(board, inside, request, device)
        findings += unprotected if xens_own(board, device.node) is None else ()
        findings += needed(board, inside, device)
        findings += reach(board, device, shield, guest, translation)
        findings += doorbells(board, device, shield, guest)
        findings += memory_types(device)
        findings += outlives(device, dma_in_scope(inside, device), forced=forced[device.path])
    findings += stream_findings(board, inside, shields)
    findings += attached_findings(board, inside)
    firmware = judge_firmware(board, inside, request, allowed)
    carved, told_regions = memory_regions(board, inside, resolved)
    findings += (*firmware.findings, *told_regions)
    regions = (*firmware.regions, *carved)
    findings += mapped_frames(board, inside, regions)
    maps = _map_options(inside, regions, resolved)
    placement = place_devices(inside, regions, request, guest, board.neighbours, maps, allowed)
    findings += placement.findings
    findings += moved(inside, regions, placement, shields)
    found = tuple(dict.fromkeys(findings))
    accepted = {d.path: one for d in inside.devices if (one := accepted_for(d, named)) is not None}
    return Judgement(
        inside, guest, shields, forced, accepted, firmware, regions, placement, translation, found
    )


def decide(tree: Tree, request: Request, platform: Platform | None = None) -> DomainPlan:
    """Decides everything. A plan with error-level findings is a refusal; its tree is incomplete.

    ``platform``: that of the tree, when it was read before. Raises UsageError where the request
    cannot be meant (no such node, a malformed option).
    """
    platform, resolved = resolve_domain(request, platform or read_platform(tree))
    return decide_on(read_board(platform, request.release, request.drivers), resolved)


def decide_on(board: Board, resolved: Resolved, inside: Scope | None = None) -> DomainPlan:
    """The same for a board that was read before, with the release and drivers of the request.

    ``inside``: the scope, of a domain that is not the only one.
    """
    tree, request = board.platform.tree, resolved.request
    judged = judge_request(board, resolved, inside)
    inside, placement, firmware = judged.inside, judged.placement, judged.firmware
    edits = edits_by_node(inside, resolved.edits)
    rewriting = Suppliers(
        tree,
        inside,
        resolved.clock_rates,
        frozenset(region.node for region in judged.regions),
        firmware.kept,
        firmware.offered,
        unwanted(edits),
    )
    building = GuestTree(
        board.platform,
        inside,
        rewriting,
        _assigned(judged, request),
        tuple((region, placement.placed[region.path]) for region in judged.regions),
        edits,
        judged.translation,
    )
    draft = building.build()
    rewriting.clocks.check()
    devices = tuple(_planned(d, judged, building) for d in inside.devices)
    findings = [*dom0_findings(board.platform, request), *judged.findings]
    for planned in devices:
        findings += supplier_findings(planned.path, planned.suppliers, firmware.offered)
        findings += could_come(board, judged.inside, planned)
    findings += rewriting.findings()
    keeps = host_keeps(tree, inside, firmware.kept)
    kept_on = always_on(tree, keeps) if request.keep_supplies else ()
    findings += keep_findings(keeps, kept_on)
    marked = tuple(HostMark(path, why) for path, why in marks(inside, board.neighbours))
    return DomainPlan(
        request=request,
        called=resolved.devices,
        scope=inside,
        host_file=tree.file,
        model=board.platform.model,
        devices=devices,
        regions=tuple(_planned_region(one, judged, building) for one in judged.regions),
        tree=draft,
        marks=marked,
        memory_mb_max=placement.memory_max,
        memory_limit=explain_limit(judged.guest, request, placement.mappings),
        guest=judged.guest,
        pool_mib=_pool(request, placement),
        findings=tuple(dict.fromkeys(findings)),
        host_keeps=keeps,
        kept_on=kept_on,
        dom0_options=options(keeps, kept_on),
        firmware=tuple(one.root.path for one in firmware.kept),
        chosen_cells=direct_map.chosen_cells(tree, request),
    )


def _assigned(judged: Judgement, request: Request) -> dict[Node, Assigned]:
    """The devices as the guest's tree shows them, by their nodes."""
    found = {}
    for device in judged.inside.devices:
        path, dma = device.path, dma_in_scope(judged.inside, device)
        why = why_forced(dma, judged.accepted.get(path), request.direct_map)
        found[device.node] = Assigned(
            device, judged.placement.placed[path], judged.forced[path], why
        )
    return found


def _pool(request: Request, placement: Placement) -> int | None:
    blocks = [block.mapping for placed in placement.placed.values() for block in placed]
    mappings = [(one.host, one.size, one.guest) for one in blocks]
    return pool_mib(request.memory, request.vcpus or 1, mappings)


def _planned(device: HostDevice, judged: Judgement, building: GuestTree) -> PlannedDevice:
    """A device with its own suppliers and those of the copied nodes below it."""
    inside = judged.inside
    own = {d.node for d in inside.devices}
    suppliers = list(building.suppliers.get(device.node, ()))
    stack = list(reversed(device.node.children.values()))
    while stack:
        node = stack.pop()
        if node not in own and inside.has(node):
            told = building.suppliers.get(node, ())
            suppliers += (one._replace(node=one.node or node.path) for one in told)
            stack.extend(reversed(node.children.values()))
    return PlannedDevice(
        host=device,
        guest_path=building.paths[device.node],
        placed=judged.placement.placed[device.path],
        protection=judged.shields[device.path],
        forced=judged.forced[device.path],
        accepted=judged.accepted.get(device.path) if judged.forced[device.path] else None,
        suppliers=tuple(dict.fromkeys(suppliers)),
        edits=building.edits.get(device.node, ()),
    )


def _planned_region(region: Region, judged: Judgement, building: GuestTree) -> PlannedRegion:
    return PlannedRegion(
        path=region.path,
        guest_path=building.paths[region.node],
        placed=judged.placement.placed[region.path],
        users=region.users,
        why=region.why,
    )


def _check_assigned(inside: Scope, resolved: Resolved) -> None:
    """Raises UsageError with a line for each forced device that is not assigned."""
    option = "--force-assign-without-iommu"
    wrong = [
        _not_assigned(option, one.node, node)
        for node, one in resolved.forced.items()
        if not _reaches(inside, node)
    ]
    if wrong:
        raise UsageError(*wrong)


def _reaches(inside: Scope, node: Node) -> bool:
    """Whether a node, or one below it, is assigned."""
    return any(inside.has(below) for below in node.walk())


def _not_assigned(option: str, name: str, node: Node) -> str:
    fix = "name it with -d too"
    if origin_of(name) is not None:
        fix = "name it as a device too; an option for one domain wants --name"
    return mistake(option, name, f"{node.path} is not assigned; {fix}")


def _map_options(
    inside: Scope, regions: tuple[Region, ...], resolved: Resolved
) -> dict[Node, list[MapOption]]:
    """By node the options for it. Raises UsageError with a line for each that fits nothing."""
    options: dict[Node, list[MapOption]] = defaultdict(list)
    claimants: list[Claimant] = [*inside.devices, *regions]
    placed = {one.node: one for one in claimants}
    wrong: list[str] = []
    for option, node in resolved.maps:
        name, device = option.node or "", placed.get(node)
        blocks = [block.index for block in device.blocks] if device else []
        if device is None and not _reaches(inside, node):
            wrong.append(_not_assigned("--map", name, node))
        elif not blocks and (isinstance(option.target, int) or option.block is not None):
            wrong.append(mistake("--map", name, f"{node.path} has no registers to map"))
        elif option.block is not None and option.block not in blocks:
            why = f"{node.path} has the blocks {', '.join(map(str, blocks))}"
            wrong.append(mistake("--map", name, why, f"#{option.block}"))
        options[node].append(option)
    if wrong:
        raise UsageError(*wrong)
    return options
