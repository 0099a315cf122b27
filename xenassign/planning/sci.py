"""SCMI and other firmware of the host for the guest: what can be kept, and what that costs.

``--sci scmi_smc`` (Xen 4.21 and newer): Xen forwards the SMC of one SCMI node to the firmware for
one domain, and keeps dom0 away from it. The guest gets the node and its shared memory.

The host overlay marks neither of the two: Xen makes nothing of an SCMI node that is marked
xen,passthrough (device_init), and takes node and memory out of dom0's tree by itself
(scmi_smc_dt_handle_node).

``--keep-firmware``: the Xilinx EEMI interface, which Xen forwards on the platform "xlnx,zynqmp".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from xenassign.checks.regions import Region
from xenassign.checks.scope import Scope
from xenassign.checks.shared_pages import SHARED_ALLOWED, SHARED_PAGE
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.references import references
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, Rule, rule
from xenassign.formats.xlcfg import Atom, XlConfig
from xenassign.host import scmi
from xenassign.host.device import HostDevice
from xenassign.host.scmi import ScmiUse, ScmiUser
from xenassign.host.supplier_kinds import supplier_kind
from xenassign.planning.kept_firmware import KeptFirmware, OfferedFirmware
from xenassign.request.request import Accepted, Request
from xenassign.xen.board import Board
from xenassign.xen.releases import RELEASES
from xenassign.xen.sci import SCMI_PATH, SCMI_SMC, SHMEM, mediator, shared_memory

REFUSED = rule("XA521", "scmi-refused", "error", "broken")
HOST_SIDE = rule("XA522", "scmi-taken-from-dom0", "warning", "broken")
IDLE = rule("XA523", "firmware-unused", "warning", "style")
SHARED_ID = rule("XA524", "scmi-id-shared", "warning", "unsafe")
NO_FIRMWARE = rule("XA525", "firmware-refused", "error", "broken")
DENIED = rule("XA526", "firmware-denied", "warning", "broken")
ARGUMENTS_LOST = rule(
    "XA527",
    "scmi-arguments-lost",
    "warning",
    "broken",
    applies=lambda xen: not xen.scmi_arguments_kept,
)
UNFILTERED = rule("XA528", "scmi-unused-off", "warning", "unsafe")

_EEMI = "xlnx,zynqmp-firmware"
_ZYNQMP = "xlnx,zynqmp"
#: The protocols, which are kinds of suppliers too, whose objects Linux switches off when nobody
#: uses them.
_SWITCHED_OFF = ("clock", "power-domain")
#: What is only read: no user takes it away from another.
_READ_ONLY = frozenset({"sensor", "access"})


class Firmware(NamedTuple):
    """What was decided: nodes to keep, pages to map for them, and what the guest could have."""

    kept: tuple[KeptFirmware, ...] = ()
    regions: tuple[Region, ...] = ()
    offered: OfferedFirmware | None = None
    findings: tuple[Finding, ...] = ()


def judge_firmware(
    board: Board, scope: Scope, request: Request, allowed: Mapping[Node, Accepted]
) -> Firmware:
    """Decides about SCMI and EEMI. ``allowed``: by the nodes of --allow-shared-page."""
    findings = [*_shared_ids(board, scope, request)]
    if request.sci is not None:
        made = _scmi(board, scope, request, allowed)
    else:
        made = Firmware(offered=_offer(board, request))
    findings += made.findings
    kept = made.kept
    if request.keep_firmware:
        eemi, told = _eemi(board, scope)
        kept += (eemi,) if eemi is not None else ()
        findings += told
    return made._replace(kept=kept, findings=tuple(findings))


# ---------------------------------------------------------------------- SCMI


def _scmi(
    board: Board, scope: Scope, request: Request, allowed: Mapping[Node, Accepted]
) -> Firmware:
    tree = board.platform.tree
    node = mediator(tree).node
    refusal = _refusal(board, request)
    if refusal is not None or node is None:
        return Firmware(findings=(REFUSED(refusal or "", prop="--sci"),))
    used = dict(_uses(board, scope, node))
    named = (scmi.protocol_node(use.provider, node) for found in used.values() for use in found)
    protocols = dict.fromkeys(one for one in named if one is not None)
    memory = dict.fromkeys(m for one in (node, *protocols) for m in shared_memory(tree, one))
    why = "shared memory of the SCMI firmware; both sides map it as device memory"
    regions = tuple(Region(one, tuple(used), why) for one in memory if not scope.has(one))
    kept = KeptFirmware(node, "the firmware answers the guest", frozenset(memory))
    findings: list[Finding] = [*_host_side(board, scope, node)]
    every = [use for found in used.values() for use in found]
    findings += _unfiltered(board, scope, request, node, {use.protocol for use in every})
    if ARGUMENTS_LOST.applies(request.release):
        message = f"Xen {request.release.version} may lose the arguments of calls to {node.path}"
        findings.append(ARGUMENTS_LOST(message, node=node.path))
    if not used:
        message = f"no assigned device uses {node.path}; the guest gets it without protocols"
        findings.append(IDLE(message, node=node.path))
    for one in memory:
        findings += _page_users(board, scope, one, allowed)
    return Firmware((kept,), regions, None, tuple(findings))


def _uses(board: Board, scope: Scope, root: Node) -> Iterator[tuple[str, list[ScmiUse]]]:
    """(path, uses) of every node of the domain that refers to an SCMI node."""
    for start in scope.roots:
        for node in start.walk():
            if scope.has(node):
                found = scmi.uses(references(board.platform.tree, node), board.platform.scmi)
                own = [use for use in found if use.root is root]
                if own:
                    yield node.path, own


def _refusal(board: Board, request: Request) -> str | None:
    """Why the guest can't have SCMI, or None."""
    tree, release = board.platform.tree, request.release
    if not release.scmi_smc:
        first = next(r.version for r in RELEASES.values() if r.scmi_smc)
        return f"Xen {release.version} gives SCMI to no guest; Xen {first} and newer do"
    if not board.platform.scmi:
        return "the board has no SCMI"
    found = mediator(tree)
    if found.node is None:
        others = [s for s in board.platform.scmi if s.transport != "smc"]
        if others and len(others) == len(board.platform.scmi):
            some = ", ".join(f"{s.node.path} ({s.transport})" for s in others)
            return f"Xen forwards SCMI by SMC only, and the board has {some}"
        return found.why
    node = found.node
    if node.has("interrupts") or node.has("interrupts-extended"):
        return f"{node.path} signals its answers by an interrupt, which Xen does not give away"
    memory = shared_memory(tree, node)
    if not memory:
        return f"{node.path} names no shared memory"
    for one in memory:
        if SHMEM not in one.compatible or not any(b.size for b in registers(one).blocks):
            return f"{one.path}, the shared memory of {node.path}, is no {SHMEM} with an address"
    return None


