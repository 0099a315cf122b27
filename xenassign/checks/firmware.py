"""Firmware of the host that a guest calls: what Xen does with the calls.

SCMI is judged by :mod:`xenassign.xen.sci`. Of other firmware Xen knows only Xilinx EEMI, on a board
whose root is compatible with "xlnx,zynqmp" (xen/arch/arm/platforms/xilinx-zynqmp.c), and answers a
guest hardly any of its calls (zynqmp_eemi); AMD's Xen those about what the guest has pages of
(:mod:`xenassign.host.eemi`). On some boards of NXP it forwards SiP calls of the
hardware domain (`Release.sip_boards`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from xenassign.devicetree.references import references
from xenassign.devicetree.spans import Span
from xenassign.findings import Finding, rule, some
from xenassign.host.eemi import find_eemi, uses

if TYPE_CHECKING:
    from xenassign.devicetree.tree import Node, Tree
    from xenassign.host.neighbours import Neighbours
    from xenassign.host.smc_firmware import SmcFirmware
    from xenassign.xen.releases import Release

DENIED = rule("XA526", "firmware-denied", "warning", "broken")
NOT_FORWARDED = rule("XA539", "firmware-not-forwarded", "warning", "broken")
NOT_OWNED = rule(
    "XA542",
    "firmware-not-owned",
    "warning",
    "broken",
    applies=lambda xen: bool(xen.eemi_of_owner),
)
REACHES = rule(
    "XA543",
    "firmware-right-reaches",
    "warning",
    "unsafe",
    applies=lambda xen: bool(xen.eemi_of_owner),
    needs_host=True,
)

_ZYNQMP = "xlnx,zynqmp"
_EEMI = frozenset({"xlnx,zynqmp-firmware", "xlnx,zynqmp-clk", "xlnx,zynqmp-ipi-mailbox"})


def known_to_xen(firmware: Node, board: Node | None) -> bool:
    """Whether Xen knows the calls of a firmware node. ``board``: the host's root; None: any."""
    on_zynqmp = board is None or _ZYNQMP in map(str.lower, board.compatible)
    return on_zynqmp and not _EEMI.isdisjoint(firmware.compatible)


def of_owner(firmware: Node, board: Node | None, release: Release) -> bool:
    """Whether Xen answers the calls of a guest for what it owns. ``board``: as above."""
    if find_eemi(firmware) is None:
        return False
    known = map(str.lower, board.compatible) if board is not None else release.eemi_of_owner
    return not set(release.eemi_of_owner).isdisjoint(known)


def not_owned(
    tree: Tree,
    firmware: Node,
    nodes: Iterable[Node],
    spans: Collection[Span],
    neighbours: Neighbours | None,
    *,
    pins: bool = True,
) -> Iterator[Finding]:
    """What Xen refuses a guest that has some pages: the rights that other pages give.

    ``nodes``: those that refer to the firmware; ``spans``: the guest's host addresses, in bytes;
    ``neighbours``: of the board, for the names of devices; ``pins``: whether the guest refers to
    pins too. Enabling a clock that is on succeeds
    for everyone, so that clocks alone are a note.
    """
    known = find_eemi(firmware)
    for node in nodes if known is not None else ():
        lacking: dict[str, str] = {}
        clocks_only = True
        for use in uses(tree, firmware, known.bits, node) if known is not None else ():
            if use.id is None and not pins:
                continue
            if use.id is None:
                lacking["pins"] = "which are for the hardware domain"
                clocks_only = False
            elif known is not None and (pages := known.table.missing(use.id, spans)) != []:
                lacking[use.id.text] = _lacking(pages, neighbours)
                clocks_only &= use.id.kind == "clock"
        if lacking:
            refused = "; ".join(f"{right}, {why}" for right, why in lacking.items())
            message = f"{node.path}: Xen refuses the guest {refused}"
            yield NOT_OWNED(message, node=node.path, severity="note" if clocks_only else None)


def _lacking(pages: list[int] | None, neighbours: Neighbours | None) -> str:
    """Which pages a right requires; None: no page gives it."""
    if pages is None:
        return "which no page gives"
    names: list[str] = []
    for page in pages:
        owners = neighbours.overlapping(Span.sized(page, 1)) if neighbours is not None else ()
        names.append(next((node.path for _, node in owners), f"the page {page:#x}"))
    return f"which requires {some(names)}"


def reaching(
    tree: Tree, firmware: Node, stays: Callable[[Node], bool], spans: Collection[Span]
) -> Iterator[Finding]:
    """Rights of a guest that reach nodes which it does not have. ``stays``: whether it is one."""
    known = find_eemi(firmware)
    if known is None:
        return
    granted = known.table.granted(spans)
    reached: dict[str, list[str]] = {}
    for node in tree.nodes() if granted else ():
        if node.enabled and firmware not in node.lineage() and stays(node):
            for use in uses(tree, firmware, known.bits, node):
                if use.id is not None and use.id in granted:
                    reached.setdefault(use.id.text, []).append(node.path)
    for right, paths in reached.items():
        message = f"{firmware.path}: with its pages the guest has {right}, also of {some(paths)}"
        yield REACHES(message, node=firmware.path)


def firmware_users(tree: Tree, firmware: Node, nodes: Iterable[Node]) -> list[str]:
    """The paths of those of the nodes that refer to a firmware node, or to one below it."""
    inside = set(firmware.walk())
    return [
        node.path
        for node in nodes
        if node not in inside
        and any(
            reference.provider in inside
            for group in references(tree, node)
            for reference in group.entries
        )
    ]


def denied(firmware: Node, used_by: list[str]) -> Finding:
    """What becomes of calls that Xen knows. ``used_by``: as of :func:`firmware_users`."""
    message = (
        f"{firmware.path}: upstream Xen refuses the guest its clocks, power and resets, which"
        f" {some(used_by)} need{'s' * (len(used_by) == 1)}"
    )
    return DENIED(message, node=firmware.path)


def not_forwarded(
    firmware: Node, known: SmcFirmware, release: Release, board: Node | None
) -> Finding:
    """What becomes of calls that Xen does not know, or knows from the hardware domain only.

    ``board``: the host's root; None: any.
    """
    message = f"{firmware.path}: Xen does not forward the calls of {known.driver}"
    if board is not None and not set(release.sip_boards).isdisjoint(board.compatible):
        message = f"{firmware.path}: Xen forwards SiP calls of dom0 only, none of {known.driver}"
    return NOT_FORWARDED(f"{message}: {known.unanswered}", node=firmware.path)
