"""SCMI and other firmware of the host for the guest: what can be kept, and what the host loses.

``--sci scmi_smc`` (Xen 4.21 and newer): Xen forwards the SMC of one SCMI node to the firmware for
one domain, and keeps dom0 away from it. The guest gets the node and its shared memory.

The host overlay marks neither of the two: Xen ignores an SCMI node that is marked xen,passthrough
(device_init), and removes node and memory from dom0's tree by itself (scmi_smc_dt_handle_node).

``--keep-firmware``: the Xilinx EEMI interface, which Xen forwards on the platform "xlnx,zynqmp".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from xenassign.checks.firmware import (
    denied,
    firmware_users,
    known_to_xen,
    not_owned,
    of_owner,
    reaching,
)
from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.references import references
from xenassign.devicetree.spans import Span
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host import scmi
from xenassign.host.device import HostDevice
from xenassign.host.eemi import PINS
from xenassign.host.scmi import ScmiUse, ScmiUser
from xenassign.host.supplier_kinds import supplier_kind
from xenassign.planning.kept_firmware import KeptFirmware, OfferedFirmware
from xenassign.planning.sci_agents import REFUSED, access_ids, agent_firmware
from xenassign.planning.sci_memory import page_users
from xenassign.request.request import Accepted, Request
from xenassign.xen.board import Board
from xenassign.xen.releases import RELEASES
from xenassign.xen.sci import SCMI_PATH, SCMI_SMC, SHMEM, mediator, not_forwarded, shared_memory
from xenassign.xen.sci_agents import BINDING, read_agents

HOST_SIDE = rule("XA522", "scmi-taken-from-dom0", "warning", "broken")
WITHOUT_DOM0 = rule("XA546", "scmi-without-agent-of-dom0", "warning", "broken")
IDLE = rule("XA523", "firmware-unused", "warning", "style")
SHARED_ID = rule("XA524", "scmi-id-shared", "warning", "unsafe")
NO_FIRMWARE = rule("XA525", "firmware-refused", "error", "broken")
ARGUMENTS_LOST = rule(
    "XA527",
    "scmi-arguments-lost",
    "warning",
    "broken",
    applies=lambda xen: not xen.scmi_arguments_kept,
)
UNFILTERED = rule("XA528", "scmi-unused-off", "warning", "unsafe")

#: The protocols, which are kinds of suppliers too, whose objects Linux switches off if unused.
_SWITCHED_OFF = ("clock", "power-domain")


class Firmware(NamedTuple):
    """The decision: nodes to keep, pages to map for them, and firmware that the guest could get.

    ``permissions``: by host path the ids of the devices that SCMI is asked to permit.
    """

    kept: tuple[KeptFirmware, ...] = ()
    regions: tuple[Region, ...] = ()
    offered: OfferedFirmware | None = None
    findings: tuple[Finding, ...] = ()
    permissions: Mapping[str, tuple[int, ...]] = MappingProxyType({})


def judge_firmware(
    board: Board,
    scope: Scope,
    request: Request,
    allowed: Mapping[Node, Accepted],
    ids: Mapping[Node, tuple[int, ...]] = MappingProxyType({}),
) -> Firmware:
    """Decides about SCMI and EEMI.

    By node: ``allowed``: --allow-shared-page, ``ids``: sci-device.
    """
    findings = [*_shared_ids(board, scope, request, ids)]
    if request.sci == BINDING.type:
        own = agent_firmware(board, scope, request, ids)
        of_dom0 = (f for kept in own.kept for f in _dom0_without(board, scope, kept.root, request))
        of_agent = [*own.findings, *of_dom0]
        for memory in (region.node for region in own.regions):
            of_agent += page_users(board, scope, memory, allowed)
        firmware = Firmware(own.kept, own.regions, None, tuple(of_agent), own.permissions)
    elif request.sci is not None:
        firmware = _scmi(board, scope, request, allowed)
    else:
        firmware = Firmware(offered=_offer(board, request))
    findings += firmware.findings
    kept = firmware.kept
    if request.keep_firmware:
        eemi, eemi_findings = _eemi(board, scope, request)
        kept += (eemi,) if eemi is not None else ()
        findings += eemi_findings
    findings += _rights(board, scope, request)
    return firmware._replace(kept=kept, findings=tuple(findings))


# ---------------------------------------------------------------------- SCMI


def _scmi(
    board: Board, scope: Scope, request: Request, allowed: Mapping[Node, Accepted]
) -> Firmware:
    tree = board.platform.tree
    node = mediator(tree).node
    refusal = _refusal(board, request)
    if refusal is not None or node is None:
        return Firmware(findings=(REFUSED(refusal or "", prop="--sci", fix=_without(request)),))
    uses_by_path = dict(_uses(board, scope, node))
    uses = [use for some in uses_by_path.values() for use in some]
    nodes = (scmi.protocol_node(use.provider, node) for use in uses)
    protocols = dict.fromkeys(protocol for protocol in nodes if protocol is not None)
    memory = dict.fromkeys(m for user in (node, *protocols) for m in shared_memory(tree, user))
    purpose = "shared memory of the SCMI firmware; both sides map it as device memory"
    users = tuple(uses_by_path)
    regions = tuple(Region(part, users, purpose) for part in memory if not scope.has(part))
    kept = KeptFirmware(node, "the firmware answers the guest", frozenset(memory))
    findings: list[Finding] = [*_host_side(board, scope, node)]
    findings += _unfiltered(board, scope, request, node, {use.protocol for use in uses})
    if ARGUMENTS_LOST.applies(request.release):
        message = f"Xen {request.release.name} may lose the arguments of calls to {node.path}"
        findings.append(ARGUMENTS_LOST(message, node=node.path))
    if not uses:
        message = f"no assigned device uses {node.path}; the guest gets it without protocols"
        findings.append(IDLE(message, node=node.path))
    for part in memory:
        findings += page_users(board, scope, part, allowed)
    return Firmware((kept,), regions, None, tuple(findings))


def _uses(board: Board, scope: Scope, root: Node) -> Iterator[tuple[str, list[ScmiUse]]]:
    """(path, uses) of every node of the domain that uses the SCMI node ``root``."""
    for start in scope.roots:
        for node in start.walk():
            if scope.has(node):
                uses = scmi.uses(references(board.platform.tree, node), board.platform.scmi)
                of_root = [use for use in uses if use.root is root]
                if of_root:
                    yield node.path, of_root


def _without(request: Request) -> str | None:
    """What to do without SCMI that a key of the user's dom.cfg requests; None: an option did."""
    base = request.base
    for key in ("sci", "arm_sci"):
        if request.follows and base is not None and base.get(key) is not None:
            at = base.place(base.named(key)[-1])
            return f"remove {key} ({at}): the clocks become fixed-clocks, which the host keeps on"
    return None


