"""Our verdict against the real hypervisor's, on mutants of what xenassign writes.

    python -m tests.xen.agreement [--suite SUITE] [--board BOARD] [--seed N] [--count N] [--xl N]
        [--nodes N] [--patience FACTOR]

runs as many mutants as asked for, on each release and board, and prints those on which the two
differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from tests.answers import generate
from xenassign.devicetree.addresses import Block
from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.host.platform import read_platform
from xenassign.linting.verdict.context import Context, Images
from xenassign.linting.verdict.domain import domains
from xenassign.linting.verdict.predict import (
    predict_dom0less,
    predict_domain,
    predict_xl,
    rejecting,
)
from xenassign.request.request import Request
from xenassign.xen.board import read_board
from xenassign.xen.releases import release

from . import boards
from .boot import (
    STAND_IN,
    STAND_IN_RAMDISK,
    BootError,
    Domain,
    System,
    boot_dom0less,
    boot_system,
    bootargs,
    side_by_side,
    system,
)
from .dom0 import Job, boot_dom0
from .hosttree import with_overlay
from .machine import RELEASES, Machine, board, built, machine
from .mutants import Mutant, NodeMutant, dom0less_mutants, node_mutants, xl_mutants
from .qemu import PLAIN, Load, Setup

#: The drivers of Debian's builds of Xen.
DRIVERS = frozenset({"smmu"})
#: What is given to the guest whose files are mutated, by board; every release takes it.
DEVICES = {
    "virt": ("/pl031@9010000", "/pl061@9030000"),
    "devices": ("/soc/blocks@3000", "/soc/glue@8000", "/soc/supplied@c000", "/soc/nexus@1f000"),
    "smmu": ("/single@a200000", "/streams@a201000", "/bare@a20a000"),
}


class Disagreement(NamedTuple):
    """A mutant on which our verdict is not Xen's. ``ours``: the findings that reject it."""

    route: str
    release: str
    board: str
    number: int
    what: str
    xens: str
    ours: tuple[str, ...]

    def text(self) -> str:
        """One line."""
        ours = "; ".join(self.ours) or "accepted"
        where = f"{self.route} {self.release} {self.board} #{self.number}"
        return f"{where}: {self.what}: Xen: {self.xens or 'accepted'}: we: {ours}"


# ---------------------------------------------------------------------------- what the rules know


@cache
def host_of(name: str) -> bytes:
    """The blob of a board."""
    return boards.board(name, board())


def setup_of(name: str) -> Setup:
    """What a board needs of QEMU: the register pages of its SMMUs are RAM."""
    loads = tuple(Load(data, address) for data, address in boards.loads(name))
    return Setup(memory=3072 if loads else 1024, loads=loads)


@cache
def files_of(name: str, version: str) -> dict[str, bytes]:
    """What xenassign generates for a board's devices, by ending."""
    request = Request(
        DEVICES[name],
        release=release(version),
        policy="trust",
        memory=256,
        vcpus=1,
        drivers=DRIVERS,
    )
    _, files, refused = generate(read_blob(host_of(name), "board.dtb"), request)
    assert not refused, refused
    return {file.partition(".")[2]: content for file, content in files.items()}


@cache
def gic_lines(ready: Machine) -> int:
    """How many lines Xen finds in QEMU's GIC, which differs between releases of QEMU."""
    log = boot_dom0less(ready, files_of("virt", ready.release)["dtb"]).log
    (lines,) = (found[1] for line in log if (found := re.search(r"GICv3: (\d+) lines", line)))
    return int(lines)


def context(ready: Machine, domain: Domain, host: bytes) -> Context:
    """What our rules are told about a dom0less boot of the harness."""
    return _host_context(ready, host)._replace(
        vcpus=domain.vcpus,
        vpl011=domain.vpl011,
        bootargs=bootargs(domain),
        memory=domain.memory * 1024,
        nr_spis=domain.nr_spis,
        beside_dom0=domain.beside_dom0,
        images=Images(len(STAND_IN), STAND_IN_RAMDISK),
    )


def xl_context(ready: Machine, host: bytes) -> Context:
    """What our rules are told about ``xl create``: the host as Xen got it, and the release."""
    return _host_context(ready, host)._replace(beside_dom0=True)


@cache
def _host_context(ready: Machine, host: bytes) -> Context:
    platform = read_platform(read_blob(host, "board.dtb"))
    known = release(ready.release)
    board = read_board(platform, known, DRIVERS)
    lines, options = gic_lines(ready), ready.options
    return Context(known, board, gic_lines=lines, options=options)


def foretold(made: System, known: Context, setup: Setup = PLAIN) -> list[Finding] | None:
    """What we say of the domains in a host's tree; None where Xen finds no domain in it."""
    known = known._replace(host_memory=(Block(0x40000000, setup.memory << 20, 0),))
    nodes = list(domains(read_blob(made.tree)))
    if not nodes:
        return None
    said = (predict_domain(n, lambda m: made.content(m.address, m.size), known) for n in nodes)
    return [finding for findings in said for finding in findings]


# ---------------------------------------------------------------------------- the comparison


#: Seconds after which Xen counts as silent: it stops without a word, or never ends.
PATIENCE = 6
#: The same where Xen may be mapping a large range, page by page.
MAPPING_PATIENCE = 30


