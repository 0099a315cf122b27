"""Rules about the node of a dom0less domain, which :mod:`xenassign.linting.verdict.domain` reads.

Those with the effect ``rejected`` predict that Xen refuses the domain. The rules are in modules by
subject; this module has their order, and those about the node as a whole. Source: create_domUs,
construct_domU (dom0less-build.c; domain_build.c in 4.17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.cache_colors import cache_colors
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.cpupools import cpupool
from xenassign.linting.verdict.dom0less import DOM0LESS, TOO_LARGE, check_limits
from xenassign.linting.verdict.domain import (
    DomainNode,
    context_of,
    domains,
    is_compatible,
    kernels_of_dom0,
)
from xenassign.linting.verdict.domain_memory import direct_map, memory, pool, static_memory
from xenassign.linting.verdict.domain_modules import (
    bootargs,
    cells,
    ignored,
    kernel,
    module_addresses,
    module_registers,
    overlaps,
    replaced,
    shared_memory_not_built,
)
from xenassign.linting.verdict.domain_properties import (
    misread_values,
    not_built,
    passthrough,
    refused_values,
    unknown_properties,
    xenstore,
)
from xenassign.linting.verdict.domain_sci import sci_type
from xenassign.linting.verdict.domain_view import DomainView
from xenassign.linting.verdict.event_channels import check as event_channels
from xenassign.linting.verdict.guest_tree_size import too_large, tree_buffer
from xenassign.linting.verdict.module_scan import no_shared_memory, used_module
from xenassign.linting.verdict.shared_memory import check as check_shared_memory
from xenassign.linting.verdict.vcpu_nodes import vcpu_nodes

NO_CPUS = rule("XA703", "cpus-missing", "error", "rejected", routes=DOM0LESS)
MISPLACED = rule("XA711", "domain-misplaced", "error", "broken", routes=DOM0LESS)
SCANNED_AS_DOM0 = rule("XA722", "modules-taken-for-dom0", "error", "unsafe", routes=DOM0LESS)
STATUS = rule("XA723", "status-ignored", "warning", "unsafe", routes=DOM0LESS)
UNTERMINATED = rule("XA726", "compatible-unterminated", "error", "rejected", routes=DOM0LESS)


def misplaced(tree: Tree) -> Iterator[Finding]:
    """Nodes with "xen,domain" that are not below /chosen, so that Xen does not read them."""
    read = {domain.node for domain in domains(tree)}
    for node in tree.nodes():
        if is_compatible(node, "xen,domain") and node not in read:
            yield MISPLACED(f"{node.path} is not a child of /chosen", node=node.path)


def check(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """Findings about a domain's node."""
    view = DomainView(domain, context)
    for rule_check in CHECKS:
        yield from rule_check(view)


def vcpus(view: DomainView) -> Iterator[Finding]:
    """cpus is missing, without a cell, or 0."""
    count = view.domain.vcpus
    if not count:
        present = view.node.has("cpus")
        problem = "is 0" if count == 0 else "has no cell" if present else "is missing"
        yield NO_CPUS(f"{view.node.path}: cpus {problem}", node=view.node.path, prop="cpus")


def guest_limits(view: DomainView) -> Iterator[Finding]:
    """More vCPUs or interrupt lines than a guest can have."""
    for finding in check_limits(context_of(view.domain, view.context)):
        yield finding._replace(node=view.node.path)


def tree_size(view: DomainView) -> Iterator[Finding]:
    """A guest's tree that does not fit without a partial one: of many vCPUs."""
    if view.domain.incomplete or used_module(view.domain, "device-tree", view.context):
        return
    context = context_of(view.domain, view.context)
    buffer = tree_buffer(context, 0)
    if not buffer.finish():
        message = f"{view.node.path}: {too_large(None, context, buffer.limit)}"
        yield TOO_LARGE(message, node=view.node.path, prop="cpus", routes=DOM0LESS)


def shared_memory(view: DomainView) -> Iterator[Finding]:
    """Static shared memory of a Xen that is built with it."""
    if not no_shared_memory(view.context):
        yield from check_shared_memory(view)


def unterminated(view: DomainView) -> Iterator[Finding]:
    """compatible without a NUL at its end."""
    for node in (view.node, *view.node.children.values()):
        prop = node.get("compatible")
        if prop is not None and prop.value and not prop.value.endswith(b"\0"):
            message = f"{node.path}: compatible has no NUL at its end"
            yield UNTERMINATED(message, node=node.path, prop="compatible")


def modules_of_dom0(view: DomainView) -> Iterator[Finding]:
    """Modules that the scan treats as dom0's; those of no domain are reported with the first."""
    first = next(view.domain.same_chosen, view.domain).node is view.node
    for node in kernels_of_dom0(view.domain, view.release):
        if node is view.node:
            message = f"{node.path}: compatible has another case than xen,domain"
            yield SCANNED_AS_DOM0(message, node=node.path, prop="compatible")
        elif first:
            message = f"{node.path} is not compatible with xen,domain, and has a kernel"
            yield SCANNED_AS_DOM0(message, node=node.path, prop="compatible")


def status(view: DomainView) -> Iterator[Finding]:
    """Disabled nodes: Xen does not read their status."""
    for node in (view.node, *view.node.children.values()):
        if not node.available:
            message = f"{node.path}: status is {node.status!r}"
            yield STATUS(message, node=node.path, prop="status")


CHECKS: tuple[Callable[[DomainView], Iterator[Finding]], ...] = (
    kernel,
    memory,
    vcpus,
    guest_limits,
    tree_size,
    module_registers,
    cells,
    ignored,
    replaced,
    shared_memory_not_built,
    shared_memory,
    passthrough,
    direct_map,
    not_built,
    cache_colors,
    cpupool,
    static_memory,
    sci_type,
    xenstore,
    refused_values,
    misread_values,
    unknown_properties,
    module_addresses,
    overlaps,
    vcpu_nodes,
    event_channels,
    bootargs,
    unterminated,
    modules_of_dom0,
    status,
    pool,
)
