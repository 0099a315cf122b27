"""Rules about SCMI nodes in a guest's tree: whether the guest's calls reach the firmware.

Xen forwards the SMC calls of one domain, which has to request it (xen,sci_type, arm_sci). To other
calls it answers "unknown function": Linux does not probe SCMI, and the drivers of its consumers
wait for ever. An SCMI node with a mailbox works if the mailbox is assigned too.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.addresses import SIMPLE_BUSES
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.sci import COMPATIBLE, SCMI_SMC, SHMEM, mediator, shared_memory

UNANSWERED = rule("XA529", "scmi-unanswered", "error", "broken")
TYPE_MISSING = rule(
    "XA727",
    "sci-type-missing",
    "error",
    "broken",
    routes=DOM0LESS,
    applies=lambda xen: xen.scmi_smc,
)


#: Nodes for whose children Linux makes devices. /firmware of the root is one without any of these.
_BUSES = SIMPLE_BUSES | {"simple-mfd"}


def scmi_nodes(view: View) -> Iterator[Node]:
    """The guest's SCMI nodes whose calls Xen would have to forward."""
    for node in view.devices:
        if COMPATIBLE in node.compatible and node.available:
            yield node


def unanswered(view: View) -> Iterator[Finding]:
    """SCMI nodes of the guest whose calls do not reach the firmware."""
    for node in scmi_nodes(view):
        for prop, problem in _problems(view, node):
            yield UNANSWERED(f"{node.path}: {problem}", node=node.path, prop=prop)
            break


def _problems(view: View, node: Node) -> Iterator[tuple[str, str]]:
    """(property, problem) of an SCMI node, the worst first."""
    release, platform = view.context.release, view.context.platform
    if not release.scmi_smc:
        yield "compatible", f"Xen {release.name} forwards no SCMI call of a guest"
    prop = node.get("arm,smc-id")
    if prop is None or len(prop.value) != 4:
        yield "arm,smc-id", "it has no arm,smc-id"
    for bus in node.ancestors():
        if (
            view.has(bus)
            and bus not in view.passthrough
            and not _BUSES.intersection(bus.compatible)
        ):
            yield (
                "compatible",
                f"{bus.path} is not a simple-bus; Linux makes no devices of its children",
            )
    if not node.has("shmem"):
        yield "shmem", "it names no shared memory"
    for region in shared_memory(view.tree, node):
        if SHMEM not in region.compatible:
            yield "shmem", f"{region.path} is not compatible with {SHMEM}"
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        yield "compatible", f"Xen forwards no SCMI here: {host.why}"
    elif prop is not None and int.from_bytes(prop.value, "big") != host.function:
        yield "arm,smc-id", f"the host's number is {host.function:#x} ({host.node.path})"


def type_missing(view: View) -> Iterator[Finding]:
    """SCMI nodes in the guest, and a domain's node that does not request SCMI."""
    context = view.context
    if context.sci in (None, SCMI_SMC) or not TYPE_MISSING.applies(context.release):
        return
    for node in scmi_nodes(view):
        message = f"{node.path}: the domain has no xen,sci_type that requests SCMI"
        yield TYPE_MISSING(message, node=node.path)


CHECKS: tuple[Check, ...] = (unanswered, type_missing)