def dom0less(
    ready: Machine, name: str, seed: int, count: int, patience: float = MAPPING_PATIENCE
) -> Iterator[Disagreement | None]:
    """Boots each mutant; None where Xen says what we foretold."""
    host, setup = host_of(name), setup_of(name)

    def answer(mutant: Mutant) -> str:
        """Why Xen rejects it, or nothing."""
        try:
            domain = _domain(mutant.domain)
            outcome = boot_dom0less(ready, mutant.data, host, domain, seconds=patience, setup=setup)
            return outcome.message
        except BootError as error:  # Xen hangs or dies: the domain does not come up
            return f"no answer: {error}"

    base = files_of(name, ready.release)["dtb"]
    mutants = dom0less_mutants(base, seed, count, _paths(host))
    with side_by_side() as pool:
        answers = zip(mutants, pool.map(answer, mutants), strict=True)
        for number, (mutant, xens) in enumerate(answers):
            asked = context(ready, _domain(mutant.domain), host)
            ours = rejecting(predict_dom0less(mutant.data, asked), "dom0less")
            what = f"{mutant.what} {dict(mutant.domain) or ''}".strip()
            yield _compared("dom0less", ready, name, number, what, xens, ours)


def xl(ready: Machine, name: str, seed: int, count: int) -> Iterator[Disagreement | None]:
    """Tries each mutant in one dom0; None where xl says what we foretold."""
    files = files_of(name, ready.release)
    host = with_overlay(host_of(name), files["host.dtbo"])
    asked = xl_context(ready, host)
    mutants = xl_mutants(files["cfg"].decode(), files["dtb"], seed, count, _paths(host))
    jobs = [Job(m.cfg, {} if m.partial is None else {"domu1.dtb": m.partial}) for m in mutants]
    outcomes = boot_dom0(ready, host, jobs, setup=setup_of(name)) if jobs else []
    answers = zip(mutants, jobs, outcomes, strict=True)
    for number, (mutant, job, outcome) in enumerate(answers):
        found = predict_xl(job.text(), job.files.get, asked)
        ours = rejecting(found, "xl")
        yield _compared("xl", ready, name, number, mutant.what, outcome.message, ours)


def domain_node(
    ready: Machine, seed: int, count: int, patience: float = PATIENCE
) -> Iterator[Disagreement | None]:
    """Boots each mutant of a domain's node; None where Xen says what we foretold."""
    partial = files_of("virt", ready.release)["dtb"]
    made = system(ready, partial)

    def answer(mutant: NodeMutant) -> str:
        try:
            changed = made._replace(tree=mutant.tree)
            return boot_system(ready, changed, seconds=patience).message
        except BootError as error:
            return f"no answer: {error}"

    mutants = node_mutants(made.tree, "/chosen/domU1", seed, count)
    known = context(ready, Domain(), board())
    with side_by_side() as pool:
        answers = zip(mutants, pool.map(answer, mutants), strict=True)
        for number, (mutant, xens) in enumerate(answers):
            found = foretold(made._replace(tree=mutant.tree), known)
            if found is None and xens:
                yield None
                continue
            ours = rejecting(found or (), "dom0less")
            yield _compared("node", ready, "virt", number, mutant.what, xens, ours)


def _domain(changes: Mapping[str, int]) -> Domain:
    return Domain(
        memory=changes.get("memory", 256),
        vcpus=changes.get("vcpus", 1),
        vpl011=bool(changes.get("vpl011", 1)),
        nr_spis=changes.get("nr_spis"),
    )


def _paths(host: bytes) -> list[str]:
    """The nodes that a mutant's xen,path and dtdev may name."""
    return [node.path for node in read_blob(host).nodes() if "/cpus/" not in node.path]


def _compared(
    route: str,
    ready: Machine,
    name: str,
    number: int,
    what: str,
    xens: str,
    ours: Sequence[Finding],
) -> Disagreement | None:
    if bool(ours) == bool(xens):
        return None
    told = tuple(f"{finding.code} {finding.message}" for finding in ours)
    return Disagreement(route, ready.release, name, number, what, xens, told)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Compare our verdicts with the hypervisor's.")
    parser.add_argument("--suite", choices=[*RELEASES, *built()], action="append")
    parser.add_argument("--board", choices=sorted(DEVICES), action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--patience", type=float, default=1, help="factor of the time limits, for a busy machine"
    )
    parser.add_argument("--count", type=int, default=1000, help="mutants on the route dom0less")
    parser.add_argument("--xl", type=int, default=200, help="mutants on the route xl")
    parser.add_argument("--nodes", type=int, default=500, help="mutants of a domain's node")
    asked = parser.parse_args()
    total: Counter[bool] = Counter()
    for suite in asked.suite or RELEASES:
        ready = machine(suite)
        patience = asked.patience
        tried = [domain_node(ready, asked.seed, asked.nodes, PATIENCE * patience)]
        for name in asked.board or DEVICES:
            limit = MAPPING_PATIENCE * patience
            tried.append(dom0less(ready, name, asked.seed, asked.count, limit))
            if ready.built is None:
                tried.append(xl(ready, name, asked.seed, asked.xl))
        for found in chain(*tried):
            total[found is None] += 1
            if found is not None:
                print(found.text(), flush=True)
            if total.total() % 500 == 0:
                print(f"{total.total()} mutants so far", flush=True)
    print(f"{total[True]} agree, {total[False]} do not")
    return 1 if total[False] else 0


if __name__ == "__main__":
    sys.exit(main())
