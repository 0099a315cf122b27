"""The IOMMU policy: which devices are assigned protected, which are forced, which are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from xenassign.checks.connection import Connection, connection
from xenassign.checks.pci_streams import pci_stream_findings
from xenassign.devicetree.addresses import on_processor_bus
from xenassign.findings import Finding, rule
from xenassign.host.device import Dma, HostDevice
from xenassign.host.neighbours import streams_of
from xenassign.xen.iommu import Protection, Shield

if TYPE_CHECKING:
    from xenassign.checks.scope import Scope
    from xenassign.devicetree.tree import Node
    from xenassign.request.request import Accepted, Request
    from xenassign.xen.board import Board

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

#: The wording of the discussion on xen-devel (December 2021), so that it can be searched for.
WARNING = (
    "device assignment safety for device {path} cannot be verified. Please make sure {path} is not"
    " a DMA mastering device."
)


def dma_in_scope(scope: Scope, device: HostDevice) -> Dma:
    """The DMA evidence of a device, given the other devices of the domain."""
    if device.dma.answer == "yes":
        return device.dma
    if not device.blocks and not device.windows and device.registers.mapped:
        return Dma("no", "it has no registers that a guest could program")
    if device.node in scope.inner:
        return Dma("no", "its registers are part of those of an assigned device that encloses it")
    if not device.blocks and not on_processor_bus(device.node) and scope.has(device.node.parent):
        return Dma("no", "it is on a bus of an assigned device, which does its DMA")
    return device.dma


#: What becomes of the DMA of a forced master, by whether the domain is direct-map.
MASTER_FORCED = {
    False: "will corrupt memory unless the domain is direct-map",
    True: "its DMA works in this direct-map domain, but reaches all of the host's memory",
}
#: What helps an unprotected DMA master, without the files of a route.
_FOR_MASTERS = "do not assign it, or use a board whose IOMMU covers it"
_REACHES_ALL = "its DMA then reaches all of the host's memory"
_WITHOUT_DTDEV = (
    "without dtdev its DMA fails if it is behind an IOMMU, and corrupts memory if it is not"
)
TRUST = "trust the guest with the whole machine, or do not assign it"


def why_forced(dma: Dma, accepted: Accepted | None = None, direct_map: bool = False) -> str:
    """The comment beside xen,force-assign-without-iommu."""
    because = accepted.because if accepted else ""
    if dma.answer == "yes" and direct_map:
        limit = "which works in a direct-map domain only"
        return f"forced; it masters DMA ({dma.evidence}), {limit}{because}"
    if dma.answer == "yes":
        return (
            f"forced ALTHOUGH IT MASTERS DMA ({dma.evidence}): needs a direct-map domain{because}"
        )
    if dma.answer == "unknown":
        return f"forced; whether it masters DMA is not known: {dma.evidence}{because}"
    return f"forced; it masters no DMA: {dma.evidence}{because}"


class Unprotected(NamedTuple):
    """How files or options assign a device without protection, for advice in the imperative.

    ``force``: any device. ``direct_map``: by which means a direct-map domain does, if the advice
    has to say it.
    """

    force: str
    direct_map: str = ""

    def advice(
        self, dma: Dma, direct_map: bool = False, connection: Connection | None = None
    ) -> str:
        """What to do about a device that Xen does not protect.

        ``direct_map``: the domain is. ``connection``: with an IOMMU, which the host's tree lacks.
        """
        if dma.answer == "no":
            return f"{self.force}: it does no DMA"
        if connection is not None and connection.certain:
            return f"{connection.advice}; or do not assign it"
        if dma.answer == "unknown":
            harm = "its DMA would corrupt memory of Xen or of other domains"
            return f"{self.force} only if you know that it does no DMA; else {harm}"
        first, only = _FOR_MASTERS, "only "
        if connection is not None:
            first, only = connection.advice, "else only "
        if direct_map:
            return f"{first}; {self.force} only if you accept that {_REACHES_ALL}"
        means = f" ({self.direct_map})" if self.direct_map else ""
        means = f"{only}a direct-map domain can use it{means}"
        return f"{first}; {means}, and {_REACHES_ALL}"


def not_protected(path: str, protection: Protection, dma: Dma) -> str:
    """The message about a device that Xen does not protect: why, and whether that matters."""
    masters = {"yes": "masters DMA", "unknown": "may master DMA", "no": "does no DMA"}[dma.answer]
    return f"{_not_protected(path, protection)}; it {masters} ({dma.evidence})"


def accepted_for(device: Node, options: Mapping[Node, Accepted]) -> Accepted | None:
    """The option that accepts a device: its own, or that of the nearest node above."""
    return next((options[node] for node in device.lineage() if node in options), None)


def judge_protection(
    board: Board,
    scope: Scope,
    request: Request,
    device: HostDevice,
    protection: Protection,
    options: Mapping[Node, Accepted],
) -> tuple[bool, list[Finding]]:
    """(whether it is forced, findings) for one device.

    ``options``: --force-assign-without-iommu by node. It applies to the devices below the node too.
    """
    path = device.path
    findings: list[Finding] = []
    if protection.shield is Shield.REFUSED and "dom0less" in request.routes:
        message, route = f"{path}: {protection.why}", ("dom0less",)
        findings.append(IOMMU_REFUSES(message, node=path, prop="iommus", routes=route))
    if protection.protected:
        return False, findings
    dma, accepted = dma_in_scope(scope, device), accepted_for(device.node, options)
    refusal = _refusal(board, request, device, protection, dma) if accepted is None else None
    if refusal is not None:
        return False, [*findings, refusal]
    because = accepted.because if accepted else ""
    if dma.answer == "yes":
        findings.append(_forced_master(request, path, protection, dma, because))
    else:
        findings.append(_forced(path, dma, because))
    return True, findings


def _forced(path: str, dma: Dma, because: str) -> Finding:
    """A forced device that is not known to master DMA. ``because``: the user's reason."""
    if dma.answer == "no":
        message = f"{path} is assigned without an IOMMU; it does no DMA ({dma.evidence}){because}"
        fix = "check that its registers do not control a DMA master"
        return FORCED(message, node=path, severity="note", fix=fix, accepted=bool(because))
    message = f"{WARNING.format(path=path)} Known about it: {dma.evidence}{because}"
    return FORCED(message, node=path, accepted=bool(because))