def _refusal(board: Board, request: Request) -> str | None:
    """Why the guest cannot have SCMI, or None."""
    tree, release = board.platform.tree, request.release
    if not release.scmi_smc:
        first = next(r.version for r in RELEASES.values() if r.scmi_smc)
        return f"Xen {release.name} does not forward SCMI to guests; Xen {first} and newer do"
    if not board.platform.scmi:
        return "the board has no SCMI"
    forwarded = mediator(tree)
    if forwarded.node is None:
        others = [s for s in board.platform.scmi if s.transport != "smc"]
        if others and len(others) == len(board.platform.scmi):
            listed = ", ".join(f"{s.node.path} ({s.transport})" for s in others)
            return f"Xen forwards SCMI by SMC only, and the board has {listed}"
        return forwarded.why
    node, other = forwarded.node, not_forwarded(forwarded.function)
    if other is not None:
        return f"arm,smc-id {other}, and Xen forwards no other call ({node.path})"
    if node.has("interrupts") or node.has("interrupts-extended"):
        return f"{node.path} signals its answers by an interrupt, which Xen does not forward"
    memory = shared_memory(tree, node)
    if not memory:
        return f"{node.path} refers to no shared memory"
    for part in memory:
        if SHMEM not in part.compatible or not any(b.size for b in registers(part).blocks):
            return f"{part.path}, the shared memory of {node.path}, is not {SHMEM} with an address"
    return None


