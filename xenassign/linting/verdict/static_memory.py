"""Rules about xen,static-mem of a domain's node, with :mod:`xenassign.checks.static_memory`."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.static_memory import COLORED, TWICE, StaticMemory, static_memory_findings
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS
from xenassign.linting.verdict.domain import DomainNode, string
from xenassign.xen.console import console_of_xen
from xenassign.xen.direct_map import overlapping
from xenassign.xen.llc_coloring import COLORING_OPTION, COLORS, coloring

NO_CONSOLE = rule(
    "XA738", "direct-map-nr-spis", "error", "rejected", routes=DOM0LESS, needs_host=True
)
_PROP = "xen,static-mem"


def check(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """Findings about the banks of a node. xen,static-mem has to be well-formed (XA714)."""
    path = domain.node.path
    platform = context.platform
    live = bool(context.host_memory)
    if platform is not None and live:
        platform = platform._replace(memory=context.host_memory)
    memory = StaticMemory(
        context.release,
        domain.banks,
        domain.direct_map,
        domain.vcpus or 1,
        domain.vpl011,
        path,
        _PROP,
        live,
        bootargs=domain.xen_bootargs or "",
    )
    for finding in static_memory_findings(platform, memory):
        yield finding._replace(message=f"{path}: {finding.message}")
    yield from _spis(domain, context)
    yield from _others(domain)
    yield from _colors(domain, context)


def _spis(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """Without nr_spis Xen requires the interrupt of its console, also for no vPL011."""
    if context.platform is None or not domain.direct_map or domain.node.has("nr_spis"):
        return
    console = console_of_xen(context.platform, context.release, domain.xen_bootargs or "")
    if isinstance(console, str):
        path = domain.node.path
        message = f"{path}: direct-map without nr_spis: {console}"
        yield NO_CONSOLE(message, node=path, prop="direct-map")


def _colors(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """Xen that colors the cache has no static memory; it does if a domain has llc-colors."""
    if not COLORED.applies(context.release) or COLORING_OPTION not in context.options:
        return
    path = domain.node.path
    if coloring(domain.xen_bootargs or "").on:
        message = f"{path}: xen,xen-bootargs turns cache coloring on"
        yield COLORED(message, node=path, prop=_PROP)
        return
    for other in domain.same_chosen:
        if string(other.node, COLORS) is not None:
            yield COLORED(f"{path}: {other.node.path} has llc-colors", node=path, prop=_PROP)
            return


def _others(domain: DomainNode) -> Iterator[Finding]:
    """Earlier domains of the same /chosen that have a part of its memory."""
    path = domain.node.path
    for other in domain.same_chosen:
        if other.node is domain.node:
            return
        common = overlapping(domain.banks, other.banks)
        if common is not None:
            message = f"{path}: {common} is static memory of {other.node.path} too"
            yield TWICE(message, node=path, prop=_PROP)
