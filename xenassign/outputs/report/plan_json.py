"""Plans and boards as JSON: the schemas xenassign/plan/1 and xenassign/inspect/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xenassign import escape
from xenassign.checks.dom0_tree import no_dom0
from xenassign.findings import Finding
from xenassign.host.platform import Iommu
from xenassign.host.running import Dom0Tree
from xenassign.planning.plan import SCHEMA, DomainPlan, Mapping, PlannedDevice
from xenassign.xen.iommu import Shield
from xenassign.xen.releases import UPSTREAM, Release

if TYPE_CHECKING:
    from xenassign.advice.assess import Assessment, BoardAssessment
    from xenassign.advice.companions import Together
    from xenassign.advice.verdict import Verdict
    from xenassign.host.scmi import ScmiUse


def to_json(value: Any) -> str:
    """Indented JSON text, with a line end."""
    return escape.json_document(value)


def finding(item: Finding) -> dict[str, Any]:
    """A finding of a plan, which has no place in a file."""
    return {
        "code": item.code,
        "severity": item.severity,
        "effect": item.effect,
        "routes": list(item.routes),
        "node": item.node,
        "property": item.prop,
        "message": item.message,
        "fix": item.fix,
    }


def plan(domain: DomainPlan) -> dict[str, Any]:
    """The plan (schema xenassign/plan/1). The fields of outputs (``Output.fields``) are null."""
    drivers = domain.request.drivers
    return {
        "schema": SCHEMA,
        "name": domain.name,
        **xen_of(domain.request.release),
        "routes": list(domain.request.routes),
        "vcpus": domain.request.vcpus,
        "kconfig": sorted(domain.request.kconfig),
        "iommu_drivers": sorted(drivers) if drivers is not None else None,
        "xen_console": domain.request.xen_console,
        "sci": domain.request.sci,
        **({"agent": domain.request.agent} if domain.request.agent is not None else {}),
        "model": domain.model,
        "devices": [_device(device) for device in domain.devices],
        "regions": [
            {
                "path": region.path,
                "guest_path": region.guest_path,
                "mappings": _mappings(region.mappings),
                "users": list(region.users),
                "why": region.why,
            }
            for region in domain.regions
        ],
        "marks": [{"path": mark.path, "why": mark.why} for mark in domain.marks],
        "added": [{"path": change.path, "why": change.why} for change in domain.added],
        "host_keeps": [
            {
                "kind": keep.kind,
                "provider": keep.provider,
                "args": list(keep.args),
                "name": keep.name,
                "users": list(keep.users),
            }
            for keep in domain.host_keeps
        ],
        "kept_on": list(domain.kept_on),
        "dom0_options": list(domain.dom0_options),
        "direct_map": domain.request.direct_map,
        "static_memory": [
            {"base": base, "size": size} for base, size in domain.request.static_memory
        ],
        "node_properties": dict(domain.request.node.properties),
        "shared_memory": [
            {"id": share.id, "role": share.role, **_mappings((share.placed.mapping,))[0]}
            for share in domain.shares
        ],
        "event_channels": [
            {"port": end.port, "remote": end.remote, "remote_port": end.remote_port}
            for end in domain.channels
        ],
        "attach_overlay": None,
        "memory_mb": domain.request.memory,
        "memory_mb_max": domain.memory_mb_max,
        "memory_limited_by": memory_limit(domain),
        "findings": [finding(item) for item in domain.findings],
    }


def xen_of(release: Release) -> dict[str, str]:
    """The release, and whose it is unless it is upstream's."""
    if release.flavour == UPSTREAM:
        return {"xen": release.version}
    return {"xen": release.version, "xen_flavour": release.flavour}


def memory_limit(domain: DomainPlan) -> dict[str, Any] | None:
    """The block that limits the memory to ``memory_mb_max``; None: no block does."""
    limit = domain.memory_limit
    if limit is None:
        return None
    return {
        "path": limit.by,
        "guest": limit.address,
        "bank": limit.bank,
        "memory_mb_max_moved": limit.moved,
        "memory_mb_max_auto": limit.all_moved,
    }


def _mappings(mappings: tuple[Mapping, ...]) -> list[dict[str, int]]:
    return [{"host": m.host, "guest": m.guest, "size": m.size} for m in mappings]


def _device(device: PlannedDevice) -> dict[str, Any]:
    return {
        "path": device.path,
        "guest_path": device.guest_path,
        "mappings": _mappings(device.mappings),
        "irqs": list(device.irqs),
        "protected": device.protection.protected,
        **({"protection_known": False} if device.protection.shield is Shield.UNKNOWN else {}),
        "forced": device.forced,
        "forced_reason": device.accepted.reason if device.accepted else None,
        "dma": device.host.dma.answer,
        "dma_evidence": device.host.dma.evidence,
        "scmi": [{"protocol": s.protocol, "id": s.id} for s in device.host.scmi],
        "edits": [{"property": edit.name, "action": edit.action} for edit in device.edits],
        "suppliers": [
            {
                "node": s.node or device.path,
                "property": s.property,
                "provider": s.provider,
                "action": s.action,
                "why": s.why,
            }
            for s in device.suppliers
        ],
    }


