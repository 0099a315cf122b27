"""What a live tree does not show: that of dom0, and any tree without the order of its nodes.

:mod:`xenassign.host.running` describes what Xen does to the tree that it makes for dom0. That tree
has the registers and SPIs of the devices that are left in it, their suppliers and names. A device
that is not disabled there is not marked; a disabled one is marked, or disabled on the board.
Nothing else is treated as known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenassign.findings import Finding, rule, some
from xenassign.host.gic import usable_gics
from xenassign.host.xl_info import xl_info_of

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node, Tree
    from xenassign.host.device import HostDevice
    from xenassign.host.platform import Platform
    from xenassign.request.request import Request
    from xenassign.xen.board import Board
    from xenassign.xen.iommu import Iommus

DOM0_TREE = rule("XA111", "tree-of-dom0", "warning", "portability")
DISABLED_OR_MARKED = rule("XA113", "disabled-or-marked", "note", "portability")
NOT_MARKED = rule("XA114", "in-use-by-dom0", "warning", "unsafe")
RELEASE_DIFFERS = rule("XA115", "xen-release-differs", "warning", "portability")
NOT_FOR_DOM0LESS = rule("XA116", "dom0less-from-dom0-tree", "error", "broken", routes=("dom0less",))
ORDER_UNKNOWN = rule("XA117", "node-order-unknown", "error", "unsafe")
PAGE_OF_LOST = rule("XA118", "page-of-what-xen-keeps", "error", "unsafe")
FROM_RUNNING = rule("XA128", "from-running-board", "note", "portability")


def dom0_findings(platform: Platform, request: Request) -> Iterator[Finding]:
    """What is reported once about a plan that is made from dom0's tree."""
    dom0 = platform.dom0_tree
    if dom0 is None:
        return
    xen = f"Xen {dom0.xen}" if dom0.xen else "Xen"
    lost = some(f"{node.path} ({', '.join(node.names)})" for node in dom0.lost)
    missing = f"; it refers to nodes that it lacks: {lost}" if lost else ""
    yield DOM0_TREE(
        f"this is the tree that {xen} made for dom0, not the board's{missing}", node="/"
    )
    if dom0.xen is not None and dom0.xen != request.release.branch:
        message = f"dom0's tree was made by Xen {dom0.xen}; this is for {request.release.version}"
        yield RELEASE_DIFFERS(message, node="/hypervisor", prop="compatible")
    if "dom0less" in request.routes:
        yield NOT_FOR_DOM0LESS("a dom0less domain cannot be planned from dom0's tree", node="/")


def running_findings(board: Board, request: Request) -> Iterator[Finding]:
    """What was taken from the running board, as its tree was read with files of its kernel."""
    facts: list[str] = []
    rates = board.clock_rates.summary
    if rates is not None and request.clock_summary is None:
        facts.append(f"the rates of clocks ({rates.source})")
    if board.voltages is not None and request.regulator_summary is None:
        facts.append(f"the voltages of regulators ({board.voltages.source})")
    xen = xl_info_of(board.platform.tree)
    if xen is not None and request.release.version in xen.versions:
        facts.append(f"Xen {request.release.version} ({xen.source})")
    if xen is not None and xen.iommu is False and request.drivers is None:
        facts.append(f"that Xen has no active IOMMU ({xen.source})")
    if facts:
        yield FROM_RUNNING(f"taken from the running board: {', '.join(facts)}", node="/")


def live_findings(board: Board, scope: Scope) -> Iterator[Finding]:
    """What a live tree does not show about the devices of a domain."""
    platform = board.platform
    if not platform.tree.ordered:
        yield from _order(board, scope)
    if platform.dom0_tree is None:
        return
    for device in scope.devices:
        if device.node.available:
            message = f"{device.path} is not disabled in dom0's tree, so dom0 has it"
            yield NOT_MARKED(message, node=device.path)
        yield from _neighbours(board, scope, device)


def _order(board: Board, scope: Scope) -> Iterator[Finding]:
    """Choices that Xen makes by the order of nodes in the blob."""
    for message in choices_of_nodes(board.platform.tree):
        yield ORDER_UNKNOWN(message, node="/")
    driver = choice_of_driver(board.iommus)
    for device in scope.devices if driver is not None else ():
        if device.iommus:
            message = f"{device.path}: {driver}"
            yield ORDER_UNKNOWN(message, node=device.path, prop="iommus")


def choices_of_nodes(tree: Tree) -> Iterator[str]:
    """Messages about the first of several nodes that Xen takes: GICs, and nodes of one phandle."""
    gics = [node.path for node in usable_gics(tree)]
    if len(gics) > 1:
        yield f"Xen takes the first of the GICs {some(gics)}"
    by_phandle: dict[int, list[str]] = defaultdict(list)
    for node in tree.nodes():
        if node.phandle is not None:
            by_phandle[node.phandle].append(node.path)
    for phandle, paths in sorted(by_phandle.items()):
        if len(paths) > 1:
            yield f"Xen takes the first of the nodes with phandle {phandle:#x}: {some(paths)}"


def choice_of_driver(iommus: Iommus) -> str | None:
    """A message about the IOMMU drivers that Xen chooses from; None if there is one at most."""
    if iommus.active is None or not iommus.rivals:
        return None
    names = ", ".join(driver.name for driver in (iommus.active, *iommus.rivals))
    return f"only one of the drivers {names} is active, that of the first IOMMU"


def _neighbours(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """Nodes that may be in the pages of a device although dom0's tree does not show it."""
    dom0 = board.platform.dom0_tree
    others: dict[str, Node] = {}
    for block in device.blocks:
        for lost in dom0.lost if dom0 is not None else ():
            if lost.address is not None and block.pages.holds(lost.address):
                names = ", ".join(lost.names)
                message = (
                    f"{device.path}: Xen removed {lost.path} ({names}) from dom0's tree; it is"
                )
                message += f" at {lost.address:#x}, in a page of the device"
                yield PAGE_OF_LOST(message, node=device.path, prop="reg")
        for other, node in board.neighbours.overlapping(block.span):
            if scope.stays_with_host(node) and not node.available and other.size:
                others[node.path] = node
    for path in others:
        yield DISABLED_OR_MARKED(
            f"{device.path} has the same registers as {path}, which is disabled in dom0's tree",
            node=device.path,
            prop="reg",
            severity="warning",
            fix=f"make sure that {path} is not assigned to another guest",
        )
