"""Predicts from the findings whether the real hypervisor accepts a domain, and what the guest gets.

A domain is rejected on a route exactly if a finding for that route has the effect ``rejected``.
tests/xen boots Xen with the same files and compares. It is unknown if none has that effect, and one
the effect ``unknown``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from xenassign.findings import ROUTES, Finding
from xenassign.formats.xlcfg import Atom
from xenassign.linting.verdict import dom0less, domcfg
from xenassign.linting.verdict.context import Context
from xenassign.linting.verdict.domain import BootModule, DomainNode, context_of


class GuestOutcome(NamedTuple):
    """What the guest gets on a route.

    ``state``: ``not started`` if Xen rejects the domain; ``unsafe`` or ``broken``, with "may be"
    before it if only warnings say so; ``unknown`` if the verdict is; or ``works``. ``codes``: those
    of the findings that say so. Notes say nothing about it.
    """

    state: str
    codes: tuple[str, ...] = ()


#: State of the guest, severity and effect of the findings that it follows from, gravest first.
_STATES = (
    ("unsafe", "error", "unsafe"),
    ("broken", "error", "broken"),
    ("may be unsafe", "warning", "unsafe"),
    ("may be broken", "warning", "broken"),
)


def verdicts(findings: Iterable[Finding]) -> dict[str, str]:
    """``accepted``, ``rejected`` or ``unknown`` for each route."""
    every = list(findings)
    return {route: _verdict(every, route) for route in ROUTES}


def _verdict(findings: list[Finding], route: str) -> str:
    if rejecting(findings, route):
        return "rejected"
    unknown = any(f.effect == "unknown" and route in f.routes for f in findings)
    return "unknown" if unknown else "accepted"


def rejecting(findings: Iterable[Finding], route: str) -> tuple[Finding, ...]:
    """The findings that make the verdict of a route ``rejected``."""
    return tuple(f for f in findings if f.effect == "rejected" and route in f.routes)


def guests(findings: Iterable[Finding], route: str, verdict: str) -> tuple[GuestOutcome, ...]:
    """What the guest gets on a route, gravest first. ``verdict``: that of the route."""
    if verdict == "rejected":
        return (GuestOutcome("not started"),)
    on_route = [finding for finding in findings if route in finding.routes]
    by_effect: dict[str, GuestOutcome] = {}  # what an error states is not repeated as "may be"
    for state, severity, effect in _STATES:
        codes = [f.code for f in on_route if (f.severity, f.effect) == (severity, effect)]
        if codes:
            by_effect.setdefault(effect, GuestOutcome(state, tuple(dict.fromkeys(codes))))
    else_state = "unknown" if verdict == "unknown" else "works"
    return tuple(by_effect.values()) or (GuestOutcome(else_state),)


def predict_dom0less(partial: bytes, context: Context) -> list[Finding]:
    """Findings about a dom0less boot with this blob as the domain's device-tree module."""
    return list(dom0less.check(partial, context))


def predict_domain(
    domain: DomainNode, read: Callable[[BootModule], bytes | None], context: Context
) -> list[Finding]:
    """Findings about a dom0less boot with this node and the partial tree that it names.

    ``read`` returns the bytes in memory of a module; None if they are not known.
    """
    from xenassign.linting.verdict import domain_node, host_dom0
    from xenassign.linting.verdict.module_scan import used_module

    findings = [*domain_node.check(domain, context), *host_dom0.check(context)]
    module = used_module(domain, "device-tree", context)
    data = read(module) if module else None
    if data is not None:
        findings += predict_dom0less(data, context_of(domain, context))
    return findings


def predict_xl(text: str, read: Callable[[str], bytes | None], context: Context) -> list[Finding]:
    """Findings about ``xl create`` with this configuration.

    ``read`` returns the bytes of the file that device_tree names; None if it does not exist.
    """
    from xenassign.linting.verdict import host_dom0

    config = domcfg.read(text, "dom.cfg")
    if isinstance(config, Finding):
        return [config]
    findings = [*domcfg.check(config, context), *host_dom0.check(context)]
    file = config.get("device_tree")
    if isinstance(file, Atom):
        findings += domcfg.check_blob(read(file.text))
    return findings
