"""The address spaces of several domains on several boards, and the boards' differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from xenassign import escape
from xenassign.outputs.report import address_map as space
from xenassign.outputs.report import hosts, matrix, who_has_what
from xenassign.outputs.report.terminal import console
from xenassign.planning.plan import DomainPlan
from xenassign.system.hosts import HostsPlan

Draw = Callable[[DomainPlan, TextIO], None]
"""Prints an address space."""


def show(
    plan: HostsPlan,
    stream: TextIO,
    only: str | None = None,
    *,
    owners: bool = False,
    draw: Draw | None = None,
) -> None:
    """Prints the address spaces one after the other, then the differences.

    ``only``: this domain's name. ``owners``: then also who has what of each board. ``draw``: prints
    one address space; None: as a table.
    """
    shown = _plans(plan, only)
    for number, (host, domain) in enumerate(shown):
        if len(shown) > 1:
            console(stream).print("\n" * bool(number), end="")
            console(stream).print(escape.terminal(f"{domain.name} on {host}"), soft_wrap=True)
        (draw or space.show)(domain, stream)
    for host, owned in _owned(plan) if owners else ():
        title = f"Who has what of {host}:" if len(plan.hosts) > 1 else "Who has what:"
        for line in ("", title, *matrix.text_lines(owned)):
            console(stream).print(escape.terminal(line), soft_wrap=True)
    if plan.differences:
        hosts.show(plan, stream)


def to_data(
    plan: HostsPlan, refusals: Sequence[str], only: str | None = None, *, owners: bool = False
) -> dict[str, Any]:
    """Schema xenassign/space/1 for one domain on one board, else xenassign/hosts/1 with spaces.

    ``owners``: with who has what of each board.
    """
    shown = _plans(plan, only)
    boards = _owned(plan) if owners else ()
    of_boards = [{"host": host, **matrix.to_data(owned)} for host, owned in boards]
    who = {"who_has_what": of_boards} if owners else {}
    if len(shown) == 1:
        return {**space.to_dict(shown[0][1], refusals), **who}
    spaces = [{"host": host, **space.to_dict(domain, ())} for host, domain in shown]
    return {**hosts.to_data(plan), "refusals": list(refusals), "spaces": spaces, **who}


def _owned(plan: HostsPlan) -> Iterator[tuple[str, who_has_what.Ownership]]:
    """Who has what, by the board's name."""
    for host in plan.hosts:
        if host.system is not None and host.system.domains:
            yield host.name, who_has_what.ownership(host.system)


def _plans(plan: HostsPlan, only: str | None) -> list[tuple[str, DomainPlan]]:
    return [
        (host.name, domain)
        for host in plan.hosts
        if host.system is not None
        for domain in host.system.domains
        if only in (None, domain.name)
    ]
