"""The IOMMU policy: which devices are assigned protected, which are forced, which are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xenassign.checks.scope import Scope
from xenassign.devicetree.addresses import on_processor_bus
from xenassign.devicetree.tree import Node
from xenassign.findings import Finding, rule
from xenassign.host.device import Dma, HostDevice
from xenassign.host.neighbours import streams_of
from xenassign.request.request import Accepted, Request
from xenassign.xen.board import Board
from xenassign.xen.iommu import Protection, Shield

UNPROTECTED = rule("XA401", "unprotected-dma-master", "error", "unsafe")
FORCED = rule("XA402", "unprotected", "warning", "unsafe")
FORCED_MASTER = rule("XA403", "unprotected-master-forced", "warning", "unsafe")
STREAMS_OVERLAP = rule(
    "XA408", "streams-overlap", "error", "rejected", applies=lambda xen: xen.smmu_masks_count
)
IOMMU_REFUSES = rule("XA404", "iommu-refuses", "error", "rejected")
PROTECTION_UNKNOWN = rule("XA112", "protection-not-known", "error", "unsafe")
DRIVER_NOT_DEFAULT = rule("XA405", "iommu-driver-not-built", "note", "portability")
STRICT = rule("XA406", "policy-strict", "error", "unsafe")
STREAM_SHARED = rule("XA407", "stream-shared", "error", "unsafe")

#: The words of the discussion on xen-devel (December 2021), kept so that they can be searched for.
WARNING = (
    "device assignment safety for device {path} cannot be verified. Please make sure {path} is not"
    " a DMA mastering device."
)


def dma_in_scope(scope: Scope, device: HostDevice) -> Dma:
    """The DMA evidence of a device, given what it is assigned with."""
    if device.dma.answer == "yes":
        return device.dma
    if not device.blocks and not device.windows and device.registers.mapped:
        return Dma("no", "it has no registers that a guest could program")
    if device.node in scope.inner:
        return Dma("no", "its registers are part of those of an assigned device around it")
    if not device.blocks and not on_processor_bus(device.node) and scope.has(device.node.parent):
        return Dma("no", "it hangs on a bus of an assigned device, which does its DMA")
    return device.dma


#: What becomes of the DMA of a forced master, by whether the domain is direct-map.
MASTER_FORCED = {
    False: "will corrupt memory unless the domain is direct-map",
    True: "its DMA works in this direct-map domain, but reaches all of the host's memory",
}
TRUST = "trust the guest with the whole machine, or do not assign it"


def why_forced(dma: Dma, accepted: Accepted | None = None, direct_map: bool = False) -> str:
    """The comment beside xen,force-assign-without-iommu."""
    because = accepted.because if accepted else ""
    if dma.answer == "yes" and direct_map:
        works = "which works in a direct-map domain alone"
        return f"forced; it masters DMA ({dma.evidence}), {works}{because}"
    if dma.answer == "yes":
        return (
            f"forced ALTHOUGH IT MASTERS DMA ({dma.evidence}): needs a direct-map domain{because}"
        )
    if dma.answer == "unknown":
        return f"forced; whether it masters DMA is not known: {dma.evidence}{because}"
    return f"forced; it masters no DMA: {dma.evidence}{because}"


def accepted_for(device: HostDevice, named: Mapping[Node, Accepted]) -> Accepted | None:
    """The user's option to force a device: for its own node, or for the nearest one above."""
    return next((named[node] for node in device.node.lineage() if node in named), None)


def judge_protection(
    scope: Scope,
    request: Request,
    device: HostDevice,
    protection: Protection,
    named: Mapping[Node, Accepted],
) -> tuple[bool, list[Finding]]:
    """(forced, findings) for one device. ``named``: --force-assign-without-iommu, by node.

    Forcing a node holds for the devices below it too.
    """
    path = device.path
    findings: list[Finding] = []
    if protection.shield is Shield.REFUSED and "dom0less" in request.routes:
        message, route = f"{path}: {protection.why}", ("dom0less",)
        findings.append(IOMMU_REFUSES(message, node=path, prop="iommus", routes=route))
    if protection.protected:
        return False, findings
    dma = dma_in_scope(scope, device)
    unknown = protection.shield is Shield.UNKNOWN
    why = f"{path} is not protected: {protection.why}"
    if unknown:
        why = f"whether {path} is protected is not known: {protection.why}"
    explicit = accepted_for(device, named)
    because = explicit.because if explicit else ""
    bare = not device.blocks and not device.windows and dma.answer == "no"
    if not explicit and not bare and request.policy == "strict":
        refused = PROTECTION_UNKNOWN if unknown else STRICT
        return False, [*findings, refused(why, node=path)]
    if not explicit and request.policy == "auto" and dma.answer != "no":
        evidence = "masters DMA" if dma.answer == "yes" else "may master DMA"
        message = f"{why}; it {evidence} ({dma.evidence})"
        if unknown:
            return False, [*findings, PROTECTION_UNKNOWN(message, node=path)]
        fix = f"if it is safe, say so with --force-assign-without-iommu {path}"
        if dma.answer == "yes":
            fix = f"only a direct-map domain can use it (--force-assign-without-iommu {path}"
            also = "" if "dom0less" in request.routes else " --route dom0less"
            fix += ")" if request.direct_map else f"{also} --direct-map --static-memory BASE:SIZE)"
        return False, [*findings, UNPROTECTED(message, node=path, fix=fix)]
    if dma.answer == "yes":
        becomes = MASTER_FORCED[request.direct_map]
        sign = ";" if request.direct_map else " and"
        if unknown:
            becomes, sign = "without dtdev its DMA fails behind an IOMMU, and corrupts else", ";"
        message = f"{why}; it masters DMA ({dma.evidence}){sign} {becomes}{because}"
        trust = TRUST if request.direct_map else None
        findings.append(FORCED_MASTER(message, node=path, fix=trust))
    else:
        message = f"{WARNING.format(path=path)} Known about it: {dma.evidence}{because}"
        severity = "note" if device.node in scope.inner and dma.answer == "no" else None
        findings.append(FORCED(message, node=path, severity=severity))
    return True, findings


def stream_findings(
    board: Board, scope: Scope, protections: dict[str, Protection]
) -> Iterator[Finding]:
    """Streams of protected devices that a host device has too, and drivers no default build has."""
    driver = board.iommus.active
    protected = [device for device in scope.devices if protections[device.path].protected]
    if protected and driver is not None and not driver.default_build:
        path = protected[0].path
        message = f"{path} is protected by Xen's {driver.name} driver ({driver.kconfig})"
        yield DRIVER_NOT_DEFAULT(message, node=path, prop="iommus")
    for device in protected:
        told: set[Node] = set()
        for iommu, some in streams_of(device):
            masters = board.neighbours.streams.get(iommu)
            for other in masters.sharing(some) if masters is not None else ():
                if not scope.stays_with_host(other) or other in told:
                    continue
                told.add(other)
                message = (
                    f"{device.path} and {other.path}, which stays with the host, have the"
                    f" same stream {some.first:#x}"
                )
                yield STREAM_SHARED(message, node=device.path, prop="iommus")
