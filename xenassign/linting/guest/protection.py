"""Rules about IOMMU protection: unprotected DMA masters, and properties about the host's IOMMU.

Xen accepts all of it without an error; the rules about what it refuses are in
:mod:`xenassign.linting.verdict.dom0less`.
"""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.linting.guest.view import Check, View
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.xen.releases import FORCE

FORCE_NOT_NEEDED = rule(
    "XA419", "force-not-needed", "note", "style", routes=DOM0LESS, needs_host=True
)
FORCE_IGNORED = rule("XA420", "force-ignored", "note", "style", routes=DOM0LESS)
IOMMUS_LEFT = rule("XA421", "iommus-left", "warning", "broken")

_IOMMU_PROPERTIES = frozenset({"iommus", "iommu-map", "mmu-masters"})
_NOT_READ = "xen,smmu-stream-ids"


def is_iommu_property(prop: str) -> bool:
    """Whether a property is about the host's IOMMU, which only XA421 reports."""
    return prop in _IOMMU_PROPERTIES


def iommus_left(view: View) -> Iterator[Finding]:
    """Properties about the host's IOMMU, and not about one of the guest."""
    for node in view.copied:
        for name in node.properties:
            if name in _IOMMU_PROPERTIES:
                iommu = _provider(view, node, name)
                if iommu is None or not _of_guest(iommu):
                    message = f"{node.path} has the host's {name}"
                    severity = None if iommu is None else "error"
                    yield IOMMUS_LEFT(message, node=node.path, prop=name, severity=severity)
            elif name == _NOT_READ:
                message = f"{node.path} has {name}, which no release of Xen reads"
                yield IOMMUS_LEFT(message, node=node.path, prop=name, severity="note")


def _provider(view: View, node: Node, name: str) -> Node | None:
    """The node of the guest that the property's first phandle names."""
    value = node.properties[name].value[:4]
    provider = view.tree.phandles.get(int.from_bytes(value, "big"))
    return provider if provider is not None and view.has(provider) else None


def _of_guest(iommu: Node) -> bool:
    """Whether the guest has an IOMMU: that of Xen's grants, or an assigned one with its registers.

    Xen drives few kinds: that of a Rockchip video decoder, say, goes to the guest with the decoder.
    """
    return "xen,grant-dma" in iommu.compatible or iommu.has("xen,reg")


def force_not_needed(view: View) -> Iterator[Finding]:
    """Protected devices with xen,force-assign-without-iommu."""
    platform, iommus = view.context.platform, view.context.iommus
    if platform is None or iommus is None:
        return
    from xenassign.xen.iommu import protection

    for partial, host in view.assigned:
        if partial.forced:
            shield = protection(platform, iommus, host)
            if shield.protected:
                message = f"{partial.node.path}: {host.path} is protected by {shield.why}"
                yield FORCE_NOT_NEEDED(message, node=partial.node.path, prop=FORCE)


def force_ignored(view: View) -> Iterator[Finding]:
    """Nodes that assign nothing, with xen,force-assign-without-iommu."""
    for node in view.copied:
        read = ("xen,path", *view.context.release.reg_properties)
        if node.has(FORCE) and not any(map(node.has, read)):
            message = f"{node.path} has neither xen,reg nor xen,path"
            yield FORCE_IGNORED(message, node=node.path, prop=FORCE)


def forced(view: View) -> Iterator[Finding]:
    """Forced devices that are DMA masters, or may be."""
    platform, iommus, inside = view.context.platform, view.context.iommus, view.scope
    if platform is None or iommus is None or inside is None:
        return
    from xenassign.checks.protection import (
        FORCED,
        FORCED_MASTER,
        MASTER_FORCED,
        TRUST,
        WARNING,
        dma_in_scope,
    )
    from xenassign.xen.iommu import Shield, protection

    for partial, host in view.assigned:
        shield = protection(platform, iommus, host)
        if not partial.forced or shield.protected or shield.shield is Shield.REFUSED:
            continue
        dma = dma_in_scope(inside, host)
        path = partial.node.path
        if dma.answer == "yes":
            direct = view.context.direct_map
            message = (
                f"{path}: {host.path} is not protected ({shield.why}) and masters DMA"
                f" ({dma.evidence}): {'' if direct else 'it '}{MASTER_FORCED[direct]}"
            )
            fix = TRUST if direct else None
            yield FORCED_MASTER(message, node=path, prop=FORCE, routes=DOM0LESS, fix=fix)
        elif dma.answer == "unknown":
            message = f"{path}: {WARNING.format(path=host.path)} Known about it: {dma.evidence}"
            yield FORCED(message, node=path, prop=FORCE, routes=DOM0LESS)


def streams(view: View) -> Iterator[Finding]:
    """Stream IDs that a device of the host has too, and IOMMU drivers that no default build has."""
    platform, iommus = view.context.platform, view.context.iommus
    board, inside = view.board, view.scope
    if platform is None or iommus is None or board is None or inside is None:
        return
    from xenassign.checks.protection import stream_findings
    from xenassign.xen.iommu import protection

    guest_nodes = {host.path: partial for partial, host in view.assigned}
    shields = {host.path: protection(platform, iommus, host) for host in inside.devices}
    for finding in stream_findings(board, inside, shields):
        partial = guest_nodes[finding.node or ""]
        yield finding._replace(node=partial.node.path, prop=partial.prop)


CHECKS: tuple[Check, ...] = (iommus_left, force_not_needed, force_ignored)
