"""Which of the described domains is Xen, which is dom0, and which are guests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xenassign.request.described.facts import HYPERVISOR, Described, Note


class Roles(NamedTuple):
    """``notes``: the domains that are neither, and what was assumed."""

    xen: Described | None
    dom0: Described | None
    guests: tuple[Described, ...]
    notes: tuple[Note, ...]


def roles(domains: Sequence[Described]) -> Roles:
    """The roles of the domains of one system.

    Xen is the domain marked as the hypervisor, else one at EL2 with domains in it. dom0 is a domain
    of that name, else the first that is marked as a machine of Xen, as for Lopper. If nothing is
    Xen, domains on the CPUs that Xen can run on are its guests; one that has everything is dom0.
    """
    xen = next((d for d in domains if HYPERVISOR in d.compatible), None)
    xen = xen or next((d for d in domains if d.level == 2 and _inside(d, domains)), None)
    inside = _inside(xen, domains) if xen is not None else [d for d in domains if d.is_machine]
    notes: list[Note] = []
    if not inside:
        inside = [d for d in domains if not _inside(d, domains) and _may_run(d)]
        if inside:
            text = f"no domain is Xen; {_names(inside)} may run on its CPUs, as guests or dom0"
            notes.append(Note(_file(domains), text))
    dom0 = _dom0(inside)
    flat = xen is None and dom0 is not None and dom0.is_machine
    guests = tuple(domain for domain in inside if domain is not dom0)
    around = {d.where for d in (*inside, *(a for d in inside for a in d.above()))}
    for domain in domains:
        if domain is not xen and domain.where not in around:
            notes.append(Note(domain.where, _why_not(domain, xen)))
    return Roles(dom0 if flat else xen, dom0, guests, tuple(notes))


def _inside(domain: Described, domains: Sequence[Described]) -> list[Described]:
    return [d for d in domains if d.parent is not None and d.parent.where == domain.where]


def _file(domains: Sequence[Described]) -> str:
    return domains[0].where.rpartition(":")[0]


def _names(domains: Sequence[Described]) -> str:
    return ", ".join(domain.name for domain in domains)


def _may_run(domain: Described) -> bool:
    return not domain.cpus or any(cpus.on_xen for cpus in domain.cpus)


def _dom0(inside: Sequence[Described]) -> Described | None:
    named = [d for d in inside if d.name.lower().replace("-", "").replace("_", "") == "dom0"]
    marked = [d for d in inside if d.is_machine]
    everything = [d for d in inside if any(a.name == "*" for a in d.access) and not scope(d)]
    return next(iter((*named, *marked, *everything)), None)


def scope(domain: Described) -> Described | None:
    """The nearest domain around it with devices, among which its patterns choose."""
    return next((above for above in domain.above() if above.access), None)


def _why_not(domain: Described, xen: Described | None) -> str:
    clusters = sorted({cpus.cluster for cpus in domain.cpus})
    if clusters and not _may_run(domain):
        why = f"it runs on {', '.join(clusters)}, without Xen"
    elif xen is not None:
        why = f"it is not directly in {xen.name}, which is Xen"
    else:
        why = "it is neither Xen nor a domain on its CPUs"
    devices, banks = len(domain.access), len(domain.memory)
    has = [f"{devices} {'device' if devices == 1 else 'devices'}"] if devices else []
    has += [f"{banks} {'bank' if banks == 1 else 'banks'} of memory"] if banks else []
    lost = f", with {' and '.join(has)}" if has else ""
    return f"the domain {domain.name} is left out{lost}: {why}"