def _host_side(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """What dom0 loses, and what has to be changed in its tree."""
    users = (user.node.path for user in _host_users(board, scope, node))
    # Xen writes dom0's /cpus itself, without clocks: dom0 cannot use those of the host.
    losing = [path for path in dict.fromkeys(users) if not path.startswith("/cpus/")]
    if losing:
        message = f"dom0 loses {node.path}, which it needs for {_first_three(losing)}"
        yield HOST_SIDE(message, node=node.path, fails=False)
    else:
        message = f"{node.path} is for this guest only, not for dom0 or other domains"
        yield HOST_SIDE(message, node=node.path, severity="note")
    if node.path.lower() != SCMI_PATH:
        message = (
            f"Xen removes {SCMI_PATH} from dom0's tree, and this is {node.path}: dom0 will use it"
        )
        fix = f"delete {node.path} from dom0's tree, or move it to {SCMI_PATH}"
        yield HOST_SIDE(message, node=node.path, fix=fix, fails=False)


def _dom0_without(board: Board, scope: Scope, node: Node, request: Request) -> Iterator[Finding]:
    """What dom0 loses if none of the agents is dom0's."""
    agents = request.agents or read_agents(board.platform.tree)
    users = dict.fromkeys(user.node.path for user in _host_users(board, scope, node))
    losing = [path for path in users if not path.startswith("/cpus/")]
    if agents is not None and agents.dom0 is None and losing:
        message = f"dom0 loses {node.path}, which it needs for {_first_three(losing)}"
        yield WITHOUT_DOM0(message, node=node.path, fails=False)


def _host_users(board: Board, scope: Scope, root: Node) -> Iterator[ScmiUser]:
    """The users of an SCMI node that stay with the host."""
    for users in board.scmi.values():
        for user in users:
            if user.available and user.use.root is root and scope.stays_with_host(user.node):
                yield user


def _unfiltered(
    board: Board, scope: Scope, request: Request, root: Node, used: set[str]
) -> Iterator[Finding]:
    """Clocks and power domains of the host that the guest's Linux would switch off as unused.

    ``used``: the protocols that the guest gets.
    """
    given = (request.extra or _extra(request.base)).split()
    options = {kind: str(supplier_kind(kind).keep_option) for kind in _SWITCHED_OFF}
    missing = {k: option for k, option in options.items() if k in used and option not in given}
    users = [user for user in _host_users(board, scope, root) if user.use.protocol in missing]
    if users:
        objects = dict.fromkeys(user.use.text for user in users)
        paths = list(dict.fromkeys(user.node.path for user in users))
        supplied = _first_three(paths)
        message = f"SCMI {', '.join(objects)} of the guest also supplies {supplied} of the host"
        fix = f"put {' '.join(missing.values())} on the guest's command line (--extra)"
        yield UNFILTERED(message, node=root.path, fix=fix)


def _extra(base: XlConfig | None) -> str:
    """The guest's command line in the user's own dom.cfg."""
    value = base.get("extra") if base is not None else None
    return value.text if isinstance(value, Atom) else ""


def _offer(board: Board, request: Request) -> OfferedFirmware | None:
    """The SCMI node that the guest could get, with the option for it, or None."""
    if board.platform.scmi and _refusal(board, request) is None:
        node = mediator(board.platform.tree).node
        return OfferedFirmware(node.path, f"--sci {SCMI_SMC}") if node is not None else None
    return None


def _shared_ids(
    board: Board, scope: Scope, request: Request, permitted: Mapping[Node, tuple[int, ...]]
) -> Iterator[Finding]:
    """SCMI ids of the domain that devices of the host use too: one finding for each device."""
    of_host = _permitted_of_host(board, scope) if request.sci == BINDING.type else {}
    for device in scope.devices:
        others: dict[str, list[str]] = defaultdict(list)
        for use in device.scmi_uses:
            if use.counts and use.id is not None and use.protocol not in scmi.READ_ONLY:
                for path in _other_users(board, scope, use):
                    if use.text not in others[path]:
                        others[path].append(use.text)
        for number in access_ids(device, request, permitted) if of_host else ():
            for path in of_host.get(number, ()):
                others[path].append(f"device {number}")
        if others:
            yield _shared_id(device, others, request)


def _other_users(board: Board, scope: Scope, use: ScmiUse) -> Iterator[str]:
    """Host paths of the nodes that stay with the host and use the same SCMI id."""
    for user in board.scmi.get(use.key, ()):
        if user.available and user.use.counts and scope.stays_with_host(user.node):
            yield user.node.path


def _permitted_of_host(board: Board, scope: Scope) -> dict[int | None, dict[str, None]]:
    """By id of a device in the firmware, the host paths of the nodes with it that stay."""
    paths: dict[int | None, dict[str, None]] = defaultdict(dict)
    for user in (user for users in board.scmi.values() for user in users):
        if user.available and user.use.protocol == "access" and scope.stays_with_host(user.node):
            paths[user.use.id][user.node.path] = None
    return paths


def _shared_id(device: HostDevice, others: dict[str, list[str]], request: Request) -> Finding:
    """``others``: by host path of a user the ids that it uses, for a message."""
    ids = dict.fromkeys(text for texts in others.values() for text in texts)
    risk = "the guest can switch it" if request.sci is not None else "dom0 may switch it"
    users = _first_three(list(others))
    message = f"{device.path}: SCMI {', '.join(ids)} also serves {users}; {risk}"
    # Without --sci, dom0 keeps on what its own drivers use, which the guest benefits from.
    return SHARED_ID(message, node=device.path, severity=None if request.sci else "note")


def _first_three(paths: list[str]) -> str:
    """The paths, or their number and the first three, for a message."""
    names = ", ".join(paths[:3])
    return names if len(paths) <= 3 else f"{len(paths)} nodes ({names}, ...)"


# ---------------------------------------------------------------------- EEMI


def _eemi(
    board: Board, scope: Scope, request: Request
) -> tuple[KeptFirmware | None, list[Finding]]:
    """(Xilinx firmware to keep, findings). Upstream Xen does not forward that of Versal.

    AMD's Xen never forwards a guest's calls about pins: the host has to set them up.
    """
    tree, node = board.platform.tree, _eemi_node(board)
    owned = node is not None and of_owner(node, tree.root, request.release)
    if node is None or not (owned or known_to_xen(node, tree.root)):
        reason = f"Xen does not forward {node.path} on this board" if node else "the board has none"
        return None, [NO_FIRMWARE(reason, prop="--keep-firmware")]
    why = "the guest calls the firmware, as far as Xen permits"
    pins = (n for n in node.walk() if owned and any(PINS in text for text in n.compatible))
    kept = KeptFirmware(node, why, without=frozenset(pins))
    members = [member for start in scope.roots for member in start.walk() if scope.has(member)]
    used_by = firmware_users(tree, node, members)
    if not used_by:
        message = f"no assigned device uses {node.path}; the guest gets it without controllers"
        return kept, [IDLE(message, node=node.path)]
    if owned:
        pages = _pages(scope)
        return kept, [*not_owned(tree, node, members, pages, board.neighbours, pins=False)]
    return kept, [denied(node, used_by)._replace(fails=False)]  # the Xen may be another


def _eemi_node(board: Board) -> Node | None:
    return next((n for n in board.platform.tree.nodes() if n.available and _is_eemi(n)), None)


def _pages(scope: Scope) -> list[Span]:
    """The host addresses that the domain gets with its devices, in bytes."""
    return [block.pages for device in scope.devices for block in device.blocks]


def _rights(board: Board, scope: Scope, request: Request) -> Iterator[Finding]:
    """What a guest may do to others' devices since it has pages: also without the firmware's node,
    since the guest can call the firmware anyway."""
    node = _eemi_node(board) if request.release.eemi_of_owner else None
    if node is not None and of_owner(node, board.platform.tree.root, request.release):
        others = partial(_is_other, scope)
        yield from reaching(board.platform.tree, node, others, _pages(scope))


def _is_other(scope: Scope, node: Node) -> bool:
    """Whether a node is the host's or another domain's."""
    return scope.stays_with_host(node) or node in scope.elsewhere


def _is_eemi(node: Node) -> bool:
    known = ("xlnx,zynqmp-firmware", "xlnx,versal-firmware", "xlnx,versal-net-firmware")
    return any(text in known for text in node.compatible)
