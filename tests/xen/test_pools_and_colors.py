"""CPU pools and cache colors of dom0less domains, by hand: on releases that were built with them.

    XENASSIGN_XEN_4_22=…/xen/xen python -m tests.xen.by_hand pools_and_colors

Pools require CONFIG_BOOT_TIME_CPUPOOLS, colors 4.20 or newer, CONFIG_EXPERT and
CONFIG_LLC_COLORING; Debian's Xen has neither. Without such a release there is no test here, nor a
skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from xenassign.linting.verdict.predict import rejecting

from .agreement import context, foretold
from .boot import Domain, boot_system, system
from .conftest import by_hand
from .hosttree import compiled
from .machine import Machine, board, built, kconfig
from .qemu import Setup

POOLS, COLORS = "BOOT_TIME_CPUPOOLS", "LLC_COLORING"
#: The phandles of QEMU's CPUs and of a clock, which has no reg.
FIRST, SECOND, CLOCK = 0x8002, 0x8001, 0x8000
ON = "llc-coloring=on llc-size=1M llc-nr-ways=16"  # 16 colors
SECONDS = 30


class Case(NamedTuple):
    """A domain's properties and what else is in /chosen, and the rule that foretells a refusal."""

    option: str
    what: str
    more: str
    rule: str = ""
    pools: str = ""
    bootargs: str = ""
    since: str = "4.17"  #: older releases accept it


def pool(name: str, content: str) -> str:
    return f'{name}: {name} {{ compatible = "xen,cpupool"; {content} }};'


def _pools(
    what: str, pools: str, rule: str = "", more: str = "domain-cpupool = <&second>;"
) -> Case:
    return Case(POOLS, what, more, rule, pools)


def _affinity(
    what: str, cpus: str, rule: str = "", own: str = "domain-cpupool = <&second>;"
) -> Case:
    """The second CPU is in a pool, the first one in Pool-0; older releases read no affinity."""
    vcpu = f'vcpu0 {{ compatible = "xen,vcpu"; id = <0>; hard-affinity = "{cpus}"; }};'
    return _pools(f"affinity: {what}", GOOD, rule, own + vcpu)._replace(since="4.21")


def _colors(
    text: str, rule: str = "", bootargs: str = ON, since: str = "4.20", what: str = ""
) -> Case:
    return Case(COLORS, what or repr(text), f'llc-colors = "{text}";', rule, "", bootargs, since)


ONE_CPU = f"cpupool-cpus = <{SECOND:#x}>; "
GOOD, OTHER = pool("second", ONE_CPU), pool("other", ONE_CPU)
CASES = (
    _pools("a pool for the second CPU", GOOD),
    _pools("two pools", GOOD + pool("other", f"cpupool-cpus = <{FIRST:#x}>;")),
    _pools("a scheduler", pool("second", ONE_CPU + 'cpupool-sched = "credit";')),
    _pools("no such scheduler", pool("second", ONE_CPU + 'cpupool-sched = "fair";'), "XA750"),
    _pools("a pool that is not the domain's, without CPUs", GOOD + pool("other", ""), "XA750"),
    _pools("an empty list of CPUs", pool("second", "cpupool-cpus;"), "XA750"),
    _pools("a CPU that no node is", pool("second", "cpupool-cpus = <0x77>;"), "XA750"),
    _pools("no node after a CPU", pool("second", f"cpupool-cpus = <{SECOND:#x} 0x77>;")),
    _pools("0 before a CPU", pool("second", f"cpupool-cpus = <0 {SECOND:#x}>;"), "XA750"),
    _pools("a node without reg", pool("second", f"cpupool-cpus = <{CLOCK:#x}>;"), "XA750"),
    _pools("a CPU in two pools", GOOD + OTHER, "XA750"),
    _pools("a CPU twice", pool("second", f"cpupool-cpus = <{SECOND:#x} {SECOND:#x}>;"), "XA750"),
    _pools("domain-cpupool is a clock", GOOD, "XA750", f"domain-cpupool = <{CLOCK:#x}>;"),
    _pools("domain-cpupool is no node", GOOD, "", "domain-cpupool = <0x77>;"),
    _pools("domain-cpupool is 0", GOOD, "", "domain-cpupool = <0>;"),
    _pools("domain-cpupool is empty", GOOD, "", "domain-cpupool;"),
    _pools("a CPU that Xen does not run on", GOOD, "XA750")._replace(bootargs="maxcpus=1"),
    _affinity("a CPU of the pool", "1"),
    _affinity("a CPU of another pool", "0", "XA718"),
    _affinity("a CPU of Pool-0", "0", "", ""),
    _affinity("a CPU of a pool that is not the domain's", "1", "XA718", ""),
    _colors("0-3"),
    _colors("0-15"),
    _colors("0,2,4-6"),
    _colors("0x3,010"),
    _colors("0-3,0-3"),
    _colors("0-3,"),
    _colors("", "XA751", what="no colors"),
    _colors("16", "XA751"),
    _colors("0-16", "XA751"),
    _colors("0-15,0", "XA751"),
    _colors("3-0", "XA751"),
    _colors("0-3 4", "XA751"),
    _colors("all", "XA751"),
    _colors("128", "XA751"),
    _colors("-3", "XA751", since="4.22"),
    _colors("0-,1-9", "XA751", since="4.22"),
    _colors(",1-9", "XA751", since="4.22"),
    _colors("0-3", "XA751", "", what="coloring is not on"),
    _colors("0-3", "XA751", "llc-coloring=off llc-size=1M llc-nr-ways=16", what="coloring is off"),
    _colors("0-3", "", "llc-size=1M llc-nr-ways=16", what="coloring by size and ways"),
    _colors("16", "XA751", "llc-size=1024 llc-nr-ways=16", what="16 of 16, the size in KiB"),
    _colors("16-20", "", "llc-coloring llc-size=2M llc-nr-ways=16", what="5 of 32"),
    _colors("16", "XA751", "llc-coloring llc-size=2M llc-nr-ways=16", what="one of 32: 96 MiB"),
    Case(COLORS, "static memory, and coloring is on",
        "xen,static-mem = <0 0x80000000 0 0x10000000>;", "XA737", "", ON, "4.20"),
)  # fmt: skip


def _able() -> Iterator[tuple[str, Case]]:
    """The cases that each release can take."""
    for release, path in built().items():
        options = kconfig(path) if path.is_file() else frozenset()
        for case in CASES:
            if case.option in options and (case.rule != "XA737" or "STATIC_MEMORY" in options):
                yield release, case


ABLE = tuple(_able())
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(ABLE)


@pytest.mark.parametrize(
    ("version", "case"), ABLE, ids=[f"{version}-{case.what}" for version, case in ABLE]
)
def test_what_xen_says(version: str, case: Case) -> None:
    ready: Machine = by_hand(version)
    domain = Domain(vcpus=2, more=case.more, edits=(("domU1 {", f"{case.pools} domU1 {{"),))
    setup = Setup(memory=3072, bootargs=case.bootargs)
    booted = system(ready, NOTHING, board(), domain, setup=setup)
    found = foretold(booted, context(ready, domain, board()), setup) or ()
    codes = {finding.code for finding in rejecting(found, "dom0less")}
    message = boot_system(ready, booted, seconds=SECONDS, setup=setup).message
    assert bool(message) == bool(codes), (message, found)
    late = tuple(map(int, version.split("."))) >= tuple(map(int, case.since.split(".")))
    assert codes == ({case.rule} - {""} if late else set())


#: A partial device tree without devices.
NOTHING = compiled("/dts-v1/; / { passthrough { }; };") if ABLE else b""
