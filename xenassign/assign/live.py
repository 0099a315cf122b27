"""What a live tree does not tell: that of dom0, and any that comes without the order of its nodes.

:mod:`xenassign.host.running` says what Xen does to the tree that it makes for dom0. What is known
from it: the registers and SPIs of the devices that are there, their suppliers and names. A device
that is not disabled there is not marked; one that is disabled may be, or may be disabled on the
board. Nothing else is taken for known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from xenassign.assign.addresses import pages
from xenassign.assign.board import Board
from xenassign.assign.request import Request
from xenassign.assign.scope import Scope
from xenassign.devicetree.tree import Node, Tree
from xenassign.findings import Finding, rule, some
from xenassign.host.device import HostDevice
from xenassign.host.gic import usable_gics
from xenassign.host.platform import Platform
from xenassign.xen.iommu import Iommus

DOM0_TREE = rule(
    "XA111",
    "tree-of-dom0",
    "The host tree is the one that Xen made for dom0",
    severity="warning",
    effect="portability",
    why="Xen makes a tree of its own for dom0. Devices are copied as they are; but the console"
    " UART, the IOMMUs, CPUs and memory of the host, marks, and the iommus of the devices behind"
    " Xen's IOMMUs are not in it (handle_node, write_properties). What hangs on these cannot be"
    " checked.",
    fix="check against the .dtb that the boot loader loads where you have it",
    source="handle_node, write_properties, make_hypervisor_node (domain_build.c)",
)
DISABLED_OR_MARKED = rule(
    "XA113",
    "disabled-or-marked",
    "A device is disabled in dom0's tree: marked, or disabled on the board",
    severity="note",
    effect="portability",
    why='Xen takes xen,passthrough out of dom0\'s tree and sets the status to "disabled" instead'
    " (write_properties). The tree does not tell whether the board's own has the device enabled.",
    fix="if it was not marked, check that the board has it, and apply the host overlay",
    source="write_properties (domain_build.c)",
)
NOT_MARKED = rule(
    "XA114",
    "in-use-by-dom0",
    "dom0 has the device: it was not marked when Xen booted",
    severity="warning",
    effect="unsafe",
    why="Whatever is marked xen,passthrough is disabled in dom0's tree (write_properties), so this"
    " device is not. dom0's driver has it, and its interrupts: xl is answered with 'Device or"
    " resource busy', or the guest and dom0 drive a device without interrupts at the same time.",
    fix="apply the host overlay to the board's tree and boot again before the guest is created",
    source="write_properties (domain_build.c); route_irq_to_guest",
)
RELEASE_DIFFERS = rule(
    "XA115",
    "xen-release-differs",
    "dom0's tree was made by another release of Xen",
    severity="warning",
    effect="portability",
    why="/hypervisor of dom0's tree names the release that runs (xen,xen-4.20). What is written is"
    " for the release that --xen says; guest layouts, keys of dom.cfg and refusals differ.",
    fix="leave --xen out, or say the release that will run",
    source="make_hypervisor_node (domain_build.c): xen,xen-VERSION",
)
NOT_FOR_DOM0LESS = rule(
    "XA116",
    "dom0less-from-dom0-tree",
    "A dom0less domain cannot be judged by dom0's tree",
    severity="error",
    effect="broken",
    why="Xen builds dom0less domains from the board's own tree, before it makes dom0's: whether it"
    " adds a device to its IOMMU, which UART the vPL011 stands for and where memory is free are"
    " not in dom0's tree.",
    fix='take --route xl (route = "xl" in xenassign.toml), or give the .dtb that the boot loader'
    " loads",
    source="construct_domU, handle_passthrough_prop: dt_host is the board's tree",
    routes=("dom0less",),
)
ORDER_UNKNOWN = rule(
    "XA117",
    "node-order-unknown",
    "Xen's choice depends on the order of nodes, which a live tree does not tell",
    severity="error",
    effect="unsafe",
    why="Xen takes the first GIC, the driver of the first IOMMU, and the first node with a phandle,"
    " in the order of the blob. A directory has no order, so where there are several the choice is"
    " not known.",
    fix="give /sys/firmware/fdt (as root), or the .dtb that the boot loader loads",
    source="gic_dt_preinit, iommu_hardware_setup: the first node of a driver",
)
PAGE_OF_LOST = rule(
    "XA118",
    "page-of-what-xen-keeps",
    "A page of the device may have registers of what Xen keeps",
    severity="error",
    effect="unsafe",
    why="/aliases and /__symbols__ of dom0's tree name nodes that Xen took out of it. One of them"
    " has its unit address in a page of the device; whole pages are mapped, so the guest could"
    " reach a device that Xen drives.",
    fix="give the .dtb that the boot loader loads, which tells what is there",
    source="handle_node (domain_build.c): what is used by Xen is left out",
)


def dom0_findings(platform: Platform, request: Request) -> Iterator[Finding]:
    """What is to be said once of a plan that is made by dom0's tree."""
    dom0 = platform.dom0_tree
    if dom0 is None:
        return
    by = f"Xen {dom0.xen}" if dom0.xen else "Xen"
    lost = some(f"{one.path} ({', '.join(one.names)})" for one in dom0.lost)
    gone = f"; it names and lacks {lost}" if lost else ""
    yield DOM0_TREE(f"this is the tree that {by} made for dom0, not the board's{gone}", node="/")
    if dom0.xen is not None and dom0.xen != request.release.version:
        message = f"dom0's tree was made by Xen {dom0.xen}; this is for {request.release.version}"
        yield RELEASE_DIFFERS(message, node="/hypervisor", prop="compatible")
    if "dom0less" in request.routes:
        yield NOT_FOR_DOM0LESS("dom0's tree is no base for a dom0less domain", node="/")


