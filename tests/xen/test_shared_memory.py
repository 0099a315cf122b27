"""Static shared memory, by hand: on releases of Xen that were built with it.

    XENASSIGN_XEN_4_22=…/xen/xen python -m pytest tests/xen/test_shared_memory.py

It is built with CONFIG_UNSUPPORTED, CONFIG_STATIC_MEMORY and CONFIG_STATIC_SHM, which Debian's is
not; without such a release there is no test here, nor a skip.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import pytest

from xenassign.devicetree.addresses import Block
from xenassign.devicetree.blob import read_blob
from xenassign.findings import Finding
from xenassign.linting.verdict.domain import domains
from xenassign.linting.verdict.predict import predict_domain, rejecting
from xenassign.xen.layout import MIB
from xenassign.xen.releases import RELEASES as KNOWN

from .agreement import context
from .boot import MODULES_AT, Domain, System, boot_system, module, system
from .conftest import by_hand
from .hosttree import compiled
from .machine import Machine, board, built, kconfig
from .qemu import NoAnswerError, Setup
from .test_direct_map import host_with

OPTION = "STATIC_SHM"
RELEASES = [v for v, path in built().items() if path.is_file() and OPTION in kconfig(path)]
#: pytest collects nothing of a module that says no. Empty parameters would count as a skip.
__test__ = bool(RELEASES)

HOST = 3072  # MiB
SECONDS = 8  # after which Xen counts as silent
AT, GUEST, PAGE = 0x70000000, 0x50000000, 0x1000


@pytest.fixture(scope="module", params=RELEASES)
def ready(request: pytest.FixtureRequest) -> Machine:
    """Each release that was built with static shared memory."""
    return by_hand(request.param)


def shm(*numbers: int, shm_id: str = "buffer-0", role: str | None = "owner", name: str = "") -> str:
    """A node of shared memory: [host] guest size, in 2/2 cells."""
    cells = " ".join(f"{n >> 32:#x} {n & 0xFFFFFFFF:#x}" for n in numbers)
    said = "" if role is None else f'role = "{role}";'
    return (
        f'shm@{name or "0"} {{ compatible = "xen,domain-shared-memory-v1"; {said}'
        f' xen,shm-id = "{shm_id}"; xen,shared-mem = <{cells}>; }};'
    )


class Case(NamedTuple):
    """Shared memory of one domain, or of two, and the rules that foretell Xen's answer."""

    what: str
    node: str
    codes: frozenset[str] = frozenset()
    other: str | None = None  #: the nodes of a second domain, after the first
    direct: bool = False
    host: str = ""  #: source text behind the board's
    since: str = "4.17"  #: older releases accept it
    until: str = ""  #: this release and newer ones accept it