def _scmi_use(use: ScmiUse) -> dict[str, Any]:
    return {
        "protocol": use.protocol,
        "id": use.id,
        "provider": use.provider.path,
        "property": use.prop,
        "name": use.name,
    }


def _scmi_users(board: BoardAssessment) -> list[dict[str, Any]]:
    """Every SCMI id of the board with its users, by provider, protocol and id."""
    return [
        {
            "scmi": first.use.root.path,
            "protocol": first.use.protocol,
            "id": first.use.id,
            "provider": first.use.provider.path,
            "users": [
                {
                    "path": user.node.path,
                    "property": user.use.prop,
                    "name": user.use.name,
                    "available": user.available,
                }
                for user in users
            ],
        }
        for first, users in board.board.by_scmi_id()
    ]


def inspect(board: BoardAssessment, scmi: bool = False) -> dict[str, Any]:
    """A board and its devices (schema xenassign/inspect/1). ``scmi``: with the users of SCMI."""
    platform = board.board.platform
    gic = platform.gic
    return {
        "schema": "xenassign/inspect/1",
        "host": {
            "model": platform.model,
            "compatible": list(platform.tree.root.compatible),
            "gic": {"path": gic.node.path, "version": gic.version} if gic else None,
            "msi": [{"path": msi.node.path, "kind": msi.kind} for msi in platform.msi],
            "iommus": [_iommu(board, iommu) for iommu in platform.iommus],
            "scmi": [
                {
                    "path": provider.node.path,
                    "transport": provider.transport,
                    "protocols": list(provider.protocols),
                }
                for provider in platform.scmi
            ],
            **(
                {"dom0_tree": _dom0_tree(platform.dom0_tree)}
                if platform.dom0_tree is not None
                else {}
            ),
        },
        "devices": [_assessed(device) for device in board.devices],
        "findings": [
            {"code": f.code, "severity": f.severity, "message": f.message, "fix": f.fix}
            for f in no_dom0(board.board, board.board.dom0_obstacles)
        ],
        **({"scmi_users": _scmi_users(board)} if scmi else {}),
    }


def _dom0_tree(dom0: Dom0Tree) -> dict[str, Any]:
    """The release of Xen that made the tree for dom0, and the nodes that it lacks."""
    lost = [
        {"path": node.path, "names": list(node.names), "address": node.address}
        for node in dom0.lost
    ]
    return {"xen": dom0.xen, "lost": lost}


def _iommu(board: BoardAssessment, iommu: Iommu) -> dict[str, Any]:
    driver = board.board.iommus.driver(iommu.node)
    return {
        "path": iommu.node.path,
        "compatible": list(iommu.node.compatible),
        "available": iommu.available,
        "xen_driver": driver.name if driver else None,
    }


def _assessed(assessment: Assessment) -> dict[str, Any]:
    device = assessment.device
    return {
        "path": device.path,
        "compatible": list(device.node.compatible),
        "status": device.node.status,
        "reg": [{"address": b.address, "size": b.size} for b in device.blocks],
        "interrupts": [
            {"intid": line.intid, "kind": line.kind, "trigger": line.trigger}
            for line in device.interrupts
        ],
        "other_interrupts": [
            {"controller": line.controller.path, "specifier": list(line.specifier)}
            for line in device.other_interrupts
        ],
        "iommus": [
            {
                "iommu": use.node.path if use.node else None,
                "args": list(use.args),
                "protects": protects,
            }
            for use, protects in zip(device.iommus, assessment.protection.entries, strict=True)
        ],
        "protected": assessment.protection.protected,
        **({"protection_known": False} if assessment.protection.shield is Shield.UNKNOWN else {}),
        "scmi": [{"protocol": s.protocol, "id": s.id} for s in device.scmi],
        "scmi_uses": [_scmi_use(use) for use in device.scmi_uses],
        "dma": device.dma.answer,
        "dma_evidence": device.dma.evidence,
        "assignable": assessment.assignable,
        "kind": assessment.kind,
        "verdict": _verdict(assessment.verdict),
        "findings": [
            {"code": f.code, "severity": f.severity, "message": f.message}
            for f in assessment.findings
        ],
    }


def together(answer: Together) -> dict[str, Any]:
    """What goes along with a device (of xenassign/inspect/1, with --with)."""
    return {
        "devices": [node.path for node in answer.devices],
        "companions": [
            {
                "need": companion.need,
                "path": companion.node.path,
                "of": companion.of,
                "code": companion.reason.code if companion.reason else None,
                "message": companion.reason.message if companion.reason else None,
            }
            for companion in answer.companions
        ],
        "verdict": _verdict(answer.verdict),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"answer": verdict.answer, "options": list(verdict.options), "why": verdict.why}
