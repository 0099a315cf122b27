"""Rules about SCMI in a guest's tree: somebody has to answer the calls that it makes.

Xen forwards the calls by SMC of one domain, that asked for it (xen,sci_type, arm_sci). What it does
not forward it answers with "unknown function", so Linux gives up and whoever names the firmware
waits for ever. An SCMI node over a mailbox works where the mailbox is assigned too.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.device import SIMPLE_BUSES
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


#: Nodes whose children Linux makes devices of. The root's own /firmware is one without a word.
_BUSES = SIMPLE_BUSES | {"simple-mfd"}


def scmi_nodes(view: View) -> Iterator[Node]:
    """The guest's SCMI nodes whose calls Xen would have to forward."""
    for node in view.devices:
        if COMPATIBLE in node.compatible and node.available:
            yield node


def answered(view: View) -> Iterator[Finding]:
    """Each SCMI node of the guest has somebody to talk to."""
    for node in scmi_nodes(view):
        for prop, what in _lacks(view, node):
            yield UNANSWERED(f"{node.path}: {what}", node=node.path, prop=prop)
            break


def _lacks(view: View, node: Node) -> Iterator[tuple[str, str]]:
    """(property, what is wrong), the worst first."""
    release, platform = view.context.release, view.context.platform
    if not release.scmi_smc:
        yield "compatible", f"Xen {release.version} forwards no SCMI call of a guest"
    prop = node.get("arm,smc-id")
    if prop is None or len(prop.value) != 4:
        yield "arm,smc-id", "it has no arm,smc-id"
    for bus in node.ancestors():
        if view.has(bus) and bus not in view.tops and not _BUSES.intersection(bus.compatible):
            what = f"{bus.path} is no simple-bus, and Linux makes no device of what is below it"
            yield "compatible", what
    memory = shared_memory(view.tree, node)
    if not node.has("shmem"):
        yield "shmem", "it names no shared memory"
    for one in memory:
        if SHMEM not in one.compatible:
            yield "shmem", f"{one.path} is not compatible with {SHMEM}"
    if platform is None:
        return
    host = mediator(platform.tree, view.context.marked)
    if host.node is None:
        yield "compatible", f"Xen forwards no SCMI here: {host.why}"
    elif prop is not None and int.from_bytes(prop.value, "big") != host.function:
        yield "arm,smc-id", f"the host's number is {host.function:#x} ({host.node.path})"


def asked_for(view: View) -> Iterator[Finding]:
    """The domain's node, if it is known, asks for SCMI."""
    context = view.context
    if context.sci in (None, SCMI_SMC) or not TYPE_MISSING.applies(context.release):
        return
    for node in scmi_nodes(view):
        message = f"{node.path}: the domain has no xen,sci_type that asks for SCMI"
        yield TYPE_MISSING(message, node=node.path)


CHECKS: tuple[Check, ...] = (answered, asked_for)
