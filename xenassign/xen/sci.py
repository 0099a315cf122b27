"""Which SCMI of a board Xen forwards: the mediator of Xen 4.21 and newer.

Xen searches the host's tree for nodes with "arm,scmi-smc" that are available and not marked
xen,passthrough. The first one with a valid ``arm,smc-id`` becomes the mediator; one without ends
the search. The path of the node does not matter, except that Xen removes only ``/firmware/scmi``
from dom0's tree, and only then dom0 may give the shared memory to a guest. Without a mediator a
request for SCMI is accepted and has no effect. Source: sci_init, scmi_dom0_init,
scmi_smc_domain_init, scmi_smc_dt_handle_node, device_init; all tested on Xen 4.21 and 4.22.
"""

from __future__ import annotations

from typing import NamedTuple

from xenassign.devicetree.addresses import Block, registers
from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Node, PropertyError, Tree

#: The only path that Xen removes from dom0's tree (DT_MATCH_PATH in scmi_smc_dt_handle_node).
SCMI_PATH = "/firmware/scmi"
COMPATIBLE = "arm,scmi-smc"
SHMEM = "arm,scmi-shmem"
#: The command line option of Xen that a guest with SCMI requires (boolean_param).
OPTION = "scmi-smc-passthrough"
#: The only type that a guest can request, apart from "none".
SCMI_SMC = "scmi_smc"


#: The owner of an SMC function: silicon provider. Xen hands over no guest's call of another one.
_SILICON_PROVIDER = 2


def not_forwarded(function: int) -> str | None:
    """Why calls of an SMC function do not reach a mediator, or None: 0x82000000 and so on do.

    Source: vsmccc_handle_call, handle_sip (vsmc.c); ARM DEN 0028, function identifiers.
    """
    if function >> 24 & 0x3F == _SILICON_PROVIDER:
        return None
    return f"{function:#x} is not a function of a silicon provider, as 0x82000010"


class Mediator(NamedTuple):
    """``node``: the SCMI node that Xen forwards to; None if it forwards nothing, with the reason in
    ``why``. ``function``: the SMC function that it forwards."""

    node: Node | None
    why: str
    function: int = 0

    @property
    def kept_from_dom0(self) -> bool:
        """Whether Xen removes the node from dom0's tree, and lets dom0 give its shared memory."""
        return self.node is not None and self.node.path.lower() == SCMI_PATH


def mediator(
    tree: Tree, marked: frozenset[str] = frozenset(), *, outside: Node | None = None
) -> Mediator:
    """The mediator of a board. ``marked``: paths that an overlay marks xen,passthrough;
    ``outside``: nothing below of this node is meant.
    """
    why = f"the board has no node with {COMPATIBLE}"
    for node in tree.nodes():
        if COMPATIBLE not in (text.lower() for text in node.compatible):
            continue
        if outside is not None and outside in node.lineage():
            continue
        if not node.available:
            why = f"{node.path} is disabled"
            continue
        if node.has("xen,passthrough") or node.path in marked:
            why = f"{node.path} is marked xen,passthrough, so Xen ignores it"
            continue
        function = xen_first_number(node.value("arm,smc-id"))
        if function is None:
            return Mediator(None, f"{node.path} has no arm,smc-id")
        return Mediator(node, "", function)
    return Mediator(None, why)


def shared_memory(tree: Tree, node: Node) -> tuple[Node, ...]:
    """The nodes that ``shmem`` of an SCMI node or of a protocol names, without unknown phandles."""
    try:
        phandles = node.cells("shmem")
    except PropertyError:
        return ()
    regions = (tree.phandles.get(phandle) for phandle in phandles)
    return tuple(dict.fromkeys(region for region in regions if region is not None))


def dom0_gives(tree: Tree, marked: frozenset[str] = frozenset()) -> Block | None:
    """The first block of the shared memory, which dom0 may give if it has no SCMI itself."""
    scmi = mediator(tree, marked)
    nodes = shared_memory(tree, scmi.node) if scmi.node and scmi.kept_from_dom0 else ()
    return next((block for node in nodes[:1] for block in registers(node).blocks), None)
