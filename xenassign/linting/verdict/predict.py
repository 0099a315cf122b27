"""Predicts from the findings whether the real hypervisor accepts a domain.

A domain is rejected on a route exactly if a finding for that route has the effect ``rejected``.
tests/xen boots Xen with the same files and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xenassign.findings import ROUTES, Finding
from xenassign.formats.xlcfg import Atom
from xenassign.linting.verdict import dom0less, domain_node, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import BootModule, DomainNode, context_of
from xenassign.linting.verdict.module_scan import used_module


def verdicts(findings: Iterable[Finding]) -> dict[str, str]:
    """``accepted`` or ``rejected`` for each route."""
    every = list(findings)
    return {route: "rejected" if rejecting(every, route) else "accepted" for route in ROUTES}


def rejecting(findings: Iterable[Finding], route: str) -> tuple[Finding, ...]:
    """The findings that make the verdict of a route ``rejected``."""
    return tuple(f for f in findings if f.effect == "rejected" and route in f.routes)


def predict_dom0less(partial: bytes, context: Context) -> list[Finding]:
    """Findings about a dom0less boot with this blob as the domain's device-tree module."""
    return list(dom0less.check(partial, context))


def predict_domain(
    domain: DomainNode, read: Callable[[BootModule], bytes | None], context: Context
) -> list[Finding]:
    """Findings about a dom0less boot with this node and the partial tree that it names.

    ``read`` returns the bytes in memory of a module; None if they are not known.
    """
    findings = list(domain_node.check(domain, context))
    module = used_module(domain, "device-tree", context)
    data = read(module) if module else None
    if data is not None:
        findings += predict_dom0less(data, context_of(domain, context))
    return findings


def predict_xl(text: str, read: Callable[[str], bytes | None], context: Context) -> list[Finding]:
    """Findings about ``xl create`` with this configuration.

    ``read`` returns the bytes of the file that device_tree names; None if it does not exist.
    """
    config = domcfg.read(text, "dom.cfg")
    if isinstance(config, Finding):
        return [config]
    findings = list(domcfg.check(config, context))
    file = config.get("device_tree")
    if isinstance(file, Atom):
        findings += domcfg.check_blob(read(file.text))
    return findings
