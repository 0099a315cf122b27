"""xen,static-mem of a domain's node, judged by :mod:`xenassign.checks.static_memory`."""

from __future__ import annotations

from collections.abc import Iterator

from xenassign.checks.static_memory import TWICE, Asked, judge
from xenassign.findings import Finding
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import DomainNode, is_compatible
from xenassign.xen.direct_map import overlapping

_PROP = "xen,static-mem"


def check(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """The banks of a node whose xen,static-mem is whole entries, with sizes that memory has."""
    path = domain.node.path
    platform = context.platform
    live = bool(context.host_memory)
    if platform is not None and live:
        platform = platform._replace(memory=context.host_memory)
    asked = Asked(
        context.release,
        domain.banks,
        domain.direct_map,
        domain.vcpus or 1,
        domain.vpl011,
        path,
        _PROP,
        live,
    )
    for finding in judge(platform, asked):
        yield finding._replace(message=f"{path}: {finding.message}")
    yield from _others(domain)


def _others(domain: DomainNode) -> Iterator[Finding]:
    """Domains before it in the same /chosen that have some of its memory."""
    path, parent = domain.node.path, domain.node.parent
    for node in parent.children.values() if parent is not None else ():
        if node is domain.node:
            return
        if not is_compatible(node, "xen,domain"):
            continue
        common = overlapping(domain.banks, DomainNode(node, domain.chosen).banks)
        if common is not None:
            message = f"{path}: {common} is static memory of {node.path} too"
            yield TWICE(message, node=path, prop=_PROP)