def live_findings(board: Board, scope: Scope) -> Iterator[Finding]:
    """What a live tree leaves open about the devices of a domain."""
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
    """Choices of Xen's that follow the order of the blob."""
    for message in choices_of_nodes(board.platform.tree):
        yield ORDER_UNKNOWN(message, node="/")
    driver = choice_of_driver(board.iommus)
    for device in scope.devices if driver is not None else ():
        if device.iommus:
            message = f"{device.path}: {driver}"
            yield ORDER_UNKNOWN(message, node=device.path, prop="iommus")


def choices_of_nodes(tree: Tree) -> Iterator[str]:
    """Where Xen takes the first of several nodes: the GIC, and a phandle that two nodes have."""
    gics = [node.path for node in usable_gics(tree)]
    if len(gics) > 1:
        yield f"Xen takes the first of the GICs {some(gics)}"
    named: dict[int, list[str]] = defaultdict(list)
    for node in tree.nodes():
        if node.phandle is not None:
            named[node.phandle].append(node.path)
    for phandle, paths in sorted(named.items()):
        if len(paths) > 1:
            yield f"Xen takes the first of those with phandle {phandle:#x}: {some(paths)}"


def choice_of_driver(known: Iommus) -> str | None:
    """What Xen's active IOMMU driver is chosen from, where there are several."""
    if known.active is None or not known.rivals:
        return None
    names = ", ".join(driver.name for driver in (known.active, *known.rivals))
    return f"only one of the drivers {names} is active, that of the first IOMMU"


def _neighbours(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """Who may be in the pages of a device of dom0's tree although the tree does not say so."""
    dom0 = board.platform.dom0_tree
    others: dict[str, Node] = {}
    for block in device.blocks:
        first, size = pages(block)
        for lost in dom0.lost if dom0 is not None else ():
            if lost.address is not None and 0 <= lost.address - first < size:
                names = ", ".join(lost.names)
                message = f"{device.path}: Xen took {lost.path} ({names}) out of dom0's tree, at"
                message += f" {lost.address:#x}, in a page of the device"
                yield PAGE_OF_LOST(message, node=device.path, prop="reg")
        for other, node in board.neighbours.overlapping(block.address, block.size):
            if scope.leaves(node) and not node.available and other.size:
                others[node.path] = node
    for path in others:
        yield DISABLED_OR_MARKED(
            f"{device.path} has the same registers as {path}, which is disabled in dom0's tree",
            node=device.path,
            prop="reg",
            severity="warning",
            fix="make sure that the other one is no device of another guest",
        )
