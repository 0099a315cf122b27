"""The overlay with the agents, and with the access controllers of the devices that domains have.

Applied with the overlays of the domains. It is one for the system: Xen's node has phandles, and
applying a second one with the same node would leave the references of the first without a node.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.blob_writer import to_blob
from xenassign.devicetree.draft import DraftNode, boolean, text
from xenassign.devicetree.local_fixups import with_local_fixups
from xenassign.outputs.boot.sci_changes import AgentChanges, access, config
from xenassign.outputs.domain.text import overlay_source
from xenassign.outputs.sci import OVERLAY, SOURCE
from xenassign.outputs.sci.decide import AgentPlan
from xenassign.system.system import SystemPlan
from xenassign.xen.sci_agents import BINDING, KCONFIG


def write(_: SystemPlan, plan: AgentPlan) -> dict[str, bytes]:
    """The files by name."""
    root = overlay(plan.changes)
    source = overlay_source(_ABOUT.splitlines(), root)
    return {OVERLAY: to_blob(with_local_fixups(root)), SOURCE: source.encode()}


def overlay(changes: AgentChanges) -> DraftNode:
    """The draft of the overlay, without ``__local_fixups__``, which dtc adds itself."""
    above, _, _ = BINDING.parent.rpartition("/")
    body = DraftNode("__overlay__", (boolean("ranges"),), (config(changes),))
    fragments = [(above, body), *_devices(changes)]
    return DraftNode(
        "",
        (),
        tuple(
            DraftNode(f"fragment@{number}", (text("target-path", path),), (content,))
            for number, (path, content) in enumerate(fragments)
        ),
    )


def _devices(changes: AgentChanges) -> Iterator[tuple[str, DraftNode]]:
    for path, ids in changes.permissions.items():
        yield path, DraftNode("__overlay__", (access(ids),))


_ABOUT = f"""\
The agents of the SCMI firmware, for a Xen with the proposed patches that is built with
CONFIG_{KCONFIG}. Apply it to the board's device tree, like the overlays of the domains, before Xen
starts.
"""
