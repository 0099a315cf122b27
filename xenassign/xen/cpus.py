"""CPUs of the host by Xen's numbers: those that it runs on, and lists of them.

Xen gives the CPU that it starts on the number 0, and the others the next ones in the order of
/cpus. Source: dt_smp_init_cpus, smp_get_max_cpus (smpboot.c), domain_vcpu_affinity
(dom0less-build.c).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from xenassign.devicetree.tree import Node
from xenassign.host.boot_arguments import number, value

#: The names of all schedulers (opt_name); not every build has every one.
SCHEDULERS = ("credit", "credit2", "rtds", "arinc653", "null")


def ranges(text: str) -> Iterator[tuple[int, int]]:
    """(first, last CPU), as Xen reads them: no digit is 0, and another separator ends the list."""
    while text:
        start, text = number(text)
        end = start
        if text.startswith("-"):
            end, text = number(text[1:])
        yield start or 0, end or 0
        if not text.startswith(","):
            return
        text = text[1:]


def numbers(text: str) -> set[int]:
    """The CPUs of a list; none of a range whose end is before its start."""
    return {cpu for start, end in ranges(text) for cpu in range(start, end + 1)}


def pool_0(cpus: int, pools: Iterable[Collection[int]]) -> set[int]:
    """The CPUs of Pool-0, where a domain is that names no pool, and dom0. ``cpus``: of the host.

    It is the pool that has CPU 0, or of all CPUs that no pool has. Source:
    btcpupools_allocate_pools (boot-cpupool.c).
    """
    every = [{*pool} for pool in pools]
    first = next((pool for pool in every if 0 in pool), None)
    return first if first is not None else {*range(cpus)}.difference(*every)


def cpu_nodes(root: Node) -> list[Node]:
    """The nodes of the CPUs of a host's tree, in its order."""
    cpus = root.children.get("cpus")
    nodes = cpus.children.values() if cpus is not None else ()
    return [node for node in nodes if node.text("device_type") == "cpu" and node.has("reg")]


def host_cpus(root: Node, xen_bootargs: str) -> int:
    """How many CPUs Xen uses at most."""
    count = len(cpu_nodes(root)) or 1
    limit, _ = number(value(xen_bootargs, "maxcpus") or "")
    return min(count, limit) if limit else count


def absent(text: str, cpus: int) -> int | None:
    """The last CPU of the first range of a list that Xen, which runs on ``cpus``, does not have."""
    return next((end for _, end in ranges(text) if end >= cpus), None)
