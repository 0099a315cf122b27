"""What Xen will not give away: its own devices, memory, and interrupts that no guest can have."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.assign.board import Board
from xenassign.assign.live import DISABLED_OR_MARKED
from xenassign.assign.request import Request
from xenassign.assign.scope import Scope
from xenassign.devicetree.addresses import is_pci
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule, some
from xenassign.host.device import HostDevice, read_device
from xenassign.host.gic import GicInterrupt
from xenassign.host.neighbours import Neighbours
from xenassign.host.platform import Platform
from xenassign.xen.direct_map import vpl011_intid
from xenassign.xen.releases import GUEST_SPI_LAST_INTID, VIRTIO_MMIO_INTIDS

NOTHING_TO_ASSIGN = rule(
    "XA101",
    "nothing-to-assign",
    "The node has nothing to assign",
    severity="error",
    effect="broken",
    why="Xen assigns register pages, interrupts of the GIC and IOMMU streams. A node without any of"
    " them (a fixed clock, a bus without devices, a child of an I2C bus) is nothing to Xen.",
    fix="name the device that has the registers, for a child of a bus its controller",
    source="handle_passthrough_prop, libxl_arm.c: registers, interrupts and streams are all that "
    "is assigned",
)
XENS_OWN = rule(
    "XA102",
    "device-of-xen",
    "Xen keeps this device for itself",
    severity="error",
    effect="rejected",
    why="The GIC, the IOMMUs that Xen drives, the timers and the console UART"
    " belong to Xen: their interrupts are answered with 'already used by Xen', their pages with"
    " 'Operation not permitted' (xl); dom0less would map them without a word.",
    fix="leave it to Xen",
    source="setup_system_domains, iomem_deny_access and irq_deny_access of the drivers; "
    "request_irq",
)
MSI_FRAME = rule(
    "XA109",
    "msi-frame",
    "An MSI frame gives away the interrupts of others",
    severity="error",
    effect="unsafe",
    why="Whoever writes to a GICv2m frame, to the translation register of an ITS, or to a GICP,"
    " ODMI or Alpine MSI-X frame raises interrupts, those of other domains included. dom0less maps"
    " the frame without a word; xl cannot map what is the GIC's, since dom0 does not have it.",
    fix="leave it to Xen and the host",
    source="GICv2m and ITS registers (Arm GIC architecture); marvell,ap806-gicp.yaml, "
    "marvell,odmi-controller.yaml, al,alpine-msix.txt; map_mmio_regions",
)
DISABLED = rule(
    "XA103",
    "disabled-assigned",
    "A disabled device is assigned",
    severity="note",
    effect="portability",
    why="Xen ignores the status of a host node that is assigned. The guest's copy is enabled."
    " Whoever wrote the board's tree may have disabled the device because it is not wired.",
    fix="check that the board has it",
    source="handle_device (device.c): no look at status; Devicetree Specification 2.3.4",
)
NOT_A_DEVICE = rule(
    "XA104",
    "memory-assigned",
    "Memory is no device",
    severity="error",
    effect="broken",
    why="Xen maps what it assigns as Device-nGnRE: not cached, and an unaligned access is a fault."
    " A guest cannot use that as memory.",
    fix="give memory to the domain with memory, xen,static-mem or xen,shared-mem",
    source="map_mmio_regions: p2m_mmio_direct_dev",
)
BEHIND = rule(
    "XA110",
    "behind-another",
    "The device's registers are behind one that is not assigned",
    severity="error",
    effect="broken",
    why="A chip on an I2C or SPI bus, or a block inside of a syscon, has no addresses of its own:"
    " its driver reaches it through the parent's. Xen could route its interrupt, no more.",
    fix="assign the parent, which brings the device with it",
    source="Devicetree Specification 2.3.8 (ranges): without them a child is not memory mapped",
)
LEFT_OUT = rule(
    "XA105",
    "disabled-left-out",
    "A disabled device below a requested node is left out",
    severity="note",
    effect="portability",
    why="A requested node comes with its subtree, but a device in it that the board's tree disables"
    " is only assigned when it is named itself.",
    fix="name it with a -d of its own to assign it too",
    source="Devicetree Specification 2.3.4",
)
HOST_PROBLEM = rule(
    "XA106",
    "host-node-unusable",
    "Something about the device in the host tree cannot be used",
    severity="warning",
    effect="broken",
    why="An entry of reg that no ranges translates, or an interrupt whose way to a controller is"
    " malformed, cannot be given to a guest.",
    fix="check the host tree; the rest of the device is assigned without it",
    source="Devicetree Specification 2.3.8 (ranges), 2.4 (interrupts)",
)
SUPPLIES_HOST = rule(
    "XA107",
    "host-depends-on-it",
    "Devices that stay with the host depend on it",
    severity="warning",
    effect="unsafe",
    why="An assigned device is withheld from dom0, so what it supplies there (clocks, resets,"
    " GPIOs, regulators, interrupts) is gone: drivers of dom0 wait for it for ever, and the"
    " guest can switch off what they use.",
    fix="assign those devices too, or leave this one to the host",
    source="dt_device_set_used_by, handle_node (domain_build.c): what is marked is withheld from "
    "dom0",
)
PPI = rule(
    "XA301",
    "ppi-assigned",
    "A PPI cannot be assigned",
    severity="error",
    effect="rejected",
    why="Xen routes only SPIs to guests: dom0less says 'IRQ can only be routed to an SPI', xl"
    " 'failed give domain access to irq'. A node with a PPI is not even given to dom0.",
    fix="this device cannot be assigned",
    source="route_irq_to_guest: 'IRQ can only be routed to an SPI'",
)
EXTENDED = rule(
    "XA302",
    "extended-interrupt",
    "Xen does not know extended interrupts",
    severity="error",
    effect="broken",
    why="gic_irq_xlate takes every non-zero interrupt type for a PPI (number + 16), so an extended"
    " SPI or PPI of GICv3.1 becomes another line, which the guest gets instead, or a PPI, which is"
    " refused.",
    fix="this device cannot be assigned",
    source="gic_irq_xlate: every type but 0 is a PPI",
)
INTID_TOO_HIGH = rule(
    "XA303",
    "intid-too-high",
    "The INTID is beyond what a guest can have",
    severity="error",
    effect="rejected",
    why="A guest has at most 960 SPIs (domain_vgic_init), so INTIDs above 991 cannot be routed:"
    " 'the vIRQ number N is too high'.",
    fix="this device cannot be assigned",
    source="domain_vgic_init",
)
LINE_OF_XEN = rule(
    "XA304",
    "interrupt-of-xen",
    "The interrupt is used by Xen",
    severity="error",
    effect="rejected",
    why="An interrupt that Xen's console UART or IOMMU driver has requested is answered with 'IRQ"
    " N is already used by Xen'.",
    fix="use another device, or another console for Xen (--xen-console)",
    source="route_irq_to_guest: 'already used by Xen'",
)
LINE_SHARED = rule(
    "XA305",
    "interrupt-shared",
    "The interrupt is shared with a device that stays with the host",
    severity="error",
    effect="rejected",
    why="Xen gives a line to one domain. As long as dom0 holds it for the other device, the domain"
    " is refused: 'already used by domain 0' (dom0less), 'Device or resource busy' (xl).",
    fix="assign both devices to the guest",
    source="route_irq_to_guest: 'already used by domain'",
)
LINE_OF_VPL011 = rule(
    "XA306",
    "interrupt-of-vpl011",
    "INTID 32 is the vPL011's",
    severity="error",
    effect="broken",
    why="The emulated UART of a domain uses INTID 32 (GUEST_VPL011_SPI): dom0less accepts a"
    " device with the same INTID and both fail, xl refuses it beside vuart. A direct-map domain's"
    " has the INTID of Xen's console UART.",
    fix="leave vpl011 out (--no-vpl011) and use another console in the guest",
    source="domain_vpl011_init; libxl_arm.c: 'Physical IRQ 32 conflicting with pl011 SPI'",
)
OTHER_CONTROLLER = rule(
    "XA307",
    "interrupt-not-at-gic",
    "An interrupt ends at a controller that is not assigned",
    severity="warning",
    effect="broken",
    why="Xen maps only interrupts that end at the primary GIC and skips others without a word; the"
    " guest's copy would mean nothing, so it is left out.",
    fix="assign that controller too if the driver needs the interrupt",
    source="map_device_irqs_to_domain: 'not connected to primary controller'",
)
VIRTIO_INTID = rule(
    "XA308",
    "interrupt-of-virtio",
    "The INTID may be wanted for virtio-mmio",
    severity="note",
    effect="portability",
    why="xl gives INTIDs 33 to 43 to virtio-mmio devices, from 33 upwards, as many as the domain"
    " has.",
    fix="give the domain no virtio-mmio disks or network that reach it",
    routes=("xl",),
    source="libxl_arm.c alloc_virtio_mmio_irq",
)
TRIGGER_DIFFERS = rule(
    "XA309",
    "interrupt-two-triggers",
    "One interrupt with two triggers",
    severity="error",
    effect="rejected",
    why="The trigger of a line is set once; another node that states a different one is refused:"
    " 'Unable to get irq' (irq_validate_new_type).",
    fix="mend the host tree so that both state the same trigger",
    source="irq.c irq_validate_new_type",
)
BELOW_PPI = rule(
    "XA311",
    "interrupt-below-ppi-node",
    "A node above the device has a PPI, so dom0 does not have the device",
    severity="error",
    effect="rejected",
    why="Xen gives dom0 neither a node with a PPI nor anything below it (handle_node), and xl can"
    " only pass on what dom0 has: 'failed give domain access to iomem range … Operation not"
    " permitted'.",
    fix="take --route dom0less",
    routes=("xl",),
    source="handle_node (domain_build.c): a node with a PPI and all below it is skipped",
)
INTX = rule(
    "XA327",
    "pci-interrupts-dropped",
    "The legacy interrupts of a PCI host are dropped",
    severity="warning",
    effect="broken",
    why="interrupt-map routes INTA to INTD of the devices behind a PCI host. Xen reads the"
    " interrupts of the assigned node itself, so that these never reach the guest.",
    fix="use devices that can be polled, or leave the PCI host to the host",
    source="handle_passthrough_prop, map_device_irqs_to_domain: interrupts of the node itself",
)
NO_GIC = rule(
    "XA310",
    "no-gic",
    "The board has no GIC that Xen drives",
    severity="error",
    effect="rejected",
    why="Xen on Arm needs a GICv2 (arm,gic-400, arm,cortex-a15-gic, arm,cortex-a7-gic) or a GICv3"
    " (arm,gic-v3). Without one it does not start.",
    fix="Xen does not run on this board",
    source="gic_preinit; dt_device_get_irq",
)


def platform_findings(platform: Platform) -> Iterator[Finding]:
    """What forbids any assignment on this board."""
    if platform.gic is None:
        yield NO_GIC("the host tree has no interrupt controller that Xen drives", node="/")


def selection_findings(
    platform: Platform, scope: Scope, requested: list[Node]
) -> Iterator[Finding]:
    """What is wrong or worth saying about the nodes that were named."""
    own = {device.node for device in scope.devices}
    for node in requested:
        below = [n for n in node.walk() if n in own]
        if node.text("device_type") == "memory" or _in_reserved_memory(node):
            yield NOT_A_DEVICE(f"{node.path} is memory", node=node.path)
        elif not below:
            yield NOTHING_TO_ASSIGN(_nothing(platform, node), node=node.path)
        if not node.available and platform.dom0_tree is not None:
            yield DISABLED_OR_MARKED(
                f"{node.path} is disabled in dom0's tree: marked xen,passthrough when Xen booted,"
                " or disabled on the board",
                node=node.path,
            )
        elif not node.available:
            yield DISABLED(
                f"{node.path} is disabled in the host tree and assigned all the same",
                node=node.path,
            )
    for node in scope.left_out if platform.dom0_tree is not None else ():
        yield DISABLED_OR_MARKED(
            f"{node.path} is disabled in dom0's tree, and left out",
            node=node.path,
            severity="warning",
            fix="if it was marked, and not disabled on the board, name it with a -d of its own",
        )
    for node in scope.left_out if platform.dom0_tree is None else ():
        yield LEFT_OUT(f"{node.path} is disabled in the host tree and left out", node=node.path)


def _nothing(platform: Platform, node: Node) -> str:
    device = read_device(platform, node)
    if node.has("reg") and not device.registers.mapped and node.parent is not None:
        where = f"its registers are on the bus {node.parent.path}, out of the processor's reach"
        return f"{node.path} has nothing that Xen could assign: {where}"
    if device.problems:
        return f"{node.path} has nothing that Xen could assign: {device.problems[0]}"
    return f"{node.path} has no registers, interrupts or iommus"


def _in_reserved_memory(node: Node) -> bool:
    return any(n.name == "reserved-memory" for n in node.lineage() if n.parent)


def device_findings(
    board: Board, scope: Scope, request: Request, device: HostDevice
) -> Iterator[Finding]:
    """Everything about one device but its addresses, its IOMMU and its suppliers."""
    own = xens_own(board, device.node)
    if own:
        forbids = MSI_FRAME if own == _FRAME else XENS_OWN
        yield forbids(f"{device.path} is {own}", node=device.path)
    parent = device.node.parent
    if not device.registers.mapped and not scope.has(parent):
        bus = parent.path if parent else "/"
        message = f"the registers of {device.path} are on {bus}, which is not assigned"
        yield BEHIND(message, node=device.path, prop="reg", fix=f"assign {bus}, and it comes along")
    unreachable = bool(device.registers.problems) and not device.blocks
    for problem in device.problems:
        lost = unreachable and problem in device.registers.problems
        yield HOST_PROBLEM(
            f"{device.path}: {problem}",
            node=device.path,
            severity="error" if lost else None,
            fix="mend the host tree; without registers it is no device" if lost else None,
        )
    yield from _consumers(board, scope, device)
    if "xl" in request.routes:
        yield from _above(board, scope, device)
    for line in device.other_interrupts:
        if not scope.has(line.controller):
            message = f"interrupt {line.index} of {device.path} ends at {line.controller.path}"
            yield OTHER_CONTROLLER(message, node=device.path, prop="interrupts")
    if is_pci(device.node) and device.node.has("interrupt-map"):
        message = f"interrupt-map of {device.path} is dropped"
        yield INTX(message, node=device.path, prop="interrupt-map")
    seen: set[int] = set()
    for gic_line in device.interrupts:
        if gic_line.intid not in seen:
            yield from _line_findings(board, scope, request, device, gic_line, own is not None)
        seen.add(gic_line.intid)


def _consumers(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """The host's devices that the device, or a node copied with it, supplies."""
    others: dict[str, str] = {}
    own = {other.node for other in scope.devices} - {device.node}
    stack = [device.node]
    while stack:
        node = stack.pop()
        for name, consumer in board.neighbours.consumers.get(node, ()):
            if scope.leaves(consumer):
                others.setdefault(consumer.path, name)
        stack += [n for n in node.children.values() if scope.has(n) and n not in own]
    if others:
        named = (f"{path} ({name})" for path, name in sorted(others.items()))
        message = f"{device.path} supplies {some(named)}"
        yield SUPPLIES_HOST(message, node=device.path)


