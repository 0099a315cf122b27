"""The complete /chosen, read again from the bytes to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xenassign.devicetree.blob import read_blob
from xenassign.devicetree.blob_edit import edited
from xenassign.findings import Finding, errors
from xenassign.linting.verdict.domain import domains
from xenassign.outputs.boot.decide import BootPlan
from xenassign.outputs.domain.check import context_of, node_findings
from xenassign.system.system import SystemPlan


def check(system: SystemPlan, boot: BootPlan, _: Mapping[str, bytes]) -> Iterator[Finding]:
    """The errors in the domains' nodes, in the tree of --chosen and of the U-Boot script."""
    if boot.chosen is None:
        return
    tree = edited(boot.data, boot.changes, system.resolved.platform.tree.file)
    beside_dom0 = any(module.path.startswith("/chosen/module@") for module in boot.modules)
    yield from check_tree(system, tree, beside_dom0)


def check_tree(system: SystemPlan, blob: bytes, beside_dom0: bool) -> Iterator[Finding]:
    """The errors in the nodes that the domains of a system have in a board's tree."""
    platform = system.resolved.platform
    requests = {plan.name: plan.request for plan in system.domains}
    options = frozenset[str]().union(*(request.kconfig for request in requests.values()))
    for domain in domains(read_blob(blob, platform.tree.file)):
        if domain.name in requests:
            context = context_of(requests[domain.name], platform)
            context = context._replace(options=options, beside_dom0=beside_dom0)
            yield from errors(node_findings(domain, requests[domain.name], context))
