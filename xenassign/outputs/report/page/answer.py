"""The top of the report: what goes to whom, whether it holds, what is forced, what dom0 keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from xenassign.errors import UsageError
from xenassign.findings import SEVERITIES, Finding, Rule
from xenassign.outputs.hosts import Built, Refusal
from xenassign.outputs.report.address_map import most_memory
from xenassign.outputs.report.matrix import summary
from xenassign.outputs.report.messages import ranked
from xenassign.outputs.report.page.panels import pages_text, protection_text
from xenassign.outputs.report.who_has_what import Ownership, asked, intids_text, place_of
from xenassign.planning.kept_firmware import within
from xenassign.planning.plan import DomainPlan, HostKeep, PlannedDevice
from xenassign.request.origin import origin_of
from xenassign.system.system import SystemPlan

_EFFECTS = {
    "rejected": "Xen or xl refuses the domain",
    "broken": "the guest cannot use the device",
    "unsafe": "isolation or memory is at risk",
    "portability": "depends on build, board or guest",
    "style": "has no effect",
    "unknown": "depends on what was not given",
}
#: A warning is about what may be.
_MAY = {
    **_EFFECTS,
    "broken": "the guest may be unable to use the device",
    "unsafe": "isolation or memory may be at risk",
}
#: A note states no harm.
_BY_SEVERITY = {"error": _EFFECTS, "warning": _MAY, "note": dict.fromkeys(_EFFECTS, "")}


class DeviceLine(NamedTuple):
    """A device on the card of its domain. ``source``: the option or the line that requests it."""

    path: str
    name: str
    pages: str
    intids: str
    protection: str
    safe: bool
    source: str


class DomainCard(NamedTuple):
    """What a domain gets. ``number``: of its colour. ``source``: its line of xenassign.toml."""

    number: int
    name: str
    facts: tuple[str, ...]
    devices: tuple[DeviceLine, ...]
    regions: tuple[str, ...]
    source: str


class FindingLine(NamedTuple):
    """A finding, or an error of the request, for which ``code`` is ""."""

    severity: str
    code: str
    title: str
    effect: str
    domain: str
    message: str
    fix: str
    accepted: bool


class KeepLine(NamedTuple):
    """A supply that dom0 must leave on or set up."""

    kind: str
    provider: str
    arguments: str
    users: str
    domains: str


class Answer(NamedTuple):
    """The values of the first section. ``rules``: of the findings, whose texts the report has."""

    holds: bool
    headline: str
    points: tuple[str, ...]
    summary: tuple[str, ...]
    cards: tuple[DomainCard, ...]
    keeps: tuple[KeepLine, ...]
    keeps_by_kind: tuple[tuple[str, int], ...]
    kept_on: tuple[str, ...]
    dom0_options: tuple[str, ...]
    findings: tuple[FindingLine, ...]
    counts: tuple[tuple[str, int], ...]
    rules: tuple[Rule, ...]


def answer(system: SystemPlan, owned: Ownership, built: Built, board: str) -> Answer:
    """The answer for a system. ``board``: the file of its tree, which findings name."""
    refusals = [r for r in built.refusals if not isinstance(r, Finding) or r.file == board]
    known = ranked(f for f in built.findings if f.file in (None, board))
    lines = [line for refusal in refusals for line in _of_refusal(refusal)]
    refused = {(line.code, line.message) for line in lines}  # --strict makes errors of warnings
    others = (_line(finding) for finding in known)
    lines += [line for line in others if (line.code, line.message) not in refused]
    lines.sort(key=lambda line: SEVERITIES.index(line.severity))
    rules = {f.rule.code: f.rule for f in (*known, *refusals) if isinstance(f, Finding)}
    counts = Counter(line.severity for line in lines)
    keeps = _keeps(system)
    shared = tuple(summary(owned))
    return Answer(
        holds=not refusals,
        headline=_headline(system, refusals, counts["error"]),
        points=(*_forced(system), *shared),
        summary=shared,
        cards=tuple(_card(number, plan) for number, plan in enumerate(system.domains)),
        keeps=keeps,
        keeps_by_kind=tuple(Counter(keep.kind for keep in keeps).items()),
        kept_on=tuple(dict.fromkeys(p for plan in system.domains for p in plan.kept_on)),
        dom0_options=tuple(dict.fromkeys(o for plan in system.domains for o in plan.dom0_options)),
        findings=tuple(lines),
        counts=tuple((severity, counts[severity]) for severity in SEVERITIES if counts[severity]),
        rules=tuple(rules[code] for code in sorted(rules)),
    )


def _headline(system: SystemPlan, refusals: Sequence[Refusal], errors: int) -> str:
    plans = system.domains
    devices = [device for plan in plans for device in plan.devices]
    names = f"{len(plans)} domains" if len(plans) > 1 else plans[0].name
    if not refusals:
        return f"Yes: {_devices(len(devices))} can go to {names}"
    at = {r.node for r in refusals if isinstance(r, Finding) and r.node is not None}
    blocked = [d for d in devices if any(within(path, d.path) for path in at)]
    count = f"{errors} error{'s' * (errors != 1)}"
    if not blocked:
        return f"No: generate would refuse {names} ({count})"
    some = _devices(len(blocked)) if len(blocked) == len(devices) else _part(blocked, devices)
    return f"No: {some} cannot go to {names} like this ({count})"


def _devices(number: int) -> str:
    return f"{number} device{'s' * (number != 1)}"


def _part(blocked: Sequence[PlannedDevice], devices: Sequence[PlannedDevice]) -> str:
    """The refused devices among others: a single one by its name."""
    if len(blocked) == 1:
        return blocked[0].path.rpartition("/")[2]
    return f"{len(blocked)} of {_devices(len(devices))}"


def _forced(system: SystemPlan) -> list[str]:
    """What the user has forced, with the reason, and how the DMA of the others is confined."""
    lines = []
    for plan in system.domains:
        for device in plan.devices:
            if device.forced and device.accepted is not None:
                reason = device.accepted.reason
                why = f": {reason}" if reason else ", and no reason is stated"
                origin = origin_of(device.accepted.node)
                place = f" ({place_of(origin)})" if origin is not None else ""
                forced = f"{device.path} is forced to {plan.name} without an IOMMU"
                lines.append(f"{forced}{why}{place}")
    devices = [device for plan in system.domains for device in plan.devices]
    if devices and all(map(_is_confined, devices)):
        lines.append("All DMA is confined: each device is behind an IOMMU or does no DMA.")
    return lines


def _is_confined(device: PlannedDevice) -> bool:
    return device.protection.protected or device.host.dma.answer == "no"


def _card(number: int, plan: DomainPlan) -> DomainCard:
    request = plan.request
    memory = f"{request.memory} MiB" if request.memory is not None else "memory not given"
    vcpus = "vCPUs not given" if request.vcpus is None else f"{request.vcpus} vCPU"
    facts = (
        f"{memory} (at most {most_memory(plan)})",
        vcpus + "s" * (request.vcpus not in (None, 1)),
        " and ".join(request.routes),
    )
    devices = tuple(
        DeviceLine(
            device.path,
            device.path.rpartition("/")[2],
            pages_text(sum(mapping.size for mapping in device.mappings)),
            intids_text(device.irqs),
            protection_text(device),
            _is_confined(device),
            asked(plan, device)[1],
        )
        for device in plan.devices
    )
    regions = tuple(f"{region.path}: {region.why}" for region in plan.regions)
    source = place_of(request.origin) if request.origin is not None else ""
    return DomainCard(number, plan.name, facts, devices, regions, source)


def _keeps(system: SystemPlan) -> tuple[KeepLine, ...]:
    """The supplies of all domains, each once with its users."""
    users: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    domains: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for plan in system.domains:
        for keep in plan.host_keeps:
            key = _key(keep)
            users.setdefault(key, []).extend(keep.users)
            domains.setdefault(key, []).append(plan.name)
    return tuple(
        KeepLine(
            kind,
            provider,
            " ".join(f"{cell:#x}" for cell in args),
            ", ".join(dict.fromkeys(users[kind, provider, args])),
            ", ".join(dict.fromkeys(domains[kind, provider, args])),
        )
        for kind, provider, args in users
    )


def _key(keep: HostKeep) -> tuple[str, str, tuple[int, ...]]:
    return keep.kind, keep.provider, keep.args


def _of_refusal(refusal: Finding | UsageError) -> list[FindingLine]:
    if isinstance(refusal, Finding):
        return [_line(refusal)]
    invalid = "the request is invalid for this board"
    return [FindingLine("error", "", invalid, "", "", line, "", False) for line in refusal.lines]


def _line(finding: Finding) -> FindingLine:
    node = f"{finding.node}: " if finding.node and finding.node not in finding.message else ""
    return FindingLine(
        finding.severity,
        finding.code,
        finding.rule.title,
        _BY_SEVERITY[finding.severity][finding.effect],
        finding.domain or "",
        f"{node}{finding.message}",
        finding.fix,
        finding.accepted,
    )