def _above(board: Board, scope: Scope, device: HostDevice) -> Iterator[Finding]:
    """A PPI above the device, of a node that is not refused for it already."""
    for node in device.node.ancestors():
        if (node.has("interrupts") or node.has("interrupts-extended")) and not scope.has(node):
            lines = read_device(board.platform, node).interrupts
            if any(line.kind == "ppi" for line in lines):
                yield BELOW_PPI(f"{device.path} is below {node.path}", node=device.path)
                return


_FRAME = "an MSI frame, whose holder can raise interrupts of others"


def xens_own(board: Board, node: Node) -> str | None:
    """What a node is for Xen when Xen keeps it, or None."""
    platform = board.platform
    if platform.gic is not None and node is platform.gic.node:
        return "the interrupt controller"
    if any(node is msi.node and msi.frame for msi in platform.msi):
        return _FRAME
    if node is platform.console:
        return "Xen's console UART (stdout-path); if Xen uses another, say --xen-console PATH"
    if any(c.startswith(("arm,smmu", "arm,mmu-", "renesas,ipmmu-")) for c in node.compatible):
        return "an IOMMU, which Xen keeps"
    if any(c.startswith(("arm,armv7-timer", "arm,armv8-timer")) for c in node.compatible):
        return "a timer that Xen keeps"
    return None


