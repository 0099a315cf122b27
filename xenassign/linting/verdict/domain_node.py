"""Rules about the node of a dom0less domain, which :mod:`xenassign.linting.verdict.domain` reads.

Those with the effect ``rejected`` foretell what Xen says. Source: create_domUs, construct_domU
(dom0less-build.c; domain_build.c in 4.17). The rules are in modules by subject; here are their
order, and those about the node as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenassign.devicetree.cells import xen_first_number
from xenassign.devicetree.tree import Tree
from xenassign.findings import Finding, rule
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.dom0less import DOM0LESS, limits
from xenassign.linting.verdict.domain import (
    DomainNode,
    context_of,
    domains,
    is_compatible,
    taken_for_dom0,
)
from xenassign.linting.verdict.domain_memory import direct_map, memory, pool, static_memory
from xenassign.linting.verdict.domain_modules import (
    bootargs,
    cells,
    ignored,
    kernel,
    overlaps,
    places,
    registers_of_modules,
    shadowed,
    shared_memory,
)
from xenassign.linting.verdict.domain_properties import (
    forms,
    not_built,
    passthrough,
    properties,
    values,
    xenstore,
)
from xenassign.linting.verdict.domain_sci import sci_type
from xenassign.linting.verdict.domain_view import DomainView

NO_CPUS = rule("XA703", "cpus-missing", "error", "rejected", routes=DOM0LESS)
MISPLACED = rule("XA711", "domain-misplaced", "error", "broken", routes=DOM0LESS)
VCPU_NODE = rule(
    "XA718",
    "vcpu-node-refused",
    "error",
    "rejected",
    routes=DOM0LESS,
    applies=lambda xen: xen.vcpu_nodes,
)
TAKEN_FOR_DOM0 = rule("XA722", "modules-taken-for-dom0", "error", "unsafe", routes=DOM0LESS)
STATUS = rule("XA723", "status-ignored", "warning", "unsafe", routes=DOM0LESS)
UNTERMINATED = rule("XA726", "compatible-unterminated", "error", "rejected", routes=DOM0LESS)


def misplaced(tree: Tree) -> Iterator[Finding]:
    """Domains that Xen does not see."""
    seen = {domain.node for domain in domains(tree)}
    for node in tree.nodes():
        if is_compatible(node, "xen,domain") and node not in seen:
            yield MISPLACED(f"{node.path} is no child of /chosen", node=node.path)


def check(domain: DomainNode, context: Context) -> Iterator[Finding]:
    """What becomes of a domain with this node."""
    view = DomainView(domain, context)
    for rule_of in CHECKS:
        yield from rule_of(view)


def vcpus(view: DomainView) -> Iterator[Finding]:
    """cpus is there, and not 0."""
    if not view.domain.vcpus:
        what = "is 0" if view.domain.vcpus == 0 else "has no cell" if view.node.has("cpus") else ""
        message = f"{view.node.path}: cpus {what or 'is missing'}"
        yield NO_CPUS(message, node=view.node.path, prop="cpus")


def numbers(view: DomainView) -> Iterator[Finding]:
    """vCPUs and lines are no more than a guest can have."""
    asked = context_of(view.domain, view.context)
    for finding in limits(asked):
        yield finding._replace(node=view.node.path)


def vcpu_nodes(view: DomainView) -> Iterator[Finding]:
    """Nodes with xen,vcpu name vCPUs of the domain."""
    for node in view.node.children.values():
        if not VCPU_NODE.applies(view.release) or not is_compatible(node, "xen,vcpu"):
            continue
        value = xen_first_number(node.value("id"))
        if value is None or value >= (view.domain.vcpus or 0):
            what = "has no id" if value is None else f"has id {value}"
            yield VCPU_NODE(f"{node.path} {what}", node=node.path, prop="id")


def compatible(view: DomainView) -> Iterator[Finding]:
    """compatible is made of whole strings."""
    for node in (view.node, *view.node.children.values()):
        prop = node.get("compatible")
        if prop is not None and prop.value and not prop.value.endswith(b"\0"):
            message = f"{node.path}: compatible has no NUL at its end"
            yield UNTERMINATED(message, node=node.path, prop="compatible")


def as_dom0(view: DomainView) -> Iterator[Finding]:
    """The scan knows the domain for one."""
    if taken_for_dom0(view.domain):
        path = view.node.path
        message = f"{path}: compatible has another case than xen,domain"
        yield TAKEN_FOR_DOM0(message, node=path, prop="compatible")


def status(view: DomainView) -> Iterator[Finding]:
    """Nothing is disabled."""
    for node in (view.node, *view.node.children.values()):
        if not node.available:
            message = f"{node.path}: status is {node.status!r}"
            yield STATUS(message, node=node.path, prop="status")


CHECKS: tuple[Callable[[DomainView], Iterator[Finding]], ...] = (
    kernel,
    memory,
    vcpus,
    numbers,
    registers_of_modules,
    cells,
    ignored,
    shadowed,
    shared_memory,
    passthrough,
    direct_map,
    not_built,
    static_memory,
    sci_type,
    xenstore,
    values,
    forms,
    properties,
    places,
    overlaps,
    vcpu_nodes,
    bootargs,
    compatible,
    as_dom0,
    status,
    pool,
)
