"""The verdict of the real hypervisor, foretold by the findings.

A domain is rejected on a route exactly when some finding there has the effect ``rejected``. That
this is what Xen says is proven by tests/xen, which boots Xen with what the rules are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xenassign.findings import ROUTES, Finding
from xenassign.formats.xlcfg import Atom
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import BootModule, DomainNode, context_of
from xenassign.linting.verdict.domain import found as module_of


def verdicts(findings: Iterable[Finding]) -> dict[str, str]:
    """``accepted`` or ``rejected`` for each route."""
    found = list(findings)
    return {route: "rejected" if rejecting(found, route) else "accepted" for route in ROUTES}


def rejecting(findings: Iterable[Finding], route: str) -> tuple[Finding, ...]:
    """The findings that make the verdict of a route ``rejected``."""
    return tuple(f for f in findings if f.effect == "rejected" and route in f.routes)


def foretell_dom0less(partial: bytes, context: Context) -> list[Finding]:
    """What decides about a dom0less boot with this blob as the domain's device-tree module."""
    return list(dom0less.check(partial, context))


def foretell_domain(
    domain: DomainNode, read: Callable[[BootModule], bytes | None], context: Context
) -> list[Finding]:
    """What decides about a dom0less boot with this node, and the partial tree that it names.

    ``read`` gives what lies in memory as the module; None where that is not known.
    """
    found = list(domain_node.check(domain, context))
    module = module_of(domain, "device-tree", context)
    data = read(module) if module else None
    if data is not None:
        found += foretell_dom0less(data, context_of(domain, context))
    return found


def foretell_xl(text: str, read: Callable[[str], bytes | None], context: Context) -> list[Finding]:
    """What decides about ``xl create`` with this configuration.

    ``read`` gives the bytes of the file that device_tree names, None when there is no such file.
    """
    config = domcfg.read(text, "dom.cfg")
    if isinstance(config, Finding):
        return [config]
    found = list(domcfg.check(config, context))
    named = config.get("device_tree")
    if isinstance(named, Atom):
        found += domcfg.blob(read(named.text))
    return found