_BAD, _CLASH = frozenset({"XA742"}), frozenset({"XA743"})
GOOD = shm(AT, GUEST, PAGE)
CASES = (
    Case("an owner", GOOD),
    Case("no role", shm(AT, GUEST, PAGE, role=None)),
    Case("a borrower alone", shm(AT, GUEST, PAGE, role="borrower")),
    Case("owner and borrower", GOOD, other=shm(AT, GUEST + PAGE, PAGE, role="borrower")),
    Case("borrower and owner", shm(AT, GUEST, PAGE, role="borrower"), other=shm(AT, GUEST, PAGE)),
    Case("no roles", shm(AT, GUEST, PAGE, role=None), other=shm(AT, GUEST, PAGE, role=None)),
    Case("an id of 15 characters", shm(AT, GUEST, PAGE, shm_id="x" * 15)),
    Case("an id of 16 characters", shm(AT, GUEST, PAGE, shm_id="x" * 16), _BAD),
    Case("an empty id", shm(AT, GUEST, PAGE, shm_id=""), _BAD),
    Case("another role", shm(AT, GUEST, PAGE, role="Owner"), _BAD),
    Case("a host address in a page", shm(AT + 0x800, GUEST, PAGE), _BAD),
    Case("a guest address in a page", shm(AT, GUEST + 0x800, PAGE), _BAD),
    Case("a size in a page", shm(AT, GUEST, 0x800), _BAD),
    Case("a size of 0", shm(AT, GUEST, 0), _BAD),
    Case("four numbers", shm(AT, GUEST, PAGE, 0), _BAD),
    Case("no host address", shm(GUEST, PAGE), _BAD, until="4.19"),
    Case(
        "no host address, twice",
        shm(GUEST, PAGE),
        _BAD,
        other=shm(GUEST, PAGE, role="borrower"),
        until="4.19",
    ),
    Case("an owner twice", GOOD, _CLASH, other=GOOD),
    Case("an owner and no role", GOOD, _CLASH, other=shm(AT, GUEST, PAGE, role=None)),
    Case("no role and an owner", shm(AT, GUEST, PAGE, role=None), _CLASH, other=GOOD),
    Case(
        "one id, two addresses",
        GOOD,
        _CLASH,
        other=shm(AT + PAGE, GUEST, PAGE, role="borrower"),
        since="4.19",
    ),
    Case(
        "one id, two sizes",
        GOOD,
        _CLASH,
        other=shm(AT, GUEST, 2 * PAGE, role="borrower"),
        since="4.19",
    ),
    Case("two ids, one region", GOOD, _CLASH, other=shm(AT, GUEST, PAGE, shm_id="other")),
    Case(
        "two ids, an overlap",
        shm(AT, GUEST, 2 * PAGE),
        _CLASH,
        other=shm(AT + PAGE, GUEST, 2 * PAGE, shm_id="other"),
    ),
    Case(
        "two regions",
        GOOD + shm(AT + PAGE, GUEST + PAGE, PAGE, shm_id="other", name="1"),
    ),
    Case(
        "static memory",
        f"xen,static-mem = <0 {AT:#x} 0 {256 * MIB:#x}>; {shm(AT + PAGE, GUEST, PAGE)}",
        _CLASH,
    ),
    Case("the kernel", shm(MODULES_AT, GUEST, PAGE), _CLASH, since="4.18"),
    Case("above the RAM", shm(0x200000000, GUEST, PAGE), frozenset({"XA731"})),
    Case(
        "a reserved region",
        GOOD,
        frozenset({"XA732"}),
        host=f"""/ {{ reserved-memory {{ #address-cells = <2>; #size-cells = <2>; ranges;
            r@{AT:x} {{ reg = <0 {AT:#x} 0 0x100000>; no-map; }}; }}; }};""",
        since="4.19",
    ),
    Case(
        "a whole reservation",
        GOOD,
        frozenset({"XA732"}),
        host=f"/memreserve/ {AT:#x} 0x100000;",
        since="4.19",
    ),
    Case("direct-map", shm(AT, AT, PAGE), direct=True),
    Case(
        "direct-map, elsewhere",
        shm(AT, AT + PAGE, PAGE),
        frozenset({"XA744"}),
        direct=True,
        since="4.19",
    ),
    Case("in the guest's RAM", shm(AT, 0x41000000, PAGE)),
)


def expected(case: Case, release: str) -> frozenset[str]:
    """The rules for a release."""
    versions = list(KNOWN)
    at = versions.index(release)
    late = case.until and at >= versions.index(case.until)
    return frozenset() if late or at < versions.index(case.since) else case.codes


def made(ready: Machine, case: Case, host: bytes) -> tuple[System, Domain]:
    """What Xen boots. The second domain has the modules of the first."""
    static = f"direct-map; xen,static-mem = <0 0x80000000 0 {256 * MIB:#x}>;" if case.direct else ""
    domain = Domain(more=f"{static} {case.node}")
    if case.other is not None:
        more = f"""}}; domU2 {{ compatible = "xen,domain"; #address-cells = <2>;
            #size-cells = <2>; cpus = <1>; memory = <0 {64 << 10}>; {case.other}
            {module("kernel", (MODULES_AT, 0x1000))}"""
        plain = system(ready, NOTHING, host, domain, setup=Setup(memory=HOST))
        last = module("device-tree", _span(plain, "device-tree"))
        domain = Domain(more=domain.more, edits=((last, f"{last} {more}"),))
    return system(ready, NOTHING, host, domain, setup=Setup(memory=HOST)), domain


def _span(made: System, kind: str) -> tuple[int, int]:
    (domain, *_) = domains(read_blob(made.tree))
    (only,) = (m for m in domain.modules if m.kind == kind)
    return only.address or 0, only.size or 0


def findings(made: System, ready: Machine, domain: Domain, host: bytes) -> list[Finding]:
    """What we say of all domains."""
    memory = (Block(0x40000000, HOST << 20, 0),)
    known = context(ready, domain, host)._replace(host_memory=memory)
    found: list[Finding] = []
    for node in domains(read_blob(made.tree)):
        found += predict_domain(node, lambda one: made.content(one.address, one.size), known)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_xen_says(ready: Machine, case: Case) -> None:
    host = host_with(case.host) if case.host else board()
    booted, domain = made(ready, case, host)
    refused = rejecting(findings(booted, ready, domain, host), "dom0less")
    codes = expected(case, ready.release)
    said: str | None = None
    with suppress(NoAnswerError):  # Xen stops without a word
        said = boot_system(ready, booted, seconds=SECONDS, setup=Setup(memory=HOST)).message
    assert (said != "") == bool(codes), said
    assert {finding.code for finding in refused} == codes


#: A partial device tree without devices.
NOTHING = compiled("/dts-v1/; / { passthrough { }; };") if RELEASES else b""
