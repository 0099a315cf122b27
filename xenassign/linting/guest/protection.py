"""Rules about IOMMU protection: devices that master DMA, what forces them, and leftovers of it.

What Xen refuses is in :mod:`xenassign.linting.verdict.dom0less`; here is what it accepts silently.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.protection import (
    FORCED,
    FORCED_MASTER,
    MASTER_FORCED,
    TRUST,
    WARNING,
    dma_in_scope,
    stream_findings,
)
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.iommu import Shield, protection

FORCE_NOT_NEEDED = rule(
    "XA419", "force-not-needed", "note", "style", routes=DOM0LESS, needs_host=True
)
FORCE_IGNORED = rule("XA420", "force-ignored", "note", "style", routes=DOM0LESS)
IOMMUS_LEFT = rule("XA421", "iommus-left", "warning", "broken")

_LEFT = frozenset({"iommus", "iommu-map", "mmu-masters"})
_MEANS_NOTHING = "xen,smmu-stream-ids"


def is_left_iommu(prop: str) -> bool:
    """Whether a property is about the host's IOMMU: this module's, and no other rule's."""
    return prop in _LEFT


def iommus_left(view: View) -> Iterator[Finding]:
    """Properties about the host's IOMMU. That of Xen's grants (xen,grant-dma) is the guest's."""
    for node in view.copied:
        for name in node.properties:
            named = _named(view, node, name) if name in _LEFT else None
            if name in _LEFT and (named is None or "xen,grant-dma" not in named.compatible):
                message = f"{node.path} has the host's {name}"
                severity = None if named is None else "error"
                yield IOMMUS_LEFT(message, node=node.path, prop=name, severity=severity)
            elif name == _MEANS_NOTHING:
                message = f"{node.path} has {name}, which no release of Xen reads"
                yield IOMMUS_LEFT(message, node=node.path, prop=name, severity="note")


def _named(view: View, node: Node, name: str) -> Node | None:
    """The node of the guest that the property's first phandle names."""
    value = node.properties[name].value[:4]
    named = view.tree.phandles.get(int.from_bytes(value, "big"))
    return named if named is not None and view.has(named) else None


def force_not_needed(view: View) -> Iterator[Finding]:
    """A force that does nothing."""
    platform, known = view.context.platform, view.context.iommus
    if platform is None or known is None:
        return
    for one, host in view.assigned:
        if one.forced:
            shield = protection(platform, known, host)
            if shield.protected:
                message = f"{one.node.path}: {host.path} is protected by {shield.why}"
                yield FORCE_NOT_NEEDED(message, node=one.node.path, prop=_FORCE)


_FORCE = "xen,force-assign-without-iommu"


def force_ignored(view: View) -> Iterator[Finding]:
    """A force on a node that assigns nothing."""
    for node in view.copied:
        if node.has(_FORCE) and not (node.has("xen,reg") or node.has("xen,path")):
            message = f"{node.path} has neither xen,reg nor xen,path"
            yield FORCE_IGNORED(message, node=node.path, prop=_FORCE)


def forced(view: View) -> Iterator[Finding]:
    """Forced devices that master DMA, or of which nobody knows."""
    platform, known, inside = view.context.platform, view.context.iommus, view.scope
    if platform is None or known is None or inside is None:
        return
    for one, host in view.assigned:
        shield = protection(platform, known, host)
        if not one.forced or shield.protected or shield.shield is Shield.REFUSED:
            continue
        dma = dma_in_scope(inside, host)
        path = one.node.path
        if dma.answer == "yes":
            direct = view.context.direct_map
            message = (
                f"{path}: {host.path} is not protected ({shield.why}) and masters DMA"
                f" ({dma.evidence}): {'' if direct else 'it '}{MASTER_FORCED[direct]}"
            )
            fix = TRUST if direct else None
            yield FORCED_MASTER(message, node=path, prop=_FORCE, routes=DOM0LESS, fix=fix)
        elif dma.answer == "unknown":
            message = f"{path}: {WARNING.format(path=host.path)} Known about it: {dma.evidence}"
            yield FORCED(message, node=path, prop=_FORCE, routes=DOM0LESS)


def protected(view: View) -> Iterator[Finding]:
    """Streams that a host's device has too, and drivers that no default build has."""
    platform, known = view.context.platform, view.context.iommus
    board, inside = view.board, view.scope
    if platform is None or known is None or board is None or inside is None:
        return
    guests = {host.path: one.node.path for one, host in view.assigned}
    shields = {host.path: protection(platform, known, host) for host in inside.devices}
    for finding in stream_findings(board, inside, shields):
        yield finding._replace(node=guests[finding.node or ""], prop="xen,path")


CHECKS: tuple[Check, ...] = (iommus_left, force_not_needed, force_ignored)