def _host_side(board: Board, scope: Scope, node: Node) -> Iterator[Finding]:
    """What the host has to do, and what it loses."""
    users = (user.node.path for user in _left(board, scope, node))
    # Xen makes dom0's /cpus itself, without clocks: those of the host are out of its reach.
    losers = [path for path in dict.fromkeys(users) if not path.startswith("/cpus/")]
    if losers:
        message = f"dom0 loses {node.path}, which it needs for {_some(losers)}"
        yield HOST_SIDE(message, node=node.path)
    else:
        message = f"{node.path} is the guest's, and no other domain's"
        yield HOST_SIDE(message, node=node.path, severity="note")
    if node.path.lower() != SCMI_PATH:
        message = f"Xen takes {SCMI_PATH} from dom0, and this is {node.path}: dom0 tries to use it"
        fix = f"delete {node.path} from dom0's tree, or move it to {SCMI_PATH}"
        yield HOST_SIDE(message, node=node.path, fix=fix)


def _left(board: Board, scope: Scope, root: Node) -> Iterator[ScmiUser]:
    """What uses SCMI and stays with the host."""
    for users in board.scmi.values():
        for user in users:
            if user.available and user.use.root is root and scope.stays_with_host(user.node):
                yield user


def _unfiltered(
    board: Board, scope: Scope, request: Request, root: Node, used: set[str]
) -> Iterator[Finding]:
    """What the guest's Linux would switch off beneath the host: of protocols that it sees."""
    told = (request.extra or _extra(request.base)).split()
    options = {str(supplier_kind(kind).keep_option): kind for kind in _SWITCHED_OFF}
    seen = {name: protocol for name, protocol in options.items() if name not in told}
    kinds = used.intersection(seen.values())
    left = [user for user in _left(board, scope, root) if user.use.protocol in kinds]
    if left:
        wanted = " ".join(name for name, protocol in seen.items() if protocol in kinds)
        what = dict.fromkeys(user.use.text for user in left)
        paths = list(dict.fromkeys(user.node.path for user in left))
        message = f"SCMI {', '.join(what)} of the guest also runs {_some(paths)} of the host"
        fix = f"put {wanted} on the guest's command line (--extra)"
        yield UNFILTERED(message, node=root.path, fix=fix)


def _extra(base: XlConfig | None) -> str:
    """The guest's command line in the user's own dom.cfg."""
    value = base.get("extra") if base is not None else None
    return value.text if isinstance(value, Atom) else ""


