"""The address spaces of several domains on several boards, and the boards' differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from xenassign import escape
from xenassign.outputs.report import address_map as space
from xenassign.outputs.report import hosts
from xenassign.outputs.report.terminal import console
from xenassign.planning.plan import DomainPlan
from xenassign.system.hosts import HostsPlan


def show(plan: HostsPlan, stream: TextIO, only: str | None = None) -> None:
    """Prints the tables one after the other, then the differences. ``only``: this domain's name."""
    shown = _plans(plan, only)
    for number, (host, domain) in enumerate(shown):
        if len(shown) > 1:
            console(stream).print("\n" * bool(number), end="")
            console(stream).print(escape.terminal(f"{domain.name} on {host}"), soft_wrap=True)
        space.show(domain, stream)
    if plan.differences:
        hosts.show(plan, stream)


def to_data(plan: HostsPlan, refusals: Sequence[str], only: str | None = None) -> dict[str, Any]:
    """Schema xenassign/space/1 for one domain on one board, else xenassign/hosts/1 with spaces."""
    shown = _plans(plan, only)
    if len(shown) == 1:
        return space.to_dict(shown[0][1], refusals)
    spaces = [{"host": host, **space.to_dict(domain, ())} for host, domain in shown]
    return {**hosts.to_data(plan), "refusals": list(refusals), "spaces": spaces}


def _plans(plan: HostsPlan, only: str | None) -> list[tuple[str, DomainPlan]]:
    return [
        (host.name, domain)
        for host in plan.hosts
        if host.system is not None
        for domain in host.system.domains
        if only in (None, domain.name)
    ]
