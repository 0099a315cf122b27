"""Which SCMI of a board Xen forwards: the mediator of Xen 4.21 and newer.

Xen looks through the host's tree for nodes with "arm,scmi-smc" that are available and not marked
xen,passthrough. The first one with a readable ``arm,smc-id`` becomes the mediator; one without ends
the search. Where the node stands is of no account, but dom0 is only kept from ``/firmware/scmi``,
and only then it may give the shared memory to a guest. Without a mediator a request for SCMI is
accepted and does nothing. Source: sci_init, scmi_dom0_init, scmi_smc_domain_init,
scmi_smc_dt_handle_node, device_init; all seen on Xen 4.21 and 4.22.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Node, PropertyError, Tree

#: The one path of which Xen keeps dom0 away (DT_MATCH_PATH in scmi_smc_dt_handle_node).
SCMI_PATH = "/firmware/scmi"
COMPATIBLE = "arm,scmi-smc"
SHMEM = "arm,scmi-shmem"
#: What the command line of Xen needs before a guest can have it (boolean_param).
OPTION = "scmi-smc-passthrough"
#: The only type that a guest can ask for, besides "none".
SCMI_SMC = "scmi_smc"


class Mediator(NamedTuple):
    """``node``: what Xen forwards to, None where it forwards nothing, for which ``why`` is the
    reason. ``function``: the SMC function that it forwards."""

    node: Node | None
    why: str
    function: int = 0

    @property
    def kept_from_dom0(self) -> bool:
        """Whether Xen takes the node out of dom0's tree, and lets dom0 give its shared memory."""
        return self.node is not None and self.node.path.lower() == SCMI_PATH


def mediator(tree: Tree, marked: frozenset[str] = frozenset()) -> Mediator:
    """What Xen forwards on a board. ``marked``: paths that an overlay marks xen,passthrough."""
    why = f"the board has no node with {COMPATIBLE}"
    for node in tree.nodes():
        if COMPATIBLE not in (text.lower() for text in node.compatible):
            continue
        if not node.available:
            why = f"{node.path} is disabled"
            continue
        if node.has("xen,passthrough") or node.path in marked:
            why = f"{node.path} is marked xen,passthrough, and Xen then leaves it alone"
            continue
        function = xen_first_number(node.value("arm,smc-id"))
        if function is None:
            return Mediator(None, f"{node.path} has no arm,smc-id")
        return Mediator(node, "", function)
    return Mediator(None, why)


def shared_memory(tree: Tree, node: Node) -> tuple[Node, ...]:
    """The nodes that ``shmem`` of an SCMI node or of a protocol names; unknown phandles are not."""
    try:
        named = node.cells("shmem")
    except PropertyError:
        return ()
    found = (tree.phandles.get(phandle) for phandle in named)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def dom0_gives(tree: Tree, marked: frozenset[str] = frozenset()) -> Block | None:
    """The shared memory that dom0 may give while it has no SCMI itself: the first block of it."""
    found = mediator(tree, marked)
    nodes = shared_memory(tree, found.node) if found.node and found.kept_from_dom0 else ()
    return next((block for node in nodes[:1] for block in registers(node).blocks), None)
