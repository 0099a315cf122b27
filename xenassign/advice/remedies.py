"""The table of remedies: from the findings of a rule to changes that may remove them.

A remedy may propose what does not work: :mod:`xenassign.advice.search` plans each change before it
is shown. It proposes nothing that the user has ruled out with an option, and never
--allow-machine-control. To add one, write a function and a line of ``REMEDIES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from xenassign.advice.change import OptionChange, Options
from xenassign.checks.dma_reach import reach
from xenassign.checks.free_memory import free_range
from xenassign.checks.protection import dma_in_scope
from xenassign.checks.scope import Scope
from xenassign.checks.shared_pages import MOST
from xenassign.devicetree.addresses import registers
from xenassign.devicetree.spans import Span, gaps
from xenassign.devicetree.tree import Node
from xenassign.findings import ROUTES, Finding, every_release, some
from xenassign.host.dma_windows import Inbound
from xenassign.host.platform import Platform
from xenassign.request.request import Request
from xenassign.xen.layout import MIB
from xenassign.xen.releases import RELEASES, UPSTREAM

MEMORY, VCPUS = 512, 1
"""What a domain gets for which the user states none: MiB, and virtual CPUs."""


class Decided(Protocol):
    """What remedies ask of a plan. It is known before the tree of the guest is built."""

    @property
    def request(self) -> Request:
        """The request of the domain."""

    @property
    def called(self) -> Mapping[Node, str]:
        """The requested nodes, with the names that the user gave."""

    @property
    def scope(self) -> Scope:
        """What belongs to the domain."""

    @property
    def memory_mb_max(self) -> int:
        """The most memory in MiB with which nothing overlaps RAM."""


class Case(NamedTuple):
    """A domain as it was planned on a board. ``taken``: memory of others and of boot modules."""

    platform: Platform
    plan: Decided
    taken: tuple[Span, ...] = ()

    @property
    def request(self) -> Request:
        """The request of the domain."""
        return self.plan.request


Findings = Sequence[Finding]
Propose = Callable[[Case, Findings], Iterator[OptionChange]]


def _no_reason(_: Case) -> str:
    return ""


class Remedy(NamedTuple):
    """What may remove the findings of some rules. ``propose`` gets those of one rule, all of them.

    ``otherwise``: why it may propose nothing, as the end of a sentence, or "". ``alone``: whether
    the findings are reason enough for a command, if there is no other.
    """

    codes: tuple[str, ...]
    propose: Propose
    otherwise: Callable[[Case], str] = _no_reason
    alone: bool = True


def _neighbours(_: Case, findings: Findings) -> Iterator[OptionChange]:
    """Assigns those that belong together; a device comes with its subtree."""
    if _crowded(findings):
        return
    others = _others(findings)
    paths = tuple(p for p in others if not any(p.startswith(f"{above}/") for above in others))
    if paths:
        yield OptionChange(
            (("devices", paths),), f"{some(paths)} too, which dom0 loses", "host-loses"
        )


def _crowded(findings: Findings) -> bool:
    """Whether so many nodes share its pages that the plan says to leave the device to the host."""
    return any(len(finding.others) > MOST for finding in findings)


def _shared_pages(_: Case, findings: Findings) -> Iterator[OptionChange]:
    if _crowded(findings):
        return
    others = some(_others(findings)) or "what is in its pages"
    why = f"the guest can change the registers of {others}"
    yield OptionChange((("shared", _nodes(findings)),), why, "page-shared")


def _auto_placement(case: Case, _: Findings) -> Iterator[OptionChange]:
    request = case.request
    if request.direct_map:
        return
    why = "its registers are at other addresses in the guest"
    yield OptionChange((("maps", ("auto",)),), why)
    if request.maps:
        yield OptionChange((("maps", ("auto",)),), why, replaced=frozenset({"maps"}))
    if request.memory is not None and 0 < case.plan.memory_mb_max < request.memory:
        yield OptionChange((("memory", case.plan.memory_mb_max),), "the guest has less memory")


def _no_vpl011(_: Case, __: Findings) -> Iterator[OptionChange]:
    yield OptionChange((("vpl011", False),), "the guest has no emulated UART: use another console")


def _without_dom0(case: Case, _: Findings) -> Iterator[OptionChange]:
    if case.request.routes == ROUTES:
        why = "Xen cannot build dom0 from the tree: the guests run without a dom0"
        yield OptionChange((("routes", ("dom0less",)),), why, "no-dom0")


def _without_xl(case: Case, _: Findings) -> Iterator[OptionChange]:
    if case.request.routes == ROUTES:
        yield OptionChange((("routes", ("dom0less",)),), "no files for xl")


def _without_dom0less(case: Case, _: Findings) -> Iterator[OptionChange]:
    if case.request.routes == ROUTES:
        yield OptionChange((("routes", ("xl",)),), "files for xl only")


def _memory_region(_: Case, findings: Findings) -> Iterator[OptionChange]:
    for action, why in (("map", "the guest gets"), ("drop", "the guest does not get")):
        options = tuple(f"{path}={action}" for path in _others(findings))
        yield OptionChange((("memory_regions", options),), f"{why} {some(_others(findings))}")


def _holder(case: Case, findings: Findings) -> Iterator[OptionChange]:
    """Assigns what has the registers instead of a node that has none, such as a chip on a bus."""
    devices, why = [*case.request.devices], "the device that it is on, with everything on it"
    for node, name in case.plan.called.items():
        if node.path not in _nodes(findings):
            continue
        above = (n for n in node.ancestors() if n.has("compatible") and registers(n).blocks)
        holder = next(above, None)
        ports = next((f.others for f in findings if f.node == node.path), ())  # of a switch
        holders = ports or ((holder.path,) if holder is not None else ())
        if not holders or name not in devices:  # a pattern names it
            return
        at = devices.index(name)
        devices[at : at + 1] = holders
        why = "the controller of the port, and the bus of its switch" if len(ports) > 1 else why
    unique = tuple(dict.fromkeys(devices))
    yield OptionChange((("devices", unique),), why, "host-loses", frozenset({"devices"}))


def _unprotected(case: Case, findings: Findings) -> Iterator[OptionChange]:
    """Forces devices: those of which nothing is known, or all in a direct-map domain."""
    paths = _nodes(findings)
    own = [device for device in case.plan.scope.devices if device.path in paths]
    masters = [d.path for d in own if dma_in_scope(case.plan.scope, d).answer == "yes"]
    force = ("forced", paths)
    if not masters:
        harm = "if it does DMA, it corrupts memory of Xen and of other domains"
        unknown = f"nothing is known about the DMA of {some(paths)}: {harm}"
        yield OptionChange((force,), unknown, "unprotected")
    if case.request.direct_map:
        yield OptionChange((force,), _reaches_all(paths), "unprotected")
    for options in _direct_mapped(case):
        yield OptionChange((force, *options), _reaches_all(paths), "unprotected")


def _reaches_all(paths: Iterable[str]) -> str:
    return f"the DMA of {some(paths)} reaches all of the host's memory: the guest must be trusted"


def _direct_mapped(case: Case) -> Iterator[Options]:
    """The options of a direct-map domain, with memory of the size that is stated, or a usual one.

    None if it is one already, or the user's options rule it out.
    """
    request = case.request
    if request.direct_map or "dom0less" not in request.routes or request.maps:
        return
    taken = (*case.taken, *_out_of_reach(case))
    for mib in (MEMORY, MEMORY // 2) if request.memory is None else (request.memory,):
        bank = free_range(case.platform, mib * MIB, taken)
        if bank is not None:
            yield ("direct_map", True), ("static_memory", (f"{bank.start:#x}:{mib}M",))
            return


def _out_of_reach(case: Case) -> Iterator[Span]:
    """Memory that one of the masters cannot address, which is of no use to their domain."""
    inbound = Inbound(case.platform.tree)
    for device in case.plan.scope.devices:
        if dma_in_scope(case.plan.scope, device).answer == "yes":
            spans = reach(device, inbound.windows(device.node), protected=False)
            if spans is not None:
                yield from gaps(Span(0, 1 << 64), spans)


def _direct_map(case: Case, _: Findings) -> Iterator[OptionChange]:
    """For DMA addresses that no guest knows elsewhere."""
    for options in _direct_mapped(case):
        yield OptionChange(options, "the guest has the host's addresses")


def _newer_xen(case: Case, findings: Findings) -> Iterator[OptionChange]:
    """Each newer release, but the one in development, to which the rule does not apply."""
    if case.request.release.flavour != UPSTREAM:
        return
    *versions, _ = RELEASES
    branch = case.request.release.branch
    applies = findings[0].rule.applies
    for version in versions[versions.index(branch) + 1 :] if branch in versions else ():
        if applies is every_release or not applies(RELEASES[version]):
            why = f"Xen {branch} cannot do it; the board has to run Xen {version}"
            yield OptionChange((("release", version),), why, "newer-xen")


def _memory_and_vcpus(case: Case, _: Findings) -> Iterator[OptionChange]:
    why = "Xen does not boot without memory and vCPUs of the domain"
    vcpus: Options = (("vcpus", VCPUS),) if case.request.vcpus is None else ()
    if case.request.memory is not None:
        yield OptionChange(vcpus, why)
        return
    usual: Options = (("memory", MEMORY), *vcpus)
    yield OptionChange(usual, why)
    if case.plan.memory_mb_max < MEMORY:
        yield OptionChange((("maps", ("auto",)), *usual), why)
        yield OptionChange((("memory", case.plan.memory_mb_max), *vcpus), why)


def _nodes(findings: Findings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.node for finding in findings if finding.node))


def _others(findings: Findings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for finding in findings for path in finding.others))


def _no_range(case: Case) -> str:
    if "dom0less" not in case.request.routes:
        return "and only dom0less has direct-map domains"
    if any(block.size for block in case.platform.memory):
        return "and /memory has no free range for a direct-map domain"
    return (
        "and the tree states no memory, of which a direct-map domain could get a range: give the"
        " tree that the firmware completes (/sys/firmware/fdt of the board), or the range with"
        " --direct-map and --static-memory BASE:SIZE"
    )


#: Of several remedies for a rule all are tried.
REMEDIES = (
    Remedy(("XA101",), _holder),
    Remedy(("XA125",), _without_dom0),
    Remedy(("XA221", "XA311", "XA316", "XA532"), _without_xl),
    Remedy(("XA116", "XA404"), _without_dom0less),
    Remedy(("XA107", "XA201", "XA305", "XA407"), _neighbours),
    Remedy(("XA201",), _shared_pages),
    Remedy(("XA203",), _auto_placement),
    Remedy(("XA306", "XA734"), _no_vpl011),
    Remedy(("XA401",), _unprotected, _no_range),
    Remedy(("XA532",), _memory_region),
    Remedy(("XA011", "XA013", "XA015", "XA521"), _newer_xen),
    # Accepted, but the device will not work.
    Remedy(("XA817",), _memory_and_vcpus),
    Remedy(("XA307", "XA506", "XA535", "XA536"), _neighbours),
    Remedy(("XA426",), _direct_map),
    # It works, until Xen gives the guest grants or foreign memory there.
    Remedy(("XA204",), _auto_placement, alone=False),
)


def remedies(code: str) -> list[Remedy]:
    """Those for the findings of a rule."""
    return [remedy for remedy in REMEDIES if code in remedy.codes]


def hopeless(finding: Finding) -> bool:
    """Whether no remedy ever removes a finding: there is none, or no others to assign too."""
    return all(
        each.propose is _neighbours and not finding.others for each in remedies(finding.code)
    )


def proposals(code: str, case: Case, findings: Findings) -> list[OptionChange]:
    """The changes that may remove the findings of a rule, in the order of the table."""
    return [change for each in remedies(code) for change in each.propose(case, findings)]