def _not_protected(path: str, protection: Protection) -> str:
    """That a device is not protected, or may not be, for a message."""
    if protection.shield is Shield.UNKNOWN:
        return f"whether {path} is protected is not known: {protection.why}"
    return f"{path} is not protected: {protection.why}"


def _refusal(
    board: Board, request: Request, device: HostDevice, protection: Protection, dma: Dma
) -> Finding | None:
    """Why the policy refuses an unprotected device that the user does not force; None if not."""
    path, unknown = device.path, protection.shield is Shield.UNKNOWN
    lacking = connection(board.platform, board.iommus, device, protection, dma)
    if lacking is not None and lacking.why is not None:
        protection = protection._replace(why=lacking.why)
    message = _not_protected(path, protection)
    has_registers = bool(device.blocks or device.windows)
    if request.policy == "strict" and (has_registers or dma.answer != "no"):
        refused = PROTECTION_UNKNOWN if unknown else STRICT
        return refused(message, node=path, fix=lacking.advice if lacking is not None else None)
    if request.policy != "auto" or dma.answer == "no":
        return None
    message = not_protected(path, protection, dma)
    if unknown:
        return PROTECTION_UNKNOWN(message, node=path)
    ways = Unprotected(f"add --force-assign-without-iommu {path}")
    return UNPROTECTED(message, node=path, fix=ways.advice(dma, request.direct_map, lacking))


def _forced_master(
    request: Request, path: str, protection: Protection, dma: Dma, because: str
) -> Finding:
    """A forced device that masters DMA. ``because``: the user's reason, for a message."""
    effect = MASTER_FORCED[request.direct_map]
    sign = ";" if request.direct_map else " and"
    if protection.shield is Shield.UNKNOWN:
        sign, effect = ";", _WITHOUT_DTDEV
    message = f"{_not_protected(path, protection)}; it masters DMA ({dma.evidence}){sign} {effect}"
    fix = TRUST if request.direct_map else None
    accepted = bool(because)
    return FORCED_MASTER(f"{message}{because}", node=path, fix=fix, accepted=accepted)


def stream_findings(
    board: Board, scope: Scope, protections: dict[str, Protection]
) -> Iterator[Finding]:
    """Streams that devices of the host use too, and IOMMU drivers that no default build has."""
    driver = board.iommus.active
    protected = [device for device in scope.devices if protections[device.path].protected]
    if protected and driver is not None and not driver.default_build:
        path = protected[0].path
        message = f"{path} is protected by Xen's {driver.name} driver ({driver.kconfig})"
        yield DRIVER_NOT_DEFAULT(message, node=path, prop="iommus")
    for device in protected:
        yield from pci_stream_findings(device)
        reported: set[Node] = set()
        for iommu, streams in streams_of(device):
            masters = board.neighbours.streams.get(iommu)
            for other in masters.sharing(streams) if masters is not None else ():
                if not scope.stays_with_host(other) or other in reported:
                    continue
                reported.add(other)
                message = (
                    f"{device.path} and {other.path}, which stays with the host, have the"
                    f" same stream {streams.first:#x}"
                )
                yield STREAM_SHARED(message, node=device.path, prop="iommus", others=(other.path,))