def _page_users(
    board: Board, scope: Scope, memory: Node, allowed: Mapping[Node, Accepted]
) -> Iterator[Finding]:
    """Who else has memory in the pages of the shared memory, and is no node with ``compatible``.

    Those are the other sections of a pool (mmio-sram), and who takes memory of the pool itself.
    """
    pool = memory.parent
    if pool is None or pool.parent is None:
        return
    pages = [block.pages for block in registers(memory).blocks]
    found: dict[str, Node] = {}
    for section in pool.children.values():
        if section is memory or section.has("compatible") or not section.has("reg"):
            continue
        for block in registers(section).blocks:
            if any(span.overlaps(block.span) for span in pages):
                found[section.path] = section
    for _, user in board.neighbours.consumers.get(pool, ()):
        if scope.stays_with_host(user):
            found[user.path] = user
    for path, node in found.items():
        fine = next((allowed[n] for n in (node, memory, pool) if n in allowed), None)
        made: Rule = SHARED_ALLOWED if fine else SHARED_PAGE
        fix = f"accept it (--allow-shared-page {memory.path})"
        message = f"{memory.path} shares pages with memory of {path}, which is not assigned"
        message += fine.because if fine else ""
        yield made(message, node=memory.path, prop="reg", fix=None if fine else fix)


def _offer(board: Board, request: Request) -> OfferedFirmware | None:
    """SCMI that the guest could have."""
    if board.platform.scmi and _refusal(board, request) is None:
        node = mediator(board.platform.tree).node
        return OfferedFirmware(node.path, f"--sci {SCMI_SMC}") if node is not None else None
    return None


def _shared_ids(board: Board, scope: Scope, request: Request) -> Iterator[Finding]:
    """The SCMI ids of the domain that also serve what stays with the host, a line a device."""
    for device in scope.devices:
        others: dict[str, list[str]] = defaultdict(list)
        for use in device.scmi_uses:
            if use.counts and use.id is not None and use.protocol not in _READ_ONLY:
                for path in _others(board, scope, use):
                    if use.text not in others[path]:
                        others[path].append(use.text)
        if others:
            yield _shared(device, others, request)


def _others(board: Board, scope: Scope, use: ScmiUse) -> Iterator[str]:
    for user in board.scmi.get(use.key, ()):
        if user.available and user.use.counts and scope.stays_with_host(user.node):
            yield user.node.path


def _shared(device: HostDevice, others: dict[str, list[str]], request: Request) -> Finding:
    what = dict.fromkeys(text for texts in others.values() for text in texts)
    who = "the guest can switch it" if request.sci is not None else "dom0 may switch it"
    message = f"{device.path}: SCMI {', '.join(what)} also serves {_some(list(others))}; {who}"
    # A dom0 with SCMI keeps on what its own driver uses, which is to the guest's advantage.
    return SHARED_ID(message, node=device.path, severity=None if request.sci else "note")


def _some(paths: list[str]) -> str:
    """How many, and the first of them."""
    names = ", ".join(paths[:3])
    return names if len(paths) <= 3 else f"{len(paths)} nodes ({names}, ...)"


# ---------------------------------------------------------------------- EEMI


def _eemi(board: Board, scope: Scope) -> tuple[KeptFirmware | None, list[Finding]]:
    """The Xilinx firmware. Versal's is none of upstream Xen's."""
    tree = board.platform.tree
    nodes = (n for n in tree.nodes() if n.available and _is_eemi(n))
    node = next(nodes, None)
    root = [text.lower() for text in tree.root.compatible]
    if node is None or _ZYNQMP not in root or _EEMI not in node.compatible:
        what = f"Xen does not forward {node.path} on this board" if node else "the board has none"
        return None, [NO_FIRMWARE(what, prop="--keep-firmware")]
    kept = KeptFirmware(node, "the firmware is asked by the guest, as far as Xen lets it")
    used = any(
        reference.provider is not None and kept.has(reference.provider)
        for start in scope.roots
        for member in start.walk()
        if scope.has(member)
        for group in references(tree, member)
        for reference in group.entries
    )
    if not used:
        message = f"no assigned device uses {node.path}; the guest gets it without controllers"
        return kept, [IDLE(message, node=node.path)]
    message = (
        f"{node.path} is kept, and upstream Xen refuses the guest its clocks, power and resets"
    )
    return kept, [DENIED(message, node=node.path)]


def _is_eemi(node: Node) -> bool:
    known = ("xlnx,zynqmp-firmware", "xlnx,versal-firmware", "xlnx,versal-net-firmware")
    return any(text in known for text in node.compatible)