def _line_findings(
    board: Board,
    scope: Scope,
    request: Request,
    device: HostDevice,
    line: GicInterrupt,
    own: bool,
) -> Iterator[Finding]:
    intid, path = line.intid, device.path
    if line.kind in ("espi", "eppi"):
        yield EXTENDED(
            f"interrupt {line.index} of {path} is an extended one (INTID {intid})",
            node=path,
            prop="interrupts",
        )
        return
    if line.kind == "ppi":
        yield PPI(
            f"interrupt {line.index} of {path} is a PPI (INTID {intid})",
            node=path,
            prop="interrupts",
        )
        return
    if intid > GUEST_SPI_LAST_INTID:
        yield INTID_TOO_HIGH(
            f"INTID {intid} of {path} is above {GUEST_SPI_LAST_INTID}", node=path, prop="interrupts"
        )
    if request.vpl011 and intid == vpl011_intid(board.platform, request.direct_map):
        yield LINE_OF_VPL011(f"{path} has INTID {intid}", node=path, prop="interrupts")
    if intid in VIRTIO_MMIO_INTIDS and "xl" in request.routes:
        yield VIRTIO_INTID(f"{path} has INTID {intid}", node=path, prop="interrupts")
    for other, node in board.neighbours.lines.get(intid, []):
        if node is device.node:
            if other.trigger != line.trigger:
                yield _trigger(path, path, intid)
            continue
        if scope.has(node):
            if other.trigger != line.trigger:
                yield _trigger(path, node.path, intid)
        elif not own and xens_own(board, node):
            yield LINE_OF_XEN(
                f"INTID {intid} of {path} is also that of {node.path}, {xens_own(board, node)}",
                node=path,
                prop="interrupts",
            )
        elif node.available and scope.leaves(node):
            yield LINE_SHARED(
                f"INTID {intid} of {path} is also that of {node.path}, which stays with the host",
                node=path,
                prop="interrupts",
            )


def _trigger(path: str, other: str, intid: int) -> Finding:
    who = "itself" if path == other else other
    return TRIGGER_DIFFERS(
        f"INTID {intid} of {path} has another trigger in {who}", node=path, prop="interrupts"
    )


def marks(scope: Scope, neighbours: Neighbours) -> Iterator[tuple[str, str]]:
    """(path, why) of every host node that gets xen,passthrough, the devices first.

    Xen looks at each node for itself (handle_device), nested ones included. It gives dom0 the
    lines of disabled nodes too (handle_node does not look at status), so a disabled alternative
    that holds a line of an assigned device is marked as well.
    """
    seen: set[Node] = set()
    for device in scope.devices:
        seen.add(device.node)
        yield device.path, "assigned"
    for device in scope.devices:
        for line in device.interrupts:
            for _, node in neighbours.lines.get(line.intid, []):
                if node not in seen and not node.available:
                    seen.add(node)
                    yield node.path, f"disabled, but dom0 would keep INTID {line.intid}"
